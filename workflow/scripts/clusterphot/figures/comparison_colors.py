"""Colours of the clusters beside galaxies, stars and black bodies.

After figure 4 of Faisst et al. (2022, ApJL 941, L11). Magnitudes AB, corrected for Milky Way dust.
"""

import numpy as np

from clusterphot.base.literature import read_literature
from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.comparisons.black_bodies import band_planck
from clusterphot.figures.colors import (
    choose_filters,
    draw_error_bars,
    draw_reddening,
    measure_colors,
    reddening,
)
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
from clusterphot.foreground.star_counts import absolute_magnitudes

QUIESCENT, STAR_FORMING, STARS = "#cc3311", "#009988", "#b8a000"


KINDS = (
    ("quiescent galaxies", 1, QUIESCENT, "o"),
    ("star-forming galaxies", 0, STAR_FORMING, "s"),
    ("galaxies", -1, FAINT, "D"),
)


EXTINCTION_AV = 2.0
"""A_V of the arrow, mag, as in the paper."""


MANY_GALAXIES = 500


def draw(photometry, comparison, sequence, *, filters, redshift, r_v, black_body_k, field):
    """Figure of the rule plot_comparison_colors, from the files of its input; ``comparison`` may be none."""
    chosen = choose_filters(filters, redshift)

    def place(flux):
        """Places of fluxes in the plane of the two colours."""
        of_flux = measure_colors(flux, np.zeros_like(flux), chosen)
        return of_flux.x, of_flux.y

    dwarfs = read_literature(sequence)
    stars = flux_from_mag_ab(np.array([absolute_magnitudes(dwarfs, name) for name in chosen]).T)
    galaxies = None
    if comparison:
        table = read_table(comparison)
        flux = flux_from_mag_ab(np.array([np.ma.filled(table[f"mag_{name}"], np.nan) for name in chosen]).T)
        galaxies = (*place(flux), np.asarray(table["is_quiescent"]))
    bodies = place(band_planck(np.array(black_body_k, dtype=float), chosen)) if black_body_k else ([], [])
    return plot_comparison_colors(
        measure_colors(*flux_arrays(read_table(photometry), chosen), chosen),
        galaxies=galaxies,
        stars=(*place(stars), [str(name) for name in dwarfs["spectral_type"]]),
        black_bodies=list(zip(black_body_k, *bodies, strict=True)),
        extinction=reddening(chosen, EXTINCTION_AV, r_v),
        field=field,
    )


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
    label_field(figure, f"{field}: {note}" if note else field)
    _set_color_limits(ax, colors, stars)
    if galaxies is not None:
        draw_galaxies(ax, *galaxies)
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
    draw_reddening(ax, *extinction, EXTINCTION_AV)
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


def draw_galaxies(ax, x, y, is_quiescent):
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
