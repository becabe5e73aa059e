"""The stack with every library and what moves its answer: published numbers, and changes known on paper."""

import dataclasses
import types

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.columns import describe_column
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.sed import library_comparison as co
from clusterphot.sed import robustness as ro
from clusterphot.sed import sensitivity as se
from clusterphot.sed.best_fit import Models
from clusterphot.sed.posterior_model import expected_modes
from clusterphot.sed.shared_modes import DUST, zero_point_modes
from clusterphot.ssp.four_color import MassToLight
from clusterphot.ssp.grid import nodes_around, project_grid
from defaults import DEFAULTS

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
POSTERIOR = DEFAULTS["sed"]["posterior"]
EBV = 0.18
ZERO_POINT_ERRORS = [0.0, 0.02, 0.05]
MODES = expected_modes(SIX, POSTERIOR, ebv=EBV, r_v=3.1)


def parameters(**changes):
    """Parameters of the rules."""
    values = {
        "redshift": 0.39,
        "cosmology": {"h0": 70.0, "omega_m": 0.3},
        "r_v": 3.1,
        "posterior": POSTERIOR,
        "min_relative_error": 1e-3,
        "flux_floor_fraction": 0.0,
        "dominated_weight_fraction": 0.9,
        "v_filter": "auto",
        "mass_convention": "vband",
        "robustness": DEFAULTS["sed"]["robustness"],
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
        MODES,
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
    params, modes = parameters(), zero_point_modes(SIX, 0.01).and_also(MODES.of(DUST))
    table, _ = co.compare_libraries(stack, [bc03], params, modes, zero_point_errors=[0.0])
    posterior, *_ = co.stack_posterior(stack, bc03, params, modes)
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
        stack, [bc03, *others], "bc03", parameters(), MODES, ebv=EBV, zero_point_errors=ZERO_POINT_ERRORS
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
    none = MODES.of("none")
    table = se.sensitivity_table(stack, [bc03], "bc03", parameters(), none, ebv=EBV, zero_point_errors=[0.02])
    assert set(table["varied"]) == {"baseline", "zero_point_errors", "age_prior", "metallicity_prior"}


def test_scaling_all_bands_moves_only_the_mass(stack, bc03):
    params = parameters()
    before = co.stack_posterior(stack, bc03, params, MODES)[0].columns
    after = co.stack_posterior(se.scale_flux(stack, [1.1] * 6), bc03, params, MODES)[0].columns
    assert after["age_gyr_p50"] == pytest.approx(before["age_gyr_p50"], rel=1e-6)
    assert after["log_mass_p50"] - before["log_mass_p50"] == pytest.approx(np.log10(1.1), abs=1e-3)


def test_a_stack_without_data(stack, bc03):
    """NaN throughout, no row lost."""
    empty = dataclasses.replace(stack, flux=np.full((1, 6), np.nan))
    table, densities = co.compare_libraries(empty, [bc03], parameters(), MODES, zero_point_errors=[0.0])
    assert len(table) == 2
    assert np.isnan(table["age_gyr_p50"]).all() and np.isnan(table["delta_log_evidence"]).all()
    moved = se.sensitivity_table(empty, [bc03], "bc03", parameters(), MODES, ebv=EBV, zero_point_errors=[0.0])
    assert np.isnan(moved["age_change_dex"]).all()


# --------------------------------------------------------------------------------------------- robustness


@pytest.fixture(scope="module")
def wide(embedded_grid):
    """All ages of the shipped library."""
    around = nodes_around(
        embedded_grid, age_range_gyr=(ro.YOUNGEST_GYR, ro.OLDEST_GYR), metallicity_range_zsun=(0.005, 2.5)
    )
    return project_grid(around, SIX, 0.39, flat_lambda_cdm(70.0, 0.3))


@pytest.fixture(scope="module")
def stands(stack, bc03, wide):
    """Conclusions, with another solar metallicity, and with another stack of twice the flux in F444W."""
    methods = Table({f"{name}_{filt}": [1.0, 1.0] for name in ("flux", "flux_err") for filt in SIX})
    methods["method"] = ["clipped_mean", "median"]
    methods["flux_F444W"][1] = 2.0
    libraries = [bc03, changed(bc03, "z_sun", z_sun=0.01)]
    return ro.robustness_table(stack, libraries, "bc03", parameters(), MODES, wide=wide, methods=methods)


def concluded(table, varied, conclusion, varied_in=None):
    """Rows of a conclusion with something varied."""
    return [row for row in changes(table, varied, varied_in) if row["conclusion"] == conclusion]


def test_nothing_changed_changes_nothing(stands, stack, bc03):
    base = changes(stands, "baseline")
    assert len(base) == 6 and all(row["stands"] for row in base)
    assert [row["value_before"] for row in base] == [row["value_after"] for row in base]
    posterior, *_ = co.stack_posterior(stack, bc03, parameters(), MODES)
    (age,) = concluded(stands, "baseline", "age_gyr")
    assert age["value_after"] == posterior.columns["age_gyr_p50"][0]
    for name in stands.colnames:
        assert describe_column(name)[1], name


def test_probabilities_of_statements_are_those_of_the_posterior(stands, stack, bc03):
    """Between the quantiles that bracket them."""
    columns = co.stack_posterior(stack, bc03, parameters(), MODES)[0].columns
    (old,) = concluded(stands, "baseline", "older than 5 Gyr")
    assert columns["age_gyr_p50"][0] < 5 < columns["age_gyr_p84"][0] and 0.16 < old["value_after"] < 0.5
    (rich,) = concluded(stands, "baseline", "metallicity above 1 Zsun")
    assert columns["metallicity_zsun_p975"][0] < 1 and rich["verdict_after"] == "no"


def test_a_broader_psf_moves_the_mass_alone(stands):
    """By 2 / (1 + 1.05^2) in all filters, where PSFs are Gaussians."""
    (mass,) = concluded(stands, "psf_broader", "log_mass", "all filters")
    assert mass["value_after"] - mass["value_before"] == pytest.approx(-np.log10(2 / (1 + 1.05**2)), abs=2e-3)
    (age,) = concluded(stands, "psf_broader", "age_gyr", "all filters")
    assert age["value_after"] == pytest.approx(age["value_before"], rel=1e-3)
    channels = [row["varied_in"] for row in concluded(stands, "psf_broader", "age_gyr")[1:]]
    assert channels == ["NIRCam short", "NIRCam long"]


def test_light_lost_by_a_broader_psf():
    """Of PSFs of any shape: here a core on a power law, drawn twice."""
    radius = np.hypot(*np.mgrid[-150:151, -150:151])

    def psf(scale):
        image = np.exp(-0.5 * (radius / scale / 4) ** 2) + 0.02 * (1 + (radius / scale / 8) ** 2) ** -2.5
        return image / scale**2

    found = (psf(1.0) * psf(1.05)).sum() / (psf(1.0) ** 2).sum()
    assert ro.flux_of_broader_psf(0.05) == pytest.approx(found, abs=1e-3)


def test_each_filter_is_changed_and_left_out(stands, stack, bc03):
    assert len(concluded(stands, "zero_point", "age_gyr")) == 12
    assert [row["varied_in"] for row in concluded(stands, "without_filter", "age_gyr")] == list(SIX)
    flux = stack.flux.copy()
    flux[0, 2] = np.nan
    expected = co.stack_posterior(dataclasses.replace(stack, flux=flux), bc03, parameters(), MODES)[0].columns
    (row,) = concluded(stands, "without_filter", "age_gyr", "F200W")
    assert row["value_after"] == expected["age_gyr_p50"][0]


def test_contaminants_take_their_share_of_the_light(stack):
    left = ro._less_contaminants(stack, SIX, 0.1, 1.0).flux
    assert left.sum() == pytest.approx(0.9 * stack.flux.sum())
    taken = (stack.flux - left)[0]
    assert taken[5] / taken[2] == pytest.approx(4.40 / 1.99, rel=0.01)  # pivots of F444W and F200W


def test_hidden_neighbours_redden(stands):
    """The long filters lose most when their light is taken off: what is left is bluer, younger or poorer in metal."""
    share = ro.light_of_neighbours(SIX)
    assert np.all(np.diff(share) > 0)
    # 20,000 neighbours at random within the circle, F444W
    rng = np.random.default_rng(1)
    radius2 = ro.HIDDEN_ARCSEC**2 * rng.uniform(size=20_000)
    sigma = 0.0328 * 4.4043 / 2.3548
    assert share[5] == pytest.approx(np.exp(-radius2 / (4 * sigma**2)).mean(), abs=0.01)
    (row,) = concluded(stands, "hidden_neighbours", "metallicity_zsun")
    assert row["value_after"] < row["value_before"]


def test_young_ages_change_what_is_concluded(stands):
    """Below 0.5 Gyr a metal-rich population of some 30 Myr fits the published stack better."""
    (age,) = concluded(stands, "age_range", "age_gyr", "from")
    assert age["value_after"] < 0.1 and not age["stands"]
    (rich,) = concluded(stands, "age_range", "metallicity above 1 Zsun", "from")
    assert (rich["verdict_before"], rich["verdict_after"], rich["stands"]) == ("no", "open", False)
    (older,) = concluded(stands, "age_range", "age_gyr", "to")
    assert older["stands"] and older["value_after"] > age["value_before"]


def test_metallicities_of_libraries_are_metal_fractions(stands):
    """Half the solar value: the same models have half the metals."""
    (row,) = concluded(stands, "library", "metallicity_zsun", "z_sun")
    assert row["value_after"] == pytest.approx(0.5 * row["value_before"], rel=1e-6)
    (poor,) = concluded(stands, "library", "metallicity below 0.2 Zsun", "z_sun")
    assert poor["value_after"] > poor["value_before"]


def test_the_stack_by_another_method(stands):
    """F444W twice as bright."""
    (row,) = concluded(stands, "stack_method", "metallicity_zsun", "median")
    assert not row["stands"]


@pytest.mark.parametrize(
    ("probability", "verdict"), [(0.96, "yes"), (0.9, "open"), (0.04, "no"), (np.nan, "open")]
)
def test_verdicts(probability, verdict):
    assert ro._verdict(probability, 0.95) == verdict
