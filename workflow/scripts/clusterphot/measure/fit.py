"""Point-source photometry on cutouts: fluxes and local sky solved exactly, positions by a bounded search.

The model of Faisst et al. 2022 (ApJL 941, L11), with neighbours fitted together, a curved sky, positions tied
between filters, and errors that carry the noise correlation. Fluxes nJy, positions mosaic pixels (0-based).
"""

import functools
import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import vstack

from clusterphot.base.flags import Flag
from clusterphot.base.numerics import TINY
from clusterphot.config.photometry import EngineKeys, FitKeys
from clusterphot.measure.blocks import MISFIT_SIGMA, fit_free, fit_tied, sky_is_adequate
from clusterphot.measure.engines import open_engine
from clusterphot.measure.fit_rows import Results, make_table
from clusterphot.measure.flux_errors import NoiseOperator, PositionLoss
from clusterphot.measure.linear import SkyTerms, sky_values, solve
from clusterphot.measure.neighbours import listed_scenes, tied_scenes
from clusterphot.measure.positions import CutoutBlock, PositionPrior
from clusterphot.measure.rendering import PsfRenderer

BLOCK_PIXELS = 200_000
"""Pixels of column images held at once; a matter of cache, without influence on results."""

IMAGES_PER_COMPONENT = 3
"""Columns of a source in a fit with free position: its image and two gradients."""

WINDOW_FRACTIONS = (0.8, 0.6, 0.5)
"""Radii of the circles tried where the sky terms do not fit the whole cutout, as fractions of its half side. Chosen:
the smallest, 0.2 arcsec at the shipped 0.8, still holds the core of the PSF at 4.4 um (FWHM 0.145 arcsec)."""

FREE_MARGIN_PX = 1.5
"""Neighbours nearer to the cutout's edge, or outside, are held at their listed position: too little of them is seen."""

MASKED_FRACTION = 0.05
"""Share of the squared PSF (the information on the flux) on bad pixels above which a source is flagged; its error is
then 3 % larger than without them. Chosen."""

MIN_VALID_FRACTION = 0.2
"""Share of the squared PSF on valid pixels below which nothing is measured: the wings alone, which PSFs know least.
Chosen."""

MIN_DOF = 5
"""Valid pixels beyond the number of parameters that a fit needs. Chosen."""

EDGE_FRACTION = 0.1
"""Share of bad pixels on a cutout's outermost ring above which it is taken to leave the image. Chosen: an edge that
cuts off a row or a column is a quarter of the ring, a cosmic ray a few pixels of 160."""

SATURATED_PIXELS, SATURATED_SNR = 4, 200.0
"""A source is saturated if the fit says that this many bad pixels are brighter than all valid ones, at this signal
to noise at least: bad pixels on a faint source have other reasons. Chosen."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitOptions(FitKeys):
    """Choices of the fit: keys of the configuration, and what a preset changes beside them.

    Attributes
    ----------
    neighbours : bool
        Fit neighbours together with the target, see `clusterphot.measure.neighbours`.
    debias : bool
        Correct fluxes for the mean gain of a maximum over positions, and for the loss by an erring tied
        position.
    conditional_errors : bool
        ``flux_err`` is the error with all else fixed and white noise.
    adaptive_window : bool
        Where the sky terms do not fit the whole cutout, fit circles of `WINDOW_FRACTIONS` of its half side,
        and inflate the error if the smallest is not fitted either.
    """

    neighbours: bool = True
    debias: bool = True
    conditional_errors: bool = False
    adaptive_window: bool = True

    def with_preset(self, preset):
        """These options under a preset: ``default`` changes nothing, ``paper`` is Faisst et al. 2022."""
        if preset == "default":
            return self
        if preset == "paper":
            return replace(
                self,
                sky="constant",
                position="free",
                neighbours=False,
                position_sigma_arcsec=0.0,
                debias=False,
                conditional_errors=True,
                adaptive_window=False,
            )
        raise ValueError(f"preset is {preset!r}, expected 'default' or 'paper'")


class FilterSetup:
    """What all sources of one filter share: rendered PSF, sky terms, noise.

    Factors that depend on the shape of the PSF (inflation, loss by erring positions) are those of its mean over the
    field: where the FWHM is 15 % off they are off by 2.5 % of an error, and by 0.2 % of a flux at a signal to noise of
    10.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
    noise : `clusterphot.base.products.Noise`
    size_px : int
        Side of the cutouts.
    pixel_scale_arcsec : float
    gain_e_per_njy : float or None
    options : FitOptions
    """

    def __init__(self, psf, noise, size_px, pixel_scale_arcsec, gain_e_per_njy, options):
        self.options = options
        self.size_px = size_px
        self.pixel_scale_arcsec = pixel_scale_arcsec
        self.psf = psf
        self.renderer = PsfRenderer(psf.terms, size_px)
        self.terms = SkyTerms(options.sky, size_px)
        self.operator = NoiseOperator(noise.correlation, size_px)
        self.ivar_scale = noise.ivar_scale
        self.phase_error = 0.0 if options.conditional_errors else psf.phase_error
        self._noise, self._gain = noise, gain_e_per_njy
        self.inflation = self._inflation()
        self.clumping = float(np.square(noise.correlation).sum())
        self.windows = _windows(size_px, pixel_scale_arcsec, options)

    def cores(self, x, y):
        """What `PsfRenderer` needs to draw the PSF of places (...) of the mosaic; None where it is one everywhere."""
        cores = self.renderer.cores(self.psf.weights(np.ravel(x), np.ravel(y)))
        return None if cores is None else cores.reshape(*np.shape(x), *cores.shape[1:])

    @functools.cached_property
    def loss(self):
        """Flux lost by erring positions; only fits that correct for it need it."""
        return PositionLoss(self.renderer, self.terms)

    def expected_chi2(self, n_pixels, n_parameters):
        """Mean chi-square of a perfect model, at least 1.

        A parameter takes up as much noise as it has in its estimate: 1 in white noise, else about the
        inflation.
        """
        return np.maximum(n_pixels - np.rint(n_parameters * self.inflation), 1.0)

    def excess(self, chi2, n_pixels, n_parameters):
        """Excess of a chi-square over that of noise, in units of its scatter."""
        expected = self.expected_chi2(n_pixels, n_parameters)
        return (chi2 - expected) / np.sqrt(2.0 * self.clumping * expected)

    def _inflation(self):
        """Variance of a central source's flux in the true noise over that in white noise."""
        middle = np.array([self.size_px // 2], dtype=float)
        image = self.renderer.render(middle, middle).reshape(1, 1, -1)
        block = CutoutBlock(np.zeros_like(image[0]), np.ones_like(image[0]), self.renderer, self.terms)
        equations, weighted = block.equations(image)
        _, inverse = solve(equations)
        weight = inverse[:, 0, :1] @ weighted[0] + self.terms.surface(inverse[:, 0, 1:])
        return float(self.operator.variance(self.maps(weight))[0] / np.square(weight).sum())

    def maps(self, flat):
        """Flat images (n, p) as (n, m, m)."""
        return flat.reshape(-1, self.size_px, self.size_px)

    def pixel_noise(self, weights, model):
        """Inverse variance of each pixel, and its sigma times its weight; both zero on bad pixels.

        The variance is that of the background and of the photons of the fitted model.
        """
        if self._gain is None:
            return weights, np.sqrt(weights)
        per_light = self._noise.photon_growth(weights / self.ivar_scale, self._gain)
        growth = 1.0 + per_light * np.maximum(model, 0.0)
        return weights / growth, np.sqrt(weights * growth)


def _windows(size_px, pixel_scale_arcsec, options):
    """Masks (p,) of the pixels used: the whole cutout, then circles for sources it does not fit."""
    whole = np.ones(size_px**2)
    if not options.adaptive_window:
        return [whole]
    y, x = (grid.ravel() for grid in np.mgrid[:size_px, :size_px] - size_px // 2)
    distance = np.hypot(x, y) * pixel_scale_arcsec
    radii = [fraction * 0.5 * size_px * pixel_scale_arcsec for fraction in WINDOW_FRACTIONS]
    return [whole, *((distance <= radius).astype(float) for radius in radii)]


def fit_sources(
    cutouts,
    psf,
    noise,
    wcs,
    options,
    *,
    reference=None,
    offset_px=(0.0, 0.0),
    engine=EngineKeys.engine,
    phase_error=None,
):
    """Photometry of the sources of one chunk in one filter.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
        Of each source, neighbours included, that of its listed place.
    noise : `clusterphot.base.products.Noise`
    wcs : `astropy.wcs.WCS`
        Of the filter's mosaic.
    options : FitOptions
    reference : `astropy.table.Table` or None
        What this function made of the same chunk in the reference filter; None in the reference filter
        itself.
    offset_px : (dx, dy) floats
        Position of a source in this filter's image less that expected from the reference filter and the two
        WCS.
    engine : str
        What finds positions, fluxes and sky: a key of `clusterphot.measure.engines.ENGINES`.
    phase_error : (n,) float ndarray, optional
        Fractional error by dither phase of each cutout's source, NaN where not known; by default that of the PSF.

    Returns
    -------
    table : `astropy.table.Table`
        One row per source and fitted neighbour, the target (``is_target``) first; columns end in the
        filter's name. Meta holds ``filter`` and ``pixel_scale_arcsec``.

    Raises
    ------
    ValueError
        If the engine or the kind of sky is unknown.
    ConfigError
        If the engine's program is not installed.

    Examples
    --------
    A source of 100 nJy on a curved sky, in white noise of 0.5 nJy per pixel, listed half a pixel off:

    >>> import numpy as np
    >>> from astropy.wcs import WCS
    >>> from clusterphot.base.products import Cutouts, Noise, Psf
    >>> y, x = np.mgrid[-30:31, -30:31]
    >>> psf = np.exp(-0.5 * (x**2 + y**2) / 1.6**2)
    >>> psf /= psf.sum()
    >>> rng = np.random.default_rng(1)
    >>> sky = 3.0 + 0.002 * (x[10:51, 10:51] - 5.0) ** 2
    >>> data = 100.0 * psf[10:51, 10:51] + sky + rng.normal(scale=0.5, size=(41, 41))
    >>> cutouts = Cutouts(
    ...     ids=["a"], data=data[None], ivar=np.full((1, 41, 41), 4.0), x0=np.array([0]), y0=np.array([0]),
    ...     x=np.array([20.5]), y=np.array([20.0]), neighbours=[[]], pixel_scale_arcsec=0.02, filter_name="F200W",
    ... )
    >>> white = np.zeros((17, 17))
    >>> white[8, 8] = 1.0
    >>> table = fit_sources(
    ...     cutouts, Psf(psf, 0.02, "F200W"), Noise(white, 1.0, "F200W"), WCS(naxis=2), FitOptions()
    ... )
    >>> row = table[0]
    >>> print(f"{row['flux_F200W']:.1f} +- {row['flux_err_F200W']:.1f} nJy at x = {row['x_F200W']:.2f}")
    98.0 +- 2.9 nJy at x = 20.04
    """
    if noise.parts:
        how = {"reference": reference, "offset_px": offset_px, "engine": engine, "phase_error": phase_error}
        return _fit_by_parts(cutouts, psf, noise, wcs, options, how)
    setup = FilterSetup(
        psf, noise, cutouts.data.shape[-1], cutouts.pixel_scale_arcsec, cutouts.gain_e_per_njy, options
    )
    if reference is None:
        scenes, free = listed_scenes(cutouts, options), True
    else:
        scenes = tied_scenes(cutouts, wcs, reference, np.asarray(offset_px, dtype=float))
        free = options.position == "free"
    fitter = open_engine(engine, setup)
    results = Results(scenes)
    for n_components in sorted(set(scenes.counts.tolist())):
        # cutouts with equally many components are fitted together, in blocks that fit in the cache
        step = max(BLOCK_PIXELS // (IMAGES_PER_COMPONENT * n_components * setup.size_px**2), 1)
        remaining = np.flatnonzero(scenes.counts == n_components)
        for level in range(len(setup.windows)):
            blocks = [
                _open_block(cutouts, setup, scenes, remaining[first : first + step])
                for first in range(0, len(remaining), step)
            ]
            how = {"level": level, "free": free, "recentre": reference is None}
            left = [_fit_block(fitter, setup, block, results, **how) for block in blocks]
            remaining = np.concatenate(left)  # what this window does not fit is tried in a smaller one
            if len(remaining) == 0:
                break
    phase = np.full(len(cutouts.ids), setup.phase_error)
    if phase_error is not None and not options.conditional_errors:
        phase = np.where(np.isfinite(phase_error), phase_error, phase)
    return make_table(cutouts, setup, results, wcs, phase)


def _fit_by_parts(cutouts, psf, noise, wcs, options, how):
    """The same with the noise of the part of the mosaic that each cutout lies in."""
    part, tables = noise.part_of(cutouts.typical_ivar), []
    for number in np.unique(part):
        rows, own = np.flatnonzero(part == number), dict(how)
        some = cutouts.take(rows)
        if how["reference"] is not None:
            own["reference"] = how["reference"][np.isin(how["reference"]["target_id"], some.ids)]
        if how["phase_error"] is not None:
            own["phase_error"] = np.asarray(how["phase_error"])[rows]
        tables.append(fit_sources(some, psf, noise.parts[number], wcs, options, **own))
    table = vstack(tables, metadata_conflicts="silent") if len(tables) > 1 else tables[0]
    place = {name: row for row, name in enumerate(cutouts.ids)}
    return table[np.argsort([place[name] for name in table["target_id"].tolist()], kind="stable")]


@dataclass(frozen=True)
class _Pixels:
    """Cutouts (n,) with equally many sources: their pixels, and first positions (n, c, 2) in the cutout."""

    cutouts: np.ndarray
    block: CutoutBlock
    start: np.ndarray

    def take(self, rows):
        """The same for some of the cutouts."""
        return _Pixels(self.cutouts[rows], self.block.take(rows), self.start[rows])


def _open_block(cutouts, setup, scenes, rows):
    """Pixels of some cutouts; bad ones, and all of a source without a place, have no weight."""
    n = len(rows)
    data, ivar = cutouts.data[rows].reshape(n, -1), cutouts.ivar[rows].reshape(n, -1)
    valid = np.isfinite(data) & np.isfinite(ivar) & (ivar > 0)
    if valid.all():
        weights = ivar * setup.ivar_scale
    else:
        weights = np.where(valid, ivar, 0.0) * setup.ivar_scale
        data = np.where(valid, data, 0.0)
    corner = np.stack([cutouts.x0[rows], cutouts.y0[rows]], axis=1)[:, None, :]
    start = scenes.start[scenes.rows(rows)] - corner
    placed = np.isfinite(start).all(axis=(1, 2))
    start = np.where(placed[:, None, None], start, setup.size_px // 2)
    weights[~placed] = 0.0
    cores = setup.cores(*np.moveaxis(start + corner, 2, 0))
    block = CutoutBlock(data, weights, setup.renderer, setup.terms, cores, corner[:, 0])
    return _Pixels(rows, block, start)


def _fit_block(engine, setup, pixels, results, *, level, free, recentre):
    """Fit the pixels in one of the windows and store what fits there; the cutouts that are left for the next one."""
    window, last = setup.windows[level], level == len(setup.windows) - 1
    everything = pixels
    if free and not last:
        # the search for positions is the costly part: not for cutouts that this window does not fit anyway
        pixels = pixels.take(sky_is_adequate(setup, pixels.block.windowed(window), pixels.start))
    rows, scenes = pixels.cutouts, results.scenes
    if len(rows) == 0:
        return everything.cutouts
    block = pixels.block if level == 0 else pixels.block.windowed(window)
    if free:
        fit, at_bound = fit_free(
            engine, setup, block, _position_prior(setup, pixels.start), recentre=recentre
        )
    else:
        fit = fit_tied(engine, setup, block, pixels.start, scenes.covariance[rows])
        at_bound = scenes.at_bound[rows]
    expected = setup.expected_chi2(fit.n_pixels, fit.n_parameters)
    flux_err, done = fit.flux_err, np.ones(len(rows), dtype=bool)
    if setup.options.adaptive_window:
        # done where chi-square is that of noise; in the last window the error grows by what it is too large
        excess = setup.excess(fit.misfit, fit.n_pixels, fit.n_parameters)
        growth = np.where(excess >= MISFIT_SIGMA, np.sqrt(fit.misfit / expected), 1.0)
        flux_err, done = flux_err * growth, (excess < MISFIT_SIGMA) | last
    results.store(
        rows,
        done,
        fit,
        flags=_all_flags(_flags(setup, pixels.block, fit), at_bound, scenes.blended[rows]),
        flux_err=flux_err,
        flux_err_marginal=fit.flux_err_marginal,
        flux_err_conditional=fit.flux_err_conditional,
        chi2=fit.chi2,
        sky=_sky_under_targets(setup, fit),
        expected_chi2=expected,
    )
    return np.setdiff1d(everything.cutouts, rows[done], assume_unique=True)


def flag_unknown_offset(table):
    """Flag the targets of `fit_sources` whose places rest on the WCS alone, in place; those without data are not."""
    column = f"flags_{table.meta['filter']}"
    flags = np.asarray(table[column])
    measured = np.asarray(table["is_target"]) & ((flags & int(Flag.NO_DATA | Flag.FAILED)) == 0)
    table[column] = np.where(measured, flags | int(Flag.OFFSET_UNKNOWN), flags)


def _all_flags(own, at_bound, blended):
    """Flags of the pixels with those of the position; a source that is not measured has no position."""
    measured = (own & int(Flag.NO_DATA | Flag.FAILED)) == 0
    own = own | np.where(measured & at_bound, int(Flag.AT_BOUND), 0)
    return own | np.where(measured & blended, int(Flag.BLENDED), 0)


def _sky_under_targets(setup, fit):
    """Value of the fitted sky at the positions of the targets, (n,)."""
    u, v = (fit.positions[:, 0] - setup.size_px // 2).T / (setup.size_px // 2)
    return (sky_values(setup.options.sky, v, u).T * fit.sky).sum(axis=-1)


def _position_prior(setup, start):
    """Prior and box of the positions, both around the start."""
    options = setup.options
    sigma = options.position_sigma_arcsec / setup.pixel_scale_arcsec
    free = np.abs(start - setup.size_px // 2).max(axis=2) <= 0.5 * setup.size_px - FREE_MARGIN_PX
    free[:, 0] = True
    precision = np.where(free, setup.inflation / sigma**2 if sigma > 0 else 0.0, 0.0)
    return PositionPrior(start, precision, start, options.max_shift_px, free)


def _flags(setup, block, fit):
    """Flags of a block that follow from the pixels and the fitted values, (n,) int."""
    outside, missing, above = _bad_pixels(setup, block.data, block.weights, fit)
    finite = (
        np.isfinite(fit.fluxes).all(axis=1) & np.isfinite(fit.sky).all(axis=1) & np.isfinite(fit.flux_err)
    )
    significance = fit.fluxes[:, 0] / np.where(fit.flux_err > 0, fit.flux_err, np.inf)
    enough = fit.n_pixels >= fit.n_parameters + MIN_DOF
    no_data = (missing > 1.0 - MIN_VALID_FRACTION) | ~enough
    failed = ~no_data & ~(finite & (fit.flux_err > 0))
    measured = ~no_data & ~failed
    masked = measured & (missing > MASKED_FRACTION)
    seen = measured | (no_data & enough)  # a saturated core has no data, but its wings tell what it is
    saturated = seen & (above >= SATURATED_PIXELS) & (significance > SATURATED_SNR)
    flags = np.zeros(len(block.data), dtype=np.int64)
    for flag, where in (
        (Flag.EDGE, outside > EDGE_FRACTION),
        (Flag.NO_DATA, no_data),
        (Flag.FAILED, failed),
        (Flag.MASKED, masked),
        (Flag.SATURATED, saturated),
    ):
        flags[where] |= int(flag)
    return flags


def _bad_pixels(setup, data, weights, fit):
    """Share of bad pixels on the outermost ring, of the squared PSF on bad ones, and bad ones above all valid ones."""
    outside, missing, above = np.zeros((3, len(data)))
    some = np.flatnonzero((weights <= 0).any(axis=1))
    if len(some) == 0:
        return outside, missing, above
    data, weights, image = data[some], weights[some], fit.image[some]
    bad = setup.maps(weights) <= 0
    ring = np.ones(bad.shape[1:], dtype=bool)
    ring[1:-1, 1:-1] = False
    outside[some] = bad[:, ring].sum(axis=1) / ring.sum()
    hidden = np.where(weights > 0, 0.0, image)
    missing[some] = np.square(hidden).sum(axis=-1) / np.maximum(np.square(image).sum(axis=-1), TINY)
    brightest = np.where(weights > 0, data, -np.inf).max(axis=-1)
    above[some] = (hidden * fit.fluxes[some, :1] > brightest[:, None]).sum(axis=-1)
    return outside, missing, above
