"""Samples of clusters of a known luminosity function, found above a threshold in noise that varies over the field.

The search is honest: flux plus noise, kept above five sigma; nothing of it is told to the fit but what artificial
clusters, found alike, say. Magnitudes AB, fluxes nJy.
"""

from dataclasses import dataclass

import numpy as np
from clusterphot.base.units import flux_from_mag_ab, mag_ab
from clusterphot.luminosity import function as lf
from clusterphot.luminosity.inputs import fit_smooth

NOISE, SCATTER, THRESHOLD = 1.15, 0.3, 5.0
LIMIT = mag_ab(THRESHOLD * NOISE)
"""Half of the clusters of this magnitude, 29.50, are found where the noise is the median."""

BATCH = 2000


@dataclass(frozen=True)
class Mock:
    """A sample and what it was drawn from."""

    sample: lf.Sample
    injected: tuple
    response: lf.Response
    total: int
    to_limit: int

    def kernels(self, n_draws=0):
        """Kernels with the completeness fitted to the artificial clusters, and to ``n_draws`` resamplings of them."""
        rng, n = np.random.default_rng(7), len(self.injected[0])
        several = [fit_smooth(*self.injected)]
        for _ in range(n_draws):
            rows = rng.integers(0, n, n)
            several.append(fit_smooth(*(values[rows] for values in self.injected)))
        return [lf.make_sample_kernels(self.sample, one, self.response) for one in several]

    def fit(self, kernels, width_range=(0.3, 3.0)):
        """Posterior of turnover and width."""
        return lf.fit_turnover(kernels, lf.Options(lf.prior_range(kernels[0]), width_range))


def search(mag, rng):
    """Noise, light, found flux and whether it is selected, of clusters at random places."""
    noise = NOISE * np.exp(SCATTER * rng.standard_normal(len(mag)))
    light = 1000 * np.exp(0.7 * rng.standard_normal(len(mag)))
    found = flux_from_mag_ab(mag) + noise * rng.standard_normal(len(mag))
    return noise, light, found, found > THRESHOLD * noise


def draw(seed, offset, width, n_selected, n_injected=1000):
    """A mock field.

    Parameters
    ----------
    seed : int
    offset : float
        Turnover less the limit, mag.
    width : float
    n_selected : int
        Clusters are drawn until so many are found.
    n_injected : int
    """
    rng = np.random.default_rng(seed)
    mag = rng.uniform(26.5, 31, n_injected)
    noise, light, found, seen = search(mag, rng)
    response = lf.measure_response(flux_from_mag_ab(mag), found, noise, seen)
    parts, count, total, to_limit = [], 0, 0, 0
    while count < n_selected:
        true = rng.normal(LIMIT + offset, width, BATCH)
        columns = search(true, rng)
        rows = np.flatnonzero(columns[3])[: n_selected - count]
        used = rows[-1] + 1 if count + len(rows) == n_selected else BATCH
        parts.append(np.stack(columns[:3])[:, rows])
        count, total, to_limit = count + len(rows), total + used, to_limit + int((true[:used] < LIMIT).sum())
    columns = np.concatenate(parts, axis=1)
    sample = lf.Sample(columns[2], columns[0], columns[1], np.ones(n_selected))
    return Mock(sample, (mag, noise, light, np.zeros(n_injected), seen), response, total, to_limit)
