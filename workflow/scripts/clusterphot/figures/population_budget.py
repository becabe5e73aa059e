"""What carries the error of a population: one bar for the median age, one for the median mass, cut into causes."""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.style import FAINT, INK, PAGE_WIDTH_IN, in_style, label_figure, new_figure

WORDS = {"age": "Median age", "metallicity": "Median metallicity", "mass": "Median mass"}
GROUPS = {
    "noise": ("noise and spread of the clusters", "#bbbbbb"),
    "zero point": ("zero points", "#0077bb"),
    "psf": ("PSF", "#ee7733"),
    "extinction": ("Milky Way dust", "#882255"),
    "library": ("library of populations", "#009988"),
}
"""Kinds of modes, what they are called and their colours."""

SMALLEST_NAMED = 0.06
"""Shares below this get no number in their part of the bar."""


def draw(budget, *, fiducial_grid, field):
    """Figure of the rule plot_population_budget, from the file of its input."""
    return plot_budget(read_table(budget), field=field, grid=fiducial_grid)


@in_style
def plot_budget(table, *, field, grid):
    """Bars of the shares of the variance.

    Parameters
    ----------
    table : `astropy.table.Table`
        Of `clusterphot.population.budget.budget_table`.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.3)
    label_figure(figure, field, grid, "shares of the variance")
    ax = figure.subplots()
    groups = np.array([_group(kind) for kind in table["kind"]])
    shown = [group for group in GROUPS if group in groups]
    for place, word in enumerate(WORDS):
        total = np.sqrt(np.sum(np.asarray(table[f"{word}_shift_dex"], dtype=float) ** 2))
        start = 0.0
        for group in shown:
            share = float(np.nansum(np.asarray(table[f"{word}_share"], dtype=float)[groups == group]))
            name, color = GROUPS[group]
            ax.barh(
                place, 100 * share, left=100 * start, height=0.6, color=color, label=None if place else name
            )
            if share >= SMALLEST_NAMED:
                ink = INK if group == "noise" else "white"
                middle = 100 * (start + share / 2)
                ax.text(middle, place, f"{100 * share:.0f} %", ha="center", va="center", color=ink)
            start += share
        text = f"$\\pm${total:.2f} dex"
        ax.text(101, place, text, va="center", color=INK)
    ax.set_yticks(range(len(WORDS)), WORDS.values())
    ax.set_ylim(len(WORDS) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xlabel("Share of the variance (%)")
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_color(FAINT)
    figure.legend(loc="outside lower center", ncols=6, columnspacing=1.0)
    return figure


def _group(kind):
    """Group of a kind of mode: all of the PSF's are one."""
    return "psf" if str(kind).startswith("psf") else str(kind)
