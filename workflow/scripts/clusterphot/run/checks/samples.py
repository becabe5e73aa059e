"""A look at some pixels of a mosaic: boxes anywhere in plain and tile-compressed files, the first rows of gzipped ones.

Layouts as in `clusterphot.mosaics.fits_rows` (Pence et al. 2010, A&A 524, A42). Images come back in the unit of the
file, float64; boxes are (y0, y1, x0, x1), 0-based, ends excluded.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.fits_headers import is_gzip
from clusterphot.mosaics.convert import PixelCounts, convert_block
from clusterphot.mosaics.fits_rows import Rows, open_pixels

GZIP_BYTES = 32 << 20
"""Bytes (of float32 pixels) that are read of a gzip file, unless all of it is asked for."""
N_ROWS = 48
SMALL_PIXELS = 1 << 22
"""Images of no more pixels are looked at in every row."""


@dataclass(frozen=True)
class Seen:
    """Pixels of a mosaic that were looked at.

    Attributes
    ----------
    boxes : list of (sci, weight) or None
        Pixels of the boxes asked for, as wide as they are inside the image; None where out of reach.
    points : (2, n) float ndarray
        Image and weight at the points asked for, NaN where out of reach.
    point_seen : (n,) bool ndarray
    rows : (sci, weight)
        Whole rows, spread over the image (or the first ones of a gzip file).
    counts : PixelCounts
        Of these rows, or of the whole image in a deep look.
    complete : bool
        Whether every pixel that was asked for could be reached.
    n_rows : int
        Number of rows behind the counts.
    """

    boxes: list
    points: np.ndarray
    point_seen: np.ndarray
    rows: tuple
    counts: PixelCounts
    complete: bool
    n_rows: int


def look(info, boxes=(), points=None, *, deep=False):
    """Look at some pixels of image and weight.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    boxes : sequence of (y0, y1, x0, x1)
    points : (n, 2) int ndarray, optional
        Pixels y, x inside the image.
    deep : bool, optional
        Read every pixel, and gzip files to their end.

    Returns
    -------
    seen : Seen

    Raises
    ------
    DataError
        If what is read turns out truncated or damaged.
    """
    points = np.zeros((0, 2), int) if points is None else np.asarray(points, int)
    boxes = [clip_box(box, info.shape) for box in boxes]
    packed = is_gzip(info.sci.path) or is_gzip(info.weight.path)
    return (_stream if packed or deep else _pick)(info, boxes, points, deep)


def clip_box(box, shape):
    """The part of a box inside an image; may be empty."""
    y0, y1, x0, x1 = box
    y0, x0 = min(max(y0, 0), shape[0]), min(max(x0, 0), shape[1])
    return y0, max(y0, min(y1, shape[0])), x0, max(x0, min(x1, shape[1]))


def spread_rows(ny, n_rows=N_ROWS):
    """Numbers of rows spread evenly over an image, its outermost ones left out."""
    return np.unique(((np.arange(n_rows) + 0.5) * ny / n_rows).astype(int))


def _pick(info, boxes, points, deep):
    """Look at plain and tile-compressed files: only the pages or tiles that are asked for are read."""
    planes = [open_pixels(hdu) for hdu in (info.sci, info.weight)]
    ny, nx = info.shape
    chosen = np.arange(ny) if ny * nx <= SMALL_PIXELS else spread_rows(ny)
    try:
        rows, counts = _usable(info, *(plane.rows(chosen) for plane in planes))
        return Seen(
            boxes=[_usable(info, *(plane.box(*b) for plane in planes))[0] for b in boxes],
            points=np.array([plane.points(points[:, 0], points[:, 1]) for plane in planes]),
            point_seen=np.ones(len(points), bool),
            rows=rows,
            counts=counts,
            complete=True,
            n_rows=len(chosen),
        )
    finally:
        for plane in planes:
            plane.close()


def _stream(info, boxes, points, deep):
    """Look at files from their first row on, as far as is allowed."""
    ny, nx = info.shape
    last = ny if deep else min(ny, max(1, GZIP_BYTES // (4 * nx)))
    step = min(256, last)
    found = [tuple(np.zeros((b[1] - b[0], b[3] - b[2])) for _ in range(2)) for b in boxes]
    values, counts = np.full((2, len(points)), np.nan), PixelCounts()
    kept, chosen = [], set(spread_rows(last).tolist())
    with Rows(info.sci) as sci_rows, Rows(info.weight) as weight_rows:
        for y0 in range(0, last, step):
            n_rows = min(step, last - y0)
            block, seen = _usable(info, sci_rows.read(n_rows), weight_rows.read(n_rows))
            counts += seen
            kept += [tuple(plane[y - y0] for plane in block) for y in range(y0, y0 + n_rows) if y in chosen]
            for box, parts in zip(boxes, found, strict=True):
                ya, yb = max(box[0], y0), min(box[1], y0 + n_rows)
                if ya < yb:
                    for part, plane in zip(parts, block, strict=True):
                        part[ya - box[0] : yb - box[0]] = plane[ya - y0 : yb - y0, box[2] : box[3]]
            here = (points[:, 0] >= y0) & (points[:, 0] < y0 + n_rows)
            for row, plane in zip(values, block, strict=True):
                row[here] = plane[points[here, 0] - y0, points[here, 1]]
        if last == ny:
            sci_rows.finish()
            weight_rows.finish()
    return Seen(
        boxes=[parts if box[1] <= last else None for box, parts in zip(boxes, found, strict=True)],
        points=values,
        point_seen=points[:, 0] < last,
        rows=tuple(np.array([pair[i] for pair in kept]) for i in range(2)),
        counts=counts,
        complete=last == ny,
        n_rows=last,
    )


def _usable(info, sci, weight):
    """Pixels and weights as a run takes them, and their `PixelCounts`."""
    block = convert_block(info, sci, weight, info.unit_factor_njy)
    return (block.sci, block.weight), block.counts
