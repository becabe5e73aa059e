"""A private SLURM for all tests of this folder, and runs on it."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab import LONGEST_S, Lab, missing_programs
from running import REPO, Run

PROFILE = REPO / "profiles" / "slurm"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The SLURM; see `lab.Lab`."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client munge)")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("snakemake-executor-plugin-slurm is not installed: make setup")
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


@pytest.fixture
def submit(lab):
    """Function that runs Snakemake on the private SLURM to its end."""

    def run(*argv, cwd, environment=None, seconds=LONGEST_S):
        process = start(lab, *argv, cwd=cwd, environment=environment)
        try:
            stdout, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, _ = process.communicate()
            pytest.fail(f"still at work after {seconds} s:\n{stdout[-3000:]}")
        return Run(process.returncode, stdout, "")

    return run


@pytest.fixture
def begin(lab):
    """Function that starts such a run; killed at the end of the test if it still lives."""
    started = []

    def run(*argv, cwd):
        started.append(start(lab, *argv, cwd=cwd))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        process.stdout.close()


def start(lab, *argv, cwd, environment=None):
    """Start Snakemake with the profile; polled often, since the jobs are short."""
    return subprocess.Popen(
        [
            *(sys.executable, Path(__file__).with_name("polled.py"), "--snakefile", REPO / "Snakefile"),
            *("--workflow-profile", PROFILE, "--slurm-init-seconds-before-status-checks", "1"),
            *("--latency-wait", "5", *argv),
        ],
        cwd=cwd,
        env=environment or lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
