"""Luminosity function of the clusters in V, and their mass-to-light ratios.

After section 3 of Faisst et al. (2022, ApJL 941, L11). Luminosities V-band Suns, magnitudes Vega.
"""

import numpy as np

from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)
from clusterphot.luminosity.v_band import (
    DISPERSION_MAG,
    LOG_SUPER_LUMINOUS,
    SOLAR_V_VEGA,
    absolute_v,
    cluster_luminosities,
    fraction_brighter,
)

BIN_MAG = 0.25
FAINTER_MAG = 0.75
"""How far beyond the limit the axis goes; fainter ones are counted."""

RANGE_COLORS = ("#ee7733", "#009988")


def draw(
    photometry, clusters, summary, mass_to_light, *, filters, redshift, cosmology, v_filter, field, grid
):
    """Figure of the rule plot_luminosities, from the files of its input."""
    _, luminosity, _ = cluster_luminosities(read_table(photometry), filters, v_filter, redshift, cosmology)
    measures = {
        row["measure"]: (row["value"], row["value_lo"], row["value_hi"]) for row in read_table(summary)
    }
    return plot_luminosities(
        luminosity,
        np.asarray(read_table(clusters)["ml_v"]),
        measures,
        read_literature(mass_to_light),
        field=field,
        grid=grid,
    )


@in_style
def plot_luminosities(luminosity, ml_v, summary, ranges, *, field, grid):
    """Figure with the luminosity function and the mass-to-light ratios.

    Parameters
    ----------
    luminosity, ml_v : (n,) float ndarray
    summary : dict of str to (value, low, high)
        Rows of luminosities.ecsv.
    ranges : `astropy.table.Table`
        mass_to_light.ecsv of resources/literature.
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.5)
    left, right = figure.subplots(1, 2)
    magnitude = absolute_v(luminosity)
    known = np.isfinite(magnitude)
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters with a V luminosity")
    left.set(xlabel="$M_V$ (Vega)", ylabel=f"Clusters per {BIN_MAG:g} mag")
    right.set(xlabel=r"$M/L_V$ ($M_\odot/L_\odot$)", ylabel="Clusters", xscale="log")
    if not known.any():
        say_empty(left)
        say_empty(right)
        return figure
    _draw_function(left, magnitude[known], summary)
    _draw_ratios(right, ml_v[known & np.isfinite(ml_v)], ranges)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw_function(ax, magnitude, summary):
    """Histogram, limits, and a Gaussian luminosity function with as many clusters brighter than the limit."""
    limit, turnover = (
        summary["limiting M_V"][0],
        summary["turnover M_V of globular clusters at this M/L_V"][0],
    )
    edges = np.arange(np.floor(magnitude.min() / BIN_MAG) * BIN_MAG, magnitude.max() + BIN_MAG, BIN_MAG)
    counts, *_ = ax.hist(
        magnitude, edges, histtype="stepfilled", color=ACCENT, alpha=0.35, ec=ACCENT, label="clusters"
    )
    ax.axvline(
        SOLAR_V_VEGA - 2.5 * LOG_SUPER_LUMINOUS,
        color=INK,
        lw=0.9,
        ls=":",
        label=rf"$\log L_V = {LOG_SUPER_LUMINOUS:g}$",
    )
    top = 1.25 * counts.max()
    if np.isfinite(limit):
        ax.axvline(limit, color=FAINT, lw=1.0, ls="--", label=r"3$\sigma$ limit")
    if np.isfinite(turnover) and np.isfinite(limit):
        x = np.linspace(edges[0] - 0.5, max(edges[-1], limit) + 0.5, 300)
        density = (
            BIN_MAG
            * np.exp(-0.5 * ((x - turnover) / DISPERSION_MAG) ** 2)
            / (DISPERSION_MAG * np.sqrt(2 * np.pi))
        )
        share = fraction_brighter(limit, turnover)
        number = np.sum(magnitude < limit) / share if share > 0 else np.nan
        seen = x <= limit
        label = "normal luminosity function of globular clusters,\nas many above the limit"
        ax.plot(x[seen], number * density[seen], color="#cc3311", lw=1.2, label=label)
        top = max(top, 1.05 * float(np.max(number * density[seen], initial=0.0)))
    expected = summary.get("clusters of the whole system of that galaxy, brighter than the limit")
    share = 100 * summary["super-luminous fraction"][0]
    words = [rf"brighter than $\log L_V = {LOG_SUPER_LUMINOUS:g}$: {share:.0f} %"]
    if expected is not None:
        found = summary["clusters brighter than the limit"][0]
        words.append(f"brighter than the limit: {found:.0f} found;")
        words.append("by specific frequency, around the brightest")
        words.append(f"cluster galaxy: {expected[1]:.0f} to {expected[2]:.0f}")
    place = {"transform": ax.transAxes, "va": "top", "ha": "right", "fontsize": 7.5}
    ax.text(0.97, 0.97, "\n".join(words), **place, bbox={"fc": "white", "ec": "none", "pad": 1.5})
    faintest = min(edges[-1], limit + FAINTER_MAG) if np.isfinite(limit) else edges[-1]
    n_beyond = int(np.sum(magnitude > faintest))
    if n_beyond:
        ax.text(0.03, 0.97, f"{n_beyond} fainter", transform=ax.transAxes, va="top", fontsize=7.5)
    ax.set(ylim=(0, 1.5 * top), xlim=(edges[0] - 0.4, max(faintest, limit) + 0.4))
    ax.invert_xaxis()


def _draw_ratios(ax, ml_v, ranges):
    """Histogram of M/L_V over the ranges of the literature."""
    if len(ml_v) == 0:
        say_empty(ax)
        return
    low, high = min(ml_v.min(), 0.3), max(ml_v.max(), 5.0)
    counts, *_ = ax.hist(
        ml_v,
        np.geomspace(low / 1.1, high * 1.1, 22),
        histtype="stepfilled",
        color=ACCENT,
        alpha=0.35,
        ec=ACCENT,
    )
    top = counts.max()
    for number, row in enumerate(ranges):
        color, height = RANGE_COLORS[number % 2], top * (1.12 + 0.2 * number)
        ax.plot(
            [row["ml_v_lo"], row["ml_v_hi"]],
            [height] * 2,
            color=color,
            lw=2.4,
            ls="-" if row["checked"] else (0, (2, 1)),
        )
        authors, _, rest = str(row["source"]).partition(" (")
        several = " et al." if "&" in authors else ""
        authors, year = authors.split(",")[0].split(" & ")[0], rest.split(",")[0]
        note = "" if row["checked"] else ", approximate"
        ax.text(
            np.sqrt(row["ml_v_lo"] * row["ml_v_hi"]),
            height + 0.03 * top,
            f"{authors}{several} ({year}{note})",
            ha="center",
            va="bottom",
            fontsize=7,
            color=color,
        )
    ax.plot([np.median(ml_v)] * 2, [0, 1.04 * top], color=INK, lw=1.1)
    ax.text(0.03, 0.97, f"median {np.median(ml_v):.2f}", fontsize=7.5, va="top", transform=ax.transAxes)
    ax.set_ylim(0, 1.6 * top)
    ax.set_xticks(
        [tick for tick in (0.2, 0.5, 1, 2, 5) if low / 1.1 <= tick <= high * 1.1],
        labels=[f"{tick:g}" for tick in (0.2, 0.5, 1, 2, 5) if low / 1.1 <= tick <= high * 1.1],
    )
    ax.minorticks_off()
