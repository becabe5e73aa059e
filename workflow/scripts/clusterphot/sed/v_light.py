"""V luminosity of a source from its flux in the filter nearest to rest-frame V.

Follows Faisst et al. (2022, ApJL 941, L11, section 3.3). Luminosities in Lsun, fluxes nJy.
"""

import numpy as np
from astropy import constants

from clusterphot.base.cosmology import luminosity_distance_cm
from clusterphot.base.filters import load_filter, nearest_filter
from clusterphot.base.units import AB_ZERO_FLUX_NJY
from clusterphot.ssp.grid import SUN_MAG_V_AB

NJY_CGS = 1e-32
"""1 nJy in erg/s/cm2/Hz."""

LIGHT_ANGSTROM_PER_S = 1e8 * constants.c.cgs.value
SOLAR_LUMINOSITY_CGS = constants.L_sun.cgs.value
"""IAU 2015 resolution B3, erg/s."""

PARSEC_CM = constants.pc.cgs.value

V_WAVE_ANGSTROM = 5500.0
"""Wavelength that stands for V (Faisst et al. 2022, section 3.3)."""


def v_filter(filters, redshift):
    """Filter whose pivot wavelength is nearest to 5500 A x (1 + z)."""
    return nearest_filter(filters, V_WAVE_ANGSTROM * (1 + redshift) / 1e4)


def luminosity_per_njy(filt, redshift, cosmology, *, convention):
    """V luminosity of a source of 1 nJy in the filter nearest to rest-frame V.

    Parameters
    ----------
    filt : str
    redshift : float
    cosmology : dict
        ``h0`` (km/s/Mpc) and ``omega_m``.
    convention : {'vband', 'faisst2022'}

    Returns
    -------
    luminosity : float, Lsun

    Raises
    ------
    ValueError
        For another convention.

    Notes
    -----
    ``vband``: L_nu(rest) = 4 pi D_L^2 F_nu / (1 + z) over that of the Sun in V (M_V = 4.80 AB); no colour
    term between the filter and V. ``faisst2022``: nu_obs 4 pi D_L^2 F_nu / (1 + z) in bolometric Suns, which
    reproduces the masses of Faisst et al. (2022, Table 1) and is 0.34 dex lower.

    Examples
    --------
    F090W is nearest to V at z = 0.39; a cluster of 10 nJy there has 7 million V-band Suns:

    >>> v_filter(["F090W", "F150W"], 0.39)
    'F090W'
    >>> per_njy = luminosity_per_njy("F090W", 0.39, {"h0": 70.0, "omega_m": 0.3}, convention="vband")
    >>> print(f"{10.0 * per_njy:.2e}")
    7.33e+06
    """
    distance = luminosity_distance_cm(redshift, **cosmology)
    l_nu = 4 * np.pi * distance**2 * NJY_CGS / (1 + redshift)
    if convention == "vband":
        solar = 4 * np.pi * (10 * PARSEC_CM) ** 2 * AB_ZERO_FLUX_NJY * NJY_CGS * 10 ** (-0.4 * SUN_MAG_V_AB)
        return float(l_nu / solar)
    if convention == "faisst2022":
        frequency = LIGHT_ANGSTROM_PER_S / load_filter(filt).wave_pivot
        return float(l_nu * frequency / SOLAR_LUMINOSITY_CGS)
    raise ValueError(f"mass convention {convention!r}, expected vband or faisst2022")
