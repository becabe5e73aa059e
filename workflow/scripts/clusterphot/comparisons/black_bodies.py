"""Black bodies fitted to the fluxes of a stack: what cool stars in the list would look like.

After figure 5 of Faisst et al. (2022, ApJL 941, L11), with the temperature free as well. Temperatures K, fluxes nJy.
"""

from dataclasses import dataclass

import numpy as np
from astropy import constants
from astropy import units as u

from clusterphot.ssp.grid import band_flux, filter_curve

HC_OVER_K = (constants.h * constants.c / constants.k_B).to_value(u.K * u.AA)
TEMPERATURES_K = np.geomspace(1500.0, 12000.0, 400)
"""Grid of the free fit."""

N_WAVES, WAVE_MARGIN = 3000, 1.01
"""Wavelengths of a spectrum, and factor by which they reach beyond the filters: 0.06 % steps over F090W to F444W."""


@dataclass(frozen=True)
class BlackBodyFit:
    """Fits of black bodies of several temperatures to one SED.

    Attributes
    ----------
    temperature_k, chi2, amplitude : (n,) float ndarray
        Chi-square of each temperature, and the amplitude that gives it (never negative).
    model_njy : (n, n_bands) float ndarray
    dof : int
        Bands less the amplitude; one fewer where the temperature is free.
    """

    temperature_k: np.ndarray
    chi2: np.ndarray
    amplitude: np.ndarray
    model_njy: np.ndarray
    dof: int


def band_planck(temperature_k, filters):
    """Mean flux densities per unit frequency of black bodies through filters, each body with mean 1.

    Parameters
    ----------
    temperature_k : (n,) float ndarray
    filters : sequence of str

    Returns
    -------
    flux : (n, n_filters) float ndarray
    """
    curves = [filter_curve(name) for name in filters]
    first, last = min(curve.wave[0] for curve in curves), max(curve.wave[-1] for curve in curves)
    wave = np.geomspace(first / WAVE_MARGIN, last * WAVE_MARGIN, N_WAVES)
    with np.errstate(over="ignore"):
        f_lambda = np.array(
            [wave**-5.0 / np.expm1(HC_OVER_K / (wave * t)) for t in np.atleast_1d(temperature_k)]
        )
    flux = band_flux(wave, f_lambda, curves)
    return flux / flux.mean(axis=1, keepdims=True)


def fit_black_bodies(flux, covariance, filters, temperature_k):
    """Best amplitude and chi-square of each temperature.

    Parameters
    ----------
    flux : (n_bands,) float ndarray, nJy
        NaN where not measured.
    covariance : (n_bands, n_bands) float ndarray, nJy2
    filters : sequence of str
    temperature_k : (n,) float ndarray

    Returns
    -------
    fit : `BlackBodyFit`

    Raises
    ------
    ValueError
        If fewer than two bands are measured.
    """
    known = np.isfinite(flux) & np.isfinite(np.diag(covariance))
    if known.sum() < 2:
        raise ValueError(f"{known.sum()} measured bands, expected at least 2")
    shape = band_planck(temperature_k, filters)
    weight = np.linalg.inv(covariance[np.ix_(known, known)])
    model, data = shape[:, known], flux[known]
    amplitude = np.maximum((model @ weight @ data) / np.einsum("ki,ij,kj->k", model, weight, model), 0.0)
    residual = data - amplitude[:, None] * model
    chi2 = np.einsum("ki,ij,kj->k", residual, weight, residual)
    return BlackBodyFit(
        np.asarray(temperature_k, float), chi2, amplitude, amplitude[:, None] * shape, int(known.sum()) - 1
    )


def temperature_range(fit, rise=1.0):
    """Best temperature of a grid and the ends of the range within a rise of chi-square, K."""
    best = int(np.argmin(fit.chi2))
    inside = np.flatnonzero(fit.chi2 <= fit.chi2[best] + rise)
    return fit.temperature_k[best], fit.temperature_k[inside[0]], fit.temperature_k[inside[-1]]


def tabulate_black_bodies(flux, covariance, filters, temperature_k):
    """Columns of the table of black bodies: the fixed temperatures, then the best of all.

    Parameters
    ----------
    flux, covariance, filters :
        As `fit_black_bodies` takes them.
    temperature_k : sequence of float

    Returns
    -------
    columns : dict of str to ndarray
    """
    fixed = fit_black_bodies(flux, covariance, filters, np.asarray(temperature_k, dtype=float))
    free = fit_black_bodies(flux, covariance, filters, TEMPERATURES_K)
    best, low, high = temperature_range(free)
    k = int(np.argmin(free.chi2))
    unknown = np.full(len(fixed.chi2), np.nan)
    model = np.vstack([fixed.model_njy, free.model_njy[k]])
    return {
        "temperature_k": np.append(fixed.temperature_k, best),
        "temperature_lo_k": np.append(unknown, low),
        "temperature_hi_k": np.append(unknown, high),
        "chi2": np.append(fixed.chi2, free.chi2[k]),
        "dof": np.append(np.full(len(fixed.chi2), fixed.dof), fixed.dof - 1),
        "is_best": np.append(np.zeros(len(fixed.chi2), dtype=bool), True),
        **{f"model_{name}": model[:, band] for band, name in enumerate(filters)},
    }
