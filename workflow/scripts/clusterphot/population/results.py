"""From fluxes to the tables of a population: parameters, ages, and what each shared mode does to them.

Ages Gyr, metallicities in solar units of the grid, masses log10 Msun (surviving).
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.population.directions import directions_of
from clusterphot.population.histories import HISTORIES, Nodes
from clusterphot.population.likelihood import Likelihood
from clusterphot.population.posterior import Draws, Score, Target, sample_posterior, score
from clusterphot.sed.posterior import PROBABILITIES, QUANTILE_NAMES
from clusterphot.sed.posterior_model import trapezoid_weights
from clusterphot.sed.quantiles import quantiles_of_density

logger = logging.getLogger(__name__)

STEP_LOG_AGE_DEX, STEP_LOG_METALLICITY_DEX = 0.06, 0.18
"""Steps of the grid of a population. Twice those of single clusters: colours of one cluster at a signal to noise of 10
tell ages to 0.15 dex at best; half the steps move medians by less than a tenth of their error."""

SCORE_KIND = "elpd_loo"
"""Expected log density (natural) of a source left out, summed over the sources."""

CALLED_SIGMA, CALLED_LN = 2.0, 4.0
"""A model is called better than another by this many errors of the difference of their scores and by this much."""

R_HAT_LIMIT = 1.05
PARETO_LIMIT = 0.7
"""What is said to be doubtful: chains that differ, importance weights that do not hold (Vehtari et al. 2017, 2021)."""

FEW_SOURCES = 20
"""Below this number of sources priors decide, which is said."""


@dataclass(frozen=True)
class Fit:
    """One model of a population, fitted.

    Attributes
    ----------
    target : `clusterphot.population.posterior.Target`
    draws : `clusterphot.population.posterior.Draws`
    score : `clusterphot.population.posterior.Score`
    values : dict of str to (n_draws,) float ndarray
        Parameters by name.
    age_p : (n_draws, n_age) float ndarray
        Probability of each node of age.
    """

    target: Target
    draws: Draws
    score: Score
    values: dict
    age_p: np.ndarray


def fit_models(sample, model, modes, names, *, n_draws, seed, selection=None):
    """Fit models of a population.

    Parameters
    ----------
    sample : `clusterphot.population.likelihood.Sample`
    model : `clusterphot.sed.posterior_model.PosteriorModel`
        On the steps of a population.
    modes : `clusterphot.sed.shared_modes.SharedModes`
    names : sequence of str
        Of `clusterphot.population.histories.HISTORIES`.
    n_draws, seed : int
    selection : `clusterphot.population.selection.Selection`, optional

    Returns
    -------
    fits : dict of str to `Fit`
    """
    nodes = Nodes.of_model(model)
    likelihood = Likelihood(sample.in_order(), nodes, selection)
    directions = directions_of(modes)
    fits = {}
    for name in names:
        target = Target(likelihood, HISTORIES[name](nodes), directions)
        draws = sample_posterior(target, n_draws=n_draws, seed=seed)
        fits[name] = _summarise(target, draws)
        logger.info(
            "%s: score %.1f, R-hat %.3f, largest Pareto k %.2f",
            name,
            fits[name].score.total,
            draws.r_hat,
            fits[name].score.pareto_k,
        )
    return fits


def _summarise(target, draws):
    """Parameters of each draw, common ones and those of the history."""
    nodes, history = target.likelihood.nodes, target.history
    own, common, age_p, z_p = [], [], [], []
    for x in draws.x:
        variates = target.split(x)[0]
        own.append(history.parameters(variates))
        common.append(target.values(x))
        p = np.exp(history.log_probability(variates)[0]).reshape(nodes.shape)
        age_p.append(p.sum(axis=(0, 2)))
        z_p.append(p.sum(axis=(0, 1)))
    age_p, z_p = np.array(age_p), np.array(z_p)
    age = _quantiles(age_p, nodes.age_gyr, (0.16, 0.5, 0.84))
    z = _quantiles(z_p, nodes.metallicity_zsun, (0.16, 0.5, 0.84))
    values = {name: np.array([one[name] for one in own]) for name in own[0]}
    values |= {
        "median_age_gyr": 10 ** age[:, 1],
        "age_spread_dex": 0.5 * (age[:, 2] - age[:, 0]),
        "median_metallicity_zsun": 10 ** z[:, 1],
        "metallicity_spread_dex": 0.5 * (z[:, 2] - z[:, 0]),
        "median_log_mass": np.nanmedian(draws.log_mass, axis=1),
        "error_scale": np.exp([one[0] for one in common]),
        "contaminant_fraction": np.array([one[1] for one in common]),
    }
    if target.has_slope:
        values["mass_slope"] = np.array([-1.0 - one[2] for one in common])
    return Fit(target, draws, score(draws), values, age_p)


def _quantiles(probability, axis, wanted):
    """Quantiles in log10 of distributions over nodes, (n, n_wanted)."""
    if len(axis) == 1:
        return np.full((len(probability), len(wanted)), np.log10(axis[0]))
    return quantiles_of_density(probability / trapezoid_weights(axis), np.log10(axis), np.asarray(wanted))


def parameter_table(fits, filters):
    """Quantiles of all parameters of all models, and how the models compare.

    Parameters
    ----------
    fits : dict of str to `Fit`
    filters : sequence of str

    Returns
    -------
    table : `astropy.table.Table`
        ``model``, ``parameter``, quantiles, ``score`` and ``score_kind``; ``score_below`` and ``score_below_err``, how
        far the score lies below that of the best model.
    """
    best = max(fits, key=lambda name: fits[name].score.total)
    rows = []
    for name, fit in fits.items():
        below, error = fits[best].score.above(fit.score)
        shifts = np.array([fit.target.values(x)[3] for x in fit.draws.x])
        values = fit.values | {f"shift_{filt}": shifts[:, band] for band, filt in enumerate(filters)}
        for parameter, draws in values.items():
            quantiles = np.quantile(draws, PROBABILITIES)
            rows.append(
                {
                    "model": name,
                    "parameter": parameter,
                    **dict(zip(QUANTILE_NAMES, map(float, quantiles), strict=True)),
                    "score": fit.score.total,
                    "score_kind": SCORE_KIND,
                    "score_below": below,
                    "score_below_err": error,
                }
            )
    return Table(rows)


def age_table(fits, model, n_bins):
    """Fraction of the clusters in bins of log age, for each model.

    Returns
    -------
    table : `astropy.table.Table`
        ``model``, ``age_low``, ``age_high``, ``fraction_p16``, ``fraction_p50``, ``fraction_p84``.
    """
    log_age = np.log10(model.age_gyr)
    edges = np.linspace(log_age[0], log_age[-1], n_bins + 1)
    rows = []
    for name, fit in fits.items():
        density = fit.age_p / trapezoid_weights(model.age_gyr)
        step = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(log_age)
        cumulative = np.concatenate([np.zeros((len(density), 1)), np.cumsum(step, axis=1)], axis=1)
        at_edges = np.array([np.interp(edges, log_age, one / one[-1]) for one in cumulative])
        low, middle, high = np.quantile(np.diff(at_edges, axis=1), (0.16, 0.5, 0.84), axis=0)
        for k in range(n_bins):
            rows.append(
                {
                    "model": name,
                    "age_low": 10 ** edges[k],
                    "age_high": 10 ** edges[k + 1],
                    "fraction_p16": low[k],
                    "fraction_p50": middle[k],
                    "fraction_p84": high[k],
                }
            )
    return Table(rows)


def summary(fits, sample, n_given):
    """What is said of the models as a whole, for metadata."""
    best = max(fits, key=lambda name: fits[name].score.total)
    said = {
        "n_sources": len(sample),
        "n_left_out": int(n_given - len(sample)),
        "best_model": best,
        "r_hat": {name: round(fit.draws.r_hat, 3) for name, fit in fits.items()},
        "pareto_k": {name: round(fit.score.pareto_k, 2) for name, fit in fits.items()},
        "n_draws": {name: len(fit.draws.x) for name, fit in fits.items()},
        "mode_shares": {
            name: [round(float(s), 2) for s in fit.draws.mode_shares] for name, fit in fits.items()
        },
        "warnings": [],
    }
    if {"burst", "two_bursts"} <= fits.keys():
        gain, error = fits["two_bursts"].score.above(fits["burst"].score)
        said["two_bursts_over_one"] = [round(gain, 2), round(error, 2)]
        said["two_bursts_called"] = bool(is_called(gain, error))
    if len(sample) < FEW_SOURCES:
        said["warnings"].append(f"{len(sample)} sources are few: the priors decide")
    for name, fit in fits.items():
        if not fit.draws.r_hat < R_HAT_LIMIT:
            said["warnings"].append(f"{name}: the two chains differ (R-hat {fit.draws.r_hat:.2f})")
        if not fit.score.pareto_k < PARETO_LIMIT:
            said["warnings"].append(
                f"{name}: the score rests on few draws (Pareto k {fit.score.pareto_k:.2f})"
            )
    return said


def is_called(gain, error):
    """Whether a model with this gain in score over another is called better."""
    return gain > max(CALLED_SIGMA * error, CALLED_LN)
