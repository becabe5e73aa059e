"""Selected sources as a Poisson process of two kinds: contaminants spread evenly, clusters along the light.

Both intensities are fitted at once to counts by magnitude and light, an inhomogeneous Poisson process (Baddeley,
Rubak & Turner 2015). Areas arcsec2, densities 1/arcsec2, magnitudes AB.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from clusterphot.base.numerics import TINY
from clusterphot.base.units import flux_from_mag_ab

BIN_MAG = 0.25
N_LIGHT = 40
"""Width of the bins of magnitude, and number of bins of the log of the light."""

LIMIT_QUANTILE = 0.02
"""Quantile of the signal to noise of the sources that is taken for the limit of the search: the few below it are
scatter."""

LEAST_NUMBER, LEAST_AREA = 1e-3, 1e-2
"""Sources, where there are none, and share of a cell per source that a bin is given at least, so that densities are
defined."""

LARGEST_LOG_DENSITY, LARGEST_LOG_EXPONENT = 50.0, 5.0
"""Keep exponentials finite while the fit looks for its way; results lie far below."""

SNR_LIMIT = 5.0
"""Largest signal to noise in one filter that is taken for the limit of the search."""

EXPONENT, EXPONENT_SIGMA = 1.0, 0.5
"""Prior of the exponent of the light where it is 1: median, and 1 sigma of its natural log."""

BEND_SIGMA = 0.2
"""Prior of the bend: 1 sigma. The exponent changes by twice the bend per natural log of the light."""

STEP_SIGMA = 2.0
"""Prior of the densities: 1 sigma of the change of their natural logs over a magnitude, a random walk."""

LEVEL_SIGMA = 5.0
"""Prior of the densities: 1 sigma of their natural logs about one level, for where there are no sources at all."""


@dataclass(frozen=True)
class Counts:
    """Selected sources by magnitude and light.

    Attributes
    ----------
    mag : (k,) float ndarray
        Middles of the bins of magnitude.
    log_light : (l,) float ndarray
        Natural log of the light of the bins, in units of a typical one; -inf where no clusters are.
    number : (k, l) float ndarray
    area : (k, l) float ndarray, arcsec2
        Searched, and deep enough for the magnitude.
    """

    mag: np.ndarray
    log_light: np.ndarray
    number: np.ndarray
    area: np.ndarray


@dataclass(frozen=True)
class Places:
    """Surroundings of sources, or cells of a field.

    Attributes
    ----------
    light : (n,) float ndarray, nJy/arcsec2
        Positive.
    noise : (n,) float ndarray, nJy
        1 sigma of a flux.
    clean : (n,) bool ndarray
        Whether no clusters are there.
    """

    light: np.ndarray
    noise: np.ndarray
    clean: np.ndarray


def bin_sources(mag, places, cells, area):
    """Counts of sources, and the bins in which they are.

    Parameters
    ----------
    mag : (n,) float ndarray
    places : `Places`
        Of the sources.
    cells : `Places`
    area : (m,) float ndarray, arcsec2
        Searched in each cell.

    Returns
    -------
    counts : `Counts`
    bins : ((n,) int ndarray, (n,) int ndarray)
        Magnitude and light of each source.

    Notes
    -----
    A cell counts for a magnitude by the chance that a flux with its noise exceeds the limit of the search, which is
    taken from the faintest of the sources: the densities are those of what would be selected.
    """
    steps = np.arange(np.floor(mag.min() / BIN_MAG), np.floor(mag.max() / BIN_MAG) + 2)
    middle = BIN_MAG * 0.5 * (steps[1:] + steps[:-1])
    unit = np.median(cells.light)
    edges = np.linspace(*np.log(np.array([cells.light.min(), cells.light.max()]) / unit), N_LIGHT + 1)

    def of_light(there):
        return np.where(there.clean, N_LIGHT, np.digitize(np.log(there.light / unit), edges[1:-1]))

    bins = (np.floor(mag / BIN_MAG) - steps[0]).astype(int), of_light(places)
    number = np.zeros((len(middle), N_LIGHT + 1))
    np.add.at(number, bins, 1.0)
    flux = flux_from_mag_ab(mag)
    limit = min(float(np.quantile(flux / places.noise, LIMIT_QUANTILE)), SNR_LIMIT)
    column = of_light(cells)
    deep = np.stack(
        [
            np.bincount(column, area * special.ndtr(one / cells.noise - limit), N_LIGHT + 1)
            for one in flux_from_mag_ab(middle)
        ]
    )
    # where a source is, it can be found: bins of no area at all get the least that matters
    deep = np.maximum(deep, np.maximum(number, LEAST_NUMBER) * LEAST_AREA * area.max())
    log_light = np.append(0.5 * (edges[1:] + edges[:-1]), -np.inf)
    return Counts(middle, log_light, number, deep), bins


@dataclass(frozen=True)
class MixtureFit:
    """Shares of clusters.

    Attributes
    ----------
    share : (k, l) float ndarray
        Of clusters among the sources of a bin of magnitude and light.
    slopes : (k, l, q) float ndarray
        Its derivatives to the parameters.
    covariance : (q, q) float ndarray
        Of the parameters.
    exponent, exponent_err : float
        Of the light in the density of clusters where the light is 1.
    bend, bend_err : float
    """

    share: np.ndarray
    slopes: np.ndarray
    covariance: np.ndarray
    exponent: float
    exponent_err: float
    bend: float
    bend_err: float

    def number(self, sources):
        """Clusters among sources, and the 1 sigma error of that number.

        Parameters
        ----------
        sources : (k, l) float ndarray
            How many by magnitude and light.

        Returns
        -------
        number, error : float
            The error is that of the fit and the chance of single sources to be clusters, in quadrature.
        """
        slope = np.tensordot(sources, self.slopes, axes=2)
        chance = (sources * self.share * (1.0 - self.share)).sum()
        return float((sources * self.share).sum()), float(np.sqrt(slope @ self.covariance @ slope + chance))


def fit_light_mixture(counts):
    """Densities of contaminants and clusters, and what they say of the sources.

    Parameters
    ----------
    counts : `Counts`

    Returns
    -------
    fit : `MixtureFit`

    Notes
    -----
    Sources of magnitude k at light L are Poisson with the mean

        area (b_k + s_k exp(beta x + gamma x**2)),  x = ln L

    The exponent beta and the bend gamma are shared by all magnitudes. The maximum of the posterior in the natural
    logs of b, s and beta, and in gamma; errors from the Fisher information and the priors.
    """
    # theta: ln b and ln s of every magnitude, ln beta, gamma
    middle, precision = _prior(counts)
    seen = counts.number > 0

    def cost(theta):
        density = sum(_densities(theta, counts))
        mean, rest = counts.area * density, theta - middle
        value = (mean - np.where(seen, counts.number * np.log(np.where(seen, mean, 1.0)), 0.0)).sum()
        weight = counts.area - counts.number / density
        slope = np.tensordot(weight, _derivatives(theta, counts), axes=2)
        return value + 0.5 * rest @ precision @ rest, slope + precision @ rest

    def information(theta):
        slopes = _derivatives(theta, counts).reshape(counts.area.size, -1)
        weight = counts.area / sum(_densities(theta, counts))
        return slopes.T @ (slopes * weight.reshape(-1, 1)) + precision

    best = optimize.minimize(cost, middle, jac=True, hess=information, method="trust-exact").x
    covariance = np.linalg.inv(information(best))
    error = np.sqrt(np.diag(covariance))
    beta = float(np.exp(best[-2]))
    # share of clusters in each bin, and what an error of the parameters does to it
    b, s = _densities(best, counts)
    share = s / (b + s)
    # d share = share (1 - share) (d ln s - d ln b), and the parameters act on one of them each
    own = np.arange(len(best)) < len(counts.mag)
    below = np.where(own, -b[..., None], np.maximum(s, TINY)[..., None])
    slopes = _derivatives(best, counts) / below
    slopes = (share * (1.0 - share))[..., None] * slopes
    return MixtureFit(
        share, slopes, covariance, beta, beta * float(error[-2]), float(best[-1]), float(error[-1])
    )


def _densities(theta, counts):
    """Densities of contaminants and of clusters, (k, l)."""
    n = len(counts.mag)
    on = np.isfinite(counts.log_light)
    x = np.where(on, counts.log_light, 0.0)
    log_s = (
        theta[n : 2 * n, None] + np.exp(np.minimum(theta[-2], LARGEST_LOG_EXPONENT)) * x + theta[-1] * x**2
    )
    b = np.exp(np.minimum(theta[:n, None], LARGEST_LOG_DENSITY)) + np.zeros_like(log_s)
    return b, np.where(on, np.exp(np.minimum(log_s, LARGEST_LOG_DENSITY)), 0.0)


def _derivatives(theta, counts):
    """Derivatives of the densities, (k, l, q), to ln b and ln s of all magnitudes, ln beta and gamma."""
    n = len(counts.mag)
    x = np.where(np.isfinite(counts.log_light), counts.log_light, 0.0)
    b, s = _densities(theta, counts)
    out = np.zeros((*s.shape, 2 * n + 2))
    rows = np.arange(n)
    out[rows, :, rows], out[rows, :, n + rows] = b, s
    out[..., -2], out[..., -1] = s * np.exp(theta[-2]) * x, s * x**2
    return out


def _prior(counts):
    """Means and inverse covariance of the parameters."""
    n = len(counts.mag)
    # half of the sources each, spread over the magnitudes
    level = np.log(0.5 * (counts.number.sum() + 1.0) / counts.area.sum())
    middle = np.concatenate([np.full(2 * n, level), [np.log(EXPONENT), 0.0]])
    sigma = np.concatenate([np.full(2 * n, LEVEL_SIGMA), [EXPONENT_SIGMA, BEND_SIGMA]])
    precision = np.diag(sigma**-2)
    walk = np.diff(np.eye(n), axis=0) / (STEP_SIGMA * np.sqrt(np.diff(counts.mag)))[:, None]
    for part in (slice(n), slice(n, 2 * n)):
        precision[part, part] += walk.T @ walk
    return middle, precision
