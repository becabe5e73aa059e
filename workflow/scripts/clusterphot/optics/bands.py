"""Bands of NIRCam as the optics need them: pivot wavelength, channel, wavelengths of equal photons.

Curves of astro-sedpy (`clusterphot.base.filters`); wavelengths in vacuum Angstrom.
"""

import functools

import numpy as np

from clusterphot.base.detectors import NIRCAM_LONG_FROM_ANGSTROM
from clusterphot.base.filters import load_filter


@functools.lru_cache(maxsize=32)
def transmission_curve(filter_name):
    """Wavelengths (Angstrom) and transmission of a NIRCam filter such as ``F200W``, read-only float ndarrays."""
    curve = load_filter(filter_name)
    wave = np.array(curve.wavelength, dtype=float)
    transmission = np.array(curve.transmission, dtype=float)
    wave.setflags(write=False)
    transmission.setflags(write=False)
    return wave, transmission


def pivot_angstrom(filter_name):
    """Pivot wavelength: sqrt of int T lambda d(lambda) over int T d(lambda)/lambda (Bessell & Murphy 2012).

    Examples
    --------
    >>> round(pivot_angstrom("F200W") / 1e4, 2)
    1.99
    """
    wave, transmission = transmission_curve(filter_name)
    above = np.trapezoid(transmission * wave, wave)
    below = np.trapezoid(transmission / wave, wave)
    return float(np.sqrt(above / below))


def channel(filter_name):
    """``short`` or ``long``: the NIRCam channel that holds the filter.

    Examples
    --------
    >>> channel("F210M"), channel("F277W")
    ('short', 'long')
    """
    return "long" if pivot_angstrom(filter_name) > NIRCAM_LONG_FROM_ANGSTROM else "short"


def photon_wavelengths(filter_name, n):
    """Medians (Angstrom) of ``n`` parts of the band with equal photons, for a source flat in f_nu."""
    wave, transmission = transmission_curve(filter_name)
    photons = transmission / wave  # of f_nu constant: photons per wavelength go as T / lambda
    steps = 0.5 * (photons[1:] + photons[:-1]) * np.diff(wave)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return np.interp((np.arange(n) + 0.5) / n, total / total[-1], wave)
