"""The log of a job: it opens, says what happened, and closes."""

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from clusterphot.base.errors import DataError
from clusterphot.base.jobs import job_logging, run_job


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


def test_run_job_calls_the_driver(tmp_path):
    job = SimpleNamespace(log=[str(tmp_path / "job.log")], output="result")
    made = []
    run_job(lambda smk: made.append(smk.output), job)
    assert made == ["result"]
    assert "done in" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize("driver", ["fit_sources", "write_report"])
def test_a_driver_started_by_hand_says_how_to(driver):
    path = Path(__file__).resolve().parents[3] / "workflow" / "scripts" / f"{driver}.py"
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{driver}.py is started by Snakemake")
    assert "make debug FILE=results/..." in done.stderr and "Traceback" not in done.stderr


def test_every_driver_is_started_alike():
    scripts = Path(__file__).resolve().parents[3] / "workflow" / "scripts"
    commands = {"new_field.py", "check_config.py", "read_config.py", "build_software.py"}
    last = 'if __name__ == "__main__":\n    run_job(main, globals().get("snakemake"))\n'
    drivers = [path for path in scripts.glob("*.py") if path.name not in commands]
    assert [path.name for path in drivers if not path.read_text().endswith(last)] == []
