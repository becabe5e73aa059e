"""What every job needs: a log file, and a last line that says what was done."""

import contextlib
import errno
import logging
import sys
import time

from clusterphot.errors import DataError, UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a file cannot grow: disk full, quota used up, larger than allowed."""


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
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
    except OSError as error:
        if error.errno not in NO_ROOM:
            logging.getLogger("clusterphot").exception("job failed")
            raise
        told = DataError(
            error.filename or "the working directory",
            error.strerror,
            "room for the results",
            "free some and give the same command again: what is finished is kept.",
        )
        logging.getLogger("clusterphot").error("%s", told)
        sys.exit(f"DataError: {told}")
    except Exception:
        logging.getLogger("clusterphot").exception("job failed")
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
