"""Posteriors: closed forms, brute force over everything, and independence from what must not matter."""

import dataclasses

import numpy as np
import pytest
from clusterphot.sed import mass_integral, quantiles
from clusterphot.sed import posterior as po
from clusterphot.sed import posterior_model as pm
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.shared_modes import dust_mode, make_modes, zero_point_modes
from clusterphot.ssp.grid import ProjectedGrid
from clusterphot.ssp.refine import refine_grid
from posterior_mocks import usual_modes
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
BROADER = dict(zip(SIX, (0.03, 0.025, 0.025, 0.02, 0.02, 0.015), strict=True))
"""A PSF broader than thought in all filters: what it takes from the fluxes."""

DEFAULT = pm.Nuisance(
    usual_modes(SIX),
    jitter="multiply",
    jitter_levels=(1.0, 1.4, 2.0, 2.8, 4.0),
)


@pytest.fixture(scope="module")
def fine(embedded_grid):
    """BC03 at z = 0.39 in six filters, all ages of the library, refined up to the age of the Universe."""
    from clusterphot.base.cosmology import flat_lambda_cdm
    from clusterphot.ssp.grid import project_grid, resample_ages, select_metallicities

    ages = embedded_grid.age_gyr
    grid = select_metallicities(embedded_grid, [0.005, 0.02, 0.2, 0.4, 1.0, 2.5])
    grid = resample_ages(grid, ages[(ages > 0.4) & (ages < 11.2)])
    grid = project_grid(grid, SIX, 0.39, flat_lambda_cdm(70.0, 0.3))
    return refine_grid(grid, age_range_gyr=(0.5, 9.27))


@pytest.fixture(scope="module")
def photometry(published):
    """The first 60 clusters of Faisst et al. (2022), some bands taken out."""
    _, flux, err, _ = published
    flux, err = flux[:60].copy(), err[:60].copy()
    flux[3, 0] = flux[7, 4] = err[9, 1] = np.nan
    flux[11, 1:] = np.nan
    return prepare_photometry(flux, err)


def one_model(flux):
    """A grid of a single model with these fluxes per Msun; M/L_V 0.5, all mass survives."""
    shape = (1, 1)
    return ProjectedGrid(
        age_gyr=np.array([2.0]),
        metallicity_zsun=np.array([0.2]),
        filters=tuple(SIX[: len(flux)]),
        flux_njy=np.reshape(flux, (1, 1, -1)),
        lum_v_lsun=np.full(shape, 2.0),
        mass_remaining=np.ones(shape),
        redshift=0.39,
        luminosity_distance_mpc=2108.0,
        h0=70.0,
        omega_m=0.3,
    )


# ------------------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("mass_min", [1e2, 1e4])
@pytest.mark.parametrize("mu", [-20, -5, -1, 0, 0.5, 2, 4, 4.9, 5.1, 6, 7.9, 8.1, 30, 300])
@pytest.mark.parametrize("scale", [1e3, 1e5, 1e6, 3e7])
def test_mass_integral_against_quad(mu, scale, mass_min):
    """Within 1 % for every S/N, and with bounds far off, near, or through the likelihood."""
    priors = pm.Priors(mass_min_msun=mass_min, mass_max_msun=1e9)
    low, high = np.log(mass_min / scale), np.log(1e9 / scale)

    def integrand(x):
        return np.exp(-0.5 * (np.exp(x) - mu) ** 2 + 0.5 * min(mu, 0) ** 2)

    near = np.log(np.maximum([mu - 3, mu, mu + 3, 0.05, 0.3, 1], 0.03))
    points = np.clip(near, low + 1e-9, high - 1e-9)
    expected = quad(integrand, low, high, points=np.unique(points), limit=500, epsabs=0, epsrel=1e-9)[0]
    ours = mass_integral.log_mass_integral(np.array([float(mu)]), np.array([scale]), priors)[0]
    if expected < 1e-200:  # nothing of the likelihood is within the bounds
        assert ours < -200
        return
    assert np.exp(ours) * np.log(1e9 / mass_min) == pytest.approx(expected, rel=0.01)


def test_evidence_with_a_gaussian_mass_is_a_normal_density():
    """Data of one model with M ~ N(mean, width): N(d; mean m, C + width^2 m m^T); no cut far from zero."""
    unit = np.array([1e-6, 2e-6, 1.5e-6])
    flux, err = np.array([[12.0, 19.0, 17.0]]), np.array([[1.0, 1.5, 2.0]])
    priors = pm.Priors(mass_prior="gaussian", mass_mean_msun=1e7, mass_sigma_msun=1e6)
    model = pm.make_model(one_model(unit), priors, pm.Nuisance())
    result = po.posteriors(prepare_photometry(flux, err), model)
    covariance = np.diag(err[0] ** 2) + 1e12 * np.outer(unit, unit)
    expected = multivariate_normal(1e7 * unit, covariance).logpdf(flux[0])
    assert result.columns["log_evidence"][0] == pytest.approx(expected, abs=1e-6)
    precision = np.sum(unit**2 / err**2) + 1e-12
    mean = (np.sum(unit * flux / err**2) + 1e7 * 1e-12) / precision
    quantiles = mean + norm.ppf(po.PROBABILITIES) * precision**-0.5
    ours = [result.columns[f"log_mass_{name}"][0] for name in po.QUANTILE_NAMES]
    assert np.allclose(ours, np.log10(quantiles), atol=0.002)


@pytest.mark.parametrize("flux", [[12.0, 19.0, 17.0], [0.5, 1.2, -0.4], [-1.0, -2.0, -1.0]])
def test_evidence_and_mass_with_a_log_uniform_mass(flux):
    """One model, bright, faint and negative: quadrature over log mass."""
    unit, err = np.array([1e-6, 2e-6, 1.5e-6]), np.array([1.0, 1.5, 2.0])
    model = pm.make_model(one_model(unit), pm.Priors(), pm.Nuisance())
    result = po.posteriors(prepare_photometry([flux], [err]), model)
    log_mass = np.linspace(4, 9, 200001)
    chi2 = sum((f - 10**log_mass * m) ** 2 / e**2 for f, m, e in zip(flux, unit, err, strict=True))
    density = np.exp(-0.5 * chi2) / 5 / np.prod(np.sqrt(2 * np.pi) * err)
    cumulative = np.cumsum(density) * (log_mass[1] - log_mass[0])
    assert result.columns["log_evidence"][0] == pytest.approx(np.log(cumulative[-1]), abs=0.005)
    quantiles = np.interp(np.array(po.PROBABILITIES) * cumulative[-1], cumulative, log_mass)
    ours = np.array([result.columns[f"log_mass_{name}"][0] for name in po.QUANTILE_NAMES])
    width = 0.5 * (quantiles[3] - quantiles[1])
    # Quadrature nodes half a sigma apart stand for the mass where a single model carries all
    assert np.allclose(ours, quantiles, atol=0.35 * width)
    assert result.columns["ml_v_p50"][0] == pytest.approx(0.5)


def test_covariance_is_the_one_on_paper():
    flux, err = np.array([[10.0, 20.0, np.nan]]), np.array([[1.0, 2.0, np.nan]])
    modes = zero_point_modes(SIX[:3], dict(zip(SIX, (0.1, 0.05, 0.02), strict=False)))
    modes = modes.and_also(dust_mode(SIX[:3], (1.4, 0.6, 0.4), 0.03))
    nuisance = pm.Nuisance(modes, jitter="multiply", jitter_levels=(1.0, 3.0))
    grid = one_model(np.full(3, 1e-6))
    nuisance = pm.make_model(grid, pm.Priors(), nuisance).nuisance
    covariance = po.covariances(prepare_photometry(flux, err), np.array([[10.0, 20.0, 5.0]]), nuisance)
    v = 0.4 * np.log(10) * 0.03 * np.array([1.4 * 10, 0.6 * 20])
    for level, factor in enumerate((1.0, 9.0)):
        expected = np.diag([factor * 1.0 + 1.0, factor * 4.0 + 1.0]) + np.outer(v, v)
        assert np.allclose(covariance[0, level, :2, :2], expected)
    assert np.allclose(covariance[0, :, 2], [[0, 0, 1]] * 2)
    added = dataclasses.replace(nuisance, jitter="add", jitter_levels=(0.2,))
    covariance = po.covariances(prepare_photometry(flux, err), np.array([[10.0, 20.0, 5.0]]), added)
    assert np.allclose(np.diag(covariance[0, 0])[:2], [1 + 4 + 1 + v[0] ** 2, 4 + 16 + 1 + v[1] ** 2])


def test_quantiles_of_a_linear_density():
    """p(x) = 2 x on [0, 1] has quantiles sqrt(p), and p(x) = 1 has p, whatever the nodes."""
    nodes = np.array([0, 0.1, 0.4, 0.45, 0.8, 1.0])
    p = np.array([0.0, 0.025, 0.16, 0.5, 0.84, 1.0])
    ours = quantiles.quantiles_of_density(np.stack([2 * nodes, np.ones(6)]), nodes, p)
    assert np.allclose(ours, [np.sqrt(p), p], atol=1e-12)


def test_edges_of_a_flat_density():
    nodes = np.linspace(-0.3, 0.97, 44)
    assert quantiles.edge_probability(np.ones((1, 44)), nodes, 0.05)[0] == pytest.approx(0.1 / 1.27)


@pytest.mark.parametrize("age", ["uniform", "log-uniform"])
@pytest.mark.parametrize("metallicity", ["uniform", "log-uniform"])
def test_the_prior_comes_back_where_nothing_is_known(fine, age, metallicity):
    """A flux with an error of 1e9: the posterior is the prior, and sums to one."""
    priors = pm.Priors(age_prior=age, metallicity_prior=metallicity)
    model = pm.make_model(fine, priors, pm.Nuisance())
    assert np.exp(model.log_prior).sum() == pytest.approx(1)
    result = po.posteriors(prepare_photometry(np.full((1, 6), 1.0), np.full((1, 6), 1e9)), model).columns
    p = np.array(po.PROBABILITIES)
    for quantity, prior, low, high in (
        ("age_gyr", age, 0.5, 9.27),
        ("metallicity_zsun", metallicity, 0.005, 2.5),
        ("log_mass", "uniform", 4, 9),
    ):
        expected = low + p * (high - low) if prior == "uniform" else low * (high / low) ** p
        ours = [result[f"{quantity}_{name}"][0] for name in po.QUANTILE_NAMES]
        assert np.allclose(ours, expected, rtol=0.01)


# -------------------------------------------------------------------------------------------- brute force


def exact_posterior(flux, err, model, nuisance, log_mass):
    """Weights (mass, model) with a covariance for each model and mass; no shortcut of any kind."""
    log_like = np.full((len(nuisance.levels()), len(log_mass), model.flux.shape[1]), -np.inf)
    for level, factor in enumerate(nuisance.levels()):
        for i, mass in enumerate(10**log_mass):
            predicted = mass * model.flux.T
            covariance = np.zeros((len(predicted), 6, 6))
            for effect in nuisance.modes.effects:
                shift = effect * predicted
                covariance += shift[:, :, None] * shift[:, None, :]
            covariance[:, range(6), range(6)] += (factor * err) ** 2
            residual = (flux - predicted)[..., None]
            chi2 = (residual * np.linalg.solve(covariance, residual)).sum(axis=(1, 2))
            log_det = np.linalg.slogdet(covariance)[1]
            log_like[level, i] = -0.5 * (chi2 + log_det + 6 * np.log(2 * np.pi)) + model.log_prior
    step = (log_mass[1] - log_mass[0]) / 5  # of the prior, uniform over five decades
    return np.exp(log_like - log_like.max()), log_like.max() + np.log(step / len(nuisance.levels()))


@pytest.mark.parametrize("row", [0, 1, 20, 50])
def test_against_the_full_likelihood(fine, published, row):
    """Five per cent zero points, and the covariance of each model and mass on its own: 0.1 sigma, 0.15 in ln Z."""
    coarse = refine_grid(fine, step_log_age_dex=0.06, step_log_metallicity_dex=0.13)
    modes = usual_modes(SIX, zero_point=0.05).and_also(make_modes(SIX, "psf wings", {"wings": BROADER}))
    nuisance = dataclasses.replace(DEFAULT, modes=modes, jitter_levels=(1.0, 2.5))
    model = pm.make_model(coarse, pm.Priors(), nuisance)
    photometry = prepare_photometry(published[1][row : row + 1], published[2][row : row + 1])
    ours = po.posteriors(photometry, model).columns
    log_mass = np.arange(5.0, 8.6, 0.01)
    weight, log_scale = exact_posterior(photometry.flux[0], photometry.err[0], model, nuisance, log_mass)
    assert ours["log_evidence"][0] == pytest.approx(np.log(weight.sum()) + log_scale, abs=0.15)
    nodes = weight.sum(axis=(0, 1)).reshape(model.shape)
    for name, axis, values in (
        ("age_gyr", (0, 2), model.age_gyr),
        ("metallicity_zsun", (0, 1), model.metallicity_zsun),
    ):
        density = nodes.sum(axis=axis) / pm.trapezoid_weights(values)
        expected = quantiles.quantiles_of_density(density[None], np.log10(values), po.PROBABILITIES)[0]
        got = np.log10([ours[f"{name}_{q}"][0] for q in po.QUANTILE_NAMES])
        assert np.allclose(got, expected, atol=0.1 * 0.5 * (expected[3] - expected[1]))
    cumulative = np.cumsum(weight.sum(axis=(0, 2)))
    expected = np.interp(np.array(po.PROBABILITIES) * cumulative[-1], cumulative, log_mass + 0.005)
    got = [ours[f"log_mass_{q}"][0] for q in po.QUANTILE_NAMES]
    assert np.allclose(got[1:4], expected[1:4], atol=0.1 * 0.5 * (expected[3] - expected[1]))


def test_against_a_random_walk(fine, published):
    """Metropolis sampling between the nodes, in (log age, log Z, log mass), at the same covariance."""
    from clusterphot.sed.posterior_model import flux_at

    nuisance = dataclasses.replace(DEFAULT, jitter="none")
    model = pm.make_model(fine, pm.Priors(), nuisance)
    photometry = prepare_photometry(published[1][3:4], published[2][3:4])
    result = po.posteriors(photometry, model)
    precision = np.linalg.inv(po.covariances(photometry, result.covariance_flux, model.nuisance))[0, 0]
    ends = np.log10([[0.5, 9.27], [0.005, 2.5], [4, 9]])
    ends[2] = 4, 9
    rng = np.random.default_rng(5)
    n_walkers, n_steps, n_burn = 400, 700, 200

    def log_density(x):
        inside = ((x >= ends[:, 0]) & (x <= ends[:, 1])).all(axis=1)
        y = np.clip(x, ends[:, 0], ends[:, 1])
        unit, _ = flux_at(model, 10 ** y[:, 0], 10 ** y[:, 1])
        residual = photometry.flux[0] - unit * 10 ** y[:, 2:]
        return np.where(inside, -0.5 * np.einsum("ni,ij,nj->n", residual, precision, residual), -np.inf)

    start = result.draws["model"][0][rng.integers(0, 256, n_walkers)]
    age, z = np.divmod(start, len(model.metallicity_zsun))
    mass = result.draws["mass"][0][rng.integers(0, 256, n_walkers)]
    x = np.stack([np.log10(model.age_gyr[age]), np.log10(model.metallicity_zsun[z]), np.log10(mass)], axis=1)
    current, samples = log_density(x), []
    for step in range(n_steps):  # differential evolution moves: differences of two other walkers
        one, two = rng.permutation(n_walkers), rng.permutation(n_walkers)
        trial = x + rng.choice([0.8, 1.0]) * (x[one] - x[two]) + 0.005 * rng.normal(size=x.shape)
        value = log_density(trial)
        accept = np.log(rng.random(n_walkers)) < value - current
        x[accept], current[accept] = trial[accept], value[accept]
        if step >= n_burn:
            samples.append(x.copy())
    samples = np.concatenate(samples)
    for k, name in enumerate(("age_gyr", "metallicity_zsun", "log_mass")):
        expected = np.quantile(samples[:, k], po.PROBABILITIES)
        got = np.array([result.columns[f"{name}_{q}"][0] for q in po.QUANTILE_NAMES])
        got = got if name == "log_mass" else np.log10(got)
        assert np.allclose(got, expected, atol=0.12 * 0.5 * (expected[3] - expected[1]))


# ----------------------------------------------------------------------------------- what must not matter


def test_bits_do_not_depend_on_the_batch(fine, photometry):
    model = pm.make_model(fine, pm.Priors(), DEFAULT)
    together = po.posteriors(photometry, model)
    order = np.random.default_rng(0).permutation(60)
    shuffled = type(photometry)(photometry.flux[order], photometry.err[order], photometry.flags[order])
    mixed = po.posteriors(shuffled, model)
    for name, column in together.columns.items():
        assert np.array_equal(column[order], mixed.columns[name], equal_nan=True), name
    for row in (0, 3, 11, 40):
        part = slice(row, row + 1)
        alone = type(photometry)(photometry.flux[part], photometry.err[part], photometry.flags[part])
        alone = po.posteriors(alone, model)
        for name, column in together.columns.items():
            assert np.array_equal(column[part], alone.columns[name], equal_nan=True), name
        assert np.array_equal(together.draws["mass"][part], alone.draws["mass"])


def test_a_missing_band_is_a_band_that_is_not_there(fine, photometry):
    five = dataclasses.replace(fine, filters=fine.filters[1:], flux_njy=fine.flux_njy[..., 1:])
    nuisance = dataclasses.replace(DEFAULT, modes=DEFAULT.modes.through(SIX[1:]))
    row = type(photometry)(photometry.flux[3:4], photometry.err[3:4], photometry.flags[3:4])
    less = type(photometry)(row.flux[:, 1:], row.err[:, 1:], row.flags)
    first = po.posteriors(row, pm.make_model(fine, pm.Priors(), DEFAULT)).columns
    second = po.posteriors(less, pm.make_model(five, pm.Priors(), nuisance)).columns
    for name in first:
        assert first[name][0] == pytest.approx(second[name][0], rel=1e-9), name


def test_scale_of_fluxes(fine, photometry):
    """Ten times the flux and errors, and bounds ten times higher: ten times the mass, all else alike."""
    ten = type(photometry)(10 * photometry.flux, 10 * photometry.err, photometry.flags)
    first = po.posteriors(photometry, pm.make_model(fine, pm.Priors(), DEFAULT)).columns
    priors = pm.Priors(mass_min_msun=1e5, mass_max_msun=1e10)
    second = po.posteriors(ten, pm.make_model(fine, priors, DEFAULT)).columns
    assert np.allclose(first["age_gyr_p50"], second["age_gyr_p50"], rtol=1e-6)
    assert np.allclose(first["log_mass_p16"] + 1, second["log_mass_p16"], atol=1e-4)


def test_one_level_of_jitter_is_larger_errors(fine, photometry):
    levels = dataclasses.replace(DEFAULT, jitter_levels=(2.0,))
    plain = dataclasses.replace(DEFAULT, jitter="none")
    twice = type(photometry)(photometry.flux, 2 * photometry.err, photometry.flags)
    first = po.posteriors(photometry, pm.make_model(fine, pm.Priors(), levels)).columns
    second = po.posteriors(twice, pm.make_model(fine, pm.Priors(), plain)).columns
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_one_value_of_dust_is_redder_models(fine, photometry):
    a_v = (0.8, 0.5, 0.4, 0.3, 0.2, 0.1)
    dusty = dataclasses.replace(DEFAULT, av_mag=(0.5,), extinction_per_av=a_v)
    red = dataclasses.replace(fine, flux_njy=fine.flux_njy * 10 ** (-0.4 * 0.5 * np.array(a_v)))
    first = po.posteriors(photometry, pm.make_model(fine, pm.Priors(), dusty)).columns
    second = po.posteriors(photometry, pm.make_model(red, pm.Priors(), DEFAULT)).columns
    assert all(np.allclose(first[name], second[name], rtol=1e-9) for name in first)


def test_several_values_of_dust_share_the_prior(fine, photometry):
    """The evidence over two values of A_V is the mean of those of each."""
    a_v = (0.8, 0.5, 0.4, 0.3, 0.2, 0.1)
    evidence = {}
    for values in ((0.0,), (0.5,), (0.0, 0.5)):
        nuisance = dataclasses.replace(DEFAULT, jitter="none", modes=None)
        nuisance = dataclasses.replace(nuisance, av_mag=values, extinction_per_av=a_v)
        model = pm.make_model(fine, pm.Priors(), nuisance)
        evidence[values] = po.posteriors(photometry, model).columns["log_evidence"]
    mean = np.logaddexp(evidence[(0.0,)], evidence[(0.5,)]) - np.log(2)
    assert np.allclose(evidence[(0.0, 0.5)], mean, atol=1e-6)


# ------------------------------------------------------------------------------------------------- edges


def test_no_data_is_nan_and_one_band_gives_the_prior_of_age(fine):
    flux, err = np.full((2, 6), np.nan), np.full((2, 6), np.nan)
    flux[1, 2], err[1, 2] = 10.0, 1.0
    result = po.posteriors(prepare_photometry(flux, err), pm.make_model(fine, pm.Priors(), DEFAULT))
    assert all(np.isnan(column[0]) for column in result.columns.values())
    assert all(np.isfinite(column[1]) for column in result.columns.values())
    assert result.columns["age_gyr_p50"][1] == pytest.approx(np.sqrt(0.5 * 9.27), rel=0.05)
    assert (result.draws["model"][0] == -1).all()


def test_no_sources(fine):
    result = po.posteriors(
        prepare_photometry(np.empty((0, 6)), np.empty((0, 6))), pm.make_model(fine, pm.Priors(), DEFAULT)
    )
    assert all(column.shape == (0,) for column in result.columns.values())


def test_brighter_than_the_prior_allows_is_nan(fine):
    flux = np.full((1, 6), 1e9)
    model = pm.make_model(fine, pm.Priors(mass_max_msun=1e6), pm.Nuisance())
    assert np.isnan(po.posteriors(prepare_photometry(flux, 0.01 * flux), model).columns["age_gyr_p50"][0])


def test_negative_fluxes_are_data(fine):
    flux = np.array([[-1.0, 2.0, 2.2, 1.5, -0.3, 0.4]])
    result = po.posteriors(
        prepare_photometry(flux, np.full((1, 6), 0.8)), pm.make_model(fine, pm.Priors(), DEFAULT)
    )
    assert all(np.isfinite(column[0]) for column in result.columns.values())


def test_a_young_cluster_is_at_the_edge(fine):
    unit = fine.flux_njy[0, 20] * 1e7
    photometry = prepare_photometry(unit[None], 0.01 * unit[None])
    result = po.posteriors(photometry, pm.make_model(fine, pm.Priors(), pm.Nuisance()))
    assert result.columns["p_age_edge"][0] > 0.6


def test_mistakes(fine, photometry):
    with pytest.raises(ValueError, match="expected uniform or log-uniform"):
        pm.Priors(age_prior="flat")
    with pytest.raises(ValueError, match="0 < min < max"):
        pm.Priors(mass_min_msun=1e9, mass_max_msun=1e8)
    with pytest.raises(ValueError, match="expected none, multiply or add"):
        pm.Nuisance(jitter="both")
    with pytest.raises(ValueError, match="modes of the filters"):
        pm.make_model(fine, pm.Priors(), pm.Nuisance(usual_modes(SIX[:1])))
    with pytest.raises(ValueError, match="extinction_per_av .* expected 6 values"):
        pm.make_model(fine, pm.Priors(), pm.Nuisance(av_mag=(0.5,)))
    five = type(photometry)(photometry.flux[:, 1:], photometry.err[:, 1:], photometry.flags)
    with pytest.raises(ValueError, match="5 bands observed, 6"):
        po.posteriors(five, pm.make_model(fine, pm.Priors(), DEFAULT))


def test_shortest_intervals_are_those_of_known_densities():
    """An exponential in log age from the young end on: -ln(1 - p) wide and beginning there; a Gaussian is central."""
    p = po._ends_tried()
    falling = np.exp(-np.log1p(-np.minimum(p, 1 - 1e-12)))[None]
    columns = po._shortest("age_gyr", falling)
    assert columns["age_gyr_hdi68_low"][0] == 1.0
    assert np.log(columns["age_gyr_hdi68_high"][0]) == pytest.approx(-np.log(0.32))
    assert np.log(columns["age_gyr_hdi95_high"][0]) == pytest.approx(-np.log(0.05))
    normal = norm.ppf(np.clip(p, 1e-9, 1 - 1e-9))[None]
    columns = po._shortest("log_mass", normal)
    assert columns["log_mass_hdi68_low"][0] == pytest.approx(norm.ppf(0.16), abs=1e-6)
    assert columns["log_mass_hdi95_high"][0] == pytest.approx(norm.ppf(0.975), abs=1e-6)


def test_the_end_of_a_range_is_in_the_shortest_interval(fine):
    """A cluster as old as the prior allows: no central interval holds its age, the shortest ones do."""
    old = 2e6 * fine.flux_njy[-1, 2] / fine.mass_remaining[-1, 2]
    model = pm.make_model(fine, pm.Priors(), pm.Nuisance(usual_modes(SIX)))
    columns = po.posteriors(prepare_photometry([old], [0.05 * old]), model).columns
    assert columns["age_gyr_p975"][0] < fine.age_gyr[-1] * 0.999
    for name in ("hdi68", "hdi95"):
        assert columns[f"age_gyr_{name}_high"][0] == pytest.approx(fine.age_gyr[-1])
        assert columns[f"age_gyr_{name}_low"][0] < columns["age_gyr_p50"][0]
    width = np.log(columns["age_gyr_hdi68_high"][0] / columns["age_gyr_hdi68_low"][0])
    assert width < np.log(columns["age_gyr_p84"][0] / columns["age_gyr_p16"][0])


def test_what_moves_all_filters_alike_is_an_error_of_the_mass_alone(fine, published_stack):
    """10 % common to all filters: no change of the age, and 0.043 dex of the mass in quadrature."""
    photometry = prepare_photometry(*published_stack)
    result = {}
    for common in (0.0, 0.1):
        modes = usual_modes(SIX).and_also(
            make_modes(SIX, "psf reference", {"reference": dict.fromkeys(SIX, common)})
        )
        model = pm.make_model(fine, pm.Priors(), pm.Nuisance(modes))
        result[common] = po.posteriors(photometry, model).columns
    width = {}
    for common, columns in result.items():
        width[common] = 0.5 * (columns["log_mass_p84"][0] - columns["log_mass_p16"][0])
    assert result[0.1]["age_gyr_p50"] == pytest.approx(result[0.0]["age_gyr_p50"], rel=0.02)
    assert result[0.1]["age_gyr_p84"] == pytest.approx(result[0.0]["age_gyr_p84"], rel=0.02)
    assert width[0.1] == pytest.approx(np.hypot(width[0.0], 0.1 / np.log(10)), rel=0.1)


def test_the_floor_of_the_fluxes_acts_on_posteriors_too(fine, published):
    """Two per cent of each flux in quadrature: as if the errors had been given so."""
    flux, err = published[1][:3], published[2][:3]
    model = pm.make_model(fine, pm.Priors(), DEFAULT)
    floor, _ = po.posterior_columns(flux, err, model, min_relative_error=1e-3, flux_floor_fraction=0.02)
    given, _ = po.posterior_columns(flux, np.hypot(err, 0.02 * flux), model, min_relative_error=1e-3)
    for name, values in floor.items():
        np.testing.assert_allclose(values, given[name], rtol=1e-9, err_msg=name)


def test_dust_of_the_source():
    """A_V = 1 is 1 mag at 5500 A and more in the blue (Fitzpatrick 1999)."""
    ratio = pm.extinction_per_av(SIX, 0.39)
    assert np.all(np.diff(ratio) < 0)
    assert pm.extinction_per_av(["bessell_V"], 0.0)[0] == pytest.approx(1.0, abs=0.02)


def test_published_stack(fine, published_stack):
    """Without calibration errors the age is sharp and near 2 Gyr; with 5 % zero points it is nearly open."""
    photometry = prepare_photometry(*published_stack)
    sharp = po.posteriors(photometry, pm.make_model(fine, pm.Priors(), pm.Nuisance())).columns
    assert 1.4 < sharp["age_gyr_p16"][0] < sharp["age_gyr_p84"][0] < 2.1
    assert sharp["metallicity_zsun_p50"][0] == pytest.approx(0.2, abs=0.05)
    wide = pm.Nuisance(zero_point_modes(SIX, 0.05))
    wide = po.posteriors(photometry, pm.make_model(fine, pm.Priors(), wide)).columns
    assert 1.5 < wide["age_gyr_p16"][0] < 2.2
    assert 5.7 < wide["age_gyr_p84"][0] < 6.8
