"""Completeness as a logistic function of magnitude and place, with a test whether it fits.

After Harris & Reina-Campos (2024, ApJ 971, 155), who use magnitude and sky level; here the noise beside the
light, and a ceiling below one for what no depth brings back, lower where the noise is that of structure rather
than of photons and beside bright neighbours. Magnitudes AB, noise and neighbours nJy, light nJy/arcsec2.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

NOISE_SLOPE = 2.5
"""Limits move by this much per decade of noise where S/N alone decides; the prior mean of the slope."""

SLOPE_SIGMA = 0.5
MIDDLE_SIGMA = 3.0
"""Of the prior of the middle around that of the magnitudes tried (mag): where none or all are lost, it alone tells."""

LIGHT_UNIT = 1000.0
"""Light counts as log10(1 + light / this): that of a halo from its outskirts to its core is a range of one."""

N_PARAMETERS = 7
MIN_ROOM = 0.1
"""Of the test: directions whose variance the fit takes away but for this share say nothing."""

MIN_EXPECTED = 4.0
"""Bins of the test hold at least so many expected detections and misses, else they are joined."""


@dataclass(frozen=True)
class Logistic:
    """Completeness p = ceiling / (1 + exp((m - middle) / width)); middle and ceiling depend on the place.

    Attributes
    ----------
    parameters : (7,) float ndarray
        At the median noise and light of the injections, far from neighbours: logit of the ceiling, magnitude of
        half the ceiling and log width (mag); then how much brighter the middle gets per decade of noise and per
        unit of log10(1 + light / 1000), and by how much the logit of the ceiling falls per decade of noise and
        per unit of log10(1 + neighbours / noise).
    covariance : (7, 7) float ndarray
    level, glow : float
        log10 of the reference noise (nJy), and the light above on its scale.
    chi2, dof, p_value : float
        Of detections in bins of magnitude and noise.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    level: float
    glow: float
    chi2: float = np.nan
    dof: int = 0
    p_value: float = np.nan

    def __call__(self, mag, noise, light, neighbours=0.0):
        """Completeness at magnitudes, local noise, light and light of neighbours."""
        return _model(self.parameters, np.asarray(mag, dtype=float), *self._place(noise, light, neighbours))

    def _place(self, noise, light, neighbours=0.0):
        """Noise and light relative to the reference, and neighbours, on their scales."""
        crowding = np.log10(1.0 + np.clip(neighbours, 0.0, None) / noise)
        return np.log10(noise) - self.level, glow_of(light) - self.glow, crowding

    def limits(self, fraction, noise, light):
        """Magnitudes far from neighbours at which completeness falls to a fraction; NaN if the ceiling is lower."""
        return _limit(self.parameters, fraction, *self._place(noise, light))

    def slopes(self, mag, noise, light, neighbours):
        """Derivatives of the completeness by the parameters, (n, 7)."""
        place = self._place(noise, light, neighbours)
        columns = [
            (_model(self.parameters + s, mag, *place) - _model(self.parameters - s, mag, *place)) / 2e-4
            for s in 1e-4 * np.eye(N_PARAMETERS)
        ]
        return np.stack(columns, axis=1)

    def limit(self, fraction, noise, light):
        """Magnitude far from neighbours at which completeness falls to a fraction, and its 1-sigma error.

        Returns
        -------
        mag, error : float
            NaN where the ceiling is lower.
        """
        place = self._place(noise, light)
        value = _limit(self.parameters, fraction, *place)
        steps = 1e-4 * np.eye(N_PARAMETERS)
        slope = np.array(
            [
                (
                    _limit(self.parameters + s, fraction, *place)
                    - _limit(self.parameters - s, fraction, *place)
                )
                / 2e-4
                for s in steps
            ]
        )
        return float(value), float(np.sqrt(max(slope @ self.covariance @ slope, 0.0)))


def glow_of(light):
    """Light on the scale of the fit."""
    return np.log10(1.0 + np.clip(light, 0.0, None) / LIGHT_UNIT)


def _ceiling(parameters, offset, crowding):
    """Completeness of the brightest clusters."""
    fall = parameters[5] * offset + parameters[6] * crowding
    return 1.0 / (1.0 + np.exp(np.clip(fall - parameters[0], -50, 50)))


def _model(parameters, mag, offset, glow, crowding):
    """Completeness; ``offset`` and ``glow`` are noise and light relative to the reference."""
    middle = parameters[1] - parameters[3] * offset - parameters[4] * glow
    z = (mag - middle) / np.exp(parameters[2])
    return _ceiling(parameters, offset, crowding) / (1.0 + np.exp(np.clip(z, -50, 50)))


def _limit(parameters, fraction, offset, glow, crowding):
    """Magnitude where the completeness is ``fraction``; NaN where the ceiling is lower."""
    top = _ceiling(parameters, offset, crowding)
    ratio = np.where(top > fraction, top / fraction - 1.0, np.nan)
    return (
        parameters[1] - parameters[3] * offset - parameters[4] * glow + np.exp(parameters[2]) * np.log(ratio)
    )


def fit_logistic(mag, noise, light, neighbours, detected):
    """Maximum-likelihood fit, error from the curvature, and the test of fit.

    Parameters
    ----------
    mag, noise, light, neighbours : (n,) float ndarray
        Of `clusterphot.detect.crowding` the last.
    detected : (n,) bool ndarray

    Returns
    -------
    fit : `Logistic`

    Notes
    -----
    Weak priors keep the fit defined: ceiling 0.98 (logit 4 +- 1.5), the middle within +- 3 mag of that of the
    magnitudes tried, 2.5 +- 0.5 mag per decade of noise, 0 +- 0.5 mag per unit of light, 0 +- 10 for the fall of the
    ceiling's logit per decade of noise and 2 +- 3 for that per unit of crowding.
    """
    mag, detected = np.asarray(mag, dtype=float), np.asarray(detected, dtype=float)
    reference = Logistic(None, None, float(np.median(np.log10(noise))), float(np.median(glow_of(light))))
    place = reference._place(noise, light, neighbours)
    mean = np.array([4.0, 0.5 * (mag.min() + mag.max()), -1.5, NOISE_SLOPE, 0.0, 0.0, 2.0])
    sigma = np.array([1.5, MIDDLE_SIGMA, 1.5, SLOPE_SIGMA, 0.5, 10.0, 3.0])

    def cost(parameters):
        p = np.clip(_model(parameters, mag, *place), 1e-9, 1 - 1e-9)
        likelihood = -(detected * np.log(p) + (1 - detected) * np.log(1 - p)).sum()
        return likelihood + 0.5 * (((parameters - mean) / sigma) ** 2).sum()

    seen = detected.sum() / max(len(detected), 1)
    start = np.array([4.0, mag.min() + seen * (mag.max() - mag.min()), -1.5, NOISE_SLOPE, 0.0, 0.0, 2.0])
    options = {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-5, "fatol": 1e-7}
    result = optimize.minimize(cost, start, method="Nelder-Mead", options=options)
    result = optimize.minimize(cost, result.x, method="BFGS")
    covariance = np.linalg.inv(_hessian(cost, result.x))
    fit = replace(reference, parameters=result.x, covariance=covariance)
    chi2, dof, p_value = test_fit(fit, (mag, noise, light, neighbours), detected, fitted=True)
    return replace(fit, chi2=chi2, dof=dof, p_value=p_value)


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


def test_fit(fit, where, detected, *, fitted=False):
    """Chi-square of detections against a fit in bins of magnitude, for thirds in noise and for crowded places.

    Parameters
    ----------
    fit : `Logistic`
    where : (mag, noise, light, neighbours), (n,) float ndarrays
    detected : (n,) ndarray
    fitted : bool
        Whether the fit is to these data: residuals are smaller then than those of a curve known beforehand.

    Returns
    -------
    chi2, dof, p_value : float, int, float

    Notes
    -----
    A fit to single detections leaves a chi-square of bins between those of n and n - 7 degrees of freedom (Chernoff &
    Lehmann 1954). The residuals are therefore compared with their own covariance, binomial less that of the
    fitted curve, as Rao & Robson (1974) do; directions in which the fit leaves no room are left out.
    """
    mag, noise, _, neighbours = where
    probability = np.clip(fit(*where), 1e-6, 1 - 1e-6)
    variance = probability * (1 - probability)
    part = np.digitize(noise, np.quantile(noise, [1 / 3, 2 / 3]))
    crowded = neighbours > noise
    if variance[crowded].sum() >= MIN_EXPECTED:
        part[crowded] = 3
    members = []
    for number in np.unique(part):
        rows = np.flatnonzero(part == number)
        rows = rows[np.argsort(mag[rows], kind="stable")]
        members += _bins(rows, probability)
    scale = np.array([1.0 / np.sqrt(variance[rows].sum()) for rows in members])
    away = np.asarray(detected, dtype=float) - probability
    away = scale * np.array([away[rows].sum() for rows in members])
    if not fitted:
        chi2, dof = float((away**2).sum()), len(away)
        return chi2, dof, float(special.chdtrc(dof, chi2))
    slopes = fit.slopes(*where)
    slopes = scale[:, None] * np.stack([slopes[rows].sum(axis=0) for rows in members])
    room, axes = np.linalg.eigh(np.eye(len(away)) - slopes @ fit.covariance @ slopes.T)
    kept = room > MIN_ROOM
    chi2, dof = float(((axes.T @ away)[kept] ** 2 / room[kept]).sum()), int(kept.sum())
    return chi2, dof, float(special.chdtrc(dof, chi2)) if dof else 1.0


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
