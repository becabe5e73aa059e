"""What a population is fitted with, from the tables of a field and the configuration."""

import numpy as np

from clusterphot.base.tables import at_field_redshift, flux_arrays
from clusterphot.population.results import STEP_LOG_AGE_DEX, STEP_LOG_METALLICITY_DEX
from clusterphot.sed.posterior_model import field_model


def population_model(grid, params, modes):
    """Models on the steps of a population, with the ranges of the posteriors of single clusters.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        All ages of the library.
    params : namespace
        As for `clusterphot.sed.posterior_model.field_model`.
    modes : `clusterphot.sed.shared_modes.SharedModes`

    Returns
    -------
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    """
    steps = {
        "step_log_age_dex": STEP_LOG_AGE_DEX,
        "step_log_metallicity_dex": STEP_LOG_METALLICITY_DEX,
    }
    return field_model(grid, params, modes, **steps)[0]


def cluster_probability(photometry, contamination):
    """Probability of each source to be a cluster of the field, and whether it lies in the field.

    Parameters
    ----------
    photometry : `astropy.table.Table`
    contamination : `astropy.table.Table` or None
        Probabilities in the order of the photometry. Sources of its control region, and sources at a redshift of
        their own, are not of the field.

    Returns
    -------
    p_cluster : (n,) float ndarray
        One where not known.
    in_field : (n,) bool ndarray
    """
    here = at_field_redshift(photometry)
    if contamination is None:
        return np.ones(len(photometry)), here
    if list(contamination["id"]) != list(photometry["id"]):
        raise ValueError("contamination and photometry hold other sources, or in another order")
    p_cluster = np.ma.filled(np.ma.asarray(contamination["p_cluster"], dtype=float), np.nan)
    return np.nan_to_num(p_cluster, nan=1.0), here & ~np.asarray(contamination["is_control"], dtype=bool)


def reference_band(params, photometry, filters):
    """Filter that colours are compared to: the field's reference filter, else that of the highest signal to noise."""
    if params.reference_filter in filters:
        return params.reference_filter
    flux, err = flux_arrays(photometry, filters)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nan_to_num(flux / err, nan=0.0, posinf=0.0, neginf=0.0)
    return filters[int(np.argmax(np.median(ratio, axis=0)))]
