"""Where clusters lie: radial profile, map of corrected counts, comparison with a map as a point process.

Counts are corrected through the effective area: searched area times the share of clusters that is found there.
Areas arcsec2, densities 1/arcmin2, angles arcsec, positions degrees (ICRS).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special
from scipy.interpolate import CubicSpline

from clusterphot.luminosity.importance import weighted_quantiles

ARCSEC2_PER_ARCMIN2 = 3600.0

PEAK_SIGMA_CELLS = 2.0
"""Smoothing of the light in which the brightest galaxy is looked for: its core, not a pixel of it."""

LEAST_SHARE = 1e-3
"""Shares of clusters are kept this far from 0 and 1, so that their logits are finite."""

LARGEST_LOG = 300.0
"""Logs of densities are cut here, so that their exponentials are finite."""

EXPONENTS = np.linspace(-3.0, 6.0, 901)
"""Exponents of a map that are tried; none is preferred."""

NORM_EVERY = 15
"""Every so many of them the mean of the map's power is summed, 0.15 apart; it is smooth between them to 1e-4."""

SHARES = np.linspace(0.01, 0.99, 30)
"""Shares of clusters among all sources that are tried; none is preferred."""

SHIFTS = np.linspace(-12.0, 12.0, 241)
"""Shifts of the logit of all sources' shares that lead to them."""

N_SHARE = 30
"""Sources of neighbouring magnitude that have one share of clusters, at least."""

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
        Their probability of being clusters. It knows of the light at their places.
    share : (n,) float ndarray
        Share of clusters among sources of their magnitude, anywhere.
    cell_arcsec : float
        Side of a cell.
    """

    area: np.ndarray
    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray
    share: np.ndarray
    cell_arcsec: float


def make_survey(maps, cell_arcsec, table, mag_limit, found_share):
    """Effective area and counts of a field.

    Parameters
    ----------
    maps : `clusterphot.detect.tiles.CoarseMaps`
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
    row, column = maps.cells(table["x"][bright], table["y"][bright])
    weight = np.asarray(table["p_cluster"], dtype=float)[bright]
    share = share_by_magnitude(np.asarray(table["mag"])[bright], weight)
    return Survey(area, row, column, weight, share, cell_arcsec)


def share_by_magnitude(mag, p_cluster):
    """Mean probability of sources of like magnitude, (n,), at least `N_SHARE` together: their places drop out."""
    share = np.empty(len(mag))
    for group in np.array_split(np.argsort(mag, kind="stable"), max(len(mag) // N_SHARE, 1)):
        share[group] = p_cluster[group].mean() if len(group) else 0.0
    return share


def brightest_cell(light):
    """Cell (row, column) of the brightest galaxy: the peak of the smoothed light."""
    smooth = ndimage.gaussian_filter(np.nan_to_num(np.asarray(light, dtype=float)), PEAK_SIGMA_CELLS)
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
class MapComparison:
    """How clusters follow a map.

    Attributes
    ----------
    exponent, exponent_err : float
        Of the map in the intensity: median of its likelihood, and half its 68 % range.
    exponent_p16, exponent_p84 : float
        Quantiles of the likelihood.
    ratio_uniform, ratio_linear : float
        Twice the gain of log-likelihood of the best exponent over a uniform distribution and over one proportional to
        the map.
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
    """Exponent of a map in the intensity of clusters, as an inhomogeneous Poisson process.

    Parameters
    ----------
    survey : `Survey`
    values : (ny, nx) float ndarray
        The map on the cells; cells where it is not positive are left out.

    Returns
    -------
    comparison : `MapComparison`

    Notes
    -----
    Contaminants lie evenly on the effective area, clusters as map**beta times it. Given the number of sources
    (Baddeley, Rubak & Turner 2015, sect. 9.7) the log-likelihood is

        sum_i ln(1 - q_i + q_i map_i**beta / mean of map**beta over the area)

    with q_i the share of clusters at the magnitude of source i. All q_i are shifted alike in their logit, and the
    likelihood is averaged over their mean, evenly from 0 to 1: how many clusters there are is not taken from
    `p_cluster`, which rests on the light, only how that changes with magnitude. The unit of the map drops out.
    """
    good = usable_cells(survey, values)
    on = good[survey.row, survey.column]
    if not _can_be_compared(survey, values, good):
        return MapComparison(*[np.nan] * 8, int(on.sum()), int((~on).sum()))
    log_l = exponent_log_likelihood(survey, values, good)
    weight = np.exp(log_l - log_l.max())
    low, middle, high = (float(value) for value in weighted_quantiles(EXPONENTS, weight, [0.16, 0.5, 0.84]))
    gains = [float(2 * (log_l.max() - np.interp(beta, EXPONENTS, log_l))) for beta in (0.0, 1.0)]
    return MapComparison(
        middle, 0.5 * (high - low), low, high,
        *gains, *(float(special.chdtrc(1, gain)) for gain in gains),
        int(on.sum()), int((~on).sum()),
    )  # fmt: skip


def usable_cells(survey, values):
    """Cells (ny, nx) that were searched and where a map is positive."""
    return np.isfinite(values) & (values > 0) & (survey.area > 0)


def _can_be_compared(survey, values, good):
    """Whether there are clusters, and a map that differs from place to place, on these cells."""
    on = good[survey.row, survey.column]
    return survey.weight[on].sum() >= 2 and good.sum() >= 2 and np.ptp(values[good]) > 0


def exponent_log_likelihood(survey, values, good):
    """Log-likelihood of each of `EXPONENTS` of a map, (k,), given the number of sources on some cells.

    Parameters
    ----------
    survey : `Survey`
    values : (ny, nx) float ndarray
        The map, positive on these cells.
    good : (ny, nx) bool ndarray
        Cells that count. Likelihoods of several maps compare only on the same cells.
    """
    on = good[survey.row, survey.column]
    log_map = np.log(values[good])
    area = survey.area[good] / survey.area[good].sum()
    log_map_mean = np.average(log_map, weights=area)
    log_map = log_map - log_map_mean
    at_sources = np.log(values[survey.row, survey.column][on]) - log_map_mean
    coarse = EXPONENTS[::NORM_EVERY]
    norm = CubicSpline(coarse, [_log_sum(beta * log_map, area) for beta in coarse])(EXPONENTS)
    return point_log_likelihood(EXPONENTS[:, None] * at_sources - norm[:, None], survey.share[on])


@dataclass(frozen=True)
class Followed:
    """How clusters follow a map, with and without a smoothing of it.

    Attributes
    ----------
    exponent : (3,) float ndarray
        16, 50 and 84 % of the exponent beta of density ~ map**beta, the map as it is.
    log_evidence : float
        Of the map as it is, over that of clusters that lie evenly.
    exponent_smoothed, smoothing_arcsec : (3,) float ndarray
        The same where the map may be smoothed, and sigma of the Gaussian.
    log_evidence_smoothed : float
    """

    exponent: np.ndarray
    log_evidence: float
    exponent_smoothed: np.ndarray
    smoothing_arcsec: np.ndarray
    log_evidence_smoothed: float


def follow_map(survey, values, good, lengths):
    """Exponent and evidence of a map.

    Parameters
    ----------
    survey : `Survey`
    values : (ny, nx) float ndarray
    good : (ny, nx) bool ndarray
        Cells on which all maps to be ranked are positive.
    lengths : sequence of float, arcsec
        Sigmas of the smoothing that are tried, the first 0; as probable as each other.

    Returns
    -------
    followed : `Followed`
        NaN where there is nothing to follow.

    Notes
    -----
    Priors are the same for all maps: exponents flat over `EXPONENTS`. The evidence of a map is the mean of its
    likelihood over them, so that what needs an exponent finely chosen ranks below what does not.
    """
    three = np.full(3, np.nan)
    if not _can_be_compared(survey, values, good):
        return Followed(three, np.nan, three, three, np.nan)
    log_l = np.array(
        [
            exponent_log_likelihood(survey, smoothed(values, sigma / survey.cell_arcsec), good)
            for sigma in lengths
        ]
    )
    even = np.interp(0.0, EXPONENTS, log_l[0])
    evidence = [float(special.logsumexp(part) - np.log(part.size) - even) for part in (log_l[0], log_l)]
    weight = np.exp(log_l - log_l.max())
    levels = [0.16, 0.5, 0.84]
    return Followed(
        weighted_quantiles(EXPONENTS, weight[0], levels), evidence[0],
        weighted_quantiles(EXPONENTS, weight.sum(axis=0), levels),
        weighted_quantiles(np.asarray(lengths, dtype=float), weight.sum(axis=1), levels), evidence[1],
    )  # fmt: skip


def smoothed(values, sigma_cells):
    """A map smoothed with a Gaussian, over the cells where it is known."""
    if sigma_cells == 0:
        return values
    known = np.isfinite(values)
    top = ndimage.gaussian_filter(np.where(known, values, 0.0), sigma_cells, mode="constant")
    below = ndimage.gaussian_filter(known.astype(float), sigma_cells, mode="constant")
    # a map smoothed over its negative noise may come near 0, where its power is not defined
    least = np.min(values[known & (values > 0)], initial=np.inf)
    return np.where(below > MIN_EFFECTIVE, np.maximum(top / np.maximum(below, MIN_EFFECTIVE), least), np.nan)


def point_log_likelihood(log_excess, share):
    """Log-likelihood of each exponent, (k,), averaged over the mean share of clusters where that is not 1.

    Parameters
    ----------
    log_excess : (k, n) float ndarray
        Log of the density of clusters at the sources over its mean, for each exponent.
    share : (n,) float ndarray
        Of clusters at the sources' magnitudes.
    """
    if (share >= 1.0).all():
        return log_excess.sum(axis=1)
    logit = special.logit(np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE))
    means = special.expit(logit[:, None] + SHIFTS).mean(axis=0)
    excess = np.expm1(np.minimum(log_excess, LARGEST_LOG))
    log_l = [
        np.log1p(special.expit(logit + shift) * excess).sum(axis=1)
        for shift in np.interp(SHARES, means, SHIFTS)
    ]
    return special.logsumexp(log_l, axis=0) - np.log(len(SHARES))


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
