"""Figure of a PSF over its field beside the stars: shapes, what fits leave of the stars, light, error.

Shapes are those of `clusterphot.psf.check`, measured alike on stars and PSF. Lengths arcsec, FWHM mas.
"""

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm, Normalize

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
from clusterphot.psf.build import read_psf_result
from clusterphot.psf.check import CORE_RADIUS_ARCSEC, GIVEN, PHASE, TOTAL, UNLIKE, read_psf_check

HEAD_IN, MAP_IN, RESIDUALS_IN, BELOW_IN = 0.95, 2.1, 1.55, 2.6
"""Heights of what is above the maps, of maps of a square field, and of the rows below them."""

MAP_SHAPES = (0.25, 1.3)
"""Height of the maps over their width; a taller field has narrower ones."""

STAMP_RANGE = 1e-5

MAX_FWHM_ERROR, MAX_E_ERROR, MAX_EE_ERROR = 0.02, 0.015, 0.012
"""Errors (of the FWHM as a fraction) up to which the value of a star is drawn: of the size of what changes over a
field."""

SPAN_PERCENT = (5, 95)
"""Range of colours: all of the PSF, and these percentiles of the stars."""

WHISKER_SHARE, MIN_WHISKER = 0.1, 0.01
"""Length of the whisker of a large ellipticity over the longer side of the field, and the least that is called so."""

CONTRAST = "#cc3311"
"""Of stars that are left out."""

RESIDUAL_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Ends of the colours of residuals, a fraction of the peak; the first that holds 99.5 % of the pixels."""

RESIDUAL_HALF_ARCSEC = 0.3
"""Half side of what is shown of them."""

REFERENCE_FROM_ARCSEC = 0.1
"""First radius of the reference encircled energies."""


def draw(psf, check, *, field, filter):
    """Figure of the rule plot_psf, from the files of its input."""
    return plot_psf(read_psf_result(psf), read_psf_check(check), field=field)


@in_style
def plot_psf(result, check, *, field):
    """Maps of FWHM, ellipticity and light; star less PSF; PSF, light and error.

    Parameters
    ----------
    result : `clusterphot.psf.build.PsfResult`
    check : `clusterphot.psf.check.PsfCheck`
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    psf = result.psf
    maps_in = HEAD_IN + MAP_IN * float(np.clip(check.meta["NY"] / check.meta["NX"], *MAP_SHAPES))
    figure = new_figure(PAGE_WIDTH_IN, maps_in + RESIDUALS_IN + BELOW_IN)
    label_field(figure, f"{field} {psf.filter_name}: {_said(psf, check)}")
    above, middle, below = figure.subfigures(3, 1, height_ratios=(maps_in, RESIDUALS_IN, BELOW_IN))
    _draw_maps(above, check)
    _draw_residuals(middle, check)
    left, centre, right = below.subfigures(1, 3, width_ratios=(1.0, 1.05, 1.0))
    _draw_stamp(left, psf)
    _draw_light(*centre.subplots(2, 1, height_ratios=(1.0, 0.8)), result, check.growth)
    _draw_budget(right.subplots(), check.budget)
    return figure


def _said(psf, check):
    """One line on the PSF: width, stars, error, and whether it changes over the field."""
    fwhm = 1e3 * np.asarray(check.model["fwhm"])
    middle = f"{1e3 * psf.fwhm_arcsec:.0f} mas" if np.isfinite(psf.fwhm_arcsec) else "not known"
    if check.constant:
        width = f"one PSF everywhere, FWHM {middle}"
    else:
        width = f"FWHM {middle} in the middle, {fwhm.min():.1f} to {fwhm.max():.1f} mas over the field"
    stars = f"{len(check.stars)} stars" if len(check.stars) else "no star to compare with"
    return f"{width}; {stars}; flux scale \N{PLUS-MINUS SIGN} {100 * psf.sys_error:.1f} %"


# ---- over the field ------------------------------------------------------------------------------------------


def _draw_maps(figure, check):
    """The row of maps, each with its scale above; positions in arcsec from the lower left corner of the mosaic."""
    shape = float(np.clip(check.meta["NY"] / check.meta["NX"], *MAP_SHAPES))
    scales, maps = figure.subplots(2, 3, height_ratios=(0.05, shape))
    stars, radius = check.stars, check.meta["RADIUS"]
    sound = {
        "fwhm": np.asarray(stars["fwhm_err"]) < MAX_FWHM_ERROR * np.asarray(stars["fwhm_model"]),
        "e": np.asarray(stars["e_err"]) < MAX_E_ERROR,
        "ee": np.asarray(stars["ee_err"]) < MAX_EE_ERROR,
    }
    _draw_map(maps[0], scales[0], check, "fwhm", sound["fwhm"], "FWHM (mas)")
    _draw_whiskers(maps[1], scales[1], check, sound["e"])
    _draw_map(maps[2], scales[2], check, "ee", sound["ee"], f"light within {radius:g} arcsec")
    scale = check.meta["PIXSCALE"]
    for ax in maps:
        ax.set(xlim=(0, scale * check.meta["NX"]), ylim=(0, scale * check.meta["NY"]))
        ax.set(aspect="equal", anchor="N", xlabel="x (arcsec)")
        if "XSPLIT" in check.meta:
            ax.axvline(scale * check.meta["XSPLIT"], color=FAINT, lw=0.6, ls=":", zorder=1.5)
            ax.axhline(scale * check.meta["YSPLIT"], color=FAINT, lw=0.6, ls=":", zorder=1.5)
    maps[0].set_ylabel("y (arcsec)")


def _places(table, check):
    """Positions (x, y) of the rows of a table, arcsec."""
    return tuple(check.meta["PIXSCALE"] * np.asarray(table[name], dtype=float) for name in ("x", "y"))


def _draw_map(ax, bar_ax, check, name, sound, label):
    """A quantity of the PSF over the field, with the stars that tell it in the same colours."""
    factor = 1e3 if name == "fwhm" else 1.0
    x, y = _places(check.stars, check)
    of_stars, of_model = (factor * np.asarray(t[name], dtype=float) for t in (check.stars, check.model))
    alike = _draw_left_out(ax, check, sound)
    ends = np.percentile(of_stars[alike], SPAN_PERCENT) if alike.any() else ()
    low, high = np.nanmin([*of_model, *ends]), np.nanmax([*of_model, *ends])
    margin = 0.0 if high > low else 0.01 * abs(low)
    norm, cmap = Normalize(low - margin, high + margin), "viridis"
    if check.constant:
        _say_constant(ax, alike)
    else:
        image, extent = _as_image(check, of_model)
        ax.imshow(image, origin="lower", extent=extent, norm=norm, cmap=cmap, interpolation="nearest")
    rim = INK if check.constant else "white"
    ax.scatter(x[alike], y[alike], c=of_stars[alike], norm=norm, cmap=cmap, s=26, ec=rim, lw=0.8, zorder=3)
    bar = ax.figure.colorbar(
        matplotlib.cm.ScalarMappable(norm, cmap), cax=bar_ax, orientation="horizontal", extend="both"
    )
    bar_ax.xaxis.set_ticks_position("top")
    bar_ax.xaxis.set_label_position("top")
    bar.set_label(label)
    if check.constant:
        for color, width in (("white", 3.0), (INK, 1.2)):
            bar_ax.axvline(of_model[0], color=color, lw=width)


def _say_constant(ax, alike):
    """Say that there is no map, above the stars or in their place."""
    words = "one PSF everywhere, marked in the scale"
    if alike.any():
        ax.text(0.5, 1.02, words, transform=ax.transAxes, ha="center", fontsize=7, color=FAINT)
    else:
        say_empty(ax, words.replace(", ", ",\n"))


def _draw_left_out(ax, check, sound):
    """Draw stars whose value is too uncertain and those unlike the others; which are neither of these."""
    x, y = _places(check.stars, check)
    alike = np.asarray(check.stars["reason"]) != UNLIKE
    ax.plot(x[~sound], y[~sound], ".", color=FAINT, ms=2.5, zorder=2)
    ax.plot(x[sound & ~alike], y[sound & ~alike], "x", color=CONTRAST, ms=4, mew=1.0, zorder=3)
    return sound & alike


def _as_image(check, values):
    """Values at places on their grid, NaN where there is none, and its extent in arcsec."""
    x, y = (np.asarray(check.model[name], dtype=float) for name in ("x", "y"))
    gaps = np.concatenate([np.diff(np.unique(axis)) for axis in (x, y)])
    step = gaps.min()
    column, row = (np.round((axis + 0.5) / step - 0.5).astype(int) for axis in (x, y))
    image = np.full((row.max() + 1, column.max() + 1), np.nan)
    image[row, column] = values
    side = step * check.meta["PIXSCALE"]
    return image, (0.0, side * image.shape[1], 0.0, side * image.shape[0])


def _draw_whiskers(ax, key_ax, check, sound):
    """Ellipticities as whiskers along the long axes: pale ones of the PSF, blue ones of the stars."""
    alike = _draw_left_out(ax, check, sound)
    stars, model = check.stars[alike], check.model
    of_stars, of_model = (np.hypot(np.asarray(t["e1"]), np.asarray(t["e2"])) for t in (stars, model))
    largest = max(np.percentile(of_stars, 90) if len(stars) else 0.0, np.nanmax(of_model), MIN_WHISKER)
    longer = check.meta["PIXSCALE"] * max(check.meta["NX"], check.meta["NY"])
    per_arcsec = largest / (WHISKER_SHARE * longer)
    key_ax.set_axis_off()
    key_ax.text(
        0.5, 2.4, "ellipticity (a \N{MINUS SIGN} b) / (a + b)", transform=key_ax.transAxes, ha="center"
    )
    key, size = _round_below(largest), {"labelpos": "E", "fontproperties": {"size": 8}}
    if not check.constant:
        pale = _whiskers(ax, check, model, per_arcsec, color=FAINT, width=0.009)
        ax.quiverkey(pale, 0.58, 1.07, key, f"{key:g}, PSF", **size)
    words = f"; PSF: {of_model[0]:.3f} everywhere" if check.constant else ""
    if len(stars):
        blue = _whiskers(ax, check, stars, per_arcsec, color=ACCENT, width=0.02)
        ax.quiverkey(blue, 0.06, 1.07, key, f"{key:g}, star{words}", **size)
    elif check.constant:
        say_empty(ax, f"one PSF everywhere,\n{of_model[0]:.3f}")


def _whiskers(ax, check, table, per_arcsec, *, color, width):
    """Whiskers of a table, this width in inches and as long as ellipticity over ``per_arcsec``."""
    e1, e2 = (np.asarray(table[name], dtype=float) for name in ("e1", "e2"))
    length, angle = np.hypot(e1, e2), 0.5 * np.arctan2(e2, e1)
    return ax.quiver(
        *_places(table, check), length * np.cos(angle), length * np.sin(angle), angles="xy", pivot="mid",
        scale=per_arcsec, scale_units="xy", units="inches", width=width, color=color,
        headwidth=0, headlength=0, headaxislength=0, minlength=0, zorder=3,
    )  # fmt: skip


def _round_below(value):
    """The largest of 1, 2, 5 times a power of ten that is not above a value."""
    decade = 10.0 ** np.floor(np.log10(value))
    return decade * max(k for k in (1, 2, 5) if k * decade <= value * (1 + 1e-9))


# ---- star less PSF -------------------------------------------------------------------------------------------


def _draw_residuals(figure, check):
    """The row of mean residuals on one diverging scale."""
    scale, groups = check.meta["PIXSCALE"], check.groups
    axes = figure.subplots(1, len(groups), gridspec_kw={"wspace": 0.04})
    half = check.residuals.shape[-1] // 2
    shown = min(half, int(round(RESIDUAL_HALF_ARCSEC / scale)))
    inside = np.s_[:, half - shown : half + shown + 1, half - shown : half + shown + 1]
    images = check.residuals[inside]
    known = np.abs(images[np.isfinite(images)])
    largest = np.percentile(known, 99.5) if len(known) else 0.0
    end = next((step for step in RESIDUAL_STEPS if step >= largest), RESIDUAL_STEPS[-1])
    reach = (shown + 0.5) * scale
    norm = Normalize(-100 * end, 100 * end)
    for ax, image, group in zip(axes, images, groups, strict=True):
        name = {"bright": "brighter stars", "faint": "stars of the core"}.get(group["name"], group["name"])
        ax.set_title(f"{name} ({group['n']})", pad=3)
        ax.set(xticks=[], yticks=[], xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        if not group["n"]:
            say_empty(ax, "no star")
            continue
        ax.imshow(
            100 * image, origin="lower", extent=(-reach, reach, -reach, reach), norm=norm, cmap="RdBu_r",
            interpolation="nearest",
        )  # fmt: skip
        ring = 2 * np.pi * np.linspace(0, 1, 60)
        ax.plot(
            CORE_RADIUS_ARCSEC * np.cos(ring), CORE_RADIUS_ARCSEC * np.sin(ring), color=INK, lw=0.5, ls=":"
        )
        chance = f", chance {100 * group['chance']:.1f}" if np.isfinite(group["chance"]) else ""
        ax.set_xlabel(f"rms {100 * group['rms']:.1f} %{chance}", fontsize=7.5, labelpad=2)
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(norm, "RdBu_r"), ax=axes, pad=0.01, aspect=11, fraction=0.02, shrink=0.6
    )
    bar.set_label("star \N{MINUS SIGN} PSF (% of peak)", fontsize=8)


# ---- PSF, light, error ---------------------------------------------------------------------------------------


def _draw_stamp(figure, psf):
    """Logarithmic stretch of the stamp; negative pixels blank."""
    ax = figure.subplots()
    half = 0.5 * psf.data.shape[0] * psf.pixel_scale_arcsec
    cmap = matplotlib.colormaps["magma"].with_extremes(bad="black", under="black")
    image = ax.imshow(
        np.ma.masked_less_equal(psf.data / psf.data.max(), 0.0), origin="lower", extent=(-half, half, -half, half),
        norm=LogNorm(STAMP_RANGE, 1.0), cmap=cmap, interpolation="nearest",
    )  # fmt: skip
    ax.set(xlabel="x (arcsec)", ylabel="y (arcsec)")
    figure.colorbar(image, ax=ax, location="top", aspect=22, pad=0.02, label="PSF over its peak")


def _draw_light(ax, rest_ax, result, growth):
    """Encircled energy beside the reference; PSF and stars less the reference, with the error of the flux scale."""
    curve, error = result.curve, result.psf.sys_error
    radius, ee = np.asarray(curve["radius_arcsec"]), np.asarray(curve["ee"])
    expected = np.where(radius >= REFERENCE_FROM_ARCSEC, np.asarray(curve["ee_reference"]), np.nan)
    known = np.isfinite(expected)
    ax.plot(radius, ee, color=ACCENT, label="PSF")
    if known.any():
        ax.plot(radius, expected, color=INK, ls="--", label="reference")
    ax.set(ylabel="encircled energy", ylim=(0, 1.03), xlim=(0, radius.max()))
    ax.tick_params(labelbottom=False)
    ax.legend(loc="lower right")
    # Where there is no reference, the PSF itself is what is compared with.
    base = expected if known.any() else ee
    what = "reference" if known.any() else "PSF"
    rest_ax.set(xlabel="radius (arcsec)", ylabel=f"less {what} (%)", xlim=(0, radius.max()))
    rest_ax.axhline(0.0, color=INK, ls="--", lw=0.8)
    rest = 100 * (ee / base - 1)
    rest_ax.fill_between(radius, rest - 100 * error, rest + 100 * error, color=ACCENT, alpha=0.25, lw=0)
    rest_ax.plot(radius, rest, color=ACCENT)
    where = np.asarray(growth["radius_arcsec"], dtype=float)
    shown = (where <= radius.max()) & (np.asarray(growth["n"]) > 0)
    if known.any():
        shown &= where >= REFERENCE_FROM_ARCSEC
    if shown.any():
        factor = np.interp(where[shown], radius, ee / base)
        stars = 100 * (factor * (1 + np.asarray(growth["excess"])[shown]) - 1)
        bars = 100 * factor * np.asarray(growth["excess_err"])[shown]
        rest_ax.errorbar(
            where[shown], stars, bars, fmt="o", color=CONTRAST, ms=2.5, elinewidth=0.8, label="stars"
        )
        rest_ax.legend(loc="lower right", handletextpad=0.2)


def _draw_budget(ax, budget):
    """Bars of the parts of the error, their sum dark; the scatter of single sources open."""
    parts, errors = [str(part) for part in budget["part"]], 100 * np.asarray(budget["error"], dtype=float)
    place = -np.arange(len(parts), dtype=float)
    for y, part, error in zip(place, parts, errors, strict=True):
        look = {"color": INK} if part in (TOTAL, GIVEN) else {"color": ACCENT}
        look = {"fc": "none", "ec": INK, "lw": 0.8} if part == PHASE else look
        ax.barh(y, error, height=0.36, **look)
        ax.text(0.0, y + 0.24, f"{part}  {error:.1f}", fontsize=7, va="bottom")
    ax.set(yticks=[], xlim=(0, max(1.15 * errors.max(initial=0.0), 0.1)), ylim=(place[-1] - 0.5, 0.85))
    ax.set(xlabel=r"1-sigma error of fluxes (%)")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(top=False, right=False, left=False)
