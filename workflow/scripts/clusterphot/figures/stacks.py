"""Stack and model of a field in all filters on one intensity scale, and the residual in units of its error.

After figure 3 of Faisst et al. (2022, ApJL 941, L11). Images nJy/arcsec2, so that pixel sizes do not matter.
"""

import types

import numpy as np
from matplotlib.colors import AsinhNorm

from clusterphot.figures.style import (
    INK,
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
    plain_ticks,
    say_empty,
)
from clusterphot.stack.build import read_stack

ROWS = ("Stack", "Model", "Residual / error")
RESIDUAL_SIGMA = 4.0
"""Ends of the colours of residuals."""

RESIDUAL_COLORS = types.MappingProxyType({"vmin": -RESIDUAL_SIGMA, "vmax": RESIDUAL_SIGMA, "cmap": "RdBu_r"})

RULER_ARCSEC = 0.2
SOFTENING = 0.04
"""Intensity, in units of the brightest pixel, below which the scale is nearly linear."""


def draw(stacks, *, field):
    """Figure of the rule plot_stacks, from the files of its input."""
    return plot_stacks([read_stack(path) for path in stacks], field=field)


@in_style
def plot_stacks(stacks, *, field):
    """Figure of the stacks of all filters.

    Parameters
    ----------
    stacks : sequence of `clusterphot.stack.build.Stack`
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`

    Notes
    -----
    Stacks and models share one asinh scale. The sky that is fitted with the source is left in both.
    """
    n = len(stacks)
    figure = new_figure(PAGE_WIDTH_IN, min(0.6 + 3.0 * PAGE_WIDTH_IN / max(n + 0.7, 3.7), 7.5))
    axes = figure.subplots(3, n, squeeze=False, gridspec_kw={"wspace": 0.03, "hspace": 0.03})
    label_field(figure, field)
    norm = _common_norm(stacks)
    image = None
    for ax, label in zip(axes[:, 0], ROWS, strict=True):
        ax.set_ylabel(label)
    rest = None
    for column, stack in zip(axes.T, stacks, strict=True):
        area = stack.pixel_scale_arcsec**2
        good = stack.ivar > 0
        data = np.where(good, stack.data, np.nan)
        pictures = (
            (data / area, {"norm": norm, "cmap": "magma"}),
            (stack.model / area, {"norm": norm, "cmap": "magma"}),
            ((data - stack.model) * np.sqrt(np.where(good, stack.ivar, 0)), RESIDUAL_COLORS),
        )
        for ax, (picture, colors) in zip(column, pictures, strict=True):
            ax.set(xticks=[], yticks=[])
            if not np.isfinite(picture).any():
                ax.set_box_aspect(1)
                say_empty(ax)
                continue
            half = 0.5 * stack.pixel_scale_arcsec * picture.shape[0]
            drawn = ax.imshow(
                picture, origin="lower", extent=(-half, half, -half, half), interpolation="nearest", **colors
            )
            image, rest = (image, drawn) if ax is column[2] else (drawn, rest)
        column[0].set_title(stack.filter_name, color=INK, pad=3)
        column[2].set_xlabel(_describe(stack.row), fontsize=7, color=INK, labelpad=3)
    if image is not None:
        _draw_ruler(axes[0, 0])
        bar = figure.colorbar(image, ax=axes[:2], pad=0.01, aspect=24, fraction=0.03)
        bar.set_label(r"Intensity (nJy arcsec$^{-2}$)")
        bar.ax.tick_params(which="both", direction="out")
        decades = 10.0 ** np.arange(np.floor(np.log10(SOFTENING * norm.vmax)), np.log10(norm.vmax))
        plain_ticks(
            bar.ax.yaxis, [0.0, *(t for d in decades for t in (d, 3 * d) if SOFTENING < t / norm.vmax < 1)]
        )
    if rest is not None:
        bar = figure.colorbar(rest, ax=axes[2], pad=0.01, aspect=12, fraction=0.03)
        bar.set_label(r"$\sigma$")
        bar.ax.tick_params(which="both", direction="out")
    return figure


def _describe(row):
    """Flux, chi-square over degrees of freedom, and number of sources, in lines."""
    lines = []
    if np.isfinite(row["flux"]):
        lines.append(f"{row['flux']:.2f} $\\pm$ {row['flux_err']:.2f} nJy")
        if row["dof"] > 0:
            lines.append(f"$\\chi^2$/d.o.f. = {row['chi2'] / row['dof']:.2f}")
    return "\n".join([*lines, f"{row['n_sources']} sources"])


def _common_norm(stacks):
    """Asinh scale from the darkest to the brightest pixel of all filters."""
    images = [
        stack.data[(stack.ivar > 0) & np.isfinite(stack.data)] / stack.pixel_scale_arcsec**2
        for stack in stacks
    ]
    values = np.concatenate(images) if images else np.zeros(0)
    top = float(values.max()) if len(values) and values.max() > 0 else 1.0
    low = float(np.percentile(values, 0.5)) if len(values) else -0.1
    return AsinhNorm(linear_width=SOFTENING * top, vmin=min(low, -0.01 * top), vmax=top)


def _draw_ruler(ax):
    """Scale bar in the lower left corner."""
    left, right = ax.get_xlim()
    x = left + 0.08 * (right - left)
    ax.plot([x, x + RULER_ARCSEC], [x, x], color="white", lw=1.2, solid_capstyle="butt")
    ax.text(
        x + RULER_ARCSEC / 2,
        x + 0.03 * (right - left),
        f'{RULER_ARCSEC:g}"',
        color="white",
        ha="center",
        va="bottom",
        fontsize=7,
    )
