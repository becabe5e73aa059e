"""Colours of the clusters and the components of their mixture. Magnitudes AB."""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.detect.selection import magnitudes
from clusterphot.figures.style import (
    FAINT,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    panel_shape,
    say_empty,
)
from clusterphot.luminosity.inputs import selected_sources
from clusterphot.luminosity.results import source_probabilities

ONE, TWO = "#0077bb", "#ee7733"


def draw(candidates, colors, *, use_purity, field):
    """Figure of the rule plot_color_mixture, from the files of its input."""
    sources = source_probabilities(selected_sources(read_table(candidates)), use_purity)
    return plot_color_mixture(sources, read_table(colors), field=field)


@in_style
def plot_color_mixture(table, results, *, field):
    """Histogram of each colour with the mixtures of one and two components.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources with the probabilities to be used.
    results : `astropy.table.Table`
        As in ``luminosity/colors.ecsv``.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    bands = list(dict.fromkeys(str(name) for name in results["band"]))
    n_rows, n_columns = panel_shape(len(bands))
    figure = new_figure(PAGE_WIDTH_IN, 0.4 + 2.1 * n_rows)
    label_field(figure, f"{field}: colours of the clusters, errors taken out")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    if not bands:
        say_empty(axes[0], "one filter has no colour")
        return figure
    for ax in axes[len(bands) :]:
        ax.set_axis_off()
    for ax, band in zip(axes, bands, strict=False):
        _draw_color(ax, table, results[np.asarray(results["band"]) == band], band)
    axes[0].set_ylabel("Density (1/mag)")
    if axes[0].get_legend_handles_labels()[0]:
        axes[0].legend(loc="upper left", handlelength=1.3, fontsize=6.5)
    return figure


def _draw_color(ax, table, rows, band):
    """One colour."""
    blue, red = band.split("-")
    with np.errstate(invalid="ignore", divide="ignore"):
        flux = [np.asarray(table[f"flux_{name}"], dtype=float) for name in (blue, red)]
        color = magnitudes(flux[0]) - magnitudes(flux[1])
    good = np.isfinite(color)
    color, weight = color[good], np.asarray(table["p_cluster"], dtype=float)[good]
    ax.set_xlabel(f"{blue} \N{MINUS SIGN} {red} (mag)")
    if not len(color) or not np.isfinite(np.asarray(rows["color_mean"])).any():
        say_empty(ax)
        return
    low, high = np.percentile(color, [2, 98])
    low, high = low - 0.35, high + 0.35
    edges = np.arange(low, high + 0.1, 0.1)
    ax.hist(
        color, edges, weights=weight, density=True, histtype="stepfilled", color="#dddddd",
        label="found, times probability",
    )  # fmt: skip
    x = np.linspace(low, high, 400)
    for k, color_of, line in ((1, ONE, "-"), (2, TWO, "--")):
        part = rows[np.asarray(rows["n_components"]) == k]
        pull = (x - np.asarray(part["color_mean"])[:, None]) / np.asarray(part["color_width"])[:, None]
        scale = np.asarray(part["color_share"]) / np.asarray(part["color_width"]) / np.sqrt(2 * np.pi)
        ax.plot(
            x,
            scale @ np.exp(-0.5 * pull**2),
            color=color_of,
            ls=line,
            lw=1.1,
            label=f"{k} component{'s' * (k > 1)}",
        )
    evidence = {
        k: float(np.asarray(rows["log_evidence"])[np.asarray(rows["n_components"]) == k][0]) for k in (1, 2)
    }
    ax.set_title(
        f"ln evidence of 2 over 1: {evidence[2] - evidence[1]:+.1f}".replace("-", "\N{MINUS SIGN}"),
        loc="left",
        fontsize=7,
        color=FAINT,
    )
    top = max(ax.get_ylim()[1], 0)
    ax.set(xlim=(low, high), ylim=(0, min(top, 8) * 1.3))
