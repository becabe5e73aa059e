"""Tiles of a field, and coarse maps of what was searched: bounded memory, jobs side by side, no seams.

The field is cut into boxes on a fixed grid; a job (tile t000, t001, ...) takes every n-th of them. What is found
depends on the boxes alone, never on the number of jobs.
"""

from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from clusterphot.base.products import open_fits, write_fits

CELL_PX = 16
"""Side of a cell of the coarse maps in pixels of the reference filter; boxes hold whole cells."""

LOST = ("edge", "saturated", "star", "glare")


@dataclass(frozen=True)
class CoarseMaps:
    """Maps of the field in cells of `CELL_PX` pixels.

    Attributes
    ----------
    noise : (ny, nx) float32 ndarray, nJy
        Median 1-sigma noise of the flux map of the reference filter; NaN where nothing was searched.
    light : (ny, nx) float32 ndarray, nJy/arcsec2
        Mean light without the point sources.
    searched : (ny, nx) float32 ndarray
        Share of the cell that was searched.
    lost : dict of str to (ny, nx) float32 ndarray
        Shares lost by reason.
    """

    noise: np.ndarray
    light: np.ndarray
    searched: np.ndarray
    lost: dict

    def at(self, name, x, y):
        """Values of a map at pixels (x, y) of the reference filter."""
        return getattr(self, name)[self.cells(x, y)]

    def cells(self, x, y):
        """Cells (row, column) that hold pixels (x, y) of the reference filter; the nearest for those outside."""
        return tuple(
            np.clip((np.asarray(value) + 0.5) // CELL_PX, 0, n - 1).astype(int)
            for value, n in zip((y, x), self.noise.shape, strict=True)
        )


def boxes_of(shape, tile_px, tile=0, n_tiles=1):
    """Boxes (y0, y1, x0, x1) of a job.

    Parameters
    ----------
    shape : (int, int)
        Of the reference mosaic [y, x].
    tile_px : int
        Side of a box, a multiple of `CELL_PX`.
    tile, n_tiles : int
        This job, and their number.

    Raises
    ------
    ValueError
        If a box does not hold whole cells.
    """
    if tile_px % CELL_PX:
        raise ValueError(f"tile_px = {tile_px}, expected a multiple of {CELL_PX}")
    boxes = [
        (y, min(y + tile_px, shape[0]), x, min(x + tile_px, shape[1]))
        for y in range(0, shape[0], tile_px)
        for x in range(0, shape[1], tile_px)
    ]
    return boxes[tile::n_tiles]


def coarse(box, noise, light, lost):
    """Maps of one box, as an array (7, ny, nx): noise, light, searched, and the lost shares."""
    usable = np.isfinite(noise)
    known = ~lost["edge"]
    share = [_block_mean(usable), *(_block_mean(lost[name]) for name in LOST)]
    area = np.maximum(_block_mean(known), 1e-6)
    planes = [_block_median(noise), _block_mean(np.where(known, light, 0.0)) / area, *share]
    return np.stack(planes).astype(np.float32)


def _blocks(image, fill):
    """Image as (rows, columns, CELL_PX**2), filled up to whole cells."""
    ny, nx = (-(-n // CELL_PX) for n in image.shape)
    padded = np.full((ny * CELL_PX, nx * CELL_PX), fill, dtype=np.float32)
    padded[: image.shape[0], : image.shape[1]] = image
    return padded.reshape(ny, CELL_PX, nx, CELL_PX).transpose(0, 2, 1, 3).reshape(ny, nx, -1)


def _block_mean(image):
    """Mean of cells; of those cut by the border, of what is inside."""
    total = _blocks(image, 0.0).sum(axis=2)
    return total / _blocks(np.ones(image.shape, dtype=np.float32), 0.0).sum(axis=2)


def _block_median(image):
    """Median of the finite pixels of cells, NaN where there is none."""
    blocks = np.sort(_blocks(image, np.nan), axis=2)
    count = np.isfinite(blocks).sum(axis=2)
    middle = np.take_along_axis(blocks, np.maximum(count - 1, 0)[:, :, None] // 2, axis=2)[:, :, 0]
    return np.where(count > 0, middle, np.nan)


def write_box_maps(path, shape, entries):
    """Write the coarse maps of the boxes of a job.

    Parameters
    ----------
    path : str
    shape : (int, int)
        Of the reference mosaic.
    entries : list of (box, array)
        From `coarse`.
    """
    header = fits.Header({"NY": shape[0], "NX": shape[1], "CELL": CELL_PX})
    hdus = [fits.PrimaryHDU(header=header)]
    for box, planes in entries:
        hdu = fits.ImageHDU(planes)
        hdu.header["BOXY"], hdu.header["BOXX"] = box[0], box[2]
        hdus.append(hdu)
    write_fits(path, hdus)


def join_box_maps(paths):
    """`CoarseMaps` of the field from the files of all jobs."""
    whole = None
    for path in paths:
        with open_fits(path) as hdus:
            if whole is None:
                ny, nx = (-(-hdus[0].header[key] // CELL_PX) for key in ("NY", "NX"))
                whole = np.full((3 + len(LOST), ny, nx), np.nan, dtype=np.float32)
            for hdu in hdus[1:]:
                row, column = hdu.header["BOXY"] // CELL_PX, hdu.header["BOXX"] // CELL_PX
                _, h, w = hdu.shape
                whole[:, row : row + h, column : column + w] = hdu.data
    return _from_planes(whole)


def _from_planes(planes):
    """`CoarseMaps` of an array of planes."""
    return CoarseMaps(planes[0], planes[1], planes[2], dict(zip(LOST, planes[3:], strict=True)))


def write_maps(path, maps, wcs):
    """Write `CoarseMaps` with the celestial coordinates of their cells.

    Parameters
    ----------
    path : str
    maps : `CoarseMaps`
    wcs : `astropy.wcs.WCS`
        Of the reference mosaic.
    """
    cells = wcs.celestial[::CELL_PX, ::CELL_PX].to_header(relax=True)
    named = {"NOISE": maps.noise, "LIGHT": maps.light, "SEARCHED": maps.searched}
    named |= {name.upper(): maps.lost[name] for name in LOST}
    units = {"NOISE": "nJy", "LIGHT": "nJy/arcsec2"}
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["CELL"] = (CELL_PX, "side in pixels of the reference filter")
    for name, image in named.items():
        hdu = fits.ImageHDU(image, cells, name=name)
        hdu.header["BUNIT"] = units.get(name, "")
        hdus.append(hdu)
    write_fits(path, hdus)


def read_maps(path):
    """Read `CoarseMaps` written by `write_maps`."""
    with open_fits(path) as hdus:
        planes = [np.asarray(hdu.data, dtype=np.float32) for hdu in hdus[1:]]
    return _from_planes(planes)
