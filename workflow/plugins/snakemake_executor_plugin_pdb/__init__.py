"""Executor plugin of Snakemake that runs one job in a debugger, in Snakemake's own process: `snakemake --executor pdb`.

`make debug FILE=...` uses it. To Snakemake it is a dry run: nothing is locked, deleted or recorded; jobs before the one
of the file are passed over. What happens to that one is in `clusterphot.run.debugger`.
"""

import logging
import os
import sys

from clusterphot.base.errors import UserError
from clusterphot.run.debugger import debug_job
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor, SubmittedJobInfo
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=False,
    dryrun_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(AbstractExecutor):
    """Passes over all jobs but the one that makes the file asked for."""

    def run_job(self, job):
        """Run a job if its file was asked for; Snakemake's words on a dry run are then left out."""
        self.report_job_submission(SubmittedJobInfo(job))
        targets = {os.path.relpath(target) for target in self.workflow.dag_settings.targets}
        if not targets.intersection([job.name, *map(os.path.relpath, job.output)]):
            self.report_job_success(SubmittedJobInfo(job))
            return
        self.logger.setLevel(logging.CRITICAL)
        try:
            ended = debug_job(job)
        except UserError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            ended = False
        tell = self.workflow.scheduler.finish_callback if ended else self.workflow.scheduler.error_callback
        tell(job)

    def printjob(self, job):
        """Say nothing of the jobs that are passed over."""

    def cancel(self):
        """Nothing runs beside the debugger."""

    shutdown = cancel

    def handle_job_success(self, job):
        """Leave files and records as they are."""

    handle_job_error = handle_job_success
