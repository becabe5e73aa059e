"""Tables, files and figures of the luminosity function, with many sources, few and none; mistakes in the section."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.columns import describe_column
from clusterphot.base.errors import DataError, UserError
from clusterphot.base.tables import read_table, write_table
from clusterphot.base.units import flux_from_mag_ab, mag_ab
from clusterphot.detect.tiles import CoarseMaps, write_maps
from clusterphot.figures.cluster_map import plot_cluster_map
from clusterphot.figures.color_mixture import plot_color_mixture
from clusterphot.figures.luminosity_function import plot_luminosity_function
from clusterphot.figures.style import save_figure
from clusterphot.luminosity import inputs, results
from clusterphot.luminosity.distribution import field_survey, write_density
from clusterphot.run import configuration
from luminosity_mocks import LIMIT, draw, search

AREAS = {
    "searched": 900.0,
    "control_region": 200.0,
    "edge": 50.0,
    "saturated": 3.0,
    "star": 4.0,
    "glare": 7.0,
}
FILTERS = ["F150W", "F200W"]


@pytest.fixture(scope="module")
def injections():
    """A thousand artificial clusters in two filters, two of them outside the searched area."""
    rng = np.random.default_rng(0)
    mag = rng.uniform(26.5, 31, 1000)
    noise, light, found, seen = search(mag, rng)
    table = Table({"flux_in_F200W": flux_from_mag_ab(mag), "flux_F200W": np.where(seen, found, np.nan)})
    table["flux_in_F150W"] = table["flux_in_F200W"] * np.exp(0.2 * rng.standard_normal(1000))
    table["noise_F200W"], table["surface_brightness"], table["selected"] = noise, light, seen
    table["searched"], table["neighbour_light"] = np.arange(1000) > 1, np.zeros(1000)
    return inputs.read_injections([table[:400], table[400:]], "F200W")


def candidates(n):
    """Candidates of which n are selected, and five are not."""
    rng = np.random.default_rng(1)
    sample = draw(1, -1.0, 0.9, n + 5, n_injected=300).sample
    table = Table({"flux_F200W": sample.flux, "flux_err_F200W": sample.noise, "noise_F200W": sample.noise})
    table["flux_F150W"] = sample.flux * 0.9 * np.exp(0.1 * rng.standard_normal(n + 5))
    table["flux_err_F150W"], table["surface_brightness"] = sample.noise, sample.light
    table["mag"], table["p_cluster"] = mag_ab(sample.flux), np.where(np.arange(n + 5) % 7, 0.9, np.nan)
    table["x"], table["y"] = rng.uniform(0, 480, (2, n + 5))
    table["neighbour_light"] = np.zeros(n + 5)
    table["selected"] = np.arange(n + 5) < n
    return inputs.selected_sources(table)


@pytest.fixture
def maps(tmp_path):
    """File of the maps of a field of 480 pixels of 0.02 arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [110.0, -73.0], [240, 240]
    wcs.wcs.cdelt = [-0.02 / 3600, 0.02 / 3600]
    rows, columns = np.indices((30, 30))
    light = (3000.0 / (1 + np.hypot(rows - 15, columns - 12))).astype(np.float32)
    one = np.ones((30, 30), np.float32)
    write_maps(
        tmp_path / "maps.fits",
        CoarseMaps(one, light, one, dict.fromkeys(("edge", "saturated", "star", "glare"), 0 * one)),
        wcs,
    )
    return str(tmp_path / "maps.fits")


@pytest.mark.parametrize("n", [0, 4, 300])
def test_tables_files_and_figures_whatever_is_found(n, injections, maps, tmp_path):
    table = results.source_probabilities(candidates(n), True)
    settings = results.FitSettings(n_completeness_draws=2)
    sample = inputs.make_sample(table, "F200W", use_purity=True, mag_min=26.0)
    result = results.fit_field(sample, injections, AREAS, settings)
    row = result.summary[0]
    assert (
        row["n_sources"] + row["n_beyond"] == n and row["n_beyond"] <= 0.02 * n and row["area_lost"] == 64.0
    )
    assert row["mag_limit"] == pytest.approx(LIMIT, abs=0.1)
    assert result.counts["n_found"].sum() == row["n_sources"]
    assert row["status"] == ("identifiable" if n > 100 else "too few sources")
    colors = results.fit_colors(table, injections, "F200W", [("F150W", "F200W")])
    assert list(colors["n_components"]) == [1, 2, 2] and np.isfinite(colors["color_mean"]).all() == (n > 100)
    par = SimpleNamespace(
        centre=(110.0, -73.0), mag_min=26.0, binning={"n_radial_bins": 4, "smoothing_arcsec": 1.0}
    )
    survey = field_survey(table, injections.completeness, result.summary, maps, [maps], par)
    assert list(survey.comparison["map"]) == ["light", "maps.fits"]
    assert survey.radial["n_found"].sum() == (table["mag"] < row["mag_limit"]).sum()
    for one in (result.summary, result.counts, colors, survey.radial, survey.comparison):
        for name in one.colnames:
            describe_column(name)
    write_density(tmp_path / "density.fits", survey)
    assert fits.getheader(tmp_path / "density.fits", "DENSITY")["BUNIT"] == "arcmin-2"
    results.write_posterior(tmp_path / "posterior.fits", result.fit)
    fit = results.read_posterior(tmp_path / "posterior.fits")
    if n > 100:
        assert fit.quantile(0.5) == result.fit.quantile(0.5) and fit.identifiable == result.fit.identifiable
        assert fit.interval == result.fit.interval == (row["turnover_p16"], row["turnover_p84"])
    survey.radial.meta.update(survey.meta)
    drawn = [
        plot_luminosity_function(result.summary, result.counts, fit, filt="F200W", field="f", fall=9),
        plot_color_mixture(table, colors, field="f"),
        plot_cluster_map(
            table,
            survey.density,
            survey.radial,
            survey.comparison,
            (15.0, 12.0),
            cell_arcsec=0.32,
            smoothing_arcsec=1.0,
            field="f",
        ),
    ]
    for number, figure in enumerate(drawn):
        save_figure(figure, tmp_path / f"{number}.png", tmp_path / f"{number}.pdf", 50)


def test_residuals_of_bright_stars_do_not_stand_for_thousands(injections):
    """Two sources in noise twelve times the usual, where completeness is extrapolated to nothing."""
    settings = results.FitSettings(n_completeness_draws=2)
    table = results.source_probabilities(candidates(300), False)
    numbers = []
    for worse in (1.0, 12.0):
        table["noise_F200W"][:2] *= worse
        sample = inputs.make_sample(table, "F200W", use_purity=False, mag_min=26.0)
        row = results.fit_field(sample, injections, AREAS, settings).summary[0]
        numbers.append((row["n_beyond"], row["n_to_limit"]))
    assert numbers[1][0] >= 2
    assert numbers[1][1] == pytest.approx(numbers[0][1], rel=0.05)


def test_sources_beside_one_brighter_than_any_neighbour_of_artificial_ones_are_left_out(injections):
    table = results.source_probabilities(candidates(300), False)
    sample = inputs.make_sample(table, "F200W", use_purity=False, mag_min=26.0)
    before = injections.covers(sample)
    table["neighbour_light"][:3] = 1e4
    after = injections.covers(inputs.make_sample(table, "F200W", use_purity=False, mag_min=26.0))
    assert before[:3].sum() >= 2 and not after[:3].any() and np.array_equal(before[3:], after[3:])


def test_error_of_the_purity_is_in_the_numbers(injections):
    """A fifth of the number unknown: the interval widens by that in quadrature, and not where purity is left out."""
    settings = results.FitSettings(n_completeness_draws=2)
    table = results.source_probabilities(candidates(300), True)
    halves = {}
    for use, error in ((True, 0.0), (True, 60.0), (False, 60.0)):
        table.meta["purity"] = {"p_cluster_sum": 300.0, "p_cluster_sum_err": error}
        sample = inputs.make_sample(table, "F200W", use_purity=use, mag_min=26.0)
        row = results.fit_field(sample, injections, AREAS, settings).summary[0]
        halves[use, error] = 0.5 * (row["n_to_limit_p84"] - row["n_to_limit_p16"]) / row["n_to_limit"]
    assert halves[True, 60.0] == pytest.approx(np.hypot(halves[True, 0.0], 0.2), rel=0.1)
    assert halves[False, 60.0] < 0.1


def test_unknown_purity_is_said(caplog):
    assert inputs.number_error({"purity": {"not_known": "light does not vary"}}, True) == 0.0
    assert "light does not vary" in caplog.text


def test_injections_that_lose_none_ask_for_fainter_ones(injections):
    kept = injections.table[np.asarray(injections.table["flux_in_F200W"]) > 15.0]
    bright = inputs.read_injections([kept], "F200W")
    with pytest.raises(DataError, match="widen completeness.mag_range"):
        results.limit_of("auto", bright)
    assert results.limit_of(29.0, bright) == 29.0


def test_one_filter_has_no_colours(injections, tmp_path):
    table = results.source_probabilities(candidates(30), True)
    colors = results.fit_colors(table, injections, "F200W", [])
    write_table(tmp_path / "colors.ecsv", colors, meta={})
    colors = read_table(tmp_path / "colors.ecsv")
    assert len(colors) == 0 and not (colors["preferred"] & (colors["component"] == 0)).any()
    figure = plot_color_mixture(table, colors, field="f")
    assert figure.axes[0].texts[0].get_text() == "one filter has no colour"


def test_injections_outside_the_searched_area_do_not_count(injections):
    assert len(injections.selected) == 998


def test_resampled_completenesses_differ_and_repeat(injections):
    one, two = (inputs.draw_completeness(injections, 3, 5) for _ in range(2))
    at = (LIMIT, 1.15, 1000.0)
    assert [c(*at) for c in one] == [c(*at) for c in two]
    assert 0.005 < np.std([c(*at) for c in one[1:]]) < 0.1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("width_range", [2.0, 1.0], "luminosity.width_range: got \\[2, 1\\]"),
        ("turnover_range", [30, 20], "the lower, then the higher end"),
        ("centres", {"mime": [1, 2]}, "did you mean 'mine'"),
        ("compare_maps", {"mine": ["no.fits"]}, "no.fits, which is not there"),
        ("turnovers", {"other": (31.0, 0.2)}, "one of fields: mine"),
        ("halo_masses", {"mine": (14.9, 0.0)}, "its error, above 0"),
    ],
)
def test_mistakes_of_the_section(key, value, said):
    section = {"turnover_range": "auto", "width_range": [0.3, 3], "centres": {}, "compare_maps": {}}
    section |= {"turnovers": {}, "halo_masses": {}}
    config = {"fields": {"mine": {}}, "luminosity": section | {key: value}}
    with pytest.raises(UserError, match=said):
        configuration._check_luminosity(config, lambda path: "my.yaml")
