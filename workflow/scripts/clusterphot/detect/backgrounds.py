"""Smooth light by other means than the filter itself: ring median and background mesh, for comparison.

The default needs none of them: the quadratic filter is blind to smooth light. nJy/pixel.
"""

import numpy as np
import sep
from scipy import ndimage

from clusterphot.detect.kernels import QUADRATIC

RING_ARCSEC = (0.24, 0.36)
"""Inner and outer radius of the ring whose median is the background: outside the core of the PSF."""

RING_STEP_ARCSEC = 0.08
"""The median is taken on a coarser grid and interpolated: it varies over the ring's size only."""

MESH_ARCSEC = 0.48
"""Cells of the background mesh."""

SKY_ORDER = {"quadratic": QUADRATIC, "ring_median": 0, "mesh": 0}
"""Order of the polynomials that the filter is made orthogonal to, by method."""


def background(image, bad, method, pixel_scale_arcsec):
    """Light to be subtracted before filtering, (ny, nx) float32; None for the quadratic filter.

    Parameters
    ----------
    image : (ny, nx) float32 ndarray
        Bad pixels filled.
    bad : (ny, nx) bool ndarray
    method : {'quadratic', 'ring_median', 'mesh'}
    pixel_scale_arcsec : float

    Raises
    ------
    ValueError
        For another method.
    """
    if method == "quadratic":
        return None
    if method == "ring_median":
        return ring_median(image, pixel_scale_arcsec)
    if method == "mesh":
        cell = max(int(round(MESH_ARCSEC / pixel_scale_arcsec)), 4)
        data = np.ascontiguousarray(image, dtype=np.float32)
        return sep.Background(data, mask=bad, bw=cell, bh=cell, fw=3, fh=3).back().astype(np.float32)
    raise ValueError(f"method = {method!r}, expected one of {', '.join(SKY_ORDER)}")


def ring_median(image, scale):
    """Median in a ring around each node of a grid, interpolated to all pixels."""
    inner, outer = (radius / scale for radius in RING_ARCSEC)
    reach = int(np.ceil(outer))
    axis = np.arange(-reach, reach + 1)
    radius = np.hypot(axis[:, None], axis)
    dy, dx = np.nonzero((radius >= inner) & (radius <= outer))
    step = max(int(round(RING_STEP_ARCSEC / scale)), 1)
    padded = np.pad(image, reach, mode="edge")
    rows, columns = (np.arange(0, n + step, step) for n in image.shape)
    rows, columns = np.minimum(rows, image.shape[0] - 1), np.minimum(columns, image.shape[1] - 1)
    nodes = np.stack([np.median(padded[row + dy[:, None], columns + dx[:, None]], axis=0) for row in rows])
    place = np.meshgrid(np.arange(image.shape[0]) / step, np.arange(image.shape[1]) / step, indexing="ij")
    return ndimage.map_coordinates(nodes, place, order=1, mode="nearest", output=np.float32)
