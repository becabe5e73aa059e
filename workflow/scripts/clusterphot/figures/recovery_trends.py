"""Pulls and biases of the fluxes of a field whose truth is known, in bins of halo light, S/N and magnitude.

See `clusterphot.proof.recovery` for the table behind the figure. Fluxes nJy, halo light nJy/arcsec2, magnitudes AB.
"""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.base.robust import MEDIAN_ERROR
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_field,
    new_figure,
    say_empty,
)

MIN_IN_BIN = 10


MEDIAN_GOAL = 0.15


SCATTER_GOAL = (0.95, 1.12)
"""Shaded in the figures: where medians and scatter of pulls are wanted."""


POOR = 2.5

BIN_NAMES = {
    "halo": r"Halo light (nJy arcsec$^{-2}$)",
    "snr": r"True flux / flux$\_$err",
    "mag": "True magnitude (AB)",
}


def draw(summary, *, filters, field):
    """Figure of the rule plot_recovery_trends, from the file of its input."""
    return plot_trends(read_table(summary), filters, field=field)


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
            rows = [row for row in summary_rows(summary, "flux", filt, binned_by) if row["n"] >= MIN_IN_BIN]
            if rows:
                shift = (k - (len(filters) - 1) / 2) * 0.7 / max(len(filters), 1)
                place = np.array([lows.index((row["bin_low"], row["bin_high"])) for row in rows]) + shift
                _draw_bins(column, place, rows, upper, (filt, filter_color(load_filter(filt).wave_pivot)))
        counts = [_most(summary, binned_by, bounds) for bounds in lows]
        labels = [f"{_bin_label(*bounds)}\nn {n}" for bounds, n in zip(lows, counts, strict=True)]
        column[1].set_xticks(range(len(lows)), labels)
        for ax in column:
            _limit_to_known(ax)
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


def _most(summary, binned_by, bounds):
    """Largest number of sources of any filter in a bin."""
    chosen = np.asarray(summary["binned_by"]) == binned_by
    chosen &= (np.asarray(summary["bin_low"]) == bounds[0]) & (np.asarray(summary["bin_high"]) == bounds[1])
    chosen &= np.asarray(summary["quantity"]) == "flux"
    return int(np.max(np.asarray(summary["n"])[chosen], initial=0))


def _limit_to_known(ax):
    """Range of the points whose errors are no more than `POOR` times the median error; others may run out of it."""
    ends = []
    for container in ax.containers:
        line, _, (bars,) = container
        for y, bar in zip(line.get_ydata(), bars.get_segments(), strict=True):
            ends.append((y, 0.5 * np.ptp(bar[:, 1])))
    if not ends:
        return
    value, err = np.array(ends).T
    good = err <= POOR * np.median(err)
    low, high = (value - err)[good].min(), (value + err)[good].max()
    ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def summary_rows(summary, quantity, band, binned_by):
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
