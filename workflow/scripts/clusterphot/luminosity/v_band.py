"""Luminosity function of the clusters in V, and what a globular-cluster system would have.

Gaussian luminosity function after Harris (1991, ARA&A 29, 543) and Harris et al. (2014, ApJ 797, 128). Luminosities in
V-band Suns, magnitudes V (Vega).
"""

import numpy as np
from scipy import special

from clusterphot.base.tables import flux_arrays
from clusterphot.sed.v_light import luminosity_per_njy, v_filter

SOLAR_V_VEGA = 4.81
"""Willmer (2018, ApJS 236, 47)."""

TURNOVER_V = -7.4
"""Turnover of the globular-cluster luminosity function of giant galaxies today, V; Harris et al. (2014)."""

DISPERSION_MAG = 1.3
"""Its dispersion in giant galaxies; Harris et al. (2014)."""

OLD_ML_V = 2.0
"""M/L_V of these old clusters, within 1.4-2.5 (Baumgardt, Sollima & Hilker 2020, PASA 37, e046)."""

LOG_SUPER_LUMINOUS = 6.7
"""log10 of the V luminosity above which a cluster is called super-luminous."""


def absolute_v(luminosity):
    """Absolute V magnitude (Vega) of luminosities in V-band Suns; NaN where not positive.

    Examples
    --------
    >>> print(f"{absolute_v(1e6):.2f}")
    -10.19
    """
    luminosity = np.asarray(luminosity, dtype=float)
    return SOLAR_V_VEGA - 2.5 * np.log10(np.where(luminosity > 0, luminosity, np.nan))


def turnover_at(ml_v):
    """Turnover magnitude of clusters of the same masses with another mass-to-light ratio.

    Parameters
    ----------
    ml_v : float
        Of the field's clusters. The turnover mass is that of today's clusters, 10^5.2 Msun: no mass loss.

    Returns
    -------
    magnitude : float, V (Vega)
    """
    return TURNOVER_V + 2.5 * np.log10(ml_v / OLD_ML_V)


def fraction_brighter(magnitude, turnover):
    """Share of a Gaussian luminosity function brighter than a magnitude."""
    return 0.5 * special.erfc((turnover - magnitude) / (np.sqrt(2) * DISPERSION_MAG))


def cluster_number(absolute_v_galaxy, specific_frequency):
    """Clusters of a galaxy: N = S_N 10^(-0.4 (M_V + 15)); Harris & van den Bergh (1981, AJ 86, 1627)."""
    return specific_frequency * 10 ** (-0.4 * (absolute_v_galaxy + 15))


def binomial_interval(k, n, z=1.0):
    """Wilson (1927) score interval of a share, 1 sigma by default.

    Returns
    -------
    low, high : float
        NaN for n = 0.

    Examples
    --------
    3 of 10:

    >>> print("{:.3f} to {:.3f}".format(*binomial_interval(3, 10)))
    0.179 to 0.458
    """
    if n == 0:
        return np.nan, np.nan
    share, width = k / n, z**2 / n
    middle = (share + width / 2) / (1 + width)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + width)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def summarise_luminosities(
    luminosity, luminosity_err, ml_v, *, depth_sigma=3.0, galaxy_v=None, specific_frequency=()
):
    """Rows of the summary: name, value, lower and upper 1-sigma end.

    Parameters
    ----------
    luminosity, luminosity_err, ml_v : (n,) float ndarray
    depth_sigma : float
        The limit is this many median errors.
    galaxy_v : (float, float), optional
        Absolute V magnitude of the brightest cluster galaxy and its error.
    specific_frequency : (low, high), optional

    Returns
    -------
    rows : list of (str, float, float, float)
    """
    known = np.isfinite(luminosity) & (luminosity > 0)
    n, bright = int(known.sum()), int(np.sum(luminosity[known] > 10**LOG_SUPER_LUMINOUS))
    error = luminosity_err[np.isfinite(luminosity_err) & (luminosity_err > 0)]
    limit = float(depth_sigma * np.median(error)) if len(error) else np.nan
    ratios = ml_v[np.isfinite(ml_v) & known]
    quantiles = np.quantile(ratios, [0.5, 0.16, 0.84]) if len(ratios) else np.full(3, np.nan)
    turnover = float(turnover_at(quantiles[0]))
    limit_v = float(absolute_v(limit))
    share = bright / n if n else np.nan
    rows = [
        ("clusters with a V luminosity", float(n), np.nan, np.nan),
        ("super-luminous clusters, log L_V > 6.7", float(bright), np.nan, np.nan),
        ("super-luminous fraction", share, *binomial_interval(bright, n)),
        (
            "median log L_V",
            *(np.log10(np.quantile(luminosity[known], [0.5, 0.16, 0.84])) if n else (np.nan,) * 3),
        ),
        ("median M/L_V", *quantiles),
        ("limiting M_V", limit_v, np.nan, np.nan),
        ("turnover M_V of globular clusters at this M/L_V", turnover, np.nan, np.nan),
        ("clusters brighter than the limit", float(np.sum(luminosity[known] > limit)), np.nan, np.nan),
    ]
    if galaxy_v is not None:
        fraction = fraction_brighter(limit_v, turnover)
        expected = [cluster_number(galaxy_v[0], s) * fraction for s in specific_frequency]
        rows += [
            (
                "M_V of the brightest cluster galaxy",
                galaxy_v[0],
                galaxy_v[0] - galaxy_v[1],
                galaxy_v[0] + galaxy_v[1],
            ),
            (
                "clusters of the whole system of that galaxy, brighter than the limit",
                float(np.sqrt(np.prod(expected))),
                min(expected),
                max(expected),
            ),
        ]
    return rows


def cluster_luminosities(photometry, filters, wanted, redshift, cosmology):
    """V luminosities of the sources, whatever the convention of the masses.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        De-reddened fluxes.
    filters : sequence of str
    wanted : str
        ``sed.v_filter``: a filter, or auto.
    redshift : float
    cosmology : dict

    Returns
    -------
    band : str
    luminosity, luminosity_err : (n,) float ndarray, V-band Suns
    """
    band = v_filter(filters, redshift) if wanted == "auto" else wanted
    flux, err = flux_arrays(photometry, [band])
    per_njy = luminosity_per_njy(band, redshift, cosmology, convention="vband")
    return band, per_njy * flux[:, 0], per_njy * err[:, 0]
