"""Plans of many fields: what they share is made once, and 100,000 sources are planned in seconds."""

import os
import resource

import numpy as np
import pytest
from astropy.io import fits
from image_field import tan_header
from running import REPO, command
from slurm_jobs import slurm_jobs

CENTER = (110.83, -73.45)
FIELDS, SOURCES = 10, 10_000
SHARED = """\
fields:
  first: {redshift: 0.39, ebv: 0.1, photometry: small.csv}
  second: {redshift: 0.39, ebv: 0.2, photometry: small.csv}
  farther: {redshift: 0.5, ebv: 0.1, photometry: small.csv}
  hubble: {redshift: 0.39, ebv: 0.1, photometry: hubble.tsv}
"""


def test_fields_share_grids_and_projections(snakemake, workdir):
    """One library read, one projection for each redshift and set of filters; filters may differ between fields."""
    (workdir / "shared.yaml").write_text(SHARED)
    run = snakemake.plan("--configfile", "shared.yaml", "--", "seds", cwd=workdir)
    assert run.jobs["fit_sed"] == 4
    assert run.jobs["build_ssp_grid"] == 1
    assert run.jobs["project_ssp_grid"] == 3


def write_empty(path, size):
    """A square image of zeros, on disk a hole."""
    card = [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", size), ("NAXIS2", size)]
    header = fits.Header([*card, ("BUNIT", "nJy")])
    header.extend(tan_header((size, size), CENTER))
    text = header.tostring().encode("ascii")
    path.write_bytes(text)
    os.truncate(path, len(text) + -(-4 * size**2 // 2880) * 2880)


def write_fields(cwd):
    """Ten fields of two filters and 10,000 sources each, on one and the same pair of mosaics of 24000 pixels a side."""
    for name in ("f150w_sci", "f150w_wht", "f200w_sci", "f200w_wht"):
        write_empty(cwd / f"{name}.fits", 24000)
    rng = np.random.default_rng(1)
    text = ["fields:"]
    for number in range(FIELDS):
        offset = rng.uniform(-200, 200, (SOURCES, 2)) / 3600 / [np.cos(np.deg2rad(CENTER[1])), 1]
        rows = [f"f{number}-{i},{ra:.8f},{dec:.8f}" for i, (ra, dec) in enumerate(offset + CENTER)]
        (cwd / f"sources{number}.csv").write_text("\n".join(["id,ra,dec", *rows]) + "\n")
        text += [
            f"  field{number}:",
            f"    {{redshift: {0.3 + 0.02 * number:.2f}, ebv: 0.1, sources: sources{number}.csv,",
            "     reference_filter: F200W, mosaics: {F150W: {sci: f150w_sci.fits, wht: f150w_wht.fits},",
            "     F200W: {sci: f200w_sci.fits, wht: f200w_wht.fits}}}",
        ]
    (cwd / "ten.yaml").write_text("\n".join(text) + "\n")


@pytest.mark.slow
def test_a_hundred_thousand_sources(tmp_path):
    """Everything, figures and report too, in two filters; six have 700 jobs more."""
    write_fields(tmp_path)
    argv = ("--snakefile", REPO / "Snakefile", "--cores", 1, "--configfile", "ten.yaml")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = command(*argv, "--dry-run", "--quiet", "rules", cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.status == 0, run.stderr
    assert sum(run.every_job.values()) <= 1500
    assert after.ru_utime - before.ru_utime <= 20
    graph = command(*argv, "--dag", "dot", cwd=tmp_path)
    assert slurm_jobs(graph.stdout)[1] <= 200
