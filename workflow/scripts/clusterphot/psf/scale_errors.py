"""Error of the flux scale that a PSF carries: jackknife over core and wing stars, and the part of the prior.

The bootstrap is of no use with few stars; the jackknife (Efron & Tibshirani 1993, ch. 11) needs no random
numbers. All errors are fractions of the flux, 1 sigma.
"""

import numpy as np

from clusterphot.base.images import crop, polynomial_terms
from clusterphot.base.numerics import TINY
from clusterphot.psf.star_fits import SKY_ORDER

CUTOUT_HALF_ARCSEC = 0.4
"""Half side of the cutout in which fluxes are fitted (`photometry.cutout_size_arcsec` 0.8)."""


def flux_scale(true_image, model_image, pixel_scale_arcsec, half_arcsec=CUTOUT_HALF_ARCSEC):
    """Amplitude that a fit of ``model_image`` and a quadratic sky finds for ``true_image``.

    Parameters
    ----------
    true_image, model_image : (n, n) float ndarrays, odd n
        Both normalised to their total light, so that 1 means an unbiased flux.
    half_arcsec : float, optional
        Half-width of the cutout of the fit.

    Returns
    -------
    scale : float
        Fluxes fitted with ``model_image`` over true ones.

    Examples
    --------
    A PSF 5 % too broad takes light of the sky for light of the star:

    >>> from clusterphot.base.images import radius_grid
    >>> def psf(sigma_px):
    ...     image = np.exp(-0.5 * (radius_grid(40) / sigma_px) ** 2)
    ...     return image / image.sum()
    >>> round(flux_scale(psf(2.0), psf(2.1), 0.02), 3)
    1.055
    """
    half = int(round(half_arcsec / pixel_scale_arcsec))
    model, true = crop(model_image, half).ravel(), crop(true_image, half).ravel()
    # Least squares with a free sky: the model made orthogonal to the sky's terms is its estimator.
    sky = polynomial_terms(half, SKY_ORDER)
    basis = np.linalg.qr(sky.reshape(len(sky), -1).T)[0]
    estimator = model - basis @ (basis.T @ model)
    return float(estimator @ true / (estimator @ model))


def jackknife(values):
    """Standard error from the values with each one item left out; NaN for fewer than two."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2 or not np.all(np.isfinite(values)):
        return float("nan")
    return float(np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2)))


def left_out_cores(stack, model):
    """Yield the model's image with each star of the core left out in turn."""
    values, weight = stack
    half = values.shape[1] // 2
    blend = crop(model.core_weight, half)
    sums, weights = (weight * values).sum(axis=0), weight.sum(axis=0)
    for k in range(len(values)):
        # Residuals are about their mean: without a star the mean moves from 0 to that of the others.
        left = weights - weight[k]
        mean = np.where(left > 0, (sums - weight[k] * values[k]) / np.maximum(left, TINY), 0.0)
        changed = model.image.copy()
        crop(changed, half)[...] += mean * blend
        yield changed


def core_error(stack, model, total_light):
    """Error of the flux scale from the stars of the core.

    Parameters
    ----------
    stack : tuple of (S, m, m) arrays
        Residuals of the stars about their mean, in units of the star's flux on the PSF's grid, and weights.
    model : PsfModel
    total_light : float
        In the model's scale.

    Returns
    -------
    error : float
        Fraction of the flux, 1 sigma.
    """
    core = model.core_weight > 0
    scale = model.grid.pixel_scale_arcsec
    light_outside = total_light - model.image[core].sum()
    shifts = []
    for changed in left_out_cores(stack, model):
        # The wings are scaled by fluxes that are fitted with the core.
        flux = flux_scale(model.image, changed, scale)
        changed[~core] /= flux
        total = changed[core].sum() + light_outside / flux
        shifts.append(flux_scale(model.image / total_light, changed / total, scale))
    return jackknife(shifts)


def wing_errors(solution, model, total_of):
    """Errors of the flux scale from the stars of the wings and from the prior of the wing solution.

    Parameters
    ----------
    solution : WingSolution
    model : PsfModel
    total_of : callable
        Total light of (image, tail).

    Returns
    -------
    jackknife_error, prior_error, prior_share : float
        ``prior_share`` is the weight of the prior in the flux scale, 0 to 1.
    pulls : (S,) float ndarray
        Fractional change of the flux scale that mends a flux of a star which is too high, per fraction of it.
    """
    grid = model.grid
    ring = grid.ring()
    inside = (ring >= 0) & (ring < grid.n_inner)
    column = np.where(inside, ring, 0)
    total = total_of(model.image, model.tail)

    def shift(change):
        """Flux scale of the model against that with its rings and power law changed."""
        image = model.image + np.where(inside, change[column] * grid.power, 0.0) * (1.0 - model.core_weight)
        new_total = total_of(image, model.tail + change[-1])
        return flux_scale(model.image / total, image / new_total, grid.pixel_scale_arcsec)

    # Derivative by each amplitude, over a step of the prior's error: linear to far better than the error's own error.
    step = np.sqrt(1.0 / np.diag(solution.prior_normal))
    slope = np.array([(shift(unit) - 1.0) / size for unit, size in zip(np.diag(step), step, strict=True)])
    deleted = [slope @ (solution.without(k) - solution.amplitude) for k in range(len(solution.normal))]
    # Of the prior's error that part counts which the stars let through (`gain`).
    covariance = np.linalg.inv(solution.prior_normal * np.outer(step, step)) * np.outer(step, step)
    gained = solution.gain().T @ slope
    prior_error = float(np.sqrt(gained @ covariance @ gained))
    alone = float(np.sqrt(slope @ covariance @ slope))
    error = jackknife(deleted) if len(deleted) > 1 else 0.0
    return error, prior_error, min(prior_error / alone, 1.0), solution.flux_pulls() @ slope
