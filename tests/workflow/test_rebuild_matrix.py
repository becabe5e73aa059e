"""The matrix of rebuilds: every edit reruns exactly the rules and chunks that depend on it.

Dry runs after a complete run of all rules, in which drivers only write their outputs: which rules run does not
depend on what they compute, and so every rule takes part, figures too, in seconds.
"""

import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from image_field import write_pair, write_rows
from rebuild_edits import EDITS, PLOTS
from running import CONFIGS, PAGES, copy_repo, copy_run

pytestmark = pytest.mark.slow
STUB = """\
from pathlib import Path

for path in map(Path, snakemake.output):
    if path.suffix:
        path.write_text("made by a stub")
    else:
        path.mkdir(exist_ok=True)
raise SystemExit

"""
"""Goes before the text of every driver, whose imports still count for the digest of the code."""

MY = """\
fields:
  mine:
    redshift: 0.39
    ebv: 0.18
    sources: sources.csv
    reference_filter: F200W
    mosaics:
      F150W: {sci: f150w_sci.fits, wht: f150w_wht.fits, psf: f150w_psf.fits, zero_point_error: 0.02}
      F200W: {sci: f200w_sci.fits, wht: f200w_wht.fits}
  small:
    redshift: 0.5
    ebv: 0.1
    photometry: small.csv
    stack_photometry: small_stack.csv
batching: {n_chunks: 2}
"""
CENTER = (110.83, -73.45)


def write_field(cwd):
    """Two mosaics of noise, a PSF, and twelve sources an arcsec apart."""
    from clusterphot.base.products import Psf, write_psf

    for name in ("f150w", "f200w"):
        write_pair(cwd, name, shape=(400, 400), center_deg=CENTER)
    radius2 = np.sum((np.indices((41, 41)) - 20) ** 2, axis=0)
    stamp = np.exp(-0.5 * radius2 / 1.5**2)
    write_psf(cwd / "f150w_psf.fits", Psf(stamp / stamp.sum(), 0.02, "F150W"))
    places = [(i, j) for i in (-1.5, -0.5, 0.5, 1.5) for j in (-1, 0, 1)]
    write_rows(
        cwd / "sources.csv",
        [
            {
                "id": f"s{number:02d}",
                "ra": f"{CENTER[0] + i / 3600 / np.cos(np.deg2rad(CENTER[1])):.7f}",
                "dec": f"{CENTER[1] + j / 3600:.7f}",
                "note": "",
            }
            for number, (i, j) in enumerate(places)
        ],
    )
    (cwd / "my.yaml").write_text(MY)
    (cwd / "again.yaml").write_text("{}\n")


def argv(cwd):
    """Arguments of every run: the configuration, then what an edit adds to it."""
    again = (cwd / "again.yaml").read_text().strip() != "{}"
    return ["--configfile", "my.yaml", *(["again.yaml"] if again else [])]


@pytest.fixture(scope="module")
def made(snakemake, tmp_path_factory):
    """The complete run by stubs: ``repo``, ``cwd``, ``run`` and ``after``, the rules that follow from each rule."""
    folder = tmp_path_factory.mktemp("matrix")
    repo, cwd = copy_repo(folder / "repo"), shutil.copytree(CONFIGS, folder / "work")
    for path in (repo / "workflow" / "scripts").glob("*.py"):
        path.write_text(STUB + path.read_text(encoding="utf-8"), encoding="utf-8")
    write_field(cwd)
    run = snakemake(*argv(cwd), cwd=cwd, repo=repo, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    graph = snakemake("--rulegraph", "dot", "--forceall", *argv(cwd), cwd=cwd, repo=repo)
    assert graph.status == 0, graph.stderr
    return SimpleNamespace(repo=repo, cwd=cwd, run=run, after=rules_after(graph.stdout))


def rules_after(dot):
    """Rule to the rules that need its output, directly; without the pages of the report."""
    names = dict(re.findall(r'^\s*(\d+)\s*\[label ?= ?"([^"\\]+)', dot, re.MULTILINE))
    after = {name: set() for name in names.values() if name not in PAGES}
    for first, second in re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE):
        if names[first] not in PAGES and names[second] not in PAGES:
            after[names[first]].add(names[second])
    return after


def closure(first, after, spared=()):
    """These rules and all that follow from them, targets and spared rules left out."""
    found, todo = set(), set(first)
    while todo:
        rule = todo.pop()
        if rule not in found and rule != "all" and rule not in spared:
            found.add(rule)
            todo |= after.get(rule, set())
    return found


def own_reasons(run):
    """Rules that Snakemake plans for another reason than that their input is made anew."""
    part = run.stdout.partition("\nReasons:\n")[2] or run.stderr.partition("\nReasons:\n")[2]
    found = re.findall(r"^    (\S.*):\n        (.*)$", part, re.MULTILINE)
    return {
        rule for why, rules in found if "updated by another job" not in why for rule in rules.split(", ")
    } - {"all", *PAGES}


class Place:
    """A copy of the working directory, and the repository, in which an edit is made.

    The repository must stay where it is: its place is part of the paths of shipped inputs.
    """

    def __init__(self, cwd, repo):
        self.cwd, self.repo, self._saved = cwd, repo, {}

    def save(self, name):
        """Keep a file of the repository as it is."""
        path = self.repo / name
        self._saved[path] = (path.read_bytes(), path.stat())

    def restore(self):
        """Bring back what was kept."""
        for path, (content, status) in self._saved.items():
            path.write_bytes(content)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def place(made, tmp_path):
    """Where an edit is made."""
    place = Place(copy_run(made.cwd, tmp_path / "work"), made.repo)
    yield place
    place.restore()


@pytest.mark.parametrize("name", EDITS)
def test_edit(made, snakemake, place, name):
    """Rules with a reason of their own, all that follows from them and nothing else, in so many jobs."""
    edit = EDITS[name]
    edit.apply(place)
    run = snakemake.plan(*argv(place.cwd), cwd=place.cwd, repo=place.repo)
    every = {rule for rule in made.after if rule != "all"}
    first = {rule for rule in every if rule.startswith("plot_")} if PLOTS in edit.first else edit.first
    behind = set().union(*(closure(made.after[rule], made.after) for rule in first))
    assert own_reasons(run) - behind == first - behind  # of a rule with two reasons, Snakemake names one
    assert set(run.jobs) == closure(first, made.after, edit.spared)
    assert {rule: run.jobs.get(rule) for rule in edit.n_jobs} == edit.n_jobs


def test_the_page_tells_the_matrix(repo, monkeypatch):
    """docs/rebuilds.md is what `make docs` writes."""
    monkeypatch.syspath_prepend(repo / "docs")
    from make_rebuilds import page

    assert (repo / "docs" / "rebuilds.md").read_text(encoding="utf-8") == page()
