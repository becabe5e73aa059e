"""Probabilities of being a star cluster, in colour and magnitude and as a histogram.

Magnitudes AB, corrected for Milky Way dust.
"""

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.figures.colors import choose_filters, measure_colors
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    say_empty,
)

PROBABILITY_MAP = "cividis"
N_BINS = 20


def draw(photometry, contamination, *, filters, redshift, field):
    """Figure of the rule plot_contamination, from the files of its input."""
    chosen, table = choose_filters(filters, redshift), read_table(contamination)
    return plot_contamination(
        measure_colors(*flux_arrays(read_table(photometry), chosen), chosen),
        np.asarray(table["p_cluster"]),
        np.asarray(table["is_control"]),
        field=field,
    )


@in_style
def plot_contamination(colors, probability, is_control, *, field):
    """Figure of two colours with probabilities, and their histogram.

    Parameters
    ----------
    colors : `clusterphot.figures.colors.Colors`
    probability : (n,) float ndarray
        Of being a cluster.
    is_control : (n,) bool ndarray
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    known = np.isfinite(probability)
    unlikely = known & (probability < 0.5)
    words = f"p(cluster) < 0.5 for {np.sum(unlikely & ~is_control)} of {np.sum(known & ~is_control)} sources"
    if is_control.any():
        words += f" and {np.sum(unlikely & is_control)} of {np.sum(known & is_control)} of the control region"
    label_field(figure, f"{field}: {words}" if words else field)
    left.set(xlabel=colors.x_label, ylabel=colors.y_label)
    right.set(xlabel="Probability of being a cluster", ylabel="Sources", yscale="log")
    shown = colors.shown & known
    if not shown.any():
        say_empty(left)
        say_empty(right)
        return figure
    _draw_plane(figure, left, colors, probability, is_control, shown)
    _draw_histogram(right, probability[known], is_control[known])
    return figure


def _draw_plane(figure, left, colors, probability, is_control, shown):
    """Two colours of the sources, coloured by their probability."""
    left.errorbar(
        colors.x[shown],
        colors.y[shown],
        colors.y_err[shown],
        colors.x_err[shown],
        fmt="none",
        ecolor="#cccccc",
        elinewidth=0.35,
        alpha=0.7,
        zorder=1,
    )
    points = None
    for chosen, marker, size, label in (
        (shown & ~is_control, "o", 15, "sources"),
        (shown & is_control, "s", 30, "control region"),
    ):
        if chosen.any():
            points = left.scatter(
                colors.x[chosen],
                colors.y[chosen],
                s=size,
                c=probability[chosen],
                cmap=PROBABILITY_MAP,
                norm=Normalize(0, 1),
                marker=marker,
                ec=INK if marker == "s" else "white",
                lw=0.7 if marker == "s" else 0.3,
                zorder=3,
                label=label,
            )
    for values, setter in ((colors.x[shown], left.set_xlim), (colors.y[shown], left.set_ylim)):
        low, high = np.quantile(values, [0.005, 0.995])
        setter(low - 0.12 * (high - low) - 0.05, high + 0.12 * (high - low) + 0.05)
    figure.colorbar(points, ax=left, pad=0.02, aspect=30, label="Probability of being a cluster")
    handles = [Line2D([], [], ls="none", marker="o", ms=4, mfc=FAINT, mec="white", label="sources")]
    if is_control.any():
        handles.append(
            Line2D([], [], ls="none", marker="s", ms=5.5, mfc=FAINT, mec=INK, label="control region")
        )
    left.legend(handles=handles, loc="best")


def _draw_histogram(right, probability, is_control):
    """Numbers of sources by probability, those of the control region apart."""
    bins = np.linspace(0, 1, N_BINS + 1)
    right.hist(
        probability[~is_control],
        bins,
        histtype="stepfilled",
        color=ACCENT,
        alpha=0.35,
        ec=ACCENT,
        label="sources",
    )
    if is_control.any():
        right.hist(
            probability[is_control],
            bins,
            histtype="step",
            color="#cc3311",
            lw=1.4,
            label="control region, each\njudged by the others",
        )
    right.axvline(0.5, color=FAINT, lw=0.9, ls="--")
    right.set_ylim(0.6, None)
    right.legend(loc="upper center", frameon=True, framealpha=0.9, edgecolor="none")
