"""Ages of the clusters beside those of star clusters in lensed galaxies at higher redshift.

After section 3.4 of Faisst et al. (2022, ApJL 941, L11). Ages Gyr at the redshift of observation.
"""

import numpy as np
from matplotlib.lines import Line2D

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import at_field_redshift, read_table
from clusterphot.figures.recommended import recommended
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_figure,
    new_figure,
    plain_ticks,
)

MARKERS = ("o", "s", "D", "^", "v", "P", "X")
COLORS = ("#ee7733", "#009988", "#aa3377", "#cc3311", "#b8a000", "#33bbee", "#332288")
FORMATION_REDSHIFTS = (1, 2, 5, 10)
JITTER_DEX = 0.012


def draw(clusters, lensed, *, redshift, cosmology, field, grid):
    """Figure of the rule plot_lensed_ages, from the files of its input."""
    table = read_table(clusters)
    return plot_lensed_ages(
        recommended(table[at_field_redshift(table)], "age_gyr"),
        read_literature(lensed),
        redshift=redshift,
        cosmology=cosmology,
        field=field,
        grid=grid,
    )


@in_style
def plot_lensed_ages(ages, lensed, *, redshift, cosmology, field, grid):
    """Figure of age against redshift, with the age of the Universe and lines of equal formation redshift.

    Parameters
    ----------
    ages : `clusterphot.figures.recommended.Values`
        Gyr, of the clusters.
    lensed : `astropy.table.Table`
        lensed_clusters.ecsv of resources/literature.
    redshift : float
    cosmology : dict
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    The bar is how the medians of the clusters scatter, not an error: medians of posteriors are no older than the
    Universe, best fits may be, and are then left out of it.
    """
    figure = new_figure(0.72 * PAGE_WIDTH_IN, 4.0)
    ax = figure.subplots()
    known = ages.middle[ages.middle <= age_of_universe_gyr(redshift, **cosmology)]
    label_figure(figure, field, grid, f"{len(known)} of {len(ages.middle)} clusters, {ages.words}")
    ax.set(
        xlabel="Redshift", ylabel="Age (Gyr)", xscale="log", yscale="log", xlim=(1.15, 13.0), ylim=(7e-4, 20)
    )
    _draw_universe(ax, cosmology)
    handles = []
    if len(known):
        place = (1 + redshift) * 10 ** (JITTER_DEX * ((np.arange(len(known)) * 0.618) % 1 - 0.5))
        ax.scatter(place, known, s=6, c=ACCENT, alpha=0.35, lw=0, zorder=2)
        low, median, high = np.quantile(known, [0.16, 0.5, 0.84])
        ax.errorbar(
            1 + redshift,
            median,
            [[median - low], [high - median]],
            fmt="*",
            ms=10,
            mfc="white",
            mec=INK,
            ecolor=INK,
            capsize=2,
            lw=1.0,
            zorder=5,
        )
        handles.append(
            Line2D(
                [],
                [],
                ls="none",
                marker="*",
                ms=8,
                mfc="white",
                mec=INK,
                label="clusters: median, 16-84 % of them",
            )
        )
    handles += _draw_lensed(ax, lensed)
    plain_ticks(ax.xaxis, [1.2, 1.5, 2, 3, 5, 7, 11])
    ax.set_xticks([1.2, 1.5, 2, 3, 5, 7, 11], labels=["0.2", "0.5", "1", "2", "4", "6", "10"])
    plain_ticks(ax.yaxis, [0.001, 0.01, 0.1, 1, 10])
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_universe(ax, cosmology):
    """Ages beyond that of the Universe, and lines of equal formation redshift."""
    z = np.linspace(0.16, 12.0, 300)
    universe = np.array([age_of_universe_gyr(value, **cosmology) for value in z])
    ax.fill_between(1 + z, universe, 20, color="#dddddd", lw=0, zorder=0)
    ax.text(6.6, 2.2, "older than the Universe", fontsize=7.5, color=INK, ha="center")
    for formed in FORMATION_REDSHIFTS:
        age = universe - age_of_universe_gyr(formed, **cosmology)
        ax.plot(1 + z[z < formed], age[z < formed], color=FAINT, lw=0.7, ls="--", zorder=1)
        at = int(np.argmin(np.abs(age - 0.0016))) if formed > 5 else int(np.argmin(np.abs(age - 0.004)))
        ax.annotate(
            f"$z_f = {formed:g}$",
            (1 + z[at], age[at]),
            (-3, 0),
            textcoords="offset points",
            fontsize=7,
            color=FAINT,
            rotation=90,
            ha="right",
            va="bottom",
        )


def _draw_lensed(ax, lensed):
    """Ranges and limits of the literature, side by side where several are of one galaxy; returns legend entries."""
    handles, seen = [], {}
    for row, marker, color in zip(lensed, MARKERS, COLORS, strict=False):
        shift = seen.get(float(row["redshift"]), 0)
        seen[float(row["redshift"])] = shift + 1
        x = (1 + row["redshift"]) * 1.035**shift
        low, high = float(row["age_lo_gyr"]), float(row["age_hi_gyr"])
        middle = np.sqrt(low * high)
        limit = {"uplims": row["kind"] == "upper limit", "lolims": row["kind"] == "lower limit"}
        error = [[middle - low], [high - middle]] if row["kind"] == "range" else 0.35 * middle
        ax.errorbar(
            x,
            middle,
            error,
            fmt=marker,
            ms=5,
            color=color,
            mec="white",
            mew=0.4,
            capsize=2,
            lw=1.1,
            zorder=4,
            **limit,
        )
        source = str(row["source"]).split(",")[0].replace(" (", ", ")
        handles.append(
            Line2D([], [], ls="none", marker=marker, ms=5, color=color, label=f"{row['name']} ({source})")
        )
    return handles
