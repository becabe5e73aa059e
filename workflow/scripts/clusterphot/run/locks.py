"""Runs that died without a word: their locks are taken away, their SLURM jobs cancelled.

Snakemake locks the working directory so that two runs never share it. Killed, it leaves the lock behind, and asks for
--unlock; here a lock is removed by itself once every run that could have set it is known to be gone.

Each run writes itself down before Snakemake locks: an empty file, whose name says all, so that there is no half of a
record. While the run lives it holds a lock of the kernel on that file (flock), which ends with the process however it
dies, and is seen from other containers of the same machine. Where a file system has none of these, the process is
looked for by its id and start, since ids are used again.
"""

import atexit
import contextlib
import fcntl
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(".snakemake", "locks")
RUNS = Path(".snakemake", "runs")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""A text that is another one after each start of the machine, and the same in all of its containers (Linux)."""
START_FIELD = 19
"""Place of the start of a process, in clock ticks since the boot, behind the name in /proc/<id>/stat (proc(5))."""
FORGOTTEN_S = 86400.0
"""A run of another machine that has no lock a day after it began has ended."""


@dataclass(frozen=True)
class Run:
    """One run of Snakemake, as the name of its record says.

    Attributes
    ----------
    process_id : int
    start : int
        Of the process, in clock ticks since the boot; 0 where the system does not tell, -1 of one that has ended.
    boot : str
        Of the machine; empty where the system does not tell.
    host : str
    """

    process_id: int
    start: int
    boot: str
    host: str

    @property
    def path(self):
        """The run's record."""
        return RUNS / f"{self.process_id}~{self.start}~{self.boot}~{self.host}"

    @classmethod
    def of_process(cls, process_id):
        """The run that is a process of this machine."""
        host = re.sub(r"[^\w.-]", "_", socket.gethostname())
        return cls(process_id, _start(process_id), _boot(), host)

    @classmethod
    def of_record(cls, path):
        """The run that a record is of, or None."""
        found = re.fullmatch(r"(\d+)~(-?\d+)~([\w-]*)~([\w.-]*)", path.name)
        return found and cls(int(found[1]), int(found[2]), found[3], found[4])

    def lives(self):
        """Whether the run goes on; one of another machine does, since nobody here can tell."""
        here, held = Run.of_process(os.getpid()), _is_held(self.path)
        if held:
            return True
        if held is False and self.boot and self.boot == here.boot:
            return False  # the kernel is the same, in whatever container
        if self.host != here.host:
            return True
        return held is None and self.boot == here.boot and 0 <= self.start == _start(self.process_id)


def record_run(process_id=None):
    """Write down that a run begins, this one unless told otherwise; its record goes when it ends."""
    run = Run.of_process(process_id or os.getpid())
    with contextlib.suppress(OSError):
        RUNS.mkdir(parents=True, exist_ok=True)
        path = run.path.absolute()
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        if run.process_id == os.getpid():
            atexit.register(_forget, path, os.getpid())
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until the process ends
        else:
            os.close(descriptor)


def release_stale_lock():
    """Remove the lock of a run that no longer exists.

    Returns
    -------
    process_id : int or None
        Of the run that died; None where there is no lock, or where its owner lives or is not known: on another
        machine, or not written down.
    """
    locks, records = _files(LOCKS), _files(RUNS)
    runs = [run for run in map(Run.of_record, records) if run]
    dead = [run for run in runs if not run.lives()]
    alone = bool(dead) and len(dead) == len(runs)
    if alone:
        for path in locks:
            path.unlink(missing_ok=True)
    if alone or not locks:
        for run in dead:
            run.path.unlink(missing_ok=True)
    if not locks:
        _clear(runs)
    return dead[-1].process_id if alone and locks else None


@contextlib.contextmanager
def one_at_a_time():
    """Two runs that begin at once look for stale locks one after the other, where the file system can do that."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            RUNS.parent.mkdir(exist_ok=True)
            descriptor = os.open(RUNS.parent, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _clear(runs):
    """Remove records of other machines whose runs ended long ago without doing so."""
    for run in runs:
        with contextlib.suppress(OSError):
            if time.time() - run.path.stat().st_mtime > FORGOTTEN_S and run.boot != _boot():
                run.path.unlink()


def _files(folder):
    """Files of a folder, the oldest first; none where there is no such folder."""
    try:
        return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    except OSError:
        return []


def _forget(path, process_id):
    """Remove the record of this process as it ends; forks of it have the same to do, and do not."""
    if os.getpid() == process_id:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _is_held(path):
    """Whether a living process holds a record; None where the file system cannot tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _boot():
    """What is the same until the machine starts anew; empty where the system does not tell."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _start(process_id):
    """Start of a process in clock ticks since the boot; -1 if there is none, 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[START_FIELD])
    except (OSError, ValueError, IndexError):
        pass
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return -1
    except OSError:
        pass
    return 0
