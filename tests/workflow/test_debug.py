"""`make debug`: the job behind a result in a debugger that a person types into."""

import os

import pytest
from astropy.table import Table
from running import REPO, command

PLUGINS = os.pathsep.join([str(REPO / "workflow" / "plugins"), str(REPO / "workflow" / "scripts")])
OPTIONS = ("--executor", "pdb", "--quiet", "host", "progress", "rules", "reason", "--force")
CHUNK = "results/small/photometry/c000.ecsv"


@pytest.fixture
def debug():
    """Function that calls Snakemake as the Makefile does."""

    def call(path, *, cwd, typed):
        argv = ("--snakefile", REPO / "Snakefile", "--cores", "1", "--configfile", "small.yaml", *OPTIONS)
        return command(*argv, "--", path, cwd=cwd, typed=typed, PYTHONPATH=PLUGINS)

    return call


@pytest.fixture
def imported(workdir, snakemake):
    """Working directory in which the first result is made."""
    run = snakemake("--configfile", "small.yaml", "--", CHUNK, cwd=workdir)
    assert run.status == 0, run.stderr
    return workdir


def test_a_job_run_to_its_end(debug, imported, snakemake):
    """Stopped in the driver and in the package, in one process; the result, and the plan, are as before."""
    before = (imported / CHUNK).stat().st_mtime_ns
    run = debug(
        CHUNK, cwd=imported, typed="b clusterphot/base/tables.py:provenance\np smk.output.photometry\nc\n"
    )
    assert run.status == 0, run.stderr
    assert (
        "import_photometry.py(" in run.stdout and "'debug/results/small/photometry/c000.ecsv'" in run.stdout
    )
    assert run.stdout.endswith("import_photometry: wrote debug/results/small/photometry/c000.ecsv\n")
    assert "dry-run" not in run.stdout + run.stderr
    written, result = (Table.read(imported / path) for path in (f"debug/{CHUNK}", CHUNK))
    assert (written == result).all() and len(result) > 0
    assert (imported / CHUNK).stat().st_mtime_ns == before
    plan = snakemake.plan("--configfile", "small.yaml", "--", CHUNK, cwd=imported)
    assert plan.jobs == {}


def test_a_job_that_fails_is_looked_at_where_it_failed(debug, imported):
    (imported / CHUNK).write_text("broken")
    (imported / CHUNK.replace("c000", "c001")).write_text("broken")
    run = debug("results/small/photometry.ecsv", cwd=imported, typed="c\nw\nq\n")
    assert run.status == 1
    assert "Traceback" in run.stderr and "merge_photometry.py(" in run.stdout


@pytest.mark.slow
def test_a_job_that_is_left(debug, workdir):
    run = debug(CHUNK, cwd=workdir, typed="q\n")
    assert run.status == 0 and run.stdout.endswith("import_photometry: left\n")
    assert not (workdir / "results").exists()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("results/small/photometry.ecsv", "make run [CONFIG=...] ARGS='results/small/photometry/c000.ecsv "),
        pytest.param(
            "photometry",
            "DataError: FILE: got photometry, expected the path of a result",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "results/small/none.ecsv",
            "No rule to produce results/small/none.ecsv",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_cannot_be_run(debug, workdir, path, says):
    """Without the results before it, nothing to stop in; a target; no result."""
    run = debug(path, cwd=workdir, typed="")
    assert run.status == 1
    assert says in run.stderr and "Traceback" not in run.stderr
