"""Posterior of a population: its history, shared errors, error scale, contaminants, mass function; sampled jointly.

All parameters are standard normal variates a priori. Models are compared by leave-one-out cross-validation (Vehtari,
Gelman & Gabry 2017, Stat. Comput. 27, 1413) as it stands in ArviZ.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from clusterphot.population.likelihood import ERROR_SCALES
from clusterphot.population.sampling import sample_modes
from clusterphot.population.selection import SLOPES

CONTAMINANTS_POWER = 9.0
"""Of the prior of the fraction of contaminants, Beta(1, 9): 10 % in the mean, 0 the likeliest."""


class Target:
    """Log posterior density of a population and its gradient.

    Parameters
    ----------
    likelihood : `clusterphot.population.likelihood.Likelihood`
    history : `clusterphot.population.histories.History`
    directions : (n_directions, n_bands) float ndarray
        Of `clusterphot.population.directions.directions_of`.
    """

    def __init__(self, likelihood, history, directions):
        self.likelihood, self.history, self.directions = likelihood, history, directions
        self.has_slope = likelihood.selection is not None
        self.n = history.n + 2 + int(self.has_slope) + len(directions)

    def split(self, x):
        """Variates of the history, the error scale, the contaminants, the slope, the shared shifts."""
        n = self.history.n
        start = n + 2 + int(self.has_slope)
        return x[:n], x[n], x[n + 1], (x[n + 2] if self.has_slope else None), x[start:]

    def values(self, x):
        """Log error scale, fraction of contaminants, slope, shifts of the bands; derivatives of the first three."""
        _, scale, contaminants, slope, amplitudes = self.split(x)
        low, high = np.log(ERROR_SCALES)
        log_scale = low + (high - low) * ndtr(scale)
        left = max(ndtr(-contaminants), 1e-300)
        fraction = 1.0 - left ** (1 / CONTAMINANTS_POWER)
        by_fraction = left ** (1 / CONTAMINANTS_POWER - 1) / CONTAMINANTS_POWER * _normal(contaminants)
        value, by_slope = 0.0, 0.0
        if slope is not None:
            value = SLOPES[0] + (SLOPES[1] - SLOPES[0]) * ndtr(slope)
            by_slope = (SLOPES[1] - SLOPES[0]) * _normal(slope)
        shift = amplitudes @ self.directions
        return log_scale, fraction, value, shift, ((high - low) * _normal(scale), by_fraction, by_slope)

    def terms(self, x, *, details=False):
        """Terms of the likelihood, and how its derivative by the nodes becomes one by the history's variates."""
        log_p, pull_back = self.history.log_probability(self.split(x)[0])
        log_scale, fraction, slope, shift, derivatives = self.values(x)
        terms = self.likelihood(log_p, shift, log_scale, fraction, slope, details=details)
        return terms, pull_back, derivatives

    def __call__(self, x):
        """Negative log density and its gradient."""
        terms, pull_back, derivatives = self.terms(x)
        parts = [
            pull_back(terms.by_node),
            [terms.by_log_scale * derivatives[0]],
            [terms.by_contaminants * derivatives[1]],
        ]
        if self.has_slope:
            parts.append([terms.by_slope * derivatives[2]])
        parts.append(self.directions @ terms.by_shift)
        return 0.5 * x @ x - terms.log_likelihood.sum(), x - np.concatenate(parts)


def _normal(x):
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class Draws:
    """Draws of the posterior.

    Attributes
    ----------
    x : (n_draws, n) float ndarray
        Variates.
    log_likelihood : (n_draws, n_sources) float ndarray
    log_mass : (n_draws, n_sources) float ndarray
    as_cluster : (n_sources,) float ndarray
        Mean probability to be a cluster.
    r_hat : float
        Largest over the parameters, within the mode that has most of the probability (Vehtari et al. 2021): 1 where
        chains agree, infinite where a chain left it.
    mode_shares : (n_modes,) float ndarray
        Probability of each mode, the largest first.
    """

    x: np.ndarray
    log_likelihood: np.ndarray
    log_mass: np.ndarray
    as_cluster: np.ndarray
    r_hat: float
    mode_shares: np.ndarray


def sample_posterior(target, *, n_draws, seed):
    """Draws of a posterior.

    Parameters
    ----------
    target : `Target`
    n_draws : int
        Fewer where modes share the posterior otherwise than their chains' lengths.
    seed : int

    Returns
    -------
    draws : `Draws`
    """
    sampled = sample_modes(target, n_draws=n_draws, seed=seed)
    terms = [target.terms(one, details=True)[0] for one in sampled.x]
    return Draws(
        x=sampled.x,
        log_likelihood=np.array([t.log_likelihood for t in terms]),
        log_mass=np.array([t.log_mass for t in terms]),
        as_cluster=np.mean([t.as_cluster for t in terms], axis=0),
        r_hat=sampled.r_hat,
        mode_shares=sampled.mode_shares,
    )


@dataclass(frozen=True)
class Score:
    """Leave-one-out cross-validation of a model.

    Attributes
    ----------
    per_source : (n_sources,) float ndarray
        Log density (natural) of each source predicted from all others.
    pareto_k : float
        Largest over the sources; above 0.7 the importance weights of a source do not hold.
    """

    per_source: np.ndarray
    pareto_k: float

    @property
    def total(self):
        """Expected log density of the sample."""
        return float(self.per_source.sum())

    def above(self, other):
        """Difference to another model, and its 1-sigma error from the scatter between sources."""
        difference = self.per_source - other.per_source
        return float(difference.sum()), float(np.sqrt(len(difference)) * difference.std())


def score(draws):
    """`Score` of a model from its `Draws`."""
    from arviz_stats.base import array_stats

    # one chain: draws of all modes are in random order
    per_source, pareto_k, _ = array_stats.loo(draws.log_likelihood.T[:, None], chain_axis=1, draw_axis=2)
    return Score(np.asarray(per_source, dtype=float), float(np.max(pareto_k)))
