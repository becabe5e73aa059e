"""Measured against true fluxes of a field whose truth is known: histograms of the pulls.

See `clusterphot.proof.recovery` for the tables behind the figure. Fluxes nJy.
"""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.pulls import FILLED, OUTLINE, draw_panels, panels_height
from clusterphot.figures.recovery_trends import summary_rows
from clusterphot.figures.style import PAGE_WIDTH_IN, in_style, label_field, new_figure


def draw(sources, summary, *, filters, field):
    """Figure of the rule plot_recovery_pulls, from the files of its input."""
    return plot_pulls(read_table(sources), read_table(summary), filters, field=field)


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
    figure = new_figure(PAGE_WIDTH_IN, 0.4 + panels_height(filters))
    label_field(figure, f"{field}: pulls of unflagged sources")

    def series_of(filt):
        pull = np.asarray(sources[f"pull_{filt}"])[np.asarray(sources[f"flags_{filt}"]) == 0]
        if not np.isfinite(pull).any():
            return []
        row = summary_rows(summary, "flux", filt, "all")[0]
        lines = [
            f"n = {row['n']}",
            f"median ${row['median_pull']:+.2f}$",
            f"scatter {row['pull_scatter']:.2f}",
            f"beyond 5: {100 * row['beyond_5_sigma']:.1f} %",
            f"flagged: {100 * row['flagged_fraction']:.1f} %",
        ]
        return [(pull, (FILLED, OUTLINE), lines)]

    draw_panels(figure, filters, series_of)
    return figure
