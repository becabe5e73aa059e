"""A small synthetic run, made in seconds: a field of four filters, nine stars and eight clusters of known ages.

Pixels of 0.04 arcsec; PSFs are Gaussians on a power law, one everywhere. Results are those of the workflow's own
functions and drivers, in their places; stacks, sizes and pages are missing.
"""

from pathlib import Path
from types import SimpleNamespace

import fit_sed
import merge_sed
import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.images import fourier_shift, radius_grid
from clusterphot.base.products import Mosaic, Psf, write_noise, write_psf
from clusterphot.base.tables import provenance, read_table, write_ecsv, write_table
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.config.keys import defaults_of
from clusterphot.config.run import CosmologySection
from clusterphot.config.sed import SedSection
from clusterphot.foreground.dust import deredden_table
from clusterphot.measure.cutouts import make_cutouts
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.measure.join_filters import join_filters
from clusterphot.psf.grid import constant_grid
from clusterphot.psf.noise import measure_noise
from clusterphot.psf.shape import fwhm_px
from clusterphot.psf.stars import select_stars, write_stars
from clusterphot.psf.systematics import join_systematics
from clusterphot.run.configuration import age_grid
from clusterphot.ssp.grid import (
    nodes_around,
    project_grid,
    resample_ages,
    select_metallicities,
    write_projected_grid,
)
from written_mosaic import write_mosaic

FIELD, GRID, REFERENCE, REDSHIFT = "tiny", "bc03", "F277W", 0.39
CORE_ARCSEC = {"F090W": 0.040, "F150W": 0.045, "F200W": 0.050, "F277W": 0.055}
"""Sigma of the core of the PSF by filter."""

SHAPE, SCALE_ARCSEC, SKY_NJY = (420, 420), 0.04, 0.2
AGES_GYR, METALLICITY_ZSUN = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0), 0.2
MASS_FORMED_MSUN = 2e7


def true_psf(filt, half_px=75):
    """PSF (n, n) of a filter, of sum 1."""
    radius = radius_grid(half_px) * SCALE_ARCSEC
    image = np.exp(-0.5 * (radius / CORE_ARCSEC[filt]) ** 2) + 0.02 * (1.0 + (radius / 0.12) ** 2) ** -1.4
    return image / image.sum()


def places():
    """Pixels (x, y) of nine stars and of the eight clusters between them."""
    stars = [(75 + 135 * (k % 3) + 0.1 * k, 75 + 135 * (k // 3) + 0.2) for k in range(9)]
    clusters = [(142.3 + 135 * (k % 2) + 0.05 * k, 45.1 + 110 * (k // 2)) for k in range(8)]
    return stars, clusters


def draw_mosaic(filt, fluxes, rng):
    """Mosaic of one filter: noise, and sources of these fluxes (nJy) at `places`."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [210.5, 210.5]
    wcs.wcs.crval, wcs.wcs.cdelt = [110.83, -73.45], [-SCALE_ARCSEC / 3600, SCALE_ARCSEC / 3600]
    psf, half = true_psf(filt), 75
    padded = np.zeros([side + 2 * half for side in SHAPE])
    for (x, y), flux in zip(sum(places(), []), fluxes, strict=True):
        col, row = int(round(x)), int(round(y))
        padded[row : row + 2 * half + 1, col : col + 2 * half + 1] += flux * fourier_shift(
            psf, x - col, y - row
        )
    sci = padded[half:-half, half:-half] + rng.normal(0.0, SKY_NJY, SHAPE)
    return Mosaic(sci, np.full(SHAPE, SKY_NJY**-2), wcs, SCALE_ARCSEC, filt, FIELD)


def make_run(folder, grid):
    """Write ``results`` of the run into a folder.

    Parameters
    ----------
    folder : path
    grid : `clusterphot.ssp.grid.SspGrid`
        The shipped library.

    Returns
    -------
    truth : dict
        ``age_gyr`` and fluxes of the clusters by filter, nJy.
    """
    results, cosmology = Path(folder, "results"), defaults_of(CosmologySection)
    sed, filters = defaults_of(SedSection), tuple(CORE_ARCSEC)
    projected, native = _project(grid, sed, filters, flat_lambda_cdm(**cosmology))
    column = list(projected.metallicity_zsun).index(METALLICITY_ZSUN)
    rows = [list(projected.age_gyr).index(age) for age in AGES_GYR]
    truth = dict(zip(filters, MASS_FORMED_MSUN * projected.flux_njy[rows, column].T, strict=True))
    ids = [f"C{k}" for k in range(len(rows))]
    rng = np.random.default_rng(7)
    photometry = _measure(results / FIELD, truth, ids, rng)
    listed, extinction = (
        photometry.copy(),
        Table({"filter": filters, "extinction_mag": np.zeros(len(filters))}),
    )
    extinction["wave_pivot"] = [9000.0, 15000.0, 20000.0, 27700.0]
    extinction.meta["ebv"] = 0.0
    dereddened = deredden_table(listed, extinction, already_corrected=False, prefix="flux")
    chunk = results / FIELD / "photometry_dereddened" / "c000.ecsv"
    chunk.parent.mkdir(parents=True)
    meta = provenance("deredden_photometry", {"field": FIELD}, {})
    for path in (chunk, results / FIELD / "photometry_dereddened.ecsv"):
        write_table(path, dereddened, meta=meta, dereddened=True)
    write_table(results / FIELD / "extinction.ecsv", extinction, meta={"ebv": 0.0})
    paths = {}
    for kind, fluxes in (("projected", projected), ("native", native)):
        paths[kind] = results / "ssp" / GRID / kind / "0000000000.h5"
        paths[kind].parent.mkdir(parents=True)
        write_projected_grid(paths[kind], fluxes)
    _fit(results / FIELD, chunk, paths, sed, cosmology, ids)
    return {"age_gyr": np.array(AGES_GYR)} | truth


def _project(grid, sed, filters, cosmology):
    """Fluxes of the models of the best fits, and of all nodes of the library."""
    chosen = resample_ages(select_metallicities(grid, sed["metallicity_zsun"]), age_grid(sed["age_gyr"]))
    ends = (tuple(sed["posterior"][name].values()) for name in ("age_gyr", "metallicity_zsun"))
    native = nodes_around(
        grid, **dict(zip(("age_range_gyr", "metallicity_range_zsun"), map(sorted, ends), strict=True))
    )
    return tuple(project_grid(part, filters, REDSHIFT, cosmology) for part in (chosen, native))


def _measure(folder, truth, ids, rng):
    """Mosaics, stars, PSFs, noise and photometry of the field; its table."""
    star_fluxes = [flux_from_mag_ab(mag) for mag in (20.0, 20.6, 21.2, 25.2, 25.4, 25.6, 25.8, 26.0, 26.2)]
    fits, psfs, reference = [], {}, None
    for filt in sorted(truth, reverse=True):
        mosaic = draw_mosaic(filt, [*star_fluxes, *truth[filt]], rng)
        stamp = true_psf(filt)[50:-50, 50:-50]
        psf = Psf(
            stamp / stamp.sum(), SCALE_ARCSEC, filt, float(stamp.sum()), 0.01, fwhm_px(stamp) * SCALE_ARCSEC
        )
        psfs[filt] = psf
        noise = measure_noise(mosaic)
        (folder / filt).mkdir(parents=True)
        write_mosaic(folder / filt / "mosaic.fits", mosaic)
        write_noise(folder / filt / "noise.fits", noise)
        write_psf(folder / filt / "psf.fits", psf)
        constant_grid(psf, mosaic.shape).write(folder / filt / "psf_grid.fits", psf)
        if filt == REFERENCE:
            write_stars(folder / "stars.ecsv", select_stars(mosaic), meta=provenance("select_stars", {}, {}))
        ra, dec = mosaic.wcs.all_pix2world(*np.array(places()[1]).T, 0)
        listed = Table({"id": ids, "ra": ra, "dec": dec})
        sources = [
            dict(zip(("id", "ra", "dec"), row, strict=True)) | {"neighbours": []}
            for row in zip(ids, ra, dec, strict=True)
        ]
        fits.append(
            fit_sources(
                make_cutouts(mosaic, sources), psf, noise, mosaic.wcs, FitOptions(), reference=reference
            )
        )
        reference = reference or fits[0]
    write_ecsv(folder / "systematics.ecsv", join_systematics(psfs, {}, {}))
    photometry = join_filters(fits[::-1], listed, dict.fromkeys(truth, 0.0))
    write_table(
        folder / "photometry.ecsv", photometry, meta=provenance("merge_photometry", {"field": FIELD}, {})
    )
    return read_table(folder / "photometry.ecsv")


def _fit(folder, chunk, paths, sed, cosmology, ids):
    """Fit the populations by the drivers of the workflow."""
    out = folder / "sed" / GRID
    out.mkdir(parents=True)
    wildcards = SimpleNamespace(field=FIELD, grid=GRID, chunk="c000")
    given = {"photometry": chunk}
    given |= {name: folder / f"{name}.ecsv" for name in ("extinction", "systematics")}
    given |= {"grid": paths["projected"], "native_grid": paths["native"]}
    names = (
        "flux_floor_fraction",
        "min_relative_error",
        "dominated_weight_fraction",
        "v_filter",
        "mass_convention",
    )
    params = {name: sed[name] for name in (*names, "posterior")}
    params |= {"redshift": REDSHIFT, "cosmology": cosmology, "r_v": 3.1}
    fit_sed.main(_job(given, {"clusters": out / "c000.ecsv"}, params, wildcards))
    merged = {"ids": ids, "youngest_gyr": 0.5}
    merge_sed.main(
        _job({"chunks": [str(out / "c000.ecsv")]}, {"clusters": out / "clusters.ecsv"}, merged, wildcards)
    )


class _Named(dict):
    """Items of a rule, as attributes and by key."""

    __getattr__ = dict.__getitem__


def _job(given, made, params, wildcards):
    """What a driver takes."""
    sections = {"input": given, "output": made, "params": params, "wildcards": vars(wildcards)}
    return SimpleNamespace(**{name: _Named(values) for name, values in sections.items()})
