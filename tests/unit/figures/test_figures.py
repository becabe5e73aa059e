"""Figures: what they choose to show, the files they write, and fields with little or no data."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.figures import chi2_map, colors, masses, stack_sed, style
from clusterphot.figures.recommended import Values, recommended
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.ssp import grid as ssp

WHERE = {"field": "f1", "grid": "toy"}
SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")


def draw(figure):
    """Lay out and draw a figure without writing it: most mistakes show here."""
    figure.draw_without_rendering()


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    """A grid of two ages and two metallicities whose spectra are power laws, on disk."""
    wave = np.linspace(3000.0, 60000.0, 400)
    slopes = np.array([[-1.5, -1.0], [-1.2, -0.5]])
    shape = (2, 2)
    grid = ssp.SspGrid(
        np.array([1.0, 4.0]),
        np.array([0.2, 1.0]),
        wave,
        1e-4 * (wave / 1e4) ** slopes[..., None],
        np.full(shape, 0.7),
    )
    path = tmp_path_factory.mktemp("grid") / "grid.h5"
    ssp.write_grid(path, grid)
    return path


@pytest.fixture(scope="module")
def projected(spectra):
    from clusterphot.base.cosmology import flat_lambda_cdm

    return ssp.project_grid(ssp.read_grid(spectra), SIX, 0.4, flat_lambda_cdm(70.0, 0.3))


def some_masses(log_mass):
    """Figure of masses: posteriors, best fits 0.1 dex higher, every second one flagged."""
    found = Values(log_mass, log_mass - 0.1, log_mass + 0.1, "medians of posteriors")
    flags = np.arange(len(log_mass)) % 2
    return masses.plot_masses(found, log_mass + 0.1, flags, mass_convention="faisst2022", **WHERE)


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    files = []
    for run in ("a", "b"):
        paths = [str(tmp_path / f"{run}.{kind}") for kind in ("png", "pdf")]
        figure = some_masses(np.full(5, 6.5))
        style.save_figure(figure, *paths, 60)
        files.append([Path(path).read_bytes() for path in paths])
    assert files[0] == files[1]
    assert files[0][1].startswith(b"%PDF")


def test_a_failed_figure_leaves_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        style.save_figure(
            style.new_figure(1, 1), str(tmp_path / "a.png"), str(tmp_path / "missing" / "a.pdf"), 50
        )
    assert list(tmp_path.iterdir()) == []


def test_filters_have_colours_of_their_own():
    assert len({style.filter_color(ssp.filter_curve(name).pivot_angstrom) for name in SIX}) == len(SIX)


def test_the_users_matplotlibrc_changes_nothing():
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.grid": True}):
        figure = some_masses(np.full(2, 6.5))
        assert matplotlib.rcParams["font.size"] == 30
    assert figure.axes[0].xaxis.label.get_size() == style.RC["axes.labelsize"]


def test_cells_meet_half_way():
    assert chi2_map.cell_edges([1.0, 2.0, 4.0]) == pytest.approx([0.5, 1.5, 3.0, 5.0])
    assert chi2_map.cell_edges([3.0]) == pytest.approx([2.5, 3.5])


def test_outline_of_one_cell_and_of_two():
    inside = np.zeros((3, 3), bool)
    inside[1, 1] = True
    edges = np.arange(4.0)
    square = {((1, 1), (1, 2)), ((2, 1), (2, 2)), ((1, 1), (2, 1)), ((1, 2), (2, 2))}
    assert set(chi2_map.region_outline(inside, edges, edges)) == square
    inside[1, 2] = True
    assert len(chi2_map.region_outline(inside, edges, edges)) == 6


@pytest.mark.parametrize(
    "chi2", [np.array([[9.0, 1.0], [3.0, 60.0], [2.0, 500.0]]), np.full((3, 2), np.nan), np.full((3, 2), 7.0)]
)
def test_chi2_maps_with_and_without_values(chi2):
    figure = chi2_map.plot_chi2_map(
        chi2, np.array([1.0, 5.0, 10.0]), np.array([0.2, 1.0]), age_of_universe_gyr=9.0, dof=3, **WHERE
    )
    draw(figure)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == (["older than the Universe"] if np.isfinite(chi2).any() else ["no measured values"])


def test_a_poor_fit_is_named_as_such():
    """Chi-square 51.9 for 3 has a chance of 3e-11; the posterior stands beside the best fit."""
    figure = chi2_map.plot_chi2_map(
        np.array([[51.9, 99.0], [60.0, 99.0]]),
        np.array([2.0, 4.0]),
        np.array([0.2, 1.0]),
        age_of_universe_gyr=13.0,
        dof=3,
        posterior=((1.8, 2.9, 5.4), (0.1, 0.2, 0.3)),
        **WHERE,
    )
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "p < 10^{-10}" in words[0]
    assert words[1] == "posterior: 2.9 Gyr (1.8\N{EN DASH}5.4, 68 %)"
    assert style.chance_words(0.584, 1) == "p = 0.44"


def test_a_map_of_one_model():
    ones = np.ones(1)
    draw(chi2_map.plot_chi2_map(np.ones((1, 1)), ones, ones, age_of_universe_gyr=13.0, **WHERE))


def test_alternatives_are_other_ages_and_the_best_of_other_metallicities():
    chi2 = np.array([[9.0, 5.0], [1.0, 8.0], [4.0, 7.0]])
    best, ages, metallicities = stack_sed.choose_alternatives(chi2, np.array([0.5, 2.0, 8.0]), [0.2, 1.0])
    assert best == (1, 0)
    assert ages == [(0, 0), (2, 0)]  # 5 Gyr is nearest to the best age, 9 Gyr to the node at 8
    assert metallicities == [(0, 1)]


def test_spectra_are_read_as_resampled(spectra):
    grid = ssp.read_grid(spectra)
    wave, (middle, node) = stack_sed.read_spectra(spectra, [(2.0, 1.0), (4.0, 0.2)])
    assert wave == pytest.approx(grid.wave_rest)
    assert middle / grid.lsun_erg_s == pytest.approx(ssp.resample_ages(grid, [2.0]).spectra[0, 1])
    assert node / grid.lsun_erg_s == pytest.approx(grid.spectra[1, 0])
    with pytest.raises(ValueError, match="0.5 is not one of the grid"):
        stack_sed.read_spectra(spectra, [(2.0, 0.5)])


def test_drawn_spectra_pass_through_their_band_fluxes(spectra, projected):
    flux = 1e6 * projected.flux_njy[0, 1]
    fit = stack_sed.fit_grid(prepare_photometry(flux, 0.01 * flux), projected.flux_njy)
    (curve,) = stack_sed.population_curves([(0, 1)], fit, projected, spectra)
    assert curve.band_flux == pytest.approx(flux)
    # For a power law the flux at the pivot is that of the band to a few per mille.
    pivots = [ssp.filter_curve(name).pivot_angstrom for name in SIX]
    assert np.interp(pivots, curve.wave_obs, curve.flux) == pytest.approx(flux, rel=5e-3)


def test_a_black_body_fits_itself():
    (truth,) = stack_sed.black_body_curves(prepare_photometry(np.ones(6), np.ones(6)), SIX, [3000])
    photometry = prepare_photometry(truth.band_flux, 0.01 * truth.band_flux)
    right, wrong = stack_sed.black_body_curves(photometry, SIX, [3000, 4000])
    assert right.chi2 == pytest.approx(0, abs=1e-6)
    assert right.band_flux == pytest.approx(truth.band_flux)
    assert wrong.chi2 > 100


@pytest.mark.parametrize("n_measured", [6, 1, 0])
def test_stack_sed_with_few_bands(spectra, projected, n_measured):
    flux = np.where(np.arange(6) < n_measured, 10.0, np.nan)
    photometry = prepare_photometry(flux, 0.1 * flux)
    figure = stack_sed.plot_stack_sed(photometry, projected, spectra, black_body_k=[3000], **WHERE)
    draw(figure)
    empty = "no measured values" in [text.get_text() for text in figure.axes[0].texts]
    assert empty == (n_measured == 0)


def test_stack_sed_of_negative_fluxes(spectra, projected):
    photometry = prepare_photometry(np.full(6, -1.0), np.ones(6))
    draw(stack_sed.plot_stack_sed(photometry, projected, spectra, black_body_k=[3000], **WHERE))


def test_filters_of_the_colours():
    assert colors.choose_filters(SIX, 0.39) == ["F090W", "F150W", "F277W"]
    assert colors.choose_filters(["F444W", "F200W"], 0.39) == ["F200W", "F444W"]
    assert colors.choose_filters(["F150W"], 0.39) == ["F150W"]


def test_colours_and_their_errors():
    flux = np.array([[10.0, 100.0, 100.0], [-1.0, 5.0, 5.0], [np.nan, 5.0, 5.0]])
    result = colors.measure_colors(flux, np.array([[1.0, 0.0, 3.0]] * 3), ["F090W", "F150W", "F277W"])
    assert list(result.shown) == [True, False, False]
    assert (result.x[0], result.y[0]) == pytest.approx((2.5, 0.0))
    # 10 % of the flux is 0.1086 mag, 3 % is 0.0326 mag.
    assert (result.x_err[0], result.y_err[0]) == pytest.approx((0.1086, 0.0326), abs=1e-4)


@pytest.mark.parametrize(
    ("filters", "n"),
    [
        (["F090W", "F150W", "F277W"], 30),
        (["F090W", "F150W", "F277W"], 1),
        (["F090W", "F150W", "F277W"], 0),
        (["F090W", "F200W"], 30),
        (["F200W"], 30),
    ],
)
def test_colours_of_few_sources_and_filters(projected, filters, n):
    rng = np.random.default_rng(n)
    flux = rng.uniform(5, 30, (n, len(filters)))
    flux[n // 2 :: 7] *= -1
    figure = colors.plot_colors(
        colors.measure_colors(flux, np.ones_like(flux), filters),
        rng.choice([1.0, 4.0], n),
        rng.choice([0.2, 1.0], n),
        colors.model_tracks(projected, filters),
        **WHERE,
    )
    draw(figure)


def test_colours_without_values_and_on_one_line(projected):
    filters = ["F090W", "F150W", "F277W"]
    tracks = colors.model_tracks(projected, filters)
    for flux in (np.full((25, 3), np.nan), np.full((25, 3), 3.0)):
        measured = colors.measure_colors(flux, 0.1 * flux, filters)
        figure = colors.plot_colors(measured, np.full(25, np.nan), np.full(25, np.nan), tracks, **WHERE)
        draw(figure)
    note = colors.plot_colors(
        colors.measure_colors(np.array([[-1.0, 1, 1], [1, 1, 1]]), np.ones((2, 3)), filters),
        np.ones(2),
        np.ones(2),
        tracks,
        **WHERE,
    ).get_suptitle()
    assert note == "f1, toy models: 1 of 2 clusters, 1 without positive fluxes left out"


def test_mass_bins_hold_all_values_on_whole_tenths():
    values = np.array([6.1, 6.55, 7.3])
    bins = masses.mass_bins(values, many=3)
    assert bins[0] == pytest.approx(6.1)
    assert bins[-1] >= 7.3
    assert np.diff(bins) == pytest.approx(0.1)
    assert masses.mass_bins(np.array([6.5]), many=3) == pytest.approx([6.4, 6.6])


@pytest.mark.parametrize("n_known", [30, 1, 0])
def test_masses_of_few_clusters(n_known):
    log_mass = np.where(np.arange(30) < n_known, np.linspace(6, 7, 30), np.nan)
    figure = some_masses(log_mass)
    draw(figure)
    if n_known:
        bars = sum(patch.get_height() for box in figure.axes[0].containers[:2] for patch in box)
        assert bars == n_known


def test_medians_of_posteriors_go_before_best_fits():
    """With the ends of their 68 % intervals; a table without posteriors gives best fits and their errors."""
    table = Table({"log_mass": [6.5], "log_mass_err": [0.2], "age_gyr": [2.0]})
    best = recommended(table, "log_mass")
    assert (best.middle[0], best.low[0], best.high[0]) == pytest.approx((6.5, 6.3, 6.7))
    assert np.isnan(recommended(table, "age_gyr").low[0])
    for quantile, value in (("p16", 6.0), ("p50", 6.2), ("p84", 6.6)):
        table[f"log_mass_{quantile}"] = [value]
    found = recommended(table, "log_mass")
    assert (found.middle[0], found.low[0], found.high[0]) == (6.2, 6.0, 6.6)
