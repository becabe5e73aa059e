"""The working directory of a run: it can be written, and has some room, which is looked at before the first job.

Snakemake writes locks, logs and metadata there, and says what went wrong in dozens of lines. Sizes in bytes.
"""

import atexit
import logging
import os
import sys

from clusterphot.base.errors import DataError
from clusterphot.base.jobs import tell_disk

WRITTEN = (".", ".snakemake", "results", "logs", "benchmarks", "resources/fetched")
"""Folders that a run writes into, below its working directory."""
MIN_FREE_BYTES = 4_000_000
"""Room without which no run gets far: the models of one library take some 15 MB."""
FULL_BYTES = 500_000
"""Room that no result fits in."""


def check_folders():
    """Check that the folders of the run can be written, and that there is room.

    Raises
    ------
    DataError
    """
    for folder in WRITTEN:
        if not os.path.lexists(folder):
            continue
        where = os.path.abspath(folder)
        if not os.path.isdir(folder):
            raise DataError(where, "a file", "a folder for what the run makes", "move it away.")
        if not os.access(folder, os.W_OK | os.X_OK):
            hint = "change its permissions, or name another working directory with DIRECTORY or --directory."
            raise DataError(where, "a folder that you cannot write", "one for what the run makes", hint)
        free_bytes = free_room(folder)
        if free_bytes < MIN_FREE_BYTES:
            raise _no_room(where, free_bytes)


def tell_full_disk():
    """Say at the end of a run, as its last word, that the disk is full: Snakemake says it in many places or none."""
    free_bytes = free_room(".")
    if free_bytes < FULL_BYTES:
        print(f"DataError: {_no_room(os.getcwd(), free_bytes)}", file=sys.stderr)


def _no_room(where, free_bytes):
    """Message for a disk that is full."""
    return DataError(
        where,
        f"{free_bytes / 1e6:.1f} MB of room on its disk",
        f"at least {MIN_FREE_BYTES / 1e6:.0f} MB",
        "free some and give the same command again: what is finished is kept.",
    )


def free_room(folder):
    """Bytes that may still be written to the disk of a folder."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def tell_in_our_words():
    """What Snakemake itself cannot write, between the look at the folders and the first job, is told as jobs tell it.

    Lines of its log that do not fit are left out, see `logging.raiseExceptions` in the Snakefile.
    """
    logging.getLogger("snakemake.logging").addFilter(in_our_words)


def in_our_words(record):
    """Put one message in the place of Snakemake's traceback of a disk or a folder; a filter of its log."""
    told = tell_disk(sys.exc_info()[1]) if record.levelno >= logging.ERROR else None
    if told is not None:
        record.msg, record.args = f"DataError: {told}", None
        atexit.unregister(tell_full_disk)
    return True
