"""A full disk, killed processes, damaged inputs, two runs at once: nothing half-written, nothing done twice."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import REPO, command, copy_run, environment

pytestmark = pytest.mark.slow
TARGET = "results/small/sed/bc03/clusters.ecsv"
ARGV = ("--snakefile", str(REPO / "Snakefile"), "--cores", "1", "--configfile", "small.yaml", "--", TARGET)


def run(cwd):
    """The run, once more."""
    return command(*ARGV, cwd=cwd)


def begin(cwd, **kwargs):
    """Start the run and go on."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("snakemake"), *ARGV],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **kwargs,
    )


def job_of(cwd, rule, *, seconds=120):
    """Id of the process of a rule's job in this working directory, once there is one: nobody else's."""
    words = re.escape(str(cwd)) + rf"/\.snakemake/scripts/tmp\w+\.{rule}\.py"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if re.search(words, line):
                return int(entry.parent.name)
        time.sleep(0.01)
    raise AssertionError(f"no job of {rule}")


def finished(run):
    """Rules of the jobs that a run finished."""
    return re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", run.stdout + run.stderr, re.MULTILINE)


def leftovers(cwd):
    """Temporary files in the results."""
    return [
        path
        for path in (cwd / "results").rglob(".*")
        if path.is_file() and path.name != ".snakemake_timestamp"
    ]


def test_a_full_disk(workdir):
    """Files may grow to 100 kB, as if the disk were full then: the grid of models has more."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    process = begin(workdir, preexec_fn=limit)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "DataError" in said and "File too large" in said
    assert "free some and give the same command again" in said
    assert not list((workdir / "results").rglob("grid.h5"))
    assert leftovers(workdir) == []
    again = run(workdir)
    assert again.status == 0, again.stderr


def test_a_killed_job(workdir):
    """The job dies without a word; the run says which, and the next one makes it and what follows, no more."""
    process = begin(workdir)
    os.kill(job_of(workdir, "fit_sed"), signal.SIGKILL)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert re.search(r"Error in rule fit_sed", said)
    made = {path: path.stat().st_mtime_ns for path in (workdir / "results").rglob("*.*") if path.is_file()}
    again = run(workdir)
    assert again.status == 0, again.stderr
    assert set(finished(again)) <= {"fit_sed", "merge_sed"}
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert leftovers(workdir) == []


def test_a_killed_run(workdir):
    """Snakemake itself is killed: the same command again goes on, without --unlock."""
    process = begin(workdir)
    job_of(workdir, "project_ssp_grid")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert any((workdir / ".snakemake" / "locks").iterdir())
    again = run(workdir)
    assert again.status == 0, again.stderr
    assert f"The lock of a run that died (process {process.pid}) is removed." in again.stderr


def test_two_runs_in_one_folder(workdir):
    """The second one ends with a message, the first one goes on."""
    process = begin(workdir)
    job_of(workdir, "build_ssp_grid")
    second = run(workdir)
    assert second.status == 1
    assert "Directory cannot be locked" in second.stdout + second.stderr
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said


@pytest.fixture
def copied(completed, tmp_path):
    """Copy of a completed run."""
    return copy_run(completed.cwd, tmp_path / "copy")


def test_a_truncated_input(workdir):
    """Found before the first job, with its line."""
    path = workdir / "small.csv"
    path.write_bytes(path.read_bytes()[:-30])
    failed = run(workdir)
    assert failed.status == 1
    assert "DataError: small.csv, line" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (workdir / "results").exists()


def test_an_unreadable_file(workdir):
    """A table whose bytes are no text; one without permission says so too, but not to root, who may read all."""
    (workdir / "small.csv").write_bytes(b"id,ra\n\xff\xfe\x00\n")
    failed = run(workdir)
    assert failed.status == 1
    assert "small.csv: got a file that cannot be read" in failed.stderr
    if os.getuid():
        (workdir / "small.csv").chmod(0)
        failed = run(workdir)
        assert failed.status == 1
        assert "Permission denied" in failed.stderr


def test_a_result_that_was_deleted_is_made_again(completed, snakemake, copied):
    """And nothing else: what was made from it is newer and stays."""
    (copied / TARGET).unlink()
    plan = snakemake.plan("--configfile", "small.yaml", "--", TARGET, cwd=copied, repo=completed.repo)
    assert plan.jobs == {"merge_sed": 1}
