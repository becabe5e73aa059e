"""Candidates of a field: where they are found, rejected and listed; their size against magnitude with the cuts.

Positions degrees (ICRS), sizes mas2 beyond the field's stars, magnitudes AB.
"""

import numpy as np
from matplotlib.lines import Line2D

from clusterphot.detect.tiles import CELL_PX
from clusterphot.figures.overview import robust_sky
from clusterphot.figures.stack import label_field
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    new_figure,
    say_empty,
)

SELECTED, EXTENDED, OTHER, LISTED = "#ee7733", "#0077bb", "#aaaaaa", "#009988"
"""Colours after Tol (2021, SRON/EPS/TN/09-002); the kinds differ by marker as well."""

NOT_SHOWN = ("bright", "below_range")
LOST_COLOR = "#cc3311"
CROWDED = 600
"""With more candidates than this the markers of the map get smaller: their total area stays the same."""


@in_style
def plot_candidates(small, table, listed, maps, *, field):
    """Map of the candidates over the reference filter's image.

    Parameters
    ----------
    small : `clusterphot.figures.overview.SmallMosaic`
    table : `astropy.table.Table`
        Candidates: ra, dec, selected, reason.
    listed : (ra, dec) or None
        Positions of the field's source list.
    maps : `clusterphot.detect.tiles.CoarseMaps`
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    ny, nx = small.image.shape
    figure = new_figure(PAGE_WIDTH_IN, min(0.6 + PAGE_WIDTH_IN * ny / nx, 8.9))
    label_field(figure, f"{field}: candidates in {small.filter_name}")
    ax = figure.subplots()
    ax.imshow(_stretched(small.image), origin="lower", cmap="gray_r", interpolation="antialiased")
    lost = sum(maps.lost[name] for name in ("saturated", "star", "glare"))
    extent = np.array([0, maps.noise.shape[1], 0, maps.noise.shape[0]]) * CELL_PX / small.factor - 0.5
    if np.nanmax(lost, initial=0.0) > 0.5:
        ax.contour(np.nan_to_num(lost), [0.5], colors=LOST_COLOR, linewidths=0.7, extent=extent)
    selected, reason = np.asarray(table["selected"], dtype=bool), np.asarray(table["reason"]).astype(str)
    x, y = small.place(table["ra"], table["dec"])
    extended = np.isin(reason, ("extended", "elongated"))
    shown = ~np.isin(reason, NOT_SHOWN)
    shrink = np.clip(CROWDED / max(shown.sum(), 1), 0.04, 1.0)
    ax.scatter(
        x[extended], y[extended], s=9 * shrink, marker="s", facecolor="none", edgecolor=EXTENDED, lw=0.5
    )
    rest = shown & ~selected & ~extended
    ax.scatter(x[rest], y[rest], s=7 * shrink, marker="x", color="#882255", lw=0.5)
    ax.scatter(
        x[selected],
        y[selected],
        s=26 * shrink,
        facecolor="none",
        edgecolor=SELECTED,
        lw=0.8 if shrink == 1.0 else 0.4,
    )
    if listed is not None:
        ax.scatter(
            *small.place(*listed), s=60 * shrink, marker="D", facecolor="none", edgecolor=LISTED, lw=0.5
        )
    ax.set(xticks=[], yticks=[], xlim=(-0.5, nx - 0.5), ylim=(-0.5, ny - 0.5))
    entries = [
        (SELECTED, "o", f"selected ({selected.sum()})"),
        (EXTENDED, "s", f"extended or elongated ({extended.sum()})"),
        ("#882255", "x", f"rejected otherwise ({rest.sum()})"),
    ]
    if listed is not None:
        entries.append((LISTED, "D", f"listed ({len(listed[0])})"))
    handles = [
        Line2D([], [], ls="", marker=marker, mfc="none", mec=color, ms=5, label=label)
        for color, marker, label in entries
    ]
    handles.append(Line2D([], [], color=LOST_COLOR, lw=0.8, label="not searched"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.3)
    return figure


def _stretched(image):
    """Image on an inverse hyperbolic sine of its noise, for display."""
    known = image[np.isfinite(image)]
    scale = robust_sky(known) or 1.0
    return np.arcsinh((image - np.median(known)) / (4 * scale)) if len(known) else image


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
