"""Point spread functions of NIRCam from physical optics, for simulated fields.

Segmented aperture, struts and wavefront error with poppy (Perrin et al. 2012, SPIE 8442, 84423D), filters
from astro-sedpy, boxes for detector pixel and drizzle. Lengths in arcsec or mas as named; PSFs sum to 1.
"""

import contextlib
import functools
import logging
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import fft

from clusterphot.base.filters import load_filter
from clusterphot.base.products import Psf

SHORT_LIMIT_ANGSTROM = 23500.0
"""NIRCam's dichroic splits light at 2.35 um into a short and a long channel (Rieke et al. 2023)."""

NATIVE_PIXEL_ARCSEC = {"short": 0.031, "long": 0.063}
"""Detector pixels of the two channels (Rieke et al. 2023, PASP 135, 028001)."""

MOSAIC_PIXEL_ARCSEC = {"short": 0.02, "long": 0.04}
"""Pixels of the mosaics of Faisst et al. 2022 and of the DAWN JWST Archive."""

PIXFRAC = 0.75
"""Drop size over detector pixel used for those mosaics."""

FIELD_OF_VIEW_ARCSEC = {"short": 7.7, "long": 12.8}
"""Full width of the computed PSFs; their sum over this square is 1."""

OVERSAMPLING = 2
"""Samples per mosaic pixel. The optics pass no frequency above D/wavelength = 1/25 mas (F070W: 1/20), and
samples of 20/2 mas reach 1/20 mas: values between them are known exactly; more so in the long channel."""

PUPIL_PIXELS = 384
PUPIL_SUBPIXELS = 3
PUPIL_WIDTH_M = 6.7
"""Width of the sampled pupil: five segments of 1.32 m and four gaps, corner to corner."""


@dataclass(frozen=True)
class OpticsConfig:
    """What shapes the PSF besides the filter.

    Attributes
    ----------
    wfe_nm : float
        Root mean square wavefront error over the aperture, tilt removed; 60-95 is typical of NIRCam images.
    wfe_index : float
        Slope of the power spectrum of the wavefront error.
    jitter_mas : float
        Sigma per axis of pointing jitter and charge diffusion, 6-10 mas.
    n_wavelengths : int
        Wavelengths of equal detected photons per filter.
    seed : int
        Seed of the wavefront error; the same in all filters of a field.
    """

    wfe_nm: float = 75.0
    wfe_index: float = 2.5
    jitter_mas: float = 7.0
    n_wavelengths: int = 9
    seed: int = 1


@dataclass(frozen=True)
class OversampledPsf:
    """PSF on samples finer than the mosaic, already convolved with the detector and drizzle boxes.

    Attributes
    ----------
    data : (n, n) float ndarray, odd n
        Sum 1, centroid of the core on the middle sample.
    sample_arcsec, pixel_scale_arcsec : float
        Distance of samples, and of the pixels of the mosaic.
    """

    data: np.ndarray
    sample_arcsec: float
    pixel_scale_arcsec: float
    filter_name: str

    @property
    def oversampling(self):
        """Samples per mosaic pixel."""
        return round(self.pixel_scale_arcsec / self.sample_arcsec)

    def encircled_energy(self, radius_arcsec):
        """Fraction of the light of the whole PSF within ``radius_arcsec`` (scalar or array) of its centre."""
        return encircled_energy(self.data, radius_arcsec, self.sample_arcsec)

    def fwhm_arcsec(self):
        """Diameter of the circle that has the area of the PSF above half of its maximum."""
        return fwhm_arcsec(self.data, self.sample_arcsec)

    def on_pixels(self, size_px=None, *, dx=0.0, dy=0.0):
        """PSF on mosaic pixels, moved by (dx, dy) px: the image of a source of unit total flux.

        Returns
        -------
        image : (size_px, size_px) float ndarray
            Its sum is below 1 by the light outside; the default size is that of the whole PSF.
        """
        step = self.oversampling
        half = (len(self.data) // 2) // step
        data = fourier_shift(self.data, dx * step, dy * step) if dx or dy else self.data
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


@functools.lru_cache(maxsize=32)
def filter_curve(filter_name):
    """Wavelengths (Angstrom, vacuum) and transmission of a NIRCam filter such as ``F200W``; read-only."""
    curve = load_filter(filter_name)
    wave = np.array(curve.wavelength, dtype=float)
    transmission = np.array(curve.transmission, dtype=float)
    wave.setflags(write=False)
    transmission.setflags(write=False)
    return wave, transmission


def pivot_angstrom(filter_name):
    """Pivot wavelength: sqrt of int T lambda d(lambda) over int T d(lambda)/lambda (Bessell+ 2012)."""
    wave, transmission = filter_curve(filter_name)
    above = np.trapezoid(transmission * wave, wave)
    below = np.trapezoid(transmission / wave, wave)
    return float(np.sqrt(above / below))


def channel(filter_name):
    """``short`` or ``long``: the NIRCam channel that holds the filter."""
    return "short" if pivot_angstrom(filter_name) < SHORT_LIMIT_ANGSTROM else "long"


def photon_wavelengths(filter_name, n):
    """Medians (Angstrom) of ``n`` parts of the band with equal photons, for a source flat in f_nu."""
    wave, transmission = filter_curve(filter_name)
    photons = transmission / wave
    steps = 0.5 * (photons[1:] + photons[:-1]) * np.diff(wave)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return np.interp((np.arange(n) + 0.5) / n, total / total[-1], wave)


@contextlib.contextmanager
def _quiet_poppy():
    """Import poppy without its warnings and log lines, and only here."""
    logger = logging.getLogger("poppy")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import poppy

        logger.setLevel(logging.ERROR)
        try:
            yield poppy
        finally:
            logger.setLevel(level)


@functools.lru_cache(maxsize=4)
def pupil(config):
    """Amplitude and wavefront error (m) of the telescope on a square grid ``PUPIL_WIDTH_M`` wide.

    Both come from `PUPIL_SUBPIXELS` times finer grids, averaged, which keeps the 7 mm gaps. Piston and tilt
    are removed within the aperture, and the rest scaled to ``config.wfe_nm``.
    """
    n = PUPIL_PIXELS * PUPIL_SUBPIXELS
    with _quiet_poppy() as poppy:
        import astropy.units as u

        wave = poppy.Wavefront(wavelength=1e-6 * u.m, npix=n, diam=PUPIL_WIDTH_M * u.m)
        segments = poppy.MultiHexagonAperture(flattoflat=1.32 * u.m, gap=0.007 * u.m, rings=2, center=False)
        struts = poppy.AsymmetricSecondaryObscuration(
            secondary_radius=0.0, support_angle=(0, 150, 210), support_width=0.1 * u.m
        )
        error = poppy.StatisticalPSDWFE(
            index=config.wfe_index, wfe=100 * u.nm, radius=PUPIL_WIDTH_M / 2 * u.m, seed=config.seed
        )
        amplitude = _binned(segments.get_transmission(wave) * struts.get_transmission(wave))
        opd = _binned(error.get_opd(wave))
    y, x = np.indices(amplitude.shape) / PUPIL_PIXELS - 0.5
    terms = [np.ones_like(x), x, y]
    normal = [[np.sum(amplitude * a * b) for a in terms] for b in terms]
    tilt = np.linalg.solve(normal, [np.sum(amplitude * a * opd) for a in terms])
    opd = opd - sum(value * term for value, term in zip(tilt, terms, strict=True))
    rms = np.sqrt(np.average(opd**2, weights=amplitude))
    return amplitude, opd * (config.wfe_nm * 1e-9 / rms)


def _binned(image):
    """Means of blocks of `PUPIL_SUBPIXELS` squared."""
    n, k = PUPIL_PIXELS, PUPIL_SUBPIXELS
    return np.asarray(image, dtype=float).reshape(n, k, n, k).mean(axis=(1, 3))


def _monochromatic(amplitude, opd_m, wave_m, sample_arcsec, n):
    """Intensity at one wavelength on ``n`` x ``n`` samples.

    The chirp z-transform (Rabiner et al. 1969) samples the transform of the pupil as finely as wanted;
    unlike a matrix product its last bits do not depend on the number of threads.
    """
    from scipy.signal import CZT

    field = amplitude * np.exp(2j * np.pi / wave_m * opd_m)
    step = np.radians(sample_arcsec / 3600.0) * PUPIL_WIDTH_M / PUPIL_PIXELS / wave_m
    ratio, start = np.exp(-2j * np.pi * step), np.exp(-2j * np.pi * step * (n // 2))
    transform = CZT(PUPIL_PIXELS, n, w=ratio, a=start)
    return np.abs(transform(transform(field, axis=1), axis=0)) ** 2


def oversampled_psf(
    filter_name,
    config=None,
    *,
    pixel_scale_arcsec=None,
    native_pixel_arcsec=None,
    pixfrac=PIXFRAC,
    fov_arcsec=None,
):
    """PSF of one filter as it appears in a drizzled mosaic, twice oversampled.

    Parameters
    ----------
    filter_name : str
        NIRCam filter known to sedpy, such as ``F200W``.
    config : `OpticsConfig`, optional
    pixel_scale_arcsec, native_pixel_arcsec : float, optional
        Pixel of the mosaic and of the detector; by default those of the filter's channel.
    pixfrac : float, optional
        Drop size of the drizzling over the detector pixel.
    fov_arcsec : float, optional
        Full width; all light is taken to lie inside. By default `FIELD_OF_VIEW_ARCSEC`.

    Returns
    -------
    psf : `OversampledPsf`

    Notes
    -----
    The light is blurred by boxes of the detector pixel, of the drop and of the mosaic pixel (the mean over
    random dithers) and by the jitter, all multiplied in Fourier space. The core's centroid is moved to the
    middle sample. The light beyond ``fov_arcsec`` (0.3-1 %) is neglected: sums are 1 inside.
    """
    config = config or OpticsConfig()
    part = channel(filter_name)
    scale = pixel_scale_arcsec or MOSAIC_PIXEL_ARCSEC[part]
    native = native_pixel_arcsec or NATIVE_PIXEL_ARCSEC[part]
    sample = scale / OVERSAMPLING
    n = 2 * round((fov_arcsec or FIELD_OF_VIEW_ARCSEC[part]) / sample / 2) + 1
    amplitude, opd = pupil(config)
    image = np.zeros((n, n))
    for wave in photon_wavelengths(filter_name, config.n_wavelengths):
        light = _monochromatic(amplitude, opd, wave * 1e-10, sample, n)
        image += light / light.sum()
    boxes = [native / sample, pixfrac * native / sample, scale / sample]
    image = blurred(image, boxes, config.jitter_mas * 1e-3 / sample)
    fwhm = fwhm_arcsec(image, sample) / sample
    for _ in range(3):
        dx, dy = core_centroid(image, fwhm)
        image = fourier_shift(image, -dx, -dy)
    return OversampledPsf(image / image.sum(), sample, scale, filter_name)


def make_psf(filter_name, pixel_scale_arcsec=None, *, size_px=None, config=None, **kwargs):
    """`clusterphot.base.products.Psf` of a filter: unit sum on ``size_px`` (default 4") mosaic pixels, its light known.

    Further arguments are those of `oversampled_psf`.
    """
    psf = oversampled_psf(filter_name, config, pixel_scale_arcsec=pixel_scale_arcsec, **kwargs)
    return psf.to_psf(size_px or 2 * round(2.0 / psf.pixel_scale_arcsec) + 1)


def blurred(image, boxes, sigma):
    """Image convolved with square boxes and a Gaussian, widths in samples."""
    n = len(image)
    size = fft.next_fast_len(n + int(sum(boxes) + 8 * sigma), real=True)
    response = np.exp(-2.0 * (np.pi * sigma * fft.fftfreq(size)) ** 2)
    for width in boxes:
        response = response * np.sinc(width * fft.fftfreq(size))
    spectrum = fft.rfft2(image, (size, size)) * response[:, None] * response[: size // 2 + 1]
    return fft.irfft2(spectrum, (size, size))[:n, :n]


def fourier_shift(image, dx, dy):
    """Image moved by (dx, dy) samples to larger x and y; exact if well sampled and dark at the edges."""
    ny, nx = image.shape
    phase = np.exp(-2j * np.pi * dy * fft.fftfreq(ny))[:, None] * np.exp(-2j * np.pi * dx * fft.rfftfreq(nx))
    return fft.irfft2(fft.rfft2(image) * phase, image.shape)


def core_centroid(image, fwhm_px):
    """Centroid (dx, dy) from the middle pixel under a Gaussian weight as wide as the core."""
    middle = np.array(image.shape) // 2
    half = int(2 * fwhm_px) + 1
    stamp = image[middle[0] - half : middle[0] + half + 1, middle[1] - half : middle[1] + half + 1]
    y, x = np.indices(stamp.shape) - half
    weight = stamp * np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm_px**2)
    # A Gaussian of the same width halves the apparent offset of a Gaussian core.
    return 2 * (weight * x).sum() / weight.sum(), 2 * (weight * y).sum() / weight.sum()


def fwhm_arcsec(image, pixel_scale_arcsec):
    """Diameter of the circle with the area above half maximum, on an 8 times finer Fourier-made grid."""
    middle = len(image) // 2
    half = min(middle, 32)
    stamp = image[middle - half : middle + half + 1, middle - half : middle + half + 1]
    factor = 8
    n = len(stamp)
    spectrum = fft.fftshift(fft.fft2(stamp))
    pad = (factor - 1) * n // 2
    fine = fft.ifft2(fft.ifftshift(np.pad(spectrum, pad))).real
    area = np.count_nonzero(fine > fine.max() / 2) * (pixel_scale_arcsec * n / len(fine)) ** 2
    return float(2 * np.sqrt(area / np.pi))


def encircled_energy(image, radius_arcsec, pixel_scale_arcsec):
    """Sum of a centred image within a radius (scalar or array, arcsec), pixels cut exactly at the circle."""
    from photutils.aperture import CircularAperture

    centre = (image.shape[1] // 2, image.shape[0] // 2)
    radii = np.atleast_1d(radius_arcsec) / pixel_scale_arcsec
    sums = [CircularAperture(centre, r).do_photometry(image, method="exact")[0][0] for r in radii]
    return np.array(sums) if np.ndim(radius_arcsec) else float(sums[0])
