"""Completeness as a logistic function of magnitude and local noise, with a test whether it fits.

After Harris & Reina-Campos (2024, ApJ 971, 155), who use magnitude and sky level; here the level of the noise,
and a ceiling below one for what no depth brings back. Magnitudes AB, noise nJy.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

NOISE_SLOPE = 2.5
"""Limits move by this much per decade of noise where S/N alone decides; the prior mean of the slope."""

SLOPE_SIGMA = 0.5
MIN_EXPECTED = 4.0
"""Bins of the test hold at least so many expected detections and misses, else they are joined."""


@dataclass(frozen=True)
class Logistic:
    """Completeness p = ceiling / (1 + exp((m - m50' + slope (log10 noise - level)) / width)).

    Attributes
    ----------
    parameters : (4,) float ndarray
        Logit of the ceiling, magnitude of half the ceiling at the reference level, log width (mag) and slope
        (mag per decade of noise).
    covariance : (4, 4) float ndarray
    level : float
        log10 of the reference noise (nJy): the median of the injections.
    chi2, dof, p_value : float
        Of detections in bins of magnitude and noise.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    level: float
    chi2: float = np.nan
    dof: int = 0
    p_value: float = np.nan

    def __call__(self, mag, noise):
        """Completeness at magnitudes and local noise."""
        return _model(self.parameters, np.asarray(mag, dtype=float), np.log10(noise) - self.level)

    def limit(self, fraction, noise=None):
        """Magnitude at which completeness falls to a fraction, and its 1-sigma error.

        Returns
        -------
        mag, error : float
            NaN where the ceiling is lower.
        """
        offset = 0.0 if noise is None else float(np.log10(noise) - self.level)
        value = _limit(self.parameters, fraction, offset)
        steps = 1e-4 * np.eye(4)
        slope = np.array(
            [
                (
                    _limit(self.parameters + s, fraction, offset)
                    - _limit(self.parameters - s, fraction, offset)
                )
                / 2e-4
                for s in steps
            ]
        )
        return value, float(np.sqrt(max(slope @ self.covariance @ slope, 0.0)))


def _model(parameters, mag, offset):
    """Completeness; ``offset`` is log10 noise over its reference level."""
    ceiling, middle, log_width, slope = parameters
    z = (mag - middle + slope * offset) / np.exp(log_width)
    return 1.0 / (1.0 + np.exp(-ceiling)) / (1.0 + np.exp(np.clip(z, -50, 50)))


def _limit(parameters, fraction, offset):
    """Magnitude where the completeness is ``fraction``."""
    ceiling, middle, log_width, slope = parameters
    top = 1.0 / (1.0 + np.exp(-ceiling))
    if fraction >= top:
        return np.nan
    return middle - slope * offset + np.exp(log_width) * np.log(top / fraction - 1.0)


def fit_logistic(mag, noise, detected):
    """Maximum-likelihood fit, error from the curvature, and the test of fit.

    Parameters
    ----------
    mag, noise : (n,) float ndarray
    detected : (n,) bool ndarray

    Returns
    -------
    fit : `Logistic`

    Notes
    -----
    Weak priors keep the fit defined: ceiling 0.98 (logit 4 +- 1.5), slope 2.5 +- 0.5 mag per decade.
    """
    mag, detected = np.asarray(mag, dtype=float), np.asarray(detected, dtype=float)
    level = float(np.median(np.log10(noise)))
    offset = np.log10(noise) - level

    def cost(parameters):
        p = np.clip(_model(parameters, mag, offset), 1e-9, 1 - 1e-9)
        likelihood = -(detected * np.log(p) + (1 - detected) * np.log(1 - p)).sum()
        prior = ((parameters[0] - 4.0) / 1.5) ** 2 + ((parameters[3] - NOISE_SLOPE) / SLOPE_SIGMA) ** 2
        return likelihood + 0.5 * (prior + ((parameters[2] + 1.5) / 1.5) ** 2)

    seen = detected.sum() / max(len(detected), 1)
    start = np.array([4.0, mag.min() + seen * (mag.max() - mag.min()), -1.5, NOISE_SLOPE])
    result = optimize.minimize(
        cost, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-5, "fatol": 1e-7}
    )
    result = optimize.minimize(cost, result.x, method="BFGS")
    covariance = np.linalg.inv(_hessian(cost, result.x))
    fit = Logistic(result.x, covariance, level)
    chi2, dof, p_value = test_fit(fit, mag, noise, detected, n_free=4)
    return Logistic(result.x, covariance, level, chi2, dof, p_value)


def _hessian(function, x):
    """Matrix of second derivatives by central differences."""
    n, step = len(x), 1e-3
    out = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a, b = step * np.eye(n)[i], step * np.eye(n)[j]
            out[i, j] = (
                function(x + a + b) - function(x + a - b) - function(x - a + b) + function(x - a - b)
            ) / (4 * step**2)
    return 0.5 * (out + out.T)


def test_fit(fit, mag, noise, detected, *, n_free=0):
    """Chi-square of detections against a fit in bins of noise (thirds) and magnitude.

    Parameters
    ----------
    fit : `Logistic`
    mag, noise, detected : (n,) ndarray
    n_free : int
        Parameters fitted to the same data.

    Returns
    -------
    chi2, dof, p_value : float, int, float
    """
    probability = np.clip(fit(mag, noise), 1e-6, 1 - 1e-6)
    detected = np.asarray(detected, dtype=float)
    chi2, n_bins = 0.0, 0
    thirds = np.digitize(noise, np.quantile(noise, [1 / 3, 2 / 3]))
    for third in range(3):
        rows = np.flatnonzero(thirds == third)
        rows = rows[np.argsort(mag[rows], kind="stable")]
        for bin_rows in _bins(rows, probability):
            p = probability[bin_rows]
            chi2 += (detected[bin_rows].sum() - p.sum()) ** 2 / (p * (1 - p)).sum()
            n_bins += 1
    dof = max(n_bins - n_free, 1)
    return float(chi2), dof, float(stats.chi2.sf(chi2, dof))


def _bins(rows, probability):
    """Consecutive rows with enough expected detections and misses for a chi-square."""
    bins, current = [], []
    for row in rows:
        current.append(row)
        p = probability[current]
        if (p * (1 - p)).sum() >= MIN_EXPECTED:
            bins.append(np.array(current))
            current = []
    if current and bins:
        bins[-1] = np.concatenate([bins[-1], current])
    elif current:
        bins.append(np.array(current))
    return bins
