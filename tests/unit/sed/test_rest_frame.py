"""Rest-frame magnitudes, K-corrections and V luminosities: closed forms, brute force, and truths that are known."""

import dataclasses

import numpy as np
import pytest
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.sed import posterior as po
from clusterphot.sed import posterior_model as pm
from clusterphot.sed import rest_frame as rf
from clusterphot.sed.chi2 import Photometry, prepare_photometry
from clusterphot.ssp.grid import SspGrid, nodes_around, project_grid
from clusterphot.ssp.refine import refine_grid
from posterior_mocks import draw_mocks, usual_modes

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
BVI = ("bessell_B", "bessell_V", "bessell_I")
COSMOLOGY = flat_lambda_cdm(70.0, 0.3)
NUISANCE = pm.Nuisance(
    usual_modes(SIX),
    jitter="multiply",
    jitter_levels=(1.0, 2.0, 4.0),
)


@pytest.fixture(scope="module")
def grids(embedded_grid):
    """BC03 at z = 0.39 on a fine grid, and its native nodes at rest."""
    ranges = {"age_range_gyr": (0.5, 11.0), "metallicity_range_zsun": (0.005, 2.5)}
    library = nodes_around(embedded_grid, **ranges)
    native = project_grid(library, SIX, 0.39, COSMOLOGY)
    return refine_grid(native, age_range_gyr=(0.5, 9.27)), project_grid(library, BVI, 0.0, COSMOLOGY)


@pytest.fixture(scope="module")
def model(grids):
    return pm.make_model(grids[0], pm.Priors(), NUISANCE)


@pytest.fixture(scope="module")
def rest(model, grids):
    return rf.make_rest_frame(model, *grids)


@pytest.fixture(scope="module")
def photometry(published):
    """The first 40 clusters of Faisst et al. (2022), one without data."""
    flux, err = published[1][:40].copy(), published[2][:40]
    flux[5] = np.nan
    return prepare_photometry(flux, err)


def power_law(slope):
    """A library of one population whose f_lambda is a power law; M/L_V irrelevant."""
    wave = np.geomspace(2000.0, 60000.0, 4000)
    spectrum = 1e-4 * (wave / 5500.0) ** slope
    one = np.ones((1, 1))
    return SspGrid(np.array([2.0]), np.array([0.2]), wave, spectrum[None, None], 0.6 * one)


def single(slope, nuisance=None):
    """Model and rest-frame quantities of `power_law`."""
    grid = power_law(slope)
    fine = project_grid(grid, SIX, 0.39, COSMOLOGY)
    model = pm.make_model(fine, pm.Priors(), nuisance or pm.Nuisance())
    return model, rf.make_rest_frame(model, fine, project_grid(grid, BVI, 0.0, COSMOLOGY)), fine


# ------------------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("slope", [-2.0, -1.0, 0.5])
def test_k_correction_of_a_power_law(slope):
    """f_nu as nu^a has K = -2.5 (1 + a) log10(1 + z) (Hogg et al. 2002) and the colour between the two bands.

    With a = -2 - slope; the same filter on both sides, since K_QR minus the colour Q - R is K_RR: 1e-3 mag for the
    spectrum being linear between its nodes.
    """
    fine = project_grid(power_law(slope), BVI, 0.39, COSMOLOGY)
    model = pm.make_model(fine, pm.Priors(), pm.Nuisance())
    rest = rf.make_rest_frame(model, fine, project_grid(power_law(slope), BVI, 0.0, COSMOLOGY))
    expected = -2.5 * (1 - 2 - slope) * np.log10(1.39)
    for band, name in enumerate(BVI):
        colour = rest.mag_ab[BVI.index(rest.observed[band]), 0] - rest.mag_ab[band, 0]
        assert rest.k_correction[band, 0] == pytest.approx(expected + colour, abs=1e-3), name


def test_magnitudes_of_a_flat_spectrum_are_equal_in_all_bands():
    """A flat f_nu has no AB colours; the Sun's M_V = 4.80 ties its V luminosity to M_V."""
    _, rest, _ = single(-2.0)
    assert np.ptp(rest.mag_ab) < 1e-3
    assert -2.5 * np.log10(rest.lum_v_lsun[0]) + 4.80 == pytest.approx(rest.mag_ab[1, 0], abs=1e-9)


def test_distance_modulus(rest):
    """D_L = 2108.3 Mpc at z = 0.39 (H0 = 70, Omega_m = 0.3)."""
    assert rest.distance_modulus == pytest.approx(5 * np.log10(2108.3e5), abs=1e-4)


def test_vega_offsets(rest):
    """B, V and I of Vega in AB: -0.11, 0.00, 0.44 to 0.03 mag (Blanton & Roweis 2007, AJ 133, 734, table 1)."""
    np.testing.assert_allclose(-rest.ab_to_vega, [-0.09, 0.02, 0.45], atol=0.03)


def test_colour_of_an_old_metal_rich_population(rest, grids):
    """BC03, solar, 10 Gyr would have V - I = 1.2 (Vega); at 9.27 Gyr and 1 Zsun 1.1 to 1.3."""
    fine = grids[0]
    mag = rest.mag_ab.reshape(3, 1, len(fine.age_gyr), -1)[:, 0, -1]
    vega = mag[:, np.argmin(np.abs(fine.metallicity_zsun - 1))] + rest.ab_to_vega
    assert 1.1 < vega[1] - vega[2] < 1.3
    assert 0.85 < vega[0] - vega[1] < 1.05


def test_nearest_filters():
    """Rest-frame B (4360 A), V (5450 A) and I (7980 A) at z = 1: 0.87, 1.09, 1.6 micron."""
    assert rf.nearest_filters(["F090W", "F115W", "F150W"], BVI, 1.0) == ("F090W", "F115W", "F150W")


def test_one_population_of_known_mass():
    """10^6 Msun at a S/N of 50 in one band: log L_V is that of the mass, +- 0.4343 / 50 dex."""
    model, rest, _ = single(-1.0)
    flux = np.full((1, 6), np.nan)
    flux[0, 2] = 1e6 * model.flux[2, 0]
    columns = rf.rest_frame_columns(
        po.posteriors(Photometry(flux, flux / 50, np.zeros(1, int)), model), model.priors, rest
    )
    truth = 6 + np.log10(rest.lum_v_lsun[0])
    low, middle, high = (columns[f"log_lum_v_{q}"][0] for q in ("p16", "p50", "p84"))
    # the prior flat in log mass and the skewness of log L move quantiles by about 0.01 of the width
    assert middle == pytest.approx(truth, abs=2e-4)
    assert 0.5 * (high - low) == pytest.approx(0.99446 * 0.4343 / 50, rel=0.02)
    assert columns["k_correction_bessell_V_p16"] == columns["k_correction_bessell_V_p84"]


def test_dust_of_the_source_dims_and_reddens():
    """A of Landolt B and I over that of V: 3.626 and 1.505 over 2.742 (Schlafly & Finkbeiner 2011, table 6), to 3 %."""
    nuisance = pm.Nuisance(av_mag=(1.0,), extinction_per_av=pm.extinction_per_av(SIX, 0.39))
    dimmed = single(-1.0, nuisance)[1].mag_ab[:, 0] - single(-1.0)[1].mag_ab[:, 0]
    np.testing.assert_allclose(dimmed / dimmed[1], [3.626 / 2.742, 1, 1.505 / 2.742], rtol=0.03)
    assert dimmed[1] == pytest.approx(1.0, abs=0.03)


# ------------------------------------------------------------------------------------------------ sources


def test_luminosity_and_magnitude_agree(photometry, model, rest):
    """Both of the same filter: M_V = 4.80 - 2.5 log L_V, faint where the luminosity is low."""
    columns = rf.rest_frame_columns(po.posteriors(photometry, model), model.priors, rest)
    for low, high in (("p16", "p84"), ("p50", "p50"), ("p84", "p16")):
        expected = 4.80 - 2.5 * columns[f"log_lum_v_{high}"]
        # both are read off bins of 1/40 of their standard deviation
        np.testing.assert_allclose(columns[f"abs_mag_ab_bessell_V_{low}"], expected, atol=0.005)
    np.testing.assert_array_equal(
        columns["abs_mag_vega_bessell_I_p50"], columns["abs_mag_ab_bessell_I_p50"] + rest.ab_to_vega[2]
    )


def test_no_data_is_nan_and_neighbours_do_not_matter(photometry, model, rest):
    together = rf.rest_frame_columns(po.posteriors(photometry, model), model.priors, rest)
    one = Photometry(photometry.flux[7:8], photometry.err[7:8], photometry.flags[7:8])
    alone = rf.rest_frame_columns(po.posteriors(one, model), model.priors, rest)
    for name, values in together.items():
        assert np.isnan(values[5])
        assert np.isfinite(np.delete(values, 5)).all()
        assert values[7] == alone[name][0]


def brute_force(row, photometry, posterior, model, values, mass_power):
    """Quantiles over all models, levels and 1,000 masses, with the same covariance."""
    terms = po._terms(photometry, po.covariances(photometry, posterior.covariance_flux, model.nuisance))
    norm = terms.quadratic[row] @ model.pairs
    mu, scale = (terms.linear[row] @ model.flux) / np.sqrt(norm), 1 / np.sqrt(norm)
    log_cell = 0.5 * np.maximum(mu, 0) ** 2 + model.log_prior
    log_cell = log_cell + (terms.log_norm[row] - 0.5 * terms.data[row])[:, None]
    levels, models = np.nonzero(log_cell > log_cell.max() - 9)
    best = mu[levels, models][:, None]
    middle = np.log(np.median(posterior.draws["mass"][row]))
    log_mass = np.linspace(middle - 4, middle + 4, 1000)
    weight = np.exp(
        (log_cell[levels, models] - log_cell.max())[:, None]
        - 0.5 * (np.exp(log_mass) / scale[levels, models][:, None] - best) ** 2
        + 0.5 * np.minimum(best, 0) ** 2
    )
    quantity = values[models][:, None] + mass_power * log_mass / np.log(10) * np.ones_like(weight)
    order = np.argsort(quantity, axis=None)
    cumulative = np.cumsum(weight.ravel()[order])
    return np.interp(
        np.array([0.16, 0.5, 0.84]) * cumulative[-1],
        cumulative - 0.5 * weight.ravel()[order],
        quantity.ravel()[order],
    )


@pytest.mark.parametrize("row", [0, 3, 38])
def test_quantiles_against_the_full_sum(row, photometry, model, rest):
    """256 models stand for the posterior: within 0.2 of the half width (rms 0.05 over the published clusters)."""
    posterior = po.posteriors(photometry, model)
    columns = rf.rest_frame_columns(posterior, model.priors, rest)
    for name, values, power in (
        ("log_lum_v", np.log10(rest.lum_v_lsun), 1.0),
        ("abs_mag_ab_bessell_B", rest.mag_ab[0], -2.5),
        ("k_correction_bessell_I", rest.k_correction[2], 0.0),
    ):
        expected = brute_force(row, photometry, posterior, model, values, power)
        found = [columns[f"{name}_{q}"][row] for q in ("p16", "p50", "p84")]
        np.testing.assert_allclose(
            found, expected, atol=0.2 * 0.5 * (expected[2] - expected[0]), err_msg=name
        )


def test_intervals_hold_the_truth(model, rest, published):
    """Of 600 mock clusters 68 % within 16-84 % of the V luminosity, to 3 sigma of the count (6 %)."""
    err = prepare_photometry(published[1], published[2]).err
    mocks = draw_mocks(model, err[np.isfinite(err).all(axis=1)], 600, seed=7)
    posterior = po.posteriors(Photometry(mocks.flux, mocks.err, np.zeros(600, int)), model)
    columns = rf.rest_frame_columns(posterior, model.priors, rest)
    truth = mocks.truth["log_mass"] - np.log10(mocks.truth["ml_v"])
    inside = (columns["log_lum_v_p16"] <= truth) & (truth <= columns["log_lum_v_p84"])
    assert np.mean(inside) == pytest.approx(0.68, abs=0.06)


@pytest.mark.parametrize("which", ["rest", "field"])
def test_grids_at_the_wrong_redshift(which, model, grids):
    fine, native = grids
    if which == "rest":
        native = dataclasses.replace(native, redshift=0.1)
    else:
        fine = dataclasses.replace(fine, redshift=0.0)
    with pytest.raises(ValueError, match="expected above 0 and 0"):
        rf.make_rest_frame(model, fine, native)
