"""Populations of sources for their cards: fluxes of the best fit, posterior band, age-metallicity map.

See `clusterphot.sed.best_fit` and `clusterphot.sed.posterior`. Fluxes nJy, ages Gyr, metallicities in solar units.
"""

import numpy as np

from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.posterior import PROBABILITIES, QUANTILE_NAMES, posteriors
from clusterphot.sed.posterior_model import trapezoid_weights

MAX_CELLS = 24
"""Cells of the age-metallicity map along each axis, at most."""


def best_fit_fluxes(clusters, models):
    """Fluxes of the best-fitting models with the normalisation of the fit to all bands.

    Parameters
    ----------
    clusters : `astropy.table.Table`
        Columns age_gyr, metallicity_zsun and log_mass_sed.
    models : `clusterphot.sed.best_fit.Models`

    Returns
    -------
    flux : (n, n_bands) float ndarray, nJy
        NaN where there is no fit.
    """
    age, metallicity, log_mass = (
        np.ma.filled(np.ma.asarray(clusters[name], dtype=float), np.nan)
        for name in ("age_gyr", "metallicity_zsun", "log_mass_sed")
    )
    known = np.isfinite(age) & np.isfinite(metallicity) & np.isfinite(log_mass)
    i = nearest_nodes(np.where(known, age, models.age_gyr[0]), models.age_gyr)
    j = nearest_nodes(np.where(known, metallicity, models.metallicity_zsun[0]), models.metallicity_zsun)
    formed = 10.0 ** np.where(known, log_mass, 0.0) / models.mass_to_light.mass_remaining[i, j]
    return np.where(known[:, None], formed[:, None] * models.flux[i, j], np.nan)


def nearest_nodes(values, axis):
    """Index of the nearest node of a grid's axis for each value."""
    return np.abs(np.asarray(values)[:, None] - np.asarray(axis)[None]).argmin(axis=1)


def posterior_pictures(flux, err, model, *, min_relative_error, flux_floor_fraction):
    """Posterior predictive fluxes and age-metallicity maps.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
        As for `clusterphot.sed.posterior.posterior_columns`.
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    min_relative_error, flux_floor_fraction : float

    Returns
    -------
    band : (n, n_quantiles, n_bands) float ndarray, nJy
        Quantiles (2.5, 16, 50, 84, 97.5 %) of the fluxes of the models drawn from the posterior.
    maps : list of (n_age, n_metallicity) float ndarray or None
        Posterior density per square dex, 1 at its peak, averaged over cells of `map_axes`.
    """
    found = posteriors(
        prepare_photometry(
            flux, err, flux_floor_fraction=flux_floor_fraction, min_relative_error=min_relative_error
        ),
        model,
    )
    band = np.full((len(flux), len(QUANTILE_NAMES), len(model.flux)), np.nan)
    maps = []
    areas = np.outer(trapezoid_weights(model.age_gyr), trapezoid_weights(model.metallicity_zsun))
    for row in range(len(flux)):
        draws = found.draws["model"][row]
        weight = found.node_weight[row].sum(axis=0)
        if draws[0] < 0 or not np.isfinite(weight).all():
            maps.append(None)
            continue
        predicted = model.flux[:, draws] * found.draws["mass"][row]
        band[row] = np.quantile(predicted, PROBABILITIES, axis=1)
        cells = _block_mean(_block_mean(weight / areas, 0), 1)
        maps.append(cells / cells.max())
    return band, maps


def map_axes(model):
    """Cell edges of the maps: ages in Gyr, metallicities in solar units.

    Returns
    -------
    age_edges, metallicity_edges : list of float
    """
    return tuple(_cell_edges(axis) for axis in (model.age_gyr, model.metallicity_zsun))


def _starts(n):
    """First node of each cell along an axis of n nodes."""
    step = -(-n // MAX_CELLS)
    return list(range(0, n, step))


def _block_mean(values, axis):
    """Mean over the nodes of each cell along an axis."""
    starts = _starts(values.shape[axis])
    counts = np.diff([*starts, values.shape[axis]])
    total = np.add.reduceat(values, starts, axis=axis)
    return total / np.expand_dims(counts, 1 - axis)


def _cell_edges(axis):
    """Edges of the cells along an axis: half way between nodes in the logarithm."""
    log_axis = np.log10(axis)
    if len(axis) == 1:
        return [float(axis[0]) / 1.1, float(axis[0]) * 1.1]
    starts = _starts(len(axis))
    inner = [0.5 * (log_axis[k - 1] + log_axis[k]) for k in starts[1:]]
    first, last = 1.5 * log_axis[0] - 0.5 * log_axis[1], 1.5 * log_axis[-1] - 0.5 * log_axis[-2]
    return [float(10.0**value) for value in (first, *inner, last)]
