"""The telescope's pupil: segmented aperture with struts, and its wavefront error, with poppy.

Perrin et al. 2012 (SPIE 8442, 84423D). Lengths in m, the grid [y, x] over a square `PUPIL_WIDTH_M` wide.
"""

import contextlib
import functools
import logging
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from clusterphot.base.products import open_fits, write_fits

PUPIL_PIXELS = 384
"""Samples along the pupil, 17 mm each. Images repeat every wavelength / 17 mm: 8" at 0.7 um and 28" at 2.4 um,
more than the widths that are computed."""

PUPIL_SUBPIXELS = 3
"""Finer samples averaged in each, which keeps the gaps between segments (7 mm) as partial transmission."""

PUPIL_WIDTH_M = 6.7
"""Width of the sampled pupil: five segments and four gaps, corner to corner."""

SEGMENT_FLAT_TO_FLAT_M, SEGMENT_GAP_M = 1.32, 0.007
"""Eighteen hexagons of the primary mirror and the gaps between them."""

STRUT_WIDTH_M, STRUT_ANGLES_DEG = 0.1, (0, 150, 210)
"""Three struts of the secondary mirror, which itself hides behind the missing central segment."""


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
    """Amplitude and wavefront error of the telescope on the pupil's grid.

    Parameters
    ----------
    config : OpticsConfig

    Returns
    -------
    amplitude : (n, n) float ndarray, 0 to 1
    wavefront_m : (n, n) float ndarray, m
        Piston and tilt are removed within the aperture, and the rest scaled to ``config.wfe_nm``.
    """
    n = PUPIL_PIXELS * PUPIL_SUBPIXELS
    with _quiet_poppy() as poppy:
        import astropy.units as u

        wave = poppy.Wavefront(wavelength=1e-6 * u.m, npix=n, diam=PUPIL_WIDTH_M * u.m)
        segments = poppy.MultiHexagonAperture(
            flattoflat=SEGMENT_FLAT_TO_FLAT_M * u.m, gap=SEGMENT_GAP_M * u.m, rings=2, center=False
        )
        struts = poppy.AsymmetricSecondaryObscuration(
            secondary_radius=0.0, support_angle=STRUT_ANGLES_DEG, support_width=STRUT_WIDTH_M * u.m
        )
        # The error's own rms is arbitrary here: it is scaled below, over the aperture alone.
        error = poppy.StatisticalPSDWFE(
            index=config.wfe_index, wfe=100 * u.nm, radius=PUPIL_WIDTH_M / 2 * u.m, seed=config.seed
        )
        light = segments.get_transmission(wave) * struts.get_transmission(wave)
        amplitude = binned(np.asarray(light, dtype=float), PUPIL_SUBPIXELS)
        opd = binned(np.asarray(error.get_opd(wave), dtype=float), PUPIL_SUBPIXELS)
    opd = _without_tilt(amplitude, opd)
    rms = np.sqrt(np.average(opd**2, weights=amplitude))
    return amplitude, opd * (config.wfe_nm * 1e-9 / rms)


def low_order_modes(amplitude):
    """Defocus and both astigmatisms, each of rms 1 over the aperture, without piston and tilt.

    Parameters
    ----------
    amplitude : (n, n) float ndarray

    Returns
    -------
    modes : (3, n, n) float ndarray
        Defocus, astigmatism along x and y, astigmatism along the diagonals.
    """
    y, x = (np.indices(amplitude.shape) + 0.5) / len(amplitude) - 0.5
    modes = [_without_tilt(amplitude, mode) for mode in (x**2 + y**2, x**2 - y**2, 2 * x * y)]
    return np.array([mode / np.sqrt(np.average(mode**2, weights=amplitude)) for mode in modes])


def write_pupil(path, telescope):
    """Write amplitude and wavefront error, as of `pupil`, in double precision."""
    amplitude, wavefront = telescope
    error = fits.ImageHDU(wavefront, name="WAVEFRONT")
    error.header["BUNIT"] = "m"
    primary = fits.PrimaryHDU(amplitude)
    primary.header["PIXSCALE"] = (PUPIL_WIDTH_M / PUPIL_PIXELS, "[m]")
    write_fits(path, [primary, error])


def read_pupil(path):
    """Amplitude and wavefront error (m) that `write_pupil` has written."""
    with open_fits(path) as hdus:
        return tuple(np.array(hdu.data, dtype=float) for hdu in hdus[:2])


def _without_tilt(amplitude, opd):
    """Wavefront without piston and tilt, which only moves the image: less a plane, weighted by the aperture."""
    y, x = np.indices(amplitude.shape) / len(amplitude) - 0.5
    terms = [np.ones_like(x), x, y]
    normal = [[np.sum(amplitude * a * b) for a in terms] for b in terms]
    tilt = np.linalg.solve(normal, [np.sum(amplitude * a * opd) for a in terms])
    return opd - sum(value * term for value, term in zip(tilt, terms, strict=True))


def binned(image, k):
    """Means of blocks of ``k`` x ``k``, for sides that are multiples of ``k``."""
    n = len(image) // k
    return image.reshape(n, k, n, k).mean(axis=(1, 3))
