"""From the fluxes of one source to its age, metallicity and mass. Fluxes nJy, ages Gyr, masses Msun."""

import functools
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from clusterphot.api.options import complete_options
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.files import SHIPPED
from clusterphot.base.filters import check_filter_name
from clusterphot.config.dust import DustSection
from clusterphot.config.run import CosmologySection
from clusterphot.config.sed import SedSection
from clusterphot.run.configuration import age_grid
from clusterphot.sed.best_fit import fit_seds, make_options, models_of
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.posterior import Posterior, posteriors
from clusterphot.sed.posterior_model import PosteriorModel, expected_modes, field_model
from clusterphot.sed.shared_modes import make_modes
from clusterphot.ssp.grid import (
    nodes_around,
    project_grid,
    read_embedded_grid,
    resample_ages,
    select_metallicities,
)

N_KEPT = 8
"""Grids of fluxes kept for fits with the same filters and redshift; each takes seconds to make and a few MB."""


@dataclass(frozen=True)
class SedPosteriors:
    """Posteriors of some sources.

    Attributes
    ----------
    ids : list of str
    model : `clusterphot.sed.posterior_model.PosteriorModel`
        Nodes, priors and errors.
    posterior : `clusterphot.sed.posterior.Posterior`
        Quantiles, draws and weights, a row for each source.
    """

    ids: list
    model: PosteriorModel
    posterior: Posterior

    @property
    def age_gyr(self):
        """Ages (n_age,) of `age_pdf`, Gyr."""
        return self.model.age_gyr

    @property
    def age_pdf(self):
        """Densities (n, n_age) per dex of age."""
        return self.posterior.age_pdf

    @property
    def metallicity_zsun(self):
        """Metallicities (n_metallicity,) of `metallicity_pdf`, solar units of the library."""
        return self.model.metallicity_zsun

    @property
    def metallicity_pdf(self):
        """Densities (n, n_metallicity) per dex of metallicity."""
        return self.posterior.metallicity_pdf

    @property
    def columns(self):
        """Quantiles as in ``clusters.ecsv``: ``age_gyr_p50`` and so on, each (n,)."""
        return self.posterior.columns


@dataclass(frozen=True)
class SedFit:
    """What `fit_sed` found.

    Attributes
    ----------
    best : dict
        Best fit at the nodes of the library, columns of ``clusters.ecsv``: ``age_gyr``, ``metallicity_zsun``, ``chi2``,
        ``log_mass`` and so on.
    posteriors : `SedPosteriors`
        Of the one source.
    """

    best: dict
    posteriors: SedPosteriors

    def quantiles(self, name):
        """2.5, 16, 50, 84 and 97.5 % quantiles of ``age_gyr``, ``metallicity_zsun``, ``log_mass`` or ``ml_v``."""
        columns = self.posteriors.columns
        return [float(columns[f"{name}_{quantile}"][0]) for quantile in ("p025", "p16", "p50", "p84", "p975")]


def fit_sed(fluxes, *, redshift, ebv=0.0, scale_errors=None, modes=None, grid=None, cosmology=None, **keys):
    """Fit stellar populations to the fluxes of one source.

    Parameters
    ----------
    fluxes : dict of str to (float, float)
        Flux and its 1-sigma error by filter, nJy, corrected for Milky Way dust; filters are those of NIRCam, or any
        name of astro-sedpy.
    redshift : float
    ebv : float, optional
        Milky Way E(B-V) that they were corrected for, mag: its relative error is part of the posterior.
    scale_errors : dict of str to float, optional
        Fractional 1-sigma error of the flux scale of filters, by PSF and zero point: ``flux_err_sys_F`` over ``flux_F``
        in a run. That of ``posterior.zero_point_error`` is added for the posterior.
    modes : `clusterphot.sed.shared_modes.SharedModes`, optional
        All errors of the posterior that sources share, in place of ``ebv`` and ``scale_errors``; those of a source of
        a run are ``field.shared_modes``.
    grid : `clusterphot.ssp.grid.SspGrid`, optional
        A library, for example from `clusterphot.ssp.readers.READERS`; by default the shipped one.
    cosmology : dict, optional
        ``h0`` and ``omega_m``, flat.
    **keys
        Of the section ``sed`` of the configuration: ``flux_floor_fraction=0.05``,
        ``posterior={"zero_point_error": 0.03}``.

    Returns
    -------
    fit : `SedFit`

    Raises
    ------
    ConfigError
        For a key that the section does not have, or a filter that the library does not cover.

    Notes
    -----
    For many sources of one field call `clusterphot.sed.best_fit.fit_seds` and `clusterphot.sed.posterior.posteriors`,
    which take arrays. Fluxes of the shipped library are kept: the first fit at a redshift takes seconds, those after
    it some hundredths of one.

    Examples
    --------
    A cluster as blue as a population of 1.5 Gyr at 0.2 solar, at the redshift of SMACS J0723.3-7327:

    >>> fluxes = {"F090W": (10.0, 0.4), "F150W": (13.2, 0.4), "F200W": (12.7, 0.4), "F277W": (8.9, 0.4)}
    >>> fit = fit_sed(fluxes, redshift=0.39)
    >>> sorted(set(fit.best) & {"age_gyr", "log_mass", "flags"})
    ['age_gyr', 'flags', 'log_mass']
    >>> low, middle, high = fit.quantiles("log_mass")[1:4]
    >>> low < middle < high
    True
    """
    options = complete_options(keys, SedSection, "fit_sed")
    cosmology = complete_options(cosmology or {}, CosmologySection, "fit_sed")
    for name in fluxes:
        check_filter_name(name, "fit_sed(), fluxes")
    flux, err = np.array(list(fluxes.values()), dtype=float).T[:, None]
    axes = (
        tuple(age_grid(options["age_gyr"])),
        tuple(options["metallicity_zsun"]),
        *(
            (ends["min"], ends["max"])
            for ends in map(options["posterior"].get, ("age_gyr", "metallicity_zsun"))
        ),
    )
    at = (tuple(fluxes), float(redshift), cosmology["h0"], cosmology["omega_m"], *axes)
    projected, native = _grids_of_shipped(*at) if grid is None else _grids(grid, *at)
    params = SimpleNamespace(**options, redshift=redshift, cosmology=cosmology, r_v=DustSection.r_v)
    models = models_of(projected)
    scale = {name: (scale_errors or {}).get(name, 0.0) for name in fluxes}
    err_sys = np.abs(flux) * list(scale.values())
    best, _ = fit_seds(flux, err, models, make_options(params, models), err_sys=err_sys)
    if modes is None:
        named = {f"scale_{name}": {name: error} for name, error in scale.items()}
        modes = expected_modes(native.filters, options["posterior"], ebv=ebv, r_v=params.r_v)
        modes = modes.and_also(make_modes(native.filters, "psf other", named))
    model, _ = field_model(native, params, modes)
    names = ("flux_floor_fraction", "min_relative_error")
    photometry = prepare_photometry(flux, err, **{name: options[name] for name in names})
    found = SedPosteriors(["source"], model, posteriors(photometry, model))
    return SedFit({name: values[0] for name, values in best.items()}, found)


@functools.lru_cache(maxsize=N_KEPT)
def _grids_of_shipped(*at):
    """`_grids` of the library in resources/."""
    return _grids(read_embedded_grid(SHIPPED / "ssp" / "bc03_miles_kroupa.h5"), *at)


def _grids(library, filters, redshift, h0, omega_m, ages, metallicities, age_ends, metallicity_ends):
    """Fluxes of the models of the best fit, and of the library's own nodes within the priors.

    As the rules project_ssp_grid and project_native_grid make them.
    """
    chosen = resample_ages(select_metallicities(library, metallicities), ages)
    native = nodes_around(library, age_range_gyr=age_ends, metallicity_range_zsun=metallicity_ends)
    cosmology = flat_lambda_cdm(h0=h0, omega_m=omega_m)
    return tuple(project_grid(grid, filters, redshift, cosmology) for grid in (chosen, native))
