"""Regions of the mosaics of all bands around one box of the reference filter, ready to be filtered.

Positions inside a region are those of the reference filter less the region's first pixel; each band knows the
affine map from there to its own pixels. nJy/pixel.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from clusterphot.base.products import Mosaic, Noise, Psf
from clusterphot.config.detection import BandKeys
from clusterphot.detect.backgrounds import background
from clusterphot.detect.kernels import Kernels, tapered
from clusterphot.measure.rendering import PsfRenderer

FILL_SIGMA_PX, FILL_REACH_PX, FILL_MIN_WEIGHT = 1.2, 3, 1.0
"""Gaussian weights of the good pixels that replace a bad one, and the least sum of weights: around a lone bad pixel
it is 8, and a hole is filled about two pixels deep. Chosen."""

FAINT_STAMP_ARCSEC = 0.7
FULL_STAMP_SIGMA = 300.0
"""Sources below this many sigma are subtracted on stamps of this side, brighter ones on the whole PSF: of the others
what lies outside is below the noise of a pixel."""

STAMPS_AT_ONCE = 256
"""Stamps rendered together, for memory; without influence on results."""

MIN_ROTATION = 1e-7
"""Elements of the matrix between two bands that are smaller are taken as zero, being rounding: mosaics on one grid."""

NO_ROTATION_PX = 1e-3
"""Rotations that move no pixel of a region by more are left out when an image is interpolated, which then goes axis
by axis."""

MAP_MARGIN_PX = 2
"""Pixels around the corners of a region in another band, for interpolation."""

MAS_PER_ARCSEC = 1000.0


@dataclass(frozen=True)
class SearchBand:
    """One filter of a field as detection needs it.

    Attributes
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
        Sources are drawn, and subtracted, with that of their place.
    kernels : `Kernels`
        Of the PSF in the middle: what a filter sees of another one is put right when the source is subtracted.
    noise : `clusterphot.base.products.Noise`
    offset : (float, float)
        Added to positions expected from the WCS, pixels of this band.
    relative_flux : float
        Flux of a typical star cluster over that in the reference filter.
    background : str
        Method of `clusterphot.detect.backgrounds`.
    """

    mosaic: Mosaic
    psf: Psf
    kernels: Kernels
    noise: Noise
    offset: tuple
    relative_flux: float
    background: str = BandKeys.background

    @property
    def name(self):
        """Name of the filter."""
        return self.mosaic.filter_name

    @property
    def moment_unit_mas2(self):
        """Second moment (mas2) per unit of a shape coefficient over the flux, which holds half of it in px2."""
        return 2.0 * (self.mosaic.pixel_scale_arcsec * MAS_PER_ARCSEC) ** 2

    @functools.cached_property
    def terms(self):
        """Terms (k, n, n) of the PSF as they are drawn."""
        terms = self.psf.terms
        if len(terms) == 1:
            return self.kernels.psf[None]
        return np.array([tapered(term, self.mosaic.pixel_scale_arcsec) for term in terms])

    @functools.cached_property
    def drawer(self):
        """`ModelDrawer` of the band's PSF."""
        return ModelDrawer(self, self.terms)


@dataclass
class Plane:
    """Region of one band.

    Attributes
    ----------
    band : `SearchBand`
    sci : (ny, nx) float32 ndarray
        Bad pixels hold 0; they are filled in `residual`.
    bad : (ny, nx) bool ndarray
    sigma : (ny, nx) float32 ndarray
        Expected 1-sigma noise of the flux map, from weights and photons of the light.
    model : (ny, nx) float32 ndarray
        Light of the sources found so far.
    matrix, shift
        Position in the plane = matrix @ (x, y) + shift, of a position (x, y) in the reference region.
    origin : (int, int)
        Pixel (x, y) of the mosaic that is pixel [0, 0] here.
    filler : `Filler`
    """

    band: SearchBand
    sci: np.ndarray
    bad: np.ndarray
    sigma: np.ndarray
    model: np.ndarray
    matrix: np.ndarray
    shift: np.ndarray
    origin: tuple
    filler: "Filler"

    def position(self, x, y):
        """Position in this plane of positions in the reference region."""
        return (
            self.matrix[0, 0] * x + self.matrix[0, 1] * y + self.shift[0],
            self.matrix[1, 0] * x + self.matrix[1, 1] * y + self.shift[1],
        )

    def residual(self):
        """Image less model, bad pixels filled from their neighbours; (ny, nx) float32."""
        image = self.sci - self.model
        self.filler.fill(image)
        return image

    def subtract_background(self):
        """Subtract smooth light, for the methods whose filter is not blind to it."""
        if self.band.background != "quadratic":
            scale = self.band.mosaic.pixel_scale_arcsec
            self.sci = self.sci - background(
                self.residual(), self.filler.missing, self.band.background, scale
            )

    def to_reference(self, image, shape, *, order=3):
        """An image of this plane interpolated onto the pixels of the reference region."""
        unit = np.array_equal(self.matrix, np.eye(2)) and not self.shift.any()
        if unit and image.shape == shape:
            return image
        swapped = self.matrix[::-1, ::-1]  # [y, x]
        off_diagonal = abs(swapped[0, 1]) + abs(swapped[1, 0])
        matrix = np.diag(swapped) if off_diagonal * max(shape) < NO_ROTATION_PX else swapped
        return ndimage.affine_transform(
            image,
            matrix,
            self.shift[::-1],
            output_shape=shape,
            order=order,
            mode="nearest",
            output=np.float32,
        )


class Filler:
    """Replaces bad pixels: from the good ones within a few pixels, else by the nearest good one.

    Parameters
    ----------
    bad : (ny, nx) bool ndarray

    Attributes
    ----------
    missing : (ny, nx) bool ndarray
        Bad pixels without good ones close by: nothing can be measured there.
    """

    def __init__(self, bad):
        # bad pixels with good ones close by, and the weights of these
        profile = np.exp(-0.5 * (np.arange(-FILL_REACH_PX, FILL_REACH_PX + 1) / FILL_SIGMA_PX) ** 2)
        near = (~bad).astype(np.float32)
        for axis in (0, 1):
            near = ndimage.correlate1d(near, profile, axis=axis, mode="constant")
        self.missing = bad & (near <= FILL_MIN_WEIGHT)
        rows, columns = np.nonzero(bad & ~self.missing)
        dy, dx = (
            part.ravel()
            for part in np.mgrid[-FILL_REACH_PX : FILL_REACH_PX + 1, -FILL_REACH_PX : FILL_REACH_PX + 1]
        )
        near_y = np.clip(rows[:, None] + dy, 0, bad.shape[0] - 1)
        near_x = np.clip(columns[:, None] + dx, 0, bad.shape[1] - 1)
        weight = np.exp(-0.5 * (dx**2 + dy**2) / FILL_SIGMA_PX**2) * ~bad[near_y, near_x]
        self.rows, self.columns = rows, columns
        self._near = (near_y, near_x)
        self._weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
        # the others, and the nearest good pixel of each
        self._far, self._nearest = np.nonzero(self.missing), None
        if len(self._far[0]) and not bad.all():
            nearest = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
            self._nearest = (nearest[0][self._far], nearest[1][self._far])

    def fill(self, image):
        """Fill an image in place."""
        if len(self.rows):
            image[self.rows, self.columns] = (image[self._near] * self._weight).sum(axis=1)
        if len(self._far[0]):
            image[self._far] = 0.0 if self._nearest is None else image[self._nearest]


def load_planes(bands, reference, box, margin):
    """Regions of all bands around a box of the reference mosaic.

    Parameters
    ----------
    bands : list of `SearchBand`
    reference : int
        Index of the reference filter.
    box : (y0, y1, x0, x1)
        Pixels of the reference mosaic, half open.
    margin : int
        Pixels added on all sides, inside the mosaic or not.

    Returns
    -------
    planes : list of `Plane`
    """
    y0, y1, x0, x1 = box[0] - margin, box[1] + margin, box[2] - margin, box[3] + margin
    return [_load_plane(band, bands[reference], (y0, y1, x0, x1)) for band in bands]


def _load_plane(band, reference, region):
    """One `Plane`."""
    y0, y1, x0, x1 = region
    if band is reference:
        matrix, shift, corner = np.eye(2), np.zeros(2), (y0, y1, x0, x1)
    else:
        matrix, shift, corner = _affine(band, reference.mosaic, region)
    # expected noise of the flux map: that of the weights and that of the photons of the light in the filter's disc
    sci, ivar = band.mosaic.region(*corner)
    bad = ~(np.isfinite(sci) & np.isfinite(ivar) & (ivar > 0))
    sci[bad] = 0.0
    variance = np.where(bad, np.inf, 1.0 / np.where(bad, 1.0, ivar * band.noise.ivar_scale))
    typical = np.median(variance[~bad]) if not bad.all() else 1.0
    variance[bad] = typical
    if band.mosaic.gain_e_per_njy is not None:
        smooth = ndimage.uniform_filter(sci, 2 * band.kernels.radius + 1)
        growth = band.noise.photon_growth(ivar, band.mosaic.gain_e_per_njy)
        variance *= 1.0 + growth * np.clip(smooth, 0.0, None)
    sigma = np.sqrt(variance * band.kernels.flux_variance).astype(np.float32)
    sci = sci.astype(np.float32)
    origin, filler = (int(corner[2]), int(corner[0])), Filler(bad)
    return Plane(band, sci, bad, sigma, np.zeros_like(sci), matrix, shift, origin, filler)


def _affine(band, reference, region):
    """Affine map from a region of the reference mosaic to a band, and the region (y0, y1, x0, x1) there."""
    y0, y1, x0, x1 = region
    x = np.array([x0, x1, x0, x1, 0.5 * (x0 + x1)], dtype=float)
    y = np.array([y0, y0, y1, y1, 0.5 * (y0 + y1)], dtype=float)
    # the corners and the middle through both WCS: over a box the map between two tangent planes is affine
    sky = reference.wcs.celestial.all_pix2world(x, y, 0)
    there = np.stack(band.mosaic.wcs.celestial.all_world2pix(*sky, 0)) + np.array(band.offset)[:, None]
    terms = np.stack([x - x0, y - y0, np.ones_like(x)], axis=1)
    solution = np.linalg.lstsq(terms, there.T, rcond=None)[0]
    matrix, shift = solution[:2].T, solution[2]
    matrix = np.where(np.abs(matrix) < MIN_ROTATION, 0.0, matrix)
    low, high = (
        np.floor(there.min(axis=1)).astype(int) - MAP_MARGIN_PX,
        np.ceil(there.max(axis=1)).astype(int) + MAP_MARGIN_PX + 1,
    )
    return matrix, shift - low, (low[1], high[1], low[0], high[0])


class ModelDrawer:
    """Draws point sources into the model of a plane: small stamps for faint, whole PSFs for bright ones.

    Parameters
    ----------
    band : `SearchBand`
    terms : (k, n, n) float ndarray
        What is drawn: those of the band's PSF, or images made of each of them.
    """

    def __init__(self, band, terms):
        full = terms.shape[-1]
        small = 2 * int(round(0.5 * FAINT_STAMP_ARCSEC / band.mosaic.pixel_scale_arcsec)) + 1
        self._psf = band.psf
        self._sizes = (min(small, full), full)
        self._renderers = tuple(PsfRenderer(terms, size) for size in self._sizes)

    def add(self, plane, x, y, flux):
        """Add sources at positions (x, y) of the plane's own pixels with fluxes in nJy."""
        sigma = float(np.median(plane.sigma))
        bright = np.abs(flux) > FULL_STAMP_SIGMA * sigma
        for chosen, renderer, size in zip((~bright, bright), self._renderers, self._sizes, strict=True):
            rows = np.flatnonzero(chosen & (flux != 0))
            for first in range(0, len(rows), STAMPS_AT_ONCE):
                part = rows[first : first + STAMPS_AT_ONCE]
                weights = self._psf.weights(x[part] + plane.origin[0], y[part] + plane.origin[1])
                cores = renderer.cores(weights)
                self._add(plane.model, renderer, size, x[part], y[part], flux[part], cores)

    @staticmethod
    def _add(image, renderer, size, x, y, flux, cores):
        """Add a block of sources."""
        half = size // 2
        ix, iy = np.rint(x).astype(int), np.rint(y).astype(int)
        stamps = renderer.render(half + x - ix, half + y - iy, cores)
        ny, nx = image.shape
        for k in range(len(x)):
            xa, xb, ya, yb = ix[k] - half, ix[k] + half + 1, iy[k] - half, iy[k] + half + 1
            ca, cb, ra, rb = max(xa, 0), min(xb, nx), max(ya, 0), min(yb, ny)
            if ca < cb and ra < rb:
                image[ra:rb, ca:cb] += (flux[k] * stamps[k][ra - ya : rb - ya, ca - xa : cb - xa]).astype(
                    np.float32
                )
