"""Half-light radius against mass: the clusters' limits beside other stellar systems.

After figure 6 of Faisst et al. (2022, ApJL 941, L11). Masses log10 Msun, radii pc.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.comparisons.catalogue import mass_size_relation
from clusterphot.figures.comparison_colors import KINDS, MANY_GALAXIES
from clusterphot.figures.style import ACCENT, INK, PAGE_WIDTH_IN, in_style, label_figure, new_figure

SYSTEMS = {
    "globular cluster": ("#b8a000", "o"),
    "ultra-compact dwarf": ("#ee7733", "D"),
    "dwarf galaxy": ("#009988", "^"),
    "clump": ("#aa3377", "s"),
    "lensed cluster": ("#33bbee", "v"),
}
"""Colour and marker of each kind of system, after Tol (2021)."""

GALAXY_MASSES = np.array([9.5, 11.5])
GALAXY_COLORS = {"early": "#cc3311", "late": "#0077bb"}


def draw(clusters, comparison, mass_size, galaxy_sizes, *, redshift, size_limit_pc, field, grid):
    """Figure of the rule plot_mass_size, from the files of its input; ``comparison`` may be none."""
    galaxies = None
    if comparison:
        table = read_table(comparison)
        names = ("log_mass_galaxy", "radius_kpc")
        galaxies = (*(np.ma.filled(table[name], np.nan) for name in names), np.asarray(table["is_quiescent"]))
    return plot_mass_size(
        np.asarray(read_table(clusters)["log_mass"]),
        size_limit_pc,
        read_literature(mass_size),
        read_literature(galaxy_sizes),
        redshift=redshift,
        galaxies=galaxies,
        field=field,
        grid=grid,
    )


@in_style
def plot_mass_size(log_mass, limit_pc, systems, galaxy_sizes, *, redshift, galaxies, field, grid):
    """Figure of masses and sizes.

    Parameters
    ----------
    log_mass : (n,) float ndarray
    limit_pc : float or (n,) float ndarray
        Upper limit on the half-light radius of all clusters, or of each.
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
    limit = np.broadcast_to(np.asarray(limit_pc, dtype=float), log_mass.shape)
    known = np.isfinite(log_mass) & np.isfinite(limit)
    label_figure(figure, field, grid, f"{known.sum()} of {len(known)} clusters")
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
    handles = [
        Line2D([], [], color=color, ls="none", marker=marker, ms=5, alpha=0.8, label=kind)
        for kind, (color, marker) in SYSTEMS.items()
    ]
    handles += [
        Line2D([], [], color=color, lw=1.4, label=f"{kind}-type galaxies (van der Wel et al. 2014)")
        for kind, color in GALAXY_COLORS.items()
    ]
    if galaxies is not None:
        handles += _draw_catalogue(ax, *galaxies)
    if known.any():
        _draw_limits(ax, log_mass[known], limit[known])
        handles.append(
            Line2D(
                [], [], color=ACCENT, ls="none", marker=r"$\downarrow$", ms=8, label="clusters, upper limits"
            )
        )
    _draw_stripping(ax)
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_systems(ax, systems):
    """Boxes of ranges and points of single objects, with the names of the boxes."""
    for row in systems:
        color, marker = SYSTEMS[row["kind"]]
        x, y = float(row["log_mass_lo"]), float(row["radius_lo_pc"])
        width, height = float(row["log_mass_hi"]) - x, float(row["radius_hi_pc"]) - y
        if width == 0 and height == 0:
            ax.scatter(x, y, s=20, c=color, marker=marker, ec="white", lw=0.4, zorder=2.5)
            continue
        ax.add_patch(Rectangle((x, y), width, height, fc=color, ec=color, alpha=0.22, lw=0, zorder=1))
        ax.add_patch(Rectangle((x, y), width, height, fc="none", ec=color, lw=0.9, zorder=1.5))


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


def _draw_limits(ax, log_mass, limit):
    """A bar with an arrow for a common limit, one arrow per cluster for limits of their own."""
    if np.ptp(limit) > 0:
        ax.errorbar(
            log_mass,
            limit,
            yerr=0.25 * limit,
            uplims=True,
            fmt="none",
            ecolor=ACCENT,
            elinewidth=0.5,
            capsize=1.2,
            alpha=0.7,
            zorder=3,
        )
        return
    low, median, high = np.quantile(log_mass, [0.16, 0.5, 0.84])
    ends = log_mass.min(), log_mass.max()
    ax.plot(ends, [limit[0]] * 2, color=ACCENT, lw=1.0, zorder=3)
    ax.plot([low, high], [limit[0]] * 2, color=ACCENT, lw=3.2, zorder=3)
    ax.annotate(
        "",
        (median, limit[0] / 2.6),
        (median, limit[0]),
        arrowprops={"arrowstyle": "-|>", "color": ACCENT, "lw": 1.4, "shrinkA": 0, "shrinkB": 0},
        zorder=3,
    )
    words = ax.annotate(
        f"< {limit[0]:g} pc",
        (ends[0], limit[0]),
        (0, 3),
        textcoords="offset points",
        fontsize=7.5,
        color=ACCENT,
        zorder=5,
    )
    words.set_path_effects([withStroke(linewidth=2, foreground="white")])


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
