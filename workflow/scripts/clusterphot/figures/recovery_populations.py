"""Ages and masses from the measured fluxes against those from the true ones.

See `clusterphot.proof.recovery` for the table behind the figure. Ages Gyr, masses log10 Msun.
"""

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from clusterphot.base.flags import FOUND_BY_FIT
from clusterphot.base.robust import mad_sigma
from clusterphot.base.tables import read_table
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


def draw(sources, *, field):
    """Figure of the rule plot_recovery_populations, from the file of its input."""
    return plot_populations(read_table(sources), field=field)


@in_style
def plot_populations(sources, *, field):
    """Recovered against true ages and masses of sources with a clean SED fit.

    Parameters
    ----------
    sources : `astropy.table.Table`
        Written by the rule recover_truth, with or without populations.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    Ages lie on the nodes of a grid: the colour of a cell is the number of sources in it.
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.3)
    left, right = figure.subplots(1, 2, width_ratios=(1.12, 1))
    label_field(figure, f"{field}: populations of sources without a flag in photometry")
    left.set(xlabel="True age (Gyr)", ylabel="Recovered age (Gyr)")
    right.set(xlabel=r"True $\log_{10}\,(M/M_\odot)$", ylabel=r"Recovered $\log_{10}\,(M/M_\odot)$")
    if "true_age_gyr" not in sources.colnames:
        say_empty(left)
        say_empty(right)
        return figure
    clean = (np.asarray(sources["flags_sed"]) & ~int(FOUND_BY_FIT)) == 0
    _draw_ages(figure, left, *(np.asarray(sources[name])[clean] for name in ("true_age_gyr", "age_gyr")))
    _draw_masses(
        right, *(np.asarray(sources[n])[clean] for n in ("true_log_mass", "log_mass", "log_mass_err"))
    )
    return figure


def _draw_ages(figure, ax, true, found):
    """Number of sources in each cell of true and recovered age."""
    known = np.isfinite(true) & np.isfinite(found)
    if not known.any():
        say_empty(ax)
        return
    nodes = np.unique(np.concatenate([true[known], found[known]]))
    step = max(float(np.min(np.diff(nodes))) if len(nodes) > 1 else 0.5, 0.25)
    edges = np.arange(nodes[0] - step / 2, nodes[-1] + step, step)
    counts, _, _ = np.histogram2d(found[known], true[known], bins=(edges, edges))
    cmap = matplotlib.colormaps["viridis_r"].with_extremes(bad="white")
    norm = LogNorm(1, max(counts.max(), 2))
    mesh = ax.pcolormesh(edges, edges, np.where(counts > 0, counts, np.nan), cmap=cmap, norm=norm)
    mesh.set(edgecolor="face", linewidth=0.2)
    ax.plot(edges[[0, -1]], edges[[0, -1]], color=INK, lw=0.7, ls="--")
    ax.set_aspect("equal")
    difference = found[known] - true[known]
    same = 100 * np.mean(np.abs(difference) < step / 2)
    ax.set_title(
        f"n = {known.sum()}, median ${np.median(difference):+.2f}$ Gyr, {same:.0f} % in the same node",
        fontsize=7,
    )
    bar = figure.colorbar(mesh, ax=ax, pad=0.02, aspect=28)
    bar.set_label("Sources")
    plain_ticks(bar.ax.yaxis, [t for t in (1, 3, 10, 30, 100, 300, 1000, 3000) if t <= norm.vmax])
    bar.ax.tick_params(which="both", direction="out")


def _draw_masses(ax, true, found, err):
    """Recovered against true masses with their errors."""
    known = np.isfinite(true) & np.isfinite(found)
    if not known.any():
        say_empty(ax)
        return
    ax.errorbar(
        true[known], found[known], np.nan_to_num(err[known]),
        fmt="o", ms=2.2, color=ACCENT, ecolor=FAINT, elinewidth=0.5, alpha=0.8,
    )  # fmt: skip
    both = np.concatenate([true[known], found[known]])
    ends = [both.min() - 0.15, both.max() + 0.15]
    ax.plot(ends, ends, color=INK, lw=0.7, ls="--", zorder=3)
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    difference = found[known] - true[known]
    scatter = mad_sigma(difference)
    ax.set_title(
        f"n = {known.sum()}, median ${np.median(difference):+.3f}$, scatter {scatter:.3f} dex", fontsize=7
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
