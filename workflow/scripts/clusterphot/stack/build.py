"""Stack of the sources of a field in one filter: aligned mean or median, fitted as a point source.

After Faisst et al. (2022, ApJL 941, L11, sect. 3): local background from an annulus, their median of the cutouts and
means; here aligned to a fraction of a pixel. Images nJy/pixel, fluxes nJy, positions in pixels (0-based).
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from astropy.table import Table

from clusterphot.base.columns import (
    STACK_BOOTSTRAP_COLUMNS,
    STACK_COLUMNS,
    STACK_METHOD_COLUMNS,
    STACK_SOURCE_COLUMNS,
)
from clusterphot.base.flags import Flag
from clusterphot.base.products import IVAR_UNIT, Cutouts, Noise, Psf, open_fits, write_fits
from clusterphot.base.robust import mad_sigma
from clusterphot.base.tables import at_field_redshift
from clusterphot.config.photometry import EngineKeys, FitKeys
from clusterphot.config.stack import StackKeys
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.measure.linear import SkyTerms, normal_equations, solve
from clusterphot.measure.rendering import PsfRenderer
from clusterphot.stack.combine import align, combine, local_background, stack_counts, stacked_ivar

BAD_FLAGS = (
    Flag.EDGE | Flag.MASKED | Flag.AT_BOUND | Flag.BLENDED | Flag.SATURATED | Flag.FAILED | Flag.NO_DATA
)
"""Sources with one of these bits are left out of a stack."""

MIN_CLEAN_SHARE = 0.5
"""A filter in which a smaller share of the sources is clean does not decide on the common sample."""

BLOCK_SOURCES = 500
"""Sources that are aligned at a time, which bounds the memory; each is shifted by itself."""

MIN_SOURCES = 2
"""Sources without which there is no stack, and no bootstrap."""

MAX_RELATIVE_NOISE = 3.0
"""A source whose flux error in some filter is this many times the median error of the filter is left out of the clipped
mean of all filters: with equal weights, one at the shallow edge of a mosaic would bring the noise of nine."""

OUTLIER_MADS = 10.0
"""A source brighter in the reference filter than the median by this many times the scatter (MAD) of the fluxes is left
out of the clipped mean of all filters. Of log-normal fluxes of 0.8 in ln it takes 0.3 %, of the noise alone nothing; a
star or galaxy that outshines the clusters it takes."""

METHODS = ("clipped_mean", "median", "mean")
"""Ways to combine the images; all of them are fitted, beside the one that is asked for."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StackOptions(StackKeys):
    """Choices of a stack: keys of the configuration, and how the point source is fitted to it.

    Attributes
    ----------
    sky : {'constant', 'plane', 'quadratic'}
        Sky fitted with the point source to the stack, beside the background taken from each cutout.
    max_shift_px : float
        Half side of the box around the centre in which the point source is fitted.
    engine : {'psf', 'tractor'}
        What fits the point source to the stack, see `clusterphot.measure.engines`.
    """

    sky: str = FitKeys.sky
    max_shift_px: float = FitKeys.max_shift_px
    engine: str = EngineKeys.engine

    def __post_init__(self):
        """Refuse words and radii that mean nothing."""
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}, expected one of {', '.join(METHODS)}")
        if not 0 <= self.annulus_px[0] < self.annulus_px[1]:
            raise ValueError(f"annulus_px is {self.annulus_px}, expected two growing radii")


@dataclass(frozen=True)
class MethodFlux:
    """Flux of a stack by one of `METHODS`.

    Attributes
    ----------
    flux, flux_err : float, nJy
        NaN where the fit failed.
    n_sources : int
    resampled_flux : (n_resamples,) float ndarray, nJy
    """

    flux: float
    flux_err: float
    n_sources: int
    resampled_flux: np.ndarray


@dataclass(frozen=True)
class Stack:
    """Stack of one filter and its fit.

    Attributes
    ----------
    data, model, ivar : (m, m) float ndarray
        nJy/pixel and 1/(nJy/pixel)^2; the model is point source and sky.
    row : dict
        Values of the fit: flux, flux_err, ... as in `STACK_COLUMNS`.
    ids : list of str
        Sources that are aligned.
    is_in : (n,) bool ndarray
        Those of them that are in the stack; a clipped mean leaves some out, see `kept_sources`.
    background : (n,) float ndarray, nJy/pixel
        Local background taken from each.
    resampled_flux : (n_resamples,) float ndarray, nJy
        Fluxes of the bootstrap; `clusterphot.stack.combine.stack_counts` of ``ids`` says which sources are in each.
    by_method : dict of str to MethodFlux
        The fluxes of all of `METHODS`, from the same resamples.
    pixel_scale_arcsec : float
    filter_name, method : str
    seed : int
    """

    data: np.ndarray
    model: np.ndarray
    ivar: np.ndarray
    row: dict
    ids: list
    is_in: np.ndarray
    background: np.ndarray
    resampled_flux: np.ndarray
    by_method: dict
    pixel_scale_arcsec: float
    filter_name: str
    method: str
    seed: int


JOINED = ("flux", "flux_err", "flux_err_sys", "dx", "dy", "chi2", "dof", "flags", "sky", "n_sources")
"""Columns of every filter in the row that `join_stacks` makes."""


# ---- sources that are stacked ----------------------------------------------------------------------------


def common_sample(table, filters):
    """Sources that are clean in every filter, so that all filters stack the same ones.

    Parameters
    ----------
    table : `astropy.table.Table`
        Photometry with x_F, y_F, flags_F.
    filters : sequence of str

    Returns
    -------
    common : (n,) bool ndarray
        Of sources at the redshift of the field. A filter that sees fewer than `MIN_CLEAN_SHARE` of them is left out
        of the condition.
    """
    common = at_field_redshift(table)
    n_members = max(common.sum(), 1)
    for filt in filters:
        clean = is_clean(table, filt) & at_field_redshift(table)
        if clean.sum() / n_members >= MIN_CLEAN_SHARE:
            common &= clean
        else:
            logger.warning("%s: only %d of %d sources are clean", filt, clean.sum(), n_members)
    return common


def is_clean(table, filt):
    """Sources with a position and without bad flags in a filter, (n,) bool."""
    flags, x, y = (np.ma.asarray(table[f"{name}_{filt}"]) for name in ("flags", "x", "y"))
    measured = np.isfinite(np.ma.filled(x.astype(float), np.nan)) & np.isfinite(
        np.ma.filled(y.astype(float), np.nan)
    )
    return measured & ((np.ma.filled(flags, int(Flag.NO_DATA)).astype(int) & int(BAD_FLAGS)) == 0)


def kept_sources(table, filters, reference):
    """Sources that a clipped mean takes, the same in every filter.

    Parameters
    ----------
    table : `astropy.table.Table`
        Photometry with flux_F, flux_err_F, flags_F.
    filters : sequence of str
    reference : str
        Filter in which sources that are too bright are told.

    Returns
    -------
    kept : (n,) bool ndarray

    Notes
    -----
    Left out of all filters are sources that a point source does not describe in some filter (POOR_FIT: a neighbour, an
    artefact, an extended source), with more than `MAX_RELATIVE_NOISE` times the noise of others, or brighter than
    `OUTLIER_MADS` allow. None of it asks whether the noise of a filter happens to be high or low at the source, which
    would bias its flux there; the reference filter alone decides on brightness, far above its noise.
    """
    kept = np.ones(len(table), dtype=bool)
    for filt in filters:
        flags = np.ma.filled(np.ma.asarray(table[f"flags_{filt}"]), 0).astype(int)
        kept &= (flags & int(Flag.POOR_FIT)) == 0
        if f"flux_err_{filt}" in table.colnames:
            err = np.ma.filled(np.ma.asarray(table[f"flux_err_{filt}"], dtype=float), np.nan)
            known = np.isfinite(err)
            if known.mean() >= MIN_CLEAN_SHARE:
                kept &= ~(err > MAX_RELATIVE_NOISE * np.median(err[known]))
    flux = np.ma.filled(np.ma.asarray(table[f"flux_{reference}"], dtype=float), np.nan)
    known = np.isfinite(flux) & kept
    if known.any():
        limit = np.median(flux[known]) + OUTLIER_MADS * mad_sigma(flux[known])
        kept &= ~(flux > limit) if limit > np.median(flux[known]) else True
    return kept


def join_cutouts(parts):
    """Cutouts of all chunks of a filter as one, in the order of their ids, which no chunking can change."""
    ids = [name for part in parts for name in part.ids]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("data", "ivar", "x0", "y0", "x", "y")
    }
    neighbours = [entries for part in parts for entries in part.neighbours]
    return replace(parts[0], ids=[ids[i] for i in order], neighbours=[neighbours[i] for i in order], **joined)


def take(cutouts, rows):
    """Some of the cutouts."""
    arrays = {name: getattr(cutouts, name)[rows] for name in ("data", "ivar", "x0", "y0", "x", "y")}
    return replace(
        cutouts,
        ids=[cutouts.ids[i] for i in rows],
        neighbours=[cutouts.neighbours[i] for i in rows],
        **arrays,
    )


# ---- the stack of a filter -------------------------------------------------------------------------------


def make_stack(cutouts, table, psf, noise, filters, options, *, reference=None):
    """Stack the sources of a field in one filter and fit the stack.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
        Of all sources, see `join_cutouts`.
    table : `astropy.table.Table`
        Photometry: id and, per filter, x_F, y_F, flux_F, flux_err_F, flags_F.
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
    noise : `clusterphot.base.products.Noise`
    filters : sequence of str
        Filters of the field, for the common sample.
    options : StackOptions
    reference : str, optional
        Filter that decides which sources are too bright for a clipped mean; the filter itself by default.

    Returns
    -------
    stack : Stack
        With NaN and `Flag.NO_DATA` where fewer than `MIN_SOURCES` sources can be stacked.

    Notes
    -----
    Where single sources are fainter than the noise of a pixel, the median of images tends to their mean
    (White et al. 2007, ApJ 654, 99), and fluxes are distributed with a tail: the colours of a median stack depend on
    how deep its filters are. A mean is linear in the pixels and does not know the noise; with the same sources and
    weights in all filters its colours are those of the mean flux. In simulated fields with the
    depth and fluxes of SMACS J0723 (five fields, 1244 sources, drizzled noise, true PSF) the flux of the
    median stack exceeds the median true flux by 1.7 0.3 1.3 1.7 4.4 7.6 % in F090W F150W F200W F277W F356W
    F444W, with errors of 0.7-1.7 %; that of the mean stack differs from the mean true flux by -1.2 to 0.2 %,
    part of which is the error of the positions used for the alignment. With a constant sky the mean stack is
    too faint by 2-5 % in the short and 5-20 % in the long filters, under the curved light of galaxies.
    """
    filt = cutouts.filter_name
    aligned = aligned_sample(cutouts, table, psf, noise, filters, options)
    ids, background = aligned.ids, aligned.background
    kept = kept_sources(table, filters, reference or filt)[aligned.rows]
    counts = stack_counts(len(ids), options.n_resamples, options.seed)
    fits_by_method = {}
    for method in METHODS:
        takes = kept if method == "clipped_mean" else np.ones(len(ids), dtype=bool)
        if takes.sum() >= MIN_SOURCES:
            fits_by_method[method] = _stack_by(method, takes, counts, aligned, psf, noise, cutouts, options)
    logger.info("%s: %d of %d sources are stacked", filt, len(ids), len(cutouts.ids))
    if options.method not in fits_by_method:
        return _empty_stack(cutouts, ids, background, options)
    combined, weight, row, model, resampled, is_in = fits_by_method[options.method]
    by_method = {
        name: MethodFlux(fit[2]["flux"], fit[2]["flux_err"], int(fit[5].sum()), fit[4])
        for name, fit in fits_by_method.items()
    }
    row |= {"n_sources": int(is_in.sum()), "n_listed": len(cutouts.ids)}
    return Stack(
        np.nan_to_num(combined), model, weight, row, ids, is_in, background, resampled, by_method,
        cutouts.pixel_scale_arcsec, filt, options.method, options.seed,
    )  # fmt: skip


def _stack_by(method, takes, counts, aligned, psf, noise, cutouts, options):
    """Stack of a method and its fit: image, inverse variance, row, model, fluxes of the resamples, and who is in it."""
    counts = counts * takes
    counts[counts.sum(axis=1) == 0] = takes  # where next to nothing is left: a resample without any of it
    combined = combine(aligned.images, aligned.ivar, method, counts)
    ivar = np.where(takes[:, None, None], aligned.ivar, 0.0)
    of_stack = psf.mean(*aligned.places.T, _shares_of_light(ivar, aligned.flux * takes, method))
    # phases are averaged over the sources of a stack, as over exposures
    of_stack = replace(of_stack, phase_error=psf.phase_error / np.sqrt(takes.sum()))
    weight = stacked_ivar(ivar, method)
    row, model, resampled = fit_stack(combined, weight, of_stack, noise, cutouts, options)
    return combined[0], weight, row, model, resampled, takes


@dataclass(frozen=True)
class AlignedSample:
    """Sources of a stack before they are combined.

    Attributes
    ----------
    ids : list of str
    rows : (n,) int ndarray
        Their rows in the table of photometry.
    places : (n, 2) float ndarray
        x and y in the mosaic.
    flux : (n,) float ndarray, nJy
    images, ivar : (n, m, m) float ndarray
        Local background subtracted, source on the middle pixel.
    background : (n,) float ndarray, nJy/pixel
    psf : `clusterphot.base.products.Psf`
        The mean of the PSFs at the places of the sources, with their shares of the light of a mean.
    """

    ids: list
    rows: np.ndarray
    places: np.ndarray
    flux: np.ndarray
    images: np.ndarray
    ivar: np.ndarray
    background: np.ndarray
    psf: Psf


def aligned_sample(cutouts, table, psf, noise, filters, options):
    """The sources that can be stacked in a filter, aligned; arguments as in `make_stack`.

    Returns
    -------
    sample : AlignedSample
    """
    filt = cutouts.filter_name
    sample = common_sample(table, filters) & is_clean(table, filt)
    row_of = {str(name): row for row, name in enumerate(table["id"])}
    rows = [i for i, name in enumerate(cutouts.ids) if sample[row_of[name]]]
    chosen = take(cutouts, rows)
    where = np.array([row_of[name] for name in chosen.ids], dtype=np.int64)
    x, y, flux = (
        np.ma.filled(np.ma.asarray(table[f"{name}_{filt}"], dtype=float), np.nan)[where]
        for name in ("x", "y", "flux")
    )
    ivar = chosen.ivar * noise.ivar_scale
    places = np.stack([x, y], axis=1)
    x, y = x - chosen.x0, y - chosen.y0
    background = local_background(chosen.data, ivar > 0, x, y, options.annulus_px)
    usable = np.flatnonzero(np.isfinite(background) & np.isfinite(flux))
    ids = [chosen.ids[i] for i in usable]
    if len(usable) < MIN_SOURCES:
        empty = np.zeros((0, *chosen.data.shape[1:]))
        found = (where[usable], places[usable], flux[usable])
        return AlignedSample(ids, *found, empty, empty, background[usable], psf)
    images, weights = np.empty((2, len(usable), *chosen.data.shape[1:]))
    renderer = PsfRenderer(psf.terms, chosen.data.shape[-1])
    for first in range(0, len(usable), BLOCK_SOURCES):
        block, rows = slice(first, first + BLOCK_SOURCES), usable[first : first + BLOCK_SOURCES]
        cores = renderer.cores(psf.weights(*places[rows].T))
        light = renderer.render(x[rows], y[rows], cores) * flux[rows, None, None]
        images[block], weights[block] = _aligned(
            chosen.data[rows], ivar[rows], (x[rows], y[rows]), background[rows], light
        )
    shares = _shares_of_light(weights, flux[usable], options.method)
    found = (where[usable], places[usable], flux[usable])
    return AlignedSample(
        ids, *found, images, weights, background[usable], psf.mean(*places[usable].T, shares)
    )


def _shares_of_light(ivar, flux, method):
    """Share of each source in the light of a stack, (n,); sources fainter than nothing have none.

    A mean weighs pixels by their inverse variance; the median of sources fainter than the noise is their plain mean.
    """
    weights = np.median(ivar, axis=(1, 2)) if method == "mean" else 1.0
    shares = weights * np.maximum(flux, 0.0)
    return shares if shares.sum() > 0 else np.ones(len(flux))


def _aligned(data, ivar, position, background, light):
    """Background subtracted, bad pixels filled with the fitted source, shifted to the centre."""
    x, y = position
    return align(np.where(ivar > 0, data - background[:, None, None], light), ivar, x, y)


def fit_stack(combined, ivar, psf, noise, cutouts, options):
    """Fit a point source to a stack, and at the position found there to its resamples.

    Parameters
    ----------
    combined : (1 + k, m, m) float ndarray
        The stack and its resamples.
    ivar : (m, m) float ndarray
    psf, noise, cutouts
        As in `make_stack`.
    options : StackOptions

    Returns
    -------
    row : dict
    model : (m, m) float ndarray
    resampled_flux : (k,) float ndarray
    """
    filt, m = cutouts.filter_name, ivar.shape[0]
    fit = _fit_as_source(combined[0], ivar, psf, noise, cutouts, options)
    x, y = (np.atleast_1d(float(fit[f"{name}_{filt}"])) for name in ("x", "y"))
    row = {name: float(fit[f"{name}_{filt}"]) for name in ("flux", "flux_err_sys", "dx", "dy", "sky", "chi2")}
    row |= {"flux_err_noise": float(fit[f"flux_err_{filt}"]), "dof": int(fit[f"dof_{filt}"])}
    row["flags"] = int(fit[f"flags_{filt}"])
    if not np.isfinite(row["flux"]):
        return row | {"flux_err": np.nan}, np.full((m, m), np.nan), np.full(len(combined) - 1, np.nan)
    # Flux and sky of stack and resamples at that position: linear, solved for all at once.
    light = PsfRenderer(psf.terms, m).render(x, y).reshape(1, 1, -1)
    terms = SkyTerms(options.sky, m)
    data = combined.reshape(len(combined), -1)
    weights = np.where(np.isfinite(data), ivar.ravel(), 0.0)
    columns = np.broadcast_to(light, (len(data), 1, m * m))
    equations = normal_equations(columns, columns * weights[:, None], terms, np.nan_to_num(data), weights)
    solution, _ = solve(equations)
    model = (solution[0, 0] * light[0, 0] + terms.surface(solution[0, 1:])).reshape(m, m)
    resampled = solution[1:, 0]
    return row | {"flux_err": float(np.std(resampled, ddof=1))}, model, resampled


def _fit_as_source(image, ivar, psf, noise, cutouts, options):
    """Row of the fit of one image as if it were the cutout of a source in its middle, alone, in a field of its own."""
    middle = np.array([float(ivar.shape[0] // 2)])
    alone = Cutouts(
        ["stack"], np.nan_to_num(image[None]), np.where(np.isfinite(image[None]), ivar, 0.0),
        np.zeros(1, int), np.zeros(1, int), middle, middle, [[]], cutouts.pixel_scale_arcsec, cutouts.filter_name,
    )  # fmt: skip
    # No prior of its position and no neighbours; the inverse variance of a stack is scaled already.
    fit_options = FitOptions(
        sky=options.sky,
        max_shift_px=options.max_shift_px,
        neighbours=False,
        position_sigma_arcsec=0.0,
        debias=False,
        adaptive_window=False,
    )
    scaled = Noise(noise.correlation, 1.0, cutouts.filter_name)
    wcs = _flat_wcs(cutouts.pixel_scale_arcsec)
    return fit_sources(alone, psf, scaled, wcs, fit_options, engine=options.engine)[0]


def _flat_wcs(pixel_scale_arcsec):
    """Tangent-plane WCS about the origin: a stack lies nowhere on the sky."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-pixel_scale_arcsec / 3600, pixel_scale_arcsec / 3600]
    return wcs


def _empty_stack(cutouts, ids, background, options):
    """Stack of a filter in which nothing can be stacked."""
    m = cutouts.data.shape[-1]
    row = dict.fromkeys(STACK_COLUMNS, float("nan"))
    row |= {"dof": 0, "flags": int(Flag.NO_DATA), "n_sources": len(ids), "n_listed": len(cutouts.ids)}
    empty = np.full((m, m), np.nan)
    return Stack(
        empty, empty, np.zeros((m, m)), row, ids, np.ones(len(ids), dtype=bool), background,
        np.full(options.n_resamples, np.nan), {}, cutouts.pixel_scale_arcsec, cutouts.filter_name, options.method,
        options.seed,
    )  # fmt: skip


# ---- files -----------------------------------------------------------------------------------------------


def write_stack(path, stack, field):
    """Write images DATA, MODEL, RESIDUAL, IVAR and tables FIT, SOURCES, METHODS, BOOTSTRAP."""
    header = fits.Header()
    header["FIELD"], header["FILTER"] = field, stack.filter_name
    header["PIXSCALE"] = (stack.pixel_scale_arcsec, "[arcsec]")
    header["METHOD"] = (stack.method, "how sources are combined")
    header["NSOURCES"] = (stack.row["n_sources"], "sources in the stack")
    header["SEED"] = (stack.seed, "of the bootstrap")
    hdus = [fits.PrimaryHDU(header=header)]
    residual = stack.data - stack.model
    for name, image in (
        ("DATA", stack.data),
        ("MODEL", stack.model),
        ("RESIDUAL", residual),
        ("IVAR", stack.ivar),
    ):
        hdu = fits.ImageHDU(np.asarray(image, dtype=np.float32), name=name)
        hdu.header["BUNIT"] = IVAR_UNIT if name == "IVAR" else "nJy"
        hdus.append(hdu)
    row = Table({name: [stack.row[name]] for name in STACK_COLUMNS})
    ids = np.char.encode(np.array(stack.ids, dtype=str), "utf-8") if stack.ids else np.zeros(0, "S1")
    sources = Table(
        {"id": ids, "background": np.asarray(stack.background, dtype=float), "is_in": np.asarray(stack.is_in)}
    )
    methods = Table(
        [
            [getattr(fit, name) for fit in stack.by_method.values()]
            for name in ("flux", "flux_err", "n_sources")
        ],
        names=("flux", "flux_err", "n_sources"),
        dtype=(float, float, int),
    )
    methods.add_column(np.array(list(stack.by_method), dtype="U12"), name="method", index=0)
    resamples = Table({"flux": stack.resampled_flux})
    for name, fit in stack.by_method.items():
        resamples[f"flux_{name}"] = fit.resampled_flux
    for table, columns in (
        (row, STACK_COLUMNS),
        (sources, STACK_SOURCE_COLUMNS),
        (methods, STACK_METHOD_COLUMNS),
        (resamples, STACK_BOOTSTRAP_COLUMNS),
    ):
        for name in table.colnames:
            unit, _ = columns[name] if name in columns else columns["flux_M"]
            table[name].unit = unit or None
    tables = (("FIT", row), ("SOURCES", sources), ("METHODS", methods), ("BOOTSTRAP", resamples))
    write_fits(path, hdus + [fits.BinTableHDU(table, name=name) for name, table in tables])


def read_stack(path):
    """Read a `Stack` written by `write_stack`."""
    with open_fits(path) as hdus:
        header, row = hdus[0].header, hdus["FIT"].data[0]
        names, resamples = hdus["SOURCES"].data["id"], hdus["BOOTSTRAP"].data
        by_method = {
            str(fit["method"]): MethodFlux(
                float(fit["flux"]),
                float(fit["flux_err"]),
                int(fit["n_sources"]),
                np.asarray(resamples[f"flux_{fit['method']}"], dtype=float),
            )
            for fit in hdus["METHODS"].data
        }
        return Stack(
            data=np.asarray(hdus["DATA"].data, dtype=float),
            model=np.asarray(hdus["MODEL"].data, dtype=float),
            ivar=np.asarray(hdus["IVAR"].data, dtype=float),
            row={name: row[name].item() for name in STACK_COLUMNS},
            ids=[
                name.encode("latin-1").decode("utf-8") if isinstance(name, str) else name.decode()
                for name in names
            ],
            is_in=np.asarray(hdus["SOURCES"].data["is_in"], dtype=bool),
            background=np.asarray(hdus["SOURCES"].data["background"], dtype=float),
            resampled_flux=np.asarray(resamples["flux"], dtype=float),
            by_method=by_method,
            pixel_scale_arcsec=header["PIXSCALE"],
            filter_name=header["FILTER"],
            method=header["METHOD"],
            seed=header["SEED"],
        )


def join_stacks(stacks, zero_point_errors):
    """One row with the fluxes of the stacks of all filters.

    Parameters
    ----------
    stacks : sequence of Stack
    zero_point_errors : dict of str to float
        Fractional error of each filter's zero point, added in quadrature to that of the PSF.

    Returns
    -------
    table : `astropy.table.Table`
        Columns id, flags and per filter flux_F, flux_err_F, flux_err_sys_F, dx_F, dy_F, chi2_F, dof_F,
        flags_F, sky_F, n_sources_F.
    correlation : (n, n) list of lists of float
        Of the errors of the fluxes between filters, from the bootstrap; 0 between filters that stack
        different sources.
    """
    columns = {
        "id": ["stack"],
        "flags": [int(np.bitwise_or.reduce([stack.row["flags"] for stack in stacks]))],
    }
    for stack in stacks:
        for name in JOINED:
            columns[f"{name}_{stack.filter_name}"] = [stack.row[name]]
        sys = f"flux_err_sys_{stack.filter_name}"
        zero_point = zero_point_errors[stack.filter_name] * abs(stack.row["flux"])
        columns[sys] = [float(np.hypot(columns[sys][0], zero_point))]
    correlation = np.eye(len(stacks))
    for i, one in enumerate(stacks):
        for j, other in enumerate(stacks[:i]):
            same = one.ids == other.ids and len(one.resampled_flux) == len(other.resampled_flux)
            if same and one.row["flux_err"] > 0 and other.row["flux_err"] > 0:
                value = np.corrcoef(one.resampled_flux, other.resampled_flux)[0, 1]
                correlation[i, j] = correlation[j, i] = round(float(value), 4)
    return Table(columns), correlation.tolist()
