"""Figures of docs/calibration.md: posteriors of mock clusters, and the error of the interpolation in a library.

See `posterior_mocks` and `grid_interpolation` for the tables behind them. Ranks are probabilities, ages Gyr,
metallicities in solar units.
"""

import numpy as np
from clusterphot.figures.style import ACCENT, FAINT, INK, PAGE_WIDTH_IN, in_style, new_figure, plain_ticks
from matplotlib.lines import Line2D
from scipy.stats import binom

QUANTITY_NAMES = {"age_gyr": "Age", "metallicity_zsun": "Metallicity", "log_mass": "Mass"}
N_BINS = 20
BAND_PROBABILITY = 0.99
LINES = (
    ("flux_max", "largest error of a flux", FAINT, "v"),
    ("flux_rms", "rms error of fluxes", INK, "o"),
    ("colour_rms", "rms error of colours", ACCENT, "s"),
)
AXES = {"age_gyr": "Age left out (Gyr)", "metallicity_zsun": r"Metallicity left out ($Z_\odot$)"}


@in_style
def sbc_figure(ranks, table, *, note=""):
    """Rank histograms of simulation-based calibration: flat where the posteriors are right.

    Parameters
    ----------
    ranks : dict of str to (n,) float ndarray, in [0, 1]
    table : `astropy.table.Table`
        Both from `posterior_mocks.calibrate`.
    note : str, optional
        Small, above the panels.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
        One panel per quantity; the shaded band holds 99 % of the counts of each bin if the ranks are flat.
    """

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
def plot_interpolation(table, *, note=""):
    """Leave-one-out errors against age and metallicity.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `grid_interpolation.interpolation_error`.
    note : str, optional

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.7)
    figure.suptitle(note, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (axis, label) in zip(axes, AXES.items(), strict=True):
        rows = table[table["axis"] == axis]
        few = len(rows) < 12
        for column, _, color, marker in LINES:
            values = 100 * np.asarray(rows[column])
            ax.plot(rows["value"], values, marker=marker, ms=4 if few else 2.2, color=color, lw=0.8)
        ax.set(xscale="log", yscale="log", xlabel=label)
        ticks = [tick for tick in (0.02, 0.1, 0.2, 0.5, 1, 2, 5, 10) if _inside(tick, rows["value"])]
        plain_ticks(ax.xaxis, ticks)
        plain_ticks(ax.yaxis, [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
    axes[0].set_ylabel("Error of the interpolation (%)")
    handles = [
        Line2D([], [], color=color, marker=marker, ms=4, label=label) for _, label, color, marker in LINES
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=3)
    return figure


def _inside(tick, values):
    """Whether a tick is within the values."""
    return len(values) > 0 and 0.99 * np.min(values) <= tick <= 1.01 * np.max(values)
