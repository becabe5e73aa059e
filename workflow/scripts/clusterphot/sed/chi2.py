"""Chi-square fits of simple stellar populations to fluxes, all models and sources at once.

Method of Faisst et al. (2022, ApJL 941, L11, section 3.2): redshift fixed, normalisation free, a grid of
ages and metallicities. Fluxes nJy, models nJy per Msun formed, ages Gyr, metallicities in solar units.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfc, gammainccinv

from clusterphot.base.flags import Flag
from clusterphot.base.units import without_sentinels
from clusterphot.config.sed import SedSection

SIGMA_LEVELS = (1, 2, 3, 4, 5)
"""Of the intervals that tables list; F22 quote 1 to 3."""

N_FITTED = 3
"""Age, metallicity and mass: taken from the bands for the degrees of freedom of a best fit."""

LEAST_MASS_FRACTION = 1e-3
"""Of the best mass, in the range of its logarithm: a mass that may be zero has an error of 1.5 dex."""

BLOCK_MODELS = 2_000_000
"""Source-model pairs held in memory at once, 8 bytes each for a few arrays."""
POOR_FIT_P = 1e-4
"""Probability of a larger chi-square below which a fit is poor: one healthy source in ten thousand is flagged."""
ERROR_FACTOR = 2.0
"""Flux errors of drizzled mosaics are published up to this much too small (correlated pixels), and are to be forgiven
that much before a fit is called poor."""
NO_WEIGHT = 1e-8
"""A band with less than this share of the weight of the source's best band, ..."""
NO_SIGNAL = 1e-2
"""... whose error leaves even the source's brightest flux below this significance, tells nothing: it is missing."""


@dataclass(frozen=True)
class Photometry:
    """Fluxes as the fit uses them.

    Attributes
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
        ``err`` after replacement, with systematic error and floor; NaN in both where a band is missing.
    flags : (n,) int ndarray
    covariance : (n, n_bands, n_bands) float ndarray or None
        Where the errors of the bands are correlated; its diagonal is ``err`` squared.
    """

    flux: np.ndarray
    err: np.ndarray
    flags: np.ndarray
    covariance: np.ndarray | None = None


@dataclass(frozen=True)
class GridFit:
    """Chi-square of each source and model with the best normalisation.

    Attributes
    ----------
    chi2 : (n, n_age, n_metallicity) float ndarray
        NaN for a source without any band.
    mass : (n, n_age, n_metallicity) float ndarray
        Best mass formed in Msun, not below zero.
    mass_err : (n, n_age, n_metallicity) float ndarray
        Its 1-sigma error at fixed age and metallicity.
    """

    chi2: np.ndarray
    mass: np.ndarray
    mass_err: np.ndarray


def delta_chi2(n_sigma, n_parameters):
    """Rise of chi-square that holds the probability of ``n_sigma`` of a normal distribution.

    2.30, 6.18, 11.83, 19.33, 28.74 for two parameters (Lampton, Margon & Bowyer 1976, ApJ 208, 177).
    """
    return float(2.0 * gammainccinv(0.5 * n_parameters, erfc(n_sigma / np.sqrt(2.0))))


def prepare_photometry(
    flux,
    err,
    *,
    flux_floor_fraction=0.0,
    min_relative_error=SedSection.min_relative_error,
    err_sys=None,
    correlation=None,
):
    """Errors that can be divided by, and that keep one band from deciding alone by accident.

    Parameters
    ----------
    flux, err : (n, n_bands) float array_like, nJy
        A band with NaN in either is missing.
    flux_floor_fraction : float, optional
        Fraction of the flux added in quadrature to each error.
    min_relative_error : float, optional
        An error at or below this fraction of the flux (zero among them) is replaced by the median of the
        errors of the source's other bands, and the row is flagged ERROR_REPLACED. Where no other band has
        a usable error, the band counts as missing.
    err_sys : (n, n_bands) float array_like, optional
        Systematic error of each band (PSF, zero point), added in quadrature; NaN counts as none.
    correlation : (n_bands, n_bands) float array_like, optional
        Of the random errors between bands, as in a stack whose bands hold the same sources.

    Returns
    -------
    photometry : `Photometry`

    Raises
    ------
    ValueError
        If shapes differ or an error is negative.
    """
    flux, err = np.array(flux, dtype=float, ndmin=2), np.array(err, dtype=float, ndmin=2)  # copies
    if flux.shape != err.shape:
        raise ValueError(f"flux has shape {flux.shape}, err {err.shape}")
    if np.any(err < 0):
        raise ValueError("err holds negative values")
    flux, err, odd = without_sentinels(flux, err)
    missing = ~(np.isfinite(flux) & np.isfinite(err))
    flux[missing] = np.nan
    err[missing] = np.nan
    empty = _without_information(flux, err)
    flux[empty] = np.nan
    err[empty] = np.nan
    missing |= empty
    # errors too small to be true are replaced by the typical one of the source's other bands
    absurd = ~missing & (err <= min_relative_error * np.abs(flux))
    flags = np.where((odd | empty).any(axis=1), int(Flag.UNUSABLE_BAND), 0)
    for row in np.flatnonzero(absurd.any(axis=1)):
        usable = err[row, ~absurd[row] & ~missing[row]]
        err[row, absurd[row]] = np.median(usable) if usable.size else np.nan
        flux[row, np.isnan(err[row])] = np.nan
        flags[row] |= Flag.ERROR_REPLACED
    # what is added to the random errors is independent between bands, which these need not be
    independent = (flux_floor_fraction * flux) ** 2
    if err_sys is not None:
        independent = independent + np.nan_to_num(np.array(err_sys, dtype=float, ndmin=2)) ** 2
    covariance = None
    if correlation is not None:
        covariance = err[:, :, None] * np.asarray(correlation)[None] * err[:, None, :]
        covariance = covariance + independent[:, :, None] * np.eye(flux.shape[1])
    err = np.sqrt(err**2 + independent)
    n_bands = np.isfinite(flux).sum(axis=1)
    flags[n_bands < N_FITTED] |= Flag.TOO_FEW_BANDS
    flags[n_bands == 0] |= Flag.NO_DATA
    return Photometry(flux, err, flags, covariance)


def _without_information(flux, err):
    """Bands with an error so large that they tell nothing beside the others, (n, n_bands) bool ndarray."""
    with np.errstate(divide="ignore", over="ignore"):
        best = np.min(np.where(err > 0, err, np.inf), axis=1, keepdims=True, initial=np.inf)
        brightest = np.max(np.nan_to_num(np.abs(flux)), axis=1, keepdims=True, initial=0.0)
        return (err > best / np.sqrt(NO_WEIGHT)) & (err > brightest / NO_SIGNAL)


def is_poor_sed_fit(chi2, dof):
    """Fits that the models do not describe even with errors `ERROR_FACTOR` times as large, (n,) bool ndarray.

    Without degrees of freedom no fit is poor.
    """
    dof = np.asarray(dof)
    limit = ERROR_FACTOR**2 * 2.0 * gammainccinv(0.5 * np.maximum(dof, 1), POOR_FIT_P)
    return (dof > 0) & (np.nan_to_num(chi2) > limit)


def fit_grid(photometry, model_flux):
    """Chi-square and best normalisation of each source for each model.

    Parameters
    ----------
    photometry : `Photometry`
    model_flux : (n_age, n_metallicity, n_bands) float ndarray
        nJy per Msun formed.

    Returns
    -------
    fit : `GridFit`

    Raises
    ------
    ValueError
        If the numbers of bands differ.

    Notes
    -----
    With w = 1/err^2 the normalisation is sum(w f m) / sum(w m^2), not below zero, and
    chi2 = sum(w f^2) - sum(w f m)^2 / sum(w m^2). Bands are added one after the other, so that
    the result of a source does not depend on the sources beside it.

    Examples
    --------
    Two ages, one metallicity, three bands; the fluxes are those of 1e7 Msun of the first age, with errors of 1 nJy:

    >>> import numpy as np
    >>> models = 1e-6 * np.array([[[1.0, 2.0, 3.0]], [[1.0, 3.0, 5.0]]])
    >>> photometry = prepare_photometry([[10.0, 20.0, 31.0]], [[1.0, 1.0, 1.0]])
    >>> fit = fit_grid(photometry, models)
    >>> age, metallicity = best_models(fit.chi2)
    >>> print(f"age {age[0]}, chi2 {fit.chi2[0, 0, 0]:.2f}, mass {fit.mass[0, 0, 0]:.3g} Msun")
    age 0, chi2 0.36, mass 1.02e+07 Msun
    """
    if photometry.covariance is not None:
        return _fit_correlated(photometry, model_flux)
    n_age, n_metallicity, n_bands = model_flux.shape
    n = len(photometry.flux)
    if photometry.flux.shape[1] != n_bands:
        raise ValueError(f"{photometry.flux.shape[1]} bands observed, {n_bands} in the models")
    weight = np.nan_to_num(photometry.err**-2.0)
    flux = np.nan_to_num(photometry.flux)
    models = model_flux.reshape(-1, n_bands)
    chi2, mass, mass_err = (np.empty((n, len(models))) for _ in range(3))
    step = max(1, BLOCK_MODELS // len(models))
    for first in range(0, n, step):
        rows = slice(first, first + step)
        data = np.zeros((len(flux[rows]), 1))
        cross = np.zeros((len(data), len(models)))
        norm = np.zeros_like(cross)
        for band in range(n_bands):
            w, f, m = weight[rows, band, None], flux[rows, band, None], models[None, :, band]
            data += w * f * f
            cross += (w * f) * m
            norm += w * (m * m)
        with np.errstate(divide="ignore", invalid="ignore"):
            mass[rows] = np.maximum(cross, 0.0) / norm
            mass_err[rows] = 1 / np.sqrt(norm)
        chi2[rows] = np.maximum(data - mass[rows] * np.maximum(cross, 0.0), 0.0)
    chi2[photometry.flags & Flag.NO_DATA != 0] = np.nan
    mass[photometry.flags & Flag.NO_DATA != 0] = np.nan
    shape = (n, n_age, n_metallicity)
    return GridFit(chi2.reshape(shape), mass.reshape(shape), mass_err.reshape(shape))


def _fit_correlated(photometry, model_flux):
    """As `fit_grid`, each source whitened by the Cholesky factor of its covariance; for stacks, of few rows."""
    fits = []
    for flux, err, flags, covariance in zip(
        photometry.flux, photometry.err, photometry.flags, photometry.covariance, strict=True
    ):
        good = np.isfinite(flux) & np.isfinite(err)
        white = np.linalg.inv(np.linalg.cholesky(covariance[np.ix_(good, good)]))
        models = model_flux[..., good] @ white.T
        data = (white @ flux[good])[None]
        fits.append(fit_grid(Photometry(data, np.ones_like(data), flags[None]), models))
    return GridFit(
        *(np.concatenate([getattr(fit, name) for fit in fits]) for name in ("chi2", "mass", "mass_err"))
    )


def best_models(chi2):
    """Indices (age, metallicity) of the lowest chi-square of each source; 0, 0 where all is NaN."""
    flat = np.where(np.isnan(chi2), np.inf, chi2).reshape(len(chi2), int(np.prod(chi2.shape[1:])))
    return np.unravel_index(np.argmin(flat, axis=1), chi2.shape[1:])


def interval(chi2, values, threshold):
    """Lowest and highest grid value within ``threshold`` of the minimum of chi-square.

    Parameters
    ----------
    chi2 : (n, n_values) float ndarray
        Minimised over the other axis of the grid.
    values : (n_values,) float ndarray
        Increasing.
    threshold : float

    Returns
    -------
    low, high : (n,) float ndarray
        Nodes of the grid: the interval is no finer than its step. NaN where chi-square is NaN.
    """
    known = np.isfinite(chi2).all(axis=1)
    inside = (
        chi2 - np.where(known, np.min(np.nan_to_num(chi2, nan=np.inf), axis=1), np.nan)[:, None] <= threshold
    )
    first = np.argmax(inside, axis=1)
    last = len(values) - 1 - np.argmax(inside[:, ::-1], axis=1)
    return np.where(known, values[first], np.nan), np.where(known, values[last], np.nan)


def intervals(chi2, age_gyr, metallicity_zsun):
    """Intervals of age and metallicity at 1 to 5 sigma, joint and marginal, as columns of a table.

    Parameters
    ----------
    chi2 : (n, n_age, n_metallicity) float ndarray
    age_gyr, metallicity_zsun : 1-D float ndarray

    Returns
    -------
    columns : dict of str to (n,) float ndarray
        ``age_gyr_lo_1sigma`` and so on; ``..._marginal`` for one parameter of interest.
    """
    columns = {}
    axes = {
        "age_gyr": (np.min(chi2, axis=2), age_gyr),
        "metallicity_zsun": (np.min(chi2, axis=1), metallicity_zsun),
    }
    for quantity, (profile, values) in axes.items():
        for suffix, n_parameters in (("", 2), ("_marginal", 1)):
            for level in SIGMA_LEVELS:
                low, high = interval(profile, np.asarray(values), delta_chi2(level, n_parameters))
                columns[f"{quantity}_lo_{level}sigma{suffix}"] = low
                columns[f"{quantity}_hi_{level}sigma{suffix}"] = high
    return columns


def dominated(photometry, best_flux, fraction):
    """Sources with more than ``fraction`` of the weight of their fit in one of several bands.

    The weight of a band is (best-fitting flux / error)^2, its part in the error of the normalisation.
    """
    weight = np.nan_to_num((best_flux / photometry.err) ** 2)
    total = weight.sum(axis=1)
    several = np.isfinite(photometry.flux).sum(axis=1) > 1
    return several & (total > 0) & (weight.max(axis=1) > fraction * total)


def log_range(fit, log_scale, *, threshold=1.0):
    """Half the range of log10(mass) over models and normalisations within ``threshold`` of the minimum.

    Parameters
    ----------
    fit : `GridFit`
    log_scale : (n_age, n_metallicity) float ndarray
        Added to log10 of the mass formed, e.g. log10 of the surviving fraction.
    threshold : float, optional
        Rise of chi-square; 1 for the 1-sigma range of one parameter.

    Returns
    -------
    half_range : (n,) float ndarray, dex
        NaN where no model within the threshold has a positive mass.
    """
    rise = fit.chi2 - np.min(np.nan_to_num(fit.chi2, nan=np.inf), axis=(1, 2))[:, None, None]
    # at each model the mass may be off its best by what is left of the threshold, chi-square being a parabola in it
    room = fit.mass_err * np.sqrt(np.clip(threshold - rise, 0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.log10(np.maximum(fit.mass - room, fit.mass * LEAST_MASS_FRACTION)) + log_scale
        high = np.log10(fit.mass + room) + log_scale
    allowed = (rise <= threshold) & (fit.mass > 0)
    low = np.min(np.where(allowed, low, np.inf), axis=(1, 2))
    high = np.max(np.where(allowed, high, -np.inf), axis=(1, 2))
    return np.where(allowed.any(axis=(1, 2)), 0.5 * (high - low), np.nan)
