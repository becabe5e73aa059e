"""Ages, masses and metallicities of ours against those that the sources were published with."""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)

QUANTITIES = {
    "age_gyr": (9.0, r"$\log_{10}$ (age / yr)"),
    "log_mass": (0.0, r"$\log_{10}\,(M/M_\odot)$"),
    "metallicity_zsun": (0.0, r"$\log_{10}\,(Z/Z_\odot)$"),
}
"""What is added to the logarithm of the table's unit, and the name of the axis."""

PANEL_IN = PAGE_WIDTH_IN / 3
MANY = 300
"""From this number of sources error bars are drawn fainter."""


@in_style
def draw(sources, summary, *, compare_with, field, grid):
    """Figure of the rule plot_published, from the files of its input."""
    table, rows = read_table(sources), read_table(summary)
    rows = rows[rows["estimate"] == "median"]
    shown = [name for name in QUANTITIES if f"published_{name}" in table.colnames]
    figure = new_figure(PANEL_IN * max(len(shown), 1.6), 3.9)
    label_figure(figure, field, grid)
    axes = figure.subplots(2, len(shown), squeeze=False, sharex="col", height_ratios=[2.4, 1])
    for column, name in enumerate(shown):
        (row,) = rows[rows["quantity"] == name]
        _draw_quantity(*axes[:, column], table, name, row, compare_with.get("label", "published"))
    return figure


def _draw_quantity(ax, below, table, name, row, label):
    """Ours against theirs, and the differences below."""
    shift, words = QUANTITIES[name]
    is_log = name == "log_mass"
    theirs, low, middle, high = (
        _log(table[column], is_log) + shift
        for column in (f"published_{name}", f"{name}_p16", f"{name}_p50", f"{name}_p84")
    )
    known = np.isfinite(theirs) & np.isfinite(middle) & np.asarray(table["compared"], dtype=bool)
    below.set_xlabel(f"{words}, {label}")
    ax.set_ylabel(f"{words}, ours")
    below.set_ylabel("difference (dex)")
    if not known.any():
        say_empty(ax)
        return
    theirs, low, middle, high = (values[known] for values in (theirs, low, middle, high))
    alpha = 0.25 if len(theirs) >= MANY else 0.6
    for panel, base in ((ax, 0.0), (below, theirs)):
        panel.vlines(theirs, low - base, high - base, color=FAINT, lw=0.5, alpha=alpha)
        panel.plot(theirs, middle - base, "o", ms=2.2, color=ACCENT, alpha=0.8)
    ends = np.array([min(theirs.min(), middle.min()), max(theirs.max(), middle.max())]) + [-0.15, 0.15]
    ax.plot(ends, ends, color=INK, lw=0.7)
    ax.set(xlim=ends, ylim=ends)
    below.axhline(0, color=INK, lw=0.7)
    below.axhline(row["offset_dex"], color=INK, lw=0.8, ls="--")
    reach = max(1.3 * np.quantile(np.abs(middle - theirs), 0.95), 0.1)
    below.set_ylim(-reach, reach)
    spread = f", scatter {row['scatter_dex']:.2f}" if np.isfinite(row["scatter_dex"]) else ""
    error = rf" \pm {row['offset_dex_err']:.3f}" if np.isfinite(row["offset_dex_err"]) else ""
    ax.set_title(
        f"{row['n']} sources: ${row['offset_dex']:+.3f}{error}$ dex{spread}\n"
        f"{100 * row['share_68']:.0f} % within our 16\N{EN DASH}84 %",
        fontsize=7,
    )


def _log(column, is_log):
    """log10 of a column; NaN where masked or not positive."""
    values = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
    return values if is_log else np.log10(np.where(values > 0, values, np.nan))
