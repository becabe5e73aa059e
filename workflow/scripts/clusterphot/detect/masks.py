"""Where a field cannot be searched: borders, saturated cores, wings of stars, galaxies' cores; the light behind.

Masks are on the pixels of the reference region; surface brightness nJy/arcsec2.
"""

import numpy as np
from scipy import ndimage

HOLE_MIN_PX = 4
"""Groups of at least so many bad pixels are the holes of saturated stars, or defects as large."""

LIGHT_ARCSEC = 0.2
"""Side of the box over which the light of galaxies is averaged."""


def hole_mask(bad, radius_px):
    """Surroundings of groups of bad pixels, grown by the radius of the flux filter."""
    labels, count = ndimage.label(bad, structure=np.ones((3, 3)))
    if not count:
        return np.zeros_like(bad)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    holes = (sizes >= HOLE_MIN_PX)[labels]
    if not holes.any():
        return holes
    return ndimage.distance_transform_edt(~holes) <= radius_px


def missing_fraction(bad, radius_px):
    """Share of bad pixels in a box of the filter's size around each pixel."""
    return ndimage.uniform_filter(bad.astype(np.float32), 2 * int(radius_px) + 1, mode="constant", cval=1.0)


def surface_brightness(residual, pixel_scale_arcsec):
    """Light without the point sources, averaged over a small box, nJy/arcsec2."""
    width = max(int(round(LIGHT_ARCSEC / pixel_scale_arcsec)), 1)
    return ndimage.uniform_filter(residual, width) / np.float32(pixel_scale_arcsec**2)


def searchable(plane, light, options, wings):
    """Where the reference plane cannot be searched, by reason.

    Parameters
    ----------
    plane : `clusterphot.detect.planes.Plane`
    light : (ny, nx) ndarray
        From `surface_brightness`.
    options : `clusterphot.detect.selection.SelectionOptions`
    wings : (ny, nx) bool ndarray
        From `clusterphot.detect.star_wings`.

    Returns
    -------
    masks : dict of str to (ny, nx) bool ndarray
        ``edge``, ``saturated``, ``star``, ``glare``: true where lost; each pixel counts for the first that applies.
    """
    radius = plane.band.kernels.radius
    edge = missing_fraction(plane.bad, radius) > options.max_missing
    saturated = hole_mask(plane.bad & ~edge, radius) & ~edge
    star = wings & ~edge & ~saturated
    glare = (light > options.max_surface_brightness) & ~edge & ~saturated & ~star
    return {"edge": edge, "saturated": saturated, "star": star, "glare": glare}


def at_pixels(image, x, y):
    """Values at the nearest pixels."""
    iy = np.clip(np.rint(y).astype(int), 0, image.shape[0] - 1)
    ix = np.clip(np.rint(x).astype(int), 0, image.shape[1] - 1)
    return image[iy, ix]
