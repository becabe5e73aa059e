"""A population: derivatives, mocks whose truth is known, independence from what must not matter."""

import dataclasses

import numpy as np
import pytest
from clusterphot.population import (
    budget,
    directions,
    histories,
    likelihood,
    posterior,
    predictive,
    results,
    selection,
)
from clusterphot.sed.posterior_model import Nuisance, Priors, make_model
from clusterphot.sed.shared_modes import zero_point_modes
from clusterphot.ssp.refine import refine_grid
from population_mocks import FLUX_LIMIT_NJY, REFERENCE, SIX, Truth, draw_mock
from population_mocks import shared_modes as mock_modes


def models_of(grid, age_step, metallicity_step):
    fine = refine_grid(
        grid,
        age_range_gyr=(0.5, 9.27),
        metallicity_range_zsun=(0.02, 2.5),
        step_log_age_dex=age_step,
        step_log_metallicity_dex=metallicity_step,
    )
    return make_model(fine, Priors(), Nuisance())


@pytest.fixture(scope="module")
def library(embedded_grid):
    """BC03 at z = 0.39 in six filters, all ages of the library."""
    from clusterphot.base.cosmology import flat_lambda_cdm
    from clusterphot.ssp.grid import project_grid, resample_ages

    ages = embedded_grid.age_gyr
    grid = resample_ages(embedded_grid, ages[(ages > 0.4) & (ages < 11.2)])
    return project_grid(grid, SIX, 0.39, flat_lambda_cdm(70.0, 0.3))


@pytest.fixture(scope="module")
def fine(library):
    return models_of(library, 0.03, 0.05)


@pytest.fixture(scope="module")
def coarse(library):
    return models_of(library, 0.08, 0.25)


@pytest.fixture(scope="module")
def burst_mock(fine):
    """100 clusters of 2 Gyr, 0.3 Zsun, shared errors of some per cent."""
    modes = mock_modes()
    return *draw_mock(np.random.default_rng(3), fine, Truth(), modes, n=100), modes


@pytest.fixture(scope="module")
def burst_fit(burst_mock, coarse):
    sample, _, modes = burst_mock
    return results.fit_models(sample, coarse, modes, ["burst"], n_draws=120, seed=1)["burst"]


# ------------------------------------------------------------------------------------------------ the pieces


def test_directions_hold_the_covariance_of_the_modes():
    """Six bands, ten modes: six shifts; the amplitude of a mode that alone moves a band is its shift over its error."""
    modes = mock_modes()
    shifts = directions.directions_of(modes)
    assert shifts.shape == (6, 6)
    np.testing.assert_allclose(shifts.T @ shifts, modes.covariance, rtol=1e-9, atol=1e-15)
    alone = zero_point_modes(SIX, {"F200W": 0.05})
    weights = directions.amplitude_weights(alone)
    assert abs(weights.item()) == pytest.approx(1.0)
    assert directions.directions_of(modes.take([])).shape == (0, 6)


@pytest.mark.parametrize("name", histories.HISTORIES)
def test_histories_are_normalised(coarse, name):
    nodes = histories.Nodes.of_model(coarse)
    history = histories.HISTORIES[name](nodes)
    for x in np.random.default_rng(1).normal(size=(5, history.n)):
        log_p, pull_back = history.log_probability(x)
        assert np.exp(log_p).sum() == pytest.approx(1.0, rel=1e-12)
        # a change of the parameters leaves the sum as it is
        np.testing.assert_allclose(pull_back(np.exp(log_p)), 0.0, atol=1e-9)


def test_burst_is_where_it_is_said(coarse):
    """Its median over the nodes is its age, its 68 % interval its width."""
    history = histories.Burst(histories.Nodes.of_model(coarse))
    x = np.array([0.1, -0.5, 0.0, 0.0])
    log_p, _ = history.log_probability(x)
    p = np.exp(log_p).reshape(history.nodes.shape).sum(axis=(0, 2))
    mean = p @ np.log10(coarse.age_gyr)
    said = history.parameters(x)
    assert 10**mean == pytest.approx(said["burst_age_gyr"], rel=0.01)
    spread = np.sqrt(p @ (np.log10(coarse.age_gyr) - mean) ** 2)
    assert spread == pytest.approx(said["burst_width_dex"], rel=0.03)


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize("name", histories.HISTORIES)
def test_gradient(burst_mock, coarse, name, selected):
    """Of the log posterior, against differences."""
    sample, _, modes = burst_mock
    nodes = histories.Nodes.of_model(coarse)
    chosen = selection.Selection(REFERENCE, FLUX_LIMIT_NJY, 0.06, nodes) if selected else None
    flux = sample.flux.copy()
    flux[3, 1] = np.nan
    some = likelihood.Sample(flux[:20], sample.err[:20], np.linspace(0.0, 1.0, 20))
    target = posterior.Target(
        likelihood.Likelihood(some, nodes, chosen),
        histories.HISTORIES[name](nodes),
        directions.directions_of(modes),
    )
    x = 0.3 * np.random.default_rng(2).normal(size=target.n)
    gradient = target(x)[1]
    step = 1e-3
    numerical = [(target(x + step * u)[0] - target(x - step * u)[0]) / (2 * step) for u in np.eye(target.n)]
    # single precision of the exponentials: 1e-7 of the log likelihood over the step
    np.testing.assert_allclose(gradient, numerical, rtol=2e-3, atol=0.02)


def test_likelihood_of_one_source_by_quadrature(coarse):
    """Sum over nodes of the integral over a log-uniform mass, far from zero."""
    nodes = histories.Nodes.of_model(coarse)
    flux = 3e6 * nodes.flux[:, 100] * np.array([1.02, 0.99, 1.0, 1.01, 0.97, 1.0])
    err = 0.1 * flux
    like = likelihood.Likelihood(likelihood.Sample(flux[None], err[None], np.ones(1)), nodes)
    log_p = np.log(np.full(nodes.flux.shape[1], 1 / nodes.flux.shape[1]))
    shift = np.array([0.03, 0.0, -0.02, 0.0, 0.01, 0.0])
    value = like(log_p, shift, np.log(1.3), 0.0).log_likelihood[0]
    log_mass = np.linspace(np.log(1e5), np.log(1e8), 6001)
    model = np.exp(log_mass)[:, None, None] * (nodes.flux * (1 + shift)[:, None]).T
    density = np.exp(-0.5 * (((flux - model) / (1.3 * err)) ** 2).sum(axis=-1))
    density /= np.prod(np.sqrt(2 * np.pi) * 1.3 * err)
    expected = np.log(np.trapezoid(density, log_mass, axis=0).mean())
    assert value == pytest.approx(expected, abs=0.01)


def test_selection_undoes_its_bias(fine):
    """With equal numbers of 1 and 8 Gyr at each mass, the young outnumber the old in a list by their flux ratio."""
    nodes = histories.Nodes.of_model(fine)
    chosen = selection.Selection(REFERENCE, FLUX_LIMIT_NJY, 0.02, nodes)
    p = np.zeros(nodes.shape)
    young, old = (np.abs(nodes.age_gyr - age).argmin() for age in (1.0, 8.0))
    p[0, [young, old], 20] = 0.5
    with np.errstate(divide="ignore"):
        listed = chosen.listed(np.log(p.reshape(-1)), np.zeros(6), 1.0)
    share = listed.by_node.reshape(nodes.shape)[0, [young, old], 20]
    flux = nodes.flux[REFERENCE].reshape(nodes.shape)[0, [young, old], 20]
    assert share[0] / share[1] == pytest.approx(flux[0] / flux[1], rel=1e-9)


# --------------------------------------------------------------------------------------------------- mocks


def test_one_burst_is_recovered(burst_fit, burst_mock):
    """Median age and metallicity within the 95 % intervals; their widths are those of a few per cent in colour."""
    _, true, _ = burst_mock
    for name, truth in (
        ("median_age_gyr", np.median(true["age_gyr"])),
        ("median_metallicity_zsun", np.median(true["metallicity_zsun"])),
        ("median_log_mass", np.median(true["log_mass"])),
        ("error_scale", 1.0),
    ):
        low, high = np.quantile(burst_fit.values[name], (0.025, 0.975))
        assert low < truth < high, name
    assert burst_fit.draws.r_hat < 1.25
    assert burst_fit.values["contaminant_fraction"].mean() < 0.05


def test_shared_shift_is_recovered(fine, coarse):
    """A zero point 10 % off in one band, allowed for by 5 %, is seen by 100 clusters; the others hardly move."""
    modes = mock_modes(zero_point=0.05)
    sample, true = draw_mock(np.random.default_rng(5), fine, Truth(), modes, n=100, shared=False)
    sample.flux[:, 3] *= 1.10
    fit = results.fit_models(sample, coarse, modes, ["burst"], n_draws=120, seed=1)["burst"]
    shifts = np.array([fit.target.values(x)[3] for x in fit.draws.x])
    ratio = shifts[:, 3] - shifts[:, [2, 4]].mean(axis=1)
    assert ratio.mean() == pytest.approx(0.10, abs=2.5 * ratio.std())
    assert ratio.mean() > 0.05


def test_order_of_sources_does_not_matter(burst_mock, coarse):
    sample, _, modes = burst_mock
    order = np.random.default_rng(1).permutation(20)
    some = likelihood.Sample(sample.flux[:20], sample.err[:20], sample.p_cluster[:20])
    mixed = likelihood.Sample(some.flux[order], some.err[order], some.p_cluster[order])
    draws = [
        results.fit_models(one, coarse, modes, ["burst"], n_draws=40, seed=1)["burst"].draws.x
        for one in (some, mixed)
    ]
    np.testing.assert_array_equal(*draws)


def test_contaminants_are_told_by_colour(coarse, burst_mock):
    """The ten brightest, 2.5 times too bright in one band, are no clusters; the others are."""
    sample, _, modes = burst_mock
    flux = sample.flux.copy()
    bright = np.argsort(flux[:, REFERENCE])[-10:]
    flux[bright, 0] *= 2.5
    like = likelihood.Likelihood(
        likelihood.Sample(flux, sample.err, sample.p_cluster), histories.Nodes.of_model(coarse)
    )
    target = posterior.Target(like, histories.Burst(like.nodes), directions.directions_of(modes))
    probability = target.terms(np.zeros(target.n))[0].as_cluster
    assert probability[bright].max() < 0.05
    assert np.median(probability) > 0.9


# ------------------------------------------------------------------------------------------------- tables


def test_tables(burst_fit, burst_mock, coarse):
    """Quantiles are in order and finite; fractions sum to one; shares of the error too."""
    sample, _, modes = burst_mock
    fits = {"burst": burst_fit}
    table = results.parameter_table(fits, SIX)
    names = ("p025", "p16", "p50", "p84", "p975")
    values = np.array([table[name] for name in names])
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=0) >= 0).all()
    assert {"median_age_gyr", "burst_width_dex", "shift_F444W"} <= set(table["parameter"])
    assert (table["score_below"] == 0).all()
    ages = results.age_table(fits, coarse, 6)
    assert (ages["fraction_p16"] <= ages["fraction_p50"]).all()
    assert ages["fraction_p50"].sum() == pytest.approx(1.0, abs=0.1)
    parts = budget.mode_table(fits, modes)
    shares, model = budget.budget_table({"g": parts, "h": parts}, {"g": table, "h": table}, "g")
    assert model == "burst"
    for word in ("age", "metallicity", "mass"):
        assert shares[f"{word}_share"].sum() == pytest.approx(1.0)
    spread = np.std(np.log10(burst_fit.values["median_age_gyr"]), ddof=1)
    assert np.sqrt(np.sum(shares["age_shift_dex"] ** 2)) == pytest.approx(spread, rel=1e-6)
    assert "library" in shares["name"]
    said = results.summary(fits, sample, 103)
    assert (said["n_sources"], said["n_left_out"]) == (100, 3)


def test_colours_are_predicted(burst_fit):
    """A burst that is true has the medians and scatters of the colours; one of 0.6 Gyr has not."""
    table = predictive.color_table({"burst": burst_fit}, SIX, "F200W", seed=1)
    assert len(table) == 10
    assert (table["p_predictive"] > 0.01).sum() >= 9
    assert (table["p025"] <= table["p975"]).all()
    young = burst_fit.draws.x.copy()
    young[:, :2] = -2.0
    wrong = dataclasses.replace(burst_fit, draws=dataclasses.replace(burst_fit.draws, x=young))
    table = predictive.color_table({"burst": wrong}, SIX, "F200W", seed=1)
    blue = table[(table["filter"] == "F090W") & (table["statistic"] == "median")][0]
    assert blue["p_predictive"] < 0.01 and blue["observed"] < blue["p025"]


def test_sources_without_fluxes_are_left_out():
    flux = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, 3.0]])
    sample, used = likelihood.measured(flux, np.ones((3, 2)), np.array([0.5, 0.5, np.nan]))
    assert used.tolist() == [True, False, True]
    np.testing.assert_array_equal(sample.p_cluster, [0.5, 1.0])
