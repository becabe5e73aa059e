"""Stack, model and residual of a field in all filters on one intensity scale.

After figure 3 of Faisst et al. (2022, ApJL 941, L11). Images nJy/arcsec2, so that pixel sizes do not matter.
"""

import matplotlib
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

ROWS = ("Stack", "Model", "Residual")
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
    All panels share one asinh scale. The sky that is fitted with the source is left in stack and model.
    """
    n = len(stacks)
    figure = new_figure(PAGE_WIDTH_IN, min(0.6 + 3.0 * PAGE_WIDTH_IN / max(n + 0.7, 3.7), 7.5))
    axes = figure.subplots(3, n, squeeze=False, gridspec_kw={"wspace": 0.03, "hspace": 0.03})
    label_field(figure, field)
    norm = _common_norm(stacks)
    cmap = matplotlib.colormaps["magma"]
    image = None
    for ax, label in zip(axes[:, 0], ROWS, strict=True):
        ax.set_ylabel(label)
    for column, stack in zip(axes.T, stacks, strict=True):
        for ax, data in zip(column, _images(stack), strict=True):
            ax.set(xticks=[], yticks=[])
            if not np.isfinite(data).any():
                ax.set_box_aspect(1)
                say_empty(ax)
                continue
            half = 0.5 * stack.pixel_scale_arcsec * data.shape[0]
            image = ax.imshow(
                data,
                origin="lower",
                extent=(-half, half, -half, half),
                norm=norm,
                cmap=cmap,
                interpolation="nearest",
            )
        row = stack.row
        column[0].set_title(stack.filter_name, color=INK, pad=3)
        flux = f"{row['flux']:.2f} $\\pm$ {row['flux_err']:.2f} nJy\n" if np.isfinite(row["flux"]) else ""
        text = flux + f"{row['n_sources']} sources"
        column[2].set_xlabel(text, fontsize=7, color=INK, labelpad=3)
    if image is not None:
        _draw_ruler(axes[0, 0])
        bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=35, fraction=0.03)
        bar.set_label(r"Intensity (nJy arcsec$^{-2}$)")
        bar.ax.tick_params(which="both", direction="out")
        decades = 10.0 ** np.arange(np.floor(np.log10(SOFTENING * norm.vmax)), np.log10(norm.vmax))
        plain_ticks(
            bar.ax.yaxis, [0.0, *(t for d in decades for t in (d, 3 * d) if SOFTENING < t / norm.vmax < 1)]
        )
    return figure


def _images(stack):
    """Stack, model and residual in nJy/arcsec2."""
    area = stack.pixel_scale_arcsec**2
    data = np.where(stack.ivar > 0, stack.data, np.nan)
    return data / area, stack.model / area, (data - stack.model) / area


def _common_norm(stacks):
    """Asinh scale from the darkest residual to the brightest pixel of all filters."""
    images = [image[np.isfinite(image)] for stack in stacks for image in _images(stack)]
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
