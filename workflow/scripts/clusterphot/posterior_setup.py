"""From the section sed.posterior of the configuration to the models that posteriors are computed with.

Keys as in config/config.yaml; ages Gyr, metallicities in solar units of the grid, masses Msun.
"""

from dataclasses import fields

import numpy as np

from clusterphot.errors import ConfigError
from clusterphot.grid_refine import refine_grid
from clusterphot.posterior import Nuisance, Priors, extinction_per_av, make_model

PRIOR_KEYS = {"age": "age_prior", "metallicity": "metallicity_prior", "mass": "mass_prior"}


def age_range(options, grid, age_of_universe_gyr):
    """Youngest and oldest age of the posterior, Gyr.

    Raises
    ------
    ConfigError
        If the range is empty, or reaches outside the library.
    """
    low, high = options["age_gyr"]["min"], options["age_gyr"]["max"]
    if options["age_of_universe"] == "bound":
        high = min(high, age_of_universe_gyr)
    _check_range("age_gyr", low, high, grid.age_gyr)
    return low, high


def _check_range(name, low, high, axis):
    """ConfigError unless low <= high, both within the library's axis."""
    if not axis[0] * (1 - 1e-9) <= low <= high <= axis[-1] * (1 + 1e-9):
        raise ConfigError(
            f"sed.posterior.{name}",
            f"{low:g} to {high:g}",
            f"an interval within that of the library, {axis[0]:g} to {axis[-1]:g}",
            "with age_of_universe: bound, ages end at the age of the Universe." if name == "age_gyr" else "",
        )


def build_model(grid, options, *, age_of_universe_gyr, ebv, zero_point_error, r_v=3.1):
    """Fine grid, priors and nuisance model of a field.

    Parameters
    ----------
    grid : `clusterphot.ssp.ProjectedGrid`
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
    model : `clusterphot.posterior.Model`
    fine : `clusterphot.ssp.ProjectedGrid`

    Raises
    ------
    ConfigError
        If a range reaches outside the library.
    """
    metallicities = options["metallicity_zsun"]
    _check_range("metallicity_zsun", metallicities["min"], metallicities["max"], grid.metallicity_zsun)
    fine = refine_grid(
        grid,
        age_range_gyr=age_range(options, grid, age_of_universe_gyr),
        metallicity_range_zsun=(metallicities["min"], metallicities["max"]),
        step_log_age_dex=options["step_log_age_dex"],
        step_log_metallicity_dex=options["step_log_metallicity_dex"],
    )
    names = [field.name for field in fields(Priors)]
    priors = Priors(**{name: options[PRIOR_KEYS.get(name, name)] for name in names})
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
