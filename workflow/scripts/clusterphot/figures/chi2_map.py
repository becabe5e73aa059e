"""Chi-square of a stack over age and metallicity, with the cells that 3, 4 and 5 sigma allow, and its posterior.

After figure 6 of Faisst et al. (2022, ApJL 941, L11). Ages Gyr, metallicities in solar units.
"""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D

from clusterphot.base.cosmology import age_of_universe_gyr as universe_gyr
from clusterphot.base.products import open_fits
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    COLUMN_WIDTH_IN,
    INK,
    chi2_words,
    in_style,
    label_figure,
    new_figure,
    say_empty,
)
from clusterphot.sed.chi2 import delta_chi2

LEVELS = (
    (5, "#33bbee", 3.6),
    (4, "#ee7733", 2.4),
    (3, INK, 1.0),
)
"""Sigma, colour and line width (pt): the outer line is wider, so that coinciding ones all show."""


def read_chi2_map(path):
    """Chi-square (n_age, n_metallicity), ages in Gyr and metallicities in solar units of a map."""
    with open_fits(path) as hdus:
        chi2 = np.array(hdus[0].data, dtype=float)
        age = np.array(hdus["AGE"].data["age_gyr"], dtype=float)
        metallicity = np.array(hdus["METALLICITY"].data["metallicity_zsun"], dtype=float)
    return chi2, age, metallicity


def cell_edges(nodes):
    """Edges of cells around increasing nodes: half-way between them, and as far beyond the ends."""
    nodes = np.asarray(nodes, dtype=float)
    if len(nodes) == 1:
        return nodes[0] + np.array([-0.5, 0.5])
    middle = 0.5 * (nodes[1:] + nodes[:-1])
    return np.concatenate([[2 * nodes[0] - middle[0]], middle, [2 * nodes[-1] - middle[-1]]])


def region_outline(inside, x_edges, y_edges):
    """Line segments that separate the cells inside a region from those outside.

    Parameters
    ----------
    inside : (ny, nx) bool ndarray
    x_edges, y_edges : (nx + 1,) and (ny + 1,) float ndarray

    Returns
    -------
    segments : list of ((x0, y0), (x1, y1))
    """
    padded = np.pad(np.asarray(inside, dtype=bool), 1)
    segments = []
    for j, i in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]):
        segments.append(((x_edges[i], y_edges[j]), (x_edges[i], y_edges[j + 1])))
    for j, i in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]):
        segments.append(((x_edges[i], y_edges[j]), (x_edges[i + 1], y_edges[j])))
    return segments


def draw(stack, chi2_map, *, redshift, cosmology, field, grid):
    """Figure of the rule plot_chi2_map, from the files of its input."""
    row = read_table(stack)[0]
    return plot_chi2_map(
        *read_chi2_map(chi2_map),
        age_of_universe_gyr=universe_gyr(redshift, **cosmology),
        field=field,
        grid=grid,
        dof=int(row["dof"]),
        posterior=stack_posterior(row),
    )


def stack_posterior(row):
    """Quantiles (16, 50, 84 %) of age and metallicity of a row of a table, or none."""
    if "age_gyr_p50" not in row.colnames or not np.isfinite(row["age_gyr_p50"]):
        return None
    return tuple(
        tuple(float(row[f"{name}_{quantile}"]) for quantile in ("p16", "p50", "p84"))
        for name in ("age_gyr", "metallicity_zsun")
    )


@in_style
def plot_chi2_map(
    chi2, age_gyr, metallicity_zsun, *, age_of_universe_gyr, field, grid, dof=None, posterior=None
):
    """Figure of a chi-square map.

    Parameters
    ----------
    chi2 : (n_age, n_metallicity) float ndarray
    age_gyr, metallicity_zsun : 1-D float ndarray
    age_of_universe_gyr : float
        At the redshift of the field; older cells are shaded.
    field, grid : str
    dof : int, optional
        Degrees of freedom, written beside the lowest chi-square.
    posterior : (ages, metallicities), optional
        16, 50 and 84 % of each.

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    One row per metallicity of the library, one cell per model: nothing is interpolated. The lines hold the
    cells within delta chi2 = 11.83, 19.33, 28.74 of the lowest, 3, 4, 5 sigma of two parameters,
    for errors as quoted. The posterior allows for zero points and for errors that are too small, so it is wider
    where the best fit is poor; it is drawn between the rows by the logarithm of the metallicity.
    """
    figure = new_figure(COLUMN_WIDTH_IN, 3.4)
    ax = figure.subplots()
    label_figure(figure, field, grid)
    x_edges, y_edges = cell_edges(age_gyr), np.arange(len(metallicity_zsun) + 1) - 0.5
    ax.set(
        xlabel="Age (Gyr)", ylabel=r"Metallicity ($Z_\odot$)", xlim=x_edges[[0, -1]], ylim=y_edges[[0, -1]]
    )
    ax.set_yticks(range(len(metallicity_zsun)), [f"{value:g}" for value in metallicity_zsun])
    ax.tick_params(axis="y", length=0)
    if not np.isfinite(chi2).any():
        say_empty(ax)
        return figure
    rise = (chi2 - np.nanmin(chi2)).T
    _draw_cells(figure, ax, rise, x_edges, y_edges)
    handles = [_draw_outline(ax, rise, x_edges, y_edges, *level) for level in LEVELS]
    row, column = np.unravel_index(np.nanargmin(rise), rise.shape)
    (best,) = ax.plot(age_gyr[column], row, "*", ms=9, mfc="white", mec=INK, mew=0.8, ls="none")
    model = f"{age_gyr[column]:g} Gyr, {metallicity_zsun[row]:g} $Z_\\odot$"
    if dof is not None and dof <= 0:
        model = "not constrained"
    lowest = float(np.nanmin(chi2))
    fit = f"$\\chi^2 = {lowest:.1f}$" if dof is None else chi2_words(lowest, dof)
    best.set_label(f"{model}: {fit}")
    _shade_old(ax, age_of_universe_gyr, x_edges[-1])
    named = [best] if posterior is None else [best, _draw_posterior(ax, *posterior, metallicity_zsun)]
    figure.legend(handles=[*named, *handles[::-1]], loc="outside lower left", ncols=1, labelspacing=0.3)
    return figure


def _draw_cells(figure, ax, rise, x_edges, y_edges):
    """Cells coloured by the rise of chi-square, logarithmically from 1."""
    top = max(10.0, float(np.nanmax(rise)))
    mesh = ax.pcolormesh(x_edges, y_edges, np.maximum(rise, 1e-3), cmap="cividis_r", norm=LogNorm(1, top))
    mesh.set(edgecolor="face", linewidth=0.2)
    bar = figure.colorbar(mesh, ax=ax, pad=0.02, aspect=25, extend="min")
    bar.set_label(r"$\Delta\chi^2$")
    bar.ax.tick_params(which="both", direction="out")


def _draw_outline(ax, rise, x_edges, y_edges, sigma, color, width):
    """Outline of the cells that ``sigma`` allows; returns its entry of the legend."""
    segments = region_outline(rise <= delta_chi2(sigma, 2), x_edges, y_edges)
    ax.add_collection(
        LineCollection(segments, colors=color, linewidths=width, capstyle="projecting", zorder=3)
    )
    return Line2D([], [], color=color, lw=width, label=rf"{sigma}$\sigma$, errors as quoted")


def _draw_posterior(ax, ages, metallicities, nodes):
    """Median and 16 to 84 % of age and metallicity; returns the entry of the legend."""
    rows = np.interp(np.log(metallicities), np.log(nodes), np.arange(len(nodes)))
    for width, color, z in ((3.2, "white", 4), (1.3, "#aa3377", 4.1)):
        ax.plot(ages[::2], [rows[1]] * 2, color=color, lw=width, solid_capstyle="butt", zorder=z)
        ax.plot([ages[1]] * 2, rows[::2], color=color, lw=width, solid_capstyle="butt", zorder=z)
    ax.plot(ages[1], rows[1], "o", ms=4.5, mfc="#aa3377", mec="white", mew=0.7, zorder=4.2)
    label = f"posterior: {ages[1]:.2g} Gyr ({ages[0]:.2g}\N{EN DASH}{ages[2]:.2g}, 68 %)"
    return Line2D([], [], color="#aa3377", lw=1.3, marker="o", ms=4.5, mec="white", mew=0.7, label=label)


def _shade_old(ax, age_of_universe_gyr, last):
    """Line at the age of the Universe, and hatching beyond."""
    if age_of_universe_gyr >= last:
        return
    ax.axvspan(age_of_universe_gyr, last, facecolor="none", edgecolor="white", hatch="////", lw=0)
    ax.axvline(age_of_universe_gyr, color="white", lw=1.2)
    ax.axvline(age_of_universe_gyr, color=INK, lw=1.0, ls=(0, (4, 2)))
    middle = 0.5 * (age_of_universe_gyr + last)
    words = ax.text(
        middle, np.mean(ax.get_ylim()), "older than the Universe", rotation=90, ha="center", va="center"
    )
    words.set(
        fontsize=7.5, color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
    )
