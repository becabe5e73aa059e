"""Measured against true fluxes of a field whose truth is known: histograms of the pulls.

See `clusterphot.proof.recovery` for the tables behind the figure. Fluxes nJy.
"""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.base.tables import read_table
from clusterphot.figures.recovery_trends import summary_rows
from clusterphot.figures.style import (
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_field,
    new_figure,
    say_empty,
)

PULL_LIMIT = 5.0


def draw(sources, summary, *, filters, field):
    """Figure of the rule plot_recovery_pulls, from the files of its input."""
    return plot_pulls(read_table(sources), read_table(summary), filters, field=field)


@in_style
def plot_pulls(sources, summary, filters, *, field):
    """Histogram of the pulls of unflagged sources, one panel per filter, with the normal distribution.

    Parameters
    ----------
    sources, summary : `astropy.table.Table`
        Written by the rule recover_truth.
    filters : sequence of str
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    n_columns = min(3, len(filters))
    n_rows = -(-len(filters) // n_columns)
    figure = new_figure(PAGE_WIDTH_IN, 0.4 + 1.75 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    label_field(figure, f"{field}: pulls of unflagged sources")
    edges = np.arange(-PULL_LIMIT, PULL_LIMIT + 0.25, 0.5)
    curve = np.linspace(-PULL_LIMIT, PULL_LIMIT, 201)
    for ax, filt in zip(axes.flat, filters, strict=False):
        pull = np.asarray(sources[f"pull_{filt}"])
        pull = pull[np.isfinite(pull) & (np.asarray(sources[f"flags_{filt}"]) == 0)]
        ax.set(xlim=(-PULL_LIMIT, PULL_LIMIT))
        if len(pull) == 0:
            say_empty(ax)
            continue
        inside = np.clip(pull, -PULL_LIMIT, PULL_LIMIT)
        weights = np.full(len(pull), 1 / (0.5 * len(pull)))
        color = filter_color(load_filter(filt).wave_pivot)
        ax.hist(inside, edges, weights=weights, histtype="stepfilled", color=color, alpha=0.35)
        ax.hist(inside, edges, weights=weights, histtype="step", color=color, lw=1.0)
        ax.plot(curve, np.exp(-0.5 * curve**2) / np.sqrt(2 * np.pi), color=INK, lw=0.9)
        row = summary_rows(summary, "flux", filt, "all")[0]
        ax.text(0.03, 0.95, filt, transform=ax.transAxes, va="top", color=color)
        text = "\n".join(
            (
                f"n = {row['n']}",
                f"median ${row['median_pull']:+.2f}$",
                f"scatter {row['pull_scatter']:.2f}",
                f"beyond 5: {100 * row['beyond_5_sigma']:.1f} %",
                f"flagged: {100 * row['flagged_fraction']:.1f} %",
            )
        )
        ax.text(
            0.97, 0.95, text, transform=ax.transAxes, va="top", ha="right", fontsize=6.5, linespacing=1.25
        )
    for ax in axes.flat[len(filters) :]:
        ax.set_axis_off()
    figure.supxlabel("(measured $-$ true) / error", fontsize=9)
    figure.supylabel("Share per unit pull", fontsize=9)
    return figure
