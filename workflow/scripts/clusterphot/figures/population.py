"""Ages of a population: fractions by age of each history, and how the histories compare.

Tables of `clusterphot.population.results`; ages Gyr.
"""

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
    plain_ticks,
    say_empty,
)

NAMES = {
    "free": "smooth histogram",
    "burst": "one burst",
    "two_bursts": "two bursts",
    "continuous": "constant rate",
}
COLORS = {"free": ACCENT, "burst": "#cc3311", "two_bursts": "#ee7733", "continuous": "#009988"}
AGE_TICKS = (0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 5, 10)


def draw(parameters, ages, colors, *, field, grid):
    """Figure of the rule plot_population, from the files of its input."""
    return plot_population(
        read_table(parameters), read_table(ages), read_table(colors), field=field, grid=grid
    )


@in_style
def plot_population(parameters, ages, colors, *, field, grid):
    """Fractions by age of each history, their scores, and the colours they predict.

    Parameters
    ----------
    parameters, ages, colors : `astropy.table.Table`
        Of `clusterphot.population.results.parameter_table`, `clusterphot.population.results.age_table` and
        `clusterphot.population.predictive.color_table`.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 4.6)
    n = parameters.meta.get("population", {}).get("n_sources")
    label_figure(figure, field, grid, f"{n} clusters together" if n else "")
    (left, right), below = figure.subplots(2, 2, width_ratios=[1.5, 1], height_ratios=[1.4, 1])
    models = list(dict.fromkeys(parameters["model"]))
    for model in models:
        _draw_ages(left, ages[ages["model"] == model], model)
    left.set_xscale("log")
    left.set_xlabel("Age (Gyr)")
    left.set_ylabel("Fraction of the clusters per 0.1 dex")
    low, high = float(min(ages["age_low"])), float(max(ages["age_high"]))
    left.set_xlim(low, high)
    plain_ticks(left.xaxis, [tick for tick in AGE_TICKS if low <= tick <= high])
    left.set_ylim(bottom=0)
    left.legend(loc="upper right")
    _draw_scores(right, parameters, models)
    for ax, statistic in zip(below, ("median", "scatter"), strict=True):
        _draw_colors(ax, colors[colors["statistic"] == statistic], models)
        ax.set_ylabel(f"{statistic.capitalize()} of colours,\nobserved over predicted")
    return figure


def _draw_ages(ax, rows, model):
    """Steps of one history; the smooth histogram with its band."""
    edges = np.append(rows["age_low"], rows["age_high"][-1])
    per_bin = 0.1 / np.diff(np.log10(edges))
    low, middle, high = (np.asarray(rows[f"fraction_{q}"]) * per_bin for q in ("p16", "p50", "p84"))
    color = COLORS[model]
    if model == "free":
        ax.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.2, lw=0)
    ax.stairs(middle, edges, color=color, lw=1.6 if model == "free" else 1.0, label=NAMES[model])


def _draw_scores(ax, parameters, models):
    """How far each history's score lies below the best, with the median age it gives."""
    for place, model in enumerate(models):
        rows = parameters[parameters["model"] == model]
        below, err = float(rows["score_below"][0]), float(rows["score_below_err"][0])
        ax.errorbar(-below, place, xerr=err, fmt="o", ms=4, color=COLORS[model], capsize=2)
        age = rows[rows["parameter"] == "median_age_gyr"][0]
        text = f"{age['p50']:.2g} ({age['p16']:.2g}\N{EN DASH}{age['p84']:.2g}) Gyr"
        ax.text(0.03, place - 0.22, text, transform=ax.get_yaxis_transform(), fontsize=7, color=INK)
    ax.axvline(0, color=FAINT, lw=0.7, ls=":")
    ax.set_yticks(range(len(models)), [NAMES[model] for model in models])
    ax.set_ylim(len(models) - 0.5, -0.7)
    ax.set_xlabel("Score less that of the best (ln)")
    ax.tick_params(axis="y", length=0)
    ax.set_title("median age (16\N{EN DASH}84 %)", loc="left", color=INK)


def _draw_colors(ax, rows, models):
    """What is observed over what each history predicts, filter by filter, with 95 % of the predictions."""
    filters = list(dict.fromkeys(rows["filter"]))
    ax.axhline(1.0, color=FAINT, lw=0.7, ls=":")
    for place, model in enumerate(models):
        mine = rows[rows["model"] == model]
        if not len(mine):
            continue
        low, middle, high, observed = (np.asarray(mine[name]) for name in ("p025", "p50", "p975", "observed"))
        x = np.arange(len(mine)) + 0.15 * (place - 0.5 * (len(models) - 1))
        bars = np.abs(observed / middle - np.array([observed / high, observed / low]))
        ax.errorbar(x, observed / middle, yerr=bars, fmt="o", ms=3, color=COLORS[model], lw=0.9)
    ax.set_xticks(range(len(filters)), filters)
    ax.tick_params(axis="x", length=0)
    if not len(rows):
        say_empty(ax)
