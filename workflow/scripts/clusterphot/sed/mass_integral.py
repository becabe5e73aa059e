"""The mass of a cell of the posterior: its integral at fixed age, metallicity and dust, and points that stand for it.

A cell is one model at one level of the jitter, in which the likelihood is a Gaussian in mass. Masses Msun; ``mu`` is
the best mass of a cell over its error and ``scale`` that error. Priors are those of
`clusterphot.sed.posterior_model.Priors`.
"""

import numpy as np

from clusterphot.base.numerics import TINY
from clusterphot.sed.quantiles import lattice_quantiles

REACH_SIGMA = 5.0
"""Masses further from the best one than this have 6e-7 of the probability of a Gaussian, and are left out."""

SERIES_SIGMA = 8.0
"""From this many sigma above zero on, and inside the bounds by `REACH_SIGMA`, the asymptotic series is good to 1e-5:
its next term is 105 / mu^8."""

LOWEST_MASS_SIGMA = 1e-3
"""Mass over its error at which a prior without lower bound is cut: about 1e-3 of a Gaussian lies below."""

PLATEAU_END_SIGMA = 0.3
"""Mass over its error below which a likelihood without a detection is flat to 5 %: a log-uniform prior has a plateau
there."""

NO_PLATEAU_SIGMA = 4.5
"""Masses this many sigma from zero have less than 1e-3 of their probability below `PLATEAU_END_SIGMA`, which is left
out."""

N_PLATEAU, N_PEAK = 4, 12
"""Gauss-Legendre points in log mass on the plateau and around the peak: the tests hold them to 1 %."""

MIN_PANEL = 1e-3
"""Least width of a panel, as a fraction of its end."""

_NODE_X, _NODE_W = (
    np.concatenate(pair)
    for pair in zip(*(np.polynomial.legendre.leggauss(k) for k in (N_PLATEAU, N_PEAK)), strict=True)
)

N_CELLS = 256
"""Cells that stand for the posterior of the mass, each for the same probability. Against the full sum over cells and
masses quantiles of luminosities move by 0.05 (rms) of the half width between 16 and 84 %, at most 0.16. A power of
two, for `_van_der_corput`."""

N_LATTICE = 24
"""Points in log mass of each of those cells."""

GOLDEN_RATIO = 0.6180339887498949
"""Fractional part of the golden ratio: its multiples modulo 1 are spread as evenly as can be (Weyl sequence)."""


def _van_der_corput(n):
    """First n points of the base-2 sequence of van der Corput, moved to the middle of their strata."""
    bits = int(np.log2(n))
    index = np.arange(n)
    mirrored = sum(((index >> k) & 1) << (bits - 1 - k) for k in range(bits))
    return (mirrored + 0.5) / n


_STRATUM_QUANTILE = _van_der_corput(N_CELLS)
"""Quantile of the mass that the draw of each cell takes: even over any run of cells, and no random numbers."""

_LATTICE_SHIFT = (np.arange(N_CELLS) * GOLDEN_RATIO + 0.5) % 1.0
"""Place of the lattice of each cell, in units of its step: it differs from cell to cell, so that together they are
smooth."""


def _panels(mu, scale, priors):
    """Ends in log of the two panels of the mass over its error that hold the integrand: plateau, then peak.

    Returns
    -------
    low, joint, high : (n_cells,) float ndarray
        Natural log of the mass over its error; ``low`` equals ``joint`` where there is no plateau.
    """
    if priors.mass_prior == "log-uniform":
        bottom, top = priors.mass_min_msun / scale, priors.mass_max_msun / scale
    else:
        bottom, top = LOWEST_MASS_SIGMA, np.inf
    below_peak = np.maximum(np.maximum(bottom, mu - REACH_SIGMA), PLATEAU_END_SIGMA)
    low = np.where(mu < NO_PLATEAU_SIGMA, bottom, below_peak)
    joint = np.maximum(np.maximum(low, mu - REACH_SIGMA), PLATEAU_END_SIGMA)
    # The peak ends where the exponent has fallen by REACH_SIGMA^2 / 2 from its largest value inside the bounds. That is
    # REACH_SIGMA beyond mu, but nearer where mu lies below the bottom by `fall` and the integrand is an exponential.
    start = np.maximum(mu, bottom)
    fall = start - mu
    high = np.minimum(start + REACH_SIGMA**2 / (fall + np.sqrt(fall**2 + REACH_SIGMA**2)), top)
    # Panels keep a width where all of the Gaussian lies beyond the top: the weights there are those of its tail.
    low = np.minimum(low, (1.0 - MIN_PANEL) * top)
    high = np.maximum(high, (1.0 + MIN_PANEL) * low)
    return np.log(low), np.log(np.clip(joint, low, high)), np.log(high)


def _quadrature(mu, scale, priors):
    """Integral of exp(-(t - mu)^2 / 2 + min(mu, 0)^2 / 2) dt/t over the mass t in units of its error, (n_cells,).

    Gauss-Legendre in ln t, `N_PLATEAU` points where t is small and the integrand a plateau, `N_PEAK` beyond. The second
    term keeps the integrand from underflowing where the best mass is negative; callers add it to what they compare.
    """
    low, joint, high = _panels(mu, scale, priors)
    log_t = np.empty((len(mu), _NODE_X.size))
    step = np.empty_like(log_t)
    for part, start, end in ((slice(0, N_PLATEAU), low, joint), (slice(N_PLATEAU, None), joint, high)):
        half = 0.5 * (end - start)[:, None]
        log_t[:, part] = 0.5 * (end + start)[:, None] + half * _NODE_X[part]
        step[:, part] = half * _NODE_W[part]
    return (np.exp(_exponent(log_t, mu)) * step).sum(axis=1)


def _exponent(log_t, mu):
    """-(t - mu)^2 / 2 + min(mu, 0)^2 / 2 at points ln t (n_cells, n_points), computed in one array for speed."""
    exponent = np.exp(log_t)
    exponent -= mu[:, None]
    exponent *= exponent
    exponent *= -0.5
    exponent += (0.5 * np.minimum(mu, 0.0) ** 2)[:, None]
    return exponent


def log_mass_integral(mu, scale, priors):
    """Log of the likelihood integrated over a log-uniform prior of the mass, in units of its value at the best mass.

    Parameters
    ----------
    mu, scale : (n_cells,) float ndarray
        Best mass over its error, which may be negative, and that error in Msun.
    priors : `clusterphot.sed.posterior_model.Priors`
        With a log-uniform prior of the mass.

    Returns
    -------
    log_integral : (n_cells,) float ndarray
        In units of the value at zero mass where the best one is negative.

    Notes
    -----
    Most cells of a bright source lie far from zero and the bounds, where an asymptotic series does: that saves 16
    exponentials a cell.
    """
    top, bottom = priors.mass_max_msun, priors.mass_min_msun
    easy = (mu > SERIES_SIGMA) & ((mu - REACH_SIGMA) * scale > bottom) & ((mu + REACH_SIGMA) * scale < top)
    log_norm = np.log(np.log(top / bottom))
    if easy.all():
        return _log_series(mu) - log_norm
    result = np.empty_like(mu)
    result[easy] = _log_series(mu[easy])
    hard = ~easy
    with np.errstate(divide="ignore"):
        result[hard] = np.log(_quadrature(mu[hard], scale[hard], priors))
    return result - log_norm


def _log_series(mu):
    """Log of the integral of exp(-(t - mu)^2 / 2) dt / t over all t far from zero: its asymptotic series.

    sqrt(2 pi) / mu (1 + 1 / mu^2 + 3 / mu^4 + 15 / mu^6 + ...), the moments of a Gaussian, in Horner's scheme.
    """
    inverse = 1.0 / mu
    square = inverse * inverse
    series = 15.0 * square
    for coefficient in (3.0, 1.0):
        series += coefficient
        series *= square
    series += 1.0
    series *= inverse
    return 0.5 * np.log(2 * np.pi) + np.log(series)


def mass_lattice(mu, scale, priors):
    """Points in ln mass of equally probable cells and their weights, which sum to one in each cell.

    Each cell is a lattice of `N_LATTICE` points in log mass, moved by a fraction of its step that differs from cell to
    cell, so that together they are smooth.

    Parameters
    ----------
    mu, scale : (N_CELLS,) float ndarray
        As for `log_mass_integral`.
    priors : `clusterphot.sed.posterior_model.Priors`

    Returns
    -------
    log_mass, weights : (N_CELLS, N_LATTICE) float ndarray
    step, low, high : (N_CELLS,) float ndarray
        Of the lattice, and its ends, in ln mass.
    """
    low, _, high = _panels(mu, scale, priors)
    step = (high - low) / N_LATTICE
    log_t = low[:, None] + step[:, None] * (np.arange(N_LATTICE) + _LATTICE_SHIFT[:, None])
    exponent = _exponent(log_t, mu)
    if priors.mass_prior == "gaussian":  # flat in mass: a factor t in ln mass
        exponent += log_t
    weights = np.exp(exponent, out=exponent)
    weights /= weights.sum(axis=1, keepdims=True)
    log_mass = log_t
    log_mass += np.log(scale)[:, None]
    return log_mass, weights, step, low + np.log(scale), high + np.log(scale)


def mass_summary(mu, scale, probabilities, priors):
    """Quantiles of log10 mass of equally probable cells, and one stratified draw of the mass of each.

    Parameters
    ----------
    mu, scale : (N_CELLS,) float ndarray
        As for `log_mass_integral`.
    probabilities : (n_p,) float array_like
    priors : `clusterphot.sed.posterior_model.Priors`

    Returns
    -------
    quantiles : (n_p,) float ndarray, dex
    draws : (N_CELLS,) float ndarray, Msun
        At the quantiles of a van der Corput sequence: no random numbers.
    """
    log_mass, weights, step, low, high = mass_lattice(mu, scale, priors)
    cumulative = np.cumsum(weights, axis=1)
    place = np.minimum(np.count_nonzero(cumulative < _STRATUM_QUANTILE[:, None], axis=1), N_LATTICE - 1)
    rows = np.arange(len(mu))
    share = np.maximum(weights[rows, place], TINY)
    way = np.clip((_STRATUM_QUANTILE - cumulative[rows, place]) / share + 0.5, -0.5, 0.5)
    draws = np.clip(log_mass[rows, place] + way * step, low, high)
    return lattice_quantiles(log_mass, weights, probabilities) / np.log(10), np.exp(draws)
