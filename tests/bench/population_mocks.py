"""Mock populations of star clusters, measured like those of a field: what bench and tests of populations share.

Ages and metallicities are drawn from a history, masses from a power law, fluxes from the models between the nodes of
the fine grid; one set of shared errors is drawn for each mock; noise is that of the demonstration's fluxes, and
clusters are listed by their noisy flux in F200W.
"""

from dataclasses import dataclass

import numpy as np
from clusterphot.population.likelihood import Sample, measured
from clusterphot.sed.posterior_model import flux_at
from clusterphot.sed.shared_modes import dust_mode, make_modes, zero_point_modes

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
REFERENCE = SIX.index("F200W")
NOISE_NJY = (1.7, 1.35, 1.35, 1.55, 1.6, 2.1)
"""Median flux errors of the demonstration field."""

FLUX_LIMIT_NJY = 6.0
"""29.45 mag in F200W: what is fainter is not listed."""

MASS_SLOPE = 1.0
"""Numbers per log mass go as mass to minus this: a slope of -2 in dN/dM."""

MODEL_ERROR = 0.03

K_EBV = (1.40, 0.592, 0.389, 0.250, 0.184, 0.145)
"""A over E(B-V), Fitzpatrick (1999) with R_V = 3.1."""


@dataclass(frozen=True)
class Truth:
    """Ages as Gaussians in log age, (fraction, median Gyr, width in dex) of each; or a constant rate between two."""

    bursts: tuple = ((1.0, 2.0, 0.1),)
    continuous: tuple = None
    metallicity_zsun: float = 0.3
    metallicity_dex: float = 0.3


def shared_modes(zero_point=0.02, psf=0.015):
    """Zero points, a PSF that is too broad in all bands, and one for each channel, and E(B-V) of 0.18 to 16 %."""
    effects = {
        "reference": dict.fromkeys(SIX, psf),
        "short": dict.fromkeys(SIX[:3], psf),
        "long": dict.fromkeys(SIX[3:], psf),
    }
    dust = dust_mode(SIX, 0.18 * np.array(K_EBV), 0.16)
    return make_modes(SIX, "psf core", effects).and_also(zero_point_modes(SIX, zero_point)).and_also(dust)


def draw_ages(rng, truth, n, ends):
    """Ages of n clusters, those beyond the ends drawn anew."""
    ages = np.empty(0)
    while len(ages) < n:
        if truth.continuous:
            more = rng.uniform(*truth.continuous, size=n)
        else:
            which = rng.choice(len(truth.bursts), size=n, p=[burst[0] for burst in truth.bursts])
            middle, width = (np.array([burst[k] for burst in truth.bursts])[which] for k in (1, 2))
            more = middle * 10 ** (width * rng.normal(size=n))
        ages = np.concatenate([ages, more[(more > ends[0]) & (more < ends[1])]])
    return ages[:n]


def draw_metallicities(rng, truth, n, ends):
    """Metallicities of n clusters, those beyond the ends drawn anew: clipped ones would heap up there."""
    z = np.empty(0)
    while len(z) < n:
        more = truth.metallicity_zsun * 10 ** (truth.metallicity_dex * rng.normal(size=n))
        z = np.concatenate([z, more[(more > ends[0]) & (more < ends[1])]])
    return z[:n]


def draw_mock(
    rng,
    fine,
    truth,
    modes,
    *,
    n=178,
    noise=NOISE_NJY,
    limit=FLUX_LIMIT_NJY,
    shared=True,
    model_error=MODEL_ERROR,
):
    """A list of clusters.

    Parameters
    ----------
    rng : `numpy.random.Generator`
    fine : `clusterphot.sed.posterior_model.PosteriorModel`
        On the fine grid.
    truth : `Truth`
    modes : `clusterphot.sed.shared_modes.SharedModes`
    n : int
        Clusters listed.
    noise : (n_bands,) sequence of float, nJy
    limit : float, nJy
        On the noisy flux in the reference band.
    shared : bool
        Whether the shared errors are drawn, or none.
    model_error : float
        Scatter of each cluster's fluxes about the model, a fraction in each band.

    Returns
    -------
    sample : `clusterphot.population.likelihood.Sample`
    true : dict
        ``age_gyr``, ``metallicity_zsun``, ``log_mass`` of the clusters listed, ``shift`` of the bands.
    """
    shift = (rng.normal(size=len(modes.names)) if shared else np.zeros(len(modes.names))) @ modes.effects
    noise = np.asarray(noise)
    kept, found = {name: [] for name in ("flux", "age_gyr", "metallicity_zsun", "log_mass")}, 0
    while found < n:
        m = 4 * n
        age = draw_ages(rng, truth, m, (fine.age_gyr[0], fine.age_gyr[-1]))
        z = draw_metallicities(rng, truth, m, (fine.metallicity_zsun[0], fine.metallicity_zsun[-1]))
        per_mass, _ = flux_at(fine, age, z)
        # brightest 200 times the faintest; at equal mass the old are the fainter ones
        log_mass = (
            np.log10(0.2 * limit / per_mass.max()) - np.log10(rng.uniform(1e-4, 1.0, size=m)) / MASS_SLOPE
        )
        own = 1 + model_error * rng.normal(size=per_mass.shape)
        flux = 10 ** log_mass[:, None] * per_mass * (1 + shift) * own + noise * rng.normal(
            size=(m, len(noise))
        )
        listed = flux[:, REFERENCE] > limit
        values = {"flux": flux, "age_gyr": age, "metallicity_zsun": z, "log_mass": log_mass}
        for name, value in values.items():
            kept[name].append(value[listed])
        found += listed.sum()
    kept = {name: np.concatenate(value)[:n] for name, value in kept.items()}
    flux = kept.pop("flux")
    sample, _ = measured(flux, np.broadcast_to(noise, flux.shape), np.ones(n), model_error=model_error)
    return sample, kept | {"shift": shift}


BRIGHTEST_OVER_LIMIT_DEX = 1.3
"""Range of the log-uniform brightness of clusters drawn from the model itself."""


def draw_from_model(rng, history, modes, *, n=178, noise=NOISE_NJY, model_error=MODEL_ERROR):
    """Clusters drawn as the model says: history from its prior, models on its nodes, errors as given, no selection.

    Intervals of a fit to these hold the truth as often as they say if the posterior and its draws are right (Cook,
    Gelman & Rubin 2006, J. Comput. Graph. Stat. 15, 675). Masses are log-uniform in the reference band's flux; there
    are no contaminants.

    Parameters
    ----------
    rng : `numpy.random.Generator`
    history : `clusterphot.population.histories.History`
    modes : `clusterphot.sed.shared_modes.SharedModes`
    n, noise, model_error
        As for `draw_mock`.

    Returns
    -------
    sample : `clusterphot.population.likelihood.Sample`
    true : dict
        Parameters of the history, and ``error_scale``.
    """
    x = rng.normal(size=history.n)
    p = np.exp(history.log_probability(x)[0])
    per_mass = history.nodes.flux[:, rng.choice(len(p), size=n, p=p / p.sum())].T
    shift = rng.normal(size=len(modes.names)) @ modes.effects
    brightness = FLUX_LIMIT_NJY * 10 ** rng.uniform(0, BRIGHTEST_OVER_LIMIT_DEX, size=n)
    flux = (brightness / per_mass[:, REFERENCE])[:, None] * per_mass * (1 + shift)
    err = np.hypot(noise, model_error * flux)
    true = {name: float(value) for name, value in history.parameters(x).items()} | {"error_scale": 1.0}
    return Sample(flux + err * rng.normal(size=flux.shape), err, np.ones(n)), true
