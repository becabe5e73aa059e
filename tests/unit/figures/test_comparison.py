"""Figures of comparisons: drawn with data, with little and with none."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.literature import read_literature
from clusterphot.figures import (
    color_magnitude,
    comparison_colors,
    contamination,
    lensed_ages,
    luminosities,
    mass_light,
    mass_size,
)
from clusterphot.figures.colors import measure_colors
from clusterphot.figures.magnitudes import plot_magnitudes
from clusterphot.figures.recommended import Values
from clusterphot.luminosity.v_band import summarise_luminosities

LITERATURE = Path(__file__).resolve().parents[3] / "resources" / "literature"
WHERE = {"field": "f1", "grid": "toy"}
FILTERS = ("F090W", "F150W", "F277W")
STARS = (np.array([-0.5, 0.5, 2.0]), np.array([-0.9, -0.5, 0.0]), ["F5V", "M2V", "L4V"])
RNG = np.random.default_rng(6)


def draw(figure):
    """Lay out and draw a figure without writing it."""
    figure.draw_without_rendering()
    return figure


def values(middle, err=0.1):
    middle = np.asarray(middle, dtype=float)
    return Values(middle, middle - err, middle + err, "medians of posteriors")


def some_colors(n, value=None):
    flux = RNG.uniform(5, 20, (n, 3)) if value is None else np.full((n, 3), value)
    return measure_colors(flux, np.full((n, 3), 0.5), FILTERS)


def galaxies(n):
    return RNG.normal(0, 0.3, n), RNG.normal(0, 0.3, n), RNG.integers(-1, 2, n)


@pytest.mark.parametrize(
    ("n", "value", "sample"),
    [(30, None, galaxies(40)), (30, None, galaxies(1500)), (1, None, None), (3, -1.0, None)],
)
def test_colors(n, value, sample):
    figure = draw(
        comparison_colors.plot_comparison_colors(
            some_colors(n, value),
            galaxies=sample,
            stars=STARS,
            black_bodies=[(3000, 0.7, -0.2)],
            extinction=(0.5, 0.2),
            field="f1",
        )
    )
    labels = figure.legends[0].get_texts()
    assert any("quiescent" in text.get_text() for text in labels) == (sample is not None)


@pytest.mark.parametrize("n", [0, 3, 30])
def test_mass_light(n):
    """The relation is drawn where there are galaxies enough for one."""
    sample = (np.linspace(20, 25, n), np.linspace(11, 9, n), np.ones(n, int)) if n else None
    figure = draw(
        mass_light.plot_mass_light(
            np.array([28.0, np.nan]),
            values([6.5, 6.0]),
            galaxies=sample,
            filter_name="F200W",
            mass_convention="vband",
            **WHERE,
        )
    )
    slopes = [text.get_text() for text in figure.legends[0].get_texts() if "slope" in text.get_text()]
    assert slopes == (["quiescent: slope $-0.40$ dex/mag,\nscatter 0.00 dex"] if n == 30 else [])


def test_mass_light_without_masses():
    nothing = np.full(2, np.nan)
    draw(
        mass_light.plot_mass_light(
            nothing, values(nothing), galaxies=None, filter_name="F200W", mass_convention="vband", **WHERE
        )
    )


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("redshift", [0.1, 0.39])
def test_mass_size(own, redshift):
    """A field's own limits where it has images; those of the literature are named as such."""
    sample = (RNG.uniform(9, 11, 30), RNG.uniform(1, 5, 30), RNG.integers(0, 2, 30))
    table = Table(
        {
            "id": ["stack", "c", "a", "b"],
            "is_stack": [True, False, False, False],
            "radius_limit_pc": [37.3, np.nan, 30.0, 80.0],
        }
    )
    limits = mass_size.size_limits(table, ["a", "b", "c"], 0.95) if own else mass_size.Limits(literature=50.0)
    figure = draw(
        mass_size.plot_mass_size(
            values([6.0, 6.8, 7.1]),
            limits,
            read_literature(LITERATURE / "mass_size.ecsv"),
            read_literature(LITERATURE / "galaxy_sizes.ecsv"),
            redshift=redshift,
            galaxies=sample,
            **WHERE,
        )
    )
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    if own:
        assert limits.each[:2] == pytest.approx([30.0, 80.0])
        assert np.isnan(limits.each[2])
    expected = ["clusters, 95 % limits (2)", "their stack: < 37.3 pc"]
    assert words[-2:] == expected if own else words[-1] == "limit of Faisst et al. (2022): < 50 pc"


@pytest.mark.parametrize("galaxy", [None, (-24.0, 0.1)])
@pytest.mark.parametrize("luminosity", [np.array([2e6, 1e7, np.nan]), np.full(3, np.nan)])
def test_luminosities(luminosity, galaxy):
    ml_v = np.array([0.4, 0.8, np.nan])
    rows = summarise_luminosities(
        luminosity, np.full(3, 3e5), ml_v, galaxy_v=galaxy, specific_frequency=(4, 13)
    )
    summary = {name: tuple(values) for name, *values in rows}
    ranges = read_literature(LITERATURE / "mass_to_light.ecsv")
    draw(luminosities.plot_luminosities(luminosity, ml_v, summary, ranges, **WHERE))


@pytest.mark.parametrize("local", [None, (np.array([1.7]), np.array([-9.0]))])
def test_color_magnitude(local):
    sequences = read_literature(LITERATURE / "bcg_cluster_colors.ecsv")
    draw(
        color_magnitude.plot_color_magnitude(
            np.array([1.2, np.nan]),
            np.array([-12.0, -11.0]),
            sequences,
            b_minus_i_err=np.ones(2),
            m_i_err=np.array([0.1, 0.1]),
            local=local,
            **WHERE,
        )
    )
    draw(color_magnitude.plot_color_magnitude(np.array([np.nan]), np.array([np.nan]), sequences, **WHERE))


@pytest.mark.parametrize(("n", "control"), [(30, 5), (30, 0), (1, 0)])
def test_contamination(n, control):
    draw(
        contamination.plot_contamination(
            some_colors(n), RNG.uniform(0, 1, n), np.arange(n) < control, field="f1"
        )
    )


def test_contamination_of_nothing():
    draw(
        contamination.plot_contamination(
            some_colors(2, -1.0), np.full(2, np.nan), np.zeros(2, bool), field="f1"
        )
    )


@pytest.mark.parametrize("ages", [np.array([0.5, 2.0, 9.0, 11.0]), np.array([np.nan])])
def test_lensed_ages(ages):
    lensed = read_literature(LITERATURE / "lensed_clusters.ecsv")
    cosmology = {"h0": 70.0, "omega_m": 0.3}
    figure = draw(
        lensed_ages.plot_lensed_ages(values(ages), lensed, redshift=0.39, cosmology=cosmology, **WHERE)
    )
    points = [points for points in figure.axes[0].collections if len(points.get_offsets()) > 1]
    drawn = [] if np.isnan(ages).all() else points[0].get_offsets()[:, 1].tolist()
    assert drawn == [age for age in ages if age < 9.3]


def test_clusters_that_are_not_seen_are_not_drawn():
    """Fluxes below 3 sigma have no place in a plane of magnitudes, nor have log masses that only the prior bounds."""
    sequences = read_literature(LITERATURE / "bcg_cluster_colors.ecsv")
    figure = draw(
        color_magnitude.plot_color_magnitude(
            np.full(3, 1.5),
            np.array([-13.0, -12.5, -8.0]),
            sequences,
            m_i_err=np.array([0.1, 0.36, 1.2]),
            **WHERE,
        )
    )
    assert "2 of 3 clusters" in figure.get_suptitle()


def test_expected_stars_are_drawn_as_observed():
    """Counts per bin of 0.25 mag; with 0.1 mag of dust the line is moved by as much."""
    table = Table({"flux_F200W": RNG.uniform(5, 40, 50), "flux_err_F200W": np.full(50, 0.5)})
    counts = Table({"mag_low": [26.0, 28.0], "mag_high": [28.0, 30.0], "n_stars": [8.0, 4.0]})
    counts.meta["area_arcmin2"] = 9.7
    figure = draw(
        plot_magnitudes(table, ["F200W"], "F200W", field="f1", star_counts=counts, extinction_mag=0.1)
    )
    line = figure.axes[0].lines[0]
    assert line.get_xdata() == pytest.approx([27.1, 29.1])
    assert line.get_ydata() == pytest.approx([1.0, 0.5])
