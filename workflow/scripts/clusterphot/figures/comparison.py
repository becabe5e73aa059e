"""Colours and 2.2 micron magnitudes of the clusters beside galaxies, stars and black bodies.

After figure 4 of Faisst et al. (2022, ApJL 941, L11). Magnitudes AB, corrected for Milky Way dust; masses log10 Msun.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from clusterphot.comparisons.catalogue import mass_light_relation
from clusterphot.figures.colors import draw_error_bars
from clusterphot.figures.masses import CONVENTIONS
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)

QUIESCENT, STAR_FORMING, STARS = "#cc3311", "#009988", "#b8a000"
KINDS = (
    ("quiescent galaxies", 1, QUIESCENT, "o"),
    ("star-forming galaxies", 0, STAR_FORMING, "s"),
    ("galaxies", -1, FAINT, "D"),
)
EXTINCTION_AV = 2.0
"""A_V of the arrow, mag, as in the paper."""

MANY_GALAXIES = 500


@in_style
def plot_comparison_colors(colors, *, galaxies, stars, black_bodies, extinction, field):
    """Figure of two colours of the clusters with what they could be mistaken for.

    Parameters
    ----------
    colors : `clusterphot.figures.colors.Colors`
    galaxies : (x, y, is_quiescent) or None
        Colours of the comparison sample.
    stars : (x, y, names)
        Dwarf sequence.
    black_bodies : list of (temperature_k, x, y)
    extinction : (dx, dy)
        Reddening by `EXTINCTION_AV`.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(0.72 * PAGE_WIDTH_IN, 4.2)
    ax = figure.subplots()
    ax.set(xlabel=colors.x_label, ylabel=colors.y_label)
    shown = colors.shown
    note = f"{shown.sum()} of {len(shown)} clusters"
    label_figure_without_grid(figure, field, note)
    _set_color_limits(ax, colors, stars)
    if galaxies is not None:
        _draw_galaxies(ax, *galaxies)
    _draw_clusters(ax, colors)
    _draw_stars(ax, *stars)
    for number, (temperature, bx, by) in enumerate(black_bodies):
        ax.scatter(
            bx,
            by,
            s=42,
            marker="P" if number % 2 else "X",
            c=INK,
            ec="white",
            lw=0.5,
            zorder=5.5,
            label=f"black body, {temperature:g} K",
        )
    _draw_reddening(ax, *extinction)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw_clusters(ax, colors):
    """Clusters with their errors, and their median."""
    x, y = draw_error_bars(ax, colors)
    ax.scatter(x, y, s=13, c=ACCENT, ec="white", lw=0.3, zorder=3, label="clusters")
    if colors.shown.any():
        ax.scatter(
            np.median(x),
            np.median(y),
            s=110,
            marker="*",
            c="white",
            ec=INK,
            lw=0.9,
            zorder=6,
            label="median of the clusters",
        )
    else:
        say_empty(ax)


def label_figure_without_grid(figure, field, note=""):
    """Name of the field and a note, small, in the upper left corner."""
    figure.suptitle(
        f"{field}: {note}" if note else field, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False
    )


def _set_color_limits(ax, colors, stars):
    """Range of nearly all clusters and of stars of types to M."""
    early = np.array([name[0] not in "LT" for name in stars[2]], dtype=bool)
    for values, sequence, setter in ((colors.x, stars[0], ax.set_xlim), (colors.y, stars[1], ax.set_ylim)):
        known = values[colors.shown]
        ends = [*np.quantile(known, [0.01, 0.99])] if len(known) else []
        ends += [*np.asarray(sequence)[early & np.isfinite(sequence)]]
        if ends:
            room = 0.1 * (max(ends) - min(ends)) + 0.1
            setter(min(ends) - room, max(ends) + room)


def _draw_galaxies(ax, x, y, is_quiescent):
    """Points of each kind of galaxy; many are drawn small and without edges."""
    for label, flag, color, marker in KINDS:
        of_kind = is_quiescent == flag
        if of_kind.any():
            size = 4 if of_kind.sum() > MANY_GALAXIES else 12
            ax.scatter(
                x[of_kind],
                y[of_kind],
                s=size,
                c=color,
                marker=marker,
                alpha=0.45,
                lw=0,
                zorder=0.5,
                label=label,
                rasterized=of_kind.sum() > MANY_GALAXIES,
            )


def _draw_stars(ax, x, y, names):
    """Line of the dwarf sequence with its spectral types."""
    ax.plot(x, y, "-", color="white", lw=2.6, zorder=4)
    ax.plot(x, y, "-", color=STARS, lw=1.2, marker="o", ms=2.5, zorder=4.1, label="dwarf stars")
    free = []
    for px, py, name in zip(x, y, names, strict=True):
        place = ax.transData.transform((px, py)) * 72 / ax.figure.dpi
        inside = all(
            low <= value <= high
            for value, (low, high) in ((px, sorted(ax.get_xlim())), (py, sorted(ax.get_ylim())))
        )
        if inside and all(np.hypot(*(place - other)) > 15 for other in free):
            free.append(place)
            ax.annotate(
                name.removesuffix("V"),
                (px, py),
                (4, -7),
                textcoords="offset points",
                fontsize=6.5,
                color="#7a6a00",
                zorder=6,
            )


def _draw_reddening(ax, dx, dy):
    """Arrow of the reddening in the lower right corner, where no star or cluster is."""
    if not (np.isfinite(dx) and np.isfinite(dy)):
        return
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y = x1 - 0.06 * (x1 - x0) - dx, y0 + 0.1 * (y1 - y0)
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (x + dx, y + dy), (x, y), arrowprops=arrow, zorder=7)
    text = f"$A_V = {EXTINCTION_AV:g}$"
    ax.annotate(
        text,
        (x + dx / 2, y),
        (0, -3),
        textcoords="offset points",
        fontsize=7.5,
        ha="center",
        va="top",
        zorder=7,
    )


@in_style
def plot_mass_light(
    magnitude, log_mass, log_mass_err, *, galaxies, filter_name, mass_convention, field, grid
):
    """Figure of the magnitude near 2.2 micron against mass.

    Parameters
    ----------
    magnitude, log_mass, log_mass_err : (n,) float ndarray
    galaxies : (magnitude, log_mass, is_quiescent) or None
    filter_name : str
    mass_convention : {'vband', 'faisst2022'}
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    The relation of the quiescent galaxies is a straight line of least absolute deviations, continued to the clusters.
    """
    figure = new_figure(COLUMN_WIDTH_IN, 3.6)
    ax = figure.subplots()
    label_figure(figure, field, grid)
    ax.set(
        xlabel=f"{filter_name} magnitude (AB)",
        ylabel="$\\log_{10}$ (stellar mass / $M_\\odot$)\n" + CONVENTIONS[mass_convention],
    )
    known = np.isfinite(magnitude) & np.isfinite(log_mass)
    ends = [magnitude[known]]
    if galaxies is not None and np.any(np.isfinite(galaxies[0]) & np.isfinite(galaxies[1])):
        mags, masses, is_quiescent = galaxies
        _draw_galaxies(ax, mags, masses, is_quiescent)
        ends.append(mags[np.isfinite(mags) & np.isfinite(masses)])
        quiescent = is_quiescent == 1
        intercept, slope, scatter = mass_light_relation(mags[quiescent], masses[quiescent])
        if np.isfinite(slope):
            line = np.array([min(e.min() for e in ends if len(e)), max(e.max() for e in ends if len(e))])
            ax.plot(
                line,
                intercept + slope * (line - 25),
                color=QUIESCENT,
                lw=1.1,
                zorder=2,
                label=f"quiescent: slope ${slope:.2f}$ dex/mag,\nscatter {scatter:.2f} dex",
            )
    if known.any():
        ax.errorbar(
            magnitude[known],
            log_mass[known],
            log_mass_err[known],
            fmt="none",
            ecolor="#bbbbbb",
            elinewidth=0.4,
            zorder=1,
        )
        ax.scatter(
            magnitude[known],
            log_mass[known],
            s=10,
            c=ACCENT,
            ec="white",
            lw=0.3,
            zorder=3,
            label=f"clusters ({known.sum()})",
        )
    else:
        say_empty(ax)
    ax.invert_xaxis()
    ax.xaxis.set_major_locator(MaxNLocator(6))
    if ax.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2)
    return figure
