"""Numbers of clusters under each assumption on their luminosity function, and per light."""

import numpy as np

from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    say_empty,
)
from clusterphot.luminosity.totals import REFUTED

TURNOVERS = {
    "free": "turnover of the data",
    "faded": "today's turnover, younger",
    "today": "today's turnover",
    "given": "turnover given",
}
WIDTHS = {"free": "width free", "galaxy": "width by galaxy"}
COLOURS = (INK, ACCENT, "#cc6633", "#669944", "#884499")

HALO_MASS_PER_CLUSTER = 5e9
"""Msun of halo per globular cluster today (Burkert & Forbes 2020, AJ 159, 56)."""

HALO_SCATTER_DEX = 0.3
"""Scatter of halos about it, dex (same)."""


def draw(totals, *, halo_mass, field):
    """Figure of the rule plot_totals, from the file of its input."""
    return plot_totals(read_table(totals), halo_mass=halo_mass, field=field)


@in_style
def plot_totals(totals, *, halo_mass=None, field=""):
    """Numbers by assumption and region, and specific frequency against the galaxy's magnitude.

    Parameters
    ----------
    totals : `astropy.table.Table`
        Of `clusterphot.luminosity.totals.count_field`.
    halo_mass : (float, float), optional
        log10 of the mass (Msun) of the halo, and its error (dex).
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.1)
    refuted = len(totals) and (np.asarray(totals["likelihood_fall"]) > REFUTED).any()
    words = "clusters, found and missed" + ("; open: not a function that describes them" if refuted else "")
    label_field(figure, f"{field}: {words}")
    numbers, frequency = figure.subplots(1, 2, width_ratios=(1.5, 1))
    if not len(totals):
        say_empty(numbers, "too few clusters")
        say_empty(frequency, "too few clusters")
        return figure
    regions = _regions(totals)
    kinds = list(dict.fromkeys(zip(totals["turnover_kind"], totals["width_kind"], strict=True)))
    for number, (label, rows) in enumerate(regions):
        for row in rows:
            at = len(kinds) - 1 - kinds.index((row["turnover_kind"], row["width_kind"]))
            at += 0.2 * (0.5 * (len(regions) - 1) - number)
            value, low, high = row["n_total_p50"], row["n_total_p16"], row["n_total_p84"]
            numbers.errorbar(
                value, at, xerr=[[value - low], [high - value]], fmt="o", ms=3, color=COLOURS[number % len(COLOURS)],
                elinewidth=1, label=label if row is rows[0] else None, mfc=_face(row, COLOURS[number % len(COLOURS)]),
            )  # fmt: skip
    numbers.set_yticks(range(len(kinds)))
    numbers.set_yticklabels([f"{TURNOVERS[t]},\n{WIDTHS[w]}" for t, w in reversed(kinds)], fontsize=6.5)
    numbers.set(xscale="log", xlabel="Number of clusters", ylim=(-0.7, len(kinds) - 0.3))
    if halo_mass is not None:
        expected = 10 ** halo_mass[0] / HALO_MASS_PER_CLUSTER
        spread = 10 ** np.hypot(halo_mass[1], HALO_SCATTER_DEX)
        numbers.axvspan(
            expected / spread, expected * spread, color=FAINT, alpha=0.25, lw=0, label="of the whole halo"
        )
    handles, labels = numbers.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    numbers.legend(unique.values(), unique.keys(), loc="best", labelcolor=INK, fontsize=6.5)
    _draw_frequency(frequency, regions)
    return figure


def _face(row, colour):
    """Open markers where the data refute the assumption."""
    return "white" if row["likelihood_fall"] > REFUTED else colour


def _regions(totals):
    """Label and rows of each region."""
    out = {}
    for row in totals:
        label = "area searched" if row["region"] == "searched" else f"within {row['aperture_kpc']:g} kpc"
        out.setdefault(label, []).append(row)
    return list(out.items())


def _draw_frequency(ax, regions):
    """Specific frequency of each aperture under each assumption against the light in it."""
    drawn = False
    for number, (_, rows) in enumerate(regions):
        for k, row in enumerate(rows):
            value, low, high = row["s_n_p50"], row["s_n_p16"], row["s_n_p84"]
            if not np.isfinite(value):
                continue
            drawn = True
            magnitude = row["absolute_v"] + 0.04 * (k - 0.5 * (len(rows) - 1))
            ax.errorbar(
                magnitude, value, yerr=[[value - low], [high - value]], fmt="o", ms=3, elinewidth=1,
                color=COLOURS[number % len(COLOURS)], mfc=_face(row, COLOURS[number % len(COLOURS)]),
            )  # fmt: skip
    if not drawn:
        say_empty(ax, "no light was measured")
        return
    ax.axhspan(3, 10, color=FAINT, alpha=0.2, lw=0)
    ax.text(
        0.02,
        0.02,
        "grey: brightest cluster galaxies today",
        transform=ax.transAxes,
        fontsize=6.5,
        color=FAINT,
    )
    ax.set(
        xlabel=r"$M_V$ of the light within the same radius", ylabel="Specific frequency $S_N$", yscale="log"
    )
    ax.invert_xaxis()
