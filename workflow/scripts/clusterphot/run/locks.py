"""Runs that died without a word: their locks are taken away, their SLURM jobs cancelled.

Snakemake locks the working directory so that two runs never share it. Killed, it leaves the lock behind, and asks for
--unlock; here a lock is removed by itself when the process that set it is known to be gone.
"""

import contextlib
import json
import os
import socket
from pathlib import Path

LOCKS = Path(".snakemake", "locks")
RECORD = Path(".snakemake", "run.json")


def record_run(process_id=None):
    """Write down who holds the lock of the working directory."""
    with contextlib.suppress(OSError):
        RECORD.parent.mkdir(exist_ok=True)
        entry = {"host": socket.gethostname(), "process_id": process_id or os.getpid()}
        RECORD.write_text(json.dumps(entry), encoding="utf-8")


def release_stale_lock():
    """Remove the lock of a run that no longer exists.

    Returns
    -------
    process_id : int or None
        Of the run that died; None where there is no lock, or where its owner lives or is not known: on another
        machine, or not written down yet.
    """
    try:
        locks = list(LOCKS.iterdir())
        entry = json.loads(RECORD.read_text(encoding="utf-8"))
        is_of_lock = RECORD.stat().st_mtime >= max(path.stat().st_mtime for path in locks)
    except (OSError, ValueError):
        return None
    if not is_of_lock or entry.get("host") != socket.gethostname() or _lives(entry["process_id"]):
        return None
    for path in locks:
        path.unlink(missing_ok=True)
    return entry["process_id"]


def _lives(process_id):
    """Whether a process of this machine exists; one that may not be asked does."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
