"""Errors proven on a field's own mosaics: pulls of artificial clusters and blank places, biases, flags, scaling.

See `clusterphot.proof.summary` and `clusterphot.proof.scaling` for the tables behind the figure. Light nJy/arcsec2.
"""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.base.tables import read_table
from clusterphot.figures.pulls import FILLED, OUTLINE, draw_panels, panels_height
from clusterphot.figures.style import (
    FAINT,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_field,
    new_figure,
    say_empty,
)
from clusterphot.proof.scaling import factors, scatter_at
from clusterphot.proof.summary import clean, whole_row

BELOW_IN = 2.3
"""Height of the lower row."""

MIN_IN_BIN = 10
"""Bins of fewer are left out."""

HALF_DASH = 0.07
"""Half length of the dash of the smooth scatter beside each point, in bins."""

PAD_IN = 0.06
"""Between panels: labels of one do not touch the next."""


def draw(sources, summary, scaling, *, filters, field):
    """Figure of the rule plot_proof, from the files of its input."""
    return plot_proof(read_table(sources), read_table(summary), read_table(scaling), filters, field=field)


@in_style
def plot_proof(sources, summary, scaling, filters, *, field):
    """Histograms of pulls, one panel per filter; below, bias and scatter against light, and shares of flagged.

    Parameters
    ----------
    sources, summary, scaling : `astropy.table.Table`
        Written by the rule summarise_proof.
    filters : sequence of str
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    height = panels_height(filters)
    figure = new_figure(PAGE_WIDTH_IN, 0.4 + height + BELOW_IN)
    figure.get_layout_engine().set(w_pad=PAD_IN)
    above, below = figure.subfigures(2, 1, height_ratios=(height, BELOW_IN))
    label_field(figure, f"{field}: what was put in, and blank places (outlines)")
    draw_panels(above, filters, lambda filt: _pulls(sources, summary, filt))
    bias, scatter, flagged = below.subplots(1, 3)
    _draw_light(bias, scatter, summary, scaling, filters)
    _draw_flagged(flagged, sources, filters)
    return figure


def _color(filt):
    """Colour of a filter."""
    return filter_color(load_filter(filt).wave_pivot)


def _pulls(sources, summary, filt):
    """Pulls of one filter, with their looks and words."""
    series = []
    for kind, name, look in (("injected", "put in", FILLED), ("blank", "blank", OUTLINE)):
        chosen = (np.asarray(sources["kind"]) == kind) & clean(sources, filt)
        pull = np.asarray(sources[f"pull_{filt}"], dtype=float)[chosen]
        if not np.isfinite(pull).any():
            continue
        row = whole_row(summary, kind, filt)
        lines = [
            f"{name}: {row['n']}",
            f"median ${row['pull_median']:+.2f}$",
            f"scatter {row['pull_scatter']:.2f} $\\pm$ {row['pull_scatter_err']:.2f}",
        ]
        series.append((pull, (look,), lines))
    return series


def _draw_light(bias, scatter, summary, scaling, filters):
    """Bias and scatter of artificial clusters in bins of light, with the scatter that errors can be multiplied by."""
    known = (np.asarray(summary["kind"]) == "injected") & ~np.isnan(np.asarray(summary["light_low"], float))
    rows = summary[known & (np.asarray(summary["n"]) >= MIN_IN_BIN)]
    bins = sorted({(float(row["light_low"]), float(row["light_high"])) for row in rows})
    for ax, words, middle in ((bias, "Bias of fluxes (%)", 0.0), (scatter, "Scatter of pulls", 1.0)):
        ax.axhline(middle, color=FAINT, lw=0.6)
        ax.set(ylabel=words, xlabel=r"Light (nJy arcsec$^{-2}$)", xlim=(-0.5, max(len(bins), 1) - 0.5))
        ax.set_xticks(range(len(bins)), [_bin_label(*ends) for ends in bins])
        ax.tick_params(axis="x", labelsize=6.5, length=0)
        if not bins:
            say_empty(ax)
    for k, filt in enumerate(filters):
        own = rows[np.asarray(rows["filter"]) == filt]
        if len(own) == 0:
            continue
        step = (k - (len(filters) - 1) / 2) * 0.7 / len(filters)
        place = np.array([bins.index((float(row["light_low"]), float(row["light_high"]))) for row in own])
        look = {"fmt": "o", "ms": 2.6, "lw": 0.8, "color": _color(filt)}
        bias.errorbar(place + step, 100 * own["bias"], 100 * own["bias_err"], **look)
        scatter.errorbar(place + step, own["pull_scatter"], own["pull_scatter_err"], **look)
        row = scaling[list(scaling["filter"]).index(filt)]
        middle = [_middle(*bins[number]) for number in place]
        values, _ = scatter_at(row, middle, np.full(len(middle), row["depth_mean"]))
        used = factors(row, middle, np.full(len(middle), row["depth_mean"])).value != 1.0
        for at, value, solid in zip(place + step, values, used, strict=True):
            ends = [at - HALF_DASH, at + HALF_DASH]
            scatter.plot(ends, [value, value], color=_color(filt), lw=0.9, ls="-" if solid else ":")


def _middle(low, high):
    """Light that stands for a bin."""
    if not np.isfinite(low):
        return 0.5 * high
    return 1.5 * low if not np.isfinite(high) else 0.5 * (low + high)


def _bin_label(low, high):
    """Label of a bin."""
    if not np.isfinite(high):
        return f"> {low:g}\n "
    return f"< {high:g}\n " if not np.isfinite(low) else f"{low:g}\N{EN DASH}\n{high:g}"


def _draw_flagged(ax, sources, filters):
    """Shares of artificial clusters with a flag."""
    some = sources[np.asarray(sources["kind"]) == "injected"]
    ax.set(ylabel="Flagged (%)")
    if len(some) == 0:
        say_empty(ax)
        return
    shares = [100 * float(np.mean(~clean(some, filt))) for filt in filters]
    ax.bar(range(len(filters)), shares, color=[_color(filt) for filt in filters], alpha=0.6)
    for k, share in enumerate(shares):
        ax.text(k, share, f"{share:.1f}", ha="center", va="bottom", fontsize=6.5)
    ax.set_xticks(range(len(filters)), filters, rotation=45, fontsize=6.5)
    ax.set_ylim(0, 1.25 * max(*shares, 1.0))
