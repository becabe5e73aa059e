"""Colour composite of a field with its sources and the footprints of its filters.

After figure 1 of Faisst et al. (2022, ApJL 941, L11); composite as in Lupton et al. (2004, PASP 116, 133).
Images nJy/arcsec2, positions degrees (ICRS) and pixels (0-based), magnitudes AB.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from scipy.ndimage import binary_fill_holes, map_coordinates

from clusterphot.base.cosmology import kpc_per_arcsec as scale_kpc_per_arcsec
from clusterphot.base.files import own_file
from clusterphot.base.robust import MAD_TO_SIGMA
from clusterphot.base.tables import read_table
from clusterphot.figures.style import (
    PAGE_WIDTH_IN,
    in_style,
    label_field,
    new_figure,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

MAX_SIDE_PX = 1200


ROWS_AT_ONCE_PX = 256


MARGIN_ARCSEC = 3.0
"""Around sources."""


BRIGHT_SIGMA = 20.0


WHOLE_FRAME = 0.99
"""Share of the figure above which a footprint is the frame itself and is not drawn."""


RULERS_ARCSEC = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)


SOURCE_COLOR, FOOTPRINT_COLOR = "#ffe08a", "#7fd4ff"


@dataclass(frozen=True)
class SmallMosaic:
    """Mosaic averaged over square blocks.

    Attributes
    ----------
    image : (ny, nx) float ndarray, nJy/arcsec2
        NaN where no pixel of a block is valid.
    factor : int
        Side of a block in mosaic pixels.
    wcs : `astropy.wcs.WCS`
        Of the mosaic itself.
    pixel_scale_arcsec : float
        Of the mosaic itself.
    filter_name : str
    corner : (int, int)
        x and y of the first mosaic pixel of ``image``.
    """

    image: np.ndarray
    factor: int
    wcs: "WCS"
    pixel_scale_arcsec: float
    filter_name: str
    corner: tuple = (0, 0)

    def place(self, ra, dec):
        """Position (x, y) on ``image`` of sky coordinates in degrees."""
        x, y = self.wcs.world_to_pixel_values(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float))
        return tuple(
            (value - first + 0.5) / self.factor - 0.5
            for value, first in zip((x, y), self.corner, strict=True)
        )

    def sky(self, x, y):
        """Sky coordinates in degrees of positions on ``image``."""
        centre = 0.5 * (self.factor - 1)
        return self.wcs.pixel_to_world_values(
            *(self.factor * value + centre + first for value, first in zip((x, y), self.corner, strict=True))
        )


def read_small(path, *, max_side_px=MAX_SIDE_PX, around=None):
    """Read a mosaic by strips, averaged over blocks so that its longer side has at most ``max_side_px``.

    Parameters
    ----------
    path : str
        Mosaic written by this workflow; pixels that must not be used hold 0 in SCI.
    max_side_px : int
    around : (ra, dec), optional
        Positions (deg) that are wanted; of the mosaic the box around them is read, with `MARGIN_ARCSEC` beyond.

    Returns
    -------
    small : SmallMosaic
        Rows and columns that do not fill a block at the upper and right edges are left out.

    Notes
    -----
    The file is read, not mapped: one strip of `ROWS_AT_ONCE_PX` rows is in memory at a time.
    """
    from astropy.wcs import WCS

    with own_file(path), fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
        hdu = hdus["SCI"]
        header = hdu.header
        wcs = WCS(header)
        x0, y0, x1, y1 = _box(wcs, header["PIXSCALE"], hdu.shape, around)
        ny, nx = y1 - y0, x1 - x0
        factor = max(-(-max(ny, nx) // max_side_px), 1)
        rows, columns = ny // factor, nx // factor
        total, count = np.zeros((rows, columns)), np.zeros((rows, columns))
        step = max(ROWS_AT_ONCE_PX // factor, 1)
        for first in range(0, rows, step):
            last = min(first + step, rows)
            strip = hdu.section[y0 + first * factor : y0 + last * factor, x0 : x0 + columns * factor]
            blocks = strip.astype(np.float32).reshape(last - first, factor, columns, factor)
            total[first:last] = blocks.sum(axis=(1, 3), dtype=float)
            count[first:last] = (blocks != 0).sum(axis=(1, 3))
    scale = header["PIXSCALE"]
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return SmallMosaic(mean / scale**2, factor, wcs, scale, header["FILTER"], (x0, y0))


def _box(wcs, pixel_scale_arcsec, shape, around):
    """First and beyond-the-last x and y of the pixels around some positions; of all where none is inside."""
    ny, nx = shape
    if around is None:
        return 0, 0, nx, ny
    x, y = wcs.world_to_pixel_values(
        *(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) for values in around)
    )
    inside = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
    if not inside.any():
        return 0, 0, nx, ny
    margin = MARGIN_ARCSEC / pixel_scale_arcsec
    low = [max(int(values[inside].min() - margin), 0) for values in (x, y)]
    high = [
        min(int(np.ceil(values[inside].max() + margin)) + 1, n)
        for values, n in zip((x, y), (nx, ny), strict=True)
    ]
    return (*low, *high)


def on_grid(small, target):
    """Image of one mosaic on the pixels of another, by bilinear interpolation; NaN outside."""
    if small is target:
        return small.image
    y, x = np.mgrid[: target.image.shape[0], : target.image.shape[1]]
    there = small.place(*target.sky(x.ravel(), y.ravel()))
    known = np.isfinite(small.image)
    inside = np.all(
        [np.abs(2 * v - n + 1) <= n for v, n in zip(there, known.shape[::-1], strict=True)], axis=0
    )
    values, weight = (
        map_coordinates(image, there[::-1], order=1, mode="nearest").reshape(x.shape)
        for image in (np.where(known, small.image, 0.0), known.astype(float))
    )
    return np.where(inside.reshape(x.shape) & (weight > 0.5), values / np.maximum(weight, 0.5), np.nan)


def composite(red, green, blue):
    """Colour image (ny, nx, 3) of three images in nJy/arcsec2 on one grid.

    Notes
    -----
    Each image is cleared of its median and scaled so that all three have the same light in what stands out of
    the sky: white is the mean colour of the field. One stretch, set by the scatter of the sky, serves all
    three.
    """
    from astropy.visualization import make_lupton_rgb

    planes = [np.nan_to_num(image - np.nanmedian(image)) for image in (red, green, blue)]
    scatter = robust_sky(planes[1][np.isfinite(green)])
    bright = planes[1] > BRIGHT_SIGMA * scatter
    if scatter > 0 and bright.any():
        light = [float(plane[bright].sum()) for plane in planes]
        planes = [
            plane * light[1] / part if part > 0.05 * light[1] else plane
            for plane, part in zip(planes, light, strict=True)
        ]
    mean = sum(planes) / 3
    scatter = robust_sky(mean[np.isfinite(green)])
    if not scatter > 0:
        return np.zeros((*green.shape, 3), dtype=np.uint8)
    image = make_lupton_rgb(*planes, minimum=-scatter, stretch=12 * scatter, Q=9)
    image[np.all([np.isnan(plane) for plane in (red, green, blue)], axis=0)] = 0
    return image


def robust_sky(values):
    """Scatter of the fainter half of some pixels about their median: that of the sky."""
    if len(values) == 0:
        return 0.0
    middle = np.median(values)
    return float(MAD_TO_SIGMA * np.median(middle - values[values <= middle]))


def draw(mosaics, photometry, *, reference_filter, redshift, cosmology, field):
    """Figure of the rule plot_overview, from the files of its input."""
    return plot_overview(
        {small.filter_name: small for small in map(read_small, mosaics)},
        read_table(photometry),
        kpc_per_arcsec=scale_kpc_per_arcsec(redshift, **cosmology),
        reference_filter=reference_filter,
        field=field,
    )


@in_style
def plot_overview(mosaics, table, *, kpc_per_arcsec, reference_filter, field):
    """Figure of the field: colour composite, sources, footprints, scale and orientation.

    Parameters
    ----------
    mosaics : dict of str to SmallMosaic
        In the order of wavelength. First, middle (the reference filter where it is neither first nor last)
        and last are drawn blue, green and red; footprints of all.
    table : `astropy.table.Table`
        Sources: ra, dec, flags.
    kpc_per_arcsec : float
    reference_filter : str
        The figure is drawn on its pixels.
    field : str

    Returns
    -------
    figure : `matplotlib.figure.Figure`
    """
    names = list(mosaics)
    inner = names[1:-1] or names[:1]
    green = reference_filter if reference_filter in inner else inner[len(inner) // 2]
    target = mosaics[reference_filter]
    chosen = (names[-1], green, names[0])
    images = [on_grid(mosaics[name], target) for name in chosen]
    ny, nx = target.image.shape
    figure = new_figure(PAGE_WIDTH_IN, min(0.3 + PAGE_WIDTH_IN * ny / nx, 8.8))
    label_field(
        figure,
        f"{field}: "
        + ", ".join(f"{word} {name}" for word, name in zip(("red", "green", "blue"), chosen, strict=True))
        + "; dashed: a flag in photometry",
    )
    ax = figure.subplots()
    ax.imshow(composite(*images), origin="lower", interpolation="antialiased")
    ax.set(xticks=[], yticks=[], xlim=(-0.5, nx - 0.5), ylim=(-0.5, ny - 0.5))
    _draw_footprints(ax, mosaics, target)
    x, y = target.place(table["ra"], table["dec"])
    radius = 0.006 * max(nx, ny)
    clean = np.asarray(table["flags"]) == 0 if "flags" in table.colnames else np.ones(len(table), bool)
    size = (2 * radius / max(nx, ny) * 72 * PAGE_WIDTH_IN) ** 2
    ax.scatter(x[clean], y[clean], s=size, facecolor="none", edgecolor=SOURCE_COLOR, lw=0.6)
    ax.scatter(
        x[~clean], y[~clean], s=size, facecolor="none", edgecolor=SOURCE_COLOR, lw=0.6, ls=(0, (2, 1.5))
    )
    _draw_scale(ax, target, kpc_per_arcsec)
    _draw_compass(ax, target)
    return figure


def _draw_footprints(ax, mosaics, target):
    """Outline of the valid area of each filter, once where several agree."""
    drawn = []
    for small in mosaics.values():
        inside = binary_fill_holes(np.isfinite(on_grid(small, target)))
        if any(np.mean(inside != other) < 0.01 for other in drawn) or not inside.any():
            continue
        drawn.append(inside)
        if inside.mean() > WHOLE_FRAME:
            continue
        ax.contour(inside.astype(float), [0.5], colors=FOOTPRINT_COLOR, linewidths=0.8)
        row, column = np.argwhere(inside)[-1]
        ax.annotate(
            small.filter_name, (column, row), (-3, -3), textcoords="offset points",
            ha="right", va="top", color=FOOTPRINT_COLOR, fontsize=7,
        )  # fmt: skip


def _draw_scale(ax, target, kpc_per_arcsec):
    """Bar with its length in arcsec and kpc, lower left."""
    ny, nx = target.image.shape
    pixel = target.factor * target.pixel_scale_arcsec
    fits_in = [length for length in RULERS_ARCSEC if length / pixel <= 0.22 * nx]
    length = fits_in[-1] if fits_in else RULERS_ARCSEC[0]
    left, low = 0.04 * nx, 0.05 * ny
    ax.plot([left, left + length / pixel], [low, low], color="white", lw=1.6, solid_capstyle="butt")
    text = f'{length:g}" = {length * kpc_per_arcsec:.3g} kpc'
    ax.text(left, low + 0.012 * ny, text, color="white", ha="left", va="bottom", fontsize=8)


def _draw_compass(ax, target):
    """Arrows to north and east, lower right, from the WCS."""
    ny, nx = target.image.shape
    x0, y0 = 0.93 * nx, 0.06 * ny
    ra, dec = target.sky(np.array([x0]), np.array([y0]))
    step = target.factor * target.pixel_scale_arcsec * 5 / 3600
    size = 0.06 * max(nx, ny)
    for name, (dra, ddec) in {"N": (0.0, step), "E": (step / np.cos(np.radians(dec[0])), 0.0)}.items():
        x, y = target.place(ra + dra, dec + ddec)
        along = np.array([x[0] - x0, y[0] - y0])
        along *= size / np.hypot(*along)
        arrow = {
            "arrowstyle": "-|>",
            "color": "white",
            "lw": 1.0,
            "shrinkA": 0,
            "shrinkB": 0,
            "mutation_scale": 7,
        }
        ax.annotate("", (x0 + along[0], y0 + along[1]), (x0, y0), arrowprops=arrow)
        ax.text(
            x0 + 1.22 * along[0],
            y0 + 1.22 * along[1],
            name,
            color="white",
            ha="center",
            va="center",
            fontsize=8,
        )
