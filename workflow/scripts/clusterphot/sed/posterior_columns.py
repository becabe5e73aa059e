"""Posteriors of sources from their fluxes and the configuration: the model of a field, and the columns of tables.

The likelihood is that of `clusterphot.sed.posterior`, the model that of `clusterphot.sed.posterior_model`. Fluxes nJy.
"""

import numpy as np

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.posterior import posteriors
from clusterphot.sed.posterior_model import build_model
from clusterphot.sed.predictive import FACTORS, acceptance, common_growth, predictive_table


def field_model(grid, params, *, ebv, err_fraction=None, **changes):
    """Model of a field's posteriors.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        All ages of the library through the field's filters.
    params : namespace
        ``posterior`` (section sed.posterior of the configuration), ``redshift``, ``cosmology``, ``r_v`` and
        ``zero_point_errors``, the fractional errors that the user named, by filter.
    ebv : float
        Milky Way E(B-V), mag.
    err_fraction : dict of str to float, optional
        Measured fractional systematic error by filter (PSF, zero point); see `systematic_fractions`.
    changes : optional
        Other values for keys of ``params.posterior``.

    Returns
    -------
    model : `clusterphot.sed.posterior.Model`
    fine : `clusterphot.ssp.grid.ProjectedGrid`
    """
    options = dict(params.posterior) | changes
    measured = err_fraction or {}
    errors = {}
    for filt in grid.filters:
        fraction = measured.get(filt, 0.0)
        named = params.zero_point_errors.get(filt)
        # a zero-point error that the user named is part of the measured systematic error already
        errors[filt] = (
            max(fraction, named)
            if named is not None
            else float(np.hypot(fraction, options["zero_point_error"]))
        )
    return build_model(
        grid,
        options,
        age_of_universe_gyr=age_of_universe_gyr(params.redshift, **params.cosmology),
        ebv=ebv,
        zero_point_error=errors,
        r_v=params.r_v,
    )


def systematic_fractions(flux, err_sys, filters):
    """Systematic error of each filter as a fraction of the flux, which is the same for all its sources.

    Parameters
    ----------
    flux, err_sys : (n, n_bands) float ndarray, nJy
    filters : sequence of str

    Returns
    -------
    fractions : dict of str to float
        0 for a filter without such errors; rounded, so that it does not depend on the sources at hand.
    """
    fractions = {}
    for band, filt in enumerate(filters):
        used = np.isfinite(err_sys[:, band]) & (np.abs(flux[:, band]) > 0)
        ratio = err_sys[used, band] / np.abs(flux[used, band])
        fractions[filt] = float(f"{np.median(ratio):.6g}") if used.any() else 0.0
    return fractions


def posterior_columns(flux, err, model, *, min_relative_error, correlation=None):
    """Columns of the posteriors.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
        Corrected for Milky Way dust, random errors only: systematic ones are in the model.
    model : `clusterphot.sed.posterior.Model`
    min_relative_error : float
        As in `clusterphot.sed.chi2.prepare_photometry`. The floor of the best fit is not used: zero points and jitter
        take its place.
    correlation : (n_bands, n_bands) float array_like, optional
        Of the random errors between bands.

    Returns
    -------
    columns : dict of str to (n,) float ndarray
    """
    photometry = prepare_photometry(flux, err, min_relative_error=min_relative_error, correlation=correlation)
    return posteriors(photometry, model).columns


def describe_model(model):
    """What a posterior was computed with, for metadata: ranges, priors, errors."""
    nuisance, priors = model.nuisance, model.priors
    return {
        "age_gyr": [float(model.age_gyr[0]), float(model.age_gyr[-1]), len(model.age_gyr)],
        "metallicity_zsun": [
            float(model.metallicity_zsun[0]),
            float(model.metallicity_zsun[-1]),
            len(model.metallicity_zsun),
        ],
        "age_prior": priors.age_prior,
        "metallicity_prior": priors.metallicity_prior,
        "mass_prior": priors.mass_prior,
        "zero_point_error": [float(value) for value in nuisance.zero_point_error],
        "ebv_error_mag": float(nuisance.ebv_error_mag),
        "jitter": nuisance.jitter,
        "jitter_levels": [float(value) for value in nuisance.levels()],
        "av_mag": [float(value) for value in model.av_mag],
    }


def check_sample(flux, err, filters, model, *, min_relative_error):
    """Do the models explain the fluxes of a sample within their errors, and by how much must these grow?

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
    filters : sequence of str
    model : callable
        ``model(jitter=..., jitter_levels=...)`` gives the `clusterphot.sed.posterior.Model` with these keys changed.
    min_relative_error : float

    Returns
    -------
    table : `astropy.table.Table`
        Of `clusterphot.sed.predictive.predictive_table`.
    numbers : dict
        ``sample``, of `clusterphot.sed.predictive.acceptance`, and ``error_factor_p16_p50_p84``, the factor common to
        all random errors of `clusterphot.sed.predictive.common_growth`; NaN where no source has enough bands.
    """
    photometry = prepare_photometry(flux, err, min_relative_error=min_relative_error)
    plain = model(jitter="none")
    table = predictive_table(photometry, plain, filters)
    sample = acceptance(photometry, posteriors(photometry, plain), plain)
    growth = (float("nan"),) * 3
    if sample["n"]:
        growing = model(jitter="multiply", jitter_levels=list(FACTORS))
        growth = common_growth(posteriors(photometry, growing), FACTORS)
    return table, {"sample": sample, "error_factor_p16_p50_p84": [float(value) for value in growth]}
