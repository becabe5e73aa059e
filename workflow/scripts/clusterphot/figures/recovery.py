"""Measured against true values of a field whose truth is known: pulls, biases, populations.

See `clusterphot.proof.recovery` for the tables behind these figures. Fluxes nJy, halo light nJy/arcsec2, magnitudes
AB.
"""

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from clusterphot.base.filters import load_filter
from clusterphot.base.flags import FOUND_BY_FIT
from clusterphot.base.robust import MEDIAN_ERROR, mad_sigma
from clusterphot.figures.stack import label_field
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    new_figure,
    plain_ticks,
    say_empty,
)

PULL_LIMIT = 5.0
MIN_IN_BIN = 10
MEDIAN_GOAL = 0.15
SCATTER_GOAL = (0.95, 1.12)
"""Shaded in the figures: where medians and scatter of pulls are wanted."""

BIN_NAMES = {
    "halo": r"Halo light (nJy arcsec$^{-2}$)",
    "snr": r"True flux / flux$\_$err",
    "mag": "True magnitude (AB)",
}


@in_style
def plot_pulls(sources, summary, filters, *, field):
    """Histogram of the pulls of unflagged sources, one panel per filter, with the normal distribution.

    Parameters
    ----------
    sources, summary : `astropy.table.Table`
        Written by the rule recover_truth.
    filters : sequence of str
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    n_columns = min(3, len(filters))
    n_rows = -(-len(filters) // n_columns)
    figure = new_figure(PAGE_WIDTH_IN, 0.4 + 1.75 * n_rows)
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    label_field(figure, f"{field}: pulls of unflagged sources")
    edges = np.arange(-PULL_LIMIT, PULL_LIMIT + 0.25, 0.5)
    curve = np.linspace(-PULL_LIMIT, PULL_LIMIT, 201)
    for ax, filt in zip(axes.flat, filters, strict=False):
        pull = np.asarray(sources[f"pull_{filt}"])
        pull = pull[np.isfinite(pull) & (np.asarray(sources[f"flags_{filt}"]) == 0)]
        ax.set(xlim=(-PULL_LIMIT, PULL_LIMIT))
        if len(pull) == 0:
            say_empty(ax)
            continue
        inside = np.clip(pull, -PULL_LIMIT, PULL_LIMIT)
        weights = np.full(len(pull), 1 / (0.5 * len(pull)))
        color = filter_color(load_filter(filt).wave_pivot)
        ax.hist(inside, edges, weights=weights, histtype="stepfilled", color=color, alpha=0.35)
        ax.hist(inside, edges, weights=weights, histtype="step", color=color, lw=1.0)
        ax.plot(curve, np.exp(-0.5 * curve**2) / np.sqrt(2 * np.pi), color=INK, lw=0.9)
        row = _rows(summary, "flux", filt, "all")[0]
        ax.text(0.03, 0.95, filt, transform=ax.transAxes, va="top", color=color)
        text = "\n".join(
            (
                f"n = {row['n']}",
                f"median ${row['median_pull']:+.2f}$",
                f"scatter {row['pull_scatter']:.2f}",
                f"beyond 5: {100 * row['beyond_5_sigma']:.1f} %",
                f"flagged: {100 * row['flagged_fraction']:.1f} %",
            )
        )
        ax.text(
            0.97, 0.95, text, transform=ax.transAxes, va="top", ha="right", fontsize=6.5, linespacing=1.25
        )
    for ax in axes.flat[len(filters) :]:
        ax.set_axis_off()
    figure.supxlabel("(measured $-$ true) / error", fontsize=9)
    figure.supylabel("Share per unit pull", fontsize=9)
    return figure


@in_style
def plot_trends(summary, filters, *, field):
    """Medians and scatter of pulls in bins of halo light, S/N and magnitude, all filters.

    Parameters
    ----------
    summary : `astropy.table.Table`
        Written by the rule recover_truth.
    filters : sequence of str
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    Bins with fewer than `MIN_IN_BIN` sources are left out. The column of magnitudes has the fractional bias
    of fluxes.
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.9)
    axes = figure.subplots(2, 3, sharex="col")
    label_field(figure, f"{field}: unflagged sources")
    for column, (binned_by, name) in zip(axes.T, BIN_NAMES.items(), strict=True):
        lows = _bins(summary, binned_by)
        upper = (
            ("bias", "Bias of fluxes (%)", 100.0)
            if binned_by == "mag"
            else ("median_pull", "Median pull", 1.0)
        )
        column[0].axhline(0, color=FAINT, lw=0.6)
        if binned_by != "mag":
            column[0].axhspan(-MEDIAN_GOAL, MEDIAN_GOAL, color=ACCENT, alpha=0.12, lw=0)
        column[1].axhspan(*SCATTER_GOAL, color=ACCENT, alpha=0.12, lw=0)
        column[0].set_ylabel(upper[1])
        column[1].set_ylabel("Scatter of pulls")
        column[1].set_xlabel(name)
        if not lows:
            say_empty(column[0])
            say_empty(column[1])
        for k, filt in enumerate(filters):
            rows = [row for row in _rows(summary, "flux", filt, binned_by) if row["n"] >= MIN_IN_BIN]
            if rows:
                shift = (k - (len(filters) - 1) / 2) * 0.7 / max(len(filters), 1)
                place = np.array([lows.index((row["bin_low"], row["bin_high"])) for row in rows]) + shift
                _draw_bins(column, place, rows, upper, (filt, filter_color(load_filter(filt).wave_pivot)))
        column[1].set_xticks(range(len(lows)), [_bin_label(*bounds) for bounds in lows])
        column[1].tick_params(axis="x", labelsize=6.5, length=0)
        column[0].tick_params(axis="x", length=0)
        column[1].set_xlim(-0.5, max(len(lows), 1) - 0.5)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside upper right",
            ncols=len(filters),
            columnspacing=1.0,
            handletextpad=0.2,
        )
    return figure


def _draw_bins(column, place, rows, upper, filter_and_color):
    """Points with errors of one filter in the two panels of a column."""
    quantity, _, factor = upper
    filt, color = filter_and_color
    n = np.array([row["n"] for row in rows])
    scatter = np.array([row["pull_scatter"] for row in rows])
    values = factor * np.array([row[quantity] for row in rows])
    errors = (
        np.array([row["bias_err"] for row in rows]) * factor
        if quantity == "bias"
        else MEDIAN_ERROR * scatter / np.sqrt(n)
    )
    style = {"fmt": "o", "ms": 2.6, "lw": 0.8, "color": color, "label": filt}
    column[0].errorbar(place, values, errors, **style)
    # the scaled median absolute deviation of n normal deviates has the relative error 1.17 / sqrt(n)
    column[1].errorbar(place, scatter, 1.17 * scatter / np.sqrt(n), **style)


def _rows(summary, quantity, band, binned_by):
    """Rows of the summary of one kind."""
    chosen = (
        (summary["quantity"] == quantity) & (summary["band"] == band) & (summary["binned_by"] == binned_by)
    )
    return list(summary[np.asarray(chosen)])


def _bins(summary, binned_by):
    """Bins that any filter has sources enough in, ascending, as (low, high)."""
    rows = summary[(np.asarray(summary["binned_by"]) == binned_by) & (np.asarray(summary["n"]) >= MIN_IN_BIN)]
    return sorted({(float(row["bin_low"]), float(row["bin_high"])) for row in rows})


def _bin_label(low, high):
    """Label of a bin."""
    if not np.isfinite(high):
        return f"> {low:g}\n "
    if not np.isfinite(low) or low == 0:
        return f"< {high:g}\n "
    return f"{low:g}\N{EN DASH}\n{high:g}"


@in_style
def plot_populations(sources, *, field):
    """Recovered against true ages and masses of sources with a clean SED fit.

    Parameters
    ----------
    sources : `astropy.table.Table`
        Written by the rule recover_truth, with or without populations.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    Ages lie on the nodes of a grid: the colour of a cell is the number of sources in it.
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.3)
    left, right = figure.subplots(1, 2, width_ratios=(1.12, 1))
    label_field(figure, f"{field}: populations of sources without a flag in photometry")
    left.set(xlabel="True age (Gyr)", ylabel="Recovered age (Gyr)")
    right.set(xlabel=r"True $\log_{10}\,(M/M_\odot)$", ylabel=r"Recovered $\log_{10}\,(M/M_\odot)$")
    if "true_age_gyr" not in sources.colnames:
        say_empty(left)
        say_empty(right)
        return figure
    clean = (np.asarray(sources["flags_sed"]) & ~int(FOUND_BY_FIT)) == 0
    _draw_ages(figure, left, *(np.asarray(sources[name])[clean] for name in ("true_age_gyr", "age_gyr")))
    _draw_masses(
        right, *(np.asarray(sources[n])[clean] for n in ("true_log_mass", "log_mass", "log_mass_err"))
    )
    return figure


def _draw_ages(figure, ax, true, found):
    """Number of sources in each cell of true and recovered age."""
    known = np.isfinite(true) & np.isfinite(found)
    if not known.any():
        say_empty(ax)
        return
    nodes = np.unique(np.concatenate([true[known], found[known]]))
    step = max(float(np.min(np.diff(nodes))) if len(nodes) > 1 else 0.5, 0.25)
    edges = np.arange(nodes[0] - step / 2, nodes[-1] + step, step)
    counts, _, _ = np.histogram2d(found[known], true[known], bins=(edges, edges))
    cmap = matplotlib.colormaps["viridis_r"].with_extremes(bad="white")
    norm = LogNorm(1, max(counts.max(), 2))
    mesh = ax.pcolormesh(edges, edges, np.where(counts > 0, counts, np.nan), cmap=cmap, norm=norm)
    mesh.set(edgecolor="face", linewidth=0.2)
    ax.plot(edges[[0, -1]], edges[[0, -1]], color=INK, lw=0.7, ls="--")
    ax.set_aspect("equal")
    difference = found[known] - true[known]
    same = 100 * np.mean(np.abs(difference) < step / 2)
    ax.set_title(
        f"n = {known.sum()}, median ${np.median(difference):+.2f}$ Gyr, {same:.0f} % in the same node",
        fontsize=7,
    )
    bar = figure.colorbar(mesh, ax=ax, pad=0.02, aspect=28)
    bar.set_label("Sources")
    plain_ticks(bar.ax.yaxis, [t for t in (1, 3, 10, 30, 100, 300, 1000, 3000) if t <= norm.vmax])
    bar.ax.tick_params(which="both", direction="out")


def _draw_masses(ax, true, found, err):
    """Recovered against true masses with their errors."""
    known = np.isfinite(true) & np.isfinite(found)
    if not known.any():
        say_empty(ax)
        return
    ax.errorbar(
        true[known], found[known], np.nan_to_num(err[known]),
        fmt="o", ms=2.2, color=ACCENT, ecolor=FAINT, elinewidth=0.5, alpha=0.8,
    )  # fmt: skip
    both = np.concatenate([true[known], found[known]])
    ends = [both.min() - 0.15, both.max() + 0.15]
    ax.plot(ends, ends, color=INK, lw=0.7, ls="--", zorder=3)
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    difference = found[known] - true[known]
    scatter = mad_sigma(difference)
    ax.set_title(
        f"n = {known.sum()}, median ${np.median(difference):+.3f}$, scatter {scatter:.3f} dex", fontsize=7
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
