"""Light of a source's neighbours, which spoils its flux and shape. Pixels of the reference filter, nJy."""

import numpy as np
from scipy.spatial import cKDTree

NEAR_ARCSEC = 0.15
"""Neighbours count by a Gaussian of this width: half the disc in which a source is measured (short channel)."""

REACH_SIGMA = 4.0
SELF_ARCSEC = 0.06
"""What is nearer than this is the source itself."""


def neighbour_light(x, y, table, flux, pixel_scale_arcsec):
    """Light of the candidates around positions, weighted by their distance.

    Parameters
    ----------
    x, y : (n,) float ndarray
    table : `astropy.table.Table`
        All candidates of the field, selected or not, with x and y.
    flux : (m,) float ndarray
        Of the candidates in the reference filter; negative ones count as zero.
    pixel_scale_arcsec : float

    Returns
    -------
    light : (n,) float ndarray
        Sum of flux exp(-d^2 / (2 (0.15 arcsec)^2)).
    """
    out = np.zeros(len(x))
    if not len(table) or not len(x):
        return out
    there = np.stack([table["x"], table["y"]], axis=1)
    here = np.stack([x, y], axis=1)
    flux = np.clip(np.nan_to_num(np.asarray(flux, dtype=float)), 0.0, None)
    near = cKDTree(there).query_ball_point(here, REACH_SIGMA * NEAR_ARCSEC / pixel_scale_arcsec)
    for k, rows in enumerate(near):
        distance = np.hypot(*(there[rows] - here[k]).T) * pixel_scale_arcsec
        weight = np.exp(-0.5 * (distance / NEAR_ARCSEC) ** 2)
        out[k] = (flux[rows] * weight)[distance > SELF_ARCSEC].sum()
    return out
