"""Fits of blocks of cutouts with equally many components each, by tied or by free positions.

Images nJy/pixel, positions cutout pixels (0-based); the target is the first component of each cutout.
"""

from dataclasses import dataclass, replace

import numpy as np

from clusterphot.measure.linear import solve
from clusterphot.measure.positions import (
    Layout,
    best_pixel,
    light_beyond,
    light_of_targets,
    zeroth_centroid,
)

PSF_TOLERANCE = 0.1
"""Fraction of a point source's light in each pixel that the PSF may be wrong by before the sky is blamed."""

LIST_TOLERANCE = 0.5
"""The same where the source is not yet at its fitted position."""

MISFIT_SIGMA = 1.5
"""Excess of chi-square, in units of its own scatter, beyond which the sky terms are taken not to fit: of good fits
one in 15 is fitted again in a smaller window, which costs it a little signal to noise. Chosen."""

UNFITTED_MISFIT_FACTOR = 2.0
"""Factor on `MISFIT_SIGMA` where no position has been fitted: windows are given up early only where that is certain
to happen."""

CENTROID_RADIUS_ARCSEC = 0.06
MIN_CENTROID_RADIUS_PX = 2.0
"""Radius of the aperture of the zeroth-order centroid: about the FWHM at 2 um, and pixels enough for a mean."""

BOUND_TOLERANCE_PX = 1e-3
"""A position this near to the edge of its box is on it."""


@dataclass(frozen=True)
class BlockFit:
    """Results for a block of n cutouts with c components and k sky terms; position errors 0 where tied.

    Attributes
    ----------
    positions : (n, c, 2) float ndarray
    fluxes : (n, c) float ndarray
    flux_errors : (n, c) float ndarray
        Marginal, white noise; of all components.
    sky : (n, k) float ndarray
    position_covariance : (n, c, 3) float ndarray
        xx, yy, xy.
    flux_err, flux_err_marginal, flux_err_conditional : (n,) float ndarray
        Of the target; the first is the last where the options ask for conditional errors.
    chi2, n_pixels : (n,) float ndarray
        Sum of squared residuals over their variance, and the valid pixels it is over.
    misfit : (n,) float ndarray
        The same with `PSF_TOLERANCE` of the point sources' light added to the errors: what the sky terms
        miss; NaN where the window is not adapted.
    n_parameters : (n,) float ndarray
    image : (n, p) float ndarray
        The target at unit flux.
    """

    positions: np.ndarray
    fluxes: np.ndarray
    flux_errors: np.ndarray
    sky: np.ndarray
    position_covariance: np.ndarray
    flux_err: np.ndarray
    flux_err_marginal: np.ndarray
    flux_err_conditional: np.ndarray
    chi2: np.ndarray
    n_pixels: np.ndarray
    misfit: np.ndarray
    n_parameters: np.ndarray
    image: np.ndarray


def fit_tied(engine, setup, block, positions, covariance):
    """Fluxes and sky at given positions.

    Parameters
    ----------
    engine : object
        From `clusterphot.measure.engines.open_engine`.
    setup : `clusterphot.measure.fit.FilterSetup`
    block : `clusterphot.measure.positions.CutoutBlock`
    positions : (n, c, 2) float ndarray
    covariance : (n, 3) float ndarray
        Of the target's given position: xx, yy, xy in pixels squared; zero for a position taken as exact.

    Returns
    -------
    fit : BlockFit

    Notes
    -----
    The response of the flux to a shift is of second order for a lone source, and that is what the
    correction by `clusterphot.measure.flux_errors.PositionLoss` holds.
    """
    n, c, _ = positions.shape
    # fluxes of target and neighbours and the sky, all at once and exactly
    images = block.images(positions)
    equations, weighted = block.equations(images)
    solution, inverse = solve(equations)
    found = engine.solve_tied(block, positions)
    solution = solution if found.values is None else found.values
    fit = _Residuals(setup, block, images, solution)
    # flux of the target = sum of estimator x weight x data, so its error is that of sigma x weight x estimator
    estimator = (inverse[:, :1, :c] @ images)[:, 0] + setup.terms.surface(inverse[:, 0, c:])
    noise = estimator * fit.noise
    marginal = np.sqrt(_dot(noise, noise))
    conditional = _conditional(images, weighted, found)
    flux_err = conditional
    if not setup.options.conditional_errors:
        flux_err = np.sqrt(setup.operator.variance(setup.maps(noise)))
    fluxes = solution[:, :c].copy()
    if setup.options.debias:
        # flux lost because the given position errs, and the scatter of that loss
        mean, scatter = setup.loss.moments(*covariance.T)
        fluxes[:, 0] /= mean
        flux_err = np.sqrt(flux_err**2 + fluxes[:, 0] ** 2 * scatter) / mean
        marginal = np.sqrt(marginal**2 + fluxes[:, 0] ** 2 * scatter) / mean
    return BlockFit(
        positions=positions,
        fluxes=fluxes,
        flux_errors=np.sqrt(np.diagonal(inverse, axis1=1, axis2=2)[:, :c]),
        sky=solution[:, c:],
        position_covariance=np.zeros((n, c, 3)),
        flux_err=flux_err,
        flux_err_marginal=marginal,
        flux_err_conditional=conditional,
        chi2=fit.chi2,
        n_pixels=fit.n_pixels,
        misfit=fit.misfit(PSF_TOLERANCE),
        n_parameters=np.full(n, solution.shape[1]),
        image=images[:, 0],
    )


class _Residuals:
    """What fitted values leave of the cutouts of a block.

    Parameters
    ----------
    setup : `clusterphot.measure.fit.FilterSetup`
    block : `clusterphot.measure.positions.CutoutBlock`
    images : (n, c, p) float ndarray
    values : (n, c + k) float ndarray
        Fluxes, then coefficients of the sky terms.

    Attributes
    ----------
    noise : (n, p) float ndarray
        Sigma of each pixel times its weight, zero on bad pixels.
    chi2, n_pixels : (n,) ndarray
        As in `BlockFit`.
    """

    def __init__(self, setup, block, images, values):
        c = images.shape[1]
        self._setup = setup
        self._points = (values[:, None, :c] @ images)[:, 0]
        model = self._points + setup.terms.surface(values[:, c:])
        self._precision, self.noise = setup.pixel_noise(block.weights, model)
        self._squares = np.square(block.data - model) * self._precision
        self.chi2 = self._squares.sum(axis=-1)
        self.n_pixels = np.count_nonzero(block.weights > 0, axis=-1)

    def misfit(self, tolerance):
        """Chi-square with this fraction of the point sources' light added to the errors; NaN if not needed."""
        if not self._setup.options.adaptive_window:
            return np.full(len(self.chi2), np.nan)
        return (self._squares / (1.0 + self._precision * np.square(tolerance * self._points))).sum(axis=-1)


def sky_is_adequate(setup, block, positions):
    """Whether the sky terms may fit the cutouts, judged at the listed positions, (n,) bool."""
    images = block.images(positions)
    solution, _ = solve(block.equations(images)[0])
    fit = _Residuals(setup, block, images, solution)
    excess = setup.excess(fit.misfit(LIST_TOLERANCE), fit.n_pixels, solution.shape[1])
    return excess < UNFITTED_MISFIT_FACTOR * MISFIT_SIGMA


def fit_free(engine, setup, block, prior, *, recentre):
    """Fluxes, sky and positions.

    Parameters
    ----------
    engine, setup, block
        As in `fit_tied`.
    prior : `clusterphot.measure.positions.PositionPrior`
        Its expected positions are where the fit begins, unless another pixel fits clearly better; without a
        prior precision it begins in the middle of the box.
    recentre : bool
        Move the box of the target to its zeroth-order centroid.

    Returns
    -------
    fit : BlockFit
    at_bound : (n,) bool ndarray
        Whether the target ended on the edge of its box, or brighter light lies just beyond it.
    """
    # the target's light, with neighbours and sky of a fit at the listed positions subtracted
    images = block.images(prior.expected)
    first, _ = solve(block.equations(images)[0])
    light = light_of_targets(block, first, images)
    # the box around its centroid, the start at the listed position or the best pixel
    radius = max(CENTROID_RADIUS_ARCSEC / setup.pixel_scale_arcsec, MIN_CENTROID_RADIUS_PX)
    centre, start = prior.centre.copy(), prior.expected.copy()
    if recentre:
        centre[:, 0] = zeroth_centroid(
            block, light, start[:, 0], radius_px=radius, reach=prior.reach, inflation=setup.inflation
        )
    prior = replace(prior, centre=centre)
    if setup.options.position_sigma_arcsec > 0:
        start[:, 0] += best_pixel(block, light, images, prior, setup.inflation)
    else:
        start = centre
    found = engine.solve_free(block, start, prior)
    edge = np.abs(found.positions[:, 0] - centre[:, 0]).max(axis=1)
    at_bound = edge >= prior.reach - BOUND_TOLERANCE_PX
    if recentre and setup.options.neighbours:  # else listed neighbours would count as unexpected light
        at_bound |= light_beyond(block, light, images, prior, setup.pixel_scale_arcsec, setup.inflation)
    return _finish_free(setup, block, found, prior), at_bound


def _finish_free(setup, block, found, prior):
    """Fluxes and errors at the positions found.

    1. Fluxes and sky are solved for exactly with the positions held.
    2. Errors come from the equations linearised there, in which positions are free too: the flux of the target, x and y
       are linear estimators of the pixels, whose covariance is that of the noise seen through them.
    3. The mean gain of a maximum over positions is subtracted from the flux.
    """
    positions = found.positions
    c = positions.shape[1]
    columns = block.images_and_gradients(positions)
    equations, weighted = block.equations(columns)
    layout = Layout.of(equations, c)
    solution, fixed = solve(equations.subset(layout.linear))
    solution = solution if found.values is None else found.values
    fluxes, sky = solution[:, :c].copy(), solution[:, c:]
    images = columns[:, layout.flux]
    fit = _Residuals(setup, block, images, solution)
    inverse, estimators = _free_estimators(setup, equations, columns, layout, fluxes, prior)
    # covariance (n, 3, 3) of the target's flux, x and y in the true, correlated noise
    estimators *= fit.noise[:, None]
    spectra = setup.operator.transform(setup.maps(estimators)).reshape(len(positions), 3, -1)
    noise = spectra @ spectra.transpose(0, 2, 1)
    spread, from_list = _position_covariance(inverse, noise, prior, setup.inflation, layout)
    conditional = _conditional(images, weighted, found)
    if setup.options.debias:
        # the gain is in units of the flux's variance in white noise at fixed position, over the flux
        gain = _maximum_gain(_target_position(inverse, layout), noise[:, 1:, 1:], from_list, prior)
        gain *= fixed[:, 0, 0]
        measured = fluxes[:, 0] != 0
        fluxes[:, 0] -= np.where(measured, gain / np.where(measured, fluxes[:, 0], 1.0), 0.0)
    return BlockFit(
        positions=positions,
        fluxes=fluxes,
        flux_errors=np.sqrt(np.diagonal(inverse, axis1=1, axis2=2)[:, layout.flux]),
        sky=sky,
        position_covariance=spread,
        flux_err=conditional if setup.options.conditional_errors else np.sqrt(noise[:, 0, 0]),
        flux_err_marginal=np.sqrt(_dot(estimators[:, 0], estimators[:, 0])),
        flux_err_conditional=conditional,
        chi2=fit.chi2,
        n_pixels=fit.n_pixels,
        misfit=fit.misfit(PSF_TOLERANCE),
        n_parameters=solution.shape[1] + 2 * prior.free.sum(axis=1),
        image=images[:, 0],
    )


def _free_estimators(setup, equations, columns, layout, fluxes, prior):
    """Inverse matrix of a fit with free positions, and its linear estimators of the target's flux, x and y.

    Parameters
    ----------
    equations : `clusterphot.measure.linear.NormalEquations`
        Of ``columns`` and the sky.
    columns : (n, 3 c, p) float ndarray
        Images and gradients, of `clusterphot.measure.positions.CutoutBlock.images_and_gradients`.
    layout : `clusterphot.measure.positions.Layout`
    fluxes : (n, c) float ndarray

    Returns
    -------
    inverse : (n, 3 c + k, 3 c + k) float ndarray
        Covariance in white noise of fluxes, shifts and sky; zero for the shifts of components that are held.
    estimators : (n, 3, p) float ndarray
        Times weight and data, summed over the pixels, they give the target's flux, x and y.
    """
    factors, precision = np.ones((2, len(fluxes), layout.size))
    precision[:] = 0.0
    for shifts in (layout.x, layout.y):
        # a shift by one pixel changes the image by flux x gradient, not at all where the position is held
        factors[:, shifts] = np.where(prior.free, fluxes, 0.0)
        precision[:, shifts] = prior.precision
    _, inverse = solve(equations.scaled(factors), precision=precision)
    own = inverse[:, layout.target] * factors[:, None, :]
    of_sky = setup.terms.surface(own[:, :, layout.sky])
    return inverse, own[:, :, : columns.shape[1]] @ columns + of_sky


def _target_position(matrices, layout):
    """Blocks (n, 2, 2) of x and y of the target."""
    where = layout.target[1:]
    return matrices[:, where][:, :, where]


def _dot(one, other):
    """Sums over the pixels of products, (n,) for maps (n, p)."""
    return (one[:, None, :] @ other[:, :, None])[:, 0, 0]


def _conditional(images, weighted, found):
    """1 / sqrt(sum of weight times PSF squared) of the target; infinite without valid pixels.

    The engine's own error is preferred where it has one.
    """
    information = _dot(images[:, 0], weighted[:, 0])
    error = np.where(information > 0, 1.0 / np.sqrt(np.where(information > 0, information, 1.0)), np.inf)
    if found.conditional_err is None:
        return error
    return np.where(np.isfinite(found.conditional_err), found.conditional_err, error)


def _position_covariance(inverse, noise, prior, inflation, layout):
    """Covariance of all positions (n, c, 3), and of the target the part due to the listed position (n, 2, 2).

    The target's is exact for the true noise, that of neighbours the white one times the inflation.
    """
    variance = np.diagonal(inverse, axis1=1, axis2=2)
    xy = np.diagonal(inverse[:, layout.x, layout.y], axis1=1, axis2=2)
    spread = np.stack([variance[:, layout.x], variance[:, layout.y], xy], axis=2)
    spread = spread * inflation * prior.free[:, :, None]
    # a list in error by e moves the position by inverse x precision x e, and e has the variance inflation / precision
    own = _target_position(inverse, layout)
    from_list = own @ own * (prior.precision[:, 0] * inflation)[:, None, None]
    total = noise[:, 1:, 1:] + from_list
    spread[:, 0] = np.stack([total[:, 0, 0], total[:, 1, 1], total[:, 0, 1]], axis=1)
    return spread, from_list


def _maximum_gain(inverse, noise, from_list, prior):
    """Mean gain of a flux by the search for its position, in units of white flux variance over flux.

    Parameters
    ----------
    inverse : (n, 2, 2) float ndarray
        M, the inverse of curvature H plus prior precision L.
    noise, from_list : (n, 2, 2) float ndarray
        Covariance of the position due to pixel noise, and to the error of the list.

    Notes
    -----
    To second order the flux at the maximum exceeds that at the true position by g d - d H d / 2, with g the
    noise of the slope and d = M (g + L e) the shift for a list in error by e. The mean is tr((H + L) N) -
    tr(H (N + E)) / 2, with N, E the covariances of d from noise and list: 1 for white noise without prior.
    """
    determinant = inverse[:, 0, 0] * inverse[:, 1, 1] - inverse[:, 0, 1] ** 2
    regular = determinant > 0
    safe = np.where(regular[:, None, None], inverse, np.eye(2))
    total = np.linalg.inv(safe)
    curvature = total - prior.precision[:, 0, None, None] * np.eye(2)
    gain = _trace(total, noise) - 0.5 * _trace(curvature, noise + from_list)
    return np.where(regular, gain, 0.0)


def _trace(a, b):
    """Trace of the products of symmetric 2 x 2 matrices."""
    return a[:, 0, 0] * b[:, 0, 0] + a[:, 1, 1] * b[:, 1, 1] + 2.0 * a[:, 0, 1] * b[:, 0, 1]
