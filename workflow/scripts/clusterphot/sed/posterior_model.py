"""From the section sed.posterior of the configuration to the models that posteriors are computed with.

Keys as in config/config.yaml; ages Gyr, metallicities in solar units of the grid, masses Msun.
"""

import numpy as np

from clusterphot.base.errors import ConfigError
from clusterphot.config.dust import Dust
from clusterphot.config.keys import keys_of
from clusterphot.config.sed import PriorKeys
from clusterphot.sed.posterior import Nuisance, Priors, extinction_per_av, make_model
from clusterphot.ssp.refine import refine_grid


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


def build_model(grid, options, *, age_of_universe_gyr, ebv, zero_point_error, r_v=Dust.r_v):
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
    model : `clusterphot.sed.posterior.Model`
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
