"""Completeness as a logistic function of magnitude and place, with a test whether it fits.

After Harris & Reina-Campos (2024, ApJ 971, 155), who use magnitude and sky level; here the noise beside the
light, and a ceiling below one for what no depth brings back, lower where the noise is that of structure rather
than of photons and beside bright neighbours. Magnitudes AB, noise and neighbours nJy, light nJy/arcsec2.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

PARAMETERS = (
    "logit_ceiling", "mag_half", "log_width", "mag_per_dex_noise", "mag_per_light", "logit_per_dex_noise",
    "logit_per_crowding",
)  # fmt: skip
"""Names of the parameters in their order, as tables give them."""

CEILING, MIDDLE, LOG_WIDTH, PER_NOISE, PER_LIGHT, CEILING_PER_NOISE, CEILING_PER_CROWDING = range(7)

NOISE_SLOPE = 2.5
"""Limits move by this much (mag) per decade of noise where S/N alone decides; the prior mean of the slope."""

MIDDLE_SIGMA = 3.0
"""Of the prior of the middle around that of the magnitudes tried (mag): where none or all are lost, it alone tells."""

PRIOR = (
    (4.0, 1.5),
    (np.nan, MIDDLE_SIGMA),
    (-1.5, 1.5),
    (NOISE_SLOPE, 0.5),
    (0.0, 0.5),
    (0.0, 10.0),
    (2.0, 3.0),
)
"""Mean and 1 sigma of the Gaussian prior of each parameter: weak, so that fits are defined where few or all are lost.
Chosen: a ceiling of 0.98, a width of 0.22 mag."""

LIGHT_UNIT = 1000.0
"""Light counts as log10(1 + light / this): that of a halo from its outskirts to its core is a range of one."""

LARGEST_EXPONENT = 50.0
"""Logits are cut here, 2e-22 from 0 or 1, so that no exponential overflows."""

LEAST_PROBABILITY, LEAST_EXPECTED = 1e-9, 1e-6
"""Of a detection or a miss, in the likelihood and in the test: neither breaks over a single surprise."""

DERIVATIVE_STEP, HESSIAN_STEP = 1e-4, 1e-3
"""Steps of numerical derivatives in the parameters, which are of order one."""

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
        return np.stack(
            _derivatives(lambda parameters: _model(parameters, mag, *place), self.parameters), axis=1
        )

    def limit(self, fraction, noise, light):
        """Magnitude far from neighbours at which completeness falls to a fraction, and its 1-sigma error.

        Returns
        -------
        mag, error : float
            NaN where the ceiling is lower.
        """
        place = self._place(noise, light)
        value = _limit(self.parameters, fraction, *place)
        slope = np.array(
            _derivatives(lambda parameters: _limit(parameters, fraction, *place), self.parameters)
        )
        return float(value), float(np.sqrt(max(slope @ self.covariance @ slope, 0.0)))


def glow_of(light):
    """Light on the scale of the fit."""
    return np.log10(1.0 + np.clip(light, 0.0, None) / LIGHT_UNIT)


def _derivatives(function, parameters):
    """Derivatives of a function by each of the parameters, from central differences."""
    steps = DERIVATIVE_STEP * np.eye(len(parameters))
    return [(function(parameters + s) - function(parameters - s)) / (2 * DERIVATIVE_STEP) for s in steps]


def _ceiling(parameters, offset, crowding):
    """Completeness of the brightest clusters."""
    fall = parameters[CEILING_PER_NOISE] * offset + parameters[CEILING_PER_CROWDING] * crowding
    return special.expit(parameters[CEILING] - fall)


def _middle(parameters, offset, glow):
    """Magnitude of half the ceiling."""
    return parameters[MIDDLE] - parameters[PER_NOISE] * offset - parameters[PER_LIGHT] * glow


def _model(parameters, mag, offset, glow, crowding):
    """Completeness; ``offset`` and ``glow`` are noise and light relative to the reference."""
    z = (mag - _middle(parameters, offset, glow)) / np.exp(parameters[LOG_WIDTH])
    spread = np.exp(np.clip(z, -LARGEST_EXPONENT, LARGEST_EXPONENT))
    return _ceiling(parameters, offset, crowding) / (1.0 + spread)


def _limit(parameters, fraction, offset, glow, crowding):
    """Magnitude where the completeness is ``fraction``; NaN where the ceiling is lower."""
    top = _ceiling(parameters, offset, crowding)
    ratio = np.where(top > fraction, top / fraction - 1.0, np.nan)
    return _middle(parameters, offset, glow) + np.exp(parameters[LOG_WIDTH]) * np.log(ratio)


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
    The maximum of likelihood times `PRIOR`: downhill simplex from where the share that is seen puts the middle,
    since the likelihood can be flat there, then BFGS. The covariance is the inverse of the curvature.
    """
    mag, detected = np.asarray(mag, dtype=float), np.asarray(detected, dtype=float)
    reference = Logistic(None, None, float(np.median(np.log10(noise))), float(np.median(glow_of(light))))
    place = reference._place(noise, light, neighbours)
    mean, sigma = np.array(PRIOR).T
    mean[MIDDLE] = 0.5 * (mag.min() + mag.max())

    def cost(parameters):
        p = np.clip(_model(parameters, mag, *place), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        likelihood = -(detected * np.log(p) + (1 - detected) * np.log(1 - p)).sum()
        return likelihood + 0.5 * (((parameters - mean) / sigma) ** 2).sum()

    seen = detected.sum() / max(len(detected), 1)
    start = mean.copy()
    start[MIDDLE] = mag.min() + seen * (mag.max() - mag.min())
    options = {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-5, "fatol": 1e-7}
    result = optimize.minimize(cost, start, method="Nelder-Mead", options=options)
    result = optimize.minimize(cost, result.x, method="BFGS")
    covariance = np.linalg.inv(_hessian(cost, result.x))
    fit = replace(reference, parameters=result.x, covariance=covariance)
    chi2, dof, p_value = goodness_of_fit(fit, (mag, noise, light, neighbours), detected, fitted=True)
    return replace(fit, chi2=chi2, dof=dof, p_value=p_value)


def _hessian(function, x):
    """Matrix of second derivatives by central differences."""
    n, step = len(x), HESSIAN_STEP
    out = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a, b = step * np.eye(n)[i], step * np.eye(n)[j]
            out[i, j] = (
                function(x + a + b) - function(x + a - b) - function(x - a + b) + function(x - a - b)
            ) / (4 * step**2)
    return 0.5 * (out + out.T)


def goodness_of_fit(fit, where, detected, *, fitted=False):
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
    probability = np.clip(fit(*where), LEAST_EXPECTED, 1 - LEAST_EXPECTED)
    variance = probability * (1 - probability)
    # thirds in noise, and places where neighbours outshine it as a fourth part
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
