"""Bands of Gaussian point sources for the tests of the search: pixels of 0.02 arcsec, unit noise, known PSF."""

import numpy as np
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic, Noise, Psf
from clusterphot.detect import backgrounds, kernels, planes
from clusterphot.detect.finder import FinderOptions

SCALE = 0.02
SIGMA_PX = 1.5
OPTIONS = FinderOptions(combined=("F150W", "F200W"))
WHITE = Noise(np.pad(np.ones((1, 1)), 2), 1.0)


def gaussian(size, x, y, sigma=SIGMA_PX):
    """Unit Gaussian on (size, size) pixels."""
    axis = np.arange(size)
    return np.exp(-0.5 * ((axis - x) ** 2 + (axis[:, None] - y) ** 2) / sigma**2) / (2 * np.pi * sigma**2)


def make_psf(name="F200W", sigma=SIGMA_PX, half=24):
    size = 2 * half + 1
    data = gaussian(size, half, half, sigma)
    return Psf(data / data.sum(), SCALE, name, fwhm_arcsec=2.3548 * sigma * SCALE)


def make_band(image, *, name="F200W", ivar=1.0, offset=(0.0, 0.0), background="quadratic", psf=None):
    """A band with unit pixel noise stated, unless ``ivar`` is given as an array."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    wcs.wcs.crval, wcs.wcs.crpix = [110.0, -73.0], [100.0, 100.0]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    weights = np.full(image.shape, ivar) if np.ndim(ivar) == 0 else ivar
    mosaic = Mosaic(image, weights, wcs, SCALE, name)
    order = backgrounds.SKY_ORDER[background]
    psf = make_psf(name) if psf is None else psf
    own = kernels.make_kernels(psf, WHITE, sky_order=order)
    return planes.SearchBand(mosaic, psf, own, WHITE, offset, 1.0, background)
