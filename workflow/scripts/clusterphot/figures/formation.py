"""When the clusters of a field formed: lookback time and redshift of formation against mass.

Quantiles of the posteriors (`clusterphot.sed.formation`); Gyr, log10 Msun.
"""

import numpy as np

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.tables import read_table
from clusterphot.figures.recommended import LARGEST_DEX, recommended
from clusterphot.figures.style import (
    ACCENT,
    COLUMN_WIDTH_IN,
    FAINT,
    INK,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)

STACK_COLOR = "#cc3311"
REDSHIFT_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.2, 1.5, 2, 3, 5, 10)
BIN_GYR = 0.5
TICK_DISTANCE_GYR = 0.5
"""Redshifts nearer than this on the axis are not written."""


def draw(formation, clusters, *, redshift, cosmology, field, grid):
    """Figure of the rule plot_formation, from the files of its input."""
    fits = read_table(clusters)
    return plot_formation(
        read_table(formation),
        recommended(fits, "log_mass"),
        prior=prior_of_age(fits.meta),
        redshift=redshift,
        cosmology=cosmology,
        field=field,
        grid=grid,
    )


@in_style
def plot_formation(table, masses, *, redshift, cosmology, field, grid, prior=None):
    """Figure of formation times against mass, and their distribution.

    Parameters
    ----------
    table : `astropy.table.Table`
        Of `clusterphot.sed.formation.formation_table`.
    masses : `clusterphot.figures.recommended.Values`
        Of the clusters, in their order. Those that only the prior bounds (`LARGEST_DEX`) are not drawn.
    redshift : float
    cosmology : dict
    field, grid : str
    prior : ((first, last), kind), optional
        Of the ages, see `prior_of_age`.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(COLUMN_WIDTH_IN, 4.3)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2.2])
    today, then = (age_of_universe_gyr(z, **cosmology) for z in (0.0, redshift))
    is_stack = np.asarray(table["is_stack"], dtype=bool)
    clusters = table[~is_stack]
    measured = 0.5 * (masses.high - masses.low) <= LARGEST_DEX
    upper.set_ylabel("Number of clusters")
    lower.set_ylabel("$\\log_{10}$ (surviving mass / $M_\\odot$)\n" + masses.words)
    lower.set_xlabel("Lookback time of formation (Gyr)")
    lower.set_xlim(today - then - 0.35, today + 0.2)
    for ax in (upper, lower):
        ax.axvline(today - then, color=FAINT, lw=0.8, ls=":", label=f"seen at $z = {redshift:g}$")
    _redshift_axis(upper, today, cosmology, (redshift, today - then))
    known = np.isfinite(clusters["lookback_gyr_p50"]) & measured
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters")
    if not known.any():
        say_empty(lower)
        return figure
    _draw_distribution(upper, clusters[known], (today - then, today), prior)
    _draw_clusters(lower, clusters, masses.middle, known)
    if is_stack.any() and np.isfinite(table["lookback_gyr_p50"][is_stack][0]):
        _draw_stack((upper, lower), table[is_stack][0])
    handles = dict(zip(*[items[::-1] for items in upper.get_legend_handles_labels()][::-1], strict=True))
    for handle, label in zip(*lower.get_legend_handles_labels(), strict=True):
        handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    return figure


def _draw_distribution(ax, clusters, ends, prior):
    """Histogram of the medians of the posteriors, and what the prior alone would scatter them to."""
    bins = np.arange(np.floor(ends[0] / BIN_GYR) * BIN_GYR, ends[1] + BIN_GYR, BIN_GYR)
    ax.hist(clusters["lookback_gyr_p50"], bins, color=ACCENT, label="medians of the clusters")
    if prior is not None:
        (first, last), kind = prior
        ages = np.linspace(first, last, 200)
        density = (
            1.0 / (ages * np.log(last / first)) if kind == "log-uniform" else np.full(200, 1 / (last - first))
        )
        ax.plot(ends[0] + ages, len(clusters) * BIN_GYR * density, color=INK, lw=1.0, ls="--", label="prior")
    ax.margins(y=0.12)


def prior_of_age(meta):
    """Ends (Gyr) and kind of the prior of ages in the metadata of clusters.ecsv, or none."""
    model = meta.get("posterior_model") or meta.get("rows_from", {}).get("posterior_model")
    return None if model is None else (tuple(model["age_gyr"][:2]), model["age_prior"])


def _draw_clusters(ax, clusters, mass, shown):
    """Median of each cluster, and the bar that half of them have, from 16 to 84 % of their posteriors."""
    middle = np.asarray(clusters["lookback_gyr_p50"], dtype=float)[shown]
    low, high = (np.asarray(clusters[f"lookback_gyr_{q}"], dtype=float)[shown] for q in ("p16", "p84"))
    clean = np.asarray(clusters["flags"])[shown] == 0
    ax.plot(middle[clean], mass[shown][clean], "o", ms=2.6, color=ACCENT, label=f"no flags ({clean.sum()})")
    ax.plot(
        middle[~clean],
        mass[shown][~clean],
        "o",
        ms=2.6,
        mfc="white",
        mec=ACCENT,
        mew=0.6,
        label=f"flagged ({np.sum(~clean)})",
    )
    _draw_usual_error(ax, np.median(middle - low), np.median(high - middle))


def _draw_usual_error(ax, below, above):
    """Bar of the median distances of 16 and 84 % from the median, in the lower right corner."""
    x = ax.get_xlim()[1] - above - 0.15
    across = ax.get_xaxis_transform()
    ax.errorbar(
        x, 0.06, xerr=[[below], [above]], fmt="o", ms=2.6, color=FAINT, capsize=2, lw=0.9, transform=across
    )
    ax.text(x, 0.085, "median 68 %", transform=across, ha="center", va="bottom", fontsize=7, color=FAINT)


def _draw_stack(axes, row):
    """Median of the stack as a line, 16 to 84 % as a band."""
    text = f"stack: $z = {row['z_form_p50']:.2f}$ ({row['z_form_p16']:.2f}\N{EN DASH}{row['z_form_p84']:.2f})"
    for ax in axes:
        ax.axvspan(row["lookback_gyr_p16"], row["lookback_gyr_p84"], color="#f7dfda", lw=0, zorder=0)
        ax.axvline(row["lookback_gyr_p50"], color=STACK_COLOR, lw=1.2, label=text)


def _redshift_axis(ax, today, cosmology, seen):
    """Redshifts along the upper edge; ``seen`` is redshift and lookback time of the field."""
    first, last = ax.get_xlim()
    places, names = [seen[1]], [f"{seen[0]:g}"]
    ages = {z: today - age_of_universe_gyr(z, **cosmology) for z in REDSHIFT_TICKS}
    for z, lookback in ages.items():
        if max(first, places[-1] + TICK_DISTANCE_GYR) < lookback < last:
            places.append(lookback)
            names.append(f"{z:g}")
    top = ax.secondary_xaxis("top")
    top.set_xticks(places, names)
    top.tick_params(direction="in", labelsize=7.5)
    top.set_xlabel("Redshift of formation", color=INK)
    ax.tick_params(top=False)
