"""What fits leave of stars, on the grid of the PSF and in units of their flux, and the mean of many.

Residuals are moved back by the star's position in Fourier space (after Anderson & King 2000, PASP 112, 1360).
"""

import numpy as np

from clusterphot.base.images import crop, fourier_shift, polynomial_terms
from clusterphot.base.numerics import TINY
from clusterphot.psf.star_fits import SKY_ORDER

CLIP_SIGMA = 4.0
"""Pixels of a star farther from the median of all than this are left out of a mean: neighbours, bad pixels."""

MIN_CLIPPED_STARS = 4
"""With fewer stars nothing is clipped: the median of three is one of them."""

SHIFT_MARGIN_PX = 10
"""Pixels around a stamp that a Fourier shift may ring into."""


def core_residual(star, model, half):
    """Residual of a fitted, unsaturated star in units of its flux, moved onto the PSF's grid.

    Parameters
    ----------
    star : `clusterphot.psf.model.Star`
    model : `clusterphot.psf.model.PsfModel`
    half : int
        Half side of the result.

    Returns
    -------
    residual : (2h+1, 2h+1) float ndarray
    good : (2h+1, 2h+1) bool ndarray
        See `fitted_residual`.
    """
    return fitted_residual(crop(star.data, half), crop(star.ivar, half), star, model.image)


def fitted_residual(data, ivar, fit, psf):
    """Residual of a star in units of its flux, moved onto the PSF's grid.

    Parameters
    ----------
    data, ivar : (2h+1, 2h+1) float ndarray, nJy/pixel
        The window that it was fitted in.
    fit : `clusterphot.psf.star_fits.StarFit` or `clusterphot.psf.model.Star`
    psf : (n, n) float ndarray, odd n >= 2h+1
        That it was fitted with.

    Returns
    -------
    residual : (2h+1, 2h+1) float ndarray
    good : (2h+1, 2h+1) bool ndarray
        Valid pixels. The mask is not moved: shifted in Fourier space it would ring. Invalid pixels hold zero
        residual and weight instead, which is wrong by half a pixel at most.
    """
    half = data.shape[0] // 2
    window = crop(psf, min(psf.shape[0] // 2, half + SHIFT_MARGIN_PX))
    shifted = crop(fourier_shift(window, fit.dx, fit.dy), half)
    sky = np.tensordot(fit.sky, polynomial_terms(half, SKY_ORDER), axes=1)
    good = ivar > 0
    residual = np.where(good, data - fit.flux * shifted - sky, 0.0)
    return fourier_shift(residual, -fit.dx, -fit.dy) / fit.flux, good


def misfit(star, model, half):
    """Root mean square residual of the core of a star, beyond the noise, over that of the PSF itself."""
    residual, good = core_residual(star, model, half)
    present = crop(model.image, half)
    ivar = np.median(crop(star.ivar, half)[good])
    noise = 1.0 / (star.flux**2 * ivar)
    power = np.mean(residual[good] ** 2) - noise
    return np.sqrt(max(power, 0.0) / np.mean(present**2))


def weighted_mean(values, weights):
    """Mean (m, m) of images (n, m, m) and the sum of their weights; 0 where no image has any."""
    total = weights.sum(axis=0)
    mean = np.where(total > 0, (weights * values).sum(axis=0) / np.maximum(total, TINY), 0.0)
    return mean, total
