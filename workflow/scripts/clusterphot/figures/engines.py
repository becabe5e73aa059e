"""Differences between the engines of photometry against S/N, and their times per fit.

See `clusterphot.measure.engines.comparison` for the tables behind the figure.
"""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_field,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.measure.engines import ENGINES

MODES = {"tied": ("o", "tied positions"), "free": ("^", "free positions")}
SMALLEST_SIGMA, SMALLEST_PERCENT = 1e-6, 1e-6
"""Smaller differences are drawn here, on the lower edge."""

MAX_SIGMA, MAX_PERCENT = 10.0, 100.0


def draw(sources, summary, *, filters, field):
    """Figure of the rule plot_engines, from the files of its input."""
    return plot_engines(read_table(sources), read_table(summary), filters, field=field)


@in_style
def plot_engines(sources, summary, filters, *, field):
    """Differences of fluxes in sigma and percent against S/N, positions, and times per fit.

    Parameters
    ----------
    sources, summary : `astropy.table.Table`
        Written by the rule join_engines.
    filters : sequence of str
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    Filled symbols are fits that neither engine left on the bound of the position, open ones the others.
    """
    figure = new_figure(PAGE_WIDTH_IN, 5.4)
    axes = figure.subplots(2, 2)
    other, reference = (ENGINES[str(summary[name][0])].title for name in ("engine", "reference_engine"))
    label_field(figure, f"{field}: {other} against {reference}")
    panels = (
        (axes[0, 0], "difference_sigma", (SMALLEST_SIGMA, MAX_SIGMA), r"|Flux difference| ($\sigma$)"),
        (axes[0, 1], "difference_percent", (SMALLEST_PERCENT, MAX_PERCENT), "|Flux difference| (%)"),
    )
    for ax, column, limits, label in panels:
        _draw_differences(ax, sources, column, limits, filters)
        ax.set(xlabel="S/N", ylabel=label)
    axes[0, 0].text(
        0.03, 0.96, "open: position on its bound", transform=axes[0, 0].transAxes, va="top", fontsize=7
    )
    _draw_positions(axes[1, 0], sources, filters)
    _draw_times(axes[1, 1], summary, filters, (other, reference))
    figure.legend(
        *_handles(axes[0, 0], filters, sources), loc="outside lower center", ncols=8, columnspacing=1.0
    )
    return figure


def _draw_differences(ax, sources, column, limits, filters):
    """Absolute differences against S/N, all filters."""
    snr = np.asarray(sources["reference_snr"])
    value = np.abs(np.asarray(sources[column]))
    drawn = np.isfinite(value) & (snr > 0)
    if not drawn.any():
        say_empty(ax)
        return
    inside = np.clip(value, *limits)
    on_bound = np.asarray(sources["at_bound"]) | np.asarray(sources["reference_at_bound"])
    for filt in filters:
        color = filter_color(load_filter(filt).wave_pivot)
        for mode, (marker, _) in MODES.items():
            for bound in (False, True):
                rows = drawn & (sources["filter"] == filt) & (sources["position_mode"] == mode)
                rows &= on_bound == bound
                face = "none" if bound else color
                ax.plot(
                    snr[rows], inside[rows], ls="none", marker=marker, ms=2.6,
                    mec=color, mfc=face, mew=0.5, alpha=0.75,
                )  # fmt: skip
    ax.set(xscale="log", yscale="log", ylim=(limits[0] / 2, limits[1] * 2))
    low, high = ax.get_xlim()
    plain_ticks(ax.xaxis, [t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000) if low <= t <= high])


def _draw_positions(ax, sources, filters):
    """Cumulative distribution of the shifts between free positions."""
    ax.set(xlabel="Shift between positions (px)", ylabel="Share of free fits below", ylim=(0, 1.02))
    ax.axhline(0.95, color=FAINT, lw=0.6, ls="--")
    ax.annotate("95 %", (0.02, 0.945), xycoords=("axes fraction", "data"), va="top", fontsize=7, color=FAINT)
    shift = np.maximum(np.abs(sources["shift_x_px"]), np.abs(sources["shift_y_px"]))
    counted = np.isfinite(np.asarray(sources["difference_sigma"])) & (sources["position_mode"] == "free")
    counted &= ~(np.asarray(sources["at_bound"]) | np.asarray(sources["reference_at_bound"]))
    if not counted.any():
        say_empty(ax)
        return
    for filt in filters:
        values = np.sort(np.maximum(np.asarray(shift[counted & (sources["filter"] == filt)]), 1e-7))
        if len(values):
            share = np.arange(1, len(values) + 1) / len(values)
            ax.step(values, share, where="post", color=filter_color(load_filter(filt).wave_pivot))
    ax.set_xscale("log")


def _draw_times(ax, summary, filters, names):
    """Time per fit of both engines, by filter and kind of position."""
    ax.set(ylabel="Processor time per fit (ms)", yscale="log")
    place = {filt: k for k, filt in enumerate(filters)}
    for mode, (marker, _) in MODES.items():
        rows = summary[np.asarray(summary["position_mode"]) == mode]
        shift = -0.12 if mode == "tied" else 0.12
        for row in rows:
            x = place[str(row["filter"])] + shift
            color = filter_color(load_filter(str(row["filter"])).wave_pivot)
            ax.plot([x, x], [row["reference_time_ms"], row["time_ms"]], color=FAINT, lw=0.7, zorder=1)
            ax.plot(x, row["time_ms"], marker=marker, ms=4, color=color)
            ax.plot(x, row["reference_time_ms"], marker=marker, ms=4, mec=color, mfc="white")
            ax.annotate(
                f"{row['time_ratio']:.0f}\N{MULTIPLICATION SIGN}",
                (x, np.sqrt(row["time_ms"] * row["reference_time_ms"])),
                xytext=(-2.5 if mode == "tied" else 2.5, 0), textcoords="offset points", fontsize=6,
                va="center", ha="right" if mode == "tied" else "left",
            )  # fmt: skip
    ax.set_xticks(range(len(filters)), filters, fontsize=7)
    ax.set_xlim(-0.7, len(filters) - 0.3)
    low, high = ax.get_ylim()
    ax.set_ylim(low / 1.5, high * 2.5)
    plain_ticks(ax.yaxis, [t for t in (0.03, 0.1, 0.3, 1, 3, 10, 30, 100) if low / 1.5 <= t <= high * 2.5])
    ax.text(0.02, 0.96, f"filled: {names[0]}, open: {names[1]}", transform=ax.transAxes, va="top", fontsize=7)


def _handles(ax, filters, sources):
    """Handles and names of the legend: filters by colour, kinds of position by symbol."""
    handles, labels = [], []
    for filt in filters:
        color = filter_color(load_filter(filt).wave_pivot)
        handles += ax.plot([], [], color=color, lw=2)
        labels.append(filt)
    for mode in dict.fromkeys(map(str, sources["position_mode"])):
        marker, name = MODES[mode]
        handles += ax.plot([], [], ls="none", marker=marker, ms=4, color=INK)
        labels.append(name)
    return handles, labels
