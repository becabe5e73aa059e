"""Local noise of a flux map, from the map itself after the found sources have been subtracted.

Nodes lie on a grid anchored to the pixels of the mosaic, so that overlapping regions agree; nJy, 1 sigma.
"""

import numpy as np
from scipy import ndimage

from clusterphot.base.robust import MAD_TO_SIGMA

NODE_ARCSEC = 0.24
"""Distance of nodes; the map is interpolated linearly between them."""

NEAR_ARCSEC, FAR_ARCSEC = 0.9, 1.92
"""Sides of the windows: the nearer follows the structure of galaxies, the wider is steady."""

STRIDE_ARCSEC = 0.08
"""Every fourth short-channel pixel is enough: a flux map is correlated over its PSF."""

MIN_VALID = 0.3


def noise_map(flux, bad, pixel_scale_arcsec, origin, *, floor):
    """1-sigma noise around each pixel of a flux map.

    Parameters
    ----------
    flux : (ny, nx) float32 ndarray, nJy
        Map of `kernels.flux_map` on an image without its sources.
    bad : (ny, nx) bool ndarray
        Pixels that do not count.
    pixel_scale_arcsec : float
    origin : (int, int)
        Pixel (x, y) of the mosaic at [0, 0].
    floor : (ny, nx) float32 ndarray, nJy
        Noise expected from the weights: the map is never below half of it, and equal to it where too few
        pixels are valid.

    Returns
    -------
    sigma : (ny, nx) float32 ndarray, nJy

    Notes
    -----
    The larger of 1.48 median |F| in two windows, so that structure the filter cannot follow counts as noise. In
    white noise the larger of the two runs 5-10 % high.
    """
    step = max(int(round(NODE_ARCSEC / pixel_scale_arcsec)), 1)
    stride = max(int(round(STRIDE_ARCSEC / pixel_scale_arcsec)), 1)
    step = max(step // stride, 1) * stride
    first = [(-corner) % step for corner in origin]
    size = np.abs(flux)
    size[bad] = np.nan
    maps = [
        _nodes(
            size,
            first,
            step,
            stride * thin,
            max(int(round(window / pixel_scale_arcsec / stride / thin)) // 2, 1),
        )
        for window, thin in ((NEAR_ARCSEC, 1), (FAR_ARCSEC, 2))
    ]
    with np.errstate(invalid="ignore"):
        nodes = MAD_TO_SIGMA * np.fmax(*maps)
    expected = floor[first[1] :: step, first[0] :: step]
    nodes = np.where(np.isfinite(nodes), np.maximum(nodes, 0.5 * expected), expected)
    rows = (np.arange(flux.shape[0]) - first[1]) / step
    columns = (np.arange(flux.shape[1]) - first[0]) / step
    return _bilinear(nodes, rows, columns)


def _nodes(size, first, step, stride, half):
    """Median of ``size`` in windows of (2 half + 1)^2 thinned pixels around the nodes; NaN where invalid."""
    ny, nx = size.shape
    padded = np.pad(size, half * stride, constant_values=np.nan)
    rows, columns = np.arange(first[1], ny, step), np.arange(first[0], nx, step)
    offsets = stride * np.arange(2 * half + 1)
    out = np.empty((len(rows), len(columns)), dtype=np.float32)
    across = columns[:, None] + offsets
    for j, row in enumerate(rows):
        values = padded[row + offsets][:, across].transpose(1, 0, 2).reshape(len(columns), -1)
        missing = np.isnan(values).sum(axis=1)
        out[j] = np.partition(values, values.shape[1] // 2, axis=1)[:, values.shape[1] // 2]
        count = values.shape[1] - missing
        for k in np.flatnonzero(missing):
            # sorted, NaN come last
            enough = count[k] >= MIN_VALID * values.shape[1]
            out[j, k] = np.sort(values[k])[count[k] // 2] if enough else np.nan
    return out


def _bilinear(nodes, rows, columns):
    """Values of a grid of nodes at fractional rows and columns, edges extended."""
    parts = []
    for place, count in ((rows, nodes.shape[0]), (columns, nodes.shape[1])):
        low = np.clip(np.floor(place).astype(int), 0, max(count - 2, 0))
        parts.append((low, np.minimum(low + 1, count - 1), np.clip(place - low, 0.0, 1.0).astype(np.float32)))
    (r0, r1, fr), (c0, c1, fc) = parts
    along = nodes[:, c0] * (1 - fc) + nodes[:, c1] * fc
    return (along[r0] * (1 - fr)[:, None] + along[r1] * fr[:, None]).astype(np.float32)


def model_noise(sigma, model_flux, fraction, width_px):
    """Noise with a share of the light of the subtracted sources around added in quadrature.

    The PSF is known to a few per cent only, which leaves rings around bright stars.
    """
    around = ndimage.uniform_filter(np.abs(model_flux), width_px)
    return np.hypot(sigma, np.float32(fraction) * around)
