"""The stack with every library: chi-square maps, and posteriors of age and metallicity.

See `clusterphot.sed.library_comparison` for the tables behind the figure. Ages Gyr, metallicities in solar units of
each library.
"""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D

from clusterphot.base.cosmology import age_of_universe_gyr as universe_gyr
from clusterphot.base.tables import read_table
from clusterphot.figures.chi2_map import LEVELS, cell_edges, read_chi2_map, region_outline
from clusterphot.figures.style import (
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.sed.chi2 import delta_chi2
from clusterphot.sed.library_comparison import CONFIGURED

MAPS_PER_ROW = 3


COLORS = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#33bbee", "#882255", "#b8a000")


STYLES = ("-", (0, (5, 2)), (0, (1, 1.2)), "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (2, 2)))
"""Colours after Tol (2021, SRON/EPS/TN/09-002) and line styles, one of each for each library."""


AGE_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)


METALLICITY_TICKS = (0.005, 0.02, 0.05, 0.2, 0.5, 1, 2)


def draw(comparison, densities, chi2_maps, *, grids, redshift, cosmology, field):
    """Figure of the rule plot_libraries, from the files of its input."""
    return plot_libraries(
        read_table(comparison),
        read_table(densities),
        {name: read_chi2_map(path) for name, path in zip(grids, chi2_maps, strict=True)},
        age_of_universe_gyr=universe_gyr(redshift, **cosmology),
        field=field,
    )


@in_style
def plot_libraries(table, densities, maps, *, age_of_universe_gyr, field):
    """Chi-square maps of all libraries above the posteriors of age and metallicity.

    Parameters
    ----------
    table, densities : `astropy.table.Table`
        From `clusterphot.sed.library_comparison.compare_libraries`.
    maps : dict of str to (chi2, age_gyr, metallicity_zsun)
        As `clusterphot.figures.chi2_map.read_chi2_map` returns them, by library.
    age_of_universe_gyr : float
        At the redshift of the field: the dashed line in the maps.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    rows = {row["ssp_grid"]: row for row in table if row["error_model"] == CONFIGURED}
    n_columns = 2 if len(maps) in (2, 4) else min(len(maps), MAPS_PER_ROW)
    n_lines = -(-len(maps) // n_columns)
    figure = new_figure(PAGE_WIDTH_IN, 1.75 * n_lines + 2.6)
    figure.suptitle(
        f"{field}: the stack with each library", x=0.012, ha="left", fontsize=8, color=FAINT, parse_math=False
    )
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.75 * n_lines, 2.4])
    axes = upper.subplots(n_lines, n_columns, squeeze=False).ravel()
    mesh = None
    for ax, (name, chi2_map) in zip(axes, maps.items(), strict=False):
        mesh = _draw_map(ax, *chi2_map, name, rows[name]) or mesh
        ax.axvline(age_of_universe_gyr, color="white", lw=1.2)
        ax.axvline(age_of_universe_gyr, color=INK, lw=1.0, ls=(0, (4, 2)))
    for ax in axes[len(maps) :]:
        ax.set_axis_off()
    _finish_maps(upper, axes[: len(maps)], n_columns, mesh)
    _draw_posteriors(lower, densities, rows)
    return figure


def _draw_map(ax, chi2, age_gyr, metallicity_zsun, name, row):
    """One chi-square map, as in `clusterphot.figures.chi2_map`; the colours, or None without data."""
    x_edges, y_edges = cell_edges(age_gyr), np.arange(len(metallicity_zsun) + 1) - 0.5
    ax.set(xlim=x_edges[[0, -1]], ylim=y_edges[[0, -1]])
    ax.set_title(f"{name}: {row['ssp_tracks'] or row['ssp_library']}"[:44], loc="left", parse_math=False)
    every = max(1, len(metallicity_zsun) // 8 + 1)
    shown = range(0, len(metallicity_zsun), every)
    ax.set_yticks(shown, [f"{metallicity_zsun[k]:.3g}" for k in shown])
    ax.tick_params(axis="y", length=0)
    if not np.isfinite(chi2).any():
        say_empty(ax)
        return None
    rise = (chi2 - np.nanmin(chi2)).T
    mesh = ax.pcolormesh(x_edges, y_edges, np.maximum(rise, 1e-3), cmap="cividis_r", norm=LogNorm(1, 1e4))
    mesh.set(edgecolor="face", linewidth=0.2)
    for sigma, color, width in LEVELS:
        for segment in region_outline(rise <= delta_chi2(sigma, 2), x_edges, y_edges):
            ax.plot(*zip(*segment, strict=True), color=color, lw=width, solid_capstyle="projecting", zorder=3)
    best_z, best_age = np.unravel_index(np.nanargmin(rise), rise.shape)
    ax.plot(age_gyr[best_age], best_z, "*", ms=8, mfc="white", mec=INK, mew=0.8, zorder=4)
    words = f"$\\chi^2 = {np.nanmin(chi2):.1f}$ ({row['dof']} d.o.f.)"
    text = ax.text(0.97, 0.93, words, transform=ax.transAxes, ha="right", va="top", fontsize=7.5)
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85})
    return mesh


def _finish_maps(figure, axes, n_columns, mesh):
    """Labels, colour bar and the legend of the sigma levels."""
    for number, ax in enumerate(axes):
        if number % n_columns == 0:
            ax.set_ylabel(r"Metallicity ($Z_\odot$)")
        if number >= len(axes) - n_columns:
            ax.set_xlabel("Age (Gyr)")
    if mesh is None:
        return
    bar = figure.colorbar(mesh, ax=list(axes), pad=0.01, aspect=25, extend="both")
    bar.set_label(r"$\Delta\chi^2$")
    bar.ax.tick_params(which="both", direction="out")
    handles = [
        Line2D([], [], color=color, lw=width, label=rf"{sigma}$\sigma$") for sigma, color, width in LEVELS
    ]
    best = Line2D([], [], marker="*", ms=8, mfc="white", mec=INK, mew=0.8, ls="none", label="best fit")
    figure.legend(handles=[*handles[::-1], best], loc="outside lower left", ncols=4, columnspacing=1.2)


def _draw_posteriors(figure, densities, rows):
    """Densities of age and metallicity of all libraries, with their evidences in the legend."""
    axes = figure.subplots(1, 2)
    highest = {"age_gyr": 0.0, "metallicity_zsun": 0.0}
    ends = {"age_gyr": [], "metallicity_zsun": []}
    handles = []
    for number, (name, row) in enumerate(rows.items()):
        look = {"color": COLORS[number % len(COLORS)], "ls": STYLES[number % len(STYLES)], "lw": 1.4}
        for ax, axis in zip(axes, highest, strict=True):
            mine = (densities["ssp_grid"] == name) & (densities["axis"] == axis)
            value = np.asarray(densities["axis_value"][mine])
            density = np.asarray(densities["density_per_dex"][mine])
            ends[axis] += [value[0], value[-1]]
            if len(value) > 1 and np.isfinite(density).all():
                ax.plot(value, density, **look)
                highest[axis] = max(highest[axis], float(density.max()))
        evidence = f"$\\Delta\\ln E = {round(float(row['delta_log_evidence']), 1) + 0.0:.1f}$"  # no -0.0
        handles.append(Line2D([], [], label=f"{name}: {evidence}", **look))
    labels = ("Age (Gyr)", r"Metallicity ($Z_\odot$ of the library)")
    for ax, axis, label, ticks in zip(axes, highest, labels, (AGE_TICKS, METALLICITY_TICKS), strict=True):
        ax.set(xscale="log", xlabel=label, ylabel="Posterior density (1/dex)")
        low, high = min(ends[axis]), max(ends[axis])
        ax.set_xlim((low, high) if high > low else (low / 2, high * 2))
        plain_ticks(ax.xaxis, [tick for tick in ticks if low <= tick <= high] or [low])
        if highest[axis] > 0:
            ax.set_ylim(0, 1.08 * highest[axis])
        else:
            say_empty(ax)
    figure.legend(handles=handles, loc="outside lower left", ncols=min(3, len(handles)))
