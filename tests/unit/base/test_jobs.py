"""The log of a job: it opens, says what happened, and closes."""

import logging

import pytest
from clusterphot.base.errors import DataError
from clusterphot.base.jobs import job_logging


def test_log_ends_with_the_time(tmp_path):
    path = tmp_path / "job.log"
    path.write_text("of an earlier attempt")
    with job_logging(str(path)):
        logging.info("F150W c003: 64 sources")
    lines = path.read_text().splitlines()
    assert lines[0].endswith("F150W c003: 64 sources")
    assert "done in" in lines[-1]
    assert len(lines) == 2


def test_mistake_of_a_user_is_one_message(tmp_path):
    """Exit status 1 (sys.exit with text) and no traceback, in the log or beyond."""
    path = tmp_path / "job.log"
    with (
        pytest.raises(SystemExit, match=r"^DataError: t.csv: got nothing, expected rows") as caught,
        job_logging(str(path)),
    ):
        raise DataError("t.csv", "nothing", "rows", "add one")
    assert isinstance(caught.value.code, str)
    assert "Hint: add one" in path.read_text()
    assert "Traceback" not in path.read_text()


def test_mistake_of_a_programmer_keeps_its_traceback(tmp_path):
    path = tmp_path / "job.log"
    with pytest.raises(ZeroDivisionError, match="division by zero"), job_logging(str(path)):
        _ = 1 / 0
    assert "Traceback" in path.read_text()
    assert "ZeroDivisionError" in path.read_text()


def test_handler_is_removed(tmp_path):
    before = list(logging.getLogger().handlers)
    with pytest.raises(SystemExit, match="DataError"), job_logging(str(tmp_path / "job.log")):
        raise DataError("a", "b", "c")
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device", "results/x.fits"),
        OSError("unable to write (file write failed: errno = 28, error message = 'No space left on device')"),
    ],
    ids=["system", "HDF5"],
)
def test_a_full_disk_is_told_without_a_traceback(tmp_path, error):
    with (
        pytest.raises(SystemExit, match="No space left on device.*\n.*what is finished is kept"),
        job_logging(str(tmp_path / "x.log")),
    ):
        raise error
    assert "Traceback" not in (tmp_path / "x.log").read_text()
