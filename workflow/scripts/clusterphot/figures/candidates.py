"""Map of the candidates of a field: where they are found, rejected and listed. Positions degrees (ICRS)."""

import numpy as np
from matplotlib.lines import Line2D

from clusterphot.base.tables import read_table
from clusterphot.base.user_tables import read_positions
from clusterphot.detect.tiles import CELL_PX, read_maps
from clusterphot.figures.overview import read_small, robust_sky
from clusterphot.figures.style import (
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
)

SELECTED, EXTENDED, OTHER, LISTED = "#ee7733", "#0077bb", "#aaaaaa", "#009988"
"""Colours after Tol (2021, SRON/EPS/TN/09-002); the kinds differ by marker as well."""


NOT_SHOWN = ("bright", "below_range")


LOST_COLOR = "#cc3311"


CROWDED = 600
"""With more candidates than this the markers of the map get smaller: their total area stays the same."""


def draw(mosaic, candidates, maps, listed, *, field):
    """Figure of the rule plot_candidates, from the files of its input; ``listed`` may be none."""
    positions = read_positions(listed, "sources")[1:] if listed else None
    return plot_candidates(
        read_small(mosaic), read_table(candidates), positions, read_maps(maps), field=field
    )


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
