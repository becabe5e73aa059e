"""Magnitudes of the sources of a field with the depths of its filters, and the stars expected. Magnitudes AB."""

import numpy as np

from clusterphot.base.filters import load_filter, nearest_filter
from clusterphot.base.tables import read_table
from clusterphot.base.units import mag_ab
from clusterphot.figures.style import (
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    filter_color,
    in_style,
    label_field,
    new_figure,
    say_empty,
)

DEPTH_SIGMA = 3.0


def draw(photometry, star_counts, *, filters, reference_filter, is_dereddened, field):
    """Figure of the rule plot_magnitudes, from the files of its input; ``star_counts`` may be none."""
    counts = read_table(star_counts) if star_counts else None
    return plot_magnitudes(
        read_table(photometry),
        filters,
        reference_filter or nearest_filter(filters, 2.0),
        field=field,
        star_counts=counts,
        extinction_mag=0.0 if counts is None or is_dereddened else counts.meta["extinction_mag"],
    )


@in_style
def plot_magnitudes(table, filters, reference_filter, *, field, star_counts=None, extinction_mag=0.0):
    """Histogram of the magnitudes in the reference filter, with the 3-sigma depth of each filter.

    Parameters
    ----------
    table : `astropy.table.Table`
        Photometry: flux_F, flux_err_F and, where known, flags_F.
    filters : sequence of str
    reference_filter : str
    field : str
    star_counts : `astropy.table.Table`, optional
        Expected Milky Way stars: mag_low, mag_high (AB without dust), n_stars.
    extinction_mag : float, optional
        Milky Way extinction that the magnitudes of the sources contain.

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    A depth is that of the median flux error of the unflagged sources, as measured where the sources are.
    """
    figure = new_figure(COLUMN_WIDTH_IN, 3.0)
    ax = figure.subplots()
    label_field(figure, field)
    ax.set(xlabel=f"{reference_filter} magnitude (AB)", ylabel="Sources")
    clean = _clean(table, reference_filter)
    magnitude = mag_ab(_values(table, f"flux_{reference_filter}")[clean])
    known = magnitude[np.isfinite(magnitude)]
    depths = {filt: depth_mag(table, filt) for filt in filters}
    ends = np.concatenate([known, [depth for depth in depths.values() if np.isfinite(depth)]])
    if len(ends) == 0:
        say_empty(ax)
        return figure
    edges = np.arange(np.floor(4 * ends.min()) / 4, ends.max() + 0.5, 0.25)
    color = filter_color(load_filter(reference_filter).wave_pivot)
    counts, *_ = ax.hist(known, edges, histtype="stepfilled", color=color, alpha=0.35)
    ax.hist(known, edges, histtype="step", color=color, lw=1.0)
    top = 1.55 * max(counts.max(), 1)
    if star_counts is not None:
        top = max(top, _draw_star_counts(ax, star_counts, extinction_mag, edges))
    _draw_depths(ax, depths, top, reference_filter)
    n_missing = len(table) - len(known)
    if n_missing:
        ax.set_title(f"{n_missing} flagged or not positive", fontsize=7, loc="right", color=INK, pad=3)
    ax.set(xlim=(edges[0], edges[-1] + 0.1), ylim=(0, top))
    return figure


def _draw_star_counts(ax, star_counts, extinction_mag, edges):
    """Stars expected per bin of the histogram; returns the height that they need."""
    low, high = (np.asarray(star_counts[name]) + extinction_mag for name in ("mag_low", "mag_high"))
    per_bin = np.asarray(star_counts["n_stars"]) / (high - low) * (edges[1] - edges[0])
    middle = 0.5 * (low + high)
    ax.plot(middle, per_bin, color=INK, lw=1.2, ls=(0, (1, 1)), zorder=4)
    area = star_counts.meta.get("area_arcmin2", 1.0)
    label = f"\N{MIDDLE DOT}\N{MIDDLE DOT}\N{MIDDLE DOT} stars expected in {area:.2g} arcmin$^2$"
    ax.set_title(label, fontsize=7, loc="left", color=INK, pad=3)
    inside = (middle >= edges[0]) & (middle <= edges[-1])
    return 1.3 * per_bin[inside].max() if inside.any() else 0.0


def _draw_depths(ax, depths, top, reference_filter):
    """Legend entry of the depth of each filter, brightest first; a line for the one drawn, ticks for the others."""
    ax.text(
        0.03,
        0.96,
        rf"{DEPTH_SIGMA:g}$\sigma$ depths",
        transform=ax.transAxes,
        va="top",
        fontsize=7,
        color=FAINT,
    )
    for k, (filt, depth) in enumerate(sorted(depths.items(), key=lambda item: item[1])):
        if np.isfinite(depth):
            color = filter_color(load_filter(filt).wave_pivot)
            low = 0.0 if filt == reference_filter else 0.93 * top
            ax.plot([depth, depth], [low, top], color=color, lw=0.9, ls=(0, (4, 2)) if low == 0 else "-")
            place = (0.03, 0.89 - 0.062 * k)
            ax.text(*place, f"{filt}  {depth:.2f}", transform=ax.transAxes, va="top", fontsize=7, color=color)


def depth_mag(table, filt):
    """Magnitude of `DEPTH_SIGMA` median flux errors of the unflagged sources, NaN where there are none."""
    error = _values(table, f"flux_err_{filt}")[_clean(table, filt)]
    error = error[np.isfinite(error) & (error > 0)]
    return float(mag_ab(DEPTH_SIGMA * np.median(error))) if len(error) else np.nan


def _clean(table, filt):
    """Sources without a flag in a filter; all where there are no flags."""
    if f"flags_{filt}" not in table.colnames:
        return np.ones(len(table), dtype=bool)
    return np.ma.filled(np.ma.asarray(table[f"flags_{filt}"]), 1) == 0


def _values(table, name):
    """Column as floats, NaN where masked."""
    return np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
