"""Cutouts of listed sources from a mosaic, with the neighbours that must be fitted together with each.

Only the regions asked for are read, in the order of the mosaic's rows. Positions mosaic pixels, images
nJy/pixel.
"""

import logging

import numpy as np

from clusterphot.base.products import Cutouts
from clusterphot.config.photometry import PhotometrySection

logger = logging.getLogger(__name__)

FARTHEST_PX = 1e8
"""Positions beyond this are no places in an image: what a projection gives far from its centre."""

FAR_CUTOUTS = 10
"""Cutouts of sources without a place are put this many sides off the image, where no pixel is."""


def make_cutouts(
    mosaic, sources, *, cutout_size_arcsec=PhotometrySection.cutout_size_arcsec, neighbour_radius_arcsec=0.55
):
    """Square cutouts around the sources of one chunk.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    sources : list of dict
        One per source of the chunk: ``id``, ``ra``, ``dec`` (deg, ICRS) and ``neighbours``, a list of
        (id, ra, dec) of all other listed sources that may lie within the radius (more do no harm).
    cutout_size_arcsec : float
        Side of a cutout; it gets the odd number of pixels that covers at least this much.
    neighbour_radius_arcsec : float
        Listed sources within this distance of the target, or inside the cutout, are kept as neighbours.

    Returns
    -------
    cutouts : `clusterphot.base.products.Cutouts`
        In the order of ``sources``; neighbours ordered by distance, then id.

    Notes
    -----
    A source outside the image, or one that the projection cannot place, has a cutout without valid pixels.
    """
    size = cutout_pixels(cutout_size_arcsec, mosaic.pixel_scale_arcsec)
    half = size // 2
    x, y = _pixels(mosaic.wcs, [(source["ra"], source["dec"]) for source in sources])
    placed = np.isfinite(x) & np.isfinite(y) & (np.abs(x) < FARTHEST_PX) & (np.abs(y) < FARTHEST_PX)
    far = -FAR_CUTOUTS * size
    x0 = np.where(placed, np.rint(np.where(placed, x, far)), far).astype(np.int64) - half
    y0 = np.where(placed, np.rint(np.where(placed, y, far)), far).astype(np.int64) - half
    data = np.zeros((len(sources), size, size))
    ivar = np.zeros_like(data)
    for row in np.lexsort((x0, y0)):  # in the order of the file, so that each part is read once
        region = mosaic.region(y0[row], y0[row] + size, x0[row], x0[row] + size)
        usable = np.isfinite(region[0]) & np.isfinite(region[1]) & (region[1] > 0)
        data[row], ivar[row] = (np.where(usable, part, 0.0) for part in region)
    radius = neighbour_radius_arcsec / mosaic.pixel_scale_arcsec
    neighbours = [
        _neighbours(mosaic.wcs, source["neighbours"], (x[row], y[row]), (x0[row], y0[row], size), radius)
        if placed[row]
        else []
        for row, source in enumerate(sources)
    ]
    logger.info("%s: %d cutouts of %d px", mosaic.filter_name, len(sources), size)
    return Cutouts(
        ids=[source["id"] for source in sources],
        data=data,
        ivar=ivar,
        x0=x0,
        y0=y0,
        x=x,
        y=y,
        neighbours=neighbours,
        pixel_scale_arcsec=mosaic.pixel_scale_arcsec,
        filter_name=mosaic.filter_name,
        gain_e_per_njy=mosaic.gain_e_per_njy,
    )


def cutout_pixels(size_arcsec, pixel_scale_arcsec):
    """Odd number of pixels that covers ``size_arcsec`` (0.8 at 0.02 is 41, at 0.04 is 21)."""
    return 2 * int(np.ceil(round(0.5 * size_arcsec / pixel_scale_arcsec, 6))) + 1


def _pixels(wcs, positions):
    """Pixel coordinates of (ra, dec) pairs, one by one the same as together."""
    if not positions:
        return np.zeros(0), np.zeros(0)
    ra, dec = np.array(positions, dtype=float).T
    return wcs.world_to_pixel_values(ra, dec)


def _neighbours(wcs, candidates, target, box, radius_px):
    """Listed sources near a target as (id, x, y), nearest first."""
    x, y = _pixels(wcs, [(ra, dec) for _, ra, dec in candidates])
    x0, y0, size = box
    kept = []
    for (name, _, _), xn, yn in zip(candidates, x, y, strict=True):
        distance = float(np.hypot(xn - target[0], yn - target[1]))
        inside = -0.5 <= xn - x0 < size - 0.5 and -0.5 <= yn - y0 < size - 0.5
        if inside or distance <= radius_px:
            kept.append((distance, name, float(xn), float(yn)))
    return [(name, xn, yn) for _, name, xn, yn in sorted(kept)]
