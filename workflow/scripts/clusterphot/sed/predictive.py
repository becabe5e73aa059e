"""Do the models explain the fluxes of a sample within their errors? Predictive checks of posteriors.

Posterior-predictive p-values after Gelman, Meng & Stern (1996, Stat. Sinica 6, 733). Fluxes nJy, ages Gyr, masses
Msun (surviving).
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy.special import chdtrc, gammaincinv

from clusterphot.base.robust import MEDIAN_ERROR, PRINTED_MAD_TO_SIGMA, mad_sigma
from clusterphot.config.sed import SedSection
from clusterphot.sed.chi2 import N_FITTED, Photometry, prepare_photometry
from clusterphot.sed.posterior import covariances, posteriors
from clusterphot.sed.shared_modes import DUST

FACTORS = tuple(float(f) for f in np.round(2.0 ** (np.arange(0, 41) / 8), 4))
"""Growth of the errors that is tried: 1 to 32 in steps of 9 %."""

SAMPLE_P_VALUE = 0.01
"""Predictive p-value below which a source counts as one that no model explains."""

N_FINE = 4001
"""Points in the log of the factor between the first and last level: 0.1 % each."""


# -------------------------------------------------------------------------------- one source at a time


def chi2_of_draws(photometry, posterior, model):
    """Chi-square of the data against each draw of the posterior, calibration errors included.

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
    posterior : `clusterphot.sed.posterior.Posterior`
    model : `clusterphot.sed.posterior_model.PosteriorModel`

    Returns
    -------
    chi2 : (n, n_draws) float ndarray
        NaN for a source without data.
    """
    predicted = drawn_flux(posterior, model)
    precision = np.linalg.inv(covariances(photometry, posterior.covariance_flux, model.nuisance))
    rows = np.arange(len(predicted))[:, None]
    chosen = precision[rows, posterior.draws["level"]]
    residual = np.nan_to_num(photometry.flux)[:, None, :] - predicted
    residual = np.where(np.isfinite(photometry.flux)[:, None, :], residual, 0.0)
    chi2 = np.zeros(predicted.shape[:2])
    for first in range(predicted.shape[2]):
        for second in range(predicted.shape[2]):
            chi2 += residual[..., first] * chosen[..., first, second] * residual[..., second]
    return np.where(posterior.draws["model"] >= 0, chi2, np.nan)


def drawn_flux(posterior, model):
    """Fluxes of the models drawn from each posterior, (n, n_draws, n_bands), nJy."""
    return posterior.draws["mass"][..., None] * model.flux.T[posterior.draws["model"]]


def predictive_columns(photometry, posterior, model):
    """Posterior-predictive check of each source.

    Parameters
    ----------
    photometry, posterior, model
        As for `chi2_of_draws`.

    Returns
    -------
    columns : dict of str to (n,) float ndarray
        ``chi2_predictive``, the mean of chi-square over the posterior, and ``p_predictive``, the
        probability that new data from the posterior would have a larger one: small values mean that no
        model explains the fluxes within their errors.
    """
    chi2 = chi2_of_draws(photometry, posterior, model)
    n_bands = np.isfinite(photometry.flux).sum(axis=1)
    p_value = chdtrc(np.maximum(n_bands, 1)[:, None], chi2)
    return {"chi2_predictive": chi2.mean(axis=1), "p_predictive": p_value.mean(axis=1)}


def best_chi2(photometry, posterior, model):
    """Lowest chi-square over the draws of each posterior, (n,): that of the best fit to about 0.1."""
    return chi2_of_draws(photometry, posterior, model).min(axis=1)


# ------------------------------------------------------------------------------------- the whole sample


@dataclass(frozen=True)
class LeftOut:
    """Each band against the prediction from all others.

    Attributes
    ----------
    predicted : (n, n_bands) float ndarray, nJy
    spread : (n, n_bands) float ndarray, nJy
        1-sigma width of the prediction: posterior and calibration errors, not the band's random error.
    """

    predicted: np.ndarray
    spread: np.ndarray


def leave_band_out(photometry, model):
    """Predict each band of each source from the posterior of its other bands.

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
    model : `clusterphot.sed.posterior_model.PosteriorModel`

    Returns
    -------
    left_out : `LeftOut`
        NaN where the band, or all others, are missing.

    Notes
    -----
    Mean and variance over the draws of the conditional Gaussian of the band given the residuals of the
    others, which share the error of E(B-V).
    """
    n, n_bands = photometry.flux.shape
    predicted, spread = np.full((n, n_bands), np.nan), np.full((n, n_bands), np.nan)
    for band in range(n_bands):
        others = np.arange(n_bands) != band
        flux, err = photometry.flux.copy(), photometry.err.copy()
        flux[:, band] = err[:, band] = np.nan
        partial = posteriors(Photometry(flux, err, photometry.flags), model)
        covariance = covariances(photometry, partial.covariance_flux, model.nuisance)
        fluxes = drawn_flux(partial, model)
        rows = np.arange(n)[:, None]
        level = partial.draws["level"]
        # conditional Gaussian: given the residuals of the others the band moves by gain x residual, since
        # calibration errors are shared; its own random error is not part of the prediction
        inverse = np.linalg.inv(covariance[:, :, others][..., others])
        shared = covariance[:, :, band][..., others]
        gain = np.matmul(shared[:, :, None, :], inverse)[:, :, 0]
        calibration = covariance[:, :, band, band] - np.sum(gain * shared, axis=-1)
        calibration = calibration - _random_variance(photometry.err[:, band], model.nuisance)
        residual = np.nan_to_num(photometry.flux[:, None, others] - fluxes[..., others])
        mean = fluxes[..., band] + np.sum(gain[rows, level] * residual, axis=-1)
        variance = mean.var(axis=1) + np.maximum(calibration, 0.0)[rows, level].mean(axis=1)
        known = np.isfinite(photometry.flux[:, band]) & np.isfinite(flux).any(axis=1)
        predicted[:, band] = np.where(known, mean.mean(axis=1), np.nan)
        spread[:, band] = np.where(known, np.sqrt(variance), np.nan)
    return LeftOut(predicted, spread)


def _random_variance(err, nuisance):
    """Variance of the random error of a band at each level, (n, n_levels), as in the covariance."""
    levels = nuisance.levels() if nuisance.jitter == "multiply" else np.ones(len(nuisance.levels()))
    return (np.nan_to_num(err)[:, None] * levels) ** 2


def _median_error(values):
    """Median, and its 1-sigma error from the scatter (MAD); NaN for no values."""
    if len(values) == 0:
        return np.nan, np.nan
    median = np.median(values)
    error = mad_sigma(values, factor=MEDIAN_ERROR * PRINTED_MAD_TO_SIGMA) / np.sqrt(len(values))
    return median, error


def growth_of_errors(residual, err, spread, *, factors=FACTORS):
    """Factor on the random errors that makes the scatter of pulls one.

    Parameters
    ----------
    residual, err, spread : (n,) float ndarray, nJy
        Measured less predicted, random error, and error of the prediction.
    factors : sequence of float, optional
        Increasing; the answer lies between the first and the last.

    Returns
    -------
    factor : float
        NaN without values. The scatter is 1.4826 times the median absolute pull.
    """
    if len(residual) == 0:
        return float("nan")
    pulls = np.stack([residual / np.hypot(factor * err, spread) for factor in factors])
    scatter = mad_sigma(pulls, centre=0.0, axis=1, factor=PRINTED_MAD_TO_SIGMA)
    # The scatter falls with the factor; interpolate in logarithms
    return float(np.exp(np.interp(0.0, -np.log(np.maximum(scatter, 1e-12)), np.log(factors))))


def common_growth(posterior, levels):
    """Factor common to all random errors that has the highest evidence over the sample.

    Parameters
    ----------
    posterior : `clusterphot.sed.posterior.Posterior`
        Made with ``jitter="multiply"``.
    levels : (n_levels,) float array_like
        Its levels, increasing.

    Returns
    -------
    low, best, high : float
        16, 50 and 84 % of the posterior of the factor, log-uniform between the first and last level.
    """
    levels = np.asarray(levels, float)
    evidence = posterior.log_evidence_jitter
    total = evidence[np.isfinite(evidence).all(axis=1)].sum(axis=0)
    fine = np.linspace(np.log(levels[0]), np.log(levels[-1]), N_FINE)
    log_density = np.interp(fine, np.log(levels), total)
    best = int(np.argmax(total))
    if 0 < best < len(levels) - 1:  # a parabola through the three highest, of which it is Gaussian
        x, y = np.log(levels[best - 1 : best + 2]), total[best - 1 : best + 2]
        log_density = np.polyval(np.polyfit(x - x[1], y - y[1], 2), fine - x[1])
    cumulative = np.cumsum(np.exp(log_density - log_density.max()))
    return tuple(np.exp(np.interp(np.array([0.16, 0.5, 0.84]) * cumulative[-1], cumulative, fine)))


def predictive_table(photometry, model, filters):
    """How well the models of a grid explain a sample, filter by filter.

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
    model : `clusterphot.sed.posterior_model.PosteriorModel`
        Best without jitter, which would hide what is asked.
    filters : sequence of str

    Returns
    -------
    table : `astropy.table.Table`
        One row per filter: ``n``; ``offset`` and ``offset_err``, the median of measured less predicted
        over predicted flux (a zero point or a library off) and its error; ``zero_point_error``, what was
        allowed for zero point and PSF; ``median_pull`` and ``pull_scatter``; ``error_factor``, by which random
        errors must grow for pulls of 1.4826 x median |pull| = 1, offsets included. Predictions are those of
        `leave_band_out`.

    Notes
    -----
    A prediction inherits what is wrong with the other bands, and its spread their errors: where all errors
    are too small, ``error_factor`` of one band alone is too large. `common_growth` changes all together.
    """
    left_out = leave_band_out(photometry, model)
    allowed = model.nuisance.modes.without(DUST).error
    rows = []
    for band, name in enumerate(filters):
        known = np.isfinite(left_out.predicted[:, band])
        predicted, spread = left_out.predicted[known, band], left_out.spread[known, band]
        err = photometry.err[known, band]
        residual = photometry.flux[known, band] - predicted
        pull = residual / np.hypot(err, spread)
        offset, offset_err = _median_error(residual / predicted)
        rows.append(
            {
                "filter": name,
                "n": int(known.sum()),
                "offset": offset,
                "offset_err": offset_err,
                "zero_point_error": float(allowed[band]),
                "median_pull": np.median(pull) if len(pull) else np.nan,
                "pull_scatter": mad_sigma(pull, factor=PRINTED_MAD_TO_SIGMA) if len(pull) else np.nan,
                "error_factor": growth_of_errors(residual, err, spread),
            }
        )
    return Table(rows)


def acceptance(photometry, posterior, model):
    """Numbers of a sample as a whole: are its fits acceptable, and how large must its errors be?

    Parameters
    ----------
    photometry : `clusterphot.sed.chi2.Photometry`
    posterior : `clusterphot.sed.posterior.Posterior`
    model : `clusterphot.sed.posterior_model.PosteriorModel`

    Returns
    -------
    numbers : dict of str to float
        ``n``, ``median_chi2`` of the best fits, ``median_dof``, ``chi2_factor`` (factor on all errors,
        calibration included, that takes the median chi-square to that of its degrees of freedom),
        ``p_below_1_percent`` (fraction of sources whose predictive p-value is below 0.01; 0.01 or less is
        expected), ``median_p``.
    """
    n_bands = np.isfinite(photometry.flux).sum(axis=1)
    used = n_bands > N_FITTED
    chi2 = best_chi2(photometry, posterior, model)[used]
    dof = n_bands[used] - N_FITTED
    p_value = predictive_columns(photometry, posterior, model)["p_predictive"][used]
    ratio = chi2 / (2 * gammaincinv(dof / 2, 0.5))  # the median of a chi-square distribution
    return {
        "n": int(used.sum()),
        "median_chi2": float(np.median(chi2)) if used.any() else np.nan,
        "median_dof": float(np.median(dof)) if used.any() else np.nan,
        "chi2_factor": float(np.sqrt(np.median(ratio))) if used.any() else np.nan,
        "p_below_1_percent": float(np.mean(p_value < SAMPLE_P_VALUE)) if used.any() else np.nan,
        "median_p": float(np.median(p_value)) if used.any() else np.nan,
    }


def check_sample(
    flux, err, filters, model, *, min_relative_error, flux_floor_fraction=SedSection.flux_floor_fraction
):
    """Do the models explain the fluxes of a sample within their errors, and by how much must these grow?

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
    filters : sequence of str
    model : callable
        ``model(jitter=..., jitter_levels=...)`` gives the `clusterphot.sed.posterior_model.PosteriorModel` with these
        keys changed.
    min_relative_error : float
    flux_floor_fraction : float, optional
        As in `clusterphot.sed.chi2.prepare_photometry`.

    Returns
    -------
    table : `astropy.table.Table`
        Of `predictive_table`.
    numbers : dict
        ``sample``, of `acceptance`, and ``error_factor_p16_p50_p84``, the factor common to all random errors of
        `common_growth`; NaN where no source has enough bands.
    """
    photometry = prepare_photometry(
        flux, err, flux_floor_fraction=flux_floor_fraction, min_relative_error=min_relative_error
    )
    plain = model(jitter="none")
    table = predictive_table(photometry, plain, filters)
    sample = acceptance(photometry, posteriors(photometry, plain), plain)
    growth = (float("nan"),) * 3
    if sample["n"]:
        growing = model(jitter="multiply", jitter_levels=list(FACTORS))
        growth = common_growth(posteriors(photometry, growing), FACTORS)
    return table, {"sample": sample, "error_factor_p16_p50_p84": [float(value) for value in growth]}
