"""Density map and radial profile of the clusters. Densities 1/arcmin2."""

import numpy as np
from astropy.stats import poisson_conf_interval
from astropy.wcs import WCS

from clusterphot.base.products import open_fits, pixel_scale
from clusterphot.base.tables import read_table
from clusterphot.detect.tiles import CELL_PX
from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    PAGE_WIDTH_IN,
    decade_ticks,
    in_style,
    label_field,
    new_figure,
    say_empty,
)
from clusterphot.luminosity.inputs import selected_sources


def draw(candidates, radial, comparison, density, *, smoothing_arcsec, field):
    """Figure of the rule plot_cluster_map, from the files of its input."""
    profile = read_table(radial)
    with open_fits(density) as hdus:
        image, wcs = np.asarray(hdus["DENSITY"].data, dtype=float), WCS(hdus["DENSITY"].header).celestial
    x, y = (float(value) for value in wcs.all_world2pix(*profile.meta["centre_deg"], 0))
    return plot_cluster_map(
        selected_sources(read_table(candidates)),
        image,
        profile,
        read_table(comparison),
        (y, x),
        cell_arcsec=pixel_scale(wcs),
        smoothing_arcsec=smoothing_arcsec,
        field=field,
    )


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
    decade_ticks(ax.xaxis)
