"""Fluxes of the same sources in two fields: their ratio by filter, and source by source."""

import numpy as np

from clusterphot.base.filters import pivot_wavelength
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

SNR_TICKS = (3, 5, 10, 20, 50, 100, 200, 500, 1000)
LEAST_REACH = 0.02
"""Half the height of the panel of ratios, at least."""


@in_style
def draw(sources, factors, *, other, field):
    """Figure of the rule plot_calibration, from the files of its input."""
    table, rows = read_table(sources), read_table(factors)
    figure = new_figure(PAGE_WIDTH_IN, 3.0)
    label_field(figure, f"{field} over {other}")
    by_filter, by_source = figure.subplots(1, 2, width_ratios=[1, 1.35])
    known = rows[np.isfinite(rows["ratio"])]
    for ax in (by_filter, by_source):
        ax.axhline(1, color=INK, lw=0.7)
    by_filter.set(ylabel="Ratio of the fluxes", xticks=range(len(rows)))
    by_filter.set_xticklabels([str(name) for name in rows["filter"]], rotation=35, ha="right", fontsize=7)
    by_source.set(xlabel="Signal to noise", ylabel="Ratio of the fluxes", xscale="log")
    if not len(known):
        say_empty(by_source)
        return figure
    for place, row in enumerate(rows):
        color = filter_color(pivot_wavelength(str(row["filter"])))
        if np.isfinite(row["ratio"]):
            by_filter.errorbar(place, row["ratio"], row["ratio_err"], fmt="o", ms=4, color=color, capsize=2)
        shown = table[(table["filter"] == row["filter"]) & np.asarray(table["used"], dtype=bool)]
        snr = shown["flux_field"] / shown["flux_field_err"]
        by_source.errorbar(
            snr,
            shown["flux_ratio"],
            shown["flux_ratio_err"],
            fmt="none",
            ecolor=FAINT,
            elinewidth=0.3,
            alpha=0.4,
        )
        by_source.plot(
            snr, shown["flux_ratio"], "o", ms=2.4, color=color, alpha=0.8, label=str(row["filter"])
        )
    reach = max(1.4 * float(np.max(np.abs(known["ratio"] - 1) + known["ratio_err"])), LEAST_REACH)
    by_filter.set_ylim(1 - reach, 1 + reach)
    by_filter.set_xlim(-0.5, len(rows) - 0.5)
    low, high = by_source.get_xlim()
    plain_ticks(by_source.xaxis, [tick for tick in SNR_TICKS if low <= tick <= high])
    ratios = np.asarray(table["flux_ratio"])[np.asarray(table["used"], dtype=bool)]
    spread = max(1.2 * float(np.quantile(np.abs(ratios - 1), 0.95)), LEAST_REACH)
    by_source.set_ylim(1 - spread, 1 + spread)
    figure.legend(loc="outside lower center", ncols=6)
    return figure
