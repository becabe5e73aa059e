"""Where clusters lie: radial profile, map of corrected counts, comparison with a map as a point process.

Counts are corrected through the effective area: searched area times the share of clusters that is found there.
Areas arcsec2, densities 1/arcmin2, angles arcsec, positions degrees (ICRS).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from clusterphot.detection.tiles import CELL_PX

ARCSEC2_PER_ARCMIN2 = 3600.0
EXPONENTS = np.linspace(-3.0, 6.0, 1801)
"""Exponents of a map that are tried."""

MIN_EFFECTIVE = 0.02
"""The density map is blank where less than this share of the area around is effective."""


@dataclass(frozen=True)
class Survey:
    """Cells of a field and the clusters selected in it.

    Attributes
    ----------
    area : (ny, nx) float ndarray, arcsec2
        Effective: searched, times the completeness of clusters brighter than the limit.
    row, column : (n,) int ndarray
        Cells of the selected clusters brighter than the limit.
    weight : (n,) float ndarray
        Their probability of being clusters.
    cell_arcsec : float
        Side of a cell.
    """

    area: np.ndarray
    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray
    cell_arcsec: float


def make_survey(maps, cell_arcsec, table, mag_limit, found_share):
    """Effective area and counts of a field.

    Parameters
    ----------
    maps : `clusterphot.detection.tiles.CoarseMaps`
    cell_arcsec : float
    table : `astropy.table.Table`
        Selected sources: x, y, mag, p_cluster.
    mag_limit : float
        Fainter sources are left out, and completeness counts for brighter ones.
    found_share : function
        Of (noise, light): share of the clusters brighter than the limit that is found.

    Returns
    -------
    survey : `Survey`
    """
    good = (maps.searched > 0) & np.isfinite(maps.noise)
    share = np.zeros(maps.noise.shape)
    share[good] = found_share(maps.noise[good].astype(float), maps.light[good].astype(float))
    area = np.where(good, maps.searched, 0.0) * share * cell_arcsec**2
    bright = np.asarray(table["mag"]) < mag_limit
    row = np.clip((np.asarray(table["y"])[bright] + 0.5) // CELL_PX, 0, area.shape[0] - 1).astype(int)
    column = np.clip((np.asarray(table["x"])[bright] + 0.5) // CELL_PX, 0, area.shape[1] - 1).astype(int)
    return Survey(area, row, column, np.asarray(table["p_cluster"], dtype=float)[bright], cell_arcsec)


def brightest_cell(light):
    """Cell (row, column) of the brightest galaxy: the peak of the smoothed light."""
    smooth = ndimage.gaussian_filter(np.nan_to_num(np.asarray(light, dtype=float)), 2.0)
    return tuple(float(i) for i in np.unravel_index(np.argmax(smooth), smooth.shape))


def radial_profile(survey, centre, edges):
    """Surface density in annuli.

    Parameters
    ----------
    survey : `Survey`
    centre : (row, column)
        Of the cells, fractions allowed.
    edges : (b + 1,) float ndarray, arcsec

    Returns
    -------
    profile : dict of str to (b,) ndarray
        radius (mean over the effective area), n, n_corrected, area, density and density_err (1/arcmin2).

    Notes
    -----
    Errors are those of counts, with one added below the root where there is none (Gehrels 1986 gives the same to
    20 %).
    """
    rows, columns = np.indices(survey.area.shape)
    radius = np.hypot(rows - centre[0], columns - centre[1]) * survey.cell_arcsec
    own = radius[survey.row, survey.column]
    area = np.histogram(radius, edges, weights=survey.area)[0]
    n = np.histogram(own, edges)[0]
    clean = np.histogram(own, edges, weights=survey.weight)[0]
    scatter = np.sqrt(np.histogram(own, edges, weights=survey.weight**2)[0])
    there = np.where(area > 0, area, np.nan)
    weighted = np.histogram(radius, edges, weights=survey.area * radius)[0]
    return {
        "radius": weighted / there,
        "n": n,
        "n_clean": clean,
        "area": area,
        "density": clean / there * ARCSEC2_PER_ARCMIN2,
        "density_err": np.where(n > 0, scatter, 1.0) / there * ARCSEC2_PER_ARCMIN2,
    }


def radial_edges(survey, centre, n_bins):
    """Edges of annuli of about equal counts, from the centre to the last source, arcsec."""
    own = np.hypot(survey.row - centre[0], survey.column - centre[1]) * survey.cell_arcsec
    if not len(own):
        return np.array([0.0, survey.cell_arcsec * max(survey.area.shape)])
    edges = np.quantile(own, np.linspace(0, 1, n_bins + 1))
    edges[0], edges[-1] = 0.0, edges[-1] + survey.cell_arcsec
    steps = np.concatenate([[True], np.diff(edges) > survey.cell_arcsec])
    return edges[steps] if steps.sum() > 1 else edges[[0, -1]]


def density_map(survey, sigma_arcsec):
    """Corrected density smoothed with a Gaussian, (ny, nx), 1/arcmin2; NaN where too little was seen.

    Notes
    -----
    Counts and effective area are smoothed alike and divided, so that holes and edges leave no dip.
    """
    counts = np.zeros(survey.area.shape)
    np.add.at(counts, (survey.row, survey.column), survey.weight)
    sigma = sigma_arcsec / survey.cell_arcsec
    top = ndimage.gaussian_filter(counts, sigma, mode="constant")
    below = ndimage.gaussian_filter(survey.area, sigma, mode="constant")
    enough = below > MIN_EFFECTIVE * survey.cell_arcsec**2
    return np.where(enough, top / np.where(enough, below, 1.0), np.nan) * ARCSEC2_PER_ARCMIN2


@dataclass(frozen=True)
class Comparison:
    """How clusters follow a map.

    Attributes
    ----------
    exponent, exponent_err : float
        Of the map in the intensity, and half its 68 % range.
    exponent_p16, exponent_p84 : float
        Ends of that range, where the log-likelihood has fallen by a half.
    ratio_uniform, ratio_linear : float
        Twice the gain of log-likelihood over a uniform distribution and over one proportional to the map.
    p_uniform, p_linear : float
        Chance of so large a gain were these true (Wilks 1938).
    n : int
        Sources on cells where the map is positive.
    n_outside : int
        The rest, left out.
    """

    exponent: float
    exponent_err: float
    exponent_p16: float
    exponent_p84: float
    ratio_uniform: float
    ratio_linear: float
    p_uniform: float
    p_linear: float
    n: int
    n_outside: int


def compare_with_map(survey, values):
    """Best exponent of a map in the intensity of clusters, as an inhomogeneous Poisson process.

    Parameters
    ----------
    survey : `Survey`
    values : (ny, nx) float ndarray
        The map on the cells; cells where it is not positive are left out.

    Returns
    -------
    comparison : `Comparison`

    Notes
    -----
    Intensity proportional to map**beta times the effective area. Given the number of sources (Baddeley, Rubak &
    Turner 2015, sect. 9.7) the log-likelihood is sum_i p_i (beta ln map_i - ln sum_cells map**beta area), concave in
    beta. The unit of the map drops out.
    """
    good = np.isfinite(values) & (values > 0) & (survey.area > 0)
    on = good[survey.row, survey.column]
    weight = survey.weight[on]
    if weight.sum() < 2 or good.sum() < 2 or np.ptp(values[good]) == 0:
        return Comparison(*[np.nan] * 8, int(on.sum()), int((~on).sum()))
    log_map = np.log(values[good])
    log_map_mean = np.average(log_map, weights=survey.area[good])
    log_map = log_map - log_map_mean
    at_sources = np.log(values[survey.row, survey.column][on]) - log_map_mean
    norm = np.array([_log_sum(beta * log_map, survey.area[good]) for beta in EXPONENTS])
    log_l = EXPONENTS * (weight * at_sources).sum() - weight.sum() * norm
    best = int(np.argmax(log_l))
    inside = EXPONENTS[log_l > log_l[best] - 0.5]
    low, high = float(inside[0]), float(inside[-1])
    gains = [float(2 * (log_l[best] - np.interp(beta, EXPONENTS, log_l))) for beta in (0.0, 1.0)]
    return Comparison(
        float(EXPONENTS[best]), 0.5 * (high - low), low, high,
        *gains, *(float(stats.chi2.sf(gain, 1)) for gain in gains),
        int(on.sum()), int((~on).sum()),
    )  # fmt: skip


def _log_sum(log_values, weights):
    """Log of the weighted sum of exponentials."""
    top = log_values.max()
    return top + np.log((np.exp(log_values - top) * weights).sum())


def sample_map(image, wcs, cell_wcs, shape):
    """A map of a user at the middles of cells, bilinear; NaN outside.

    Parameters
    ----------
    image : (my, mx) float ndarray
    wcs, cell_wcs : `astropy.wcs.WCS`
        Celestial, of the map and of the cells.
    shape : (int, int)
        Of the cells.

    Returns
    -------
    values : (ny, nx) float ndarray
    """
    rows, columns = np.indices(shape)
    ra, dec = cell_wcs.all_pix2world(columns.ravel(), rows.ravel(), 0)
    x, y = wcs.all_world2pix(ra, dec, 0)
    values = ndimage.map_coordinates(
        np.asarray(image, dtype=float), [y, x], order=1, mode="constant", cval=np.nan
    )
    return values.reshape(shape)
