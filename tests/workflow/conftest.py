"""One process that runs Snakemake for all tests, and one completed run to start from."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from running import CONFIGS, Snakemake, copy_repo

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))
from browser import Browser, find_browser


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


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A running Chromium; tests are skipped where there is none."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium); pages were not opened")
    browser = Browser(path, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Function that opens a page of a copy of a report; see `Browser.open`."""
    pages = []

    def open_page(folder, name="clusters.html", **kwargs):
        copy = tmp_path / "copy of report" / folder.name
        if not copy.exists():
            shutil.copytree(folder.parent, copy.parent)
        file, mark, place = name.partition("#")
        pages.append(browser.open((copy / file).resolve().as_uri() + mark + place, **kwargs))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()
