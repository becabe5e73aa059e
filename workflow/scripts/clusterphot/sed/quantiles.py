"""Quantiles of what a posterior is held in: densities on a grid, weighted points, lattices, equally probable draws.

Any units; probabilities in [0, 1].
"""

import numpy as np

HALF_WIDTH_SIGMA = 5
N_BINS = 400
"""Bins of a density of weighted points, over `HALF_WIDTH_SIGMA` standard deviations on either side of their mean:
1/40 of a standard deviation each, which interpolation between their edges refines."""


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


def lattice_quantiles(values, weights, probabilities):
    """Quantiles of weighted points, collected in `N_BINS` bins first.

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
    start, width = mean - HALF_WIDTH_SIGMA * deviation, max(2 * HALF_WIDTH_SIGMA * deviation / N_BINS, 1e-12)
    bins = np.clip((values - start) / width, 0, N_BINS - 1).astype(np.intp)
    total = np.zeros(N_BINS + 1)
    np.cumsum(np.bincount(bins.reshape(-1), weights.reshape(-1), minlength=N_BINS), out=total[1:])
    edges = start + width * np.arange(N_BINS + 1)
    return np.interp(np.asarray(probabilities) * total[-1], total, edges)


def draw_quantiles(values, probabilities):
    """Quantiles over equally probable draws.

    Parameters
    ----------
    values : (n, n_draws) float ndarray
        NaN in all draws of a source without data.
    probabilities : (n_p,) float array_like, in (0, 1)

    Returns
    -------
    quantiles : (n, n_p) float ndarray
        Linear between the middles of the draws' strata of probability.
    """
    ordered = np.sort(values, axis=1)
    n_draws = values.shape[1]
    place = np.clip(np.asarray(probabilities) * n_draws - 0.5, 0, n_draws - 1)
    low = np.minimum(place.astype(int), n_draws - 2)
    way = place - low
    return (1 - way) * ordered[:, low] + way * ordered[:, low + 1]
