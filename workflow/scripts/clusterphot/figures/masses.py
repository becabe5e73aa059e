"""Histogram of the masses of the clusters of a field.

Surviving mass as in the tables (see `clusterphot.sed.masses`), the mass formed as an outline; log10 Msun.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from clusterphot.base.tables import read_table
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


def mass_bins(log_mass, *, many):
    """Edges of bins of 0.1 dex on whole tenths where there are ``many`` values, else of 0.2 dex."""
    width = 0.1 if len(log_mass) >= many else 0.2
    first, last = np.floor(np.min(log_mass) / width + 1e-9), np.ceil(np.max(log_mass) / width + 1e-9)
    return width * np.arange(first, max(last, first + 1) + 1)


def draw(clusters, *, mass_convention, field, grid):
    """Figure of the rule plot_masses, from the file of its input."""
    fits = read_table(clusters)
    columns = (np.asarray(fits[name]) for name in ("log_mass", "log_mass_err", "log_mass_formed", "flags"))
    return plot_masses(*columns, mass_convention=mass_convention, field=field, grid=grid)


@in_style
def plot_masses(log_mass, log_mass_err, log_mass_formed, flags, *, mass_convention, field, grid):
    """Figure of the distribution of masses.

    Parameters
    ----------
    log_mass, log_mass_err, log_mass_formed : (n,) float ndarray, log10 Msun
        NaN where not measured.
    flags : (n,) int ndarray
        Sources with any bit set are shown apart, on top of the others.
    mass_convention : {'vband', 'faisst2022'}
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(COLUMN_WIDTH_IN, 2.9)
    ax = figure.subplots()
    label_figure(figure, field, grid)
    ax.set_xlabel("$\\log_{10}$ (surviving mass / $M_\\odot$)\n" + CONVENTIONS[mass_convention])
    ax.set_ylabel("Number of clusters")
    known = np.isfinite(log_mass)
    if not known.any():
        say_empty(ax)
        return figure
    formed = log_mass_formed[np.isfinite(log_mass_formed)]
    bins = mass_bins(np.concatenate([log_mass[known], formed]), many=200)
    clean, flagged = log_mass[known & (flags == 0)], log_mass[known & (flags != 0)]
    counts, *_ = ax.hist(
        [clean, flagged],
        bins,
        stacked=True,
        color=[ACCENT, "white"],
        ec=[ACCENT, ACCENT],
        lw=0.7,
        hatch=["", "//////"],
        label=[f"no flags ({len(clean)})", f"flagged ({len(flagged)})"],
    )
    formed_counts, *_ = ax.hist(
        formed, bins, histtype="step", color=FAINT, lw=1.0, ls="--", label="mass formed, all"
    )
    low, median, high = np.quantile(log_mass[known], [0.16, 0.5, 0.84])
    spread = f"_{{-{median - low:.2f}}}^{{+{high - median:.2f}}}" if known.sum() > 1 else ""
    ax.axvline(median, color=INK, lw=1.1, label=f"median of all ${median:.2f}{spread}$")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, 1.22 * max(np.max(counts), np.max(formed_counts)))
    ax.set_xlim(bins[0] - 0.1, bins[-1] + 0.1)
    _draw_error(ax, log_mass_err)
    if not known.all():
        ax.plot([], [], ls="none", label=f"{np.sum(~known)} without a mass")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw_error(ax, log_mass_err):
    """Bar of the median 1-sigma error of a mass."""
    error = log_mass_err[np.isfinite(log_mass_err)]
    if len(error):
        right, half = ax.get_xlim()[1] - 0.05, np.median(error)
        ax.errorbar(
            right - half, 0.9, xerr=half, color=INK, capsize=2, lw=0.9, transform=ax.get_xaxis_transform()
        )
        ax.text(right, 0.93, "median error", transform=ax.get_xaxis_transform(), ha="right", fontsize=7.5)
