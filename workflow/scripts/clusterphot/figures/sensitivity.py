"""What moves age, metallicity and mass of the stack, and by how much.

See `clusterphot.sed.sensitivity` for the table behind the figure. Changes in dex.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    new_figure,
)

DOWN, UP = "#ee7733", ACCENT


CAUSES = {
    "zero_point": "{name} zero point $\\pm${step:.2g} %",
    "ebv": "$E(B-V)$ $\\pm${step:.2g} mag",
    "zero_point_errors": "all zero-point errors {step:.2g} %",
    "age_prior": "age prior {name}",
    "metallicity_prior": "metallicity prior {name}",
    "library": "library {name}",
}


PANELS = {"age": "Age", "metallicity": "Metallicity", "mass": "Mass"}


def draw(sensitivity, *, fiducial_grid, field):
    """Figure of the rule plot_sensitivity, from the file of its input."""
    return plot_sensitivity(read_table(sensitivity), field=field, grid=fiducial_grid)


@in_style
def plot_sensitivity(table, *, field, grid):
    """Tornado diagram: change of age, metallicity and mass with each thing varied, the largest on top.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `clusterphot.sed.sensitivity.sensitivity_table`.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        Bars are changes of the posterior medians, triangles those of the best fits; the grey band is the 16-84 %
        range of the baseline.
    """
    groups = _grouped(table)
    figure = new_figure(PAGE_WIDTH_IN, 1.35 + 0.2 * max(len(groups), 3))
    base = table[0]
    values = f"{base['age_gyr_p50']:.2g} Gyr, {base['metallicity_zsun_p50']:.2g} Zsun"
    values += f", log M = {base['log_mass_p50']:.2f}"
    title = f"{field}, {grid} models: changes of the stack's posterior from {values}"
    figure.suptitle(title, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    axes = figure.subplots(1, 3, sharey=True)
    for ax, (word, label) in zip(axes, PANELS.items(), strict=True):
        ax.axvspan(*_baseline_range(base, word), color=FAINT, alpha=0.22, lw=0)
        ax.axvline(0, color=INK, lw=0.7)
        for place, (_, rows) in enumerate(groups):
            _draw_bars(ax, place, rows, word)
        ax.set_xlabel(f"{label} change (dex)")
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(groups)), [label for label, _ in groups])
    axes[0].set_ylim(max(len(groups), 1) - 0.5, -0.5)
    handles = [
        Patch(color=DOWN, label="lowered"),
        Patch(color=UP, label="raised, or as named"),
        Line2D([], [], marker="v", ms=4, mfc="white", mec=INK, mew=0.8, ls="none", label="best fit, lowered"),
        Line2D([], [], marker="^", ms=4, mfc="white", mec=INK, mew=0.8, ls="none", label="raised"),
        Patch(color=FAINT, alpha=0.22, label="16$-$84 % of the baseline"),
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=5, columnspacing=1.2)
    return figure


def _grouped(table):
    """Labels and rows of what was varied, the largest change of age first."""
    groups = {}
    for row in table:
        if row["varied"] == "baseline":
            continue
        percent = row["varied"] in ("zero_point", "zero_point_errors")
        step = abs(row["varied_by"]) * (100 if percent else 1)
        label = CAUSES[row["varied"]].format(name=row["varied_in"], step=step)
        groups.setdefault(label, []).append(row)
    size = {label: max(abs(row["age_change_dex"]) for row in rows) for label, rows in groups.items()}
    return sorted(groups.items(), key=lambda item: -np.nan_to_num(size[item[0]]))


def _baseline_range(base, word):
    """16 and 84 % of the baseline as changes in dex."""
    name = {"age": "age_gyr", "metallicity": "metallicity_zsun", "mass": "log_mass"}[word]
    low, middle, high = (base[f"{name}_{q}"] for q in ("p16", "p50", "p84"))
    if word == "mass":
        return low - middle, high - middle
    return np.log10(low / middle), np.log10(high / middle)


def _draw_bars(ax, place, rows, word):
    """Bars of the one or two changes of a group, and the best fits."""
    for row in rows:
        down = np.isfinite(row["varied_by"]) and row["varied_by"] < 0
        change, best = row[f"{word}_change_dex"], row[f"best_{word}_change_dex"]
        if np.isfinite(change):
            ax.barh(place, change, height=0.62, color=DOWN if down else UP, lw=0)
        if np.isfinite(best):
            marker, offset = ("v", 0.13) if down else ("^", -0.13)
            ax.plot(best, place + offset, marker, ms=4, mfc="white", mec=INK, mew=0.8, zorder=4)
