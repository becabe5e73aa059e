"""Sources that are near one another: which are the same, and whose light spoils whose flux and shape.

Positions pixels of the reference filter, fluxes nJy.
"""

import numpy as np
from scipy.spatial import cKDTree

SAME_ARCSEC = 0.06
"""Positions nearer than this are those of one source, whoever found it: about the FWHM at 2 um."""

NEAR_ARCSEC = 0.15
"""Neighbours count by a Gaussian of this width: half the disc in which a source is measured (short channel)."""

REACH_SIGMA = 4.0
"""Neighbours further away than this many such widths have a weight below 4e-4, and are left out."""


def first_come(x, y, radius_px, *, n_fixed=0):
    """Which positions keep their distance from those before them.

    Parameters
    ----------
    x, y : (n,) float array_like
        The more important first.
    radius_px : float
    n_fixed : int, optional
        The first so many are kept in any case.

    Returns
    -------
    keep : (n,) bool ndarray
    """
    keep = np.ones(len(x), dtype=bool)
    if len(x) > 1:
        for i, j in sorted(cKDTree(np.stack([x, y], axis=1)).query_pairs(radius_px)):
            if keep[i] and j >= n_fixed:
                keep[j] = False
    return keep


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
        out[k] = (flux[rows] * weight)[distance > SAME_ARCSEC].sum()  # what is nearer is the source itself
    return out
