"""The shipped fields on a private SLURM: bit-identical tables, few SLURM jobs (`make test-slurm`)."""

from compared import assert_equal_results, done_jobs, plan
from lab import LONGEST_S
from running import REPO, command

TABLES = ("photometry", "stacks", "seds", "sizes", "tables", "recovery")
"""Targets with all numbers; figures and pages are drawn from them."""

MAX_SUBMITTED = 60


def test_shipped_fields_equal_a_local_run(lab, submit, tmp_path):
    """With the results of `make run` where they are up to date, else with a local run of its own."""
    local = REPO
    if plan(REPO, "--", *TABLES):
        local = tmp_path / "local"
        local.mkdir()
        run = command(
            "--snakefile", REPO / "Snakefile", "--cores", 2, "--", *TABLES, cwd=local, timeout=LONGEST_S
        )
        assert run.status == 0, run.stdout + run.stderr
    work = tmp_path / "work"
    work.mkdir()
    run = submit("--", *TABLES, cwd=work)
    assert run.status == 0, run.stdout
    print(f"\nthe shipped fields: {len(done_jobs(run))} jobs in {lab.n_submitted} SLURM jobs")
    assert lab.n_submitted <= MAX_SUBMITTED
    assert_equal_results(work / "results", local / "results")
