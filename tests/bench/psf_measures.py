"""What a PSF that was made from stars is worth: bias of fluxes, encircled energy, what it leaves of other stars.

PSFs are stamps of shares of a source's total light on the pixels of the mosaic; the truth is that of the simulator,
averaged over the phases of the dithers, at a grid of places.
"""

import numpy as np
from clusterphot.base.images import crop, fourier_shift, polynomial_terms, radius_grid
from clusterphot.psf.scale_errors import CUTOUT_HALF_ARCSEC
from clusterphot.psf.shape import encircled_energy
from clusterphot.psf.star_fits import SKY_ORDER, fit_star

COMMON_RADIUS_ARCSEC = 1.0
"""Within it all PSFs are given the true light for the second kind of bias."""

EE_RADII_ARCSEC = (0.1, 0.2)

INNER_SHARE = 0.75
"""Of the half side of the field: the inner half of its area, 5 x 5 of 7 x 7 places."""

MAX_SNR = 50.0
"""A brighter star that was left out counts as this, else few would decide, by the phases of their dithers."""

FIT_REACH_ARCSEC = 0.6
"""Half side of the PSFs that are moved onto one another, beyond the cutout of the fit."""


def fitted_scale(true_image, model_image, pixel_scale_arcsec):
    """Flux that a fit of flux, position and a quadratic sky finds for a source of unit flux without noise.

    `clusterphot.psf.scale_errors.flux_scale` where the PSFs have the same centre, which is defined in other ways by
    other programs.

    Parameters
    ----------
    true_image, model_image : (n, n) float ndarray, odd n
        Shares of the total light.
    pixel_scale_arcsec : float

    Returns
    -------
    scale : float
        NaN where there is no fit.
    """
    half, reach = (round(size / pixel_scale_arcsec) for size in (CUTOUT_HALF_ARCSEC, FIT_REACH_ARCSEC))
    data = crop(true_image, half)
    return fit_star(data, np.ones(data.shape), crop(model_image, reach)).flux


def with_light(model_image, true_image, radius_px):
    """The model with the light of the truth within a radius."""
    disc = radius_grid(len(true_image) // 2) < radius_px
    return model_image * (true_image[disc].sum() / model_image[disc].sum())


def is_inner(places, shape):
    """Which places (n, 2) of a mosaic lie in the inner half of its area."""
    half = (np.array(shape[::-1]) - 1) / 2
    return np.all(np.abs(places - half) < INNER_SHARE * half, axis=1)


def biases(truth, models, pixel_scale_arcsec, radius_arcsec=COMMON_RADIUS_ARCSEC):
    """Flux bias at each place, with the model's light as it is and with the true one within a radius.

    Parameters
    ----------
    truth, models : (n, m, m) float ndarray, odd m
    pixel_scale_arcsec : float
    radius_arcsec : float
        Smaller for models that end before.

    Returns
    -------
    bias, bias_of_shape : (n,) float ndarray
        Fractions of the flux.
    """
    out = []
    for true, model in zip(truth, models, strict=True):
        same = with_light(model, true, min(radius_arcsec, COMMON_RADIUS_ARCSEC) / pixel_scale_arcsec)
        out.append([fitted_scale(true, image, pixel_scale_arcsec) - 1.0 for image in (model, same)])
    return tuple(np.array(out).T)


def energy_ratios(true_image, model_image, pixel_scale_arcsec):
    """Encircled energy over the true one at `EE_RADII_ARCSEC`."""
    radii = np.array(EE_RADII_ARCSEC) / pixel_scale_arcsec
    model, true = (encircled_energy(image, image.sum(), radii) for image in (model_image, true_image))
    return model / true


def left_of_star(data, ivar, psf, pixel_scale_arcsec):
    """Sum of squares that a fit of flux, position and quadratic sky leaves of a star, and that of its light.

    Parameters
    ----------
    data, ivar : (m, m) float ndarray, odd m
    psf : (n, n) float ndarray, odd n
    pixel_scale_arcsec : float

    Returns
    -------
    left, light : float, (nJy/pixel)^2
        NaN where there is no fit.
    """
    half, reach = (round(size / pixel_scale_arcsec) for size in (CUTOUT_HALF_ARCSEC, FIT_REACH_ARCSEC))
    data, good = crop(data, half), crop(ivar, half) > 0
    psf = crop(psf, reach)
    fit = fit_star(data, good.astype(float), psf)
    if not fit.ok:
        return np.nan, np.nan
    star = fit.flux * crop(fourier_shift(psf, fit.dx, fit.dy), half)
    sky = np.tensordot(fit.sky, polynomial_terms(half, SKY_ORDER), axes=1)
    return float(np.sum((data - star - sky)[good] ** 2)), float(np.sum(star[good] ** 2))


def misfit_beyond(left, left_by_truth, light, snr):
    """What models leave of stars beyond what the true PSF does, as a share of their light, root mean square.

    Parameters
    ----------
    left, left_by_truth, light : (n,) float array-like
        Of `left_of_star`, with a model and with the true PSF.
    snr : (n,) float array-like
        Signal to noise of the stars, by whose square they count up to `MAX_SNR`.

    Returns
    -------
    misfit : float
        The noise of the stars is in both and drops out; negative where the model is closer to the stars than the true
        PSF, which is a mean over the phases of the dithers. NaN if no star has a fit.
    """
    excess = (np.asarray(left, dtype=float) - left_by_truth) / light
    weight = np.where(np.isfinite(excess), np.minimum(snr, MAX_SNR) ** 2, 0.0)
    if not weight.any():
        return float("nan")
    mean = np.nansum(weight * excess) / weight.sum()
    return float(np.sign(mean) * np.sqrt(np.abs(mean)))


def rms(values):
    """Root mean square, NaN left out."""
    values = np.asarray(values, dtype=float)
    return float(np.sqrt(np.nanmean(values**2))) if np.isfinite(values).any() else float("nan")


def cut(image, half_px):
    """An odd image cut, or padded with zeros, to half a side."""
    have = len(image) // 2
    return crop(image, half_px) if have >= half_px else np.pad(image, half_px - have)
