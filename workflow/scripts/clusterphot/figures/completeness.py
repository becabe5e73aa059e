"""Completeness of the search: curves by magnitude and noise, flux bias, and the map of the limit.

Magnitudes AB, noise nJy.
"""

import numpy as np
from astropy.wcs import WCS

from clusterphot.base.filters import load_filter
from clusterphot.base.products import open_fits, pixel_scale
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    filter_color,
    in_style,
    label_field,
    new_figure,
)

CLASS_STYLES = ((1, "o", "-", "low noise"), (2, "s", "--", "middle"), (3, "^", ":", "high noise"))
CLASS_COLORS = {1: "#33bbee", 2: "#0077bb", 3: "#332288"}


def draw(completeness, map, *, field, filter):
    """Figure of the rule plot_completeness, from the files of its input."""
    with open_fits(map) as hdus:
        limits, cell = np.asarray(hdus["MAG_50"].data, dtype=float), pixel_scale(WCS(hdus["MAG_50"].header))
    return plot_completeness(read_table(completeness), limits, cell, filt=filter, field=field)


@in_style
def plot_completeness(table, limits, cell_arcsec, *, filt, field):
    """Curves, flux bias and map of one filter.

    Parameters
    ----------
    table : `astropy.table.Table`
        As in ``completeness/{filter}.ecsv``.
    limits : (ny, nx) float ndarray, mag
        Map of the magnitude of 50 % completeness.
    cell_arcsec : float
        Side of its cells.
    filt, field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.7)
    label_field(figure, f"{field}: {filt}")
    curves, bias, sky = figure.subplots(1, 3, width_ratios=(1.15, 1, 1.05))
    middle = 0.5 * (np.asarray(table["mag_low"]) + np.asarray(table["mag_high"]))
    number = np.asarray(table["noise_class"])
    for k, marker, line, label in CLASS_STYLES:
        rows = number == k
        style = {"color": CLASS_COLORS[k], "ms": 3.2, "lw": 0.9}
        said = f"{label}: {np.asarray(table['noise_median'])[rows][0]:.2f} nJy"
        curves.errorbar(
            middle[rows], table["completeness"][rows], table["completeness_err"][rows], fmt=marker, elinewidth=0.6,
            label=said, mfc="white", **style,
        )  # fmt: skip
        curves.plot(middle[rows], table["completeness_model"][rows], ls=line, **{**style, "ms": 0})
    whole = number == 0
    mag50, error = (float(np.asarray(table[name])[whole][0]) for name in ("mag_50", "mag_50_err"))
    if np.isfinite(mag50):
        curves.axvline(mag50, color=FAINT, lw=0.8)
    method = table.meta.get("fit", {}).get("method", "")
    title = "logistic fit" if method == "logistic" else "fit rejected: table"
    title += f"; 50 %: {mag50:.2f} $\\pm$ {error:.2f} mag" if np.isfinite(mag50) else ""
    curves.set_title(title, loc="left", fontsize=7, color=FAINT)
    curves.set(xlabel=f"{filt} magnitude (AB)", ylabel="Completeness", ylim=(-0.04, 1.09))
    curves.legend(loc="lower left")
    _draw_bias(bias, table[whole], middle[whole], filt)
    image = sky.imshow(
        limits, origin="lower", cmap="viridis", interpolation="nearest",
        extent=np.array([0, limits.shape[1], 0, limits.shape[0]]) * cell_arcsec,
        **_range(limits),
    )  # fmt: skip
    sky.set(xlabel="arcsec", ylabel="arcsec")
    bar = figure.colorbar(image, ax=sky, shrink=0.85)
    bar.set_label("50 % limit (mag)")
    return figure


def _range(limits):
    """Colour range without the deepest and shallowest cells."""
    known = limits[np.isfinite(limits)]
    if not len(known):
        return {}
    low, high = np.percentile(known, [2, 98])
    return {"vmin": low, "vmax": max(high, low + 0.1)}


def _draw_bias(ax, table, middle, filt):
    """Median flux error of found sources with the part that the threshold explains."""
    color = filter_color(load_filter(filt).wave_pivot)
    value, error = (100 * np.asarray(table[name], dtype=float) for name in ("flux_bias", "flux_bias_err"))
    ax.axhline(0, color=FAINT, lw=0.6)
    ax.errorbar(middle, value, error, fmt="o", color=color, ms=3.2, elinewidth=0.6, label="found sources")
    ax.plot(
        middle,
        100 * np.asarray(table["flux_bias_eddington"], dtype=float),
        color=INK,
        lw=0.9,
        label="threshold alone",
    )
    known = np.isfinite(value)
    if known.any():
        top = max(np.max(np.abs(value[known]) + error[known]) * 1.25, 5.0)
        ax.set(ylim=(-min(top, 40), min(top, 120)))
    ax.set(xlabel=f"{filt} magnitude (AB)", ylabel="Flux bias (%)")
    ax.legend(loc="upper left")
