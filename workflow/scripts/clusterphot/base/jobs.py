"""What every job needs: its driver started, a log file, and a last line that says what was done."""

import contextlib
import errno
import logging
import re
import sys
import time
from pathlib import Path

from clusterphot.base.errors import DataError, UserError
from clusterphot.base.secrets import without_secrets

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a file cannot grow: disk full, quota used up, larger than allowed."""

NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says of a folder that cannot be written, or a file that cannot be read."""


def run_job(main, snakemake):
    """Run a driver for the job that Snakemake started it for.

    Parameters
    ----------
    main : callable
        Takes the job: input, output, params, wildcards, log, ...
    snakemake : object or None
        The job, which Snakemake puts among the driver's globals; None where a person started the driver by hand, who is
        told how to do that.
    """
    if snakemake is None:
        sys.exit(
            f"{Path(sys.argv[0]).name} is started by Snakemake, for one job of a run. By hand, in a debugger:\n"
            "  make debug FILE=results/...    # a result of that job; docs/developing.md"
        )
    with job_logging(snakemake.log[0]):
        main(snakemake)


@contextlib.contextmanager
def job_logging(path):
    """Send ``logging`` and uncaught errors of one job to its log file.

    A mistake of the user ends the job with its message alone, anything else with a traceback;
    both are repeated on standard error, where Snakemake shows them.

    Parameters
    ----------
    path : str
        Log file of the rule; overwritten.
    """
    logging.raiseExceptions = False  # a line that does not fit on a full disk is left out
    try:
        handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    except OSError as error:
        told = tell_disk(error)
        if told is None:
            raise
        sys.exit(f"DataError: {told}")
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    start = time.perf_counter()
    try:
        yield
        logging.getLogger("clusterphot").info("done in %.1f s", time.perf_counter() - start)
    except UserError as error:
        logging.getLogger("clusterphot").error("%s", error)
        sys.exit(f"{type(error).__name__}: {error}")
    except Exception as error:
        told = tell_disk(error)
        if told is None:
            logging.getLogger("clusterphot").exception("job failed")
            raise
        logging.getLogger("clusterphot").error("%s", told)
        sys.exit(f"DataError: {told}")
    finally:
        root.removeHandler(handler)
        with contextlib.suppress(OSError):
            handler.close()


class _WithoutSecrets(logging.Formatter):
    """Lines of a log, tracebacks included, in which addresses have lost their logins and queries."""

    def format(self, record):
        """The record as text."""
        return without_secrets(super().format(record))


def tell_disk(error):
    """Message for a disk that is full or a folder that cannot be written; None for any other error."""
    where = getattr(error, "filename", None) or "the results"
    if _is_out_of_room(error):
        hint = "free some and give the same command again: what is finished is kept."
        return DataError(where, getattr(error, "strerror", None) or str(error), "room on the disk", hint)
    if isinstance(error, OSError) and error.errno in NO_PERMISSION:
        hint = "change its permissions and give the same command again: what is finished is kept."
        return DataError(where, error.strerror, "a file or folder that you may use", hint)
    return None


def _is_out_of_room(error):
    """Whether a file could not grow; HDF5 has the number of the error in its words only."""
    number = getattr(error, "errno", None)
    said = re.search(r"errno = (\d+)", str(error))
    return number in NO_ROOM or (said is not None and int(said[1]) in NO_ROOM)
