"""Figures of libraries, sensitivity and interpolation: what they show, and fields with little or no data."""

import numpy as np
import pytest
from astropy.table import Table
from calibration_figures import plot_interpolation
from clusterphot.figures import libraries, robustness, sensitivity
from clusterphot.sed.library_comparison import CONFIGURED, ZERO_POINTS

QUANTILES = {"age_gyr": (1.0, 2.0, 4.0), "metallicity_zsun": (0.1, 0.2, 0.4), "log_mass": (6.4, 6.5, 6.7)}


def compared(names, *, known=True):
    """Tables as of `clusterphot.sed.library_comparison.compare_libraries`, and maps, of libraries of these names."""
    rows, densities, maps = [], [], {}
    for number, name in enumerate(names):
        about = {"ssp_grid": name, "ssp_tracks": "", "ssp_library": "a library", "dof": 3}
        evidence = -1.5 * number if known else np.nan
        rows.append(about | {"error_model": CONFIGURED, "delta_log_evidence": evidence})
        rows.append(about | {"error_model": ZERO_POINTS, "delta_log_evidence": -99.0})
        for axis, values in (("age_gyr", [0.5, 2.0, 9.0]), ("metallicity_zsun", [0.1, 0.4, 1.0])):
            heights = [0.1, 1.0 + number, 0.1] if known else [np.nan] * 3
            densities += [(name, axis, *pair) for pair in zip(values, heights, strict=True)]
        chi2 = np.arange(6.0).reshape(3, 2) ** 2 * 10 if known else np.full((3, 2), np.nan)
        maps[name] = (chi2, np.array([1.0, 2.0, 3.0]), np.array([0.2, 1.0]))
    names = ["ssp_grid", "axis", "axis_value", "density_per_dex"]
    return Table(rows), Table(rows=densities, names=names), maps


def texts(figure):
    """All words in a figure and its subfigures."""
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_a_map_for_each_library(n):
    names = [f"library{number}" for number in range(n)]
    figure = libraries.plot_libraries(*compared(names), age_of_universe_gyr=2.5, field="f")
    figure.draw_without_rendering()
    titled = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in titled] == [f"{name}: a library" for name in names]
    words = texts(figure)
    assert "$\\Delta\\ln E = 0.0$" in words and "-99" not in words
    assert all(f"{name}: " in words for name in names)


def test_libraries_differ_in_colour_and_in_line_style():
    assert len(set(libraries.COLORS)) == len(libraries.COLORS)
    assert len(set(libraries.STYLES)) == len(libraries.STYLES)


def test_a_stack_without_data():
    figure = libraries.plot_libraries(*compared(["a", "b"], known=False), age_of_universe_gyr=9, field="f")
    figure.draw_without_rendering()
    assert "no measured values" in texts(figure)


def moved(rows):
    """Table as of `clusterphot.sed.sensitivity.sensitivity_table`: (varied, in, by, change of age)."""
    table = []
    for varied, name, step, change in [("baseline", "", 0.0, 0.0), *rows]:
        row = {"varied": varied, "varied_in": name, "varied_by": step}
        for quantity, values in QUANTILES.items():
            row |= dict(zip((f"{quantity}_{q}" for q in ("p16", "p50", "p84")), values, strict=True))
        for word in sensitivity.PANELS:
            row |= {f"{word}_change_dex": change, f"best_{word}_change_dex": change}
        table.append(row)
    return Table(table)


def test_the_largest_change_is_on_top():
    rows = [
        ("zero_point", "F150W", -0.02, 0.05),
        ("zero_point", "F150W", 0.02, -0.04),
        ("ebv", "E(B-V)", 0.03, 0.01),
        ("library", "other_one", np.nan, -0.4),
        ("zero_point_errors", "all", 0.05, 0.1),
        ("age_prior", "uniform", np.nan, np.nan),
    ]
    figure = sensitivity.plot_sensitivity(moved(rows), field="f", grid="bc03")
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[:3] == ["library other_one", "all zero-point errors 5 %", "F150W zero point $\\pm$2 %"]
    assert len(labels) == 5
    # bars of the age panel: each change once, none where it is not known
    widths = sorted(
        bar.get_width() for bar in figure.axes[0].patches if bar.get_height() == pytest.approx(0.62)
    )
    assert widths == pytest.approx([-0.4, -0.04, 0.01, 0.05, 0.1])


def test_nothing_but_the_baseline():
    sensitivity.plot_sensitivity(moved([]), field="f", grid="g").draw_without_rendering()


def test_matrix_of_what_stands():
    """A cell for each change and conclusion, its words and colour from the table."""
    cells = [
        ("baseline", "", 0.0, "older than 5 Gyr", 0.2, "open", True),
        ("baseline", "", 0.0, "age_gyr", 2.9, "1.8 to 5.4", True),
        ("zero_point", "F150W", -0.05, "older than 5 Gyr", 0.97, "yes", False),
        ("zero_point", "F150W", -0.05, "age_gyr", np.nan, "nan to nan", False),
    ]
    names = ("varied", "varied_in", "varied_by", "conclusion", "value_after", "verdict_after", "stands")
    figure = robustness.plot_robustness(Table(rows=cells, names=names), field="f", grid="bc03")
    figure.draw_without_rendering()
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["as measured", "F150W zero point -5 %"]
    assert [text.get_text() for text in ax.texts] == ["open, p = 0.20", "2.90", "yes, p = 0.97", "unknown"]
    assert len(ax.patches) == 4


def test_interpolation():
    rows = [
        {"axis": axis, "value": value, "flux_rms": 0.01, "flux_max": 0.1, "colour_rms": 0.001}
        for axis, value in (("age_gyr", 1.0), ("age_gyr", 2.0), ("metallicity_zsun", 0.2))
    ]
    figure = plot_interpolation(Table(rows), note="a note")
    figure.draw_without_rendering()
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [[10, 10], [1, 1], [0.1, 0.1]]
