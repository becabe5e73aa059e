"""Fluxes and magnitudes, and which numbers are none. Fluxes are nJy, those of pixels nJy/pixel, everywhere."""

import numpy as np

AB_ZERO_FLUX_NJY = 3631e9
"""Flux density of AB magnitude 0 in nJy: 3631 Jy (Oke & Gunn 1983, ApJ 266, 713)."""

MAG_PER_FRACTION = 2.5 / np.log(10)
"""Error of a magnitude over the relative error of the flux, 1.086 mag."""


def mag_ab(flux_njy):
    """AB magnitude of a flux density in nJy; NaN where the flux is not positive."""
    flux = np.asarray(flux_njy, dtype=float)
    positive = np.where(flux > 0, flux, np.nan)
    return -2.5 * np.log10(positive / AB_ZERO_FLUX_NJY)


def flux_from_mag_ab(mag):
    """Flux density in nJy of an AB magnitude (0 mag is 3631 Jy)."""
    return AB_ZERO_FLUX_NJY * 10.0 ** (-0.4 * np.asarray(mag, dtype=float))


METALLICITY_RTOL = 1e-3
"""Metallicities asked for this close to a node of a grid (relative) are that node: 1.15 stands for 10**0.06."""

MAX_FLUX_NJY = 1e12
"""A flux or an error above 1000 Jy is no measurement of a source but a sentinel: that band is missing."""
MIN_FLUX_NJY = 1e-30
"""A flux below this that is not 0 is no measurement either: its band is missing. Such an error, which would vanish when
squared, counts as the error 0, which fits replace."""


def without_sentinels(flux, err):
    """Fluxes and errors in which bands beyond any measurement are missing, and errors that vanish are 0.

    Parameters
    ----------
    flux, err : (n, n_filters) float ndarray, nJy

    Returns
    -------
    flux, err : (n, n_filters) float ndarray, nJy
    odd : (n, n_filters) bool ndarray
        Bands that were made missing: flux or error beyond `MAX_FLUX_NJY`, or a flux within `MIN_FLUX_NJY` of 0 but
        not 0.
    """
    size = np.abs(flux)
    odd = (size > MAX_FLUX_NJY) | (err > MAX_FLUX_NJY) | ((size > 0) & (size < MIN_FLUX_NJY))
    err = np.where(err < MIN_FLUX_NJY, 0.0, err)
    return np.where(odd, np.nan, flux), np.where(odd, np.nan, err), odd
