"""A working directory that cannot be written, or has no room."""

import errno
import logging
import os

import pytest
from clusterphot.base.errors import DataError
from clusterphot.run import folders


@pytest.fixture(autouse=True)
def cwd(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_folder(cwd):
    assert folders.check_folders() is None
    assert list(cwd.iterdir()) == []


def test_a_folder_that_cannot_be_written(cwd, monkeypatch):
    """Root may write anywhere, so the system's answer is given here."""
    (cwd / "results").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != "results")
    with pytest.raises(DataError, match="results: got a folder that you cannot write.*\nHint: .*--directory"):
        folders.check_folders()


def test_a_file_in_the_place_of_a_folder(cwd):
    (cwd / "logs").write_text("")
    with pytest.raises(DataError, match="logs: got a file, expected a folder"):
        folders.check_folders()


def test_no_room(monkeypatch):
    monkeypatch.setattr(folders, "free_room", lambda folder: 12_000)
    with pytest.raises(
        DataError, match=r"got 0\.0 MB of room on its disk, expected at least 4 MB.\nHint: free some"
    ):
        folders.check_folders()


@pytest.fixture
def said():
    """Runs a function as Snakemake does, which logs what it raises; the lines of its log."""
    log, lines = logging.getLogger("test_folders"), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log.addHandler(handler)
    log.addFilter(folders.in_our_words)

    def run(error):
        try:
            raise error
        except Exception as exc:
            log.error("Traceback (most recent call last):\n%s", exc)
        return lines

    yield run
    log.removeHandler(handler)
    log.removeFilter(folders.in_our_words)


def test_a_disk_that_fills_up_before_the_first_job(said):
    """Snakemake cannot write its lock: no traceback of its own."""
    (line,) = said(OSError(errno.ENOSPC, "No space left on device", ".snakemake/locks/0.input.lock"))
    assert line == (
        "DataError: .snakemake/locks/0.input.lock: got No space left on device, expected room on the disk.\n"
        "Hint: free some and give the same command again: what is finished is kept."
    )


def test_a_folder_that_is_closed_before_the_first_job(said):
    (line,) = said(PermissionError(errno.EACCES, "Permission denied", ".snakemake/locks"))
    assert line.startswith("DataError: .snakemake/locks: got Permission denied") and "Traceback" not in line


def test_what_else_snakemake_says_stays(said):
    assert said(ValueError("x")) == ["Traceback (most recent call last):\nx"]


def test_snakemake_logs_where_it_is_listened_to():
    """The name of its logger is no promise."""
    from snakemake.logging import logger

    try:
        folders.tell_in_our_words()
        assert folders.in_our_words in logger.filters
    finally:
        logger.removeFilter(folders.in_our_words)
