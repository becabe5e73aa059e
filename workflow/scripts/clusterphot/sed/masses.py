"""V luminosities of star clusters, and the convention behind their masses.

Follows Faisst et al. (2022, ApJL 941, L11, section 3.3): mass = M/L_V of the best-fitting SSP times the V
luminosity from the filter nearest to rest-frame V. Masses in Msun, luminosities in Lsun, fluxes nJy.
"""

import numpy as np

from clusterphot.base.cosmology import luminosity_distance_cm
from clusterphot.base.filters import load_filter

NJY_CGS = 1e-32
"""1 nJy in erg/s/cm2/Hz."""

LIGHT_ANGSTROM_PER_S = 2.99792458e18
SOLAR_LUMINOSITY_CGS = 3.828e33
"""IAU 2015 resolution B3, erg/s."""

PARSEC_CM = 3.0856775814913673e18
SOLAR_V_AB = 4.80
"""Absolute V magnitude of the Sun, AB (4.81 Vega; Willmer 2018, ApJS 236, 47)."""

V_WAVE_ANGSTROM = 5500.0


def v_filter(filters, redshift):
    """Filter whose pivot wavelength is nearest to 5500 A x (1 + z)."""
    target = V_WAVE_ANGSTROM * (1 + redshift)
    return min(filters, key=lambda name: abs(np.log(load_filter(name).wave_pivot / target)))


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
    """
    distance = luminosity_distance_cm(redshift, **cosmology)
    l_nu = 4 * np.pi * distance**2 * NJY_CGS / (1 + redshift)
    if convention == "vband":
        solar = 4 * np.pi * (10 * PARSEC_CM) ** 2 * 3631e9 * NJY_CGS * 10 ** (-0.4 * SOLAR_V_AB)
        return float(l_nu / solar)
    if convention == "faisst2022":
        frequency = LIGHT_ANGSTROM_PER_S / load_filter(filt).wave_pivot
        return float(l_nu * frequency / SOLAR_LUMINOSITY_CGS)
    raise ValueError(f"mass convention {convention!r}, expected vband or faisst2022")
