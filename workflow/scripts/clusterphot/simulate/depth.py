"""How deep simulated images are: noise, gain and saturation like those of SMACS J0723; nJy."""

import numpy as np

from clusterphot.optics.bands import pivot_angstrom

POINT_SOURCE_SIGMA_NJY = {
    "F070W": 1.3, "F090W": 1.1, "F115W": 1.05, "F150W": 0.95,
    "F200W": 0.90, "F277W": 0.90, "F356W": 0.90, "F444W": 1.15,
}  # fmt: skip
"""1-sigma errors of isolated point sources, optimally weighted: 5 sigma at 29.5-29.8 mag, as SMACS J0723."""

GAIN_E_PER_NJY = 300.0
"""Electrons per nJy: about 2 hours with NIRCam's zero point of 28 mag for 1 electron/s."""

SATURATION_NJY_PER_ARCSEC2 = 1e6
"""Pixels above are saturated, which happens for stars brighter than 20.0 (F444W) to 22.4 mag (F090W)."""


def point_source_sigma(filter_name):
    """Error (nJy) of an isolated point source, interpolated in wavelength for filters without a value."""
    names = sorted(POINT_SOURCE_SIGMA_NJY, key=pivot_angstrom)
    wave = [pivot_angstrom(name) for name in names]
    return float(
        np.interp(pivot_angstrom(filter_name), wave, [POINT_SOURCE_SIGMA_NJY[name] for name in names])
    )
