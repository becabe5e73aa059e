"""Mock clusters drawn from the priors of a posterior, and whether posteriors hold the truth as often as they should.

Simulation-based calibration after Talts et al. (2018, arXiv:1804.06788), for the tests and docs/make_calibration.py.
Fluxes nJy, ages Gyr, masses Msun (surviving).
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from clusterphot.sed.chi2 import Photometry
from clusterphot.sed.posterior import posteriors
from clusterphot.sed.posterior_model import flux_at
from clusterphot.sed.shared_modes import dust_mode, zero_point_modes

CALIBRATED = ("age_gyr", "metallicity_zsun", "log_mass")
CDF_LEVELS = np.linspace(0.0, 1.0, 101)


K_EBV = {"F090W": 1.40, "F150W": 0.592, "F200W": 0.389, "F277W": 0.250, "F356W": 0.184, "F444W": 0.145}
"""A over E(B-V) at the pivots, Fitzpatrick (1999) with R_V = 3.1."""


def usual_modes(filters, *, zero_point=0.02, ebv_error_mag=0.03):
    """Errors of all zero points and of E(B-V), shared by the sources of a field."""
    return zero_point_modes(filters, zero_point).and_also(
        dust_mode(filters, [K_EBV[filt] for filt in filters], ebv_error_mag)
    )


@dataclass(frozen=True)
class Mocks:
    """Mock clusters drawn from the prior.

    Attributes
    ----------
    truth : dict of str to (n,) float ndarray
        age_gyr, metallicity_zsun, log_mass (surviving), ml_v, av_mag, jitter.
    flux, err : (n, n_bands) float ndarray, nJy
    """

    truth: dict
    flux: np.ndarray
    err: np.ndarray


def draw_mocks(model, err, n, *, seed):
    """Draw clusters and their fluxes from the priors and the nuisance model.

    Parameters
    ----------
    model : `clusterphot.sed.posterior_model.PosteriorModel`
        With a log-uniform prior of the mass.
    err : (n_rows, n_bands) float ndarray, nJy
        Random errors; each cluster gets one of the rows. NaN is a missing band.
    n : int
    seed : int

    Returns
    -------
    mocks : `Mocks`

    Raises
    ------
    ValueError
        For another prior of the mass.
    """
    priors, nuisance = model.priors, model.nuisance
    if priors.mass_prior != "log-uniform":
        raise ValueError(f"mass prior {priors.mass_prior!r}, expected log-uniform")
    rng = np.random.default_rng(seed)
    age = _draw_between(rng, model.age_gyr, priors.age_prior, n)
    metallicity = _draw_between(rng, model.metallicity_zsun, priors.metallicity_prior, n)
    mass = _draw_between(rng, np.array([priors.mass_min_msun, priors.mass_max_msun]), "log-uniform", n)
    av_index = rng.integers(0, len(model.av_mag), n)
    level = rng.choice(nuisance.levels(), n)
    err = err[rng.integers(0, len(err), n)]
    unit, ml_v = flux_at(model, age, metallicity, av_index)
    true = unit * mass[:, None]
    effects = nuisance.modes.effects
    flux = true * (1 + rng.normal(size=(n, len(effects))) @ effects)
    random = np.hypot(err, level[:, None] * true) if nuisance.jitter == "add" else err * level[:, None]
    flux = flux + random * rng.normal(size=true.shape)
    truth = {
        "age_gyr": age,
        "metallicity_zsun": metallicity,
        "log_mass": np.log10(mass),
        "ml_v": ml_v,
        "av_mag": model.av_mag[av_index],
        "jitter": level,
    }
    return Mocks(truth, flux, err)


def _draw_between(rng, values, prior, n):
    """Draws between the first and last of ``values``."""
    low, high = values[0], values[-1]
    if prior == "uniform":
        return rng.uniform(low, high, n)
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def calibrate(mocks, model, *, n_batch=500):
    """Posteriors of mock clusters against their truths.

    Parameters
    ----------
    mocks : `Mocks`
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    n_batch : int, optional
        Clusters at a time, for memory; no effect on the result.

    Returns
    -------
    table : `astropy.table.Table`
        One row per quantity: ``quantity``, ``n``, ``coverage_68``, ``coverage_95`` (fractions of truths inside
        the 16-84 and 2.5-97.5 % intervals), ``mean_rank``, ``ks_distance`` of the ranks from a flat
        distribution (1.36 / sqrt(n) at 95 %).
    ranks : dict of str to (n,) float ndarray
        Posterior probability below the truth, in [0, 1]: flat if the posteriors are right.
    """
    ranks = {name: [] for name in CALIBRATED}
    for first in range(0, len(mocks.flux), n_batch):
        part = slice(first, first + n_batch)
        flux, err = mocks.flux[part], np.where(np.isfinite(mocks.flux[part]), mocks.err[part], np.nan)
        photometry = Photometry(flux, err, np.zeros(len(flux), int))
        posterior = posteriors(photometry, model, probabilities=CDF_LEVELS)
        for name in CALIBRATED:
            pairs = zip(mocks.truth[name][part], posterior.quantiles[name], strict=True)
            ranks[name] += [np.interp(truth, quantiles, CDF_LEVELS) for truth, quantiles in pairs]
    rows = []
    for name in CALIBRATED:
        rank = ranks[name] = np.array(ranks[name])
        ordered, n = np.sort(rank), len(rank)
        steps = np.arange(1, n + 1) / n
        rows.append(
            {
                "quantity": name,
                "n": n,
                "coverage_68": np.mean((rank >= 0.16) & (rank <= 0.84)),
                "coverage_95": np.mean((rank >= 0.025) & (rank <= 0.975)),
                "mean_rank": rank.mean(),
                "ks_distance": max(np.max(steps - ordered), np.max(ordered - steps + 1 / n)),
            }
        )
    return Table(rows), ranks
