"""Posterior of a population: its history, shared errors, error scale, contaminants, mass function; sampled jointly.

All parameters are standard normal variates a priori. The sampler is the dynamic Hamiltonian Monte Carlo of Hoffman &
Gelman (2014) and Betancourt (2017) as it stands in the package Mici, in the coordinates in which the Gaussian at
the mode is round. Models are compared by leave-one-out cross-validation (Vehtari, Gelman & Gabry 2017, Stat. Comput.
27, 1413) as it stands in ArviZ.
"""

import logging
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from clusterphot.population.likelihood import ERROR_SCALES
from clusterphot.population.selection import SLOPES

logger = logging.getLogger(__name__)

CONTAMINANTS_POWER = 9.0
"""Of the prior of the fraction of contaminants, Beta(1, 9): 10 % in the mean, 0 the likeliest."""

N_STARTS = 3
"""Places from which the mode is sought, so that a second one is seen."""

MODE_SHARE = 0.3
"""A second mode with less than this share of the probability of the best, by the Gaussians at both, gets no chain: two
chains count alike."""

SAME_MODE = 0.5
"""Modes nearer than this, in the width of the prior, are one."""

N_CHAINS = 2
TARGET_ACCEPTANCE = 0.7
"""Of the sampler: the longest steps that serve, 10 gradients a draw. Trajectories of 2 to 5 steps cost a third and
leave chains that differ (R-hat 1.3 to 1.5 where these have 1.04); importance sampling from the Gaussian at the mode
leaves 20 to 70 independent draws of 400, with a Pareto k of 0.5 to 1.2."""

STEP = 0.03
"""Of the numerical derivative of the gradient at the mode: small beside the posterior, and large enough that the single
precision of the gradient, 1e-3, does not matter."""

N_WARM_UP = 50
"""In coordinates in which the posterior is nearly round only the step has to be found."""

MOST_STEPS = 6
"""Doublings of a trajectory at most: 64 gradients a draw."""


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
        Largest over the parameters (Vehtari et al. 2021): 1 where chains agree.
    """

    x: np.ndarray
    log_likelihood: np.ndarray
    log_mass: np.ndarray
    as_cluster: np.ndarray
    r_hat: float


def find_modes(target, rng):
    """Modes of a posterior that matter, the one with the most probability first: list of (n,) float ndarray."""
    from scipy.optimize import minimize

    modes = []
    for k in range(N_STARTS):
        start = (
            np.zeros(target.n)
            if k == 0
            else np.append(rng.normal(size=target.history.n), np.zeros(target.n - target.history.n))
        )
        found = minimize(target, start, jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9})
        if np.isfinite(found.fun):
            modes.append((found.fun, found.x))
    modes.sort(key=lambda mode: mode[0])
    kept = []
    for value, x in modes:
        if all(np.linalg.norm(x - other) > SAME_MODE for *_, other in kept):
            kept.append((value - np.linalg.slogdet(gaussian_scale(target, x))[1], x))
    kept.sort(key=lambda mode: mode[0])
    return [x for value, x in kept if value < kept[0][0] - np.log(MODE_SHARE)]


def gaussian_scale(target, mode):
    """Matrix that turns round variates into those of the Gaussian at a mode, (n, n)."""
    n = target.n
    hessian = np.empty((n, n))
    for k in range(n):
        step = np.zeros(n)
        step[k] = STEP
        hessian[k] = (target(mode + step)[1] - target(mode - step)[1]) / (2 * STEP)
    value, axes = np.linalg.eigh(0.5 * (hessian + hessian.T))
    # nothing is wider than its prior, whose width is one
    return axes / np.sqrt(np.maximum(value, 1.0))


def sample_posterior(target, *, n_draws, seed, n_warm_up=N_WARM_UP):
    """Draws of a posterior.

    Parameters
    ----------
    target : `Target`
    n_draws : int
        Of all chains together.
    seed : int
    n_warm_up : int, optional
        Draws of each chain that set the step and are thrown away.

    Returns
    -------
    draws : `Draws`
    """
    from arviz_stats.base import array_stats

    logging.getLogger("mici").setLevel(logging.WARNING)  # it reports every long step of the search for one
    from mici import adapters, integrators, samplers, states, systems

    rng = np.random.default_rng(seed)
    modes = find_modes(target, rng)
    scale = gaussian_scale(target, modes[0])
    starts = [modes[k % len(modes)] - modes[0] for k in range(N_CHAINS)]
    inverse = np.linalg.inv(scale)

    def place(q):
        return modes[0] + scale @ q

    def gradient(q):
        value, slope = target(place(q))
        return scale.T @ slope, value

    system = systems.EuclideanMetricSystem(
        neg_log_dens=lambda q: target(place(q))[0], grad_neg_log_dens=gradient
    )
    sampler = samplers.DynamicMultinomialHMC(
        system, integrators.LeapfrogIntegrator(system), rng, max_tree_depth=MOST_STEPS
    )
    per_chain = int(np.ceil(n_draws / N_CHAINS))
    result = sampler.sample_chains(
        n_warm_up,
        per_chain,
        [
            states.ChainState(pos=inverse @ start + 0.1 * rng.normal(size=target.n), mom=None, dir=1)
            for start in starts
        ],
        adapters=[adapters.DualAveragingStepSizeAdapter(TARGET_ACCEPTANCE)],
        trace_funcs=[lambda state: {"q": state.pos}],
        display_progress=False,
        monitor_stats=[],
    )
    chains = np.array(result.traces["q"])
    r_hat = max(float(array_stats.rhat(chains[:, :, k], chain_axis=0, draw_axis=1)) for k in range(target.n))
    x = modes[0] + chains.reshape(-1, target.n) @ scale.T
    terms = [target.terms(one, details=True)[0] for one in x]
    return Draws(
        x=x,
        log_likelihood=np.array([t.log_likelihood for t in terms]),
        log_mass=np.array([t.log_mass for t in terms]),
        as_cluster=np.mean([t.as_cluster for t in terms], axis=0),
        r_hat=r_hat,
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

    chains = draws.log_likelihood.reshape(N_CHAINS, -1, draws.log_likelihood.shape[1])
    per_source, pareto_k, _ = array_stats.loo(np.moveaxis(chains, 2, 0), chain_axis=1, draw_axis=2)
    return Score(np.asarray(per_source, dtype=float), float(np.max(pareto_k)))
