"""Elliptical profile of the clusters of a field, from single positions and the effective area, without bins.

    density ~ (1 + (R / core)^2)^(-slope / 2),    R^2 = u^2 q + v^2 / q

with u and v along the major and the minor axis, so that R is the geometric mean of the half axes, q = 1 - flattening
their ratio, and slope that of d ln(density) / d ln R far outside the core. Angles arcsec, counted from the centre along
the columns (x) and rows (y) of the cells; position angles radians from x to y.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from clusterphot.luminosity.density import point_log_likelihood
from clusterphot.luminosity.importance import sample_posterior

SLOPES = (0.0, 8.0)
"""Prior of the slope, flat: from no fall at all to steeper than any system of clusters."""

LARGEST_FLATTENING = 0.9
"""Prior of the flattening, flat from 0."""

ROUND = 0.01
"""Flattenings below this count alike, so that no draw near a circle weighs more than all others."""

MOST_NODES = 3_000
"""More cells than this are joined to nodes around the centre, over which sums run."""

NODE_RADII, NODE_ANGLES = 80, 64
"""Rings and sectors of these nodes; near the centre they are single cells."""

BLOCK = 2_000_000
"""Values of densities that are in memory at once."""


@dataclass(frozen=True)
class Nodes:
    """Places over which densities are summed.

    Attributes
    ----------
    x, y : (m,) float ndarray, arcsec
        From the centre.
    area : (m,) float ndarray, arcsec2
        Effective.
    of_cells : (m, cells) sparse array
        Which cells are in each node; cells in the order of the flat survey.
    """

    x: np.ndarray
    y: np.ndarray
    area: np.ndarray
    of_cells: sparse.sparray


@dataclass(frozen=True)
class EllipseFit:
    """Posterior of an elliptical profile.

    Attributes
    ----------
    draws : `clusterphot.luminosity.importance.WeightedDraws`
        Of ln core (arcsec), slope and the two components of the flattening.
    """

    draws: object

    @property
    def core(self):
        """Core radii of the draws, arcsec."""
        return np.exp(self.draws.values[:, 0])

    @property
    def slope(self):
        """Slopes of the draws."""
        return self.draws.values[:, 1]

    @property
    def flattening(self):
        """Flattenings of the draws."""
        return np.hypot(self.draws.values[:, 2], self.draws.values[:, 3])

    @property
    def angle(self):
        """Angles of the major axis of the draws, radians from x to y, -pi/2 to pi/2."""
        return 0.5 * np.arctan2(self.draws.values[:, 3], self.draws.values[:, 2])


def mean_angle(angle, weight):
    """Mean direction of axes and half their 68 % range about it, radians.

    Parameters
    ----------
    angle : (n,) float ndarray
        Of axes: alpha and alpha + pi are one.
    weight : (n,) float ndarray

    Returns
    -------
    mean, error : float

    Examples
    --------
    >>> mean, error = mean_angle(np.array([-1.5, 1.5]), np.ones(2))
    >>> print(f"{abs(mean):.2f} {error:.2f}")
    1.57 0.07
    """
    mean = 0.5 * np.angle(np.sum(weight * np.exp(2j * angle)))
    away = np.abs((angle - mean + 0.5 * np.pi) % np.pi - 0.5 * np.pi)
    order = np.argsort(away)
    running = np.cumsum(weight[order]) / np.sum(weight)
    return float(mean), float(away[order][min(np.searchsorted(running, 0.6827), len(away) - 1)])


def profile_log_density(x, y, parameters):
    """Log of the profile, 0 at the centre.

    Parameters
    ----------
    x, y : (m,) float ndarray, arcsec
    parameters : (n, 4) float ndarray
        ln core, slope, flattening times cos and sin of twice the angle.

    Returns
    -------
    log_density : (n, m) float ndarray
    """
    log_core, slope, along, across = (column[:, None] for column in np.asarray(parameters).T)
    flattening = np.clip(np.hypot(along, across), 0.0, LARGEST_FLATTENING)
    q, angle = 1.0 - flattening, 0.5 * np.arctan2(across, along)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return -0.5 * slope * np.log1p((u**2 * q + v**2 / q) * np.exp(-2.0 * log_core))


def make_nodes(survey, centre):
    """`Nodes` of the cells of a survey that have an effective area: cells themselves, or, of many, sectors of rings.

    Parameters
    ----------
    survey : `clusterphot.luminosity.density.Survey`
    centre : (row, column)
    """
    rows, columns = np.nonzero(survey.area > 0)
    flat = np.ravel_multi_index((rows, columns), survey.area.shape)
    x, y = ((at - c) * survey.cell_arcsec for at, c in zip((columns, rows), centre[::-1], strict=True))
    area = survey.area[rows, columns]
    node = np.arange(len(area))
    if len(area) > MOST_NODES:
        radius = np.hypot(x, y)
        ring = np.digitize(radius, np.geomspace(survey.cell_arcsec, radius.max(), NODE_RADII))
        sector = ((np.arctan2(y, x) / (2 * np.pi) % 1.0) * NODE_ANGLES).astype(int)
        node = np.unique(ring * (NODE_ANGLES + 1) + sector, return_inverse=True)[1]
    n = node.max(initial=-1) + 1
    of_cells = sparse.csr_array((np.ones(len(node)), (node, flat)), shape=(n, survey.area.size))
    total = np.bincount(node, area, minlength=n)
    return Nodes(
        np.bincount(node, area * x, minlength=n) / total, np.bincount(node, area * y, minlength=n) / total,
        total, of_cells,
    )  # fmt: skip


def fit_ellipse(survey, centre, *, n_draws=3000, seed=1):
    """Fit an elliptical profile to the sources of a survey.

    Parameters
    ----------
    survey : `clusterphot.luminosity.density.Survey`
    centre : (row, column)
        Of the profile, held.
    n_draws, seed : int

    Returns
    -------
    fit : `EllipseFit`

    Notes
    -----
    The likelihood is that of `clusterphot.luminosity.density.compare_with_map`, given the number of sources:
    contaminants lie evenly, how many there are is averaged over. Priors: core flat in its log from a cell to half the
    diagonal, slope and flattening flat, any angle.
    """
    nodes = make_nodes(survey, centre)
    x, y = (
        (at - c) * survey.cell_arcsec for at, c in zip((survey.column, survey.row), centre[::-1], strict=True)
    )
    cores = np.log([survey.cell_arcsec, 0.5 * survey.cell_arcsec * np.hypot(*survey.area.shape)])
    weight = nodes.area / nodes.area.sum()

    def log_density(parameters):
        log_core, slope, along, across = parameters.T
        flattening = np.hypot(along, across)
        inside = (log_core > cores[0]) & (log_core < cores[1]) & (slope > SLOPES[0]) & (slope < SLOPES[1])
        inside &= flattening < LARGEST_FLATTENING
        out = np.full(len(parameters), -np.inf)
        # flat in flattening and angle is 1 / flattening in their plane
        log_prior = -np.log(2 * np.pi * LARGEST_FLATTENING * np.clip(flattening, ROUND, None))
        log_prior = log_prior - np.log(np.ptp(cores)) - np.log(np.ptp(SLOPES))
        step = max(BLOCK // max(len(weight), len(x)), 1)
        for block in np.array_split(np.flatnonzero(inside), -(-inside.sum() // step)) if inside.any() else ():
            norm = np.log(np.exp(profile_log_density(nodes.x, nodes.y, parameters[block])) @ weight)
            at = profile_log_density(x, y, parameters[block])
            out[block] = point_log_likelihood(at - norm[:, None], survey.share) + log_prior[block]
        return out

    radius = np.median(np.hypot(x, y))
    start = [np.clip(np.log(0.5 * radius), cores[0] + 0.1, cores[1] - 0.1), 2.0, 0.1, 0.05]
    return EllipseFit(
        sample_posterior(log_density, start, [0.5, 0.5, 0.15, 0.15], n_draws=n_draws, seed=seed)
    )
