"""What posteriors assume: priors, errors beyond the random ones, and the fine grid of models of a field.

Keys of the configuration are those of section sed.posterior of config/config.yaml. Fluxes nJy, masses Msun (surviving),
ages Gyr, metallicities in solar units of the grid.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.errors import ConfigError
from clusterphot.base.filters import load_filter
from clusterphot.config.dust import DustSection
from clusterphot.config.keys import keys_of
from clusterphot.config.sed import PriorKeys
from clusterphot.sed.shared_modes import SharedModes, dust_mode, zero_point_modes
from clusterphot.ssp.refine import refine_grid


@dataclass(frozen=True)
class Priors(PriorKeys):
    """Priors: keys of the configuration. Each is proper, so that evidences are defined.

    Those of age and metallicity lie between the ends of the fine grid; that of the surviving mass is log-uniform
    between its ends, or a Gaussian in linear mass, cut at zero.
    """

    def __post_init__(self):
        for name in ("age_prior", "metallicity_prior"):
            if getattr(self, name) not in ("uniform", "log-uniform"):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected uniform or log-uniform")
        if self.mass_prior not in ("log-uniform", "gaussian"):
            raise ValueError(f"mass_prior is {self.mass_prior!r}, expected log-uniform or gaussian")
        if not 0 < self.mass_min_msun < self.mass_max_msun:
            raise ValueError(
                f"masses from {self.mass_min_msun} to {self.mass_max_msun} Msun, expected 0 < min < max"
            )
        if not self.mass_sigma_msun > 0:
            raise ValueError(f"mass_sigma_msun is {self.mass_sigma_msun}, expected > 0")


@dataclass(frozen=True)
class Nuisance:
    """Errors beyond the random ones of each flux.

    Attributes
    ----------
    modes : `clusterphot.sed.shared_modes.SharedModes`, optional
        What all sources share: PSF, zero points, E(B-V); their effects are used. None is without errors of that kind.
    av_mag : sequence of float
        Extra dust: values of A_V at the rest frame, mag, of equal prior probability.
    extinction_per_av : (n_bands,) float array_like
        A of each filter over that A_V; see `extinction_per_av`.
    jitter : {'none', 'multiply', 'add'}
        ``multiply`` takes each level as a factor of all random errors, ``add`` as a fraction of the
        flux added to them in quadrature.
    jitter_levels : sequence of float
        Of equal prior probability; not used with ``none``.
    """

    modes: SharedModes | None = None
    av_mag: tuple = (0.0,)
    extinction_per_av: tuple = ()
    jitter: str = "none"
    jitter_levels: tuple = (1.0,)

    def __post_init__(self):
        if self.jitter not in ("none", "multiply", "add"):
            raise ValueError(f"jitter {self.jitter!r}, expected none, multiply or add")
        lowest = 0.0 if self.jitter == "add" else 1e-6
        if len(self.jitter_levels) == 0 or min(self.jitter_levels) < lowest:
            raise ValueError(f"jitter_levels {self.jitter_levels}, expected values of at least {lowest:g}")
        if len(self.av_mag) == 0 or min(self.av_mag) < 0:
            raise ValueError(f"av_mag {self.av_mag}, expected values of at least 0")

    def levels(self):
        """Levels of the jitter, one that does nothing where there is none."""
        return np.asarray(self.jitter_levels, float) if self.jitter != "none" else np.array([1.0])


@dataclass(frozen=True)
class PosteriorModel:
    """Everything about the posterior that does not depend on the source, made by `make_model`.

    Models are flat, in the order (A_V, age, metallicity).

    Attributes
    ----------
    age_gyr, metallicity_zsun, av_mag : 1-D float ndarray
    flux : (n_bands, n_models) float ndarray, nJy per Msun of surviving mass
    pairs : (n_pairs, n_models) float ndarray
        Products of the fluxes of two bands.
    log_prior : (n_models,) float ndarray
        Log of the prior probability of each node (trapezoidal rule in log age and log metallicity).
    ml_v : (n_models,) float ndarray, surviving Msun per Lsun
    order : (n_models,) int ndarray
        Models by increasing ml_v.
    priors : `Priors`
    nuisance : `Nuisance`
    """

    age_gyr: np.ndarray
    metallicity_zsun: np.ndarray
    av_mag: np.ndarray
    flux: np.ndarray
    pairs: np.ndarray
    log_prior: np.ndarray
    ml_v: np.ndarray
    order: np.ndarray
    priors: Priors
    nuisance: Nuisance

    @property
    def shape(self):
        """Numbers of values of A_V, age and metallicity."""
        return len(self.av_mag), len(self.age_gyr), len(self.metallicity_zsun)


# ----------------------------------------------------------------------------- from a fine grid to the model


def extinction_per_av(filters, redshift, *, r_v=DustSection.r_v):
    """Extinction in observed filters per magnitude of A_V in the rest frame of the source.

    Parameters
    ----------
    filters : sequence of str
    redshift : float
    r_v : float, optional

    Returns
    -------
    ratio : (n_bands,) float ndarray

    Notes
    -----
    The curve of Fitzpatrick (1999, PASP 111, 63) at the pivot wavelengths over 1 + z; the integral through
    a broad filter differs by a few per cent of A, less than curves differ among each other.
    """
    from extinction import fitzpatrick99

    wave = np.array([float(load_filter(name).wave_pivot) for name in filters]) / (1 + redshift)
    return np.asarray(fitzpatrick99(wave, 1.0, r_v))


def expected_modes(filters, options, *, ebv, r_v):
    """Zero points and E(B-V) of a field that is not observed yet.

    Parameters
    ----------
    filters : sequence of str
    options : mapping
        As for `clusterphot.sed.shared_modes.field_modes`.
    ebv : float
        Milky Way E(B-V), mag.
    r_v : float

    Returns
    -------
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Extinctions are those of the curve at the pivot wavelengths, 1 % from those through the filters.
    """
    a_mag = r_v * ebv * extinction_per_av(filters, 0.0, r_v=r_v)
    return zero_point_modes(filters, options["zero_point_error"]).and_also(
        dust_mode(filters, a_mag, options["ebv_relative_error"])
    )


def trapezoid_weights(values):
    """Weights of the trapezoidal rule in log10 of ``values``, dex; one for a single value."""
    if len(values) == 1:
        return np.ones(1)
    step = np.diff(np.log10(values))
    return 0.5 * (np.append(step, 0.0) + np.insert(step, 0, 0.0))


def _log_node_prior(values, prior):
    """Log of the prior probabilities of nodes, which sum to one."""
    density = values if prior == "uniform" else np.ones_like(values)
    weight = trapezoid_weights(values) * density
    return np.log(weight / weight.sum())


def make_model(grid, priors, nuisance):
    """Prepare the fine grid for posteriors.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        Made by `clusterphot.ssp.refine.refine_grid`; its ends are those of the priors (for a bound at the
        age of the Universe, refine up to it).
    priors : `Priors`
    nuisance : `Nuisance`

    Returns
    -------
    model : `PosteriorModel`

    Raises
    ------
    ValueError
        If the modes are of other filters than the grid, or a list has another length.
    """
    n_bands = len(grid.filters)
    nuisance = _complete(nuisance, tuple(grid.filters))
    av = np.asarray(nuisance.av_mag, float)
    per_mass = grid.flux_njy / grid.mass_remaining[..., None]
    dust = 10.0 ** (-0.4 * av[:, None] * np.asarray(nuisance.extinction_per_av)[None])
    flux = (dust[:, None, None, :] * per_mass[None]).reshape(-1, n_bands).T.copy()
    first, second = np.triu_indices(n_bands)
    ml_v = np.broadcast_to(grid.ml_v, (len(av), *grid.ml_v.shape)).reshape(-1)
    age, metallicity = np.asarray(grid.age_gyr, float), np.asarray(grid.metallicity_zsun, float)
    log_prior = (
        _log_node_prior(age, priors.age_prior)[None, :, None]
        + _log_node_prior(metallicity, priors.metallicity_prior)[None, None, :]
        - np.log(len(av)) * np.ones((len(av), 1, 1))
    )
    return PosteriorModel(
        age_gyr=age,
        metallicity_zsun=metallicity,
        av_mag=av,
        flux=flux,
        pairs=flux[first] * flux[second],
        log_prior=log_prior.reshape(-1),
        ml_v=ml_v.copy(),
        order=np.argsort(ml_v, kind="stable"),
        priors=priors,
        nuisance=nuisance,
    )


def _complete(nuisance, filters):
    """The nuisance model with modes, if none, and with zeros where the extinction is empty and not needed."""
    modes = zero_point_modes(filters, 0.0) if nuisance.modes is None else nuisance.modes
    if modes.filters != filters:
        raise ValueError(f"modes of the filters {modes.filters}, expected {filters}")
    extinction = np.asarray(nuisance.extinction_per_av, float)
    if extinction.size == 0 and max(nuisance.av_mag) == 0:
        extinction = np.zeros(len(filters))
    if extinction.shape != (len(filters),) or not np.all(extinction >= 0):
        raise ValueError(
            f"extinction_per_av is {extinction.tolist()}, expected {len(filters)} values of at least 0"
        )
    return dataclasses.replace(nuisance, modes=modes, extinction_per_av=extinction)


def flux_at(model, age_gyr, metallicity_zsun, av_index=0):
    """Fluxes per Msun surviving, and M/L_V, between the nodes of the fine grid.

    Parameters
    ----------
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    age_gyr, metallicity_zsun : (n,) float ndarray, within the grid
    av_index : (n,) int ndarray or int, optional

    Returns
    -------
    flux : (n, n_bands) float ndarray, nJy/Msun
    ml_v : (n,) float ndarray

    Notes
    -----
    Bilinear in the logarithms, as the grid itself.
    """
    values = np.log(np.vstack([model.flux, model.ml_v])).reshape(-1, *model.shape)
    corners = []
    for axis, value in ((model.age_gyr, age_gyr), (model.metallicity_zsun, metallicity_zsun)):
        if len(axis) == 1:
            corners.append(((np.zeros(len(value), int), 1.0), (np.zeros(len(value), int), 0.0)))
            continue
        cell = np.clip(np.searchsorted(axis, value, side="right") - 1, 0, len(axis) - 2)
        way = np.log(value / axis[cell]) / np.log(axis[cell + 1] / axis[cell])
        corners.append(((cell, 1 - way), (cell + 1, way)))
    result = 0.0
    for i, weight_age in corners[0]:
        for j, weight_z in corners[1]:
            result = result + values[:, av_index, i, j] * (weight_age * weight_z)
    return np.exp(result[:-1]).T, np.exp(result[-1])


# ------------------------------------------------------------------------------------ from the configuration


def prior_range(options, name, axis, *, limit=np.inf):
    """Ends of a prior: those of the configuration, or the library's own where it does not reach so far.

    Parameters
    ----------
    options : mapping
        Section sed.posterior of the configuration.
    name : {'age_gyr', 'metallicity_zsun'}
    axis : 1-D float ndarray
        The library's, increasing.
    limit : float, optional
        Upper end in any case: the age of the Universe.

    Returns
    -------
    low, high : float

    Raises
    ------
    ConfigError
        If nothing is left.
    """
    low = max(options[name]["min"], float(axis[0]))
    high = min(options[name]["max"], float(axis[-1]), limit)
    if not low <= high:
        raise ConfigError(
            f"sed.posterior.{name}",
            f"{options[name]['min']:g} to {options[name]['max']:g}",
            f"an interval that overlaps that of the library, {axis[0]:g} to {min(axis[-1], limit):g}",
            "with age_of_universe: bound, ages end at the age of the Universe." if name == "age_gyr" else "",
        )
    return low, high


def field_model(grid, params, modes, **changes):
    """Fine grid, priors and nuisance model of a field.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        All ages of the library; its filters and redshift are the field's.
    params : namespace
        ``posterior`` (section sed.posterior of the configuration), ``redshift``, ``cosmology`` and ``r_v``.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Of the field, see `clusterphot.sed.shared_modes.field_modes`; of single sources its
        `clusterphot.sed.shared_modes.SharedModes.at_one_place`.
    changes : optional
        Other values for keys of ``params.posterior``.

    Returns
    -------
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    fine : `clusterphot.ssp.grid.ProjectedGrid`

    Raises
    ------
    ConfigError
        If a range does not overlap that of the library.
    """
    options = dict(params.posterior) | changes
    limit = np.inf
    if options["age_of_universe"] == "bound":
        limit = age_of_universe_gyr(params.redshift, **params.cosmology)
    fine = refine_grid(
        grid,
        age_range_gyr=prior_range(options, "age_gyr", grid.age_gyr, limit=limit),
        metallicity_range_zsun=prior_range(options, "metallicity_zsun", grid.metallicity_zsun),
        step_log_age_dex=options["step_log_age_dex"],
        step_log_metallicity_dex=options["step_log_metallicity_dex"],
    )
    priors = Priors(**{name: options[name] for name in keys_of(PriorKeys)})
    nuisance = Nuisance(
        modes=modes.through(fine.filters),
        av_mag=tuple(options["av_mag"]),
        extinction_per_av=tuple(extinction_per_av(fine.filters, fine.redshift, r_v=params.r_v).tolist()),
        jitter=options["jitter"],
        jitter_levels=tuple(options["jitter_levels"]),
    )
    return make_model(fine, priors, nuisance), fine


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
        "shared_modes": list(nuisance.modes.names),
        "shared_error": [float(value) for value in nuisance.modes.error],
        "jitter": nuisance.jitter,
        "jitter_levels": [float(value) for value in nuisance.levels()],
        "av_mag": [float(value) for value in model.av_mag],
    }
