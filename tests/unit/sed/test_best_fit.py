"""From fits to tables: flags, masses, and the published stack and clusters of Faisst et al. (2022)."""

import dataclasses
import types

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from clusterphot.base import columns
from clusterphot.base.flags import Flag
from clusterphot.sed import best_fit
from clusterphot.sed.chi2 import best_models, delta_chi2
from clusterphot.ssp.four_color import MassToLight

COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}


def make_options(models, **changes):
    """Options as the rules give them, with the values of config/config.yaml."""
    params = {
        "redshift": 0.39,
        "cosmology": COSMOLOGY,
        "flux_floor_fraction": 0.0,
        "min_relative_error": 1e-3,
        "dominated_weight_fraction": 0.9,
        "v_filter": "auto",
        "mass_convention": "vband",
    }
    return best_fit.make_options(types.SimpleNamespace(**(params | changes)), models)


@pytest.fixture(scope="module")
def models(projected_grid, tmp_path_factory):
    """The shipped models at the shipped redshift, with the M/L_V of the grid."""
    from clusterphot.ssp.grid import write_projected_grid

    path = tmp_path_factory.mktemp("models") / "projected.h5"
    write_projected_grid(path, projected_grid)
    return best_fit.load_models(path, [])


@pytest.fixture(scope="module")
def galaxev_models(models, four_color_paths):
    """The same models with the M/L_V of GALAXEV's own files."""
    from clusterphot.ssp.four_color import mass_to_light_from_files

    ml = mass_to_light_from_files(four_color_paths, models.age_gyr, models.metallicity_zsun)
    return dataclasses.replace(models, mass_to_light=ml)


# ------------------------------------------------------------------------------------- the published stack


@pytest.mark.parametrize(
    ("floor", "chi2"),
    # Table 2 against the full-resolution BC03 (2016) grid with MILES; fluxes have three or four digits
    [(0.0, 51.9), (0.02, 11.3)],
)
def test_published_stack(models, published_stack, floor, chi2):
    columns, fit = best_fit.fit_seds(
        *published_stack, models, make_options(models, flux_floor_fraction=floor)
    )
    assert columns["age_gyr"][0] == 2.0
    assert columns["metallicity_zsun"][0] == 0.2
    assert columns["chi2"][0] == pytest.approx(chi2, abs=1.0)
    assert columns["dof"][0] == 3
    at = fit.chi2[0, models.age_gyr == 1.5, models.metallicity_zsun == 0.2].item()
    assert 0 <= at - columns["chi2"][0] < 5, "1.5 Gyr, the age of Faisst et al., is within delta chi2 5"
    row = fit.chi2[0][:, models.metallicity_zsun == 0.4].ravel()
    assert 0.5 <= models.age_gyr[np.argmin(row)] <= 1.5


def test_published_stack_excludes_the_extremes(models, published_stack):
    """With a floor of 2 %, 0.02 and 2.5 Zsun are beyond 5 sigma (28.74) at all ages."""
    _, fit = best_fit.fit_seds(*published_stack, models, make_options(models, flux_floor_fraction=0.02))
    rise = (fit.chi2[0] - fit.chi2.min()).min(axis=0)
    for metallicity in (0.02, 2.5):
        assert rise[models.metallicity_zsun == metallicity] > 28.74
    assert rise[models.metallicity_zsun == 0.2] == 0
    assert delta_chi2(5, 2) == pytest.approx(28.74, abs=0.005)


# ------------------------------------------------------------------------------------- the published masses


def published_log_mass(published):
    """Column of Table 1."""
    return np.array([float(value or "nan") for value in published[3]["log_mass_listed"]])


def test_published_masses(galaxev_models, published):
    """Their convention and GALAXEV's Chabrier M/L_V reproduce Table 1, whose masses have two decimals.

    The scatter is their grid against ours: other versions of the models may prefer a neighbouring node.
    """
    options = make_options(galaxev_models, mass_convention="faisst2022")
    columns, _ = best_fit.fit_seds(published[1], published[2], galaxev_models, options)
    difference = columns["log_mass"] - published_log_mass(published)
    known = np.isfinite(difference)
    assert known.sum() > 170
    median = np.median(difference[known])
    assert abs(median) < 0.02
    assert 1.4826 * np.median(np.abs(difference[known] - median)) < 0.04


def test_default_convention_is_higher_by_a_constant(galaxev_models, published):
    """5.865 - 5.523 = 0.342 dex, the same for all sources; the constants have three decimals."""
    masses = {}
    for convention in ("vband", "faisst2022"):
        options = make_options(galaxev_models, mass_convention=convention)
        masses[convention] = best_fit.fit_seds(published[1], published[2], galaxev_models, options)[0][
            "log_mass"
        ]
    shift = (masses["vband"] - masses["faisst2022"])[np.isfinite(masses["vband"])]
    np.testing.assert_allclose(shift, 0.342, atol=0.003)
    assert np.ptp(shift) < 1e-12


def test_published_clusters_are_all_there(models, published):
    """One row each; the four zero errors are replaced; what is not measured is NaN and flagged."""
    columns, _ = best_fit.fit_seds(published[1], published[2], models, make_options(models))
    assert all(len(values) == 178 for values in columns.values())
    zero = (published[2] == 0).any(axis=1)
    assert zero.sum() == 4
    np.testing.assert_array_equal(columns["flags"] & Flag.ERROR_REPLACED != 0, zero)
    assert (columns["flags"][np.isnan(columns["log_mass"])] != 0).all()
    np.testing.assert_array_equal(
        columns["flags"] & Flag.OLDER_THAN_UNIVERSE != 0,
        columns["age_gyr"] > 9.27,  # age of the Universe at z = 0.39 in Gyr
    )


def test_published_clusters_alone_and_together(models, published):
    """Every column of a source is the same, bit for bit, alone and among others in any order."""
    _, flux, err, _ = published
    options = make_options(models)
    together, _ = best_fit.fit_seds(flux, err, models, options)
    backward, _ = best_fit.fit_seds(flux[::-1], err[::-1], models, options)
    for name, values in together.items():
        assert np.array_equal(backward[name][::-1], values, equal_nan=True), name
    for row in range(0, 178, 20):
        alone, _ = best_fit.fit_seds(flux[row : row + 1], err[row : row + 1], models, options)
        for name, values in together.items():
            assert np.array_equal(alone[name], values[[row]], equal_nan=True), (name, row)


# ------------------------------------------------------------------------------------------ single sources


def node(models, age_gyr, metallicity):
    """Indices of a model."""
    return (
        int(np.flatnonzero(models.age_gyr == age_gyr)[0]),
        int(np.flatnonzero(models.metallicity_zsun == metallicity)[0]),
    )


def one_source(models, flux, err, **changes):
    """Columns of one source, each a scalar."""
    columns, _ = best_fit.fit_seds([flux], [err], models, make_options(models, **changes))
    return {name: values[0] for name, values in columns.items()}


def test_masses_of_a_noiseless_cluster(models):
    """Masses in closed form: L_V from F090W, times M/L_V of the node; the SED's own mass is the input."""
    at = node(models, 3.0, 0.2)
    flux = 5e6 * models.flux[at]
    row = one_source(models, flux, 0.05 * flux)
    options = make_options(models)
    assert (row["age_gyr"], row["metallicity_zsun"], row["flags"]) == (3.0, 0.2, 0)
    assert row["chi2"] == pytest.approx(0, abs=1e-10)  # rounding of sum(w f^2) = 2400
    assert row["lum_v_lsun"] == pytest.approx(options.lum_v_per_njy * flux[0], rel=1e-14)
    ml, remaining = models.mass_to_light.ml_v[at], models.mass_to_light.mass_remaining[at]
    assert row["mass_remaining"] == pytest.approx(ml * row["lum_v_lsun"], rel=1e-12)
    assert row["mass_formed"] == pytest.approx(row["mass_remaining"] / remaining, rel=1e-12)
    assert 10 ** row["log_mass"] == pytest.approx(row["mass_remaining"], rel=1e-12)
    assert 10 ** row["log_mass_formed"] == pytest.approx(row["mass_formed"], rel=1e-12)
    assert row["log_mass_sed"] == pytest.approx(np.log10(5e6 * remaining), abs=1e-12)


def test_the_two_masses_agree_but_for_the_colour_term(models):
    """F090W is rest 0.65 um, not 0.55: without a colour term L_V is off by the SED's slope, < 0.15 dex."""
    at = node(models, 3.0, 0.2)
    flux = 5e6 * models.flux[at]
    row = one_source(models, flux, 0.05 * flux)
    assert abs(row["log_mass"] - row["log_mass_sed"]) < 0.15


def test_mass_error_holds_the_error_of_the_v_filter(models):
    """Errors of 2e-5 in other bands fix the model; 10 % in F090W is 0.0434 dex."""
    at = node(models, 3.0, 0.2)
    flux = 5e6 * models.flux[at]
    err = 2e-5 * flux
    err[0] = 0.1 * flux[0]
    row = one_source(models, flux, err, min_relative_error=1e-6)
    assert row["age_gyr_lo_1sigma"] == row["age_gyr_hi_1sigma"] == 3.0
    assert row["log_mass_err"] == pytest.approx(0.1 / np.log(10), rel=1e-3)


def test_coarse_grid_does_not_make_the_mass_error_zero(models):
    """With 0.5 % errors one node is left within 1 sigma, but the ages between it and the next are allowed in part."""
    at = node(models, 3.0, 0.2)
    flux = 5e6 * models.flux[at]
    row = one_source(models, flux, 0.005 * flux)
    assert row["age_gyr_lo_1sigma_marginal"] == row["age_gyr_hi_1sigma_marginal"] == 3.0
    assert row["log_mass_err"] > 1.5 * 0.005 / np.log(10)


def test_common_brightness_scatter_is_no_colour_error(models):
    """Errors of 5 %, correlated by 0.98 between bands: the wrong age is excluded as by errors of 5 % x sqrt(0.02)."""
    at, other = node(models, 3.0, 0.2), node(models, 6.0, 0.2)
    flux = 5e6 * models.flux[at]
    correlation = np.full((6, 6), 0.98) + 0.02 * np.eye(6)
    options = make_options(models)
    found = {}
    for name, matrix in (("diagonal", None), ("correlated", correlation)):
        _, fit = best_fit.fit_seds(flux[None], 0.05 * flux[None], models, options, correlation=matrix)
        found[name] = fit.chi2[0][other]
    assert found["correlated"] == pytest.approx(found["diagonal"] / 0.02, rel=0.1)


def test_mass_error_holds_the_range_of_mass_to_light(models):
    """Of all models within delta chi2 1, half the range of log M/L_V, in quadrature with 30 % of flux."""
    flux = 5e6 * models.flux[node(models, 3.0, 0.2)]
    columns, fit = best_fit.fit_seds([flux], [0.3 * flux], models, make_options(models))
    log_ml = np.log10(models.mass_to_light.ml_v[fit.chi2[0] - fit.chi2.min() <= 1])
    assert np.ptp(log_ml) > 0.3, "30 % errors leave many models"
    expected = np.hypot(0.3 / np.log(10), 0.5 * np.ptp(log_ml))
    assert columns["log_mass_err"][0] == pytest.approx(expected, rel=1e-12)


def test_older_than_the_universe(models):
    for age, older in ((9.0, False), (9.5, True)):
        flux = 5e6 * models.flux[node(models, age, 0.2)]
        row = one_source(models, flux, 2e-3 * flux)
        assert row["age_gyr"] == age
        assert bool(row["flags"] & Flag.OLDER_THAN_UNIVERSE) == older


def test_dominated_flag(models):
    flux = 5e6 * models.flux[node(models, 3.0, 0.2)]
    err = flux * [0.2, 0.2, 0.01, 0.2, 0.2, 0.2]
    assert one_source(models, flux, err)["flags"] & Flag.DOMINATED
    assert not one_source(models, flux, err, dominated_weight_fraction=1.0)["flags"] & Flag.DOMINATED


def test_negative_v_flux(models):
    """Mass by M/L_V is NaN and flagged; the SED's own mass is still there."""
    flux = 5e6 * models.flux[node(models, 3.0, 0.2)]
    err = 0.1 * flux
    flux[0] = -0.5 * flux[0]
    row = one_source(models, flux, err)
    assert np.isnan([row["log_mass"], row["mass_formed"], row["mass_remaining"], row["log_mass_err"]]).all()
    assert row["lum_v_lsun"] < 0
    assert np.isfinite([row["log_mass_sed"], row["chi2"], row["age_gyr"]]).all()
    assert row["flags"] & Flag.NEGATIVE_LUMINOSITY


def test_all_fluxes_negative(models):
    row = one_source(models, np.full(6, -5.0), np.ones(6))
    assert row["flags"] & Flag.NEGATIVE_LUMINOSITY
    assert row["chi2"] == pytest.approx(6 * 25, rel=1e-12)
    assert np.isnan([row["log_mass"], row["log_mass_sed"], row["log_mass_sed_err"]]).all()


def test_no_data(models):
    row = one_source(models, np.full(6, np.nan), np.ones(6))
    assert row["flags"] == Flag.NO_DATA | Flag.TOO_FEW_BANDS
    assert (row["n_bands"], row["dof"]) == (0, 0)
    integers = {"flags", "n_bands", "dof"}
    assert all(np.isnan(value) for name, value in row.items() if name not in integers)


def test_one_band(models):
    flux = 5e6 * models.flux[node(models, 3.0, 0.2)]
    row = one_source(models, np.where(np.arange(6) == 0, flux, np.nan), 0.1 * flux)
    assert row["flags"] & Flag.TOO_FEW_BANDS
    assert (row["n_bands"], row["dof"]) == (1, 0)
    assert (row["age_gyr_lo_1sigma"], row["age_gyr_hi_1sigma"]) == (0.5, 11.0)


def test_flux_scale_and_mass(models, published):
    """Ten times brighter: log masses 1 higher, all else the same (rounding)."""
    _, flux, err, _ = published
    one, _ = best_fit.fit_seds(flux, err, models, make_options(models))
    ten, _ = best_fit.fit_seds(10 * flux, 10 * err, models, make_options(models))
    np.testing.assert_allclose(ten["log_mass"], one["log_mass"] + 1, rtol=1e-12)
    np.testing.assert_array_equal(ten["age_gyr"], one["age_gyr"])
    np.testing.assert_array_equal(ten["flags"], one["flags"])


def test_no_sources(models):
    """An empty chunk has all columns and no row."""
    columns, _ = best_fit.fit_seds(np.empty((0, 6)), np.empty((0, 6)), models, make_options(models))
    assert {len(values) for values in columns.values()} == {0}


# -------------------------------------------------------------------------------------- options and files


def test_options(models):
    options = make_options(models)
    assert options.v_filter == "F090W"
    assert np.log10(options.lum_v_per_njy) == pytest.approx(5.865, abs=0.001)
    assert options.age_of_universe_gyr == pytest.approx(9.27, abs=0.006)
    assert make_options(models, v_filter="F150W").v_filter == "F150W"


def test_every_column_is_in_the_dictionary(models, published):
    """Each column of the result has a description, and a unit unless it is a pure number."""
    found, _ = best_fit.fit_seds(published[1][:1], published[2][:1], models, make_options(models))
    pure = {"metallicity_zsun", "chi2", "dof", "n_bands", "flags"}
    for name in found:
        unit, description = columns.describe_column(name)
        assert description
        assert bool(unit) != (name in pure or name.startswith("metallicity_zsun")), name


def test_models_hold_their_origin(models):
    assert "Bruzual" in models.description["source"]
    assert models.description["z_sun"] == 0.02
    assert models.flux.shape == (22, 6, 6)


def test_chi2_map(tmp_path, models, published_stack):
    _, fit = best_fit.fit_seds(*published_stack, models, make_options(models))
    path = tmp_path / "map.fits"
    best_fit.write_chi2_map(path, fit.chi2[0], models, {"field": "f", "grid": "bc03"})
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(hdus[0].data, fit.chi2[0])
        assert (hdus[0].header["FIELD"], hdus[0].header["GRID"]) == ("f", "bc03")
        i, j = np.unravel_index(np.argmin(hdus[0].data), hdus[0].data.shape)
        assert Table(hdus["AGE"].data)["age_gyr"][i] == 2.0
        assert Table(hdus["METALLICITY"].data)["metallicity_zsun"][j] == 0.2
        assert hdus["AGE"].header["TUNIT1"] == "Gyr"


def test_mass_to_light_can_be_replaced(models):
    """Twice the M/L_V at every node: masses 0.301 dex higher, the fit untouched."""
    ml = models.mass_to_light
    twice = dataclasses.replace(models, mass_to_light=MassToLight(2 * ml.ml_v, ml.mass_remaining, "test"))
    flux = 5e6 * models.flux[node(models, 3.0, 0.2)]
    one, two = (one_source(m, flux, 0.05 * flux) for m in (models, twice))
    assert two["log_mass"] - one["log_mass"] == pytest.approx(np.log10(2), rel=1e-12)
    assert two["chi2"] == one["chi2"]
    assert two["log_mass_sed"] == one["log_mass_sed"]


def test_best_model_of_a_tie_is_the_youngest(models):
    """All models equal: the first node, youngest and most metal-poor, so that a tie has one answer."""
    i, j = best_models(np.ones((2, 3, 4)))
    assert (i.tolist(), j.tolist()) == ([0, 0], [0, 0])
