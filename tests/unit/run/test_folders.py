"""A working directory that cannot be written, or has no room."""

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
