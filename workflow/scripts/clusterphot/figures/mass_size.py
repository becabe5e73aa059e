"""Half-light radius against mass: the clusters' own limits beside other stellar systems.

After figure 6 of Faisst et al. (2022, ApJL 941, L11). Masses log10 Msun, radii pc.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.comparisons.catalogue import mass_size_relation
from clusterphot.figures.comparison_colors import KINDS, MANY_GALAXIES
from clusterphot.figures.recommended import recommended
from clusterphot.figures.style import INK, PAGE_WIDTH_IN, in_style, label_figure, new_figure

SYSTEMS = {
    "globular cluster": ("#b8a000", "o"),
    "ultra-compact dwarf": ("#ee7733", "D"),
    "dwarf galaxy": ("#009988", "^"),
    "clump": ("#aa3377", "s"),
    "lensed cluster": ("#33bbee", "v"),
}
"""Colour and marker of each kind of system, after Tol (2021)."""

PLURAL = {kind: f"{kind}s" for kind in SYSTEMS} | {"dwarf galaxy": "dwarf galaxies"}

GALAXY_MASSES = np.array([9.5, 11.5])
GALAXY_COLORS = {"early": "#cc3311", "late": "#0077bb"}


def draw(
    clusters,
    limits,
    comparison,
    mass_size,
    galaxy_sizes,
    *,
    redshift,
    size_limit_pc,
    confidence,
    field,
    grid,
):
    """Figure of the rule plot_mass_size, from the files of its input; ``limits`` and ``comparison`` may be none."""
    galaxies = None
    if comparison:
        table = read_table(comparison)
        names = ("log_mass_galaxy", "radius_kpc")
        galaxies = (*(np.ma.filled(table[name], np.nan) for name in names), np.asarray(table["is_quiescent"]))
    fits = read_table(clusters)
    return plot_mass_size(
        recommended(fits, "log_mass"),
        size_limits(read_table(limits), fits["id"], confidence)
        if limits
        else Limits(literature=size_limit_pc),
        read_literature(mass_size),
        read_literature(galaxy_sizes),
        redshift=redshift,
        galaxies=galaxies,
        field=field,
        grid=grid,
    )


@dataclass(frozen=True)
class Limits:
    """Upper limits of half-light radii, pc.

    Attributes
    ----------
    each : (n,) float ndarray or None
        Of the clusters; NaN where they are too faint for one.
    stack : float
        Of their stack.
    confidence : float
    literature : float
        One that the field's own images did not give; NaN where they gave some.
    """

    each: np.ndarray | None = None
    stack: float = np.nan
    confidence: float = np.nan
    literature: float = np.nan


def size_limits(table, ids, confidence):
    """Limits of a field's own clusters, in the order of their ids, and of its stack.

    Parameters
    ----------
    table : `astropy.table.Table`
        sizes/limits.ecsv.
    ids : sequence of str
    confidence : float
        Of the limits.
    """
    limit = np.ma.filled(np.ma.asarray(table["radius_limit_pc"], dtype=float), np.nan)
    is_stack = np.asarray(table["is_stack"], dtype=bool)
    of_id = dict(zip(np.asarray(table["id"])[~is_stack].tolist(), limit[~is_stack], strict=True))
    stack = limit[is_stack]
    return Limits(
        np.array([of_id.get(str(name), np.nan) for name in ids]),
        float(stack[0]) if len(stack) else np.nan,
        confidence,
    )


@in_style
def plot_mass_size(masses, limits, systems, galaxy_sizes, *, redshift, galaxies, field, grid):
    """Figure of masses and sizes.

    Parameters
    ----------
    masses : `clusterphot.figures.recommended.Values`
    limits : `Limits`
    systems, galaxy_sizes : `astropy.table.Table`
        mass_size.ecsv and galaxy_sizes.ecsv of resources/literature.
    redshift : float
    galaxies : (log_mass, radius_kpc, is_quiescent) or None
    field, grid : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(0.72 * PAGE_WIDTH_IN, 4.7)
    ax = figure.subplots()
    known = np.isfinite(masses.middle)
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters, {masses.words}")
    ax.set(
        xlabel="$\\log_{10}$ (stellar mass / $M_\\odot$)",
        ylabel="Half-light radius (pc)",
        yscale="log",
        xlim=(3.7, 12.0),
        ylim=(0.6, 3e4),
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _draw_systems(ax, systems)
    _draw_galaxy_sizes(ax, galaxy_sizes, redshift)
    handles = _name_systems(systems)
    handles += [
        Line2D([], [], color=color, lw=1.4, label=f"{kind}-type galaxies (van der Wel et al. 2014)")
        for kind, color in GALAXY_COLORS.items()
    ]
    if galaxies is not None:
        handles += _draw_catalogue(ax, *galaxies)
    if known.any():
        handles += _draw_limits(ax, masses.middle, limits)
    _draw_stripping(ax)
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _is_object(row):
    """Whether a row is a single object rather than a range."""
    return row["log_mass_lo"] == row["log_mass_hi"] and row["radius_lo_pc"] == row["radius_hi_pc"]


def _name_systems(systems):
    """Legend entries: a box for ranges, a marker for single objects."""
    handles = []
    for kind, (color, marker) in SYSTEMS.items():
        rows = [row for row in systems if row["kind"] == kind]
        if any(not _is_object(row) for row in rows):
            handles.append(Patch(fc=to_rgba(color, 0.22), ec=color, lw=0.9, label=PLURAL[kind]))
        elif rows:
            handles.append(Line2D([], [], color=color, ls="none", marker=marker, ms=5, label=PLURAL[kind]))
    return handles


def _draw_systems(ax, systems):
    """Boxes of ranges, named where two are of one kind, and points of single objects."""
    kinds = [str(row["kind"]) for row in systems if not _is_object(row)]
    named = 0
    for row in systems:
        color, marker = SYSTEMS[row["kind"]]
        x, y = float(row["log_mass_lo"]), float(row["radius_lo_pc"])
        width, height = float(row["log_mass_hi"]) - x, float(row["radius_hi_pc"]) - y
        if _is_object(row):
            ax.scatter(x, y, s=20, c=color, marker=marker, ec="white", lw=0.4, zorder=2.5)
            continue
        ax.add_patch(Rectangle((x, y), width, height, fc=color, ec=color, alpha=0.22, lw=0, zorder=1))
        ax.add_patch(Rectangle((x, y), width, height, fc="none", ec=color, lw=0.9, zorder=1.5))
        if kinds.count(str(row["kind"])) > 1:
            named += 1
            left = named % 2 == 0  # two boxes that overlap: one name below, the other beside
            place, shift = ((x, y), (-2, 4)) if left else ((x + width, y), (-2, 3))
            words = ax.annotate(
                row["name"], place, shift, textcoords="offset points", ha="right", fontsize=6, color="#0d7fae", zorder=2
            )  # fmt: skip
            words.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _draw_galaxy_sizes(ax, table, redshift):
    """Mass-size relations interpolated in redshift; drawn where they were measured, dashed outside their redshifts."""
    for kind, color in GALAXY_COLORS.items():
        rows = table[table["kind"] == kind]
        order = np.argsort(rows["redshift"])
        z = np.asarray(rows["redshift"])[order]
        log_a, slope = (np.interp(redshift, z, np.asarray(rows[name])[order]) for name in ("log_a", "slope"))
        low = 10.3 if kind == "early" else GALAXY_MASSES[0]
        mass = np.array([low, GALAXY_MASSES[1]])
        radius = 1e3 * 10 ** (log_a + slope * (mass - np.log10(5e10)))
        inside = z[0] <= redshift <= z[-1]
        ax.plot(mass, radius, color=color, lw=1.4, ls="-" if inside else "--", zorder=2)


def _draw_catalogue(ax, log_mass, radius_kpc, is_quiescent):
    """Galaxies of the user's catalogue and the relation of the quiescent ones; returns legend entries."""
    handles = []
    for label, flag, color, marker in KINDS:
        chosen = (is_quiescent == flag) & np.isfinite(log_mass) & np.isfinite(radius_kpc)
        if not chosen.any():
            continue
        many = chosen.sum() > MANY_GALAXIES
        ax.scatter(
            log_mass[chosen],
            1e3 * radius_kpc[chosen],
            s=3 if many else 8,
            c=color,
            marker=marker,
            alpha=0.4,
            lw=0,
            zorder=0.8,
            rasterized=bool(many),
        )
        handles.append(
            Line2D(
                [], [], color=color, ls="none", marker=marker, ms=3, alpha=0.6, label=f"{label} (catalogue)"
            )
        )
        intercept, slope, _ = mass_size_relation(log_mass[chosen], radius_kpc[chosen])
        if np.isfinite(slope):
            ends = np.quantile(log_mass[chosen], [0.02, 0.98])
            ax.plot(
                ends, 1e3 * 10 ** (intercept + slope * (ends - 10)), color=color, lw=0.9, ls=":", zorder=2
            )
    return handles


def _draw_limits(ax, log_mass, limits):
    """The limit of each cluster and of their stack, or one from elsewhere; returns legend entries."""
    known = np.isfinite(log_mass)
    low, median, high = np.quantile(log_mass[known], [0.16, 0.5, 0.84])
    handles = []
    if limits.each is not None:
        share = known & np.isfinite(limits.each)
        ax.scatter(log_mass[share], limits.each[share], s=9, marker="v", c=INK, alpha=0.45, lw=0, zorder=3)
        handles.append(
            Line2D(
                [], [], color=INK, alpha=0.6, ls="none", marker="v", ms=4,
                label=f"clusters, {100 * limits.confidence:g} % limits ({share.sum()})",
            )
        )  # fmt: skip
    for limit, words, line in (
        (limits.stack, "their stack", "-"),
        (limits.literature, "limit of Faisst et al. (2022)", "--"),
    ):
        if not np.isfinite(limit):
            continue
        ax.plot([low, high], [limit] * 2, color=INK, lw=2.0, ls=line, zorder=4)
        arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (median, limit / 2.2), (median, limit), arrowprops=arrow, zorder=4)
        text = ax.annotate(
            f"< {limit:.3g} pc", (high, limit), (3, -2), textcoords="offset points", fontsize=7.5, color=INK, zorder=5
        )  # fmt: skip
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])
        handles.append(Line2D([], [], color=INK, lw=2.0, ls=line, label=f"{words}: < {limit:.3g} pc"))
    return handles


def _draw_stripping(ax):
    """Arrow of what tides do to a dwarf galaxy: mass and size go, its compact core stays."""
    ax.annotate(
        "",
        (6.9, 75.0),
        (8.6, 1000.0),
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.2, "connectionstyle": "arc3,rad=-0.15"},
        zorder=4,
    )
    ax.annotate("tidal stripping", (8.45, 1150.0), fontsize=7.5, color=INK, ha="right", va="bottom")
