"""Draws of a posterior with several modes: chains in each mode, joined with the probability that each mode has.

Colours of young and metal-rich clusters with one set of shared errors are those of old and metal-poor ones with
another, so that a population has two or three modes between which no chain goes. The sampler within a mode is the
dynamic Hamiltonian Monte Carlo of Hoffman & Gelman (2014) and Betancourt (2017) as it stands in the package Mici, in
the coordinates in which the Gaussian at the mode is round; probabilities of modes are by bridge sampling (Meng & Wong
1996, Stat. Sinica 6, 831). Parameters are standard normal variates a priori.
"""

import logging
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import multivariate_normal, qmc

N_STARTS = 16
"""Places from which modes are sought, spread over the prior of the history: with 3 of them the better of two modes was
missed in mocks whose burst was young and narrow."""

MOST_MODES = 4
LEAST_MODE = 0.02
"""A mode with less than this share of the probability of the best, by the Gaussians at both, gets no chain."""

BARRIER_LN = 0.7
"""Two modes are one when the log density on the line between them falls by less than this below the lower one."""

N_CHAINS = 2
"""In each mode."""

TARGET_ACCEPTANCE = 0.7
"""Of the sampler: the longest steps that serve, 10 gradients a draw. Trajectories of 2 to 5 steps cost a third and
leave chains that differ (R-hat 1.3 to 1.5 where these have 1.04)."""

STEP = 0.03
"""Of the numerical derivative of the gradient at the mode: small beside the posterior, and large enough that the single
precision of the gradient, 1e-3, does not matter."""

N_WARM_UP = 40
"""In coordinates in which the posterior is nearly round only the step has to be found."""

N_PILOT = 40
"""Draws of each chain from which the probability of its mode is found; more follow where there is much of it."""

N_PROPOSED = 300
"""Draws of the Gaussian that bridges to a mode; with the pilot's the log of a probability is good to some 0.1."""

N_BRIDGE = 50
"""Steps of the fixed-point iteration of the bridge, which converges by a factor of some 2 in each."""

FEW_IN_MODE = 10
"""Modes whose chains leave them but for this many draws are part of another."""

MOST_STEPS = 6
"""Doublings of a trajectory at most: 64 gradients a draw."""


@dataclass(frozen=True)
class Sampled:
    """Draws of a posterior.

    Attributes
    ----------
    x : (n_draws, n) float ndarray
        Of equal weight, in random order.
    r_hat : float
        Largest over the parameters, within the mode that has most of the probability (Vehtari et al. 2021): 1 where
        chains agree, infinite where a chain left it.
    mode_shares : (n_modes,) float ndarray
        Probability of each mode, the largest first.
    """

    x: np.ndarray
    r_hat: float
    mode_shares: np.ndarray


def find_modes(target, rng):
    """Modes of a posterior that matter, by the Gaussians at them: list of (mode (n,), scale (n, n)), the best first.

    ``scale`` turns round variates into those of the Gaussian at the mode.
    """
    n_history = target.history.n
    starts = np.zeros((N_STARTS, target.n))
    spread = qmc.Sobol(n_history, rng=rng).random(N_STARTS)
    starts[1:, :n_history] = ndtri(np.clip(spread[1:], 1e-3, 1 - 1e-3))
    found = [
        minimize(target, start, jac=True, method="L-BFGS-B", options={"maxiter": 100, "ftol": 1e-7})
        for start in starts
    ]
    found = sorted((one for one in found if np.isfinite(one.fun)), key=lambda one: one.fun)
    apart = []
    for one in found:
        if all(_barrier(target, one, other) for other in apart):
            apart.append(one)
    modes = [(one.fun, one.x, gaussian_scale(target, one.x)) for one in apart[: 2 * MOST_MODES]]
    modes = [(value - np.linalg.slogdet(scale)[1], mode, scale) for value, mode, scale in modes]
    modes.sort(key=lambda one: one[0])
    least = modes[0][0] - np.log(LEAST_MODE)
    return [(mode, scale) for value, mode, scale in modes[:MOST_MODES] if value < least]


def _barrier(target, one, other):
    """Whether the density falls on the line between two modes."""
    top = max(one.fun, other.fun) + BARRIER_LN
    return any(target(one.x + part * (other.x - one.x))[0] > top for part in (0.5, 0.25, 0.75))


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


class _Chains:
    """Chains of one mode, which can be gone on with; positions in the coordinates of its Gaussian."""

    def __init__(self, target, mode, scale, rng):
        # it reports every long step of the search for one
        logging.getLogger("mici").setLevel(logging.WARNING)
        from mici import adapters, integrators, samplers, states, systems

        self.target, self.mode, self.scale, self.n = target, mode, scale, target.n
        self._system = system = systems.EuclideanMetricSystem(
            neg_log_dens=lambda q: target(self.place(q))[0],
            # not the bound method: Mici copies it for each chain, and with it the data
            grad_neg_log_dens=lambda q: self._gradient(q),
        )
        self._sampler = samplers.DynamicMultinomialHMC(
            system, integrators.LeapfrogIntegrator(system), rng, max_tree_depth=MOST_STEPS
        )
        self._states = [
            states.ChainState(pos=0.5 * rng.normal(size=self.n), mom=None, dir=1) for _ in range(N_CHAINS)
        ]
        self._q, self._value = np.empty((N_CHAINS, 0, self.n)), np.empty((N_CHAINS, 0))
        # one chain finds the step for all
        step = adapters.DualAveragingStepSizeAdapter(TARGET_ACCEPTANCE)
        self._states[:1] = self._run(N_WARM_UP, 1, self._states[:1], [step]).final_states

    def place(self, q):
        """Variates at positions (..., n)."""
        return self.mode + q @ self.scale.T

    def _gradient(self, q):
        value, slope = self.target(self.place(q))
        return self.scale.T @ slope, value

    def _run(self, n_warm_up, n_draws, start, adapters=()):
        return self._sampler.sample_chains(
            n_warm_up,
            n_draws,
            start,
            adapters=list(adapters),
            trace_funcs=[lambda state: {"q": state.pos, "value": self._system.neg_log_dens(state)}],
            display_progress=False,
            monitor_stats=[],
        )

    def go_on(self, n_draws):
        """Make each chain longer."""
        result = self._run(0, n_draws, self._states)
        self._states = result.final_states
        self._q = np.concatenate([self._q, np.array(result.traces["q"])], axis=1)
        self._value = np.concatenate([self._value, np.array(result.traces["value"])], axis=1)

    @property
    def x(self):
        """Draws of all chains, (n_draws, n)."""
        return self.place(self._q.reshape(-1, self.n))

    @property
    def log_density(self):
        """Of each draw, without a constant."""
        return -self._value.reshape(-1)

    def r_hat(self, inside=lambda x: np.ones(len(x), dtype=bool)):
        """Largest over the parameters, of the draws inside a region; infinite where a chain has too few there."""
        from arviz_stats.base import array_stats

        chains = [q[inside(self.place(q))] for q in self._q]
        n = min(len(q) for q in chains)
        if n < FEW_IN_MODE:
            return np.inf
        q = np.array([q[-n:] for q in chains])
        return max(float(array_stats.rhat(q[:, :, k], chain_axis=0, draw_axis=1)) for k in range(self.n))

    def gaussian(self):
        """Gaussian of the draws so far; their covariance is drawn towards that at the mode, as they are few."""
        q = self._q.reshape(-1, self.n)
        scatter = (len(q) * np.cov(q, rowvar=False) + self.n * np.eye(self.n)) / (len(q) + self.n)
        return multivariate_normal(self.place(q.mean(axis=0)), self.scale @ scatter @ self.scale.T)


def sample_modes(target, *, n_draws, seed):
    """Draws of a posterior with any number of modes.

    Parameters
    ----------
    target : `clusterphot.population.posterior.Target`
    n_draws : int
        Of all modes together.
    seed : int

    Returns
    -------
    sampled : `Sampled`
    """
    rng = np.random.default_rng(seed)
    chains = [_Chains(target, mode, scale, rng) for mode, scale in find_modes(target, rng)]
    if len(chains) == 1:
        chains[0].go_on(int(np.ceil(n_draws / N_CHAINS)))
        return Sampled(rng.permutation(chains[0].x)[:n_draws], chains[0].r_hat(), np.ones(1))
    for one in chains:
        one.go_on(N_PILOT)
    kept, gaussians, shares = _shares(target, chains, rng)
    chains = [chains[k] for k in kept]
    for one, share in zip(chains, shares, strict=True):
        more = int(np.ceil(share * n_draws / N_CHAINS)) - N_PILOT
        if more > 0:
            one.go_on(more)
    x = np.concatenate([one.x for one in chains])
    region = _region(gaussians, x)
    # as many draws of each mode as its share asks for; none is used twice, so that all modes are thinned alike
    members = [rng.permutation(np.flatnonzero(region == k)) for k in range(len(chains))]
    total = min([n_draws, *(len(m) / share for m, share in zip(members, shares, strict=True))])
    used = np.concatenate([m[: round(share * total)] for m, share in zip(members, shares, strict=True)])
    order = np.argsort(-shares)
    r_hat = chains[order[0]].r_hat(lambda x: _region(gaussians, x) == order[0])
    return Sampled(x[rng.permutation(used)], r_hat, shares[order])


def _region(gaussians, x):
    """Number of the Gaussian that is densest at each point."""
    return np.argmax([np.atleast_1d(gaussian.logpdf(x)) for gaussian in gaussians], axis=0)


def _shares(target, chains, rng):
    """Which chains have a mode of their own, Gaussians of these, and the probability of each mode.

    Space is divided by which Gaussian is densest, so that a chain that goes over to another mode counts for that one.
    """
    kept = list(range(len(chains)))
    x, log_density = (np.concatenate([getattr(one, name) for one in chains]) for name in ("x", "log_density"))
    while True:
        gaussians = [chains[k].gaussian() for k in kept]
        region = _region(gaussians, x)
        count = np.bincount(region, minlength=len(kept))
        if len(kept) == 1 or count.min() >= FEW_IN_MODE:
            break
        kept.pop(int(count.argmin()))
    top = log_density.max()
    log_shares = []
    for k, gaussian in enumerate(gaussians):
        proposed = gaussian.rvs(size=N_PROPOSED, random_state=rng)
        here = _region(gaussians, proposed) == k
        ratio = np.full(N_PROPOSED, -np.inf)
        ratio[here] = [-target(point)[0] for point in proposed[here]]
        ratio[here] -= top + gaussian.logpdf(proposed[here])
        drawn = x[region == k]
        log_shares.append(_bridge(log_density[region == k] - top - gaussian.logpdf(drawn), ratio))
    shares = np.exp(np.array(log_shares) - max(log_shares))
    return kept, gaussians, shares / shares.sum()


def _bridge(at_draws, at_proposed):
    """Log of the integral of a density from its log ratios to a normalised one, at draws of either."""
    n_draws, n_proposed = len(at_draws), len(at_proposed)
    log_part, log_rest = np.log(n_draws / (n_draws + n_proposed)), np.log(n_proposed / (n_draws + n_proposed))
    log_r = float(np.median(at_draws))
    for _ in range(N_BRIDGE):
        above = at_proposed - np.logaddexp(log_part + at_proposed, log_rest + log_r)
        below = -np.logaddexp(log_part + at_draws, log_rest + log_r)
        log_r = float(
            np.logaddexp.reduce(above) - np.log(n_proposed) - np.logaddexp.reduce(below) + np.log(n_draws)
        )
    return log_r
