"""Expected turnovers, numbers in areas and apertures, specific frequencies."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.luminosity import function as lf
from clusterphot.luminosity import totals
from clusterphot.luminosity.density import Survey
from clusterphot.luminosity.ellipse import fit_ellipse
from clusterphot.luminosity.inputs import draw_completeness
from clusterphot.luminosity.results import make_kernels
from clusterphot.luminosity.turnover import OldClusters, expected_turnover, width_of_galaxy
from clusterphot.luminosity.v_band import SOLAR_V_VEGA, TURNOVER_V
from clusterphot.ssp.grid import ProjectedGrid
from spatial_mocks import CELL, CENTRE, MAG_MIN, Truth, density_of, draw_field, searched, survey_of

AGES = np.array([1.0, 2.0, 4.0, 8.0, 12.5])
KEYS = SimpleNamespace(width_range=(0.3, 3.0), seed=1)
OLD = OldClusters(12.5, 0.0, 0.1, 0.0)


def fading_grid(redshift=0.39):
    """V light falls as 1 / age, that in the filter stays 1e-8 nJy per V-band Sun."""
    light = np.stack([1.0 / AGES, 0.8 / AGES], axis=1)
    return ProjectedGrid(
        AGES, np.array([0.1, 1.0]), ("F200W",), light[:, :, None] * 1e-8, light, np.ones((5, 2)), redshift, 2000.0,
        70.0, 0.3,
    )  # fmt: skip


def test_turnover_is_brighter_by_what_old_clusters_have_faded_since():
    grid = fading_grid()
    lookback = age_of_universe_gyr(0, 70.0, 0.3) - age_of_universe_gyr(0.39, 70.0, 0.3)
    faded, error = expected_turnover(grid, "F200W", OLD, faded=True)
    today, _ = expected_turnover(grid, "F200W", OLD, faded=False)
    assert today - faded == pytest.approx(2.5 * np.log10(12.5 / (12.5 - lookback)), abs=0.01)
    flux = 10 ** (0.4 * (SOLAR_V_VEGA - TURNOVER_V)) * 1e-8
    assert today == pytest.approx(31.4 - 2.5 * np.log10(flux), abs=0.02)
    assert error == pytest.approx(0.2, abs=0.01)


def test_errors_of_age_and_metallicity_are_in_that_of_the_turnover():
    _, sure = expected_turnover(fading_grid(), "F200W", OLD, faded=True)
    _, unsure = expected_turnover(fading_grid(), "F200W", OldClusters(12.5, 1.0, 0.1, 0.3), faded=True)
    assert unsure > sure


def test_width_of_galaxies_stays_within_what_was_measured():
    assert width_of_galaxy(-22.0)[0] == pytest.approx(1.07 - 0.1 * (-22 + 0.95 + 20), abs=1e-6)
    assert width_of_galaxy(-30.0)[0] == 1.6


@pytest.fixture(scope="module")
def mock():
    truth = Truth()
    field = draw_field(31, 3000, truth)
    several = draw_completeness(field.injections, 4, 1)
    kernels = make_kernels(field.sample, field.injections, several)
    assumed = totals.Assumed("given", "galaxy", (truth.turnover, 0.05), (truth.width, 0.03))
    return truth, field, several, kernels, totals.fit_assumed(kernels, assumed, (0.3, 3.0))


def cells_of(mock):
    truth, field, several, _, _ = mock
    survey = Survey(
        searched() * CELL**2, field.row, field.column, field.sample.p_cluster, np.ones(len(field.row)), CELL
    )
    return totals.make_cells(
        survey, field.maps, CENTRE, several, field.injections, (MAG_MIN - 6, truth.turnover + 6)
    )


def test_numbers_are_those_put_in_the_gap_and_the_blinding_core_included(mock):
    truth, field, _, kernels, fit = mock
    drawn = lf.draw_functions(fit, totals.N_DRAWS, 1)
    number = lf.draw_numbers(kernels, field.sample, drawn, (np.inf,), seed=1)[0]
    assert abs(np.median(number) - field.there_searched.sum()) < 2.5 * number.std()
    assert number.std() < 0.15 * np.median(number)
    survey = survey_of(density_of(truth), 3000, 2)
    profile = fit_ellipse(survey, CENTRE).draws.resampled(totals.N_DRAWS)
    cells = cells_of(mock)
    for radius in (6.0, 15.0):
        within = totals.draw_within(cells, profile, drawn, field.sample.p_cluster, field.own, radius, 0.0)
        true = (field.there < radius).sum()
        assert abs(np.median(within) - true) < 2.5 * within.std()
        assert within.std() < 0.25 * true
        assert (field.own < radius).sum() < 0.6 * true


def test_assumed_turnover_holds_the_fit_and_is_called_identifiable(mock):
    *_, kernels, fit = mock
    assert fit.identifiable
    assert fit.quantile(0.5) == pytest.approx(30.0, abs=0.1)
    far = totals.fit_assumed(kernels, totals.Assumed("given", "free", (32.0, 0.01)), (1.2, 1.2))
    assert far.quantile(0.5) == pytest.approx(32.0, abs=0.05)
    assert far.interval[1] - far.interval[0] < 0.1


def test_completeness_of_cells_by_class_is_that_of_each_cell(mock):
    _, field, several, _, _ = mock
    cells = cells_of(mock)
    noise, light = field.maps.noise.astype(float), field.maps.light.astype(float)
    good = np.isfinite(noise) & (noise <= np.quantile(field.injections.values[1], 0.995))
    each = several[0](cells.mag[None], noise[good][:, None], light[good][:, None]).sum(axis=0) * CELL**2
    joined = cells.effective[0].sum(axis=0)
    bright = cells.mag < 29.0
    np.testing.assert_allclose(joined[bright], each[bright], rtol=0.01)


def test_table_has_a_row_for_each_assumption_and_region(mock):
    truth, field, several, kernels, fit = mock
    profile = fit_ellipse(survey_of(density_of(truth), 300, 2), CENTRE).draws.resampled(totals.N_DRAWS)
    galaxy = totals.GalaxyLight(
        np.array([5.0, 15.0]), np.array([30.0, 90.0]), np.array([1e11, 3e11]), 0.1, np.ones(2)
    )

    assumed = [
        totals.Assumed("faded", "free", (30.0, 0.2)),
        totals.Assumed("faded", "galaxy", (30.0, 0.2), (1.2, 0.1)),
    ]
    arguments = (
        field.sample,
        field.own,
        kernels,
        replace(fit, identifiable=False),
        cells_of(mock),
        profile,
        assumed,
    )
    table = totals.count_field(*arguments, galaxy, KEYS)
    assert len(table) == 6
    assert list(table["region"]) == ["searched", "aperture", "aperture"] * 2
    row = table[2]
    assert row["s_n_p50"] == pytest.approx(totals.specific_frequency(row["n_total_p50"], 3e11), rel=0.05)
    assert row["n_per_1e9_lsun_p50"] == pytest.approx(row["n_total_p50"] / 300, rel=0.05)
    assert np.isnan(table["s_n_p50"][0]) and table["n_total_p16"][1] < table["n_total_p84"][1]
    without = totals.count_field(*arguments[:4], None, profile[:0], assumed, galaxy, KEYS)
    assert list(without["region"]) == ["searched"] * 2


def test_an_assumption_that_the_data_refute_is_told(mock, caplog):
    _, field, _, kernels, fit = mock
    galaxy = totals.GalaxyLight(np.array([5.0]), np.array([30.0]), np.array([1e11]), 0.1, np.ones(1))

    free = lf.fit_turnover(kernels, lf.Options((28.0, 33.0), (0.3, 3.0)))
    assumed = [totals.Assumed("given", "galaxy", (turnover, 0.1), (1.2, 0.1)) for turnover in (30.0, 26.5)]
    none = np.empty((0, 4))
    table = totals.count_field(field.sample, field.own, kernels, free, None, none, assumed, galaxy, KEYS)
    fall = table["likelihood_fall"][table["turnover_kind"] == "given"]
    assert fall[0] < 9 < fall[1]
    assert caplog.text.count("does not describe these clusters") == 1


def test_no_sources_make_an_empty_table_with_all_columns():
    table = totals.totals_table([])
    assert len(table) == 0 and "s_n_p50" in table.colnames
