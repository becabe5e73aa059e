"""Rest-frame B-I and M_I of the clusters beside those of nearby brightest cluster galaxies.

After figure 8 of Faisst et al. (2022, ApJL 941, L11). Magnitudes Vega.
"""

import numpy as np

from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.figures.recommended import LEAST_SNR_MAG
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)

COLOR_BIN_MAG = 0.1


def rest_frame_colors(table):
    """B - I, M_I and an error of B - I from a table of rest-frame magnitudes.

    Parameters
    ----------
    table : `astropy.table.Table`
        rest_frame.ecsv; Vega magnitudes in bessell_B and bessell_I are used where it has them.

    Returns
    -------
    b_minus_i, m_i, b_minus_i_err, m_i_err : (n,) float ndarray, mag
        NaN where a band is missing. The error of the colour adds half the 16-84 % ranges of the two magnitudes
        without their common normalisation: the difference of the two ranges, a lower limit.
    """

    def quantile(band, name):
        column = f"abs_mag_vega_{band}_{name}"
        if column not in table.colnames:
            return np.full(len(table), np.nan)
        return np.ma.filled(np.ma.asarray(table[column], dtype=float), np.nan)

    blue, red = (quantile(band, "p50") for band in ("bessell_B", "bessell_I"))
    widths = [(quantile(band, "p84") - quantile(band, "p16")) / 2 for band in ("bessell_B", "bessell_I")]
    return blue - red, red, np.sqrt(np.abs(widths[0] ** 2 - widths[1] ** 2)), widths[1]


def draw(rest_frame, sequences, *, field, grid):
    """Figure of the rule plot_color_magnitude, from the files of its input."""
    b_minus_i, m_i, color_err, m_i_err = rest_frame_colors(read_table(rest_frame))
    return plot_color_magnitude(
        b_minus_i,
        m_i,
        read_literature(sequences),
        b_minus_i_err=color_err,
        m_i_err=m_i_err,
        field=field,
        grid=grid,
    )


@in_style
def plot_color_magnitude(
    b_minus_i, m_i, sequences, *, b_minus_i_err=None, m_i_err=None, local=None, field, grid
):
    """Figure of rest-frame B-I against M_I beside the globular clusters of nearby brightest cluster galaxies.

    Parameters
    ----------
    b_minus_i, m_i : (n,) float ndarray, mag, Vega
        From the SEDs; NaN where not known.
    sequences : `astropy.table.Table`
        bcg_cluster_colors.ecsv of resources/literature.
    b_minus_i_err, m_i_err : (n,) float ndarray, optional
        Clusters whose ``m_i_err`` is beyond `LEAST_SNR_MAG` are not seen, and left out.
    local : (b_minus_i, m_i), optional
        Clusters of a user's table, drawn instead of the sequences' boxes.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(COLUMN_WIDTH_IN, 4.2)
    margin, ax = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3.4))
    known = np.isfinite(b_minus_i) & np.isfinite(m_i)
    if m_i_err is not None:
        known &= m_i_err <= LEAST_SNR_MAG
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters")
    ax.set(xlabel="$B - I$ (Vega)", ylabel="$M_I$ (Vega)")
    if local is not None:
        ax.scatter(*local, s=3, c=FAINT, lw=0, alpha=0.5, zorder=1, label="local clusters", rasterized=True)
    for row in sequences:
        color = {"blue": "#0077bb", "red": "#cc3311"}[row["sequence"]]
        x = [row["b_i"] - row["half_width"], row["b_i"] + row["half_width"]]
        ax.fill_betweenx(
            [row["m_i_bright"], row["m_i_faint"]],
            *x,
            color=color,
            alpha=0.25,
            lw=0,
            label=f"{row['sequence']} clusters of nearby BCGs" + ("" if row["checked"] else " (approximate)"),
        )
        margin.axvspan(*x, color=color, alpha=0.15, lw=0)
        ax.axvspan(*x, color=color, alpha=0.06, lw=0)
    if known.any():
        if b_minus_i_err is not None:
            ax.errorbar(
                b_minus_i[known],
                m_i[known],
                xerr=b_minus_i_err[known],
                yerr=None if m_i_err is None else m_i_err[known],
                fmt="none",
                ecolor="#bbbbbb",
                elinewidth=0.4,
                zorder=2,
            )
        ax.scatter(
            b_minus_i[known], m_i[known], s=12, c=ACCENT, ec="white", lw=0.3, zorder=3, label="clusters"
        )
        margin.hist(b_minus_i[known], bins=np.arange(-1.0, 4.0, COLOR_BIN_MAG), color=ACCENT, alpha=0.6)
        low, high = np.quantile(b_minus_i[known], [0.0, 1.0])
        ends = [row["b_i"] + sign * row["half_width"] for row in sequences for sign in (-1, 1)]
        ax.set_xlim(min(low, *ends) - 0.2, max(high, *ends) + 0.2)
    else:
        say_empty(ax)
    margin.set_ylabel("Clusters")
    ax.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=1)
    return figure
