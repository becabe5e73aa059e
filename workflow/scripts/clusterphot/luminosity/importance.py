"""Posteriors of a few smooth parameters by importance sampling that adapts: draws with weights, and the evidence.

Population Monte Carlo (Cappe et al. 2004, J. Comp. Graph. Stat. 13, 907) with a multivariate t: after a few rounds it
has the mean and the covariance of the posterior, and its tails are heavier than those of what it stands for.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

DEGREES_OF_FREEDOM = 5
"""Of the t from which is drawn: tails heavy enough for posteriors that end at a prior."""

ROUNDS, PER_ROUND = 5, 400
"""Rounds that adapt, and their draws."""

LEAST_EFFECTIVE = 100
"""Effective draws of a round, short of which its weights are tempered before mean and covariance are taken."""

SWELL = 1.1
"""Widening of the adapted covariance: one that is too narrow loses the tails, one too wide only some draws."""


@dataclass(frozen=True)
class WeightedDraws:
    """Posterior as draws with weights.

    Attributes
    ----------
    values : (n, k) float ndarray
    weight : (n,) float ndarray
        Sum 1.
    log_evidence : float
        Log of the integral of likelihood times prior, where the density that was sampled is normalised so.
    n_effective : float
        1 / sum of squared weights (Kish 1965).
    """

    values: np.ndarray
    weight: np.ndarray
    log_evidence: float
    n_effective: float

    def resampled(self, n, seed=0):
        """(n, k) draws of equal weight, by systematic resampling."""
        start = np.random.default_rng(seed).uniform()
        at = np.searchsorted(np.cumsum(self.weight), (start + np.arange(n)) / n)
        return self.values[np.minimum(at, len(self.values) - 1)]


def weighted_quantiles(values, weight, levels):
    """Quantiles of values (n,) with weights (n,).

    Examples
    --------
    >>> print(weighted_quantiles([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [0.5]))
    [2.]
    """
    order = np.argsort(values)
    values, weight = np.asarray(values, dtype=float)[order], np.asarray(weight, dtype=float)[order]
    return np.interp(levels, (np.cumsum(weight) - 0.5 * weight) / weight.sum(), values)


def sample_posterior(log_density, start, scale, *, n_draws=3000, seed=1):
    """Draw from a posterior of a few parameters.

    Parameters
    ----------
    log_density : function
        Of (n, k) parameters: log of likelihood times normalised prior, (n,); -inf outside the prior.
    start, scale : (k,) array_like
        Where the search for its mode begins, and by what each parameter is worth changing.
    n_draws, seed : int

    Returns
    -------
    draws : `WeightedDraws`

    Raises
    ------
    ValueError
        If the density is not finite at the start.
    """
    start, scale = np.asarray(start, dtype=float), np.asarray(scale, dtype=float)
    if not np.isfinite(log_density(start[None])[0]):
        raise ValueError("the posterior is not finite where its sampling begins")
    best = optimize.minimize(
        lambda unit: -log_density((start + unit * scale)[None])[0], np.zeros(len(start)), method="Nelder-Mead",
        options={"xatol": 0.02, "fatol": 0.01, "initial_simplex": np.eye(len(start) + 1, len(start), -1)},
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    mean, covariance = start + best.x * scale, np.diag(scale**2)
    for _ in range(ROUNDS):
        values, log_weight = _draw(log_density, mean, covariance, PER_ROUND, rng)
        mean, covariance = _moments(values, log_weight, covariance)
    values, log_weight = _draw(log_density, mean, covariance, n_draws, rng)
    weight = np.exp(log_weight - special.logsumexp(log_weight))
    log_evidence = special.logsumexp(log_weight) - np.log(n_draws)
    return WeightedDraws(values, weight, float(log_evidence), float(1.0 / (weight**2).sum()))


def _draw(log_density, mean, covariance, n, rng):
    """Draws of the t, and logs of the density over that of the t."""
    proposal = stats.multivariate_t(mean, covariance, df=DEGREES_OF_FREEDOM, seed=rng)
    values = np.atleast_2d(proposal.rvs(n)).reshape(n, len(mean))
    return values, log_density(values) - proposal.logpdf(values)


def _moments(values, log_weight, before):
    """Mean and covariance of draws, with weights tempered until enough of them count."""
    log_weight = log_weight - log_weight.max()
    power = 1.0
    while True:
        weight = np.exp(power * log_weight)
        weight /= weight.sum()
        if 1.0 / (weight**2).sum() >= min(LEAST_EFFECTIVE, 0.5 * np.isfinite(log_weight).sum()):
            break
        power *= 0.7
    mean = weight @ values
    covariance = SWELL * np.cov(values.T, aweights=weight).reshape(before.shape)
    # where all that counts fell on one place, the covariance of before stands, narrowed
    return (mean, covariance) if np.linalg.cond(covariance) < 1e12 else (mean, 0.25 * before)
