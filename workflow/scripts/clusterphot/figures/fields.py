"""Fields of a run beside one another: ages against time, rest-frame colours, luminosities and masses.

Ages Gyr at the redshift of observation, magnitudes Vega at rest, masses log10 Msun.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.literature import read_literature
from clusterphot.figures.style import (
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.side_by_side.fields import rest_frame_b_minus_i

COLORS = ("#0077bb", "#cc3311", "#009988", "#ee7733", "#332288", "#aa3377", "#b8a000", "#33bbee")
"""Of the fields in their order, after Tol (2021, SRON/EPS/TN/09-002); they repeat beyond eight."""

LITERATURE_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
AGE_TICKS = (0.001, 0.01, 0.1, 1, 10)
APART_GYR = 0.28
LARGEST_REDSHIFT = 12.0
N_BINS = 14
LABELS_PER_ROW = 4


@in_style
def draw(fields, rows, lensed, *, cosmology):
    """Figure of the fields.

    Parameters
    ----------
    fields : list of `clusterphot.side_by_side.fields.FieldTables`
    rows : list of dict
        Of `clusterphot.side_by_side.fields.field_row`.
    lensed : str
        lensed_clusters.ecsv of resources/literature.
    cosmology : dict

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 5.9)
    label_field(figure, f"{len(fields)} fields")
    (ages, colours), (luminosities, masses) = figure.subplots(2, 2)
    literature = _draw_ages(ages, rows, read_literature(lensed), cosmology)
    used = [field.used for field in fields]
    shown = [
        (
            colours,
            [rest_frame_b_minus_i(field.rest_frame)[0] for field in fields],
            "Rest-frame $B - I$ (Vega mag)",
        ),
        (
            luminosities,
            [_column(field.rest_frame, "abs_mag_vega_bessell_V_p50") for field in fields],
            "$M_V$ (Vega mag)",
        ),
        (masses, [_column(field.clusters, "log_mass_p50") for field in fields], r"$\log_{10}\,(M/M_\odot)$"),
    ]
    for ax, values, words in shown:
        _draw_distributions(
            ax, [value[rows_used] for value, rows_used in zip(values, used, strict=True)], words
        )
    luminosities.invert_xaxis()
    handles = [
        Line2D(
            [], [], color=color, marker="*", ms=7, lw=1.3, label=f"{row['field']} (z = {row['redshift']:g})"
        )
        for row, color in zip(rows, _colors(rows), strict=True)
    ]
    legend = figure.legend(
        handles=handles + literature, loc="outside lower center", ncols=LABELS_PER_ROW, fontsize=6.5
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a field may be called anything
    return figure


def _colors(rows):
    """A colour for each field."""
    return [COLORS[number % len(COLORS)] for number in range(len(rows))]


def _draw_ages(ax, rows, lensed, cosmology):
    """Ages at the lookback time of observation: stacks, clusters, the literature; returns the entries of the latter."""
    today = age_of_universe_gyr(0.0, **cosmology)
    redshifts = np.linspace(0.0, LARGEST_REDSHIFT, 200)
    universe = np.array([age_of_universe_gyr(z, **cosmology) for z in redshifts])
    ax.fill_between(today - universe, universe, 30, color="#dddddd", lw=0, zorder=0)
    handles = []
    for number, row in enumerate(lensed):
        seen = today - age_of_universe_gyr(float(row["redshift"]), **cosmology)
        low, high = float(row["age_lo_gyr"]), float(row["age_hi_gyr"])
        marker = LITERATURE_MARKERS[number % len(LITERATURE_MARKERS)]
        middle = np.sqrt(low * high)
        ax.vlines(seen, low, high, color=FAINT, lw=1.0)
        kind = str(row["kind"])
        if kind != "range":
            ax.annotate(
                "",
                (seen, middle * (2.2 if "lower" in kind else 1 / 2.2)),
                (seen, middle),
                arrowprops={"arrowstyle": "->", "color": FAINT, "lw": 0.8},
            )
        ax.plot(seen, middle, marker, ms=3.6, mfc="white", mec=FAINT, mew=0.8)
        label = (
            f"{row['name']}: {str(row['source']).split(',')[0].rstrip(')')})"
            if "(" in row["source"]
            else row["name"]
        )
        handles.append(Line2D([], [], ls="none", marker=marker, ms=4, mfc="white", mec=FAINT, label=label))
    for number, (row, color) in enumerate(zip(rows, _colors(rows), strict=True)):
        aside = APART_GYR * (number - 0.5 * (len(rows) - 1))  # fields at one redshift stand side by side
        seen = today - age_of_universe_gyr(row["redshift"], **cosmology) + aside
        low, middle, high = (row[f"sample_age_gyr_{q}"] for q in ("p16", "p50", "p84"))
        if np.isfinite(middle):
            ax.vlines(seen - 0.07, low, high, color=color, lw=3.0, alpha=0.3)
            ax.plot(seen - 0.07, middle, "_", color=color, ms=5)
        low, middle, high = (row[f"stack_age_gyr_{q}"] for q in ("p16", "p50", "p84"))
        if np.isfinite(middle):
            ax.vlines(seen + 0.07, low, high, color=color, lw=1.2)
            ax.plot(seen + 0.07, middle, "*", color=color, ms=7, mec="white", mew=0.4)
    ax.set(
        yscale="log",
        ylim=(7e-4, 20),
        xlim=(0, 13.6),
        xlabel="Lookback time of observation (Gyr)",
        ylabel="Age (Gyr)",
    )
    plain_ticks(ax.yaxis, AGE_TICKS)
    ax.text(0.97, 0.94, "older than the Universe", transform=ax.transAxes, ha="right", fontsize=7, color=INK)
    ax.text(
        0.03,
        0.04,
        "bar: 16\N{EN DASH}84 % of the clusters\nstar: stack",
        transform=ax.transAxes,
        fontsize=6.5,
        color=INK,
    )
    return handles


def _draw_distributions(ax, values, words):
    """Histograms of the fields in common bins, each over its number of clusters."""
    values = [value[np.isfinite(value)] for value in values]
    ax.set(xlabel=words, ylabel="Share of the clusters")
    together = np.concatenate(values)
    if not together.size:
        say_empty(ax)
        return
    first, last = np.quantile(together, [0.005, 0.995])
    edges = np.linspace(first, max(last, first + 0.1), N_BINS + 1)
    for value, color in zip(values, _colors(values), strict=True):
        if value.size:
            share = np.histogram(np.clip(value, edges[0], edges[-1]), edges)[0] / value.size
            ax.stairs(share, edges, color=color, lw=1.3)
            ax.plot(np.median(value), 0, "^", color=color, ms=5, clip_on=False, zorder=5)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))


def _column(table, name):
    """Values of a column, NaN where masked or not there."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    return np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
