"""Speed of the posteriors on one core, and the ratio to a nested-sampling fit of one source.

The peer is dynesty's dynamic nested sampler with its default settings, given the same likelihood (the same
covariance of zero points and E(B-V), the same levels of the jitter) and the same priors. It is not installed with
the workflow: where it is missing, the ratio is not measured and the test says so.
"""

import time

import numpy as np
import pytest
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.sed import posterior as po
from clusterphot.sed import posterior_model as pm
from clusterphot.sed.chi2 import Photometry, prepare_photometry
from clusterphot.ssp.grid import project_grid, resample_ages, select_metallicities
from clusterphot.ssp.refine import refine_grid
from posterior_mocks import usual_modes

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
N_SOURCES = 1000
MAX_SECONDS = 1.0
MIN_RATIO = 10_000
ROW = 3
"""Of the published clusters, the one that the peer fits: S/N of 10 to 60 per band, a typical posterior."""


@pytest.fixture(scope="module")
def model(embedded_grid):
    """BC03 from 0.5 to 9.27 Gyr: 2 % zero points, 0.03 mag of E(B-V), five levels of jitter."""
    ages = embedded_grid.age_gyr
    grid = select_metallicities(embedded_grid, [0.005, 0.02, 0.2, 0.4, 1.0, 2.5])
    grid = resample_ages(grid, ages[(ages > 0.4) & (ages < 11.2)])
    grid = project_grid(grid, SIX, 0.39, flat_lambda_cdm(70.0, 0.3))
    nuisance = pm.Nuisance(
        usual_modes(SIX),
        jitter="multiply",
        jitter_levels=(1.0, 1.4, 2.0, 2.8, 4.0),
    )
    return pm.make_model(refine_grid(grid, age_range_gyr=(0.5, 9.27)), pm.Priors(), nuisance)


@pytest.fixture(scope="module")
def photometry(published):
    """A thousand sources: those of Faisst et al. (2022), drawn again and again; seeded."""
    _, flux, err, _ = published
    rows = np.random.default_rng(1).integers(0, len(flux), N_SOURCES)
    rows[0] = ROW
    return prepare_photometry(flux[rows], err[rows])


def nested_sampling(dynesty, photometry, posterior, model):
    """CPU seconds, log evidence and median age of one source by dynesty."""
    covariance = po.covariances(photometry, posterior.covariance_flux, model.nuisance)[0]
    precision, log_det = np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]
    constant = -0.5 * (log_det + 6 * np.log(2 * np.pi))
    table = np.log(model.flux.T.reshape(*model.shape[1:], 6))
    axes = [np.log10(model.age_gyr), np.log10(model.metallicity_zsun)]
    step = [axis[1] - axis[0] for axis in axes]
    low = np.array([axes[0][0], axes[1][0], np.log10(model.priors.mass_min_msun), 0.0])
    high = np.array([axes[0][-1], axes[1][-1], np.log10(model.priors.mass_max_msun), len(precision)])
    flux = photometry.flux[0]

    def log_likelihood(x):
        (i, s), (j, t) = (
            divmod(min((value - axis[0]) / h, len(axis) - 1 - 1e-9), 1)
            for value, axis, h in zip(x, axes, step, strict=False)
        )
        i, j, level = int(i), int(j), min(int(x[3]), len(precision) - 1)
        log_flux = (1 - s) * ((1 - t) * table[i, j] + t * table[i, j + 1])
        log_flux = log_flux + s * ((1 - t) * table[i + 1, j] + t * table[i + 1, j + 1])
        residual = flux - np.exp(log_flux) * 10 ** x[2]
        return constant[level] - 0.5 * residual @ precision[level] @ residual

    start = time.process_time()
    rng = np.random.default_rng(2)
    sampler = dynesty.DynamicNestedSampler(log_likelihood, lambda u: low + u * (high - low), 4, rstate=rng)
    sampler.run_nested(print_progress=False)
    seconds = time.process_time() - start
    results = sampler.results
    weight = np.exp(results.logwt - results.logz[-1])
    order = np.argsort(results.samples[:, 0])
    cumulative = np.cumsum(weight[order])
    age = 10 ** np.interp(0.5 * cumulative[-1], cumulative, results.samples[order, 0])
    return seconds, float(results.logz[-1]), float(age)


def test_posteriors(benchmark, model, photometry):
    """Seconds for a thousand sources on one core, once the grid is projected."""
    po.posteriors(photometry, model)
    times = []

    def timed():
        start = time.process_time()
        po.posteriors(photometry, model)
        times.append(time.process_time() - start)

    benchmark.pedantic(timed, rounds=5)
    seconds = float(np.median(times))
    benchmark.extra_info |= {"cpu_s_per_1000_sources": seconds}
    print(
        f"\nposteriors: {seconds:.2f} CPU s per {N_SOURCES} sources, {model.flux.shape[1]} models,"
        f" {len(model.nuisance.levels())} levels of jitter, six filters"
    )
    assert seconds <= MAX_SECONDS


def test_ratio_to_nested_sampling(model, photometry):
    """Time of the peer for one source over ours, and that both say the same."""
    try:
        import dynesty
    except ImportError:
        pytest.skip("dynesty is not installed: the ratio to nested sampling is not measured")
    times = []
    for _ in range(3):
        start = time.process_time()
        together = po.posteriors(photometry, model)
        times.append((time.process_time() - start) / N_SOURCES)
    ours = float(np.median(times))
    one = Photometry(*(part[:1] for part in (photometry.flux, photometry.err, photometry.flags)))
    peer, log_evidence, age = nested_sampling(dynesty, one, po.posteriors(one, model), model)
    print(
        f"\nposteriors: {ours * 1e3:.2f} ms per source; dynesty {peer:.1f} s for one: {peer / ours:.0f} times"
        f" slower; ln Z {together.columns['log_evidence'][0]:.2f} and {log_evidence:.2f},"
        f" median age {together.columns['age_gyr_p50'][0]:.2f} and {age:.2f} Gyr"
    )
    assert together.columns["log_evidence"][0] == pytest.approx(log_evidence, abs=0.5)
    assert together.columns["age_gyr_p50"][0] == pytest.approx(age, rel=0.1)
    assert peer / ours >= MIN_RATIO
