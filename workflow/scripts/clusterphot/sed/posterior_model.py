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
    zero_point_error : (n_bands,) float array_like
        1-sigma fractional error of the flux scale of each filter; common to all sources of a field.
    ebv_error_mag : float
        1-sigma error of the Milky Way's E(B-V), mag.
    extinction_per_ebv : (n_bands,) float array_like
        A of each filter over E(B-V); used where ebv_error_mag > 0.
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

    zero_point_error: tuple = ()
    ebv_error_mag: float = 0.0
    extinction_per_ebv: tuple = ()
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
        If a list of the nuisance model has another length than the grid has filters.
    """
    n_bands = len(grid.filters)
    nuisance = _complete(nuisance, n_bands)
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


def _complete(nuisance, n_bands):
    """The nuisance model with its per-filter lists filled with zeros where they are empty and not needed."""
    needed = {
        "zero_point_error": False,
        "extinction_per_ebv": nuisance.ebv_error_mag > 0,
        "extinction_per_av": max(nuisance.av_mag) > 0,
    }
    full = {}
    for name, must in needed.items():
        values = np.asarray(getattr(nuisance, name), float)
        if values.size == 0 and not must:
            values = np.zeros(n_bands)
        if values.shape != (n_bands,) or not np.all(values >= 0):
            raise ValueError(f"{name} is {values.tolist()}, expected {n_bands} values of at least 0")
        full[name] = values
    return dataclasses.replace(nuisance, **full)


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


def build_model(grid, options, *, age_of_universe_gyr, ebv, zero_point_error, r_v=DustSection.r_v):
    """Fine grid, priors and nuisance model of a field.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        All ages of the library; its filters and redshift are the field's.
    options : mapping
        Section sed.posterior of the configuration.
    age_of_universe_gyr : float
        At the redshift of the field.
    ebv : float
        Milky Way E(B-V) of the field, mag.
    zero_point_error : dict of str to float
        Fractional errors by filter; ``options["zero_point_error"]`` stands for the others.
    r_v : float, optional

    Returns
    -------
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    fine : `clusterphot.ssp.grid.ProjectedGrid`

    Raises
    ------
    ConfigError
        If a range does not overlap that of the library.
    """
    limit = age_of_universe_gyr if options["age_of_universe"] == "bound" else np.inf
    fine = refine_grid(
        grid,
        age_range_gyr=prior_range(options, "age_gyr", grid.age_gyr, limit=limit),
        metallicity_range_zsun=prior_range(options, "metallicity_zsun", grid.metallicity_zsun),
        step_log_age_dex=options["step_log_age_dex"],
        step_log_metallicity_dex=options["step_log_metallicity_dex"],
    )
    priors = Priors(**{name: options[name] for name in keys_of(PriorKeys)})
    default = options["zero_point_error"]
    nuisance = Nuisance(
        zero_point_error=tuple(zero_point_error.get(name, default) for name in fine.filters),
        ebv_error_mag=options["ebv_relative_error"] * ebv,
        extinction_per_ebv=tuple(np.asarray(r_v * extinction_per_av(fine.filters, 0.0, r_v=r_v)).tolist()),
        av_mag=tuple(options["av_mag"]),
        extinction_per_av=tuple(extinction_per_av(fine.filters, fine.redshift, r_v=r_v).tolist()),
        jitter=options["jitter"],
        jitter_levels=tuple(options["jitter_levels"]),
    )
    return make_model(fine, priors, nuisance), fine


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
    model : `clusterphot.sed.posterior_model.PosteriorModel`
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
