"""Images of star clusters behind a PSF, exactly by Fourier transforms, and PSFs of other widths.

Profiles are those of `clusterphot.optics.extended`. Radii arcsec, frequencies 1/arcsec, images per unit flux.
"""

import numpy as np

from clusterphot.base.images import crop
from clusterphot.optics.extended import HALF_LIGHT_OVER_SIGMA

FWHM_OVER_SIGMA = 2.0 * HALF_LIGHT_OVER_SIGMA

MIN_FWHM_FACTOR = 0.6
"""A PSF is not made narrower than this share of its width: noise in it would grow without bound."""


# ---- broadening ------------------------------------------------------------------------------------------


def broadening_variance(fwhm_arcsec, fraction):
    """Variance (arcsec^2 per axis) of the Gaussian that changes a PSF's width by a fraction.

    Parameters
    ----------
    fwhm_arcsec : float
    fraction : float ndarray
        Change of the FWHM, widths added in quadrature; negative for a narrower PSF, whose "Gaussian" has a
        negative variance. Below `MIN_FWHM_FACTOR` - 1 it is held there.
    """
    factor = np.maximum(1.0 + np.asarray(fraction, dtype=float), MIN_FWHM_FACTOR)
    return (fwhm_arcsec / FWHM_OVER_SIGMA) ** 2 * (factor**2 - 1.0)


def gaussian_transfer(frequency, variance_arcsec2):
    """Fourier transform of the Gaussian of a variance per axis, or of what undoes one.

    Parameters
    ----------
    frequency : float ndarray, 1/arcsec
    variance_arcsec2 : float ndarray
        Broadcast against ``frequency``; negative values sharpen.

    Notes
    -----
    Negative variances: the first four terms of 1 / G = sum of (1 - G)^j with G that of |variance| (Van Cittert's
    deconvolution). It changes second moments by exactly this variance and is at most 4, while 1 / G would amplify
    noise and wiggles of the PSF at high frequencies without bound. A Gaussian PSF that should get narrower
    by 5, 10, 15 and 20 % does so by 5, 9, 11 and 13 %.
    """
    gauss = np.exp(-2.0 * (np.pi * np.asarray(frequency)) ** 2 * np.abs(variance_arcsec2))
    rest = 1.0 - gauss
    return np.where(np.asarray(variance_arcsec2) >= 0, gauss, 1.0 + rest * (1.0 + rest * (1.0 + rest)))


# ---- images ----------------------------------------------------------------------------------------------


class PsfSpectrum:
    """Spectrum of a PSF on the frequencies of a padded square, from which images of any source are made.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
        Pixel integration is part of it, being on the pixels of the mosaic.
    reach_px : int
        Images are exact out to this distance from the middle; light beyond twice as far is left out.

    Attributes
    ----------
    frequency : (n, n // 2 + 1) float ndarray, 1/arcsec
    otf : complex ndarray of the same shape
        1 at frequency 0 times the light of the stamp that is kept.
    light : float
        Share of a point source's total light in the stamp that is kept.

    Notes
    -----
    A PSF sampled finer than its Nyquist frequency times the transform of a profile is the exact image of an
    extended source on the same pixels, with no oversampling. NIRCam's mosaics of 20 and 40 mas are
    sampled so, except for a few per cent of the transfer function of F090W and bluer.
    """

    def __init__(self, psf, reach_px):
        half = min(psf.data.shape[0] // 2, 2 * int(reach_px))
        stamp = crop(psf.data, half) * psf.ee_stamp
        self.size = 2 * (2 * int(reach_px) + 1)
        self.pixel_scale_arcsec = psf.pixel_scale_arcsec
        self.light = float(stamp.sum())
        grid = np.zeros((self.size, self.size))
        grid[: 2 * half + 1, : 2 * half + 1] = stamp
        self.otf = np.fft.rfft2(np.roll(grid, (-half, -half), axis=(0, 1)))
        self._fy, self._fx = np.fft.fftfreq(self.size), np.fft.rfftfreq(self.size)
        self.frequency = np.hypot(self._fy[:, None], self._fx) / psf.pixel_scale_arcsec
        twice = np.full(len(self._fx), 2.0)
        twice[0] = twice[-1] = 1.0
        self._weight = np.broadcast_to(twice, self.otf.shape) / self.size**2

    def gaussian(self, variance_arcsec2):
        """Transfer of a Gaussian of this variance per axis (negative sharpens), (..., n, n // 2 + 1)."""
        return gaussian_transfer(self.frequency, np.asarray(variance_arcsec2, dtype=float)[..., None, None])

    def waves(self, maps):
        """Spectra by which the inner product of pixel maps with an image is a sum over frequencies.

        Parameters
        ----------
        maps : (k, m, m) float ndarray, odd m
            Weights of the pixels about the middle one.

        Returns
        -------
        waves : (k, n * (n // 2 + 1)) complex ndarray
            ``(waves * spectrum).sum().real`` is the product with the image of that spectrum.
        """
        k, m, _ = maps.shape
        grid = np.zeros((k, self.size, self.size))
        grid[:, :m, :m] = maps
        spectra = np.fft.rfft2(np.roll(grid, (-(m // 2), -(m // 2)), axis=(1, 2)))
        return (spectra.conj() * self._weight).reshape(k, -1)

    def images(self, spectra, size_px, dx=0.0, dy=0.0):
        """Images of spectra about the middle pixel, moved by fractions of a pixel.

        Parameters
        ----------
        spectra : (n, n // 2 + 1) or (k, n, n // 2 + 1) ndarray
        size_px : int
            Odd side of the images.
        dx, dy : float or (k,) float ndarray

        Returns
        -------
        images : (k, m, m) float ndarray
        """
        dx, dy = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (dx, dy))
        turn_y = np.exp(-2j * np.pi * self._fy * dy[:, None])[:, :, None]
        turn_x = np.exp(-2j * np.pi * self._fx * dx[:, None])[:, None, :]
        grid = np.fft.irfft2(spectra * turn_y * turn_x, (self.size, self.size))
        half = size_px // 2
        return np.roll(grid, (half, half), axis=(1, 2))[:, :size_px, :size_px]

    def gradient(self, spectrum):
        """Spectra of the derivatives of an image by the source's x and y, per pixel of shift."""
        return (-2j * np.pi * self._fx) * spectrum, (-2j * np.pi * self._fy)[:, None] * spectrum
