"""Colour-colour diagram of the clusters, coloured by age and by metallicity, with model tracks.

After figure 7 of Faisst et al. (2022, ApJL 941, L11). Colours are AB magnitudes, corrected for Milky Way
dust; ages Gyr, metallicities in solar units, fluxes nJy.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm
from matplotlib.contour import ContourSet
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from clusterphot.base.filters import load_filter
from clusterphot.base.tables import at_field_redshift, flux_arrays, read_table
from clusterphot.base.units import MAG_PER_FRACTION, mag_ab
from clusterphot.figures.style import (
    AGE_MAP,
    FAINT,
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_figure,
    metallicity_colors,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.foreground.dust import curve_extinction
from clusterphot.ssp.grid import filter_curve, read_projected_grid

REST_ANGSTROM = (6500.0, 10800.0, 19900.0)
"""Rest-frame wavelengths of the three filters: F090W, F150W and F277W at redshift 0.39. Of all triples of
the six wide filters, this one and F090W, F200W, F277W separate age and metallicity best with BC03 models and
the median errors of Faisst et al. (2022), Table 1: 1.7 times better than F090W, F150W, F200W (square root of
the determinant of the Fisher matrix)."""

EXTINCTION_AV = 0.5
"""A_V of the arrow, mag."""

DENSITY_FRACTIONS = (0.25, 0.5, 0.75)
MIN_DENSITY_POINTS = 20
TICKED_AGES_GYR = (0.5, 1, 2, 5, 10)


@dataclass(frozen=True)
class Colors:
    """Two quantities of each source to plot against one another.

    Attributes
    ----------
    x, y, x_err, y_err : (n,) float ndarray, mag
        NaN where a flux is missing or not positive. With two filters y is the magnitude in the second.
    x_label, y_label : str
    """

    x: np.ndarray
    y: np.ndarray
    x_err: np.ndarray
    y_err: np.ndarray
    x_label: str
    y_label: str

    @property
    def shown(self):
        """Sources with both quantities, (n,) bool ndarray."""
        return np.isfinite(self.x) & np.isfinite(self.y)


def choose_filters(filters, redshift):
    """Filters of the diagram in order of wavelength: three, or as many as there are.

    The nearest (in log wavelength) to `REST_ANGSTROM` at this redshift, each filter once.
    """
    pivots = {name: filter_curve(name).pivot_angstrom for name in filters}
    chosen = []
    for wave in REST_ANGSTROM[: len(pivots)]:
        left = [name for name in pivots if name not in chosen]
        chosen.append(min(left, key=lambda name: abs(np.log(pivots[name] / (wave * (1 + redshift))))))
    return sorted(chosen, key=pivots.get)


def measure_colors(flux, err, filters):
    """`Colors` from fluxes in two or three filters; with one there is none, and all is NaN.

    Parameters
    ----------
    flux, err : (n, n_filters) float ndarray, nJy
    filters : sequence of str
        In order of wavelength, as the columns.

    Notes
    -----
    Errors to first order, 1.0857 err / flux; those of the two colours share the middle filter.
    """
    if len(filters) < 2:
        none = np.full(len(flux), np.nan)
        return Colors(none, none, none, none, "Colour (mag): needs two filters", f"{filters[0]} (mag)")
    magnitude = mag_ab(flux)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(flux > 0, MAG_PER_FRACTION * err / flux, np.nan)
    first, second, last = filters[0], filters[1], filters[-1]
    x, x_err = magnitude[:, 0] - magnitude[:, 1], np.hypot(error[:, 0], error[:, 1])
    if len(filters) == 2:
        return Colors(
            x, magnitude[:, 1], x_err, error[:, 1], f"{first} $-$ {second} (mag)", f"{second} (mag)"
        )
    y, y_err = magnitude[:, 1] - magnitude[:, 2], np.hypot(error[:, 1], error[:, 2])
    return Colors(x, y, x_err, y_err, f"{first} $-$ {second} (mag)", f"{second} $-$ {last} (mag)")


@dataclass(frozen=True)
class Tracks:
    """Models in the plane of a `Colors`.

    Attributes
    ----------
    age_gyr, metallicity_zsun : 1-D float ndarray
    x, y : (n_age, n_metallicity) float ndarray, mag, or None
        y is None with two filters (models have no magnitude of their own), both with one.
    """

    age_gyr: np.ndarray
    metallicity_zsun: np.ndarray
    x: np.ndarray | None
    y: np.ndarray | None


def model_tracks(projected, filters):
    """`Tracks` of a `clusterphot.ssp.grid.ProjectedGrid` in one to three of its filters."""
    magnitude = mag_ab(projected.flux_njy[..., [projected.filters.index(name) for name in filters]])
    x, y = (magnitude[..., k] - magnitude[..., k + 1] if len(filters) > k + 1 else None for k in (0, 1))
    return Tracks(projected.age_gyr, projected.metallicity_zsun, x, y)


def age_norm(tracks):
    """Scale of the colours of ages: logarithmic, over the ages of the models."""
    return LogNorm(tracks.age_gyr[0], max(tracks.age_gyr[-1], 1.01 * tracks.age_gyr[0]))


def density_levels(density_at_points, fractions):
    """Densities above which these fractions of the points lie, increasing."""
    return sorted(set(np.quantile(density_at_points, [1 - fraction for fraction in fractions])))


def draw(photometry, clusters, projected, *, r_v, field, grid):
    """Figure of the rule plot_colors, from the files of its input."""
    models, fits = read_projected_grid(projected), read_table(clusters)
    members = at_field_redshift(fits)
    fits, fluxes = fits[members], read_table(photometry)[members]
    filters = choose_filters(models.filters, models.redshift)
    return plot_colors(
        measure_colors(*flux_arrays(fluxes, filters), filters),
        np.asarray(fits["age_gyr"]),
        np.asarray(fits["metallicity_zsun"]),
        model_tracks(models, filters),
        extinction=reddening(filters, EXTINCTION_AV, r_v),
        field=field,
        grid=grid,
    )


def reddening(filters, av, r_v):
    """Change (dx, dy) of the two colours by dust of this A_V (mag).

    Parameters
    ----------
    filters : sequence of str
        As for `measure_colors`.
    av, r_v : float
    """
    pivots = np.array([load_filter(name).wave_pivot for name in filters])
    dimmed = 10 ** (-0.4 * curve_extinction(pivots, av, r_v))
    flux = np.array([np.ones_like(dimmed), dimmed])
    moved = measure_colors(flux, np.zeros_like(flux), filters)
    return float(moved.x[1] - moved.x[0]), float(moved.y[1] - moved.y[0])


@in_style
def plot_colors(colors, age_gyr, metallicity_zsun, tracks, *, field, grid, extinction=None):
    """Figure of two colours against one another.

    Parameters
    ----------
    colors : `Colors`
    age_gyr, metallicity_zsun : (n,) float ndarray
        Best fit of each source.
    tracks : `Tracks`
        Models; their two axes set the colour scales.
    field, grid : str
    extinction : (dx, dy), optional
        Reddening by `EXTINCTION_AV`.

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    figure = new_figure(PAGE_WIDTH_IN, 3.65)
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    axes[0].set_ylabel(colors.y_label)
    for ax in axes:
        ax.set_xlabel(colors.x_label)
    _set_limits(axes[0], colors, tracks)
    z_map = ListedColormap(metallicity_colors(tracks.metallicity_zsun))
    z_norm = BoundaryNorm(np.arange(len(tracks.metallicity_zsun) + 1) - 0.5, z_map.N)
    rank = np.full(len(metallicity_zsun), np.nan)
    known = np.isfinite(metallicity_zsun)
    rank[known] = [np.argmin(np.abs(tracks.metallicity_zsun - value)) for value in metallicity_zsun[known]]
    scale = age_norm(tracks)
    by_age = _draw_points(axes[0], colors, age_gyr, AGE_MAP, scale)
    by_metallicity = _draw_points(axes[1], colors, rank, z_map, z_norm)
    _draw_tracks(axes, tracks)
    for ax in axes:
        _draw_usual_error(ax, colors)
        if extinction is not None:
            draw_reddening(ax, *extinction, EXTINCTION_AV)
    bar = figure.colorbar(by_age, ax=axes[0], pad=0.02, aspect=30, label="Best-fit age (Gyr)")
    plain_ticks(
        bar.ax.yaxis, [age for age in (*TICKED_AGES_GYR, 0.1, 0.01) if scale.vmin <= age <= scale.vmax]
    )
    bar = figure.colorbar(
        by_metallicity, ax=axes[1], pad=0.02, aspect=30, label=r"Best-fit metallicity ($Z_\odot$)"
    )
    bar.set_ticks(range(z_map.N), labels=[f"{value:g}" for value in tracks.metallicity_zsun])
    bar.ax.tick_params(length=0)
    _add_legend(figure, axes, tracks)
    label_figure(figure, field, grid, _count(axes[0], colors))
    return figure


def draw_error_bars(ax, colors):
    """Thin error bars of the colours shown; returns their x and y."""
    shown = colors.shown
    x, y = colors.x[shown], colors.y[shown]
    ax.errorbar(
        x,
        y,
        colors.y_err[shown],
        colors.x_err[shown],
        fmt="none",
        ecolor="#bbbbbb",
        elinewidth=0.35,
        alpha=0.6,
        zorder=1,
    )
    return x, y


def _draw_points(ax, colors, value, cmap, norm):
    """Points and contours of their density; returns what a colour bar needs."""
    shown = colors.shown
    x, y = colors.x[shown], colors.y[shown]
    _draw_density(ax, x, y)
    points = ax.scatter(x, y, s=13, c=value[shown], cmap=cmap, norm=norm, ec="white", lw=0.3, zorder=3)
    if not shown.any():
        say_empty(ax, height=0.05)  # below the tracks
    return points


def _draw_usual_error(ax, colors):
    """Median errors of the two colours as a cross in the upper left corner."""
    if not colors.shown.any():
        return
    width, height = (np.median(err[colors.shown]) for err in (colors.x_err, colors.y_err))
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y = x0 + 0.03 * (x1 - x0) + width, y1 - 0.03 * (y1 - y0) - np.copysign(height, y1 - y0)
    ax.errorbar(x, y, height, width, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5, zorder=5)


def draw_reddening(ax, dx, dy, av):
    """Arrow of the reddening by A_V (mag) in the lower right corner."""
    if not (np.isfinite(dx) and np.isfinite(dy)):
        return
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y = x1 - 0.06 * (x1 - x0) - dx, y0 + 0.1 * (y1 - y0)
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (x + dx, y + dy), (x, y), arrowprops=arrow, zorder=7)
    below = {"textcoords": "offset points", "fontsize": 7.5, "ha": "center", "va": "top", "zorder": 7}
    ax.annotate(f"$A_V = {av:g}$", (x + dx / 2, y), (0, -3), **below)


def _draw_density(ax, x, y):
    """Contours that enclose `DENSITY_FRACTIONS` of the points, where there are enough of them."""
    if len(x) < MIN_DENSITY_POINTS:
        return
    from scipy.stats import gaussian_kde

    try:
        kernel = gaussian_kde(np.array([x, y]))
    except np.linalg.LinAlgError:  # all points on one line
        return
    mesh = np.meshgrid(np.linspace(*ax.get_xlim(), 120), np.linspace(*ax.get_ylim(), 120))
    density = kernel(np.reshape(mesh, (2, -1))).reshape(mesh[0].shape)
    levels = density_levels(kernel(np.array([x, y])), DENSITY_FRACTIONS)
    ax.contour(*mesh, density, levels=levels, colors=FAINT, linewidths=0.8, zorder=2)


def _marked_ages(tracks):
    """Indices of the models nearest to `TICKED_AGES_GYR`, where they are within 10 %."""
    nearest = [int(np.argmin(np.abs(tracks.age_gyr - age))) for age in TICKED_AGES_GYR]
    good = np.isclose(tracks.age_gyr[nearest], TICKED_AGES_GYR, rtol=0.1)
    return sorted({k for k, near in zip(nearest, good, strict=True) if near})


def _draw_tracks(axes, tracks):
    """Line of each metallicity with its ages: metallicities named in the first panel, ages in the second."""
    if tracks.y is None:
        return
    marked = _marked_ages(tracks)
    for j, color in enumerate(metallicity_colors(tracks.metallicity_zsun)):
        x, y = tracks.x[:, j], tracks.y[:, j]
        for ax, line in zip(axes, ("#444444", color), strict=True):
            ax.plot(x, y, "-", color="white", lw=2.4, zorder=4)
            ax.plot(x, y, "-", color=line, lw=1.1, zorder=4.1)
        style = {"s": 15, "marker": "D", "ec": INK, "lw": 0.5, "zorder": 4.2}
        axes[0].scatter(x[marked], y[marked], c="white", **style)
        axes[1].scatter(x[marked], y[marked], color=color, **style)
    _name_metallicities(axes[0], tracks)
    for ax in axes if marked else ():
        _name_ages(ax, tracks, marked, int(np.argmax(tracks.y.mean(axis=0))))


def _write(ax, text, x, y, offset, **options):
    """Small text beside a point, ``offset`` in points of print, with a white halo."""
    words = ax.annotate(text, (x, y), offset, textcoords="offset points", fontsize=7, zorder=6, **options)
    words.set_path_effects([withStroke(linewidth=2, foreground="white")])


def _name_metallicities(ax, tracks):
    """Metallicity beside the old end of each track, moved up where two would collide."""
    to_points = ax.transData.transform
    free = []
    for j in np.argsort(tracks.y[-1]):
        x, y = to_points((tracks.x[-1, j], tracks.y[-1, j])) * 72 / ax.figure.dpi
        shift = -2.5
        while any(abs(x - other_x) < 30 and abs(y + shift - other_y) < 8 for other_x, other_y in free):
            shift += 1
        free.append((x, y + shift))
        text = f"{tracks.metallicity_zsun[j]:g} $Z_\\odot$"
        _write(ax, text, tracks.x[-1, j], tracks.y[-1, j], (6, shift))


def _name_ages(ax, tracks, marked, j):
    """Ages above the marks of one track: the first, the last, and those between that have room."""
    points = (
        ax.transData.transform(np.column_stack([tracks.x[marked, j], tracks.y[marked, j]]))
        * 72
        / ax.figure.dpi
    )
    free = []
    for i in [-1, *range(len(marked) - 1)]:
        if all(np.hypot(*(points[i] - other)) > 12 for other in free):
            free.append(points[i])
            text, place = f"{tracks.age_gyr[marked[i]]:g}", {"ha": "center"}
            if i == -1:
                text, place = f"{text} Gyr", {"ha": "left"}
            _write(ax, text, tracks.x[marked[i], j], tracks.y[marked[i], j], (0, 5), **place)


def _add_legend(figure, axes, tracks):
    """Meaning of points, contours and marks, below the panels."""
    handles = [
        Line2D([], [], ls="none", marker="o", ms=3.6, mfc=FAINT, mec="white", mew=0.3, label="clusters")
    ]
    if any(isinstance(item, ContourSet) for item in axes[0].collections):
        percent = ", ".join(f"{100 * fraction:g}" for fraction in DENSITY_FRACTIONS)
        handles.append(Line2D([], [], color=FAINT, lw=0.8, label=f"{percent} % of the clusters"))
    if tracks.y is not None:
        ages = ", ".join(f"{tracks.age_gyr[k]:g}" for k in _marked_ages(tracks))
        label = f"models at {ages} Gyr" if ages else "models"
        handles.append(
            Line2D([], [], color=INK, lw=1.1, marker="D", ms=3.4, mfc="white", mew=0.5, label=label)
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _set_limits(ax, colors, tracks):
    """Range that holds the tracks and all but the most scattered points; magnitudes grow downwards."""
    directions = ((colors.x, tracks.x, ax.set_xlim, 0.18), (colors.y, tracks.y, ax.set_ylim, 0.12))
    for points, models, setter, margin in directions:
        values = points[colors.shown]
        ends = [*np.quantile(values, [0.02, 0.98])] if len(values) else []
        if models is not None:
            ends += [np.min(models), np.max(models)]
        if not ends:
            continue
        room = max(margin * (max(ends) - min(ends)), 0.1)
        setter(min(ends) - room, max(ends) + room)
    if tracks.y is None:
        ax.invert_yaxis()


def _count(ax, colors):
    """How many sources are shown, left out, or beyond the axes, in words."""
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    inside = colors.shown & (colors.x >= x0) & (colors.x <= x1) & (colors.y >= y0) & (colors.y <= y1)
    words = [f"{inside.sum()} of {len(inside)} clusters"]
    if not colors.shown.all():
        words.append(f"{np.sum(~colors.shown)} without positive fluxes left out")
    if np.any(colors.shown & ~inside):
        words.append(f"{np.sum(colors.shown & ~inside)} beyond the axes")
    return ", ".join(words)
