"""How the clusters of a population are distributed in age and metallicity: one burst, two, continuous, free.

A history is a density over the nodes of a grid, with parameters that are standard normal variates a priori: each is
turned into a value in its range by the normal distribution function. Ages Gyr, densities per dex.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, ndtr

from clusterphot.sed.posterior_model import trapezoid_weights

NARROWEST_STEPS = 0.6
"""Least width of a burst in steps of the grid: the sum over nodes of a Gaussian this wide is its integral to 0.2 %
(twice exp(-2 pi^2 0.6^2))."""

WIDEST_AGE_DEX, WIDEST_METALLICITY_DEX = 0.5, 0.8
"""Largest standard deviation of a burst: half of the range of ages, a third of that of metallicities."""

APART_DEX = 0.2
"""Two bursts nearer than this in log age are one."""

EDGE_DEX = 0.03
"""Softness of the beginning and end of continuous formation, the step of posteriors of single clusters."""

SHORTEST_DEX = 0.1
"""Least extent of continuous formation in log age; shorter ones are bursts."""

ROUGHNESS_AGE_DEX, ROUGHNESS_METALLICITY_DEX = 0.3, 0.7
"""Correlation lengths of the free form: finer structure is not resolved by colours at a signal to noise of 10."""

FREE_AMPLITUDE = 2.0
"""Standard deviation of the log density (natural) of the free form about a flat one."""

LEAST_SHARE = 1e-9
"""Least fraction of either burst, so that its logarithm is finite."""

NEGLIGIBLE_MODE = 0.1
"""Waves of the free form with less than this share of the largest amplitude are left out."""


@dataclass(frozen=True)
class Nodes:
    """Nodes of the grid on which populations are described, flat in the order (A_V, age, metallicity).

    Attributes
    ----------
    age_gyr, metallicity_zsun : 1-D float ndarray
        Axes.
    n_av : int
        Values of extra dust, equally probable.
    flux : (n_bands, n_nodes) float ndarray, nJy per Msun surviving
    """

    age_gyr: np.ndarray
    metallicity_zsun: np.ndarray
    n_av: int
    flux: np.ndarray

    @classmethod
    def of_model(cls, model):
        """Those of a `clusterphot.sed.posterior_model.PosteriorModel`."""
        return cls(model.age_gyr, model.metallicity_zsun, len(model.av_mag), model.flux)

    @property
    def shape(self):
        """Numbers of values of A_V, age and metallicity."""
        return self.n_av, len(self.age_gyr), len(self.metallicity_zsun)

    def flat(self, of_age, of_metallicity):
        """Sum of a function of age (..., n_age) and one of metallicity (..., n_metallicity) at all nodes, flat."""
        both = of_age[..., :, None] + of_metallicity[..., None, :]
        both = np.broadcast_to(both[..., None, :, :], (*both.shape[:-2], *self.shape))
        return both.reshape(*both.shape[:-3], -1)


def _within(x, low, high):
    """Value in a range from a standard normal variate, uniform a priori, and its derivative."""
    return low + (high - low) * ndtr(x), (high - low) * _normal(x)


def _normal(x):
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def _two_sorted(first, second, low, high):
    """Two uniform values in a range in their order from two normal variates, and derivatives [[by first], [by second]].

    The larger of two uniform numbers is the root of a uniform one, the smaller a uniform share of it.
    """
    top = np.sqrt(ndtr(first))
    share = ndtr(second)
    width = high - low
    by_first = width * 0.5 * _normal(first) / max(top, 1e-12)
    return (
        low + width * top * share,
        low + width * top,
        np.array([[by_first * share, by_first], [width * top * _normal(second), 0.0]]),
    )


class _Axis:
    """One axis of the grid: logs of the nodes and of the weights of the trapezoidal rule, and its range."""

    def __init__(self, values, widest_dex):
        self.log = np.log10(values)
        weights = trapezoid_weights(values)
        self.log_weight = np.log(weights / weights.sum())
        self.low, self.high = self.log[0], self.log[-1]
        step = (self.high - self.low) / max(len(values) - 1, 1)
        self.narrowest = NARROWEST_STEPS * step if len(values) > 1 else 1.0
        self.widest = max(widest_dex, 1.5 * self.narrowest)

    def width(self, x):
        """Natural log of a width, log-uniform a priori, and its derivative."""
        return _within(x, np.log(self.narrowest), np.log(self.widest))

    def normalised(self, log_density, *gradients):
        """Log probability of each node, and derivatives, from a density that is not normalised."""
        total = log_density + self.log_weight
        log_p = total - np.logaddexp.reduce(total)
        p = np.exp(log_p)
        return log_p, *(gradient - p @ gradient for gradient in gradients)

    def gaussian(self, mean, log_width):
        """Log probability of each node of a Gaussian, and derivatives by mean and by the log of the width."""
        scaled = (self.log - mean) * np.exp(-log_width)
        return self.normalised(-0.5 * scaled**2, scaled * np.exp(-log_width), scaled**2)


class History:
    """A history on the nodes of a grid.

    Attributes
    ----------
    n : int
        Parameters.
    """

    def __init__(self, nodes):
        self.nodes = nodes
        self.age = _Axis(nodes.age_gyr, WIDEST_AGE_DEX)
        self.metallicity = _Axis(nodes.metallicity_zsun, WIDEST_METALLICITY_DEX)
        self.log_av = -np.log(nodes.n_av)

    def log_probability(self, x):
        """Log probability of each node, and how a derivative by it becomes one by the parameters.

        Returns
        -------
        log_p : (n_nodes,) float ndarray
        pull_back : callable
            Takes the derivative of anything by ``log_p`` (n_nodes,), gives that by ``x`` (n,).
        """
        raise NotImplementedError

    def parameters(self, x):
        """Parameters of its own, by name, as people know them."""
        raise NotImplementedError

    def _both(self, of_age, by_age, of_metallicity, by_metallicity):
        """Log probability and its derivatives from those of age and metallicity, which are independent."""
        by_age, by_metallicity = np.stack(by_age), np.stack(by_metallicity)

        def pull_back(by_node):
            by_node = by_node.reshape(self.nodes.shape)
            return np.concatenate(
                [by_age @ by_node.sum(axis=(0, 2)), by_metallicity @ by_node.sum(axis=(0, 1))]
            )

        return self.nodes.flat(of_age, of_metallicity) + self.log_av, pull_back


class Burst(History):
    """One burst: log age and log metallicity are Gaussian, cut at the ends of the grid."""

    n = 4

    def log_probability(self, x):
        mean, d_mean = _within(x[0], self.age.low, self.age.high)
        width, d_width = self.age.width(x[1])
        of_age, by_mean, by_width = self.age.gaussian(mean, width)
        of_z, by_z = _metallicities(self.metallicity, x[2], x[3])
        return self._both(of_age, (d_mean * by_mean, d_width * by_width), of_z, by_z)

    def parameters(self, x):
        return {
            "burst_age_gyr": 10 ** _within(x[0], self.age.low, self.age.high)[0],
            "burst_width_dex": np.exp(self.age.width(x[1])[0]),
        }


class TwoBursts(History):
    """Two bursts of one width at least `APART_DEX` apart, with the same metallicities.

    With metallicities of their own, young metal-rich and old metal-poor bursts have the colours of old metal-poor and
    young metal-rich ones, and the fraction of either is not determined.
    """

    n = 6

    def _ages(self, x):
        young, old, gradient = _two_sorted(x[0], x[1], self.age.low, self.age.high - APART_DEX)
        return young, old + APART_DEX, gradient

    def log_probability(self, x):
        young, old, d_ages = self._ages(x)
        width, d_width = self.age.width(x[2])
        share, d_share = _within(x[3], 0.0, 1.0)
        share = np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE)
        parts = [self.age.gaussian(mean, width) for mean in (young, old)]
        logs = [parts[0][0] + np.log(1 - share), parts[1][0] + np.log(share)]
        of_age = np.logaddexp(*logs)
        ratios = [np.exp(part - of_age) for part in logs]
        by_mean = [ratio * part[1] for ratio, part in zip(ratios, parts, strict=True)]
        by_width = sum(ratio * part[2] for ratio, part in zip(ratios, parts, strict=True))
        of_z, by_z = _metallicities(self.metallicity, x[4], x[5])
        by_age = [
            *(d_ages[k, 0] * by_mean[0] + d_ages[k, 1] * by_mean[1] for k in range(2)),
            d_width * by_width,
            d_share * (ratios[1] / share - ratios[0] / (1 - share)),
        ]
        return self._both(of_age, by_age, of_z, by_z)

    def parameters(self, x):
        young, old, _ = self._ages(x)
        return {
            "young_age_gyr": 10**young,
            "old_age_gyr": 10**old,
            "burst_width_dex": np.exp(self.age.width(x[2])[0]),
            "old_fraction": ndtr(x[3]),
        }


class Continuous(History):
    """Formation at a constant rate from an oldest age to a youngest; metallicities as of a burst."""

    n = 4

    def _ages(self, x):
        young, old, gradient = _two_sorted(x[0], x[1], self.age.low, self.age.high - SHORTEST_DEX)
        return young, old + SHORTEST_DEX, gradient

    def log_probability(self, x):
        young, old, d_ages = self._ages(x)
        below, above = (self.age.log - young) / EDGE_DEX, (old - self.age.log) / EDGE_DEX
        # as many clusters in each Gyr: a density per dex that rises as age
        log_density = np.log(10) * self.age.log + log_expit(below) + log_expit(above)
        of_age, by_young, by_old = self.age.normalised(
            log_density, -expit(-below) / EDGE_DEX, expit(-above) / EDGE_DEX
        )
        of_z, by_z = _metallicities(self.metallicity, x[2], x[3])
        by_age = [d_ages[k, 0] * by_young + d_ages[k, 1] * by_old for k in range(2)]
        return self._both(of_age, by_age, of_z, by_z)

    def parameters(self, x):
        young, old, _ = self._ages(x)
        return {"youngest_age_gyr": 10**young, "oldest_age_gyr": 10**old}


class Free(History):
    """A smooth histogram: the log density is a Gaussian process of cosines over log age and log metallicity.

    The logistic Gaussian process of Leonard (1978, J. R. Stat. Soc. B 40, 113) with a squared-exponential covariance,
    in the cosine waves of the box of the grid (Solin & Sarkka 2020, Stat. Comput. 30, 419).
    """

    def __init__(self, nodes):
        super().__init__(nodes)
        age, size_age = self._waves(self.age, ROUGHNESS_AGE_DEX)
        z, size_z = self._waves(self.metallicity, ROUGHNESS_METALLICITY_DEX)
        size = size_age[:, None] * size_z[None, :]
        size[0, 0] = 0.0  # the constant, which normalisation takes away
        kept = size > NEGLIGIBLE_MODE * size.max(initial=1e-30)
        size *= FREE_AMPLITUDE / max(np.sqrt(np.sum(size[kept] ** 2)), 1e-30)
        waves = age[:, None, :, None] * z[None, :, None, :] * size[:, :, None, None]
        waves = np.broadcast_to(waves[kept][:, None], (kept.sum(), *nodes.shape))
        self.waves = waves.reshape(kept.sum(), -1)
        self.n = len(self.waves)
        self.log_weight = nodes.flat(self.age.log_weight, self.metallicity.log_weight) + self.log_av

    @staticmethod
    def _waves(axis, length):
        """Cosines over an axis (n_waves, n_nodes), and their standard deviations."""
        extent = axis.high - axis.low
        if extent == 0:
            return np.ones((1, 1)), np.ones(1)
        k = np.arange(int(np.ceil(4 * extent / length)) + 1)
        waves = (
            np.cos(np.pi * k[:, None] * (axis.log - axis.low) / extent)
            * np.where(k > 0, np.sqrt(2), 1.0)[:, None]
        )
        return waves, np.exp(-0.25 * (np.pi * k * length / extent) ** 2)

    def log_probability(self, x):
        log_density = x @ self.waves + self.log_weight
        log_p = log_density - np.logaddexp.reduce(log_density)

        def pull_back(by_node):
            return self.waves @ (by_node - np.exp(log_p) * by_node.sum())

        return log_p, pull_back

    def parameters(self, x):
        return {}


def _metallicities(axis, x_mean, x_width):
    """Log probabilities of a Gaussian in log metallicity, and derivatives by the two variates; none on one node."""
    if len(axis.log) == 1:
        return np.zeros(1), (np.zeros(1), np.zeros(1))
    mean, d_mean = _within(x_mean, axis.low, axis.high)
    width, d_width = axis.width(x_width)
    log_p, by_mean, by_width = axis.gaussian(mean, width)
    return log_p, (d_mean * by_mean, d_width * by_width)


HISTORIES = {"free": Free, "burst": Burst, "two_bursts": TwoBursts, "continuous": Continuous}
"""Histories by their names in the configuration."""
