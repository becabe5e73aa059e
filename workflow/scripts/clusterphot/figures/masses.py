"""Histogram of the masses of the clusters of a field: the recommended ones, and those of best fits as an outline.

Surviving masses (see `clusterphot.figures.recommended` and `clusterphot.sed.masses`), log10 Msun.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from clusterphot.base.tables import read_table
from clusterphot.figures.recommended import BEST_FITS, recommended
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)

CONVENTIONS = {"vband": "($L_V$ in $V$-band Suns)", "faisst2022": "(convention of Faisst et al. 2022)"}
"""Of masses from light near V."""


def mass_bins(log_mass, *, many):
    """Edges of bins of 0.1 dex on whole tenths where there are ``many`` values, else of 0.2 dex."""
    width = 0.1 if len(log_mass) >= many else 0.2
    first, last = np.floor(np.min(log_mass) / width + 1e-9), np.ceil(np.max(log_mass) / width + 1e-9)
    return width * np.arange(first, max(last, first + 1) + 1)


def draw(clusters, *, mass_convention, field, grid):
    """Figure of the rule plot_masses, from the file of its input."""
    fits = read_table(clusters)
    best = np.ma.filled(np.ma.asarray(fits["log_mass"], dtype=float), np.nan)
    return plot_masses(
        recommended(fits, "log_mass"),
        best,
        np.asarray(fits["flags"]),
        mass_convention=mass_convention,
        field=field,
        grid=grid,
    )


@in_style
def plot_masses(masses, best, flags, *, mass_convention, field, grid):
    """Figure of the distribution of masses.

    Parameters
    ----------
    masses : `clusterphot.figures.recommended.Values`
        log10 Msun, (n,).
    best : (n,) float ndarray, log10 Msun
        From the light near V and the M/L of the best fit: those of Table 1.
    flags : (n,) int ndarray
        Sources with any bit set are shown apart, on top of the others.
    mass_convention : {'vband', 'faisst2022'}
        Of ``best``.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(COLUMN_WIDTH_IN, 3.3)
    ax = figure.subplots()
    log_mass = masses.middle
    known = np.isfinite(log_mass)
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters")
    ax.set_xlabel("$\\log_{10}$ (surviving mass / $M_\\odot$)")
    ax.set_ylabel("Number of clusters")
    if not known.any():
        say_empty(ax)
        return figure
    others = best[np.isfinite(best)]
    bins = mass_bins(np.concatenate([log_mass[known], others]), many=200)
    clean, flagged = log_mass[known & (flags == 0)], log_mass[known & (flags != 0)]
    counts, *_ = ax.hist(
        [clean, flagged],
        bins,
        stacked=True,
        color=[ACCENT, "white"],
        ec=[ACCENT, ACCENT],
        lw=0.7,
        hatch=["", "//////"],
        label=[f"{masses.words}, no flags ({len(clean)})", f"{masses.words}, flagged ({len(flagged)})"],
    )
    top = np.max(counts)
    ax.axvline(np.median(log_mass[known]), color=INK, lw=1.1, label=_describe(log_mass[known]))
    if masses.words != BEST_FITS and len(others):
        words = f"best fits {CONVENTIONS[mass_convention]},\n{_describe(others)}"
        outline, *_ = ax.hist(others, bins, histtype="step", color=FAINT, lw=1.0, ls="--", label=words)
        ax.axvline(np.median(others), color=FAINT, lw=1.0, ls="--")
        top = max(top, np.max(outline))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, 1.22 * top)
    ax.set_xlim(bins[0] - 0.1, bins[-1] + 0.1)
    _draw_error(ax, 0.5 * (masses.high - masses.low))
    figure.legend(loc="outside lower left", labelspacing=0.3)
    return figure


def _describe(values):
    """Median of a sample, and how far 16 and 84 % of it lie from that."""
    low, median, high = np.quantile(values, [0.16, 0.5, 0.84])
    spread = f"_{{-{median - low:.2f}}}^{{+{high - median:.2f}}}" if len(values) > 1 else ""
    return f"median ${median:.2f}{spread}$, 16-84 % of {len(values)}"


def _draw_error(ax, log_mass_err):
    """Bar of the median 1-sigma error of a mass."""
    error = log_mass_err[np.isfinite(log_mass_err)]
    if len(error):
        right, half = ax.get_xlim()[1] - 0.05, np.median(error)
        ax.errorbar(
            right - half, 0.9, xerr=half, color=INK, capsize=2, lw=0.9, transform=ax.get_xaxis_transform()
        )
        ax.text(right, 0.93, "median error", transform=ax.get_xaxis_transform(), ha="right", fontsize=7.5)
