"""Runs on a private SLURM: the same tables as without, and nothing lost when something dies.

Started by `make test-slurm`; skipped where SLURM is not installed.
"""

import os
import re
import shutil
import signal
import time

import pytest
from compared import assert_equal_results, assert_equal_tables, done_jobs, plan
from lab import LONGEST_S, wait_for
from running import CONFIGS, REPO, command, copy_run

SMALL = ("--configfile", "small.yaml")


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


@pytest.fixture
def half_done(local_small, tmp_path):
    """Copy of that run without what is made of the sources' fluxes: two chunks, and what gathers them."""
    folder = copy_run(local_small, tmp_path / "work")
    results = folder / "results" / "small"
    for name in ("photometry", "photometry_dereddened"):
        shutil.rmtree(results / name)
    for path in [*results.glob("photometry*"), *(results / "sed" / "bc03").glob("c*.ecsv")]:
        path.unlink()
    return folder


# ---------------------------------------------------------------------------------------- the same results


def test_small_run_equals_a_local_one(lab, begin, work, local_small):
    """While it is on its way, a second run in its folder is refused; the first goes on."""
    before = lab.n_submitted
    process = begin(*SMALL, "--", "seds", "tables", cwd=work)
    assert wait_for(lambda: lab.jobs(), seconds=120)
    second = command("--snakefile", REPO / "Snakefile", "--cores", 1, *SMALL, "--", "seds", cwd=work)
    assert second.status == 1
    assert "cannot be locked" in second.stdout + second.stderr
    stdout, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, stdout
    assert_equal_results(local_small / "results", work / "results")
    assert plan(work, *SMALL, "--", "seds", "tables") == {}
    # models, two chunks, the stack, and two that gather the chunks: tables of fluxes, and of populations
    assert lab.n_submitted - before <= 6


# --------------------------------------------------------------------------------------- when something dies

CHUNK = "results/small/sed/bc03/c000.ecsv"


def test_a_job_killed_for_memory_gets_more(lab, submit, half_done, local_small):
    """The chunk's SLURM job gets 120 MB, in which no Python job fits, then 2000."""
    sizes = [
        f"{rule}:mem_mb=[120, 2000, 2000][attempt - 1]"
        for rule in ("import_photometry", "deredden_photometry", "fit_sed")
    ]
    before = len(lab.finished())
    run = submit(*SMALL, "--set-resources", *sizes, "--", CHUNK, cwd=half_done)
    assert run.status == 0, run.stdout
    assert "Trying to restart" in run.stdout
    (killed, little), (state, more) = lab.finished()[before:]
    assert killed in ("FAILED", "OUT_OF_MEMORY") and state == "COMPLETED"
    assert (little, more) == ("120M", "2000M")
    assert_equal_tables(half_done / CHUNK, local_small / CHUNK)


def in_queue_of_group(lab, word, state):
    """Ids of the SLURM jobs of a group in a state (R, PD)."""
    lines = lab.ask("squeue", "--noheader", "--format=%A %t %k").splitlines()
    return [line.split()[0] for line in lines if word in line and line.split()[1] == state]


def test_a_cancelled_job_is_all_that_is_missing(lab, begin, submit, half_done, local_small):
    """Of two chunks one is cancelled as it runs; the second run makes that one and what gathers both."""
    process = begin(*SMALL, "--retries", "0", "--", "seds", cwd=half_done)
    assert wait_for(lambda: in_queue_of_group(lab, "chunk", "R"), seconds=120)
    lab.ask("scancel", in_queue_of_group(lab, "chunk", "R")[0])
    stdout, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 1, stdout
    missing = plan(half_done, *SMALL, "--", "seds")
    assert missing["fit_sed"] == missing["merge_sed"] == 1
    made = {path: path.stat().st_mtime_ns for path in (half_done / "results").rglob("c0*.ecsv")}
    run = submit(*SMALL, "--", "seds", cwd=half_done)
    assert run.status == 0, run.stdout
    assert sorted(done_jobs(run)) == sorted(rule for rule, n in missing.items() for _ in range(n))
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert_equal_results(local_small / "results/small/sed", half_done / "results/small/sed")


def test_snakemake_killed(lab, begin, submit, half_done, local_small):
    """Killed with SIGKILL as jobs run: the same command goes on, without --unlock, and its jobs do not linger."""
    missing = plan(half_done, *SMALL, "--", "seds")
    process = begin(*SMALL, "--", "seds", cwd=half_done)
    assert wait_for(lambda: in_queue_of_group(lab, "chunk", "R"), seconds=120)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    left = lab.jobs()
    assert left
    run = submit(*SMALL, "--", "seds", cwd=half_done)
    assert run.status == 0, run.stdout
    assert "lock of a run that died" in run.stdout
    assert all(number in run.stdout for number in left), "SLURM jobs of the dead run that were not cancelled"
    assert set(done_jobs(run)) <= set(missing)
    assert_equal_results(local_small / "results/small/sed", half_done / "results/small/sed")
    assert plan(half_done, *SMALL, "--", "seds") == {}


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
