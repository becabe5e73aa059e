"""Surviving mass of a simple stellar population, for libraries that publish none.

Lifetimes of Raiteri et al. (1996, A&A 315, 105, eq. 3), remnants of Renzini & Ciotti (1993, ApJ 416, L49).
Masses in Msun, ages in Gyr, metallicities as mass fractions.
"""

import numpy as np

IMFS = ("chabrier", "kroupa", "salpeter")

RAITERI_RANGE = (7e-5, 3e-2)
"""Metal fractions to which the lifetimes were fitted; others take those of the nearer end."""

_N_MASSES = 20001


def imf_by_mass(mass, imf):
    """Mass in stars per unit ln m, unnormalised, of an initial mass function.

    Parameters
    ----------
    mass : float ndarray, Msun
    imf : {'chabrier', 'kroupa', 'salpeter'}

    Notes
    -----
    Chabrier (2003, PASP 115, 763, table 1, disc stars): lognormal of 0.079 Msun and 0.69 dex below 1 Msun, dn/dlnm
    as m^-1.3 above. Kroupa (2001, MNRAS 322, 231): m^-0.3 below 0.5 Msun, m^-1.3 above. Salpeter: m^-1.35.
    """
    if imf == "chabrier":
        log_width = np.log10(mass / 0.079) ** 2 / (2 * 0.69**2)
        at_one = np.exp(-(np.log10(1 / 0.079) ** 2) / (2 * 0.69**2))
        number = np.where(mass < 1, np.exp(-log_width), at_one * mass**-1.3)
    elif imf == "kroupa":
        number = np.where(mass < 0.5, (mass / 0.5) ** -0.3, (mass / 0.5) ** -1.3)
    elif imf == "salpeter":
        number = mass**-1.35
    else:
        raise ValueError(f"imf {imf!r}, expected one of {', '.join(IMFS)}")
    return mass * number


def log_lifetime_yr(mass, metal_fraction):
    """log10 of the lifetime in years of stars of these masses (Msun), through helium burning."""
    z = np.log10(np.clip(metal_fraction, *RAITERI_RANGE))
    m = np.log10(mass)
    a0 = 10.13 + 0.07547 * z - 0.008084 * z**2
    a1 = -4.424 - 0.7939 * z - 0.1187 * z**2
    a2 = 1.262 + 0.3385 * z + 0.05417 * z**2
    return a0 + a1 * m + a2 * m**2


def remnant_mass(mass):
    """Mass of what a star of this initial mass leaves: white dwarf, neutron star or black hole, Msun."""
    return np.where(mass < 8.5, np.minimum(0.48 + 0.077 * mass, mass), np.where(mass < 40, 1.4, 0.5 * mass))


def surviving_fractions(age_gyr, metal_fraction, *, imf, mass_range=(0.1, 100.0)):
    """Fractions of the mass formed that are left after some time.

    Parameters
    ----------
    age_gyr : (na,) float ndarray
    metal_fraction : (nz,) float ndarray
    imf : {'chabrier', 'kroupa', 'salpeter'}
    mass_range : pair of floats, optional
        Lowest and highest initial mass, Msun.

    Returns
    -------
    remaining, living : (na, nz) float ndarray
        With and without remnants.

    Notes
    -----
    An approximation: stars keep their initial mass until they die. At 0.1 to 14 Gyr the sum agrees with FSPS (MIST,
    Chabrier IMF from 0.08 Msun) to 3 %, and is 8 to 12 % above GALAXEV (Bruzual & Charlot 2003, Chabrier), whose
    remnants are lighter: a difference between libraries. The living stars agree with GALAXEV's of 2016 (Kroupa) to
    6 % up to 2.5 Zsun.
    """
    edges = np.geomspace(*mass_range, _N_MASSES)
    mass = np.sqrt(edges[1:] * edges[:-1])
    share = imf_by_mass(mass, imf)
    share = share / share.sum()
    left = np.concatenate([[0.0], np.cumsum(share)])
    # from the top down: what the stars above an edge have left behind
    remnants = np.concatenate([np.cumsum((share * remnant_mass(mass) / mass)[::-1])[::-1], [0.0]])
    remaining = np.empty((len(age_gyr), len(metal_fraction)))
    living = np.empty_like(remaining)
    for k, z in enumerate(metal_fraction):
        lifetime = np.minimum.accumulate(log_lifetime_yr(edges, z))
        turnoff = np.interp(-(np.log10(age_gyr) + 9), -lifetime, np.log(edges))
        living[:, k] = np.interp(turnoff, np.log(edges), left)
        remaining[:, k] = living[:, k] + np.interp(turnoff, np.log(edges), remnants)
    return remaining, living
