"""Cutouts of many sources aligned to a fraction of a pixel and combined into one image.

Local background from an annulus, Fourier shifts, medians and means with a bootstrap over sources.
Images nJy/pixel, positions in pixels of the cutout (0-based).
"""

import numpy as np

MIN_ANNULUS_PIXELS = 20
"""Good pixels from which a local background is the median of: its error is then below 0.3 of a pixel's."""

MAX_BAD_WEIGHT = 0.2
"""A shifted pixel is bad where bad pixels contribute more than this to its bilinear interpolation."""

SEEN_SHARE = 0.75
"""Pixels that fewer of the images see have no weight in a stack: their mean is that of other sources, on other light.
Aligned to a fraction of a pixel, the outermost rows are seen by half of the images."""

MEDIAN_VARIANCE = np.pi / 2
"""Variance of the median of many normal deviates over that of their mean."""

BLOCK_BYTES = 50_000_000
"""Memory of the running counts of `weighted_medians` at a time."""


# ---- background and alignment ----------------------------------------------------------------------------


def local_background(data, good, x, y, annulus_px):
    """Median of the good pixels in an annulus around each source.

    Parameters
    ----------
    data : (n, m, m) float ndarray, nJy/pixel
    good : (n, m, m) bool ndarray
    x, y : (n,) float ndarray
        Position in the cutout.
    annulus_px : (float, float)

    Returns
    -------
    background : (n,) float ndarray, nJy/pixel
        NaN where fewer than `MIN_ANNULUS_PIXELS` pixels are good.
    """
    pixel = np.arange(data.shape[-1])
    radius2 = (pixel - y[:, None])[:, :, None] ** 2 + (pixel - x[:, None])[:, None, :] ** 2
    inside = good & (radius2 >= annulus_px[0] ** 2) & (radius2 <= annulus_px[1] ** 2)
    enough = inside.sum(axis=(1, 2)) >= MIN_ANNULUS_PIXELS
    background = np.full(len(data), np.nan)
    for i in np.flatnonzero(enough):
        background[i] = np.median(data[i][inside[i]])
    return background


def align(data, ivar, x, y):
    """Shift images so that position (x, y) falls on the middle pixel.

    Parameters
    ----------
    data, ivar : (n, m, m) float ndarray
        Background subtracted; pixels with ivar 0 must hold a plausible value.
    x, y : (n,) float ndarray
        Position in the cutout.

    Returns
    -------
    shifted, shifted_ivar : (n, m, m) float ndarray
        With ivar 0 for pixels to which bad pixels, or pixels outside the cutout, contribute.

    Notes
    -----
    Images are shifted by the Fourier theorem, mirrored so that they go on without a step. The mask is not,
    for it would ring: a pixel is bad where bad pixels have more than `MAX_BAD_WEIGHT` of its bilinear
    interpolation. A Fourier shift keeps the variance of pixels; inverse variances are interpolated between
    the good ones.
    """
    m = data.shape[-1]
    dx, dy = np.asarray(x, dtype=float) - m // 2, np.asarray(y, dtype=float) - m // 2
    shifted = shift_mirrored(data, dx, dy)
    good = ivar > 0
    good_weight = _shift_bilinear(good.astype(float), dx, dy)
    valid = good_weight >= 1.0 - MAX_BAD_WEIGHT
    mean = _shift_bilinear(np.where(good, ivar, 0.0), dx, dy) / np.where(valid, good_weight, 1.0)
    return shifted, np.where(valid, mean, 0.0)


def shift_mirrored(images, dx, dy):
    """Images (n, m, m) read at pixels moved by (dx, dy), (n,) each, by the Fourier theorem on mirrored images.

    For cutouts, whose sky does not fall to zero at the border as `clusterphot.base.images.fourier_shift` asks; any
    sides, and the opposite sign.

    Examples
    --------
    Mirrored, a slope is carried on at the borders instead of jumping back:

    >>> slope = np.arange(9.0) * np.ones((1, 9, 1))
    >>> shift_mirrored(slope, np.array([0.5]), np.zeros(1))[0, 4, 3:6].round(1)
    array([3.5, 4.5, 5.5])
    """
    return shift_spectra(mirrored_spectra(images), dx, dy)


def mirrored_spectra(images):
    """Fourier transforms (n, 2m, m + 1) of images (n, m, m) mirrored so that they go on without a step."""
    m = images.shape[-1]
    return np.fft.rfft2(np.pad(images, ((0, 0), (0, m), (0, m)), mode="symmetric"))


def shift_spectra(spectra, dx, dy):
    """Images (n, m, m) of mirrored spectra read at pixels moved by (dx, dy), (n,) each."""
    m = spectra.shape[-1] - 1
    turn_y = np.exp(2j * np.pi * np.fft.fftfreq(2 * m) * dy[:, None])
    turn_x = np.exp(2j * np.pi * np.fft.rfftfreq(2 * m) * dx[:, None])
    turned = spectra * turn_y[:, :, None] * turn_x[:, None, :]
    return np.fft.irfft2(turned, (2 * m, 2 * m))[:, :m, :m]


def _shift_bilinear(images, dx, dy):
    """Images read at pixels moved by (dx, dy), between pixels by bilinear interpolation, 0 outside."""
    n, m, _ = images.shape
    out = np.zeros_like(images)
    row = np.arange(n)[:, None, None]
    base_x, base_y = np.floor(dx).astype(int), np.floor(dy).astype(int)
    for j, weight_y in ((0, 1.0 - (dy - base_y)), (1, dy - base_y)):
        iy = np.arange(m) + (base_y + j)[:, None]
        for i, weight_x in ((0, 1.0 - (dx - base_x)), (1, dx - base_x)):
            ix = np.arange(m) + (base_x + i)[:, None]
            inside = ((iy >= 0) & (iy < m))[:, :, None] & ((ix >= 0) & (ix < m))[:, None, :]
            values = images[row, np.clip(iy, 0, m - 1)[:, :, None], np.clip(ix, 0, m - 1)[:, None, :]]
            out += np.where(inside, values, 0.0) * (weight_y * weight_x)[:, None, None]
    return out


# ---- combination -----------------------------------------------------------------------------------------


def bootstrap_counts(n_sources, n_resamples, seed):
    """How often each source is in each resample, (n_resamples, n_sources) int; always the same for a seed."""
    rng = np.random.default_rng([seed, n_sources])
    drawn = rng.integers(n_sources, size=(n_resamples, n_sources))
    return np.stack([np.bincount(row, minlength=n_sources) for row in drawn])


def stack_counts(n_sources, n_resamples, seed):
    """Counts of the stack itself, each source once, and below it of its resamples, (1 + n_resamples, n_sources) int."""
    once = np.ones((1, n_sources), dtype=int)
    return np.concatenate([once, bootstrap_counts(n_sources, n_resamples, seed)]) if n_resamples else once


def combine(images, ivar, method, counts):
    """Combine aligned images, each taken a number of times.

    Parameters
    ----------
    images, ivar : (n, m, m) float ndarray
        Pixels with ivar 0 are left out.
    method : {'clipped_mean', 'median', 'mean'}
        The clipped mean weighs all images alike; which are in it is said by ``counts``, 0 for those left out.
    counts : (k, n) int ndarray
        How often each image enters each of k combinations.

    Returns
    -------
    combined : (k, m, m) float ndarray
        NaN where no image has a good pixel.
    """
    n, m, _ = images.shape
    values, weights = images.reshape(n, -1).T, ivar.reshape(n, -1).T
    if method == "median":
        combined = weighted_medians(values, weights > 0, counts)
    else:
        weights = (weights > 0).astype(float) if method == "clipped_mean" else weights
        total = counts @ weights.T
        sums = counts @ (weights * values).T
        combined = np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan)
    return combined.reshape(len(counts), m, m)


def weighted_medians(values, good, counts):
    """Medians along the last axis with each value taken a number of times.

    Parameters
    ----------
    values : (p, n) float ndarray
    good : (p, n) bool ndarray
    counts : (k, n) int ndarray

    Returns
    -------
    medians : (k, p) float ndarray
        NaN where nothing good is counted.

    Notes
    -----
    Values are sorted once for all combinations; the two middle ones are where the running count passes half.
    """
    p, n = values.shape
    order = np.argsort(np.where(good, values, np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    usable = np.take_along_axis(good, order, axis=1)
    medians = np.full((len(counts), p), np.nan)
    step = max(BLOCK_BYTES // (8 * n), 1)
    for first in range(0, p, step):
        rows = slice(first, first + step)
        for k, count in enumerate(np.asarray(counts, dtype=np.int32)):
            running = np.cumsum(np.where(usable[rows], count[order[rows]], 0), axis=1, dtype=np.int32)
            total = running[:, -1]
            low = np.argmax(running >= ((total + 1) // 2)[:, None], axis=1)
            high = np.argmax(running >= (total // 2 + 1)[:, None], axis=1)
            index = np.arange(len(total))
            middle = 0.5 * (ordered[rows][index, low] + ordered[rows][index, high])
            medians[k, rows] = np.where(total > 0, middle, np.nan)
    return medians


def stacked_ivar(ivar, method):
    """Inverse variance of a stack from the pixel noise of its images, (m, m); 0 where fewer than `SEEN_SHARE` see it.

    Notes
    -----
    Mean: the sum. Mean with equal weights: n^2 / sum sigma_i^2. Median of normal deviates of different sigma about one
    value: 2/pi (sum 1/sigma)^2 / n (asymptotic variance n / (4 (sum f_i(0))^2) with f_i(0) = 1 / (sqrt(2 pi) sigma_i);
    Kendall & Stuart 1977, sect. 14.5).
    """
    good = ivar > 0
    n_good = good.sum(axis=0)
    seen = (n_good > 0) & (n_good >= SEEN_SHARE * good.any(axis=(1, 2)).sum())
    if method == "mean":
        stacked = ivar.sum(axis=0)
    elif method == "clipped_mean":
        variance = np.where(good, 1.0 / np.where(good, ivar, 1.0), 0.0).sum(axis=0)
        stacked = n_good**2 / np.where(seen, variance, 1.0)
    else:
        stacked = np.sqrt(ivar).sum(axis=0) ** 2 / (np.where(seen, n_good, 1) * MEDIAN_VARIANCE)
    return np.where(seen, stacked, 0.0)
