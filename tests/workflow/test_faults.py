"""Files that were replaced or damaged behind the back of a run."""

import os

import numpy as np
from astropy.io import fits
from image_field import write_pair

CONFIG = """\
fields:
  x:
    redshift: 0.39
    ebv: 0.1
    sources: my.csv
    reference_filter: F200W
    mosaics:
      F200W: {sci: f200w_sci.fits, wht: f200w_wht.fits}
"""
TARGET = "results/x/F200W/mosaic.fits"


def test_a_mosaic_replaced_by_one_with_an_older_time(snakemake, tmp_path):
    """As by `cp -p` or `rsync -t`: its content tells."""
    write_pair(tmp_path, "f200w")
    (tmp_path / "my.csv").write_text("id,ra,dec\none,110.83,-73.45\n")
    (tmp_path / "my.yaml").write_text(CONFIG)
    argv = ("--configfile", "my.yaml", "--", TARGET)
    run = snakemake(*argv, cwd=tmp_path)
    assert run.status == 0, run.stdout + run.stderr
    assert snakemake.plan(*argv, cwd=tmp_path).jobs == {}
    path = tmp_path / "f200w_sci.fits"
    old = path.stat()
    with fits.open(path, mode="update") as hdus:
        hdus[0].data *= np.float32(1.5)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns - 10**12))
    assert path.stat().st_size == old.st_size
    assert snakemake.plan(*argv, cwd=tmp_path).jobs == {"prepare_mosaic": 1}


def test_a_damaged_intermediate_is_named(snakemake, workdir):
    """With the way out, and the way out works."""
    target = "results/small/sed/bc03/clusters.ecsv"
    argv = ("--configfile", "small.yaml", "--", target)
    run = snakemake(*argv, cwd=workdir)
    assert run.status == 0, run.stdout + run.stderr
    rows = [line for line in (workdir / target).read_text(encoding="utf-8").split("\n") if line[:1] != "#"]
    damaged = workdir / "results" / "small" / "photometry_dereddened" / "c000.ecsv"
    whole, time = damaged.read_bytes(), damaged.stat()
    damaged.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])  # a table still, of one source less
    os.utime(damaged, ns=(time.st_atime_ns, time.st_mtime_ns))
    for name in (target, "results/small/sed/bc03/c000.ecsv"):
        (workdir / name).unlink()
    run = snakemake(*argv, cwd=workdir)
    said = run.stdout + run.stderr
    assert run.status == 1
    assert "DataError: results/small/photometry_dereddened/c000.ecsv: got a damaged file" in said
    assert "delete it and give the same command again" in said and "Traceback" not in said
    damaged.unlink()
    again = snakemake(*argv, cwd=workdir)
    assert again.status == 0, again.stdout + again.stderr
    text = (workdir / target).read_text(encoding="utf-8")
    assert [line for line in text.split("\n") if line[:1] != "#"] == rows
