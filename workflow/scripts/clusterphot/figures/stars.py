"""Figure of the selection of stars of a field: the stellar locus, places, and what each filter uses.

The first panel is the half-light radius against magnitude of Faisst et al. (2022, ApJL 941, L11), section 2.
"""

import numpy as np

from clusterphot.figures.style import (
    ACCENT,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.psf.build import read_psf_result
from clusterphot.psf.stars import ROLE_CORE, ROLE_NONE, ROLE_WING, read_stars

REASONS = (
    ("galaxy", "galaxies", ".", FAINT),
    ("locus", "no locus to tell", ".", FAINT),
    ("faint", "too faint", ".", "#b8a000"),
    ("neighbour", "with a neighbour", "x", "#cc3311"),
    ("edge", "at an edge", "+", "#882255"),
    ("masked", "bad pixels", "v", "#ee7733"),
    ("saturated", "broken by saturation", "D", "#ee7733"),
    ("bright", "too bright", "^", INK),
)
"""Reasons of `clusterphot.psf.stars.REASONS`: name in the legend, marker, colour."""

ROLES = ((ROLE_CORE, "core", "o", ACCENT), (ROLE_WING, "wings", "s", "#009988"))
"""Roles: name, marker, colour; a saturated star is open."""

RADIUS_RANGE_PX = (0.8, 30.0)


def draw(stars, psfs, *, field):
    """Figure of the rule plot_stars, from the files of its input."""
    return plot_stars(read_stars(stars), [read_psf_result(path) for path in psfs], field=field)


@in_style
def plot_stars(stars, results, *, field):
    """Three panels: stellar locus, places of the stars, use by filter.

    Parameters
    ----------
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`.
    results : sequence of `clusterphot.psf.build.PsfResult`
        Of all filters.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.7)
    numbers = [int(np.sum(np.asarray(stars["role"]) == role)) for role, *_ in ROLES]
    label_field(
        figure,
        f"{field}: {numbers[0]} stars for the core of the PSFs, {numbers[1]} brighter ones for their wings",
    )
    above, below = figure.subfigures(2, 1, height_ratios=(1.0, 0.17))
    locus, sky, use = above.subplots(1, 3, width_ratios=(1.5, 1.0, 0.75))
    entries = _draw_locus(locus, stars)
    _draw_places(sky, stars)
    _draw_use(use, stars, results)
    if entries:
        below.legend(
            handles=entries, loc="center", ncols=4, fontsize=7.5, handletextpad=0.4, columnspacing=1.6
        )
    return figure


def _groups(stars):
    """Rows, words and looks of the detections: those left out by reason, then the roles."""
    reason, role = np.asarray(stars["reason"]), np.asarray(stars["role"])
    saturated = np.asarray(stars["saturated"], dtype=bool)
    for name, words, marker, color in REASONS:
        look = {"color": color, "s": 10, "lw": 0.7 if marker in "x+" else 0.0}
        yield (role == ROLE_NONE) & (reason == name), words, {"marker": marker, **look}
    for name, words, marker, color in ROLES:
        look = {"marker": marker, "s": 16, "zorder": 3}
        whole, open_ = {"fc": color, "ec": "white", "lw": 0.5}, {"fc": "white", "ec": color, "lw": 0.9}
        yield (role == name) & ~saturated, f"{words} of the PSF", whole | look
        yield (role == name) & saturated, f"{words}, saturated", open_ | look


def _draw_locus(ax, stars):
    """Half-light radius against magnitude, with the locus; entries of the legend."""
    mag, radius = np.asarray(stars["mag_auto"]), np.asarray(stars["half_light_radius"])
    entries = [
        ax.scatter(mag[rows], radius[rows], label=f"{words} ({rows.sum()})", **look)
        for rows, words, look in _groups(stars)
        if rows.any()
    ]
    name = stars.meta.get("filter", "reference filter")
    ax.set(xlabel=f"AB magnitude in {name}", ylabel=f"half-light radius (px of {name})")
    if not len(stars):
        say_empty(ax, "no detection")
        return entries
    if "locus" in stars.meta:
        locus = stars.meta["locus"]
        grid = np.linspace(mag.min(), mag.max(), 50)
        middle = locus["ln_radius"] + locus["slope"] * (grid - locus["mag_pivot"])
        ax.plot(grid, np.exp(middle), color=INK, lw=0.7)
        for sign in (-1, 1):
            ax.plot(grid, np.exp(middle + sign * locus["window"]), color=INK, lw=0.6, ls=":")
    ax.set(yscale="log", ylim=RADIUS_RANGE_PX)
    plain_ticks(ax.yaxis, (1, 2, 3, 5, 10, 20))
    return entries


def _draw_places(ax, stars):
    """Where the stars with a role are, in arcsec of the mosaic of the reference filter."""
    scale = stars.meta.get("pixel_scale_arcsec", 1.0)
    x, y = (scale * np.asarray(stars[name]) for name in ("x", "y"))
    for rows, _, look in _groups(stars):
        ax.scatter(
            x[rows],
            y[rows],
            **(look if "zorder" in look else {"marker": ".", "color": FAINT, "s": 3, "lw": 0}),
        )
    ax.set(xlabel="x (arcsec)", ylabel="y (arcsec)", aspect="equal", anchor="N")
    if not len(stars):
        say_empty(ax, "no star")


def _draw_use(ax, stars, results):
    """Stars that each filter used for core and wings, out of those selected."""
    role = np.asarray(stars["role"])
    place = -np.arange(len(results), dtype=float)
    longest = 1
    for (name, _, _, color), shift in zip(ROLES, (0.19, -0.19), strict=True):
        of_role = set(np.asarray(stars["id"])[role == name].tolist())
        longest = max(longest, len(of_role))
        for y, result in zip(place, results, strict=True):
            taken = np.asarray(result.notes["used"]).astype(str) != ""
            n = len(of_role & set(np.asarray(result.notes["id"])[taken].tolist()))
            ax.barh(y + shift, n, height=0.34, color=color)
            ax.barh(y + shift, len(of_role), height=0.34, fc="none", ec=color, lw=0.7)
            ax.text(len(of_role), y + shift, f" {n}/{len(of_role)}", fontsize=7, va="center")
    ax.set(yticks=place, yticklabels=[result.psf.filter_name for result in results])
    ax.set(xlabel="stars used", xlim=(0, 1.45 * longest), ylim=(place[-1] - 0.6, 0.6))
    ax.tick_params(left=False, right=False)
