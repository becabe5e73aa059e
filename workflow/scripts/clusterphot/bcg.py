"""Magnitude of the brightest cluster galaxy within a radius, from the mosaics.

Medians in elliptical rings, so that members, stars and clusters on the galaxy do not count. Fluxes nJy, surface
brightness nJy/arcsec2, angles degrees.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

PROFILE_STEP = 1.12
"""Ratio of the radii of neighbouring rings."""

FIRST_RADIUS_ARCSEC = 0.06
BIN_ARCSEC = 0.4
MEDIAN_BINS = 5
"""The galaxy is searched on a median-filtered image of such bins, in which stars vanish."""

SHAPE_RADIUS_FRACTION = 0.5
N_SHAPE_ITERATIONS = 12
SECTORS = 12
"""Sectors of a ring, whose scatter gives the error of its median."""


@dataclass(frozen=True)
class Ellipse:
    """Shape of a galaxy in the pixels of a mosaic.

    Attributes
    ----------
    x, y : float, px
    axis_ratio : float
    pa_deg : float
        Of the major axis, from x to y.
    """

    x: float
    y: float
    axis_ratio: float
    pa_deg: float


def find_bcg(image, pixel_scale_arcsec):
    """Pixel (x, y) of the brightest extended light of a mosaic.

    Parameters
    ----------
    image : (ny, nx) float ndarray, nJy/pixel
        NaN where bad.
    pixel_scale_arcsec : float

    Returns
    -------
    x, y : float

    Raises
    ------
    ValueError
        If the image is smaller than the filter.
    """
    step = max(round(BIN_ARCSEC / pixel_scale_arcsec), 1)
    ny, nx = (size // step for size in image.shape)
    if min(ny, nx) < MEDIAN_BINS:
        raise ValueError(f"an image of {image.shape} pixels, expected at least {MEDIAN_BINS * step} a side")
    blocks = np.nan_to_num(image[: ny * step, : nx * step]).reshape(ny, step, nx, step)
    coarse = np.median(blocks.transpose(0, 2, 1, 3).reshape(ny, nx, -1), axis=-1)
    smooth = ndimage.median_filter(coarse, size=MEDIAN_BINS, mode="constant")
    row, column = np.unravel_index(np.argmax(smooth), smooth.shape)
    return (column + 0.5) * step - 0.5, (row + 0.5) * step - 0.5


def fit_ellipse(image, x, y, radius_px):
    """Centre and shape of a galaxy by moments of its light within an ellipse, iterated.

    Parameters
    ----------
    image : (ny, nx) float ndarray
    x, y : float
        First guess, px.
    radius_px : float
        Semi-major axis of the aperture.

    Returns
    -------
    ellipse : `Ellipse`

    Notes
    -----
    Light is clipped at the median of its ring, so that neighbours do not pull; moments within an adaptive
    elliptical aperture are biased towards round (the axis ratio by 0.02-0.05), which moves the flux by under 1 %.
    """
    ellipse = Ellipse(x, y, 1.0, 0.0)
    for _ in range(N_SHAPE_ITERATIONS):
        rows, columns, values, a = _aperture(image, ellipse, radius_px)
        light = np.clip(values, 0.0, None)
        ring = np.minimum((a / radius_px * 20).astype(int), 19)
        limit = np.array([np.median(light[ring == k]) if np.any(ring == k) else 0.0 for k in range(20)])
        light = np.minimum(light, 1.5 * limit[ring]) * np.exp(-0.5 * (a / (0.5 * radius_px)) ** 2)
        if not light.sum() > 0:
            break
        dx, dy = columns - ellipse.x, rows - ellipse.y
        mx, my = np.average(dx, weights=light), np.average(dy, weights=light)
        xx, yy, xy = (np.average(p, weights=light) for p in (dx**2 - mx**2, dy**2 - my**2, dx * dy - mx * my))
        spread = np.hypot((xx - yy) / 2, xy)
        ratio = float(np.sqrt(max((xx + yy) / 2 - spread, 1e-9) / ((xx + yy) / 2 + spread)))
        angle = float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))
        ellipse = Ellipse(ellipse.x + float(mx), ellipse.y + float(my), float(np.clip(ratio, 0.2, 1.0)), angle)
    return ellipse


def _aperture(image, ellipse, radius_px):
    """Rows, columns, values and elliptical radii of the good pixels within an ellipse."""
    y0, y1 = max(int(ellipse.y - radius_px), 0), min(int(ellipse.y + radius_px) + 2, image.shape[0])
    x0, x1 = max(int(ellipse.x - radius_px), 0), min(int(ellipse.x + radius_px) + 2, image.shape[1])
    rows, columns = np.mgrid[y0:y1, x0:x1]
    values, a = image[y0:y1, x0:x1], elliptical_radius(columns, rows, ellipse)
    inside = (a <= radius_px) & np.isfinite(values)
    return rows[inside], columns[inside], values[inside], a[inside]


def elliptical_radius(columns, rows, ellipse):
    """Semi-major axis of the ellipse through each pixel, px."""
    angle = np.radians(ellipse.pa_deg)
    dx, dy = columns - ellipse.x, rows - ellipse.y
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = dy * np.cos(angle) - dx * np.sin(angle)
    return np.hypot(along, across / ellipse.axis_ratio)


def ring_flux(image, ellipse, radius_px, pixel_scale_arcsec):
    """Flux within an ellipse from the medians of its rings.

    Parameters
    ----------
    image : (ny, nx) float ndarray, nJy/pixel
    ellipse : `Ellipse`
    radius_px : float
        Semi-major axis.
    pixel_scale_arcsec : float

    Returns
    -------
    flux, err : float, nJy
        The error is from the scatter between sectors of each ring; it holds neighbours that fill more than half of a
        ring's sector, not the sky of the mosaic.
    covered : float
        Fraction of the ellipse with good pixels; rings count with their full area.
    """
    rows, columns, values, a = _aperture(image, ellipse, radius_px)
    first = FIRST_RADIUS_ARCSEC / pixel_scale_arcsec
    edges = np.concatenate([[0.0], np.geomspace(first, radius_px, max(int(np.log(radius_px / first) / np.log(PROFILE_STEP)), 1) + 1)])
    sector = ((np.arctan2(rows - ellipse.y, columns - ellipse.x) / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    which = np.clip(np.searchsorted(edges, a, side="left") - 1, 0, len(edges) - 2)
    flux, variance, last = 0.0, 0.0, 0.0
    for k in range(len(edges) - 1):
        inside = which == k
        area = np.pi * ellipse.axis_ratio * (edges[k + 1] ** 2 - edges[k] ** 2)
        if inside.any():
            last = float(np.median(values[inside])) if k > 2 else float(np.mean(values[inside]))
            parts = [np.median(values[inside & (sector == s)]) for s in range(SECTORS) if np.any(inside & (sector == s))]
            if len(parts) > 3:
                spread = 1.4826 * np.median(np.abs(parts - np.median(parts)))
                variance += (area * spread) ** 2 / len(parts)
        flux += last * area
    covered = len(values) / (np.pi * ellipse.axis_ratio * radius_px**2)
    return flux, float(np.sqrt(variance)), float(min(covered, 1.0))
