"""Runs with the display of `make run`: exit status, errors and log file are Snakemake's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import REPO, Run, environment

PLACES = [str(REPO / "workflow" / "plugins"), str(REPO / "workflow" / "scripts")]


def told(*argv, cwd):
    """Run the command with the logger, as the Makefile does."""
    done = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), "--snakefile", REPO / "Snakefile", "--cores", "2"]
        + ["--logger", "clusterphot", *argv],
        cwd=cwd,
        env=environment() | {"PYTHONPATH": os.pathsep.join(PLACES)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def target():
    """A result that takes two quick jobs: import of two chunks, then the merged table."""
    return "results/small/photometry.ecsv"


def test_a_run_is_told_in_lines(workdir, target):
    run = told("--configfile", "small.yaml", "--", target, cwd=workdir)
    assert run.status == 0, run.stderr
    assert run.stdout == ""
    told_lines = run.complaint.splitlines()
    assert told_lines[0].startswith("3 jobs to do")
    assert "small photometry: 6 sources, " in run.complaint
    assert told_lines[-1].startswith("3 of 3 jobs in ") and told_lines[-1].endswith(": all done")
    assert "Select jobs to execute" not in run.stderr
    (log,) = (workdir / ".snakemake" / "log").glob("*.log")  # holds what was not told
    assert "Select jobs to execute" in log.read_text()
    again = told("--configfile", "small.yaml", "--", target, cwd=workdir)
    assert again.status == 0
    assert "Nothing to be done" in again.stderr


def test_a_failed_job_fails_the_run_with_its_message(workdir, target):
    """The folder of a result is a file."""
    (workdir / "results" / "small").mkdir(parents=True)
    (workdir / "results" / "small" / "photometry").write_text("in the way")
    run = told("--configfile", "small.yaml", "--", target, cwd=workdir)
    assert run.status == 1
    assert "Error" in run.stderr and "photometry" in run.stderr


def test_a_mistake_ends_as_without_the_display(workdir):
    (workdir / "my.yaml").write_text("sed: {flux_floor_fraction: 2}\n")
    run = told("--configfile", "my.yaml", cwd=workdir)
    assert run.status == 1
    assert run.complaint.startswith("ConfigError: my.yaml, sed.flux_floor_fraction = 2: got 2, expected")


def test_a_dry_run_is_told_in_plain_words(workdir, target):
    """Of two import_photometry and one merge_photometry."""
    run = told("--dry-run", "--configfile", "small.yaml", "--", target, cwd=workdir)
    assert run.status == 0
    lines = [line.split("  ") for line in run.stderr.splitlines()]
    assert ["photometry", "3 jobs", "small", "not made yet"] in lines
    assert "This was a dry run: nothing has been done." in run.stderr


def test_without_the_option_nothing_changes(workdir, target):
    """The plugin is not even looked for: PYTHONPATH does not name it."""
    done = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), "--snakefile", REPO / "Snakefile", "--help"],
        cwd=workdir,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "clusterphot" not in done.stdout
