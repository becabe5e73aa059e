"""Profiles of clusters and light, and maps ranked by evidence. Angles arcsec, densities 1/arcmin2."""

import numpy as np
from matplotlib.patches import Ellipse

from clusterphot.base.products import pixel_scale
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    decade_ticks,
    in_style,
    label_field,
    new_figure,
    say_empty,
)
from clusterphot.luminosity.ellipse import mean_angle, profile_log_density
from clusterphot.luminosity.inputs import selected_sources
from clusterphot.luminosity.light import read_light

LIGHT = "#cc6633"
EVERY = 4
"""Every so many of the isophotes is drawn."""


def draw(candidates, radial, isophotes, light, spatial, draws, *, field):
    """Figure of the rule plot_spatial, from the files of its input."""
    table = read_table(isophotes)
    image, _, model = read_light(light, table)
    return plot_spatial(
        selected_sources(read_table(candidates)), read_table(radial), image, model, read_table(spatial),
        read_table(draws), field=field,
    )  # fmt: skip


@in_style
def plot_spatial(table, radial, image, model, spatial, draws, *, field):
    """Light with isophotes and clusters, the profiles of both, and the evidence of maps.

    Parameters
    ----------
    table : `astropy.table.Table`
        Selected sources: ra, dec, mag.
    radial : `astropy.table.Table`
        Counts in annuli.
    image : `clusterphot.luminosity.light.Rebinned`
    model : `clusterphot.luminosity.light.LightModel`
    spatial, draws : `astropy.table.Table`
        Of `clusterphot.luminosity.spatial.describe_field`.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.9)
    limit = radial.meta["mag_limit"]
    label_field(figure, f"{field}: clusters brighter than {limit:.2f} mag beside the light")
    sky, profile, maps = figure.subplots(1, 3, width_ratios=(1.05, 1, 0.9))
    bright = table[np.asarray(table["mag"]) < limit]
    _draw_sky(sky, bright, image, model, draws, radial.meta["centre_deg"])
    _draw_profiles(profile, radial, model.isophotes, spatial, draws)
    _draw_evidence(maps, spatial)
    return figure


def _draw_sky(ax, table, image, model, draws, centre_deg):
    """The light, its isophotes, the clusters, and the ellipse of the clusters' profile."""
    x0, y0 = (float(value) for value in image.wcs.all_world2pix(*centre_deg, 0))
    scale = pixel_scale(image.wcs)
    ny, nx = image.image.shape
    extent = (np.array([-0.5, nx - 0.5, -0.5, ny - 0.5]) - [x0, x0, y0, y0]) * scale
    known = image.image[np.isfinite(image.image)]
    soft = np.quantile(known, 0.3) if len(known) else 1.0
    ax.imshow(np.arcsinh(image.image / max(soft, 1e-3)), origin="lower", extent=extent, cmap="Greys")
    for row in model.isophotes[::EVERY]:
        q = 1 - row["flattening"]
        ax.add_patch(
            Ellipse(
                (0, 0),
                2 * row["sma"],
                2 * row["sma"] * q,
                angle=row["angle_deg"],
                fill=False,
                ec=LIGHT,
                lw=0.8,
            )
        )
    x, y = image.wcs.all_world2pix(table["ra"], table["dec"], 0)
    ax.plot((x - x0) * scale, (y - y0) * scale, ".", color=ACCENT, ms=2.5, mec="none")
    if len(draws):
        flattening = np.hypot(draws["along"], draws["across"])
        angle, _ = mean_angle(0.5 * np.arctan2(draws["across"], draws["along"]), np.ones(len(draws)))
        q = 1 - np.median(flattening)
        half = 0.35 * min(np.ptp(extent[:2]), np.ptp(extent[2:]))
        ax.add_patch(
            Ellipse((0, 0), 2 * half / np.sqrt(q), 2 * half * np.sqrt(q), angle=np.degrees(angle), fill=False,
                    ec=ACCENT, lw=1.2, ls="--")
        )  # fmt: skip
    ax.plot([], [], color=LIGHT, lw=0.8, label="isophotes")
    ax.plot([], [], color=ACCENT, lw=1.2, ls="--", label="shape of the clusters' profile")
    ax.legend(loc="lower left", labelcolor=INK, framealpha=0.8, fontsize=6)
    ax.set(xlabel="x from the centre (arcsec)", ylabel="y (arcsec)", xlim=extent[:2], ylim=extent[2:])


def _draw_profiles(ax, radial, isophotes, spatial, draws):
    """Counts in annuli with the profile of single positions, and the light scaled to them."""
    value, n = np.asarray(radial["surface_density"], dtype=float), np.asarray(radial["n_found"])
    radius, error = (
        np.asarray(radial["radius"], dtype=float),
        np.asarray(radial["surface_density_err"], dtype=float),
    )
    good = np.isfinite(value) & (n > 0)
    if not good.any() or not len(draws):
        say_empty(ax, "too few clusters for a profile")
        return
    ax.errorbar(
        radius[good], value[good], error[good], fmt="o", color=ACCENT, ms=3, elinewidth=0.8, label="clusters"
    )
    grid = np.geomspace(max(0.5 * radius[good].min(), 0.1), 1.2 * radius[good].max(), 60)
    shapes = np.stack([np.asarray(draws[name], dtype=float) for name in draws.colnames], axis=1)[:400]
    round_ = shapes * [1, 1, 0, 0]  # R is the mean radius of an ellipse
    curves = profile_log_density(grid, 0 * grid, round_)
    at = profile_log_density(radius[good], 0 * radius[good], round_)
    level = np.average(np.log(value[good]) - at, axis=1, weights=n[good])
    low, middle, high = np.exp(np.quantile(curves + level[:, None], [0.16, 0.5, 0.84], axis=0))
    ax.fill_between(grid, low, high, color=ACCENT, alpha=0.25, lw=0)
    ax.plot(grid, middle, color=ACCENT, lw=1)
    mean = np.asarray(isophotes["sma"]) * np.sqrt(1 - np.asarray(isophotes["flattening"]))
    intensity = np.asarray(isophotes["isophote"])
    shown = (mean >= grid[0]) & (mean <= grid[-1]) & (intensity > 0)
    if shown.any():
        factor = np.exp(
            np.median(np.interp(np.log(mean[shown]), np.log(grid), np.log(middle)) - np.log(intensity[shown]))
        )
        ax.plot(mean[shown], factor * intensity[shown], color=LIGHT, lw=1.2, label="light, scaled")
    lines = []
    for name, label in (("all", "clusters"), ("light", "light")):
        rows = spatial[(spatial["sample"] == name) & (spatial["compared"] == "profile")]
        if len(rows) and np.isfinite(rows["slope_p50"][0]):
            row = rows[0]
            lines.append(
                f"{label}: slope ${row['slope_p50']:.1f}_{{-{row['slope_p50'] - row['slope_p16']:.1f}}}"
                f"^{{+{row['slope_p84'] - row['slope_p50']:.1f}}}$, flattening {row['flattening_p50']:.2f}, "
                f"P.A. {row['angle_deg']:.0f} deg"
            )
    ax.set_title("\n".join(lines), loc="left", fontsize=6.5, color=FAINT)
    ax.set(xscale="log", yscale="log", xlabel="Mean radius (arcsec)", ylabel=r"Clusters (arcmin$^{-2}$)")
    ax.legend(loc="lower left", labelcolor=INK)
    decade_ticks(ax.xaxis)


def _draw_evidence(ax, spatial):
    """Evidence of the models of all clusters below the best, with the exponent of each map."""
    rows = spatial[(spatial["sample"] == "all") & np.isfinite(spatial["ln_evidence_below"])]
    if not len(rows):
        say_empty(ax, "too few clusters to rank maps")
        return
    below = np.asarray(rows["ln_evidence_below"])
    place = np.arange(len(rows))[::-1]
    ax.barh(place, below, color=FAINT, height=0.45, alpha=0.6)
    reach = max(below.max() * 1.15, 5.0)
    ax.set(xlim=(0, reach), ylim=(-0.6, len(rows) - 0.2), xlabel="ln evidence below the best", yticks=[])
    for row, y in zip(rows, place, strict=True):
        text = {
            "profile": "elliptical profile",
            "light_model": "light model",
            "light": "light of all galaxies",
        }.get(row["compared"], row["compared"]).replace("_", r"\_")
        if np.isfinite(row["exponent_p50"]):
            text += f": exponent {row['exponent_p50']:.2f} ({row['exponent_p16']:.2f} to {row['exponent_p84']:.2f})"
        ax.text(0.02 * reach, y + 0.3, text, fontsize=6, color=INK, va="bottom")
    ax.axvline(5, color=FAINT, lw=0.6, ls=":")
