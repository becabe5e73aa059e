"""Figures of posteriors: their calibration on mock clusters, and forecasts of extra filters.

See `clusterphot.sed.predictive` and `clusterphot.sed.forecast` for the tables behind them. Ranks are probabilities,
widths dex.
"""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    new_figure,
)

QUANTITY_NAMES = {"age_gyr": "Age", "metallicity_zsun": "Metallicity", "log_mass": "Mass"}
N_BINS = 20
BAND_PROBABILITY = 0.99


@in_style
def sbc_figure(ranks, table, *, note=""):
    """Rank histograms of simulation-based calibration: flat where the posteriors are right.

    Parameters
    ----------
    ranks : dict of str to (n,) float ndarray, in [0, 1]
    table : `astropy.table.Table`
        Both from `clusterphot.sed.predictive.calibrate`.
    note : str, optional
        Small, above the panels.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        One panel per quantity; the shaded band holds 99 % of the counts of each bin if the ranks are flat.
    """
    from scipy.stats import binom

    figure = new_figure(PAGE_WIDTH_IN, 2.5)
    axes = figure.subplots(1, len(ranks), squeeze=False, sharey=True)[0]
    figure.suptitle(note, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    highest = 0
    for ax, (name, rank) in zip(axes, ranks.items(), strict=True):
        n = len(rank)
        tail = 0.5 * (1 - BAND_PROBABILITY)
        low, high = binom.ppf([tail, 1 - tail], n, 1 / N_BINS)
        ax.axhspan(low, high, color=FAINT, alpha=0.25, lw=0)
        ax.axhline(n / N_BINS, color=FAINT, lw=0.8)
        counts, *_ = ax.hist(rank, np.linspace(0, 1, N_BINS + 1), histtype="step", color=ACCENT, lw=1.2)
        highest = max(highest, counts.max(), high)
        row = table[list(table["quantity"]).index(name)]
        text = f"68 %: {100 * row['coverage_68']:.1f} %\n95 %: {100 * row['coverage_95']:.1f} %"
        ax.text(0.04, 0.05, text, transform=ax.transAxes, color=INK, fontsize=8)
        ax.set(
            xlim=(0, 1), title=QUANTITY_NAMES.get(name, name), xlabel="Posterior probability below the truth"
        )
    axes[0].set_ylim(0, 1.08 * highest)
    axes[0].set_ylabel("Mock clusters per bin")
    return figure


@in_style
def forecast_figure(table, *, note="", n_rows=15):
    """Expected age errors with each set of extra filters, the best on top.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `clusterphot.sed.forecast.forecast`.
    note : str, optional
    n_rows : int, optional
        Sets shown, the best first; the baseline always.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    names = [str(name) for name in table["extra"]]
    shown = sorted({*range(min(n_rows, len(names))), names.index("")})
    figure = new_figure(COLUMN_WIDTH_IN, 0.9 + 0.21 * len(shown))
    figure.suptitle(note, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    ax = figure.subplots()
    for place, index in enumerate(shown):
        row = table[index]
        single = names[index] and "+" not in names[index]
        color = filter_color(load_filter(names[index]).wave_pivot) if single else INK
        ax.plot([0, row["age_95_dex"]], [place, place], color=color, lw=1.0, alpha=0.4)
        ax.plot([0, row["age_dex"]], [place, place], color=color, lw=3.0, solid_capstyle="butt")
    ax.axvline(table["age_dex"][names.index("")], color=FAINT, lw=0.8, ls="--")
    labels = ["+ " + names[i].replace("+", " + ") if names[i] else "baseline" for i in shown]
    ax.set_yticks(range(len(shown)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(0, None)
    ax.set_xlabel("Half width of the age posterior (dex)\nthick 16$-$84 %, thin 2.5$-$97.5 %")
    return figure
