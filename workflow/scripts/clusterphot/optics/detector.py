"""Detector and drizzle as a PSF sees them: pixels of both channels, and what they and the pointing blur.

A drizzled PSF, averaged over random dithers, is the light of the optics convolved with the squares of the
detector pixel, of the drop that it shrinks to, and of the mosaic pixel (Fruchter & Hook 2002, PASP 114, 144,
sect. 7). Lengths in arcsec.
"""

import numpy as np
from scipy import fft

from clusterphot.base.detectors import DETECTORS

NATIVE_PIXEL_ARCSEC = {part: DETECTORS[f"NIRCam {part}"].pixel_arcsec for part in ("short", "long")}
"""Detector pixels of the two channels."""

MOSAIC_PIXEL_ARCSEC = {"short": 0.02, "long": 0.04}
"""Pixels of the mosaics of Faisst et al. 2022 and of the DAWN JWST Archive."""

PIXFRAC = 0.75
"""Drop size over detector pixel used for those mosaics."""

CHARGE_DIFFUSION_MAS = {"short": 6.2, "long": 18.0}
"""Sigma per axis of the diffusion of charge between pixels: defaults of STPSF 2, fitted to effective PSFs in orbit."""

GAUSSIAN_REACH = 8
"""Widths of padding, in sigma, so that a blur does not wrap around: 4 on either side."""


def drizzle_boxes(native_pixel_arcsec, pixel_scale_arcsec, pixfrac=PIXFRAC):
    """Sides (arcsec) of the three squares that blur a drizzled image: detector pixel, drop, mosaic pixel."""
    return [native_pixel_arcsec, pixfrac * native_pixel_arcsec, pixel_scale_arcsec]


def blurred(image, boxes, sigma):
    """Image convolved with squares and a Gaussian.

    Parameters
    ----------
    image : (n, n) float ndarray
    boxes : sequence of float
        Sides of the squares, samples.
    sigma : float
        Of the Gaussian per axis, samples.

    Returns
    -------
    blurred : (n, n) float ndarray
        Light that leaves the image is lost.
    """
    n = len(image)
    size = fft.next_fast_len(n + int(sum(boxes) + GAUSSIAN_REACH * sigma), real=True)
    # All are separable and known exactly in Fourier space: a Gaussian, and a sinc for each side.
    response = np.exp(-2.0 * (np.pi * sigma * fft.fftfreq(size)) ** 2)
    for width in boxes:
        response = response * np.sinc(width * fft.fftfreq(size))
    spectrum = fft.rfft2(image, (size, size)) * response[:, None] * response[: size // 2 + 1]
    return fft.irfft2(spectrum, (size, size))[:n, :n]


def coupled(image, pixel, coupling):
    """Image as capacitance between neighbouring pixels shows it: a sum of copies one pixel apart.

    Parameters
    ----------
    image : (n, n) float ndarray
        Light integrated over pixels, on finer samples.
    pixel : int
        Samples per detector pixel.
    coupling : float
        Share of a pixel's signal that each of four neighbours shows: 0.0065 in the constant approximation that STPSF
        made of NIRCam, 0.007-0.015 modelled for such arrays (Donlon et al. 2018, PASP 130, 074503).
    """
    seen = (1.0 - 4.0 * coupling) * image
    for axis in (0, 1):
        into, out = np.moveaxis(seen, axis, 0), np.moveaxis(image, axis, 0)
        into[pixel:] += coupling * out[:-pixel]
        into[:-pixel] += coupling * out[pixel:]
    return seen
