"""Distances and ages of a flat Lambda-CDM universe, through astropy.

`astropy.cosmology` is imported when a number is asked for: its import takes longer than most jobs that pass here.
"""

import functools


@functools.lru_cache
def flat_lambda_cdm(h0, omega_m):
    """Cosmology with Hubble constant ``h0`` in km/s/Mpc and matter density ``omega_m``."""
    from astropy.cosmology import FlatLambdaCDM

    return FlatLambdaCDM(H0=h0, Om0=omega_m)


def luminosity_distance_cm(redshift, h0, omega_m):
    """Luminosity distance in cm."""
    return float(flat_lambda_cdm(h0, omega_m).luminosity_distance(redshift).to_value("cm"))


def age_of_universe_gyr(redshift, h0, omega_m):
    """Age of the Universe at a redshift in Gyr."""
    return float(flat_lambda_cdm(h0, omega_m).age(redshift).to_value("Gyr"))


def lookback_gyr(redshift, h0, omega_m):
    """Time in Gyr since the light of a redshift left."""
    return age_of_universe_gyr(0.0, h0, omega_m) - age_of_universe_gyr(redshift, h0, omega_m)


def kpc_per_arcsec(redshift, h0, omega_m):
    """Proper transverse kpc per arcsec."""
    return 1.0 / float(flat_lambda_cdm(h0, omega_m).arcsec_per_kpc_proper(redshift).to_value("arcsec / kpc"))
