"""Speed of the fit on the grid, and the ratio to a plain scipy fit per source, measured in one run.

The peer is what one would write first: scipy's least_squares for each source with free log age, log
metallicity (bilinear in the logarithms between the same models) and log mass, from one starting point in
mid-grid. It is quick at the cost of local minima, which the grid does not know; more starting points would
multiply its time.
"""

import time

import numpy as np
import pytest
from clusterphot.sed import chi2
from scipy.optimize import least_squares

N_SOURCES = 2000
N_PEER = 50
MIN_EVALUATIONS_PER_S = 1e6


@pytest.fixture(scope="module")
def sources(projected_grid):
    """Clusters of 0.7-10 Gyr and 0.01-2 Zsun with 5-10 % errors in six bands; seeded."""
    rng = np.random.default_rng(41)
    i = rng.integers(0, 22, N_SOURCES)
    j = rng.integers(0, 6, N_SOURCES)
    flux = projected_grid.flux_njy[i, j] * 10 ** rng.uniform(6, 7.5, (N_SOURCES, 1))
    err = flux * rng.uniform(0.05, 0.1, flux.shape)
    return flux + err * rng.normal(size=flux.shape), err


class PlainFit:
    """One call of least_squares per source."""

    def __init__(self, grid):
        self.axes = np.log10(grid.age_gyr), np.log10(grid.metallicity_zsun)
        self.log_flux = np.log10(grid.flux_njy)
        self.low = [self.axes[0][0], self.axes[1][0], 2.0]
        self.high = [self.axes[0][-1], self.axes[1][-1], 10.0]

    def model(self, log_age, log_z):
        """Log flux of 1 Msun in each band, bilinear between four models."""
        (i, s), (j, t) = (
            self.place(axis, value) for axis, value in zip(self.axes, (log_age, log_z), strict=True)
        )
        f = self.log_flux
        return (1 - s) * ((1 - t) * f[i, j] + t * f[i, j + 1]) + s * (
            (1 - t) * f[i + 1, j] + t * f[i + 1, j + 1]
        )

    @staticmethod
    def place(axis, value):
        """Cell of a value, and the fraction of the way through it."""
        cell = min(max(int(axis.searchsorted(value, side="right")) - 1, 0), len(axis) - 2)
        return cell, (value - axis[cell]) / (axis[cell + 1] - axis[cell])

    def __call__(self, flux, err):
        """Chi-square of the best fit."""

        def residuals(parameters):
            return (flux - 10 ** (self.model(*parameters[:2]) + parameters[2])) / err

        start = [0.3, -0.7]
        mass = np.log10(max(flux[2], 1e-3)) - self.model(*start)[2]
        return 2 * least_squares(residuals, [*start, mass], bounds=(self.low, self.high), x_scale=0.1).cost


def test_fit_grid(benchmark, projected_grid, sources):
    """Evaluations per second on one core, and the time per source over that of the peer."""
    photometry = chi2.prepare_photometry(*sources)
    fit = benchmark.pedantic(chi2.fit_grid, (photometry, projected_grid.flux_njy), rounds=7, warmup_rounds=1)
    start = time.perf_counter()
    chi2.fit_grid(photometry, projected_grid.flux_njy)
    ours = (time.perf_counter() - start) / N_SOURCES
    n_models = projected_grid.flux_njy[..., 0].size
    if benchmark.stats is not None:  # None with --benchmark-disable
        ours = benchmark.stats.stats.median / N_SOURCES
    plain = PlainFit(projected_grid)
    start = time.perf_counter()
    peer_chi2 = [plain(flux, err) for flux, err in zip(*(part[:N_PEER] for part in sources), strict=True)]
    peer = (time.perf_counter() - start) / N_PEER
    rate = n_models / ours
    best = fit.chi2[:N_PEER].reshape(N_PEER, -1).min(axis=1)
    benchmark.extra_info |= {"evaluations_per_s": rate, "ratio_to_least_squares": peer / ours}
    print(
        f"\nfit_grid: {rate / 1e6:.1f} million evaluations/s on one core, {ours * 1e6:.1f} us per source;"
        f" scipy least_squares {peer * 1e3:.1f} ms per source: {peer / ours:.0f} times slower"
    )
    # Free between the nodes, the peer ends at or below the grid for most: its time is that of a fit.
    assert np.median(np.array(peer_chi2) - best) <= 0.01
    assert rate >= MIN_EVALUATIONS_PER_S
    assert peer / ours > 10
