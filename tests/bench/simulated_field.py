"""Simulated fields that the benches take through the workflow, drizzled from exposures or drawn as mosaics.

The workflow is given mosaics and a configuration: PSFs, noise and offsets are measured from the field.
"""

import csv
import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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


def write_mosaics(folder, truth):
    """Write truth.ecsv, pupil.fits, mosaics (drizzled, with the table of exposures, where there are any), true PSFs."""
    import simulate_exposures
    import simulate_field
    from clusterphot.optics.pupil import pupil, write_pupil
    from clusterphot.simulate.truth import config_of

    folder.mkdir(parents=True, exist_ok=True)
    truth.write(folder / "truth.ecsv", format="ascii.ecsv", overwrite=True)
    config = config_of(truth)
    write_pupil(folder / "pupil.fits", pupil(config.optics()))
    drizzled = config.exposures is not None
    driver = simulate_exposures if drizzled else simulate_field
    names = {kind: f"{kind}.fits" for kind in ("sci", "wht", "psf")}
    if drizzled:
        names |= {"psf_grid": "psf_grid.fits", "exposures": "wcs.csv"}
    for filt in config.filters:
        driver.main(
            SimpleNamespace(
                wildcards=SimpleNamespace(filter=filt),
                input=SimpleNamespace(truth=str(folder / "truth.ecsv"), pupil=str(folder / "pupil.fits")),
                output=SimpleNamespace(
                    **{kind: str(folder / f"{filt}_{name}") for kind, name in names.items()}
                ),
            )
        )


def write_field(folder, truth):
    """Write what `write_mosaics` does, and field.yaml, which names neither truth, true PSFs nor a source list."""
    write_mosaics(folder, truth)
    (folder / "field.yaml").write_text("fields:\n" + entry("drawn", truth, "detect"), encoding="utf-8")


def entry(name, truth, sources, *, psf=None, more=""):
    """Entry of a field in YAML.

    Parameters
    ----------
    name : str
    truth : `astropy.table.Table`
    sources : str
        Path of the list, or ``detect``.
    psf : {None, 'psf.fits', 'psf_grid.fits'}
        True PSFs that are given: those of the middle of the field, or at places all over it.
    more : str
        Further lines.
    """
    exposures = truth.meta["simulation"]["exposures"]
    files = {"sci": "sci.fits", "wht": "wht.fits"}
    files |= {"exposures": "wcs.csv"} if exposures else {}
    files |= {"psf": psf} if psf else {}
    known = (
        {key: exposures[key] for key in ("gain_e_per_njy", "pixfrac")} if exposures else {"phase_error": 0.0}
    )
    mosaics = ""
    for filt in truth.meta["simulation"]["filters"]:
        said = {kind: f"{filt}_{file}" for kind, file in files.items()} | known
        mosaics += f"      {filt}: {{{', '.join(f'{key}: {value}' for key, value in said.items())}}}\n"
    return (
        f"  {name}:\n    redshift: 0.39\n    ebv: 0.18\n    sources: {sources}\n"
        f"    reference_filter: {REFERENCE}\n{more}    mosaics:\n{mosaics}"
    )


def true_psfs(truth, filt, *, core_arcsec=None):
    """Function of (u, v) in arcsec: true PSF there, averaged over the phases of the dithers; of fields with exposures.

    Parameters
    ----------
    truth : `astropy.table.Table`
    filt : str
    core_arcsec : float, optional
        Side of the PSF's middle that is wanted, which is quicker.

    Returns
    -------
    psf_at : callable
        Of u and v; gives `clusterphot.optics.psf.OversampledPsf`.
    """
    from clusterphot.base.images import crop
    from clusterphot.optics.psf import OVERSAMPLING
    from clusterphot.optics.pupil import pupil
    from clusterphot.simulate import drizzled
    from clusterphot.simulate import truth as scene

    config = scene.config_of(truth)
    psf = drizzled.true_psf(config, filt, pupil(config.optics()))
    if core_arcsec:
        half, side = (
            round(core_arcsec / psf.sample_arcsec / 2),
            2 * round(core_arcsec / psf.sample_arcsec / 2) + 1,
        )
        terms = np.reshape([crop(term, half) for term in psf.terms], (len(psf.terms), side, side))
        psf = dataclasses.replace(psf, mean=crop(psf.mean, half), terms=terms)
    image = SimpleNamespace(
        config=config,
        psf=psf,
        filter_name=filt,
        pixel_scale_arcsec=scene.pixel_scale_arcsec(filt),
    )
    return lambda u, v: drizzled.psf_at(image, float(u), float(v), OVERSAMPLING)


def cut_bands(seed, filters, n_clusters):
    """What fits start from, of a field of 28" with few stars, drizzled from exposures.

    Returns
    -------
    bands : dict
        By filter: mosaic, true PSF in the middle of the field averaged over the phases of the dithers, noise, cutouts.
    """
    from clusterphot.base.products import Mosaic
    from clusterphot.measure.cutouts import make_cutouts
    from clusterphot.psf.noise import measure_noise
    from clusterphot.simulate import drizzled
    from clusterphot.simulate import truth as scene
    from gaussian_cutouts import with_neighbours

    config = scene.FieldConfig(
        seed=seed, size_arcsec=28.0, filters=filters, n_clusters=n_clusters, draw_clusters=True, n_stars=5,
        exposures={},
    )  # fmt: skip
    truth = scene.draw_scene(config, Table.read(TABLE1))
    listed = [(row["id"], row["ra"], row["dec"]) for row in scene.source_list(truth)]
    members = with_neighbours(listed, radius_arcsec=0.7)
    bands = {}
    for filt in filters:
        image = drizzled.drizzle_filter(truth, filt)
        scale, gain = image.pixel_scale_arcsec, config.exposures.gain_e_per_njy
        mosaic = Mosaic(image.sci, image.wht, image.wcs, scale, filt, gain_e_per_njy=gain)
        psf = drizzled.mosaic_psf(image)
        bands[filt] = mosaic, psf, measure_noise(mosaic), make_cutouts(mosaic, members)
    return bands


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


def cpu_seconds(folder, rule, name="*"):
    """CPU seconds of all jobs of a rule, or of those whose benchmark files have some name."""
    total = 0.0
    for path in (folder / "benchmarks" / rule).rglob(f"{name}.tsv"):
        with open(path, newline="", encoding="utf-8") as stream:
            text = next(csv.DictReader(stream, delimiter="\t"))["cpu_time"]
        total += 0.0 if text in ("NA", "-") else float(text)
    return total
