"""Size of the candidates of a field against magnitude, with the cuts.

Sizes mas2 beyond the field's stars, magnitudes AB.
"""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.candidates import EXTENDED, OTHER, SELECTED
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    in_style,
    label_field,
    new_figure,
    say_empty,
)


def draw(candidates, *, cuts, reference_filter, field):
    """Figure of the rule plot_point_likeness, from the file of its input."""
    return plot_point_likeness(read_table(candidates), cuts, reference_filter=reference_filter, field=field)


@in_style
def plot_point_likeness(table, cuts, *, reference_filter, field):
    """Size beyond the field's stars against magnitude, with the cuts.

    Parameters
    ----------
    table : `astropy.table.Table`
        Candidates: mag, size, size_err, selected, reason.
    cuts : dict
        ``max_extent_sigma``, ``min_extent_mas2``, ``max_sharp_sigma``, ``mag_min``, ``mag_max``.
    reference_filter, field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(COLUMN_WIDTH_IN * 1.35, 3.6)
    label_field(figure, field)
    ax = figure.subplots()
    ax.set(xlabel=f"{reference_filter} magnitude (AB)", ylabel="Variance beyond stars (mas$^2$)")
    mag, size, error = (np.asarray(table[name], dtype=float) for name in ("mag", "size", "size_err"))
    selected, reason = np.asarray(table["selected"], dtype=bool), np.asarray(table["reason"]).astype(str)
    known = np.isfinite(mag) & np.isfinite(size) & np.isfinite(error)
    known &= ~np.isin(reason, ("glare", "saturated", "edge", "star_ring", "star_wing"))
    if not known.any():
        say_empty(ax)
        return figure
    extended = np.isin(reason, ("extended", "elongated"))
    bright = reason == "bright"
    for rows, color, marker, label in (
        (known & ~selected & ~extended & ~bright, OTHER, "x", "rejected otherwise"),
        (known & bright, INK, "*", "brighter than the range"),
        (known & extended, EXTENDED, "s", "extended or elongated"),
        (known & selected, SELECTED, "o", "selected"),
    ):
        face = {} if marker == "x" else {"facecolor": "none", "edgecolor": color}
        ax.scatter(
            mag[rows],
            size[rows],
            s=11,
            marker=marker,
            lw=0.7,
            label=f"{label} ({rows.sum()})",
            **(face or {"color": color}),
        )
    _draw_cuts(ax, mag[known], error[known], cuts)
    ax.set_yscale("symlog", linthresh=100)
    ax.set(xlim=(max(mag[known].min() - 0.3, 20), mag[known].max() + 0.3), ylim=(-3000, 10000))
    ax.axhline(0, color=FAINT, lw=0.6, zorder=0)
    ax.legend(
        loc="lower left", borderaxespad=0.3, frameon=True, facecolor="white", framealpha=1.0, edgecolor="none"
    )
    return figure


def _draw_cuts(ax, mag, error, cuts):
    """Range of magnitudes, and the limits of size at the median error of each magnitude."""
    for value in (cuts["mag_min"], cuts["mag_max"]):
        ax.axvline(value, color=ACCENT, lw=0.7, ls=(0, (4, 2)), zorder=0)
    edges = np.arange(cuts["mag_min"] - 0.5, np.ceil(mag.max()) + 0.5, 0.5)
    middle = 0.5 * (edges[1:] + edges[:-1])
    number = np.digitize(mag, edges) - 1
    typical = np.array(
        [np.median(error[number == k]) if np.sum(number == k) > 2 else np.nan for k in range(len(middle))]
    )
    upper = np.maximum(cuts["max_extent_sigma"] * typical, cuts["min_extent_mas2"])
    ax.plot(middle, upper, color=INK, lw=0.8, label="limits at the median error")
    ax.plot(middle, -cuts["max_sharp_sigma"] * typical, color=INK, lw=0.8)
