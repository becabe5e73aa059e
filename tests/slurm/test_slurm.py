"""Runs on a private SLURM: the same tables as without, and nothing lost when something dies.

Started by `make test-slurm`; skipped where SLURM is not installed.
"""

import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from lab import wait_for
from running import CONFIGS, REPO, Run, command

SMALL = ("--configfile", "small.yaml")
MAX_SUBMITTED = 60
"""SLURM jobs that the shipped fields may take."""


@pytest.fixture
def work(tmp_path):
    """Working directory with the tables of tests/config."""
    return shutil.copytree(CONFIGS, tmp_path / "work")


@pytest.fixture(scope="session")
def local_small(tmp_path_factory):
    """Results of tests/config/small.yaml without SLURM."""
    folder = shutil.copytree(CONFIGS, tmp_path_factory.mktemp("local") / "work")
    run = command("--snakefile", REPO / "Snakefile", "--cores", 2, *SMALL, "--", "seds", "tables", cwd=folder)
    assert run.status == 0, run.stdout + run.stderr
    return folder


def plan(cwd, *argv):
    """What is left to do in a working directory, planned without SLURM."""
    run = command("--snakefile", REPO / "Snakefile", "--cores", 1, "--dry-run", *argv, cwd=cwd)
    assert run.status == 0, run.stdout + run.stderr
    return run.jobs


def done_jobs(run):
    """Rule and wildcards' paths of the jobs that a run finished, by its count of finished job ids."""
    return re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", run.stdout, re.MULTILINE)


def assert_equal_results(one, other):
    """All tables hold equal columns, all images equal pixels."""
    paths = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.suffix in (".ecsv", ".fits")]
    assert paths
    for path in paths:
        if path.suffix == ".ecsv":
            tables = [Table.read(folder / path, format="ascii.ecsv") for folder in (one, other)]
            assert tables[0].colnames == tables[1].colnames, path
            for name in tables[0].colnames:
                columns = [np.ma.filled(table[name]) for table in tables]
                assert columns[0].dtype == columns[1].dtype, (path, name)
                assert columns[0].tobytes() == columns[1].tobytes(), (path, name)
        else:
            with fits.open(one / path) as first, fits.open(other / path) as second:
                for hdu, twin in zip(first, second, strict=True):
                    if hdu.data is not None:
                        assert hdu.data.tobytes() == twin.data.tobytes(), (path, hdu.name)


# ---------------------------------------------------------------------------------------- the same results


def test_small_run_equals_a_local_one(lab, submit, work, local_small):
    before = lab.n_submitted
    run = submit(*SMALL, "--", "seds", "tables", cwd=work)
    assert run.status == 0, run.stdout
    assert_equal_results(local_small / "results", work / "results")
    assert plan(work, *SMALL, "--", "seds", "tables") == {}
    # models of the field, two chunks, and what gathers them; the stack starts before the chunks are done
    assert lab.n_submitted - before <= 5


@pytest.mark.slow
def test_shipped_fields_equal_a_local_run(lab, submit, tmp_path):
    """With the results of `make run` where they are up to date, else with a local run of its own."""
    local = REPO
    if plan(REPO):
        local = tmp_path / "local"
        local.mkdir()
        run = command("--snakefile", REPO / "Snakefile", "--cores", 2, cwd=local, timeout=1800)
        assert run.status == 0, run.stdout + run.stderr
    work = tmp_path / "work"
    work.mkdir()
    before = lab.n_submitted
    run = submit(cwd=work, seconds=3000)
    assert run.status == 0, run.stdout
    n_submitted = lab.n_submitted - before
    print(f"\nthe shipped fields: {len(done_jobs(run))} jobs in {n_submitted} SLURM jobs")
    assert n_submitted <= MAX_SUBMITTED
    assert_equal_results(local / "results", work / "results")


# --------------------------------------------------------------------------------------- when something dies


def test_a_job_killed_for_memory_gets_more(submit, work, local_small):
    """The chunks' SLURM jobs get 120 MB, in which no Python job fits, then 2000."""
    sizes = [
        f"{rule}:mem_mb=[120, 2000, 2000][attempt - 1]"
        for rule in ("import_photometry", "deredden_photometry", "fit_sed")
    ]
    run = submit(*SMALL, "--set-resources", *sizes, "--", "seds", cwd=work)
    assert run.status == 0, run.stdout
    assert "Trying to restart" in run.stdout
    assert (work / "results/small/sed/bc03/clusters.ecsv").read_bytes()
    assert_equal_results(work / "results/small/sed", local_small / "results/small/sed")


def in_queue_of_group(lab, word, state):
    """Ids of the SLURM jobs of a group in a state (R, PD)."""
    lines = lab.ask("squeue", "--noheader", "--format=%A %t %k").splitlines()
    return [line.split()[0] for line in lines if word in line and line.split()[1] == state]


def test_a_cancelled_job_is_all_that_is_missing(lab, begin, submit, work, local_small):
    """Of two chunks one is cancelled as it runs; the second run makes that one and what gathers both."""
    process = begin(*SMALL, "--retries", "0", "--", "seds", cwd=work)
    assert wait_for(lambda: in_queue_of_group(lab, "chunk", "R"), seconds=120)
    victim = in_queue_of_group(lab, "chunk", "R")[0]
    lab.ask("scancel", victim)
    stdout, _ = process.communicate(timeout=300)
    assert process.returncode == 1, stdout
    missing = plan(work, *SMALL, "--", "seds")
    assert missing["fit_sed"] == missing["merge_sed"] == 1
    made = {path: path.stat().st_mtime_ns for path in (work / "results").rglob("c0*.ecsv")}
    run = submit(*SMALL, "--", "seds", cwd=work)
    assert run.status == 0, run.stdout
    assert sorted(done_jobs(run)) == sorted(rule for rule, n in missing.items() for _ in range(n))
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert_equal_results(work / "results/small/sed", local_small / "results/small/sed")


def test_snakemake_killed(lab, begin, submit, work, local_small):
    """Killed with SIGKILL as jobs run: the same command goes on, without --unlock, and its jobs do not linger."""
    process = begin(*SMALL, "--", "seds", cwd=work)
    assert wait_for(lambda: in_queue_of_group(lab, "chunk", "R"), seconds=120)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert lab.jobs()
    run = submit(*SMALL, "--", "seds", cwd=work)
    assert run.status == 0, run.stdout
    assert "lock of a run that died" in run.stdout
    assert_equal_results(work / "results/small/sed", local_small / "results/small/sed")
    assert plan(work, *SMALL, "--", "seds") == {}


# ------------------------------------------------------------------------- mistakes: told, and not waited for


def assert_refused(run, words, seconds, start):
    """The run ended at once, with one message that holds these words, without a traceback."""
    said = run.stdout + run.stderr
    assert run.status == 1, said
    assert time.monotonic() - start < seconds, said
    assert all(word in said for word in words), said
    assert "Traceback" not in said
    assert said.count("ConfigError") == 1, said


DEFAULTS = ("--default-resources", "mem_mb=500", "runtime=5")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([*DEFAULTS, "slurm_partition=shrt"], ["slurm_partition", "shrt", "short"]),
        (["--cores", "99"], ["configuration is not available", "cores"]),
        (["--slurm-status-command", "sacct"], ["slurm-status-command", "squeue"]),
    ],
    ids=["wrong partition", "more cores than a node has", "no accounting"],
)
def test_mistake(submit, work, argv, words):
    start = time.monotonic()
    assert_refused(submit(*SMALL, *argv, "--", "seds", cwd=work, seconds=90), words, 60, start)
    assert not (work / "results").exists()


def test_missing_account(lab, submit, work):
    if not lab.can_guard:
        pytest.skip("this SLURM has no job_submit/lua, with which the test refuses jobs without account")
    start = time.monotonic()
    run = submit(*SMALL, *DEFAULTS, "slurm_partition=guarded", "--", "seds", cwd=work, seconds=90)
    assert_refused(run, ["slurm_account", "none in partition guarded", "account"], 60, start)


def test_scheduler_that_does_not_answer(lab, submit, work, tmp_path):
    text = (lab.folder / "slurm.conf").read_text()
    (tmp_path / "slurm.conf").write_text(re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=16001", text))
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    environment = {**lab.environment, "SLURM_CONF": str(tmp_path / "slurm.conf"), "PATH": path}
    start = time.monotonic()
    run = submit(*SMALL, "--", "seds", cwd=work, environment=environment, seconds=150)
    assert_refused(run, ["no answer from the scheduler", "sinfo"], 120, start)


def test_machine_without_slurm(submit, work, lab, tmp_path):
    for name in ("env", "sh", "bash", "git", "which"):
        (tmp_path / name).symlink_to(shutil.which(name))
    environment = {name: value for name, value in lab.environment.items() if name != "SLURM_CONF"}
    start = time.monotonic()
    run = submit(
        *SMALL, "--", "seds", cwd=work, environment={**environment, "PATH": str(tmp_path)}, seconds=90
    )
    assert_refused(run, ["no command sbatch", "login node"], 60, start)


def test_two_runs_in_one_folder(begin, work, lab):
    """The second is told so and ends; the first goes on."""
    process = begin(*SMALL, "--", "seds", cwd=work)
    assert wait_for(lambda: lab.jobs(), seconds=120)
    second = command("--snakefile", REPO / "Snakefile", "--cores", 1, *SMALL, "--", "seds", cwd=work)
    assert isinstance(second, Run) and second.status == 1
    assert "cannot be locked" in second.stdout + second.stderr
    stdout, _ = process.communicate(timeout=300)
    assert process.returncode == 0, stdout
