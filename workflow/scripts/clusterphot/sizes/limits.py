"""Upper limits of half-light radii: of each cluster with enough signal, and of the stack of all.

Likelihoods of `clusterphot.sizes.likelihood` with the error of the PSF's width profiled. Radii pc, fluxes nJy.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table, vstack

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.filters import pivot_wavelength
from clusterphot.base.flags import Flag
from clusterphot.base.numerics import TINY
from clusterphot.base.products import open_fits
from clusterphot.config.keys import values_of
from clusterphot.config.sizes import LimitKeys
from clusterphot.measure.rendering import PsfRenderer
from clusterphot.sizes.likelihood import MARGIN_PX, SizeGrid, SizeOptions, psf_fwhm_arcsec
from clusterphot.sizes.models import broadening_variance
from clusterphot.stack.build import BAD_FLAGS, aligned_sample
from clusterphot.stack.combine import combine, stack_counts, stacked_ivar

ALIGNMENT_ERROR = 0.3
"""Fractional 1-sigma error of the blur by misalignment, which follows from the errors of the positions."""

MIN_BOOTSTRAP_SOURCES = 60
"""With fewer sources in a stack its covariance is that of the pixels' noise, not of a bootstrap."""

COLUMNS = (
    "flux_size",
    "snr_size",
    "radius_pc",
    "radius_limit_pc",
    "radius_limit_psf_known_pc",
    "rise_compact",
    "rise_compact_psf_known",
    "chi2_size",
)

N_RADII = 200
"""Steps of the grid of radii."""

RMS_VARIATION = ((0.704, 0.05), (4.40, 0.006))
"""Rms variation of the FWHM over fields of NIRCam at wavelengths in um (Zhuang & Shen 2024, ApJ 962, 93)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SizeContext:
    """What all measurements of a field share.

    Attributes
    ----------
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
        Of the latter `grid` takes that of the middle.
    noise : `clusterphot.base.products.Noise`
    pc_per_arcsec : float
    options : `clusterphot.sizes.likelihood.SizeOptions`
    psf_fwhm_scatter_fraction : float
        1-sigma error of the PSF's FWHM: of all sources alike, or its variation from place to place.
    is_variation : bool
        The latter.
    """

    psf: object
    noise: object
    pc_per_arcsec: float
    options: object
    psf_fwhm_scatter_fraction: float
    is_variation: bool = True

    def at(self, x, y):
        """The same with the PSF of a place of the mosaic (pixels); itself where the PSF is one."""
        psf = self.psf.at(x, y)
        return self if psf is self.psf else replace(self, psf=psf)

    def grid(self, cutout_px, scatter_fraction, extra_variance_arcsec2=0.0):
        """`SizeGrid` for cutouts of this side."""
        return SizeGrid(
            self.psf,
            self.noise,
            self.options.window_px(self.psf.pixel_scale_arcsec, cutout_px),
            self.pc_per_arcsec,
            self.options,
            scatter_fraction=scatter_fraction,
            extra_variance_arcsec2=extra_variance_arcsec2,
        )


def make_context(params, psf, noise):
    """`SizeContext` from the parameters of a rule."""
    options = SizeOptions(
        **values_of(LimitKeys, params), radius_step_pc=params.radius_max_pc / N_RADII, sky=params.sky
    )
    scale = 1000.0 * kpc_per_arcsec(params.redshift, **params.cosmology)
    said = params.psf_fwhm_scatter_fraction
    if said != "auto":
        return SizeContext(psf, noise, scale, options, said)
    if np.isfinite(psf.fwhm_error):
        return SizeContext(psf, noise, scale, options, psf.fwhm_error, is_variation=False)
    return SizeContext(psf, noise, scale, options, usual_variation(psf.filter_name))


def usual_variation(filter_name):
    """Rms variation of the FWHM over NIRCam's field, a fraction: `RMS_VARIATION` and a power law between.

    Examples
    --------
    >>> [round(usual_variation(name), 3) for name in ("F070W", "F150W", "F444W")]
    [0.05, 0.021, 0.006]
    """
    (blue, at_blue), (red, at_red) = RMS_VARIATION
    slope = np.log(at_red / at_blue) / np.log(red / blue)
    return float(at_blue * (pivot_wavelength(filter_name) * 1e-4 / blue) ** slope)


def join_fits(tables):
    """Fits of all chunks in one filter as one table, with the filter and its pixel scale in the metadata."""
    meta = {key: tables[0].meta[key] for key in ("filter", "pixel_scale_arcsec")}
    joined = vstack(tables, metadata_conflicts="silent") if len(tables) > 1 else tables[0]
    joined.meta = meta
    return joined


# ---- single clusters -------------------------------------------------------------------------------------


def limit_clusters(cutouts, fits_table, context, *, min_snr):
    """Size limits of the sources of a chunk.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    fits_table : `astropy.table.Table`
        Point-source fits of the same chunk and filter, with the neighbours fitted together.
    context : SizeContext
    min_snr : float
        Sources below this ratio of flux to error get no limit, and the flag LOW_SNR.

    Returns
    -------
    table : `astropy.table.Table`
        One row per source in the order of ``cutouts``.
    facts : dict
        ``dof``, ``psf_scatter_fraction``.

    Notes
    -----
    Each source is held against the PSF of its place. Neighbours are subtracted as fitted; amplitude, position and sky
    are fitted anew with each radius. A misfit of the point-source fit (chi-square above its expectation: light of
    galaxies) raises the variance.
    """
    filt, size = cutouts.filter_name, cutouts.data.shape[-1]
    # A single source differs from the PSF by its dither phases too, about as much in width as in flux.
    scatter = context.psf_fwhm_scatter_fraction
    if not context.is_variation:
        scatter = float(np.hypot(scatter, context.psf.phase_error))
    grid = context.grid(size, scatter)
    renderer = PsfRenderer(context.psf.terms, size)
    rows_of = {}
    for row in range(len(fits_table)):
        rows_of.setdefault(str(fits_table["target_id"][row]), []).append(row)
    columns = {name: np.full(len(cutouts.ids), np.nan) for name in COLUMNS}
    flags = np.zeros(len(cutouts.ids), dtype=np.int64)
    resolved = np.zeros(len(cutouts.ids), dtype=bool)
    for i, name in enumerate(cutouts.ids):
        rows = fits_table[rows_of[name]]
        flags[i] = int(rows[f"flags_{filt}"][0]) & int(BAD_FLAGS)
        flux, error = float(rows[f"flux_{filt}"][0]), float(rows[f"flux_err_{filt}"][0])
        columns["snr_size"][i] = flux / error if error > 0 else np.nan
        if flags[i]:
            continue
        if not columns["snr_size"][i] >= min_snr:
            flags[i] = int(Flag.LOW_SNR)
            continue
        image, variance, place = _alone(cutouts, i, rows, renderer, context, grid.window_px)
        local = context.at(cutouts.x[i], cutouts.y[i])
        own = grid if local is context else local.grid(size, scatter)
        modes, *_ = own.centre(image[None], place[:1], place[1:])
        values, resolved[i] = _measure(own.likelihood(modes, np.array([variance])))
        for key, value in values.items():
            columns[key][i] = value
    table = Table(
        {"id": np.array(cutouts.ids, dtype=str), "is_stack": np.zeros(len(flags), dtype=bool), **columns}
    )
    table["resolved"], table["flags"] = resolved, flags
    facts = {"dof": grid.degrees_of_freedom, "psf_scatter_fraction": scatter}
    return table[["id", "is_stack", *COLUMNS, "resolved", "flags"]], facts


def _alone(cutouts, i, rows, renderer, context, window_px):
    """Cutout without its neighbours, bad pixels filled; variance of its pixels; offset from the middle."""
    filt, size = cutouts.filter_name, cutouts.data.shape[-1]
    x, y, flux = (np.asarray(rows[f"{name}_{filt}"], dtype=float) for name in ("x", "y", "flux"))
    cores = renderer.cores(context.psf.weights(np.nan_to_num(x), np.nan_to_num(y)))
    x, y = x - cutouts.x0[i], y - cutouts.y0[i]
    light = renderer.render(x, y, cores) * np.where(np.isfinite(flux), flux, 0.0)[:, None, None]
    image = cutouts.data[i] - light[1:].sum(axis=0)
    valid = cutouts.ivar[i] > 0
    image = np.where(valid, image, light[0] + float(rows[f"sky_{filt}"][0]))
    start = (size - window_px) // 2
    inner = np.s_[start : start + window_px, start : start + window_px]
    variance = 1.0 / (np.median(cutouts.ivar[i][inner][valid[inner]]) * context.noise.ivar_scale)
    misfit = float(rows[f"chi2_{filt}"][0]) / max(float(rows[f"dof_{filt}"][0]), 1.0)
    return image, variance * max(misfit, 1.0), np.array([x[0], y[0]]) - size // 2


def _measure(likelihood):
    """Values of one source, and whether it is resolved."""
    rise, radius = likelihood.rise()
    chi2, flux = likelihood.best()
    values = {
        "flux_size": flux[0],
        "radius_pc": radius[0],
        "radius_limit_pc": likelihood.upper_limit()[0],
        "radius_limit_psf_known_pc": likelihood.upper_limit(psf_known=True)[0],
        "rise_compact": rise[0],
        "rise_compact_psf_known": likelihood.rise(psf_known=True)[0][0],
        "chi2_size": chi2[0],
    }
    return values, bool(likelihood.is_resolved()[0])


# ---- the stack -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StackSize:
    """Size of a stack and what it rests on.

    Attributes
    ----------
    table : `astropy.table.Table`
        One row, columns as `limit_clusters` gives them.
    facts : dict
        ``n_sources``; ``psf_scatter_fraction``, prior of the PSF's width in the stack; ``alignment_mas``, blur
        (sigma per axis) by errors of the positions; ``n_patches`` and ``n_patches_stars``; ``flux`` (nJy) and
        ``flux_err`` from the bootstrap, with the scatter of the brightnesses; ``dof``; ``sigma_pixel``, noise of
        a pixel of the stack (nJy).
    """

    table: Table
    facts: dict


def limit_stack(
    cutouts,
    table,
    reference_fits,
    context,
    stack_options,
    *,
    filters,
    reference_filter,
    stars,
    coherence_arcsec,
):
    """Size limit of the stack of the clean sources of a field in one filter.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
        Of all sources, see `clusterphot.stack.build.join_cutouts`.
    table : `astropy.table.Table`
        Merged photometry.
    reference_fits : `astropy.table.Table`
        Fits of all sources in the reference filter, with errors of the positions.
    context : SizeContext
    stack_options : `clusterphot.stack.build.StackOptions`
    filters : sequence of str
    reference_filter : str
    stars : (n, 2) float ndarray
        Positions (px) of the stars that made the PSF; none for a PSF of the user.
    coherence_arcsec : float
        Side of the patches over which the PSF is taken to be the same, independent from patch to patch.

    Returns
    -------
    size : StackSize

    Notes
    -----
    Sources are aligned by positions with errors, which blurs the stack by a Gaussian of their flux-weighted
    mean variance; in the reference filter itself positions follow the noise and nothing is blurred to first
    order. The covariance of the modes is that of a bootstrap over sources, its inverse corrected after
    Hartlap et al. (2007, A&A 464, 399). The prior of the PSF's width is the error of the model in the middle. Where
    its variation over the field is given instead, the width in the stack is a mean over the patches that hold sources,
    less that over the patches that hold stars: the prior is the variation times
    sqrt(1/n_patches + 1/n_patches_stars). The error of the alignment's blur is added in quadrature.
    """
    filt = cutouts.filter_name
    sample = aligned_sample(cutouts, table, context.psf, context.noise, filters, stack_options)
    context = replace(context, psf=sample.psf)
    facts = {"n_sources": len(sample.ids)}
    if len(sample.ids) < 2:
        return StackSize(_empty_row(), facts)
    blur = alignment_blur(sample, table, filt, reference_fits, reference_filter)
    places = np.stack(
        [np.asarray(table[f"{axis}_{filt}"], dtype=float)[sample.rows] for axis in "xy"], axis=1
    )
    prior = _stack_prior(context, places, stars, coherence_arcsec, blur)
    grid = context.grid(cutouts.data.shape[-1], prior["psf_scatter_fraction"], blur)
    modes, covariance, sigma = _stack_modes(sample, grid, stack_options)
    likelihood = grid.likelihood(modes[:1], np.ones(1), covariance)
    values, resolved = _measure(likelihood)
    values["snr_size"] = values["flux_size"] / (sigma * flux_error(grid, grid.covariance))
    facts |= prior | {
        "alignment_mas": 1000.0 * float(np.sqrt(blur)),
        "flux": float(values["flux_size"]),
        "flux_err": flux_error(grid, covariance),
        "dof": grid.degrees_of_freedom,
        "sigma_pixel": float(sigma),
    }
    row = Table({"id": ["stack"], "is_stack": [True], **{name: [values[name]] for name in COLUMNS}})
    row["resolved"], row["flags"] = [resolved], np.zeros(1, dtype=np.int64)
    return StackSize(row, facts)


def _stack_prior(context, places, stars, coherence_arcsec, blur):
    """1-sigma prior of the PSF's width in the stack as a fraction of its FWHM, and the patches behind it."""
    scale = context.psf.pixel_scale_arcsec
    n_patches = effective_patches(places * scale, coherence_arcsec)
    n_star_patches = effective_patches(stars * scale, coherence_arcsec) if len(stars) else 1.0
    scatter = context.psf_fwhm_scatter_fraction
    if context.is_variation:
        scatter *= np.sqrt(1.0 / n_patches + 1.0 / n_star_patches)
    # An error of a variance is half as large in the width, relative to it; FWHM^2 is the variance's unit here.
    of_alignment = (
        0.5 * ALIGNMENT_ERROR * blur / broadening_variance(psf_fwhm_arcsec(context.psf), np.sqrt(2.0) - 1.0)
    )
    return {
        "psf_scatter_fraction": float(np.hypot(scatter, of_alignment)) if scatter > 0 else 0.0,
        "n_patches": n_patches,
        "n_patches_stars": n_star_patches,
    }


def _stack_modes(sample, grid, options):
    """Modes of the stack and their covariance; noise of a pixel of the stack."""
    n = len(sample.ids)
    n_resamples = options.n_resamples if n >= MIN_BOOTSTRAP_SOURCES else 0
    counts = stack_counts(n, n_resamples, options.seed)
    edge = (sample.images.shape[-1] - grid.window_px) // 2 - MARGIN_PX
    inner = np.s_[:, edge : sample.images.shape[-1] - edge, edge : sample.images.shape[-1] - edge]
    combined = np.nan_to_num(combine(sample.images[inner], sample.ivar[inner], options.method, counts))
    ivar = stacked_ivar(sample.ivar[inner], options.method)
    sigma = np.median(1.0 / np.sqrt(ivar[ivar > 0]))
    zero = np.zeros(1)
    # The stack at its own centre, and its resamples at the same: the covariance is that of the sources' noise.
    modes, x, y = grid.centre(combined[:1], zero, zero)
    if not n_resamples:
        return modes, grid.covariance * sigma**2, sigma
    moved = [grid.at(image[None], x, y)[0] for image in combined[1:]]
    k = modes.shape[1]
    covariance = np.cov(np.array(moved).T) * (n_resamples - 1) / max(n_resamples - k - 2, 1) * n / (n - 1)
    return np.concatenate([modes, moved]), covariance, sigma


def flux_error(grid, covariance):
    """1-sigma error (nJy) of the flux of a point source with sky and position free."""
    inverse = np.linalg.inv(covariance)
    design = np.concatenate([grid.template(0)[:, None], grid.nuisance], axis=1)
    return float(np.sqrt(np.linalg.inv(design.T @ inverse @ design)[0, 0]))


def alignment_blur(sample, table, filt, reference_fits, reference_filter):
    """Variance (arcsec^2 per axis) by which errors of positions blur the stack of a filter; 0 in the reference filter.

    Positions in the reference filter follow its own noise, which blurs nothing to first order.
    """
    if filt == reference_filter:
        return 0.0
    return alignment_variance(sample.ids, table[f"flux_{filt}"][sample.rows], reference_fits)


def alignment_variance(ids, flux, reference_fits):
    """Flux-weighted mean variance (arcsec^2 per axis) of the positions that sources are aligned by.

    Parameters
    ----------
    ids : list of str
    flux : (n,) float ndarray
        Fluxes in the filter that is stacked.
    reference_fits : `astropy.table.Table`
        With x_err_F, y_err_F and the pixel scale in the metadata.
    """
    filt = reference_fits.meta["filter"]
    targets = reference_fits[np.asarray(reference_fits["is_target"], dtype=bool)]
    row_of = {str(name): row for row, name in enumerate(targets["id"])}
    rows = [row_of[name] for name in ids]
    variance = 0.5 * sum(
        np.square(np.ma.filled(np.ma.asarray(targets[f"{axis}_err_{filt}"], dtype=float), np.nan)[rows])
        for axis in "xy"
    )
    weight = np.where(np.isfinite(variance), np.maximum(np.asarray(flux, dtype=float), 0.0), 0.0)
    mean = np.sum(weight * np.nan_to_num(variance)) / max(weight.sum(), TINY)
    return float(mean) * reference_fits.meta["pixel_scale_arcsec"] ** 2


def effective_patches(positions_arcsec, coherence_arcsec):
    """Effective number of patches that positions (n, 2) are spread over: (sum n_i)^2 / sum n_i^2."""
    cells = np.floor(np.asarray(positions_arcsec) / coherence_arcsec).astype(int)
    counts = np.unique(cells, axis=0, return_counts=True)[1]
    return float(counts.sum() ** 2 / np.square(counts).sum())


def read_star_positions(path):
    """Positions (px) of the stars in the core of the PSF, (n, 2); none for a PSF of the user."""
    with open_fits(path) as hdus:
        if "STARS" not in hdus:
            return np.zeros((0, 2))
        stars = Table(hdus["STARS"].data)
    core = np.array(["core" in str(used) for used in stars["used"]], dtype=bool)
    return np.stack([np.asarray(stars[axis], dtype=float)[core] for axis in "xy"], axis=1)


def with_stack(stack, clusters):
    """Rows of the clusters below that of the stack, which has an id of its own even if a source is named so."""
    for table in (stack, clusters):
        table.meta = {}
    return vstack([stack, clusters])


def _empty_row():
    """Row of a stack of nothing."""
    row = Table({"id": ["stack"], "is_stack": [True], **{name: [np.nan] for name in COLUMNS}})
    row["resolved"], row["flags"] = [False], np.array([int(Flag.NO_DATA)])
    return row
