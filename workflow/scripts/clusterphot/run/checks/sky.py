"""Do mosaics and source list show the same sky? Shifts between images, and between list and image.

Shifts are peaks of cross-correlations of compressed, high-pass filtered images (as in phase correlation,
Kuglin & Hines 1975, Proc. IEEE Conf. Cybernetics and Society, 163, but with clipped amplitudes). Arcsec.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from clusterphot.base.robust import STACK_SOFTENING, mad_sigma
from clusterphot.mosaics.celestial import sky_to_pixel

GRID_ARCSEC = 0.04
TILE_ARCSEC = 15.36
MAX_SHIFT_ARCSEC = 5.0
MIN_PEAK_SIGMA = 10.0
"""Height, over the scatter of the correlation, from which a peak is believed."""
TILE_LIMIT = 20.0
"""Signal to noise that pixels of tiles are clipped to: stars must not outvote everything else."""
STAMP_ARCSEC = 2.0
MIN_STACK_SIGMA = 5.0


@dataclass(frozen=True)
class Tile:
    """A piece of a mosaic on the common grid: high-pass signal to noise, clipped, 0 where there is no data.

    Attributes
    ----------
    image : (n, n) float ndarray
        Pixels of `GRID_ARCSEC`, north up, east to the left.
    covered : float
        Share of its pixels with data.
    """

    image: np.ndarray
    covered: float


def tile_box(info, center_deg, side_arcsec=TILE_ARCSEC):
    """Box of a mosaic that holds a square on the sky of any orientation.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    center_deg : (ra, dec)
    side_arcsec : float, optional

    Returns
    -------
    box : (y0, y1, x0, x1)
        May reach beyond the image.
    """
    x, y = sky_to_pixel(info.wcs, *[[value] for value in center_deg])
    half = 0.75 * side_arcsec / info.pixel_scale_arcsec
    return int(y[0] - half), int(y[0] + half) + 1, int(x[0] - half), int(x[0] + half) + 1


def make_tile(info, box, sci, weight, center_deg, side_arcsec=TILE_ARCSEC):
    """Bring a piece of a mosaic to the common grid around a position.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    box : (y0, y1, x0, x1)
        Where the pixels lie, clipped to the image.
    sci, weight : float ndarray
        Its pixels, unit of the file.
    center_deg : (ra, dec)
    side_arcsec : float, optional

    Returns
    -------
    tile : Tile or None
        None where less than a tenth of it has data.
    """
    n = int(round(side_arcsec / GRID_ARCSEC))
    good = np.isfinite(sci) & np.isfinite(weight) & (weight > 0)
    if not good.any():
        return None
    bin_px = max(1, int(round(GRID_ARCSEC / info.pixel_scale_arcsec)))
    sci, good = _binned(np.where(good, sci, np.median(sci[good])), bin_px), _binned(good, bin_px) > 0.5
    if not good.any():
        return None
    signal = np.clip(high_pass(sci, good, info.pixel_scale_arcsec * bin_px), -TILE_LIMIT, TILE_LIMIT)
    y, x = _grid_pixels(info, center_deg, n)
    coordinates = (np.array([y - box[0], x - box[2]]) + 0.5) / bin_px - 0.5
    image = ndimage.map_coordinates(signal, coordinates, order=1, cval=0.0)
    share = ndimage.map_coordinates(good.astype(float), coordinates, order=1, cval=0.0)
    image[share < 0.99] = 0.0
    covered = float(np.mean(share > 0.99))
    return Tile(image, covered) if covered > 0.1 else None


def _binned(image, n):
    """Means of squares of n x n pixels; rows and columns that are left over are dropped."""
    ny, nx = (size // n for size in image.shape)
    return image[: ny * n, : nx * n].reshape(ny, n, nx, n).mean(axis=(1, 3))


def high_pass(sci, good, pixel_scale_arcsec, *, core_arcsec=0.04, sky_arcsec=0.4):
    """Structure between two scales in units of its scatter; 0 without data."""
    filled = np.where(good, sci, np.median(sci[good]))
    smooth = ndimage.gaussian_filter(filled, core_arcsec / pixel_scale_arcsec)
    smooth -= ndimage.gaussian_filter(filled, sky_arcsec / pixel_scale_arcsec)
    inner = smooth[good]
    sigma = mad_sigma(inner)
    return np.where(good, smooth / (sigma if sigma > 0 else 1.0), 0.0)


def _grid_pixels(info, center_deg, n):
    """Mosaic pixels y, x of the common grid, interpolated between 9 x 9 positions computed exactly."""
    knots = np.linspace(0, n - 1, 9)
    east, north = ((n - 1) / 2 - knots) * GRID_ARCSEC, (knots - (n - 1) / 2) * GRID_ARCSEC
    east, north = np.meshgrid(east, north)
    dec = center_deg[1] + north / 3600.0
    ra = center_deg[0] + east / 3600.0 / np.cos(np.deg2rad(center_deg[1]))
    x, y = sky_to_pixel(info.wcs, ra.ravel(), dec.ravel())
    at = np.meshgrid(*[np.linspace(0, 8, n)] * 2, indexing="ij")
    return [ndimage.map_coordinates(v.reshape(9, 9), at, order=3, mode="nearest") for v in (y, x)]


def measure_shift(reference, tile):
    """Shift of what a tile shows from where the reference shows it.

    Parameters
    ----------
    reference, tile : Tile

    Returns
    -------
    east, north : float
        Arcsec.
    sigma : float
        Height of the peak over the scatter of the correlation; below `MIN_PEAK_SIGMA` it means nothing.
    """
    n = reference.image.shape[0]
    size = fft.next_fast_len(2 * n)
    spectra = [fft.rfft2(part.image - part.image.mean(), (size, size)) for part in (reference, tile)]
    correlation = fft.irfft2(np.conj(spectra[0]) * spectra[1], (size, size))
    reach = int(MAX_SHIFT_ARCSEC / GRID_ARCSEC)
    correlation = np.roll(correlation, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    correlation -= ndimage.gaussian_filter(correlation, 0.2 / GRID_ARCSEC)  # haloes correlate broadly
    dy, dx, sigma = _peak(correlation)
    return -(dx - reach) * GRID_ARCSEC, (dy - reach) * GRID_ARCSEC, sigma


def _peak(image):
    """Highest pixel of an image to a fraction of a pixel, and its height over the scatter (MAD)."""
    y, x = np.unravel_index(np.argmax(image), image.shape)
    middle = np.median(image)
    scatter = mad_sigma(image, centre=middle)
    height = float((image[y, x] - middle) / scatter) if scatter > 0 else 0.0
    return y + _vertex(image[:, x], y), x + _vertex(image[y], x), height


def _vertex(line, i):
    """Offset of the vertex of the parabola through three points around the highest one."""
    if not 0 < i < len(line) - 1:
        return 0.0
    low, mid, high = line[i - 1 : i + 2]
    bend = low - 2 * mid + high
    return 0.5 * (low - high) / bend if bend < 0 else 0.0


def stamp_boxes(info, x, y):
    """Boxes around positions (0-based pixels), odd sides, for `measure_list_shift`."""
    half = int(round(STAMP_ARCSEC / 2 / info.pixel_scale_arcsec))
    centre = np.rint(np.column_stack([y, x])).astype(int)
    return [(cy - half, cy + half + 1, cx - half, cx + half + 1) for cy, cx in centre]


def measure_list_shift(info, stamps):
    """Where the listed sources are on average, from a stack of the stamps around them.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    stamps : list of (sci, weight)
        Whole stamps of `stamp_boxes`; those cut by the edge or with gaps are left out.

    Returns
    -------
    shift_arcsec : float
        Distance of the peak of the stack from its middle.
    sigma : float
        Height of the peak over the scatter of the stack; below `MIN_STACK_SIGMA` it means nothing.
    n : int
        Stamps used.
    """
    side = 2 * int(round(STAMP_ARCSEC / 2 / info.pixel_scale_arcsec)) + 1
    used = []
    for sci, weight in stamps:
        good = np.isfinite(sci) & np.isfinite(weight) & (weight > 0)
        if sci.shape == (side, side) and good.mean() > 0.9:
            signal = high_pass(sci, good, info.pixel_scale_arcsec, sky_arcsec=0.25)
            # so that a bright source counts little more than a faint one, and still has one peak, no plateau
            used.append(np.arcsinh(signal / STACK_SOFTENING))
    if not used:
        return float("nan"), 0.0, 0
    margin = side // 8  # where the filters see the edge
    stack = np.mean(used, axis=0)[margin:-margin, margin:-margin]
    y, x, sigma = _peak(stack)
    middle = (stack.shape[0] - 1) / 2
    return float(np.hypot(x - middle, y - middle)) * info.pixel_scale_arcsec, sigma, len(used)
