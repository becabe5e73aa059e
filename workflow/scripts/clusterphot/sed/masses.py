"""From a best fit to a mass: mass = M/L_V of the best-fitting population times V luminosity.

Follows Faisst et al. (2022, ApJL 941, L11, section 3.3); the V luminosity is that of `clusterphot.sed.v_light`.
Masses in Msun, luminosities in Lsun, fluxes nJy.
"""

import numpy as np

from clusterphot.sed.chi2 import log_range


def mass_columns(photometry, fit, best, models, options):
    """Masses of best-fitting models: M/L_V times the V luminosity, and the normalisation of the whole SED beside it.

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
    fit : `clusterphot.sed.chi2.GridFit`
    best : ((n,) int ndarray, (n,) int ndarray)
        Age and metallicity of the best model of each source, of `clusterphot.sed.chi2.best_models`.
    models : `clusterphot.sed.best_fit.Models`
    options : `clusterphot.sed.best_fit.SedOptions`

    Returns
    -------
    columns : dict of str to (n,) float ndarray
        ``mass_formed``, ``mass_remaining``, ``log_mass`` (surviving), ``log_mass_formed`` and ``log_mass_err`` from
        the V filter; ``ml_v``, ``lum_v_lsun``; ``log_mass_sed``, ``log_mass_sed_err`` from all bands. NaN where a
        flux or a normalisation is not positive.

    Notes
    -----
    ``log_mass_err`` adds the relative error of the V flux and the range of M/L_V over the models within a rise of
    chi-square of 1, in quadrature. ``log_mass_sed`` is the normalisation of the fit, M in chi2 = sum (f - M m)^2 /
    err^2, times the surviving fraction.
    """
    i, j = best
    rows = np.arange(len(i))
    ml = models.mass_to_light
    known = np.isfinite(fit.chi2[rows, i, j])
    ml_v = np.where(known, ml.ml_v[i, j], np.nan)
    remaining = np.where(known, ml.mass_remaining[i, j], np.nan)
    # mass = M/L_V x L_V, L_V from the flux in one filter
    band = models.filters.index(options.v_filter)
    flux_v, err_v = photometry.flux[:, band], photometry.err[:, band]
    lum_v = options.lum_v_per_njy * flux_v
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mass = np.where(lum_v > 0, np.log10(np.abs(lum_v * ml_v)), np.nan)
        flux_dex = np.where(flux_v > 0, err_v / np.abs(flux_v), np.nan) / np.log(10)
        log_sed = np.log10(fit.mass[rows, i, j] * remaining)
    log_sed[~np.isfinite(log_sed)] = np.nan
    ml_dex = np.where(known, _half_range(fit.chi2, np.log10(ml.ml_v), i, j), np.nan)
    return {
        "mass_formed": 10.0**log_mass / remaining,
        "mass_remaining": 10.0**log_mass,
        "ml_v": ml_v,
        "lum_v_lsun": lum_v,
        "log_mass": log_mass,
        "log_mass_err": np.where(np.isfinite(log_mass), np.hypot(flux_dex, ml_dex), np.nan),
        "log_mass_formed": log_mass - np.log10(remaining),
        "log_mass_sed": log_sed,
        "log_mass_sed_err": np.where(
            np.isfinite(log_sed), log_range(fit, np.log10(ml.mass_remaining)), np.nan
        ),
    }


def _half_range(chi2, values, i, j):
    """1-sigma half-range of a quantity over the models.

    Nodes within a rise of 1 count as they are. Towards the neighbours of the best node the rise is taken as a
    parabola, so that a grid coarser than the interval does not make the range zero.

    Parameters
    ----------
    chi2 : (n, n_age, n_metallicity) float ndarray
    values : (n_age, n_metallicity) float ndarray
    i, j : (n,) int ndarray
        Best node of each source.
    """
    if len(i) == 0:
        return np.zeros(0)
    rows = np.arange(len(i))
    rise = chi2 - chi2[rows, i, j][:, None, None]
    high = np.max(np.where(rise <= 1, values[None], -np.inf), axis=(1, 2))
    low = np.min(np.where(rise <= 1, values[None], np.inf), axis=(1, 2))
    best = values[i, j]
    for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        ni = np.clip(i + di, 0, values.shape[0] - 1)
        nj = np.clip(j + dj, 0, values.shape[1] - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (values[ni, nj] - best) / np.sqrt(np.maximum(rise[rows, ni, nj], 1.0))
        high, low = np.fmax(high, best + step), np.fmin(low, best + step)
    return 0.5 * (high - low)
