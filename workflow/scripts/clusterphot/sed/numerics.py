"""Numerics of posteriors on a grid: the integral over the mass of a cell, and quantiles of what is gridded.

Masses Msun; ``mu`` is the best mass of a cell over its error and ``scale`` that error. Priors are those of
`clusterphot.sed.posterior.Priors`.
"""

import numpy as np

_REACH = 5.0  # of a Gaussian in mass, in sigma, on either side
_ASYMPTOTIC = 8.0  # masses this many sigma from zero and well inside the bounds: the series is good to 1e-5
_SMALLEST = 1e-3  # of the mass over its error, where a prior without lower bound is cut
N_CELLS = 256  # cells that stand for the posterior of the mass, each for the same probability
_N_LATTICE = 24  # points in log mass of each of them
_N_BINS = 400  # of the density of log mass, over ten standard deviations
_JOINT = 0.3  # of the mass over its error: below, the integrand of a log-uniform prior is nearly flat
_NO_PLATEAU = 4.5  # masses this many sigma from zero have less than 1e-3 of their probability on that plateau
_N_PLATEAU = 4
_NODE_X, _NODE_W = (
    np.concatenate(pair)
    for pair in zip(*(np.polynomial.legendre.leggauss(k) for k in (_N_PLATEAU, 12)), strict=True)
)
_LN_2PI = np.log(2 * np.pi)


def _limits(mu, scale, priors):
    """Ends of the two panels of the mass over its error that hold the integrand: low, joint, high."""
    if priors.mass_prior == "log-uniform":
        bottom, top = priors.mass_min_msun / scale, priors.mass_max_msun / scale
    else:
        bottom, top = _SMALLEST, np.inf
    low = np.where(mu < _NO_PLATEAU, bottom, np.maximum(np.maximum(bottom, mu - _REACH), _JOINT))
    joint = np.maximum(np.maximum(low, mu - _REACH), _JOINT)
    start = np.maximum(mu, bottom)
    fall = start - mu  # where the bound cuts a tail, or mu is negative, the integrand ends sooner
    high = np.minimum(start + _REACH**2 / (fall + np.sqrt(fall**2 + _REACH**2)), top)
    low = np.minimum(low, 0.999 * top)
    high = np.maximum(high, 1.001 * low)
    return np.log(low), np.log(np.clip(joint, low, high)), np.log(high)


def mass_nodes(mu, scale, priors):
    """Nodes in log mass of each cell and their weights, whose sum is the integral over the mass.

    The integral of exp(-(t - mu)^2 / 2 + min(mu, 0)^2 / 2) t^p dt/t, t the mass over its error, p = 0 for a
    log-uniform prior and 1 for a flat one, by Gauss-Legendre points in ln t: 4 where t is small and the
    integrand of the log-uniform prior a plateau, 12 beyond.
    """
    low, joint, high = _limits(mu, scale, priors)
    log_t = np.empty((len(mu), _NODE_X.size))
    step = np.empty_like(log_t)
    for part, start, end in ((slice(0, _N_PLATEAU), low, joint), (slice(_N_PLATEAU, None), joint, high)):
        half = 0.5 * (end - start)[:, None]
        log_t[:, part] = 0.5 * (end + start)[:, None] + half * _NODE_X[part]
        step[:, part] = half * _NODE_W[part]
    exponent = np.exp(log_t)
    exponent -= mu[:, None]
    exponent *= exponent
    exponent *= -0.5
    exponent += (0.5 * np.minimum(mu, 0.0) ** 2)[:, None]
    if priors.mass_prior == "gaussian":
        exponent += log_t
    weights = np.exp(exponent, out=exponent)
    weights *= step
    log_t += np.log(scale)[:, None]
    return log_t, weights


def log_mass_integral(mu, scale, priors):
    """Log of the integral over a log-uniform mass: asymptotic series far from zero and bounds, else nodes."""
    top, bottom = priors.mass_max_msun, priors.mass_min_msun
    easy = (mu > _ASYMPTOTIC) & ((mu - _REACH) * scale > bottom) & ((mu + _REACH) * scale < top)
    normal = np.log(np.log(top / bottom))
    if easy.all():
        return _log_series(mu) - normal
    result = np.empty_like(mu)
    result[easy] = _log_series(mu[easy])
    hard = ~easy
    weights = mass_nodes(mu[hard], scale[hard], priors)[1]
    with np.errstate(divide="ignore"):
        result[hard] = np.log(weights.sum(axis=1))
    return result - normal


def _log_series(mu):
    """Log of the integral of exp(-(t - mu)^2 / 2) dt / t over all t far from zero: asymptotic series."""
    inverse = 1.0 / mu
    square = inverse * inverse
    series = 15.0 * square
    for coefficient in (3.0, 1.0):
        series += coefficient
        series *= square
    series += 1.0
    series *= inverse
    return 0.5 * _LN_2PI + np.log(series)


# ------------------------------------------------------------------------------------------- summaries


def quantiles_of_density(density, nodes, probabilities):
    """Quantiles of densities that are linear between nodes.

    Parameters
    ----------
    density : (n, n_nodes) float ndarray, not negative, any scale
    nodes : (n_nodes,) float ndarray, increasing
    probabilities : (n_p,) float array_like

    Returns
    -------
    quantiles : (n, n_p) float ndarray

    Notes
    -----
    The cumulative probability is quadratic between nodes and is inverted there exactly.
    """
    if len(nodes) == 1:
        return np.where(np.isfinite(density), nodes[0], np.nan) * np.ones(len(probabilities))
    step = np.diff(nodes)
    total = np.zeros(density.shape)
    np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]) * step, axis=1, out=total[:, 1:])
    result = np.empty((len(density), len(probabilities)))
    rows = np.arange(len(density))
    for k, probability in enumerate(probabilities):
        target = probability * total[:, -1]
        cell = np.clip((total <= target[:, None]).sum(axis=1) - 1, 0, len(step) - 1)
        left, right = density[rows, cell], density[rows, cell + 1]
        need = np.maximum(target - total[rows, cell], 0.0)
        slope = (right - left) / step[cell]
        root = np.sqrt(np.maximum(left * left + 2 * slope * need, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            way = np.where(left + root > 0, 2 * need / (left + root), 0.0)
        result[:, k] = nodes[cell] + np.minimum(way, step[cell])
    return np.where(np.isfinite(total[:, -1:]), result, np.nan)


def quantiles_of_points(values, cumulative, probabilities):
    """Quantiles of weighted points in order: linear between the middles of their steps of probability."""
    middle = cumulative - 0.5 * np.diff(cumulative, prepend=0.0)
    return np.interp(np.asarray(probabilities) * cumulative[-1], middle, values)


def edge_probability(density, nodes, width):
    """Probability of the first and last ``width`` of the range of a density linear between nodes."""
    if len(nodes) == 1 or 2 * width >= nodes[-1] - nodes[0]:
        return np.where(np.isfinite(density[:, 0]), 1.0, np.nan)
    step = np.diff(nodes)
    total = np.zeros(density.shape)
    np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]) * step, axis=1, out=total[:, 1:])

    def cumulative(x):
        cell = min(int(np.searchsorted(nodes, x, side="right")) - 1, len(step) - 1)
        way = x - nodes[cell]
        slope = (density[:, cell + 1] - density[:, cell]) / step[cell]
        return total[:, cell] + way * (density[:, cell] + 0.5 * slope * way)

    inside = cumulative(nodes[-1] - width) - cumulative(nodes[0] + width)
    return 1.0 - inside / total[:, -1]


def mass_lattice(mu, scale, priors):
    """Points in ln mass of equally probable cells and their weights, which sum to one in each cell.

    Each cell is a lattice of 24 points in log mass, moved by a fraction of its step that differs from cell to
    cell, so that together they are smooth.

    Returns
    -------
    log_mass, weights : (n_cells, 24) float ndarray
    step, low, high : (n_cells,) float ndarray
        Of the lattice, and its ends, in ln mass.
    """
    low, _, high = _limits(mu, scale, priors)
    step = (high - low) / _N_LATTICE
    log_t = low[:, None] + step[:, None] * (np.arange(_N_LATTICE) + _SHIFT[:, None])
    weights = np.exp(log_t)
    weights -= mu[:, None]
    weights *= weights
    weights *= -0.5
    weights += (0.5 * np.minimum(mu, 0.0) ** 2)[:, None]
    if priors.mass_prior == "gaussian":
        weights += log_t
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    log_mass = log_t
    log_mass += np.log(scale)[:, None]
    return log_mass, weights, step, low + np.log(scale), high + np.log(scale)


def lattice_quantiles(values, weights, probabilities):
    """Quantiles of weighted points, collected in bins of 1/40 of their standard deviation.

    Parameters
    ----------
    values, weights : (n_cells, n_points) float ndarray
        Weights that sum to one in each cell.
    probabilities : (n_p,) float array_like

    Returns
    -------
    quantiles : (n_p,) float ndarray
    """
    mean = np.sum(values * weights) / len(values)
    deviation = np.sqrt(np.sum((values - mean) ** 2 * weights) / len(values))
    start, width = mean - 5 * deviation, max(10 * deviation / _N_BINS, 1e-12)
    bins = np.clip((values - start) / width, 0, _N_BINS - 1).astype(np.intp)
    total = np.zeros(_N_BINS + 1)
    np.cumsum(np.bincount(bins.reshape(-1), weights.reshape(-1), minlength=_N_BINS), out=total[1:])
    edges = start + width * np.arange(_N_BINS + 1)
    return np.interp(np.asarray(probabilities) * total[-1], total, edges)


def mass_summary(mu, scale, probabilities, priors):
    """Quantiles of log10 mass of equally probable cells, and one stratified draw of the mass of each.

    Draws take the quantiles of a van der Corput sequence: no random numbers.
    """
    log_mass, weights, step, low, high = mass_lattice(mu, scale, priors)
    cumulative = np.cumsum(weights, axis=1)
    place = np.minimum(np.count_nonzero(cumulative < _VAN_DER_CORPUT[:, None], axis=1), _N_LATTICE - 1)
    rows = np.arange(len(mu))
    share = np.maximum(weights[rows, place], 1e-300)
    way = np.clip((_VAN_DER_CORPUT - cumulative[rows, place]) / share + 0.5, -0.5, 0.5)
    draws = np.clip(log_mass[rows, place] + way * step, low, high)
    return lattice_quantiles(log_mass, weights, probabilities) / np.log(10), np.exp(draws)


def _van_der_corput(n):
    """First n points of the base-2 sequence of van der Corput, moved to the middle of their strata."""
    bits = int(np.log2(n))
    index = np.arange(n)
    mirrored = sum(((index >> k) & 1) << (bits - 1 - k) for k in range(bits))
    return (mirrored + 0.5) / n


_VAN_DER_CORPUT = _van_der_corput(N_CELLS)
_SHIFT = (np.arange(N_CELLS) * 0.6180339887498949 + 0.5) % 1.0  # golden ratio: evenly spread
