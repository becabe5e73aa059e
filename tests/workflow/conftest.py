"""One process that runs Snakemake for all tests, and one completed run to start from."""

import shutil
from types import SimpleNamespace

import pytest
from running import CONFIGS, Snakemake, copy_repo


@pytest.fixture(scope="session")
def snakemake(tmp_path_factory):
    """Function that runs Snakemake; see `running.Snakemake`."""
    runner = Snakemake(tmp_path_factory.mktemp("snakemake"))
    yield runner
    runner.close()


@pytest.fixture
def workdir(tmp_path):
    """Working directory that holds the configurations and tables of tests/config."""
    return shutil.copytree(CONFIGS, tmp_path / "work")


@pytest.fixture(scope="session")
def completed(snakemake, tmp_path_factory):
    """The completed run of tests/config/small.yaml, by a copy of the repository that tests may edit.

    Attributes: ``repo``, ``cwd`` (its working directory, to be copied before it is changed) and ``run``.
    """
    folder = tmp_path_factory.mktemp("completed")
    repo = copy_repo(folder / "repo")
    cwd = shutil.copytree(CONFIGS, folder / "work")
    run = snakemake("--configfile", "small.yaml", cwd=cwd, repo=repo, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    return SimpleNamespace(repo=repo, cwd=cwd, run=run)


@pytest.fixture(scope="session")
def imaged(snakemake, drawn_field, tmp_path_factory):
    """The completed run of a field given by its mosaics, in two chunks: all results but tables and figures.

    Attributes: ``repo``, ``cwd``, ``run`` and ``targets``; see `completed`.
    """
    folder = tmp_path_factory.mktemp("imaged")
    repo, cwd = copy_repo(folder / "repo"), drawn_field.copy(folder / "work")
    (cwd / "more.yaml").write_text("batching: {n_chunks: 2}\n")
    made = ("photometry", "photometry_dereddened", "stack_photometry", "sed/bc03/clusters", "sed/bc03/stack")
    targets = [f"results/mine/{name}.ecsv" for name in made]
    run = snakemake("--configfile", "my.yaml", "more.yaml", "--", *targets, cwd=cwd, repo=repo, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    return SimpleNamespace(repo=repo, cwd=cwd, run=run, targets=targets)
