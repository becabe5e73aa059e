"""Logger plugin of Snakemake that shows a run in plain words: `snakemake --logger clusterphot`, as `make run` does.

Snakemake finds plugins by the name of their package on PYTHONPATH; without the option nothing here is used.
What is shown is decided in `clusterphot.run.progress`; the full log stays in .snakemake/log/.
"""

import sys

from clusterphot.run.plan import Plan
from clusterphot.run.progress import Display, Job
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

KEPT_MESSAGES = ("Nothing to be done", "Complete log")
AS_SNAKEMAKE_SAYS_IT = (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR, LogEvent.ERROR)


class LogHandler(LogHandlerBase):
    """Hands Snakemake's events to a `Display`; errors and warnings pass in Snakemake's own words."""

    def __post_init__(self):
        self._display = Display(sys.stderr)
        self._plan = None

    def emit(self, record):
        """Take one event."""
        try:
            self._take(record)
        except Exception:
            self.handleError(record)

    def _take(self, record):
        event = getattr(record, "event", None)
        if self.common_settings.dryrun:
            self._foresee(event, record)
        elif event == LogEvent.RUN_INFO:
            self._display.begin({rule: n for rule, n in record.stats.items() if rule != "total"})
        elif event == LogEvent.JOB_INFO:
            job = Job(record.rule_name, dict(record.wildcards or {}), list(record.log or []))
            self._display.start(record.jobid, job)
        elif event == LogEvent.JOB_FINISHED:
            self._display.finish(record.job_id)
        elif event in AS_SNAKEMAKE_SAYS_IT or record.levelname in ("WARNING", "ERROR", "CRITICAL"):
            self._display.say(self.format(record))
            if event == LogEvent.JOB_ERROR:
                self._display.fail(record.jobid)
        elif event is None and str(record.msg).startswith(KEPT_MESSAGES):
            self._display.say(self.format(record))

    def _foresee(self, event, record):
        """Take one event of a dry run."""
        if event == LogEvent.RUN_INFO:
            self._plan = self._plan or Plan()
        elif event == LogEvent.JOB_INFO:
            self._plan = self._plan or Plan()
            self._plan.add(record.rule_name, dict(record.wildcards or {}), record.reason)
        elif record.levelname in ("WARNING", "ERROR", "CRITICAL") or str(record.msg).startswith(
            KEPT_MESSAGES
        ):
            self._display.say(self.format(record))

    def close(self):
        """Say how the run ended, or what it would do."""
        if self._plan is not None:
            self._display.say(self._plan.text())
            self._plan = None
        self._display.end()
        super().close()

    @property
    def writes_to_stream(self):
        """Takes the place of Snakemake's own lines on standard error."""
        return True

    @property
    def writes_to_file(self):
        """Leaves the log file to Snakemake."""
        return False

    @property
    def has_filter(self):
        """Leaves filtering (``--quiet``) to Snakemake."""
        return False

    @property
    def has_formatter(self):
        """Leaves the words of errors to Snakemake."""
        return False

    @property
    def needs_rulegraph(self):
        """Needs no graph."""
        return False
