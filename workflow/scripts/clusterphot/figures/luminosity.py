"""Luminosity function with its posterior, colours with their components, map and radial profile of the clusters.

Magnitudes AB, densities 1/arcmin2.
"""

import numpy as np
from astropy.stats import poisson_conf_interval
from matplotlib.ticker import MaxNLocator

from clusterphot.detect.selection import magnitudes
from clusterphot.detect.tiles import CELL_PX
from clusterphot.figures.stack import label_field
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    new_figure,
    plain_ticks,
    say_empty,
)

CORRECTED, RAW, MODEL = "#cc3311", INK, ACCENT
"""Colours after Tol (2021, SRON/EPS/TN/09-002); the kinds differ by marker and line as well."""

ONE, TWO = "#0077bb", "#ee7733"


@in_style
def plot_luminosity_function(function, counts, fit, *, filt, field, fall):
    """Counts raw and corrected with the fit, and what the data say of the turnover.

    Parameters
    ----------
    function, counts : `astropy.table.Table`
        As in ``luminosity/function.ecsv`` and ``counts.ecsv``.
    fit : `clusterphot.luminosity.function.TurnoverFit` or None
    filt, field : str
    fall : float
        Of 2 ln L, that a turnover must show.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.8)
    label_field(figure, f"{field}: luminosity function in {filt}")
    ax, profile, plane = figure.subplots(1, 3, width_ratios=(1.35, 1, 1))
    row = function[0]
    _draw_counts(ax, counts, row)
    ax.set(xlabel=f"{filt} magnitude (AB)")
    if fit is None:
        for empty in (profile, plane):
            say_empty(empty)
            empty.set(xticks=[], yticks=[])
        return figure
    _draw_profile(profile, fit, row, fall)
    if len(fit.width) > 1:
        _draw_plane(plane, fit)
    else:
        plane.set_axis_off()
        plane.text(
            0.5,
            0.5,
            f"width fixed at {fit.width[0]:g} mag",
            ha="center",
            color=FAINT,
            transform=plane.transAxes,
        )
    return figure


def _draw_counts(ax, counts, row):
    """Raw counts, corrected counts, the fit before and after the search."""
    low, high = np.asarray(counts["mag_low"]), np.asarray(counts["mag_high"])
    middle, raw = 0.5 * (low + high), np.asarray(counts["n_found"])
    ax.stairs(raw, [*low, high[-1]], color=RAW, lw=0.9, label="found")
    value = np.asarray(counts["n_corrected"], dtype=float)
    error = np.asarray(counts["n_corrected_err"], dtype=float)
    good = (np.asarray(counts["completeness"]) > 0.1) & (raw > 0)
    ax.errorbar(
        middle[good], value[good], error[good], fmt="s", color=CORRECTED, ms=3, elinewidth=0.7, mfc="white",
        label="one by one over completeness",
    )  # fmt: skip
    if np.isfinite(np.asarray(counts["n_expected"])).any():
        ax.plot(middle, counts["n_expected"], color=MODEL, ls="--", lw=1.0, label="fit, as found")
        ax.plot(middle, counts["n_intrinsic"], color=MODEL, lw=1.2, label="fit, corrected")
    limit = float(row["mag_limit"])
    ax.axvline(limit, color=FAINT, lw=0.8, ls=":")
    top = 1.75 * max(np.max(raw, initial=1), np.max((value + error)[good], initial=1))
    ax.text(
        limit, 0.99, "limit", rotation=90, ha="right", va="top", color=FAINT, fontsize=7,
        transform=ax.get_xaxis_transform(),
    )  # fmt: skip
    ax.set(
        ylabel=f"Sources per {high[0] - low[0]:g} mag",
        ylim=(0, top),
        xlim=(low[0], max(high[-1], limit + 0.1)),
    )
    ax.legend(loc="upper left", handlelength=1.4)


def _draw_profile(ax, fit, row, fall):
    """Profile likelihood and marginal posterior of the turnover."""
    ax.plot(fit.turnover, 2 * fit.log_profile, color=INK, lw=1.1, label="profile likelihood")
    with np.errstate(divide="ignore"):
        marginal = np.log(fit.weights.sum(axis=1))
    ax.plot(fit.turnover, 2 * (marginal - marginal.max()), color=MODEL, ls="--", lw=1.0, label="posterior")
    ax.axhline(-fall, color=FAINT, lw=0.7, ls=":")
    if np.isfinite(fit.reach_mag):
        ax.axvspan(fit.reach_mag, fit.turnover[-1], color="#dddddd", lw=0, zorder=0)
        ax.text(fit.reach_mag + 0.08, 0.98, "not reached", rotation=90, va="top", ha="left", color=FAINT,
                fontsize=7, transform=ax.get_xaxis_transform())  # fmt: skip
    if fit.identifiable:
        low, middle, high = (float(row[f"turnover_{q}"]) for q in ("p16", "p50", "p84"))
        said = f"turnover ${middle:.2f}^{{+{high - middle:.2f}}}_{{-{middle - low:.2f}}}$"
    else:
        said = "turnover not identifiable"
    ax.set_title(said, loc="left", fontsize=8)
    keep = 2 * fit.log_profile > -3 * fall
    last = max(fit.turnover[keep][-1], fit.reach_mag + 0.5) if fit.identifiable else fit.turnover[-1]
    ax.set(xlabel="Turnover (AB mag)", ylabel=r"2 $\Delta$ ln L", ylim=(-2.2 * fall, 0.12 * fall))
    ax.set_xlim(fit.turnover[keep][0], last)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="lower right", handlelength=1.4)


def _draw_plane(ax, fit):
    """Credible regions of turnover and width."""
    weight = fit.weights
    order = np.sort(weight.ravel())[::-1]
    levels = [order[min(np.searchsorted(np.cumsum(order), q), len(order) - 1)] for q in (0.954, 0.683)]
    if levels[0] < levels[1] < order[0]:
        ax.contourf(fit.turnover, fit.width, weight.T, [*levels, order[0]], colors=["#c5dfef", "#6aaed6"])
    ax.plot(*fit.best, "+", color=INK, ms=7)
    if np.isfinite(fit.reach_mag):
        ax.axvline(fit.reach_mag, color=FAINT, lw=0.8)
    marginal = weight.sum(axis=1)
    inside = fit.turnover[marginal > 1e-3 * marginal.max()]
    ax.set(xlabel="Turnover (AB mag)", ylabel="Width (mag)", xlim=(inside[0] - 0.2, inside[-1] + 0.2))
    across = weight.sum(axis=0)
    seen = fit.width[across > 1e-3 * across.max()]
    ax.set_ylim(max(0.9 * seen[0], 0), 1.1 * seen[-1])
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_title("68 and 95 %", loc="left", fontsize=7, color=FAINT)


@in_style
def plot_color_mixture(table, results, *, field):
    """Histogram of each colour with the mixtures of one and two components.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources with the probabilities to be used.
    results : `astropy.table.Table`
        As in ``luminosity/colors.ecsv``.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    bands = list(dict.fromkeys(str(name) for name in results["band"]))
    n_columns = min(max(len(bands), 1), 3)
    n_rows = max(-(-len(bands) // n_columns), 1)
    figure = new_figure(PAGE_WIDTH_IN, 0.4 + 2.1 * n_rows)
    label_field(figure, f"{field}: colours of the clusters, errors taken out")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    if not bands:
        say_empty(axes[0], "one filter has no colour")
        return figure
    for ax in axes[len(bands) :]:
        ax.set_axis_off()
    for ax, band in zip(axes, bands, strict=False):
        _draw_color(ax, table, results[np.asarray(results["band"]) == band], band)
    axes[0].set_ylabel("Density (1/mag)")
    if axes[0].get_legend_handles_labels()[0]:
        axes[0].legend(loc="upper left", handlelength=1.3, fontsize=6.5)
    return figure


def _draw_color(ax, table, rows, band):
    """One colour."""
    blue, red = band.split("-")
    with np.errstate(invalid="ignore", divide="ignore"):
        flux = [np.asarray(table[f"flux_{name}"], dtype=float) for name in (blue, red)]
        color = magnitudes(flux[0]) - magnitudes(flux[1])
    good = np.isfinite(color)
    color, weight = color[good], np.asarray(table["p_cluster"], dtype=float)[good]
    ax.set_xlabel(f"{blue} \N{MINUS SIGN} {red} (mag)")
    if not len(color) or not np.isfinite(np.asarray(rows["color_mean"])).any():
        say_empty(ax)
        return
    low, high = np.percentile(color, [2, 98])
    low, high = low - 0.35, high + 0.35
    edges = np.arange(low, high + 0.1, 0.1)
    ax.hist(
        color, edges, weights=weight, density=True, histtype="stepfilled", color="#dddddd",
        label="found, times probability",
    )  # fmt: skip
    x = np.linspace(low, high, 400)
    for k, color_of, line in ((1, ONE, "-"), (2, TWO, "--")):
        part = rows[np.asarray(rows["n_components"]) == k]
        pull = (x - np.asarray(part["color_mean"])[:, None]) / np.asarray(part["color_width"])[:, None]
        scale = np.asarray(part["color_share"]) / np.asarray(part["color_width"]) / np.sqrt(2 * np.pi)
        ax.plot(
            x,
            scale @ np.exp(-0.5 * pull**2),
            color=color_of,
            ls=line,
            lw=1.1,
            label=f"{k} component{'s' * (k > 1)}",
        )
    evidence = {
        k: float(np.asarray(rows["log_evidence"])[np.asarray(rows["n_components"]) == k][0]) for k in (1, 2)
    }
    ax.set_title(
        f"ln evidence of 2 over 1: {evidence[2] - evidence[1]:+.1f}".replace("-", "\N{MINUS SIGN}"),
        loc="left",
        fontsize=7,
        color=FAINT,
    )
    top = max(ax.get_ylim()[1], 0)
    ax.set(xlim=(low, high), ylim=(0, min(top, 8) * 1.3))


@in_style
def plot_cluster_map(table, density, radial, comparison, centre, *, cell_arcsec, smoothing_arcsec, field):
    """Corrected density over the field, and its radial profile.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources: x, y, mag.
    density : (ny, nx) float ndarray, 1/arcmin2
    radial, comparison : `astropy.table.Table`
    centre : (row, column)
        Of the profile, in cells.
    cell_arcsec, smoothing_arcsec : float
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.1)
    limit = radial.meta["mag_limit"]
    label_field(
        figure, f"{field}: clusters brighter than {limit:.2f} mag, corrected for completeness and area"
    )
    sky, profile = figure.subplots(1, 2, width_ratios=(1.15, 1))
    ny, nx = density.shape
    extent = (np.array([-0.5, nx - 0.5, -0.5, ny - 0.5]) - np.repeat(centre[::-1], 2)) * cell_arcsec
    image = sky.imshow(density, origin="lower", extent=extent, cmap="cividis", interpolation="nearest")
    bright = np.asarray(table["mag"]) < limit
    x = ((np.asarray(table["x"])[bright] + 0.5) / CELL_PX - 0.5 - centre[1]) * cell_arcsec
    y = ((np.asarray(table["y"])[bright] + 0.5) / CELL_PX - 0.5 - centre[0]) * cell_arcsec
    sky.plot(x, y, ".", color="white", ms=1.8, mec="none", alpha=0.9)
    sky.plot(0, 0, "+", color="#ee3377", ms=8)
    sky.set(xlabel="x from the centre (arcsec)", ylabel="y (arcsec)", xlim=extent[:2], ylim=extent[2:])
    bar = figure.colorbar(image, ax=sky, shrink=0.9)
    bar.set_label(f"arcmin$^{{-2}}$, smoothed by {smoothing_arcsec:g} arcsec")
    _draw_radial(profile, radial)
    lines = [
        row["map"].replace("_", r"\_") + f": exponent ${row['exponent']:.2f}"
        f"_{{-{row['exponent'] - row['exponent_p16']:.2f}}}^{{+{row['exponent_p84'] - row['exponent']:.2f}}}$"
        for row in comparison
        if np.isfinite(row["exponent"])
    ]
    profile.set_title("\n".join(lines), loc="left", fontsize=7, color=FAINT)
    return figure


def _draw_radial(ax, radial):
    """Surface density against radius; bars span the annuli."""
    value = np.asarray(radial["surface_density"], dtype=float)
    n, clean = np.asarray(radial["n_found"]), np.asarray(radial["n_clean"], dtype=float)
    radius = np.asarray(radial["radius"], dtype=float)
    good = np.isfinite(value) & (n > 0)
    if not good.any():
        say_empty(ax)
        return
    ends = poisson_conf_interval(np.maximum(n, 0), interval="root-n-0")
    scale = np.where(n > 0, clean / np.maximum(n, 1), 1) / np.asarray(radial["area_effective"]) * 3600
    error = np.abs(ends * scale - value)
    reach = np.abs(np.stack([radial["radius_low"], radial["radius_high"]]) - radius)
    ax.errorbar(
        radius[good],
        value[good],
        error[:, good],
        reach[:, good],
        fmt="o",
        color=ACCENT,
        ms=3.5,
        elinewidth=0.8,
    )
    ax.set(xscale="log", yscale="log", xlabel="Radius (arcsec)", ylabel=r"Clusters (arcmin$^{-2}$)")
    low, high = ax.get_xlim()
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(decades, [1, 2, 5]).ravel()
    plain_ticks(ax.xaxis, ticks[(ticks >= low) & (ticks <= high)])
