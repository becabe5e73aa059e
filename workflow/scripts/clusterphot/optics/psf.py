"""Point spread functions of NIRCam from physical optics, as a drizzled mosaic shows them, for simulated fields.

Pupil and wavefront error (`pupil`), band (`bands`), detector and drizzle (`detector`). Lengths in arcsec or
mas as named; PSFs sum to 1.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from clusterphot.base.images import crop
from clusterphot.base.numerics import TINY
from clusterphot.base.products import Psf
from clusterphot.optics.bands import channel, photon_wavelengths
from clusterphot.optics.detector import (
    MOSAIC_PIXEL_ARCSEC,
    NATIVE_PIXEL_ARCSEC,
    PIXFRAC,
    blurred,
    drizzle_boxes,
)
from clusterphot.optics.pupil import PUPIL_WIDTH_M, OpticsConfig, pupil

FIELD_OF_VIEW_ARCSEC = {"short": 7.7, "long": 12.8}
"""Full width of the computed PSFs; their sum over this square is 1."""

OVERSAMPLING = 2
"""Samples per mosaic pixel. The optics pass no frequency above D/wavelength = 1/25 mas (F070W: 1/20), and
samples of 20/2 mas reach 1/20 mas: values between them are known exactly; more so in the long channel."""

CENTRING_STEPS = 3
"""After three the windowed centroid is within 1e-3 sample of the middle in all wide filters (a test holds it)."""

FWHM_HALF_SAMPLES, FWHM_ZOOM = 32, 8
"""The FWHM is measured on the central 65 samples, interpolated to an eighth of one."""


@dataclass(frozen=True)
class OversampledPsf:
    """PSF on samples finer than the mosaic, already convolved with the detector and drizzle boxes.

    Attributes
    ----------
    data : (n, n) float ndarray, odd n
        Sum 1, centroid of the core on the middle sample.
    sample_arcsec, pixel_scale_arcsec : float
        Distance of samples, and of the pixels of the mosaic.
    filter_name : str
    """

    data: np.ndarray
    sample_arcsec: float
    pixel_scale_arcsec: float
    filter_name: str

    @property
    def oversampling(self):
        """Samples per mosaic pixel."""
        return round(self.pixel_scale_arcsec / self.sample_arcsec)

    def fwhm_arcsec(self):
        """Diameter of the circle that has the area of the PSF above half of its maximum."""
        return fwhm_arcsec(self.data, self.sample_arcsec)

    def on_pixels(self, size_px=None, *, dx=0.0, dy=0.0):
        """PSF on mosaic pixels, moved by (dx, dy) px: the image of a source of unit total flux.

        Returns
        -------
        image : (size_px, size_px) float ndarray
            Its sum is below 1 by the light outside; the default size is that of the whole PSF.

        Raises
        ------
        ValueError
            If ``size_px`` exceeds the PSF.
        """
        step = self.oversampling
        half = (len(self.data) // 2) // step
        data = moved(self.data, dx * step, dy * step) if dx or dy else self.data
        middle = len(data) // 2
        wanted = half if size_px is None else size_px // 2
        if wanted > half:
            raise ValueError(f"size_px = {size_px} exceeds the PSF's {2 * half + 1} px")
        inside = slice(middle - wanted * step, middle + wanted * step + 1, step)
        return data[inside, inside] * step**2

    def to_psf(self, size_px):
        """`clusterphot.base.products.Psf` of ``size_px`` (odd) mosaic pixels, unit sum, with its share of the light."""
        image = self.on_pixels(size_px)
        return Psf(
            data=image / image.sum(),
            pixel_scale_arcsec=self.pixel_scale_arcsec,
            filter_name=self.filter_name,
            ee_stamp=float(image.sum()),
            fwhm_arcsec=self.fwhm_arcsec(),
        )


def oversampled_psf(
    filter_name,
    config=None,
    *,
    pixel_scale_arcsec=None,
    native_pixel_arcsec=None,
    pixfrac=PIXFRAC,
    fov_arcsec=None,
    telescope=None,
):
    """PSF of one filter as it appears in a drizzled mosaic, twice oversampled.

    Parameters
    ----------
    filter_name : str
        NIRCam filter known to sedpy, such as ``F200W``.
    config : `clusterphot.optics.pupil.OpticsConfig`, optional
    pixel_scale_arcsec, native_pixel_arcsec : float, optional
        Pixel of the mosaic and of the detector; by default those of the filter's channel.
    pixfrac : float, optional
        Drop size of the drizzling over the detector pixel.
    fov_arcsec : float, optional
        Full width; all light is taken to lie inside. By default `FIELD_OF_VIEW_ARCSEC`.
    telescope : pair of ndarray, optional
        Amplitude and wavefront error, where `clusterphot.optics.pupil.pupil` of ``config`` has been computed before.

    Returns
    -------
    psf : `OversampledPsf`

    Raises
    ------
    ConfigError
        If the filter is unknown.

    Notes
    -----
    The core's centroid is moved to the middle sample. The light beyond ``fov_arcsec`` (0.3-1 %) is neglected:
    sums are 1 inside.
    """
    config = config or OpticsConfig()
    part = channel(filter_name)
    scale = pixel_scale_arcsec or MOSAIC_PIXEL_ARCSEC[part]
    native = native_pixel_arcsec or NATIVE_PIXEL_ARCSEC[part]
    sample = scale / OVERSAMPLING
    n = 2 * round((fov_arcsec or FIELD_OF_VIEW_ARCSEC[part]) / sample / 2) + 1
    # Light of the band: wavelengths of equal photons, each with unit sum.
    amplitude, opd = telescope or pupil(config)
    image = np.zeros((n, n))
    for wave in photon_wavelengths(filter_name, config.n_wavelengths):
        light = intensity(pupil_field(amplitude, opd, wave * 1e-10), wave * 1e-10, sample, n)
        image += light / light.sum()
    # Detector, drizzle and jitter.
    boxes = [side / sample for side in drizzle_boxes(native, scale, pixfrac)]
    image = blurred(image, boxes, config.jitter_mas * 1e-3 / sample)
    fwhm = fwhm_arcsec(image, sample) / sample
    for _ in range(CENTRING_STEPS):
        dx, dy = core_centroid(image, fwhm)
        image = moved(image, -dx, -dy)
    return OversampledPsf(image / image.sum(), sample, scale, filter_name)


def pupil_field(amplitude, opd_m, wave_m):
    """Complex amplitude of light at one wavelength on the pupil's grid."""
    return amplitude * np.exp(2j * np.pi / wave_m * opd_m)


def intensity(field, wave_m, sample_arcsec, n):
    """Image of a field in the pupil at one wavelength, on ``n`` x ``n`` samples, in the square of the pupil's samples.

    The chirp z-transform (Rabiner et al. 1969) samples the transform of the pupil as finely as wanted;
    unlike a matrix product its last bits do not depend on the number of threads.
    """
    from scipy.signal import CZT

    step = pupil_step(len(field), wave_m, sample_arcsec)
    ratio, start = np.exp(-2j * np.pi * step), np.exp(-2j * np.pi * step * (n // 2))
    transform = CZT(len(field), n, w=ratio, a=start)
    return np.abs(transform(transform(field, axis=1), axis=0)) ** 2


def pupil_step(n_pupil, wave_m, sample_arcsec):
    """Distance of image samples in units of that at which images of a pupil of ``n_pupil`` samples repeat."""
    return np.radians(sample_arcsec / 3600.0) * PUPIL_WIDTH_M / n_pupil / wave_m


def moved(image, dx, dy):
    """Image moved by (dx, dy) samples to larger x and y; exact if well sampled and dark at the edges.

    `clusterphot.base.images.fourier_shift` to rounding, and for any sides. Both stand because simulated
    mosaics and PSFs measured on them are to repeat to the last bit.
    """
    ny, nx = image.shape
    phase = np.exp(-2j * np.pi * dy * fft.fftfreq(ny))[:, None] * np.exp(-2j * np.pi * dx * fft.rfftfreq(nx))
    return fft.irfft2(fft.rfft2(image) * phase, image.shape)


def core_centroid(image, fwhm_px):
    """Centroid (dx, dy) from the middle pixel under a Gaussian weight as wide as the core."""
    half = int(2 * fwhm_px) + 1
    stamp = crop(image, half)
    y, x = np.indices(stamp.shape) - half
    weight = stamp * np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm_px**2)
    # A Gaussian of the same width halves the apparent offset of a Gaussian core.
    return 2 * (weight * x).sum() / weight.sum(), 2 * (weight * y).sum() / weight.sum()


def fwhm_arcsec(image, pixel_scale_arcsec):
    """Diameter of the circle with the area above half maximum, on a finer grid by the image's Fourier series.

    Fine pixels that the contour crosses count in part: smooth in the image, and right to 1e-4.
    """
    stamp = crop(image, min(len(image) // 2, FWHM_HALF_SAMPLES))
    n = len(stamp)
    spectrum = fft.fftshift(fft.fft2(stamp))
    pad = (FWHM_ZOOM - 1) * n // 2
    fine = fft.ifft2(fft.ifftshift(np.pad(spectrum, pad))).real
    slope_y, slope_x = np.gradient(fine)
    excess = (fine - fine.max() / 2) / np.maximum(np.hypot(slope_x, slope_y), TINY)
    area = np.clip(excess + 0.5, 0.0, 1.0).sum() * (pixel_scale_arcsec * n / len(fine)) ** 2
    return float(2 * np.sqrt(area / np.pi))
