"""Turnover and width of the luminosity function that a system of globular clusters would have, as priors.

Today's turnover is carried back to the field's redshift by the models of the SSP grid: clusters that are old now were
younger then, and brighter (passive fading; no cluster dies or loses stars by tides). AB magnitudes in a filter.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from clusterphot.base.cosmology import age_of_universe_gyr, lookback_gyr
from clusterphot.base.units import mag_ab
from clusterphot.luminosity.v_band import SOLAR_V_VEGA, TURNOVER_V

TURNOVER_V_ERR = 0.2
"""Scatter of today's turnover between giant galaxies, mag (Harris et al. 2014, ApJ 797, 128; Rejkuba 2012)."""

WIDTH_AT_MB20, WIDTH_PER_MAG, WIDTH_ERR = 1.07, 0.10, 0.1
"""Width of the function against the galaxy's M_B: 1.07 - 0.10 (M_B + 20) in z (Jordan et al. 2007, ApJS 171, 101), and
the scatter of galaxies about it."""

WIDEST = 1.6
"""Width of the brightest galaxies at most, mag: the relation was measured to M_B = -22."""

B_MINUS_V = 0.95
"""Colour of giant ellipticals, Vega mag."""

N_DRAWS = 4000


@dataclass(frozen=True)
class OldClusters:
    """What is assumed of the age and the metallicity of globular clusters.

    Attributes
    ----------
    age_today_gyr, age_err_gyr : float
    metallicity_zsun, metallicity_err_dex : float
    """

    age_today_gyr: float
    age_err_gyr: float
    metallicity_zsun: float
    metallicity_err_dex: float


def expected_turnover(grid, filt, old, *, faded, seed=1):
    """Turnover in a filter at the redshift of a grid, and its error.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        With all ages of its library.
    filt : str
        One of its filters.
    old : `OldClusters`
    faded : bool
        Whether clusters are as bright as they were at that redshift; else as bright in V as they are today, with the
        colours of that time.
    seed : int

    Returns
    -------
    turnover, error : float, AB mag
        Today's scatter, ages and metallicities are in the error.

    Notes
    -----
    A cluster at today's turnover has M formed Suns if M L_V(age today) is its V luminosity; its flux then is M times
    that of the grid at the age that it had. Ages are cut at those of the grid.
    """
    rng = np.random.default_rng(seed)
    today = age_of_universe_gyr(0.0, grid.h0, grid.omega_m)
    lookback = lookback_gyr(grid.redshift, grid.h0, grid.omega_m)
    age = np.clip(old.age_today_gyr + old.age_err_gyr * rng.standard_normal(N_DRAWS), lookback + 0.1, today)
    log_z = np.log10(old.metallicity_zsun) + old.metallicity_err_dex * rng.standard_normal(N_DRAWS)
    light_today = _at(grid, np.log10(grid.lum_v_lsun), age, log_z)
    then = age - lookback
    light_then = light_today if faded else _at(grid, np.log10(grid.lum_v_lsun), then, log_z)
    flux_then = _at(grid, np.log10(grid.flux_njy[:, :, grid.filters.index(filt)]), then, log_z)
    magnitude_v = TURNOVER_V + TURNOVER_V_ERR * rng.standard_normal(N_DRAWS)
    log_luminosity = 0.4 * (SOLAR_V_VEGA - magnitude_v)
    mag = mag_ab(10 ** (log_luminosity - light_then + flux_then))
    return float(np.mean(mag)), float(np.std(mag))


def _at(grid, log_values, age_gyr, log_z):
    """Values of a grid at ages and metallicities, linear in the logs, held at its ends."""
    axes = (np.log10(grid.age_gyr), np.log10(grid.metallicity_zsun))
    if len(axes[1]) == 1:
        return np.interp(np.log10(age_gyr), axes[0], log_values[:, 0])
    points = [
        np.clip(values, axis[0], axis[-1])
        for values, axis in zip((np.log10(age_gyr), log_z), axes, strict=True)
    ]
    return RegularGridInterpolator(axes, log_values)(np.stack(points, axis=1))


def width_of_galaxy(absolute_v):
    """Width of the luminosity function around a galaxy of absolute V magnitude (Vega), and its scatter, mag.

    Examples
    --------
    >>> print("{:.2f} {:.2f}".format(*width_of_galaxy(-22.0)))
    1.18 0.10
    """
    absolute_b = absolute_v + B_MINUS_V
    return float(np.clip(WIDTH_AT_MB20 - WIDTH_PER_MAG * (absolute_b + 20.0), 0.5, WIDEST)), WIDTH_ERR
