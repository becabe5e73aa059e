"""Locks that dead runs left behind."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from clusterphot.run import locks

HOLD = (
    "import sys; sys.path.insert(0, {scripts!r})\n"
    "from clusterphot.run import locks\n"
    "locks.record_run(); print('ready', flush=True); sys.stdin.read()"
)


def is_locked():
    """Whether a run holds the working directory."""
    return locks.LOCKS.is_dir() and any(locks.LOCKS.iterdir())


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """Working directory with a lock, of runs that are recorded by their process or as given."""
    monkeypatch.chdir(tmp_path)

    def lock(*runs):
        for run in runs:
            locks.RUNS.mkdir(parents=True, exist_ok=True)
            (locks.Run.of_process(run) if isinstance(run, int) else run).path.touch()
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
        (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text("results/x\n")

    return lock


@pytest.fixture(scope="module")
def dead():
    """Id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


@pytest.fixture
def living(tmp_path):
    """Starts another run of this working directory, which holds its record until it is killed."""
    started = []

    def start():
        scripts = str(Path(locks.__file__).parents[2])
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(scripts=scripts)],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_no_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_locked()
    assert locks.release_stale_lock() is None


def test_the_lock_of_a_dead_run_is_removed(locked, dead):
    locked(dead)
    assert is_locked()
    assert locks.release_stale_lock() == dead
    assert not is_locked()
    assert list(locks.RUNS.iterdir()) == []


def test_a_run_holds_its_record_until_it_is_killed(locked, living):
    """Whatever its process id is used for afterwards, and seen from other containers too."""
    process = living()
    locked()
    assert locks.release_stale_lock() is None
    assert is_locked()
    process.kill()
    process.wait()
    assert locks.release_stale_lock() == process.pid
    assert not is_locked()


def test_a_record_goes_as_its_run_ends(living):
    process = living()
    folder = Path(os.readlink(f"/proc/{process.pid}/cwd"), locks.RUNS)
    assert len(list(folder.iterdir())) == 1
    process.stdin.close()
    assert process.wait() == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("can_tell", [True, False])
def test_a_process_id_used_again(locked, monkeypatch, can_tell):
    """By a process that lives and started at another time; with locks of the kernel, and without."""
    if not can_tell:
        monkeypatch.setattr(locks, "_is_held", lambda path: None)
    here = locks.Run.of_process(os.getpid())
    locked(replace(here, start=here.start - 1))
    assert locks.release_stale_lock() == os.getpid()
    assert not is_locked()


def test_without_locks_of_the_kernel_a_living_process_stays(locked, monkeypatch):
    monkeypatch.setattr(locks, "_is_held", lambda path: None)
    locked(os.getpid())
    assert locks.release_stale_lock() is None
    assert is_locked()


@pytest.fixture(params=["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF"])
def refused(request, monkeypatch):
    """A file system that refuses locks, as NFS without lockd does; how it says so."""
    number = getattr(errno, request.param)

    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    return os.strerror(number)


def test_a_file_system_that_refuses_locks(locked, refused, monkeypatch):
    """Says so once, waits for nothing, and the record is there all the same: this process lives."""
    monkeypatch.setattr(locks.atexit, "register", lambda *args: None)
    locked()
    began = time.monotonic()
    with locks.one_at_a_time():
        assert locks.record_run() == refused
        assert locks.release_stale_lock() is None
    assert time.monotonic() - began < 1.0
    assert is_locked()
    assert [path.name for path in locks.RUNS.iterdir()] == [locks.Run.of_process(os.getpid()).path.name]
    assert refused in locks.UNLOCKED.format(reason=refused)


def test_the_lock_of_a_dead_run_is_removed_where_locks_are_refused(locked, refused, dead):
    locked(dead)
    assert locks.release_stale_lock() == dead
    assert not is_locked()


def test_a_lock_of_the_kernel_that_a_server_lost(locked, living, monkeypatch):
    """The record is held no more, but the process lives."""
    process = living()
    monkeypatch.setattr(locks, "_is_held", lambda path: False)
    locked()
    assert locks.release_stale_lock() is None
    assert is_locked()
    process.kill()  # without being asked about: it has ended, and is there still
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert locks.release_stale_lock() == process.pid
    assert not is_locked()


def test_the_machine_was_started_anew(locked):
    """The process id may be anybody's now."""
    here = locks.Run.of_process(os.getpid())
    locked(replace(here, boot="another"))
    assert locks.release_stale_lock() == os.getpid()
    assert not is_locked()


def test_a_container_that_died(locked, dead):
    """Another name, another container of the same machine: the kernel knows that nobody holds the record."""
    locked(replace(locks.Run.of_process(dead), host="3f2a1b"))
    assert locks.release_stale_lock() == dead
    assert not is_locked()


def test_a_container_that_cannot_be_asked(locked, monkeypatch, dead):
    monkeypatch.setattr(locks, "_is_held", lambda path: None)
    locked(replace(locks.Run.of_process(dead), host="3f2a1b"))
    assert locks.release_stale_lock() is None
    assert is_locked()


def test_the_lock_of_another_machine_stays(locked, dead):
    locked(replace(locks.Run.of_process(dead), host="login2", boot="another"))
    assert locks.release_stale_lock() is None
    assert is_locked()


def test_one_of_two_runs_lives(locked, living, dead):
    """Which of them set the lock is not known."""
    living()
    locked(dead)
    assert locks.release_stale_lock() is None
    assert is_locked()


@pytest.mark.parametrize("record", [None, "", "{", '{"host": "', '{"process_id": 1}'])
def test_a_lock_of_nobody(locked, monkeypatch, record):
    """Of a version that wrote its record later, or half of it, on a disk of this machine: nobody works here."""
    monkeypatch.setattr(locks, "_file_system", lambda folder: "ext4")
    locked()
    if record is not None:
        locks.OLD_RECORD.write_text(record)
    assert locks.release_stale_lock() == 0
    assert not is_locked()


def test_a_lock_of_nobody_on_a_shared_disk_stays(locked, monkeypatch):
    monkeypatch.setattr(locks, "_file_system", lambda folder: "nfs4")
    locked()
    assert locks.release_stale_lock() is None
    assert is_locked()


def test_an_old_record_of_another_machine(locked, monkeypatch):
    monkeypatch.setattr(locks, "_file_system", lambda folder: "ext4")
    locked()
    locks.OLD_RECORD.write_text('{"host": "login2", "process_id": 1}')
    assert locks.release_stale_lock() is None
    assert is_locked()


def test_a_snakemake_without_record_that_works_here(locked, monkeypatch, tmp_path):
    monkeypatch.setattr(locks, "_file_system", lambda folder: "ext4")
    locked()
    process = subprocess.Popen(
        [sys.executable, "-c", "print('ready', flush=True); input()", "snakemake"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        assert locks.release_stale_lock() is None
    finally:
        process.communicate(b"\n")
    assert locks.release_stale_lock() == 0


def test_the_file_system_of_a_folder():
    assert locks._file_system(Path("/proc/self")) == "proc"


def test_files_that_are_no_records(locked, dead):
    locked(dead)
    (locks.RUNS / "notes.txt").write_text("{")
    assert locks.release_stale_lock() == dead


def test_records_of_other_machines_are_forgotten(tmp_path, monkeypatch, dead):
    """Where nothing is locked: a run that was killed, its lock taken away by hand; not one that just begins."""
    monkeypatch.chdir(tmp_path)
    locks.RUNS.mkdir(parents=True)
    old, new = (replace(locks.Run.of_process(dead), host=name, boot="another") for name in ("a", "b"))
    for run in (old, new):
        run.path.touch()
    long_ago = time.time() - 2 * locks.FORGOTTEN_S
    os.utime(old.path, (long_ago, long_ago))
    assert locks.release_stale_lock() is None
    assert list(locks.RUNS.iterdir()) == [new.path]
