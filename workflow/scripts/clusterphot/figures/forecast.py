"""Figures of posteriors: their calibration on mock clusters, and forecasts of extra filters.

See `clusterphot.sed.predictive` and `clusterphot.sed.forecast` for the tables behind them. Ranks are probabilities,
widths dex.
"""

from clusterphot.base.filters import load_filter
from clusterphot.figures.style import (
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    filter_color,
    in_style,
    new_figure,
)


@in_style
def forecast_figure(table, *, note="", n_rows=15):
    """Expected age errors with each set of extra filters, the best on top.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `clusterphot.sed.forecast.forecast`.
    note : str, optional
    n_rows : int, optional
        Sets shown, the best first; the baseline always.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    names = [str(name) for name in table["extra"]]
    shown = sorted({*range(min(n_rows, len(names))), names.index("")})
    figure = new_figure(COLUMN_WIDTH_IN, 0.9 + 0.21 * len(shown))
    figure.suptitle(note, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    ax = figure.subplots()
    for place, index in enumerate(shown):
        row = table[index]
        single = names[index] and "+" not in names[index]
        color = filter_color(load_filter(names[index]).wave_pivot) if single else INK
        ax.plot([0, row["age_95_dex"]], [place, place], color=color, lw=1.0, alpha=0.4)
        ax.plot([0, row["age_dex"]], [place, place], color=color, lw=3.0, solid_capstyle="butt")
    ax.axvline(table["age_dex"][names.index("")], color=FAINT, lw=0.8, ls="--")
    labels = ["+ " + names[i].replace("+", " + ") if names[i] else "baseline" for i in shown]
    ax.set_yticks(range(len(shown)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(0, None)
    ax.set_xlabel("Half width of the age posterior (dex)\nthick 16$-$84 %, thin 2.5$-$97.5 %")
    return figure
