"""Fits of blocks of cutouts with equally many components each, by tied or by free positions.

Images nJy/pixel, positions cutout pixels (0-based); the target is the first component of each cutout.
"""

from dataclasses import dataclass, replace

import numpy as np

from clusterphot.measure.linear import solve
from clusterphot.measure.positions import Block, best_pixel, light_of_targets, zeroth_centroid

PSF_TOLERANCE = 0.1
"""Fraction of a point source's light in each pixel that the PSF may be wrong by before the sky is blamed."""
LIST_TOLERANCE = 0.5
"""The same where the source is not yet at its fitted position."""

MISFIT_SIGMA = 1.5
"""Excess of chi-square, in units of its own scatter, beyond which the sky terms are taken not to fit."""

CENTROID_RADIUS_ARCSEC = 0.06
BOUND_TOLERANCE_PX = 1e-3


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


def fit_tied(engine, setup, data, weights, positions, covariance):
    """Fluxes and sky at given positions.

    Parameters
    ----------
    engine : object
        From `clusterphot.measure.engines.open_engine`.
    setup : `clusterphot.measure.fit.FilterSetup`
    data, weights : (n, p) float ndarray
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
    block = Block(data, weights, setup.renderer, setup.terms)
    images = block.images(positions)
    equations, weighted = block.equations(images)
    solution, inverse = solve(equations)
    found = engine.solve_tied(block, positions)
    solution = solution if found.values is None else found.values
    fit = _Residuals(setup, block, images, solution)
    estimator = (inverse[:, :1, :c] @ images)[:, 0] + setup.terms.surface(inverse[:, 0, c:])
    noise = estimator * fit.noise
    marginal = np.sqrt(_dot(noise, noise))
    conditional = _conditional(images, weighted, found)
    flux_err = conditional
    if not setup.options.conditional_errors:
        flux_err = np.sqrt(setup.operator.variance(setup.maps(noise)))
    fluxes = solution[:, :c].copy()
    if setup.options.debias:
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
    block : `clusterphot.measure.positions.Block`
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


def sky_is_adequate(setup, data, weights, positions):
    """Whether the sky terms may fit the cutouts, judged at the listed positions, (n,) bool."""
    block = Block(data, weights, setup.renderer, setup.terms)
    images = block.images(positions)
    solution, _ = solve(block.equations(images)[0])
    fit = _Residuals(setup, block, images, solution)
    excess = setup.excess(fit.misfit(LIST_TOLERANCE), fit.n_pixels, solution.shape[1])
    return excess < 2.0 * MISFIT_SIGMA


def fit_free(engine, setup, data, weights, prior, *, recentre):
    """Fluxes, sky and positions.

    Parameters
    ----------
    engine, setup, data, weights
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
        Whether the target ended on the edge of its box.
    """
    block = Block(data, weights, setup.renderer, setup.terms)
    images = block.images(prior.expected)
    first, _ = solve(block.equations(images)[0])
    light = light_of_targets(block, first, images)
    radius = max(CENTROID_RADIUS_ARCSEC / setup.pixel_scale_arcsec, 2.0)
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
    return _finish_free(setup, block, found, prior), edge >= prior.reach - BOUND_TOLERANCE_PX


def _finish_free(setup, block, found, prior):
    """Fluxes and errors at the positions found."""
    positions = found.positions
    n, c, _ = positions.shape
    columns = block.images_and_gradients(positions)
    equations, weighted = block.equations(columns)
    size = equations.matrix.shape[1]
    linear = np.r_[0:c, 3 * c : size]
    solution, fixed = solve(equations.subset(linear))
    solution = solution if found.values is None else found.values
    fluxes, sky = solution[:, :c].copy(), solution[:, c:]
    images = columns[:, :c]
    fit = _Residuals(setup, block, images, solution)
    factors = np.ones((n, size))
    held = np.where(prior.free, fluxes, 0.0)
    factors[:, c : 2 * c] = factors[:, 2 * c : 3 * c] = held
    precision = np.zeros((n, size))
    precision[:, c : 2 * c] = precision[:, 2 * c : 3 * c] = prior.precision
    _, inverse = solve(equations.scaled(factors), precision=precision)
    own = inverse[:, [0, c, 2 * c]] * factors[:, None, :]
    q = columns.shape[1]
    estimators = (own[:, :, :q] @ columns + setup.terms.surface(own[:, :, q:])) * fit.noise[:, None]
    spectra = setup.operator.transform(setup.maps(estimators)).reshape(n, 3, -1)
    noise = spectra @ spectra.transpose(0, 2, 1)
    spread, from_list = _position_covariance(inverse, noise, prior, setup.inflation)
    conditional = _conditional(images, weighted, found)
    if setup.options.debias:
        gain = _maximum_gain(inverse[:, [c, 2 * c]][:, :, [c, 2 * c]], noise[:, 1:, 1:], from_list, prior)
        gain *= fixed[:, 0, 0]
        fluxes[:, 0] -= np.where(
            fluxes[:, 0] != 0, gain / np.where(fluxes[:, 0] != 0, fluxes[:, 0], 1.0), 0.0
        )
    return BlockFit(
        positions=positions,
        fluxes=fluxes,
        flux_errors=np.sqrt(np.diagonal(inverse, axis1=1, axis2=2)[:, :c]),
        sky=sky,
        position_covariance=spread,
        flux_err=conditional if setup.options.conditional_errors else np.sqrt(noise[:, 0, 0]),
        flux_err_marginal=np.sqrt(_dot(estimators[:, 0], estimators[:, 0])),
        flux_err_conditional=conditional,
        chi2=fit.chi2,
        n_pixels=fit.n_pixels,
        misfit=fit.misfit(PSF_TOLERANCE),
        n_parameters=linear.size + 2 * prior.free.sum(axis=1),
        image=images[:, 0],
    )


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


def _position_covariance(inverse, noise, prior, inflation):
    """Covariance of all positions (n, c, 3), and of the target the part due to the listed position (n, 2, 2).

    The target's is exact for the true noise, that of neighbours the white one times the inflation.
    """
    c = prior.free.shape[1]
    xx, yy = (np.diagonal(inverse, axis1=1, axis2=2)[:, k * c : (k + 1) * c] for k in (1, 2))
    xy = np.stack([inverse[:, c + j, 2 * c + j] for j in range(c)], axis=1)
    spread = np.stack([xx, yy, xy], axis=2) * inflation * prior.free[:, :, None]
    own = inverse[:, [c, 2 * c]][:, :, [c, 2 * c]]
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
