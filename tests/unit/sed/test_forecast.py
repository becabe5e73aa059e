"""Forecasts: closed forms of the depths, and rankings that can be told beforehand."""

import dataclasses

import numpy as np
import pytest
from clusterphot.figures.forecast import forecast_figure
from clusterphot.sed import forecast as fc
from clusterphot.sed.posterior_model import Nuisance, Priors
from clusterphot.sed.shared_modes import zero_point_modes
from clusterphot.ssp.grid import ProjectedGrid

FILTERS = ("F150W", "F200W", "F090W", "F444W")
DEPTHS = dict.fromkeys(FILTERS, 29.5)
TRUTH = fc.Truth(2.0, 0.2, 7.7)


@pytest.fixture(scope="module")
def grid():
    """Toy models: all filters fade alike with age, but F090W, which fades faster; F444W repeats F200W."""
    age = np.geomspace(0.5, 9.0, 43)
    z = np.geomspace(0.02, 2.0, 21)
    x, y = np.meshgrid(np.log(age), np.log(z), indexing="ij")
    slopes = {"F150W": (-1.0, 0.0), "F200W": (-1.0, 0.3), "F090W": (-2.0, 0.0), "F444W": (-1.0, 0.3)}
    flux = np.stack([1e-6 * np.exp(slopes[name][0] * x + slopes[name][1] * y) for name in FILTERS], axis=-1)
    ones = np.ones(x.shape)
    return ProjectedGrid(age, z, FILTERS, flux, np.exp(-x), 0.7 * ones, 0.39, 2108.0, 70.0, 0.3)


def run(grid, **options):
    """A forecast with the first two filters as the baseline."""
    nuisance = options.pop("nuisance", Nuisance(zero_point_modes(FILTERS, 0.02)))
    depths = options.pop("depths", DEPTHS)
    return fc.forecast(grid, TRUTH, depths, FILTERS[:2], Priors(), nuisance, **options)


def test_depths_are_five_sigma():
    # 1 nJy is AB 31.4; 5 sigma there is an error of 0.2 nJy
    assert fc.depth_to_error(31.4) == pytest.approx(0.2, rel=1e-2)
    assert fc.depth_to_error(28.9) == pytest.approx(2.0, rel=1e-2)


def test_sets_of_filters():
    assert fc.filter_sets(["A"], ["A", "B", "C"], 2) == [(), ("B",), ("C",), ("B", "C")]


@pytest.mark.parametrize("n_realisations", [0, 16])
def test_the_filter_that_knows_ages_wins(grid, n_realisations):
    table = run(grid, n_realisations=n_realisations)
    assert list(table["rank"]) == [1, 2, 3]
    assert table["extra"][0] == "F090W"
    assert table["age_gain"][0] > 2
    base = table[list(table["extra"]).index("")]
    assert base["age_gain"] == 1
    assert base["n_filters"] == 2
    # The colour F090W - F150W alone: flux ratio ~ 1/age, errors of two zero points and of the noise
    mass_flux = 1e-6 * 2.0 ** np.array([-2.0, -1.0]) * 10**7.7 / 0.7
    fraction = np.hypot(fc.depth_to_error(29.5) / mass_flux, 0.02)
    expected = np.sqrt(np.sum(fraction**2)) / np.log(10)
    assert table["age_dex"][0] == pytest.approx(expected, rel=0.2 if n_realisations else 0.1)


def test_a_filter_without_depth_adds_nothing(grid):
    table = run(grid, depths={**DEPTHS, "F444W": 15.0})
    row = table[list(table["extra"]).index("F444W")]
    assert row["age_gain"] == pytest.approx(1, abs=1e-3)
    assert row["snr_extra"] < 1e-3


def test_pairs_are_no_worse_than_singles(grid):
    table = run(grid, n_extra=2)
    width = dict(zip(table["extra"], table["age_dex"], strict=True))
    assert set(width) == {"", "F090W", "F444W", "F090W+F444W"}
    assert width["F090W+F444W"] <= 1.001 * min(width["F090W"], width["F444W"])


def test_realisations_are_seeded(grid):
    first, second = run(grid, n_realisations=4, seed=3), run(grid, n_realisations=4, seed=3)
    assert np.array_equal(first["age_dex"], second["age_dex"])
    assert not np.array_equal(first["age_dex"], run(grid, n_realisations=4, seed=4)["age_dex"])


def test_mistakes(grid):
    with pytest.raises(ValueError, match="F277W"):
        run(grid, depths={**DEPTHS, "F277W": 29.0})
    with pytest.raises(ValueError, match="age_gyr of the truth"):
        fc.forecast(grid, dataclasses.replace(TRUTH, age_gyr=12.0), DEPTHS, FILTERS[:2], Priors(), Nuisance())


def test_figure(grid):
    figure = forecast_figure(run(grid), note="toy")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "+ F090W"
    assert "baseline" in labels
