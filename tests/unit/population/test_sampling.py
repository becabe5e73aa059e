"""Draws of posteriors with one and two modes whose probabilities are known on paper."""

from types import SimpleNamespace

import numpy as np
import pytest
from clusterphot.population import sampling


class Mixture:
    """Round Gaussians in three dimensions with given weights, means along the first axis, and widths."""

    n = 3
    history = SimpleNamespace(n=3)

    def __init__(self, weights, means, widths):
        self.weights, self.widths = np.asarray(weights), np.asarray(widths)
        self.means = np.zeros((len(means), self.n))
        self.means[:, 0] = means

    def __call__(self, x):
        pull = (x - self.means) / self.widths[:, None]
        part = np.log(self.weights) - self.n * np.log(self.widths) - 0.5 * np.sum(pull**2, axis=1)
        top = np.logaddexp.reduce(part)
        return -top, np.exp(part - top) @ (pull / self.widths[:, None])


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_modes_count_as_their_probability(share):
    """Ten widths apart, one three times as wide: 500 draws tell the share to 0.1 (0.02 of it the number of draws)."""
    target = Mixture([share, 1 - share], [-1.2, 1.2], [0.1, 0.3])
    sampled = sampling.sample_modes(target, n_draws=500, seed=2)
    left = sampled.x[:, 0] < -0.4
    assert left.mean() == pytest.approx(share, abs=0.1)
    assert sampled.mode_shares == pytest.approx(sorted([share, 1 - share], reverse=True), abs=0.1)
    assert sampled.x[left].std(axis=0) == pytest.approx(np.full(3, 0.1), rel=0.25)
    assert sampled.x[~left].std(axis=0) == pytest.approx(np.full(3, 0.3), rel=0.25)
    assert sampled.r_hat < 1.1


def test_one_mode():
    sampled = sampling.sample_modes(Mixture([1.0], [0.3], [0.2]), n_draws=400, seed=1)
    assert sampled.x.shape == (400, 3)
    assert sampled.mode_shares.tolist() == [1.0]
    # three errors of a mean of 400 draws
    assert sampled.x.mean(axis=0) == pytest.approx([0.3, 0, 0], abs=3 * 0.2 / 20)


def test_bridge_of_a_gaussian():
    """The integral of 5 times a normalised density, from draws of both."""
    rng = np.random.default_rng(1)
    drawn, proposed = rng.normal(size=200), 1.3 * rng.normal(size=200)

    def log_ratio(x):
        return np.log(5.0) - 0.5 * x**2 + 0.5 * (x / 1.3) ** 2 + np.log(1.3)

    value = sampling._bridge(log_ratio(drawn), log_ratio(proposed))
    assert value == pytest.approx(np.log(5.0), abs=0.1)
