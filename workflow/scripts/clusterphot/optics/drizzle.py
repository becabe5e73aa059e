"""PSF of a drizzled mosaic, averaged over pixel phases, from that of the detector's pixels.

Drop (a square that turns with the detector) and mosaic pixel are convolved and the image is rotated in Fourier space,
exactly for samples that hold the optics' cut-off. Lengths in arcsec, mas or pixels of the mosaic, as named.
"""

import numpy as np
from scipy import fft

from clusterphot.base.images import crop
from clusterphot.optics.detector import GAUSSIAN_REACH, PIXFRAC
from clusterphot.optics.psf import OVERSAMPLING, OversampledPsf


def on_mosaic(samples, psf, pixel_scale_arcsec, *, oversampling=OVERSAMPLING, **drizzling):
    """PSF of a drizzled mosaic, averaged over pixel phases.

    Parameters
    ----------
    samples : (n, n) float ndarray
        PSF on the detector's samples, such as ``psf.at(u, v)``.
    psf : `clusterphot.optics.field.FieldPsf`
        Whose ``samples`` they are.
    pixel_scale_arcsec : float
    oversampling : int, optional
        Samples per mosaic pixel.
    **drizzling
        ``pixfrac``, ``angle_deg`` and ``pointing_error_mas`` of `mosaic_samples`.

    Returns
    -------
    psf : `clusterphot.optics.psf.OversampledPsf`
        As wide as the samples. Its sum is that of the samples less what a rotation leaves outside, in the corners
        (below 1e-3 of the light).
    """
    data = mosaic_samples(samples, psf, pixel_scale_arcsec, oversampling=oversampling, **drizzling)
    return OversampledPsf(data, pixel_scale_arcsec / oversampling, pixel_scale_arcsec, psf.filter_name)


def stamps_on_mosaic(psf, weights, pixel_scale_arcsec, size_px, *, oversampling, **drizzling):
    """PSFs of a drizzled mosaic at several places, for a grid.

    Parameters
    ----------
    psf : `clusterphot.optics.field.FieldPsf`
    weights : (m, k) float ndarray
        Of the terms, from ``psf.weights(u, v)``; those of several exposures averaged where they overlap.
    pixel_scale_arcsec : float
    size_px : int
        Width of the stamps, mosaic pixels.
    oversampling : int
    **drizzling
        As of `on_mosaic`.

    Returns
    -------
    stamps : (m, n, n) float ndarray, n = 2 (oversampling size_px // 2) + 1
        Of a source of unit flux: shares of its light in a mosaic pixel centred on each sample.
    """
    half = oversampling * size_px // 2
    # The detector's samples as far as corners of the stamp and squares reach.
    reach = size_px * pixel_scale_arcsec / np.sqrt(2.0) + 2.0 * (pixel_scale_arcsec + psf.native_pixel_arcsec)
    wide = min(int(np.ceil(reach / psf.sample_arcsec)), len(psf.mean) // 2)
    mean, *terms = (
        mosaic_samples(image, psf, pixel_scale_arcsec, oversampling=oversampling, half=half, **drizzling)
        for image in (crop(psf.mean, wide), *psf.terms)
    )
    stamps = (
        mean + np.tensordot(weights, np.array(terms), axes=1) if terms else np.array([mean] * len(weights))
    )
    return stamps * oversampling**2


def mosaic_samples(
    samples,
    psf,
    pixel_scale_arcsec,
    *,
    oversampling=OVERSAMPLING,
    half=None,
    pixfrac=PIXFRAC,
    angle_deg=0.0,
    pointing_error_mas=0.0,
):
    """Image on a drizzled mosaic, averaged over pixel phases, of one on the detector's samples: linear in it.

    Parameters
    ----------
    samples : (n, n) float ndarray, odd n
    psf : `clusterphot.optics.field.FieldPsf`
        Whose samples and detector pixels they are.
    pixel_scale_arcsec : float
    oversampling : int, optional
        Samples wanted per mosaic pixel.
    half : int, optional
        Samples wanted on either side of the middle; by default as far as those given.
    pixfrac : float, optional
        Side of the drop over the detector pixel.
    angle_deg : float, optional
        Of the detector's x axis from the mosaic's x axis, towards its y axis.
    pointing_error_mas : float, optional
        Sigma per axis of errors between exposures.

    Returns
    -------
    image : (2 half + 1, 2 half + 1) float ndarray
        Light per sample; 0 beyond the given samples.

    Notes
    -----
    Drop, pixel and errors are known in Fourier space; the Fourier series of the image is summed at the rotated places
    by a convolution with a chirp (Cox & Tong 1997, IEEE Trans. Signal Process. 45, 1340).
    """
    n, fine = len(samples), psf.sample_arcsec
    drop, pixel = pixfrac * psf.native_pixel_arcsec / fine, pixel_scale_arcsec / fine
    sigma, ratio = pointing_error_mas * 1e-3 / fine, pixel / oversampling
    half = int(n // 2 / ratio) if half is None else half
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    size = _odd_fast_len(n + int(np.ceil(drop + 2 * pixel + GAUSSIAN_REACH * sigma)))
    kx, ky = fft.fftfreq(size), fft.fftfreq(size)[:, None]
    response = np.sinc(drop * kx) * np.sinc(drop * ky)
    response = response * np.sinc(pixel * (kx * cos - ky * sin)) * np.sinc(pixel * (kx * sin + ky * cos))
    response *= np.exp(-2.0 * (np.pi * sigma) ** 2 * (kx**2 + ky**2))
    around_zero = np.zeros((size, size))
    around_zero[:n, :n] = samples
    around_zero = np.roll(around_zero, -(n // 2), axis=(0, 1))
    spectrum = fft.fftshift(fft.fft2(around_zero) * response)
    image = _series_on_rotated_grid(spectrum, ratio * cos, ratio * sin, half)
    # The series repeats beyond the samples, where there is no light.
    x, y = np.arange(-half, half + 1) * ratio, np.arange(-half, half + 1)[:, None] * ratio
    inside = (np.abs(x * cos + y * sin) <= n / 2) & (np.abs(y * cos - x * sin) <= n / 2)
    return image * inside * ratio**2


def _odd_fast_len(n):
    """Smallest odd length from ``n`` on of which Fourier transforms are fast."""
    return next(size for size in range(n | 1, 2 * n + 3, 2) if fft.next_fast_len(size) == size)


def _series_on_rotated_grid(spectrum, cos, sin, half):
    """Fourier series summed at places (cos X + sin Y, cos Y - sin X), X and Y whole numbers from -half to half.

    Parameters
    ----------
    spectrum : (n, n) complex ndarray, odd n
        Frequency 0 in the middle.
    cos, sin : float
        Of the rotation, times the distance of places in samples.

    Returns
    -------
    image : (2 half + 1, 2 half + 1) float ndarray

    Notes
    -----
    With P = p - X and Q = q + Y, the phase cos (p X + q Y) + sin (p Y - q X) is f(p, q) - f(P, Q) + f(X, -Y), where
    f(a, b) = cos (a^2 - b^2) / 2 - sin a b: a convolution with exp(-i f).
    """
    n = len(spectrum)
    reach = n // 2

    def chirp(longest):
        a = np.arange(-longest, longest + 1, dtype=float)
        ends = np.exp(1j * np.pi / n * cos * a**2)
        return np.exp(-2j * np.pi / n * sin * a * a[:, None]) * ends * np.conj(ends)[:, None]

    size = fft.next_fast_len(2 * (half + reach) + 1)
    signal = fft.fft2(spectrum * chirp(reach), (size, size))
    kernel = fft.fft2(np.conj(chirp(half + reach)), (size, size))
    inside = slice(2 * reach, 2 * (reach + half) + 1)
    return (fft.ifft2(signal * kernel)[inside, inside] * chirp(half))[::-1].real / n**2
