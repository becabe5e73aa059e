"""Figure of a PSF: the stars it comes from, its encircled energy against the reference, and its stamp.

The first panel is the half-light radius against magnitude of Faisst et al. (2022, ApJL 941, L11), section 2.
"""

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm

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
from clusterphot.psf.build import read_psf_result
from clusterphot.psf.stars import read_stars

CLASSES = (
    ("galaxy", "galaxy", ".", FAINT),
    ("faint", "too faint", ".", "#b8a000"),
    ("neighbour", "neighbour", "x", "#cc3311"),
    ("edge", "edge", "+", "#882255"),
    ("masked", "masked", "v", "#ee7733"),
    ("saturated", "saturated", "^", "#ee7733"),
    ("bright", "too bright", "^", INK),
)
STAMP_RANGE = 1e-5


def draw(psf, stars, *, field, filter):
    """Figure of the rule plot_psf, from the files of its input."""
    return plot_psf(read_psf_result(psf), read_stars(stars))


@in_style
def plot_psf(result, stars):
    """Three panels: selection of the stars, encircled energy, stamp.

    Parameters
    ----------
    result : `clusterphot.psf.build.PsfResult`
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 2.6)
    axes = figure.subplots(1, 3, gridspec_kw={"width_ratios": (1.25, 1.1, 1.0)})
    psf = result.psf
    text = f"{psf.meta.get('FIELD', '')} {psf.filter_name}: FWHM {1e3 * psf.fwhm_arcsec:.0f} mas, "
    text += f"{psf.n_stars} core stars, flux scale \N{PLUS-MINUS SIGN} {100 * psf.sys_error:.1f} %"
    figure.suptitle(text, x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False)
    _stars(axes[0], result, stars)
    _encircled(axes[1], result)
    _stamp(figure, axes[2], psf)
    return figure


def _stars(ax, result, stars):
    """Half-light radius against magnitude with the locus and the classes of the reference filter."""
    mag, radius = np.asarray(stars["mag_auto"]), np.asarray(stars["half_light_radius"])
    reason, role = np.asarray(stars["reason"]), np.asarray(stars["role"])
    for name, label, marker, color in CLASSES:
        part = reason == name
        if part.any():
            ax.scatter(
                mag[part],
                radius[part],
                s=8,
                marker=marker,
                color=color,
                lw=0.6,
                label=f"{label} ({part.sum()})",
            )
    used = set(np.asarray(result.notes["id"])[np.asarray(result.notes["used"]) != ""])
    taken = np.isin(np.asarray(stars["id"]), list(used))
    for name, marker in (("core", "o"), ("wing", "s")):
        part = role == name
        if part.any():
            label = f"{name} ({part.sum()}, {np.sum(part & taken)} used here)"
            ax.scatter(
                mag[part], radius[part], s=14, marker=marker, fc="none", ec=ACCENT, lw=0.7, label=label
            )
            ax.scatter(mag[part & taken], radius[part & taken], s=14, marker=marker, color=ACCENT, lw=0)
    ax.set(xlabel=f"flux_auto, {stars.meta['filter']} (AB mag)", ylabel="half-light radius (px)")
    if "locus" not in stars.meta:
        say_empty(ax)
        return
    locus = stars.meta["locus"]
    grid = np.linspace(np.min(mag, initial=18.0), np.max(mag, initial=28.0), 50)
    middle = locus["ln_radius"] + locus["slope"] * (grid - locus["mag_pivot"])
    ax.plot(grid, np.exp(middle), color=INK, lw=0.7)
    for sign in (-1, 1):
        ax.plot(grid, np.exp(middle + sign * locus["window"]), color=INK, lw=0.6, ls=":")
    ax.set(yscale="log", ylim=(0.8, 30.0))
    plain_ticks(ax.yaxis, (1, 2, 3, 5, 10, 20))
    ax.legend(loc="lower left", ncols=2, fontsize=5.5, handletextpad=0.2, borderaxespad=0.3, labelspacing=0.2)


def _encircled(ax, result):
    """Encircled energy against radius beside the reference, with the error of the flux scale."""
    curve, error = result.curve, result.psf.sys_error
    radius, ee = np.asarray(curve["radius_arcsec"]), np.asarray(curve["ee"])
    ax.fill_between(radius, ee * (1 - error), ee * (1 + error), color=ACCENT, alpha=0.25, lw=0)
    ax.plot(radius, ee, color=ACCENT, label="stars of this field")
    known = radius >= 0.1
    ax.plot(
        radius[known], np.asarray(curve["ee_reference"])[known], color=INK, ls="--", label="reference (JDox)"
    )
    ax.set(xlabel="radius (arcsec)", ylabel="encircled energy", xlim=(0, radius.max()), ylim=(0, 1.03))
    ax.legend(loc="lower right")


def _stamp(figure, ax, psf):
    """Logarithmic stretch of the stamp; negative pixels blank."""
    half = 0.5 * psf.data.shape[0] * psf.pixel_scale_arcsec
    cmap = matplotlib.colormaps["magma"].with_extremes(bad="black", under="black")
    peak = psf.data.max()
    image = ax.imshow(
        np.ma.masked_less_equal(psf.data / peak, 0.0),
        origin="lower",
        extent=(-half, half, -half, half),
        norm=LogNorm(STAMP_RANGE, 1.0),
        cmap=cmap,
        interpolation="nearest",
    )
    ax.set(xlabel="x (arcsec)")
    figure.colorbar(image, ax=ax, label="fraction of the peak", shrink=0.85)
