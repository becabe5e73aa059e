"""Locks that dead runs left behind."""

import json
import os
import subprocess
import sys

import pytest
from clusterphot.run import locks


def is_locked():
    """Whether a run holds the working directory."""
    return locks.LOCKS.is_dir() and any(locks.LOCKS.iterdir())


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """Working directory with a lock of a process, recorded after it was set."""
    monkeypatch.chdir(tmp_path)

    def lock(process_id):
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
        (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text("results/x\n")
        locks.record_run(process_id)

    return lock


@pytest.fixture(scope="module")
def dead():
    """Id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def test_no_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_locked()
    assert locks.release_stale_lock() is None


def test_the_lock_of_a_dead_run_is_removed(locked, dead):
    locked(dead)
    assert is_locked()
    assert locks.release_stale_lock() == dead
    assert not is_locked()


def test_the_lock_of_a_living_run_stays(locked):
    locked(os.getpid())
    assert locks.release_stale_lock() is None
    assert is_locked()


def test_the_lock_of_another_machine_stays(locked, dead):
    locked(dead)
    locks.RECORD.write_text(json.dumps({"host": "login2", "process_id": dead}))
    assert locks.release_stale_lock() is None
    assert is_locked()


def test_a_lock_younger_than_the_record_stays(locked, dead):
    """Of a run that has just begun and is not written down yet."""
    locked(dead)
    os.utime(locks.RECORD, (1, 1))
    assert locks.release_stale_lock() is None
    assert is_locked()


@pytest.mark.parametrize("content", ["", "{", "[]x"])
def test_a_damaged_record(locked, dead, content):
    locked(dead)
    locks.RECORD.write_text(content)
    assert locks.release_stale_lock() is None
    assert is_locked()
