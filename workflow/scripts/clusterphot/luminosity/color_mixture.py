"""Distribution of the colours of clusters: one Gaussian or two, with errors, completeness and evidence.

Likelihood of each colour given the magnitude and place of its source, after Hogg, Bovy & Lang (2010, sect. 3);
evidence by importance sampling around the best fits (Kass & Raftery 1995, sect. 4.2). Colours AB mag.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from clusterphot.base.numerics import TINY
from clusterphot.base.units import MAG_PER_FRACTION
from clusterphot.detect.completeness.logistic import glow_of
from clusterphot.detect.selection import magnitudes

STEP_MAG = 0.04
"""Largest step of the grid of true colour over which completeness is integrated."""

MIN_WIDTH, MAX_WIDTH = 0.03, 1.0
"""Prior range of the width of a component, mag; flat in its log."""

MARGIN_MAG = 0.5
"""Means lie within the seen colours less and more this much."""

MIN_SOURCES = 8
MAX_ERROR_MAG = 0.75
"""Colours less certain than this hold no news and are left out."""

N_SAMPLES = 3000
SPREAD = 1.4
"""Samples for the evidence, and how much wider than the curvature says they are drawn."""

RIDGE = 1.0
"""Prior precision of the coefficients of the completeness in colour."""


@dataclass(frozen=True)
class ColorSample:
    """Colours of selected sources.

    Attributes
    ----------
    color, error : (n,) float ndarray, mag
    grid : (g,) float ndarray, mag
        True colours.
    seen : (n, g) float ndarray
        Completeness at the magnitude and place of each source, were its colour that of the grid.
    weight : (n,) float ndarray
        Probability of each source to be a cluster.
    """

    color: np.ndarray
    error: np.ndarray
    grid: np.ndarray
    seen: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Mixture:
    """Best mixture of one or two Gaussians.

    Attributes
    ----------
    share, mean, width : (k,) float ndarray
        Bluer component first; shares are those of clusters, corrected for completeness.
    share_err, mean_err, width_err : (k,) float ndarray
        1 sigma from the curvature; NaN where it is none.
    log_likelihood, bic, log_evidence : float
    """

    share: np.ndarray
    mean: np.ndarray
    width: np.ndarray
    share_err: np.ndarray
    mean_err: np.ndarray
    width_err: np.ndarray
    log_likelihood: float
    bic: float
    log_evidence: float


def color_sample(flux, error, place, detection, weight):
    """Colours and their completeness.

    Parameters
    ----------
    flux, error : (n, 2) float ndarray, nJy
        Of the bluer and the redder filter.
    place : (mag, noise, light), (n,) float ndarrays
        Of the reference filter.
    detection : `ColorDetection`
    weight : (n,) float ndarray
        Probability of each source to be a cluster.

    Returns
    -------
    sample : `ColorSample`
    rows : (m,) int ndarray
        Sources with a colour.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        color = magnitudes(flux[:, 0]) - magnitudes(flux[:, 1])
        sigma = MAG_PER_FRACTION * np.hypot(error[:, 0] / flux[:, 0], error[:, 1] / flux[:, 1])
    rows = np.flatnonzero(np.isfinite(color) & (sigma > 0) & (sigma < MAX_ERROR_MAG) & (flux > 0).all(axis=1))
    color, sigma = color[rows], sigma[rows]
    if not len(rows):
        return ColorSample(color, sigma, np.zeros(1), np.ones((0, 1)), weight[rows]), rows
    low, high = color.min() - 2 * MARGIN_MAG, color.max() + 2 * MARGIN_MAG
    grid = np.linspace(low, high, int(np.ceil((high - low) / STEP_MAG)) + 1)
    place = [np.asarray(value)[rows] for value in place]
    return ColorSample(color, sigma, grid, detection(*place, grid), weight[rows]), rows


@dataclass(frozen=True)
class ColorDetection:
    """Completeness as a logistic function of magnitude, noise, light and colour.

    Attributes
    ----------
    coefficients : (5,) float ndarray
        Of 1 and the standardised magnitude, log10 noise, light and colour.
    centre, scale : (4,) float ndarray
    """

    coefficients: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    def __call__(self, mag, noise, light, color):
        """Completeness (n, g) of sources at a grid of colours."""
        place = (np.stack([mag, np.log10(noise), glow_of(light)], axis=1) - self.centre[:3]) / self.scale[:3]
        at_place = self.coefficients[0] + place @ self.coefficients[1:4]
        at_color = self.coefficients[4] * (color - self.centre[3]) / self.scale[3]
        return special.expit(at_place[:, None] + at_color[None, :])


def fit_detection(mag, noise, light, color, selected):
    """Logistic regression of the selection of artificial clusters on colour beside magnitude and place.

    Parameters
    ----------
    mag, noise, light, color : (n,) float ndarray
        True magnitude and colour, local noise and light.
    selected : (n,) bool ndarray

    Returns
    -------
    detection : `ColorDetection`
    """
    values = np.stack([mag, np.log10(noise), glow_of(light), color], axis=1)
    centre, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    terms = np.column_stack([np.ones(len(mag)), (values - centre) / scale])
    seen = np.asarray(selected, dtype=float)
    coefficients = np.zeros(5)
    for _ in range(50):
        p = special.expit(terms @ coefficients)
        gradient = terms.T @ (seen - p)
        gradient[3:] -= RIDGE * coefficients[3:]
        curvature = (terms * (p * (1 - p))[:, None]).T @ terms + np.diag([1e-6, 1e-6, 1e-6, RIDGE, RIDGE])
        step = np.linalg.solve(curvature, gradient)
        coefficients = coefficients + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return ColorDetection(coefficients, centre, scale)


def fit_color_mixture(sample, n_components):
    """Best mixture of Gaussians and its evidence.

    Parameters
    ----------
    sample : `ColorSample`
    n_components : {1, 2}

    Returns
    -------
    mixture : `Mixture`

    Notes
    -----
    Priors for the evidence: means flat over the colours seen and half a magnitude to both sides, widths flat in
    their log from 0.03 to 1 mag, share flat. The order of two components is fixed, so nothing is counted twice.
    """
    best = None
    for start in _starts(sample, n_components):
        result = optimize.minimize(_cost, start, args=(sample, n_components), method="L-BFGS-B",
                                   bounds=_bounds(sample, n_components))  # fmt: skip
        if best is None or result.fun < best.fun - 1e-9:
            best = result
    covariance = _covariance(best.x, sample, n_components)
    n_free, log_likelihood = len(best.x), -float(best.fun)
    errors = np.sqrt(np.diag(covariance))
    share, mean, width = _unpack(best.x, n_components)
    order = np.argsort(mean)
    share_err = np.zeros(1) if n_components == 1 else np.full(2, errors[-1] * share[0] * share[1])
    return Mixture(
        share[order], mean[order], width[order],
        share_err, errors[:n_components][order], (errors[n_components : 2 * n_components] * width)[order],
        log_likelihood, n_free * np.log(sample.weight.sum()) - 2 * log_likelihood,
        _log_evidence(best.x, covariance, sample, n_components),
    )  # fmt: skip


def _covariance(x, sample, k):
    """Inverse of the curvature of posterior and a broad prior, so that it is one at an end of the prior, too."""
    low, high = np.array(_bounds(sample, k)).T
    curvature = _hessian(lambda at: _cost(at, sample, k), x) + np.diag(12.0 / (high - low) ** 2)
    values, axes = np.linalg.eigh(curvature)
    return (axes / np.maximum(values, 12.0 / np.max(high - low) ** 2)) @ axes.T


def _log_evidence(x, covariance, sample, k):
    """Log evidence by importance sampling with Student's t distribution of four degrees of freedom."""
    rng, n_free = np.random.default_rng(k), len(x)
    shape = stats.multivariate_t(x, SPREAD**2 * covariance, df=4, seed=rng)
    points = shape.rvs(N_SAMPLES).reshape(N_SAMPLES, n_free)
    low, high = np.array(_bounds(sample, k)).T
    inside = ((points >= low) & (points <= high)).all(axis=1)
    if k == 2:
        inside &= (points[:, 0] < points[:, 1]) == (x[0] < x[1])
    points = points[inside]
    weight = [_log_prior(at, sample, k) - _cost(at, sample, k) for at in points] - shape.logpdf(points)
    return float(special.logsumexp(weight) - np.log(N_SAMPLES))


def _unpack(x, k):
    """Shares, means and widths of parameters: means, log widths, and the logit of the first share."""
    first = special.expit(x[2 * k]) if k == 2 else 1.0
    return np.array([first, 1.0 - first][:k]), x[:k], np.exp(x[k : 2 * k])


def _cost(x, sample, k):
    """Minus the log-likelihood."""
    share, mean, width = _unpack(x, k)
    total = np.hypot(width, sample.error[:, None])
    pull = (sample.color[:, None] - mean) / total
    density = (np.exp(-0.5 * pull**2) / (np.sqrt(2 * np.pi) * total)) @ share
    at = np.interp(sample.color, sample.grid, np.arange(len(sample.grid))).astype(int)
    # the completeness is smooth over the error of a colour: it is taken at the colour found
    there = sample.seen[np.arange(len(at)), at]
    edges = np.concatenate([[-np.inf], 0.5 * (sample.grid[1:] + sample.grid[:-1]), [np.inf]])
    mass = np.diff(special.ndtr((edges[:, None] - mean) / width), axis=0) @ share
    # a source counts as much as it is likely to be a cluster
    return -(sample.weight * np.log(np.maximum(density * there / (sample.seen @ mass), TINY))).sum()


def _bounds(sample, k):
    """Allowed ranges of the parameters."""
    low, high = sample.color.min() - MARGIN_MAG, sample.color.max() + MARGIN_MAG
    bounds = [(low, high)] * k + [(np.log(MIN_WIDTH), np.log(MAX_WIDTH))] * k
    return bounds + ([(-5.0, 5.0)] if k == 2 else [])


def _starts(sample, k):
    """Parameters to start from."""
    spread = max(float(np.std(sample.color)), 0.03)
    if k == 1:
        return [np.array([np.median(sample.color), np.log(spread)])]
    starts = []
    for quantiles in ((0.25, 0.75), (0.1, 0.6), (0.4, 0.9)):
        mean = np.quantile(sample.color, quantiles)
        for width in (0.3 * spread, 0.7 * spread):
            share = (0.5 - quantiles[0]) + (1 - quantiles[1])
            starts.append(
                np.array([*mean, np.log(width), np.log(width), special.logit(np.clip(share, 0.2, 0.8))])
            )
    return starts


def _log_prior(x, sample, k):
    """Log density of the prior in the parameters."""
    share, _, _ = _unpack(x, k)
    reach = np.ptp(sample.color) + 2 * MARGIN_MAG
    value = -k * np.log(reach) - k * np.log(np.log(MAX_WIDTH / MIN_WIDTH))
    if k == 2:
        # ordered means have half the volume; a flat share has this density in its logit
        value += np.log(2.0) + np.log(share[0]) + np.log(share[1])
    return float(value)


def _hessian(function, x):
    """Matrix of second derivatives by central differences."""
    n, step = len(x), 1e-3
    shift = step * np.eye(n)
    out = np.array(
        [
            [
                function(x + a + b) - function(x + a - b) - function(x - a + b) + function(x - a - b)
                for b in shift
            ]
            for a in shift
        ]
    )
    return 0.5 * (out + out.T) / (4 * step**2)
