"""Predictive checks: flat where the model is right, and the size of what is wrong where it is not."""

import dataclasses

import numpy as np
import posterior_mocks
import pytest
from calibration_figures import sbc_figure
from clusterphot.sed import posterior as po
from clusterphot.sed import posterior_model as pm
from clusterphot.sed import predictive as pr
from clusterphot.sed.chi2 import Photometry, prepare_photometry
from clusterphot.ssp.refine import refine_grid
from posterior_mocks import usual_modes

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
PLAIN = pm.Nuisance(usual_modes(SIX))
DEFAULT = dataclasses.replace(PLAIN, jitter="multiply", jitter_levels=(1.0, 1.4, 2.0, 2.8, 4.0))
BRIGHT = pm.Priors(mass_min_msun=3e6, mass_max_msun=1e8)


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
def errors(published):
    """Errors of the clusters of Faisst et al. (2022), those of zero left out."""
    _, flux, err, _ = published
    return np.where(err <= 1e-3 * np.abs(flux), np.nan, err)


@pytest.fixture(scope="module")
def sample(fine, errors):
    """200 bright mock clusters that obey the model, without jitter."""
    model = pm.make_model(fine, BRIGHT, PLAIN)
    mocks = posterior_mocks.draw_mocks(model, errors, 200, seed=11)
    return model, mocks


def photometry_of(mocks, factor=1.0):
    """Photometry of mocks, each band times a factor."""
    return Photometry(
        mocks.flux * factor, mocks.err * np.ones_like(mocks.flux), np.zeros(len(mocks.flux), int)
    )


def test_simulation_based_calibration(fine, errors):
    """2,000 clusters from the prior: coverage within 3 and 2 points (3 and 4 standard errors), ranks flat."""
    model = pm.make_model(fine, pm.Priors(), DEFAULT)
    table, ranks = posterior_mocks.calibrate(posterior_mocks.draw_mocks(model, errors, 2000, seed=1), model)
    for row in table:
        assert abs(row["coverage_68"] - 0.68) <= 0.03, row["quantity"]
        assert abs(row["coverage_95"] - 0.95) <= 0.02, row["quantity"]
        assert row["ks_distance"] < 1.63 / np.sqrt(2000)  # 99 % of flat ranks
    figure = sbc_figure(ranks, table, note="test")
    assert [ax.get_title() for ax in figure.axes] == ["Age", "Metallicity", "Mass"]


def test_calibration_sees_a_wrong_error_model(fine, errors):
    """Errors twice as large as told: the 68 % intervals hold about 38 %."""
    model = pm.make_model(fine, BRIGHT, pm.Nuisance())
    truth = pm.make_model(fine, BRIGHT, pm.Nuisance(jitter="multiply", jitter_levels=(2.0,)))
    table, _ = posterior_mocks.calibrate(posterior_mocks.draw_mocks(truth, errors, 300, seed=2), model)
    assert table["coverage_68"].max() < 0.6


@pytest.mark.parametrize("jitter", ["none", "multiply", "add"])
def test_mocks_have_the_scatter_of_the_model(fine, errors, jitter):
    """Residuals over the total error of each band have mean 0 and width 1."""
    levels = {"none": (1.0,), "multiply": (3.0,), "add": (0.1,)}[jitter]
    model = pm.make_model(fine, BRIGHT, dataclasses.replace(PLAIN, jitter=jitter, jitter_levels=levels))
    mocks = posterior_mocks.draw_mocks(model, errors, 4000, seed=4)
    unit, _ = pm.flux_at(model, mocks.truth["age_gyr"], mocks.truth["metallicity_zsun"])
    true = unit * 10 ** mocks.truth["log_mass"][:, None]
    covariance = po.covariances(photometry_of(mocks), true, model.nuisance)
    sigma = np.sqrt(np.diagonal(covariance[:, 0], axis1=1, axis2=2))
    pull = (mocks.flux - true) / sigma
    assert np.abs(np.nanmean(pull, axis=0)).max() < 4 / np.sqrt(4000)
    assert np.abs(np.nanstd(pull, axis=0) - 1).max() < 4 / np.sqrt(2 * 4000)


def test_fluxes_between_nodes(fine):
    """At a node, those of the node; the M/L_V too."""
    model = pm.make_model(fine, pm.Priors(), pm.Nuisance())
    i, j = np.array([0, 10, 43]), np.array([54, 20, 0])
    flux, ml_v = pm.flux_at(model, fine.age_gyr[i], fine.metallicity_zsun[j])
    assert np.allclose(flux, (fine.flux_njy / fine.mass_remaining[..., None])[i, j], rtol=1e-12)
    assert np.allclose(ml_v, fine.ml_v[i, j], rtol=1e-12)


def test_right_models_are_acceptable(sample):
    """p-values of right models are not small, and no growth of the errors is asked for."""
    model, mocks = sample
    photometry = photometry_of(mocks)
    posterior = po.posteriors(photometry, model)
    columns = pr.predictive_columns(photometry, posterior, model)
    assert np.nanmean(columns["p_predictive"] < 0.01) < 0.03
    # The mean of chi-square over a posterior is that of the best fit and of what the fit has taken: about n
    assert np.nanmedian(columns["chi2_predictive"]) == pytest.approx(6, abs=1)
    numbers = pr.acceptance(photometry, posterior, model)
    assert numbers["chi2_factor"] == pytest.approx(1, abs=0.25)
    levels = tuple(2 ** (np.arange(-8, 17) / 8))
    jitter = pm.make_model(
        model_grid(model), BRIGHT, dataclasses.replace(PLAIN, jitter="multiply", jitter_levels=levels)
    )
    low, best, high = pr.common_growth(po.posteriors(photometry, jitter), levels)
    assert low - 0.1 < 1 < high + 0.1
    assert low < best < high


def model_grid(model):
    """A stand-in for the projected grid of a model without dust, to make other models of it."""
    from clusterphot.ssp.grid import ProjectedGrid

    shape = model.shape[1:]
    return ProjectedGrid(
        model.age_gyr,
        model.metallicity_zsun,
        SIX,
        model.flux.T.reshape(*shape, 6),
        1 / model.ml_v.reshape(shape),
        np.ones(shape),
        0.39,
        2108.0,
        70.0,
        0.3,
    )


def test_errors_told_half_as_large(fine, errors):
    """The factor comes back from the evidence, from the scatter of left-out bands, and from chi-square."""
    truth = pm.make_model(fine, BRIGHT, dataclasses.replace(PLAIN, jitter="multiply", jitter_levels=(2.0,)))
    photometry = photometry_of(posterior_mocks.draw_mocks(truth, errors, 200, seed=12))
    levels = tuple(2 ** (np.arange(0, 17) / 8))
    jitter = pm.make_model(fine, BRIGHT, dataclasses.replace(PLAIN, jitter="multiply", jitter_levels=levels))
    low, best, high = pr.common_growth(po.posteriors(photometry, jitter), levels)
    assert best == pytest.approx(2, abs=0.2)
    assert high - low < 0.3
    model = pm.make_model(fine, BRIGHT, PLAIN)
    numbers = pr.acceptance(photometry, po.posteriors(photometry, model), model)
    assert 1.3 < numbers["chi2_factor"] < 2.2
    assert numbers["p_below_1_percent"] > 0.1
    right = dataclasses.replace(photometry, err=2 * photometry.err)
    again = pr.acceptance(right, po.posteriors(right, model), model)
    assert again["p_below_1_percent"] < 0.03


def test_a_zero_point_off_by_15_percent(sample):
    """The filter is named by the residuals of left-out bands; the others stay near zero."""
    model, mocks = sample
    factor = np.array([1, 1, 1, 1, 0.85, 1])
    table = pr.predictive_table(photometry_of(mocks, factor), model, SIX)
    right = pr.predictive_table(photometry_of(mocks), model, SIX)
    assert np.abs(right["offset"]).max() < 0.04
    assert np.abs(right["pull_scatter"] - 1).max() < 0.25
    assert table["offset"][4] == pytest.approx(-0.15, abs=0.04)
    assert np.argmax(np.abs(table["median_pull"])) == 4
    assert table["error_factor"][4] > right["error_factor"][4]


@pytest.mark.parametrize("factor", [1.0, 1.7, 3.0])
def test_growth_of_errors_of_one_filter(factor):
    """Gaussian residuals of known width beside a known error of the prediction."""
    rng = np.random.default_rng(3)
    err, spread = rng.uniform(1, 2, 20000), 0.7
    residual = np.hypot(factor * err, spread) * rng.normal(size=20000)
    assert pr.growth_of_errors(residual, err, np.full(20000, spread)) == pytest.approx(factor, rel=0.03)


def test_no_values():
    assert np.isnan(pr.growth_of_errors(np.empty(0), np.empty(0), np.empty(0)))


def test_missing_bands_have_no_prediction(fine, errors):
    model = pm.make_model(fine, pm.Priors(), PLAIN)
    flux = np.array([[5.0, 9.0, np.nan, 8.0, 5.0, 4.0], [np.nan] * 6, [np.nan, 3.0, *[np.nan] * 4]])
    photometry = prepare_photometry(flux, np.where(np.isfinite(flux), 1.0, np.nan))
    left_out = pr.leave_band_out(photometry, model)
    assert np.array_equal(np.isfinite(left_out.predicted), [[1, 1, 0, 1, 1, 1], [0] * 6, [0] * 6])
    columns = pr.predictive_columns(photometry, po.posteriors(photometry, model), model)
    assert np.array_equal(np.isnan(columns["p_predictive"]), [False, True, False])


def test_mocks_need_a_prior_to_draw_from(fine, errors):
    model = pm.make_model(fine, pm.Priors(mass_prior="gaussian"), PLAIN)
    with pytest.raises(ValueError, match="log-uniform"):
        posterior_mocks.draw_mocks(model, errors, 10, seed=1)
