"""Simulated fields without a source list, taken through the targets candidates and completeness.

The workflow is given mosaics and a configuration: PSFs, noise and offsets are measured from the field. The truth
stays outside its reach.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from astropy.table import Table

REPO = Path(__file__).resolve().parents[2]
TABLE1 = REPO / "resources" / "faisst2022" / "table1.csv"
FILTERS = ("F150W", "F200W", "F277W")
REFERENCE = "F200W"
SIZE_ARCSEC = 40.0
N_CLUSTERS = 178
CLEARANCE_ARCSEC = 0.15
"""Galaxies keep this and 2 r_e from clusters, stars 0.8" at least."""


def draw_truth(seed, *, fainter_mag=0.0, filters=FILTERS, **settings):
    """Truth table of a field with clusters of the published flux distribution.

    Parameters
    ----------
    seed : int
    fainter_mag : float
        All clusters are fainter by this much (mag).
    filters : tuple of str
    settings
        Of `clusterphot.simulate.truth.FieldConfig`.
    """
    from clusterphot.base.user_tables import read_photometry
    from clusterphot.simulate import truth as scene

    names, known, flux, *_ = read_photometry(str(TABLE1), "table 1")
    dimming = 10 ** (-0.4 * fainter_mag)
    table = {f"flux_{filt}": dimming * flux[:, band] for band, filt in enumerate(known)}
    config = scene.FieldConfig(
        field="drawn",
        filters=filters,
        reference_filter=REFERENCE,
        seed=seed,
        draw_clusters=True,
        **{"size_arcsec": SIZE_ARCSEC, "n_clusters": N_CLUSTERS, "clearance_arcsec": CLEARANCE_ARCSEC}
        | settings,
    )
    return scene.draw_scene(config, Table({"id": names} | table))


def write_field(folder, truth):
    """Write truth.ecsv, mosaics, true PSFs (not named in the configuration) and field.yaml."""
    import simulate_field
    from clusterphot.optics.pupil import pupil, write_pupil
    from clusterphot.simulate.truth import config_of

    folder.mkdir(parents=True, exist_ok=True)
    truth.write(folder / "truth.ecsv", format="ascii.ecsv", overwrite=True)
    write_pupil(folder / "pupil.fits", pupil(config_of(truth).optics()))
    filters = truth.meta["simulation"]["filters"]
    for filt in filters:
        simulate_field.main(
            SimpleNamespace(
                wildcards=SimpleNamespace(filter=filt),
                input=SimpleNamespace(truth=str(folder / "truth.ecsv"), pupil=str(folder / "pupil.fits")),
                output=SimpleNamespace(
                    **{kind: str(folder / f"{filt}_{kind}.fits") for kind in ("sci", "wht", "psf")}
                ),
            )
        )
    mosaics = "".join(f"      {f}: {{sci: {f}_sci.fits, wht: {f}_wht.fits}}\n" for f in filters)
    (folder / "field.yaml").write_text(
        "fields:\n  drawn:\n    redshift: 0.39\n    ebv: 0.18\n    sources: detect\n"
        f"    reference_filter: {REFERENCE}\n    mosaics:\n{mosaics}",
        encoding="utf-8",
    )


def run_workflow(folder, *targets, cores=1, more=()):
    """Run targets of the workflow on the field of a folder; the log is in workflow.log."""
    command = [
        *(Path(sys.executable).with_name("snakemake"), "--snakefile", REPO / "Snakefile"),
        *("--workflow-profile", REPO / "profiles" / "default", "--cores", str(cores)),
        *("--configfile", "field.yaml", *more, "--", *targets),
    ]
    with open(folder / "workflow.log", "w", encoding="utf-8") as stream:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    if done.returncode:
        tail = (folder / "workflow.log").read_text(encoding="utf-8")[-3000:]
        raise SystemExit(f"{folder}: snakemake ended with {done.returncode}\n{tail}")


def cpu_seconds(folder, rule):
    """CPU seconds of all jobs of a rule, from its benchmark files."""
    total = 0.0
    for path in (folder / "benchmarks" / rule).rglob("*.tsv"):
        with open(path, newline="", encoding="utf-8") as stream:
            text = next(csv.DictReader(stream, delimiter="\t"))["cpu_time"]
        total += 0.0 if text in ("NA", "-") else float(text)
    return total
