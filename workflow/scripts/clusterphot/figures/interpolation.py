"""Error of the interpolation between the nodes of a library, node by node.

See `clusterphot.ssp.refine.interpolation_error` for the table behind it. Ages Gyr, metallicities in solar units.
"""

import numpy as np
from matplotlib.lines import Line2D

from clusterphot.figures.style import ACCENT, FAINT, INK, PAGE_WIDTH_IN, in_style, new_figure, plain_ticks

LINES = (
    ("flux_max", "largest error of a flux", FAINT, "v"),
    ("flux_rms", "rms error of fluxes", INK, "o"),
    ("colour_rms", "rms error of colours", ACCENT, "s"),
)
AXES = {"age_gyr": "Age left out (Gyr)", "metallicity_zsun": r"Metallicity left out ($Z_\odot$)"}


@in_style
def plot_interpolation(table, *, note=""):
    """Leave-one-out errors against age and metallicity.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `clusterphot.ssp.refine.interpolation_error`.
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
