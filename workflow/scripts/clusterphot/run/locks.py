"""Runs that died without a word: their locks are taken away, their SLURM jobs cancelled.

Snakemake locks the working directory so that two runs never share it. Killed, it leaves the lock behind, and asks for
--unlock; here a lock is removed by itself once every run that could have set it is known to be gone.

Each run writes itself down before Snakemake locks: an empty file, whose name says all, so that there is no half of a
record. While the run lives it holds a lock of the kernel on that file (flock), which ends with the process however it
dies, and is seen from other containers of the same machine. Where a file system has none of these (NFS without lockd),
or has lost them, the process is looked for by its id and start, since ids are used again.
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
ENDED = "ZX"
"""States of a process that has ended and that nobody has asked about yet, as of children in a container (proc(5))."""
LOCAL_DISKS = {"apfs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
"""File systems that one machine has for itself (Linux, proc(5)), so that nobody else can have locked there."""
OLD_RECORD = Path(".snakemake", "run.json")
"""What versions before 0.2 wrote after they had locked, or did not come to write."""
PATIENCE_S = 10.0
"""Longest wait for another run that looks for stale locks, which takes it some milliseconds."""
UNLOCKED = (
    "This file system does not lock files ({reason}): that a run was killed is noticed on its own machine only; "
    "on another one `snakemake --unlock` takes its lock away."
)
"""What is said where `record_run` gives a reason."""
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
        same = self.boot == here.boot and 0 <= self.start == _start(self.process_id)
        if held is False and self.boot and self.boot == here.boot:
            return (
                same and self.start > 0
            )  # the kernel is the same, in whatever container; a server may lose locks
        return self.host != here.host or (held is None and same)


def record_run():
    """Write down that this run begins; its record goes when it ends.

    Returns
    -------
    reason : str
        Why the file system does not lock the record, in the system's words; empty where it does.
    """
    run = Run.of_process(os.getpid())
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        path = run.path.absolute()
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        atexit.register(_forget, path, os.getpid())
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until the process ends
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


def release_stale_lock():
    """Remove the lock of a run that no longer exists.

    Returns
    -------
    process_id : int or None
        Of the run that died, 0 where it left no record; None where there is no lock, or where its owner lives or is
        on another machine.
    """
    locks, records = _files(LOCKS), _files(RUNS)
    runs = [run for run in map(Run.of_record, records) if run]
    dead = [run for run in runs if not run.lives()]
    alone = len(dead) == len(runs) and bool(dead or (locks and _nobody_runs_here()))
    if alone:
        for path in locks:
            path.unlink(missing_ok=True)
    if alone or not locks:
        for run in dead:
            run.path.unlink(missing_ok=True)
    if not locks:
        _clear(runs)
    if not (alone and locks):
        return None
    return dead[-1].process_id if dead else 0


@contextlib.contextmanager
def one_at_a_time():
    """Two runs that begin at once look for stale locks one after the other, where the file system can do that.

    Where it cannot, it takes a lock of a dead run and two starts within milliseconds to go wrong.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            RUNS.parent.mkdir(exist_ok=True)
            descriptor = os.open(RUNS.parent, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            end = time.monotonic() + PATIENCE_S
            while not _takes(descriptor) and time.monotonic() < end:
                time.sleep(0.05)
        yield


def _takes(descriptor):
    """Whether an open file or folder could be locked for this process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _nobody_runs_here():
    """Whether a lock without a record (of an older version, or lost with the power) can have no owner that lives.

    Only on a disk of this machine alone, where no Snakemake but this one works in the folder.
    """
    try:
        old = OLD_RECORD.read_text(encoding="utf-8", errors="replace")
    except OSError:
        old = ""
    host = re.search(r'"host": "([^"]+)"', old)
    if (host and host[1] != socket.gethostname()) or _file_system(Path.cwd()) not in LOCAL_DISKS:
        return False
    own, process_id = set(), os.getpid()
    while process_id > 1:
        own.add(process_id)
        process_id = _parent(process_id)
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) in own:
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"snakemake" in (entry / "cmdline").read_bytes() and _works_here(entry):
                return False
    return True


def _works_here(entry):
    """Whether a process works in this folder, or may not be asked."""
    try:
        return Path(os.readlink(entry / "cwd")) == Path.cwd()
    except PermissionError:
        return True


def _parent(process_id):
    """Id of the process that started another, 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _file_system(folder):
    """Type of the file system of a folder; empty where the system does not tell."""
    found = ("", "")
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        place, kind = line.split()[4], line.partition(" - ")[2].split()[0]
        inside = folder.is_relative_to(place.replace("\\040", " "))
        if inside and len(place) >= len(found[0]):
            found = (place, kind)
    return found[1]


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
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        return -1 if state[0] in ENDED else int(state[START_FIELD])
    except (OSError, ValueError, IndexError):
        pass
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return -1
    except OSError:
        pass
    return 0
