"""Panels of pulls, one per filter: histograms beside the normal distribution that errors promise."""

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.figures.style import INK, filter_color, panel_shape, say_empty

PULL_LIMIT, PULL_STEP = 5.0, 0.5
"""Ends of the axis, where pulls beyond are counted, and width of a bin."""

PANEL_HEIGHT_IN = 1.75

FILLED = {"histtype": "stepfilled", "alpha": 0.35}
OUTLINE = {"histtype": "step", "lw": 1.0}
"""Looks of a histogram."""


def panels_height(filters):
    """Height (inches) of the panels of these filters."""
    return PANEL_HEIGHT_IN * panel_shape(len(filters))[0]


def draw_panels(figure, filters, series_of):
    """Fill a figure, or a part of one, with a panel for each filter.

    Parameters
    ----------
    figure : `matplotlib.figure.FigureBase`
    filters : sequence of str
    series_of : callable
        For a filter: a list of pulls (n,), looks of histograms (sequence of dict) and lines of text; series without a
        finite pull are left out.
    """
    axes = figure.subplots(*panel_shape(len(filters)), squeeze=False, sharex=True, sharey=True)
    for ax, filt in zip(axes.flat, filters, strict=False):
        _draw_panel(ax, filt, series_of(filt))
    for ax in axes.flat[len(filters) :]:
        ax.set_axis_off()
    figure.supxlabel("(measured $-$ true) / error", fontsize=9)
    figure.supylabel("Share per unit pull", fontsize=9)


def _draw_panel(ax, filt, series):
    """One filter."""
    ax.set(xlim=(-PULL_LIMIT, PULL_LIMIT))
    color, lines = filter_color(load_filter(filt).wave_pivot), []
    edges = np.arange(-PULL_LIMIT, PULL_LIMIT + PULL_STEP / 2, PULL_STEP)
    for pull, looks, text in series:
        pull = pull[np.isfinite(pull)]
        if len(pull) == 0:
            continue
        inside = np.clip(pull, -PULL_LIMIT, PULL_LIMIT)
        weights = np.full(len(pull), 1 / (PULL_STEP * len(pull)))
        for look in looks:
            ax.hist(inside, edges, weights=weights, color=color, **look)
        lines += text
    if not lines:
        say_empty(ax)
        return
    curve = np.linspace(-PULL_LIMIT, PULL_LIMIT, 201)
    ax.plot(curve, np.exp(-0.5 * curve**2) / np.sqrt(2 * np.pi), color=INK, lw=0.9)
    ax.text(0.03, 0.95, filt, transform=ax.transAxes, va="top", color=color)
    place = {"transform": ax.transAxes, "va": "top", "ha": "right", "fontsize": 6.5, "linespacing": 1.25}
    ax.text(0.97, 0.95, "\n".join(lines), **place)
