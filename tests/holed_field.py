"""Mosaics as drizzling leaves them: clumps of masked pixels, cosmic-ray holes, saturated cores, rotated edges, a gap.

Punched into the mosaics of `image_field`, which have no holes; a pixel without data is 0 or NaN, or keeps its value
under a weight of 0, as pipelines have it. All from one seed.
"""

import numpy as np
from scipy import ndimage

SHARE_MASKED = 0.05
EDGE_DEGREES = 20.0
EDGE_ARCSEC = 9.5
"""Half side of the exposed square, which is turned by `EDGE_DEGREES` so that its corners lie beyond the image."""
GAP_ARCSEC = (2.6, 2.9)
"""Range along the turned x axis that no exposure covers."""
SATURATED_SIGMA = 800.0
"""Pixels so far above the sky are saturated, and so are their neighbours."""


def punch(sci, weight, pixel_scale_arcsec, rng):
    """Image and weight of a mosaic with everything that real ones have.

    Parameters
    ----------
    sci, weight : (ny, nx) float ndarray
    pixel_scale_arcsec : float
    rng : `numpy.random.Generator`

    Returns
    -------
    sci, weight : (ny, nx) float ndarray
    """
    sci, weight = sci.copy(), weight.copy()
    ny, nx = sci.shape
    y, x = (np.arange(n) - (n - 1) / 2 for n in (ny, nx))
    angle = np.deg2rad(EDGE_DEGREES)
    u = (x * np.cos(angle) + y[:, None] * np.sin(angle)) * pixel_scale_arcsec
    v = (-x * np.sin(angle) + y[:, None] * np.cos(angle)) * pixel_scale_arcsec
    outside = np.maximum(np.abs(u), np.abs(v)) > EDGE_ARCSEC
    gap = (u > GAP_ARCSEC[0]) & (u < GAP_ARCSEC[1])
    clumps = ndimage.gaussian_filter(rng.normal(size=sci.shape), 4.0)
    clumps = clumps > np.quantile(clumps, 1.0 - SHARE_MASKED)
    rays = ndimage.binary_dilation(rng.uniform(size=sci.shape) < 1e-3, iterations=1)
    saturated = ndimage.binary_dilation(sci > SATURATED_SIGMA * np.median(weight) ** -0.5, iterations=2)
    weight[outside | gap | clumps | rays | saturated] = 0.0
    sci[outside | rays] = 0.0
    sci[gap] = np.nan
    return sci, weight
