"""The worked examples of docs/extending.md, applied to a copy of the repository and run."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from image_field import FILTERS
from running import CONFIGS, REPO, copy_repo

pytestmark = pytest.mark.slow
NEW = re.compile(r"`((?:workflow|tests)/[\w/.]+)`:\n\n```python\n(.*?)```", re.S)
MAX_EDITS = 9
"""Files to touch for a key, a rule, a column and a figure together, tests included."""

PUBLISHED = """\
fields:
  small:
    redshift: 0.5
    ebv: 0.1
    photometry: {configs}/small.csv
    stack_photometry: {configs}/small_stack.csv
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the repository with the new files and the changes of the page."""
    repo = copy_repo(tmp_path_factory.mktemp("extended") / "repo")
    text = (REPO / "docs" / "extending.md").read_text(encoding="utf-8")
    files = dict(NEW.findall(text))
    assert len(files) == text.count("```python") == 6
    for path, content in files.items():
        assert not (repo / path).exists()
        (repo / path).write_text(content, encoding="utf-8")
    for change in re.findall(r"```diff\n(.*?)```", text, re.S):
        done = subprocess.run(
            ["patch", "-p1", "--forward"], cwd=repo, input=change, text=True, capture_output=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return repo


def test_a_key(extended, snakemake, tmp_path):
    """It has a default and a range, and a mistake is named."""
    (tmp_path / "my.yaml").write_text(PUBLISHED.format(configs=CONFIGS))
    assert snakemake.plan("--configfile", "my.yaml", cwd=tmp_path, repo=extended).jobs
    (tmp_path / "my.yaml").write_text(
        PUBLISHED.format(configs=CONFIGS) + "completeness: {apart_arcsec: 20}\n"
    )
    run = snakemake("--dry-run", "--configfile", "my.yaml", cwd=tmp_path, repo=extended)
    message = "my.yaml, completeness.apart_arcsec = 20: got 20, expected number > 0 and <= 10"
    assert run.status == 1 and message in run.complaint


def test_a_library(extended, snakemake, embedded_grid, tmp_path):
    """The shipped grid as arrays gives what the shipped grid gives."""
    from astropy.table import Table

    grid = embedded_grid
    arrays = {name: getattr(grid, name) for name in ("age_gyr", "wave_rest", "spectra", "mass_remaining")}
    np.savez(tmp_path / "mine.npz", metal_fraction=0.02 * grid.metallicity_zsun, **arrays)
    more = "ssp_grids: {mine: {reader: arrays, file: mine.npz}}\nsed: {grids: [bc03, mine]}\n"
    (tmp_path / "my.yaml").write_text(PUBLISHED.format(configs=CONFIGS) + more)
    target = "results/small/sed/comparison.ecsv"
    run = snakemake("--configfile", "my.yaml", "--", target, cwd=tmp_path, repo=extended, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    table = Table.read(tmp_path / target)
    ours, theirs = (table[table["ssp_grid"] == name] for name in ("bc03", "mine"))
    np.testing.assert_allclose(ours["chi2"], theirs["chi2"], rtol=1e-6)
    (tmp_path / "mine.npz").write_bytes(b"torn")
    run = snakemake("--dry-run", "--configfile", "my.yaml", cwd=tmp_path, repo=extended)
    assert run.status == 1 and "DataError: my.yaml, ssp_grids.mine: mine.npz" in run.complaint


def test_an_engine(extended, snakemake, drawn_field, tmp_path):
    """Positions of the reference filter are those of the list."""
    from astropy.table import Table

    cwd = drawn_field.copy(tmp_path / "work")
    (cwd / "more.yaml").write_text("photometry: {engine: forced}\n")
    target = "results/mine/photometry.ecsv"
    run = snakemake("--configfile", "my.yaml", "more.yaml", "--", target, cwd=cwd, repo=extended, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    table = Table.read(cwd / target)
    shift = np.abs(np.asarray(table[f"dx_{FILTERS[1]}"]))
    assert np.nanmax(shift) == 0 and np.isfinite(shift).sum() > 20


def test_a_key_a_rule_a_column_and_a_figure(extended, snakemake, tmp_path):
    """Few edits; the table is written, the figure drawn, both in the main job, and a new key redoes these two only."""
    from astropy.table import Table

    text = (extended / "docs" / "extending.md").read_text(encoding="utf-8")
    section = text.split("\n## ")[1]
    edited = {path for path, _ in NEW.findall(section)} | set(re.findall(r"^\+\+\+ b/(.*)$", section, re.M))
    assert len(edited) == MAX_EDITS
    (tmp_path / "my.yaml").write_text(PUBLISHED.format(configs=CONFIGS))
    jobs = snakemake.plan("--configfile", "my.yaml", cwd=tmp_path, repo=extended).jobs
    assert jobs["count_ages"] == jobs["plot_ages"] == 1
    target = "results/small/figures/ages_bc03.png"
    run = snakemake("--configfile", "my.yaml", "--", target, cwd=tmp_path, repo=extended, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    assert (tmp_path / target).read_bytes().startswith(b"\x89PNG")
    table = Table.read(tmp_path / "results/small/sed/bc03/ages.ecsv")
    assert table["n_of_age"].sum() == len(Table.read(tmp_path / "results/small/sed/bc03/clusters.ecsv"))
    assert table["n_of_age"].description == "clusters whose median age is in the bin"
    (tmp_path / "again.yaml").write_text("sed: {age_bin_gyr: 1.0}\n")
    again = ("--configfile", "my.yaml", "again.yaml", "--", target)
    assert set(snakemake.plan(*again, cwd=tmp_path, repo=extended).jobs) == {"count_ages", "plot_ages"}


def test_what_follows_from_the_edits(extended):
    """`make docs-code` writes it; the test of the page passes, and those that hold things in step."""
    environment = os.environ | {"PYTHONPATH": "workflow/scripts"}
    for name in ("config", "stages", "columns", "tables", "captions"):
        subprocess.run([sys.executable, f"docs/make_{name}.py"], cwd=extended, env=environment, check=True)
    for path, words in {
        "config/config.yaml": "age_bin_gyr: 0.5",
        "docs/stages.md": "### count_ages",
        "docs/columns.md": "| `n_of_age` |",
        "docs/tables.md": "| `{field}/sed/{grid}/ages.ecsv` |",
        "workflow/report/figure.rst": "plot_ages",
    }.items():
        assert words in (extended / path).read_text(encoding="utf-8"), path
    tests = [
        "tests/unit/sed/test_age_counts.py",
        "tests/unit/figures/test_registry.py",
        "tests/unit/config/test_keys.py",
        "tests/unit/test_docs.py",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *tests],
        cwd=extended,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
