"""The stack with every library and what moves its answer: published numbers, and changes known on paper."""

import dataclasses
import types

import numpy as np
import pytest
from clusterphot.base.columns import describe_column
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.sed import library_comparison as co
from clusterphot.sed import sensitivity as se
from clusterphot.sed.best_fit import Models
from clusterphot.ssp.four_color import MassToLight
from clusterphot.ssp.grid import nodes_around, project_grid
from defaults import DEFAULTS

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
POSTERIOR = DEFAULTS["sed"]["posterior"]
EBV = 0.18
ZERO_POINT_ERRORS = [0.0, 0.02, 0.05]


def parameters(**changes):
    """Parameters of the rules."""
    values = {
        "redshift": 0.39,
        "cosmology": {"h0": 70.0, "omega_m": 0.3},
        "r_v": 3.1,
        "zero_point_errors": {},
        "posterior": POSTERIOR,
        "min_relative_error": 1e-3,
        "flux_floor_fraction": 0.0,
        "dominated_weight_fraction": 0.9,
        "v_filter": "auto",
        "mass_convention": "vband",
    }
    return types.SimpleNamespace(**(values | changes))


@pytest.fixture(scope="module")
def bc03(embedded_grid, projected_grid):
    """The shipped library: the grid of Faisst et al. (2022), and all its ages."""
    ranges = {"age_range_gyr": (0.5, 11.0), "metallicity_range_zsun": (0.005, 2.5)}
    native = project_grid(nodes_around(embedded_grid, **ranges), SIX, 0.39, flat_lambda_cdm(70.0, 0.3))
    models = Models(
        projected_grid.age_gyr,
        projected_grid.metallicity_zsun,
        projected_grid.flux_njy,
        list(SIX),
        MassToLight(projected_grid.ml_v, projected_grid.mass_remaining, ""),
        {},
    )
    return co.Library("bc03", "embedded", models, native)


@pytest.fixture(scope="module")
def stack(published_stack):
    flux, err = published_stack
    return co.StackFluxes(flux, err, np.zeros_like(flux))


def changed(library, name, factor=1.0, **native):
    """The library under another name, with fluxes and luminosities times ``factor``, and other attributes."""
    factor = np.asarray(factor, float)
    models = dataclasses.replace(library.models, flux=library.models.flux * factor)
    grid = dataclasses.replace(
        library.native,
        flux_njy=library.native.flux_njy * factor,
        lum_v_lsun=library.native.lum_v_lsun * factor.mean(),
        **native,
    )
    return co.Library(name, "galaxev", models, grid)


@pytest.fixture(scope="module")
def compared(stack, bc03):
    """BC03, itself under another name, and itself with F200W 20 % brighter."""
    bad = changed(bc03, "bad", [1, 1, 1.2, 1, 1, 1])
    return co.compare_libraries(
        stack,
        [bc03, changed(bc03, "same"), bad],
        parameters(),
        ebv=EBV,
        zero_point_errors=ZERO_POINT_ERRORS,
    )


def row_of(table, grid, error_model, zero_point_error=None):
    """The one row of these."""
    (row,) = (
        row
        for row in table
        if row["ssp_grid"] == grid
        and row["error_model"] == error_model
        and (zero_point_error is None or row["zero_point_error"] == zero_point_error)
    )
    return row


@pytest.mark.parametrize(("error", "chi2"), [(0.0, 51.9), (0.02, 11.3), (0.05, 2.4)])
def test_best_fit_of_the_published_stack(compared, error, chi2):
    """0.2 Zsun and 2.0 Gyr; chi-squares computed independently with the full-resolution library."""
    row = row_of(compared[0], "bc03", co.ZERO_POINTS, error)
    assert (row["age_gyr"], row["metallicity_zsun"]) == (2.0, 0.2)
    assert row["chi2"] == pytest.approx(chi2, abs=0.1)


def test_ages_with_zero_point_errors_of_five_per_cent(compared):
    """Near 2 to 6.5 Gyr (16-84 %), and a gigayear without them."""
    row = row_of(compared[0], "bc03", co.ZERO_POINTS, 0.05)
    assert row["age_gyr_p16"] == pytest.approx(1.7, abs=0.3)
    assert row["age_gyr_p84"] == pytest.approx(6.2, abs=0.4)
    alone = row_of(compared[0], "bc03", co.ZERO_POINTS, 0.0)
    assert alone["age_gyr_p84"] - alone["age_gyr_p16"] < 0.3


def test_evidence_tells_libraries_apart(compared):
    """Zero for the same library twice; a band off by 20 % is ruled out, the less the more zero points may err."""
    table = compared[0]
    assert row_of(table, "same", co.CONFIGURED)["delta_log_evidence"] == pytest.approx(0, abs=1e-9)
    lost = [row_of(table, "bad", co.ZERO_POINTS, e)["delta_log_evidence"] for e in ZERO_POINT_ERRORS]
    assert lost[0] < lost[1] < lost[2] < -1
    best = [row["delta_log_evidence"] for row in table if row["ssp_grid"] == "bc03"]
    assert best == pytest.approx([0, 0, 0, 0], abs=1e-9)


def test_densities_are_normalised(compared):
    _, densities = compared
    for grid in ("bc03", "bad"):
        for axis in ("age_gyr", "metallicity_zsun"):
            rows = densities[(densities["ssp_grid"] == grid) & (densities["axis"] == axis)]
            assert np.trapezoid(rows["density_per_dex"], np.log10(rows["axis_value"])) == pytest.approx(1)


def test_every_column_is_described(compared, moved):
    for name in {*compared[0].colnames, *compared[1].colnames, *moved.colnames}:
        assert describe_column(name)[1], name


def test_configured_row_is_that_of_the_stack(stack, bc03):
    """The same posterior as in stack.ecsv; errors that the user named count for their filters."""
    params = parameters(zero_point_errors=dict.fromkeys(SIX, 0.01))
    table, _ = co.compare_libraries(stack, [bc03], params, ebv=EBV, zero_point_errors=[0.0])
    posterior, *_ = co.stack_posterior(stack, bc03, params, ebv=EBV)
    row = row_of(table, "bc03", co.CONFIGURED)
    assert row["age_gyr_p50"] == posterior.columns["age_gyr_p50"][0]
    assert row["zero_point_error"] == pytest.approx(0.01)


# --------------------------------------------------------------------------------------------- sensitivity


@pytest.fixture(scope="module")
def moved(stack, bc03):
    """Changes with two more libraries: twice as bright, and with another solar metallicity."""
    others = [
        changed(bc03, "bright", 2.0),
        changed(bc03, "z_sun", z_sun=0.01),
    ]
    return se.sensitivity_table(
        stack, [bc03, *others], "bc03", parameters(), ebv=EBV, zero_point_errors=ZERO_POINT_ERRORS
    )


def changes(table, varied, varied_in=None):
    """Rows of what was varied."""
    return [
        row
        for row in table
        if row["varied"] == varied and (varied_in is None or row["varied_in"] == varied_in)
    ]


def test_what_is_varied(moved):
    assert moved["varied"][0] == "baseline"
    assert {name for name in moved.colnames if name.endswith("change_dex") and moved[name][0] == 0} == {
        f"{kind}{word}_change_dex" for kind in ("", "best_") for word in ("age", "metallicity", "mass")
    }
    assert [row["varied_by"] for row in changes(moved, "zero_point", "F200W")] == [-0.02, 0.02]
    assert len(changes(moved, "zero_point")) == 12
    np.testing.assert_allclose([row["varied_by"] for row in changes(moved, "ebv")], [-0.0288, 0.0288])
    assert [row["varied_in"] for row in changes(moved, "age_prior")] == ["uniform"]


def test_a_library_twice_as_bright_halves_the_mass(moved):
    (row,) = changes(moved, "library", "bright")
    assert row["mass_change_dex"] == pytest.approx(-np.log10(2), abs=1e-3)
    assert row["best_mass_change_dex"] == pytest.approx(-np.log10(2), abs=1e-9)
    assert row["age_change_dex"] == pytest.approx(0, abs=1e-9)


def test_metallicities_are_compared_as_metal_fractions(moved):
    (row,) = changes(moved, "library", "z_sun")
    assert row["metallicity_change_dex"] == pytest.approx(np.log10(0.5), abs=1e-9)


def test_more_reddening_means_less_metal(moved):
    """Bluer after the correction: at the age-metallicity degeneracy of an old population, metal-poor or young."""
    down, up = changes(moved, "ebv")
    assert down["metallicity_change_dex"] > 0 > up["metallicity_change_dex"]


def test_a_uniform_prior_of_the_age_is_older(moved):
    """The ratio of the two densities rises with age."""
    assert changes(moved, "age_prior")[0]["age_change_dex"] > 0.05


def test_larger_errors_lower_chi_square(moved):
    chi2 = [row["best_chi2"] for row in changes(moved, "zero_point_errors")]
    assert chi2[0] > chi2[1] > chi2[2]
    assert chi2[0] == pytest.approx(moved["best_chi2"][0])


def test_what_is_known_without_error_is_not_varied(stack, bc03):
    params = parameters(posterior=POSTERIOR | {"ebv_relative_error": 0.0, "zero_point_error": 0.0})
    table = se.sensitivity_table(stack, [bc03], "bc03", params, ebv=EBV, zero_point_errors=[0.02])
    assert set(table["varied"]) == {"baseline", "zero_point_errors", "age_prior", "metallicity_prior"}


def test_scaling_all_bands_moves_only_the_mass(stack, bc03):
    params = parameters()
    before = co.stack_posterior(stack, bc03, params, ebv=EBV)[0].columns
    after = co.stack_posterior(se.scale_flux(stack, [1.1] * 6), bc03, params, ebv=EBV)[0].columns
    assert after["age_gyr_p50"] == pytest.approx(before["age_gyr_p50"], rel=1e-6)
    assert after["log_mass_p50"] - before["log_mass_p50"] == pytest.approx(np.log10(1.1), abs=1e-3)


def test_a_stack_without_data(stack, bc03):
    """NaN throughout, no row lost."""
    empty = dataclasses.replace(stack, flux=np.full((1, 6), np.nan))
    table, densities = co.compare_libraries(empty, [bc03], parameters(), ebv=EBV, zero_point_errors=[0.0])
    assert len(table) == 2
    assert np.isnan(table["age_gyr_p50"]).all() and np.isnan(table["delta_log_evidence"]).all()
    moved = se.sensitivity_table(empty, [bc03], "bc03", parameters(), ebv=EBV, zero_point_errors=[0.0])
    assert np.isnan(moved["age_change_dex"]).all()
