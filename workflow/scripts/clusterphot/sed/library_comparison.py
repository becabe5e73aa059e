"""One stack, every library: best fits, posteriors, evidences and masses side by side.

Best fits are those of `clusterphot.sed.chi2` on the grid of Faisst et al. (2022, ApJL 941, L11), posteriors those of
`clusterphot.sed.posterior`. Fluxes nJy, ages Gyr, masses Msun, metallicities in solar units of each library.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from clusterphot.base.tables import error_correlation, flux_arrays, read_table, systematic_errors
from clusterphot.sed.best_fit import Models, fit_seds, load_models, make_options
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.posterior import Posterior, posteriors
from clusterphot.sed.posterior_model import field_model
from clusterphot.sed.shared_modes import DUST, zero_point_modes
from clusterphot.ssp.grid import ProjectedGrid, read_projected_grid

CONFIGURED, ZERO_POINTS = "configured", "zero_points"
"""Error models: that of the configuration and the field; random errors and one error of all zero points alone."""

BEST = ("age_gyr", "metallicity_zsun", "chi2", "dof", "n_bands", "ml_v", "log_mass", "log_mass_err")
BEST += ("log_mass_sed", "log_mass_sed_err")
INTERVALS = tuple(
    f"{quantity}_{end}_1sigma{kind}"
    for quantity in ("age_gyr", "metallicity_zsun")
    for kind in ("", "_marginal")
    for end in ("lo", "hi")
)


@dataclasses.dataclass(frozen=True)
class StackFluxes:
    """Photometry of a stack, corrected for Milky Way dust.

    Attributes
    ----------
    flux, err : (1, n_bands) float ndarray, nJy
        Random errors.
    err_sys : (1, n_bands) float ndarray, nJy
    correlation : (n_bands, n_bands) float ndarray or None
        Of the random errors between bands.
    """

    flux: np.ndarray
    err: np.ndarray
    err_sys: np.ndarray
    correlation: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Library:
    """A grid of stellar populations as best fits and posteriors see it, through the same filters.

    Attributes
    ----------
    name, reader : str
        Of the grid in the configuration.
    models : `clusterphot.sed.best_fit.Models`
    native : `clusterphot.ssp.grid.ProjectedGrid`
    """

    name: str
    reader: str
    models: Models
    native: ProjectedGrid


def read_stack_fluxes(path, filters):
    """`StackFluxes` of a table of de-reddened stack photometry."""
    table = read_table(path)
    return StackFluxes(
        *flux_arrays(table, filters, prefix="flux0"),
        systematic_errors(table, filters, prefix="flux0"),
        error_correlation(table, filters),
    )


def read_libraries(readers, projected, native, four_color=()):
    """`Library` of each grid; ``readers`` by name in the order of the two lists of files."""
    return [
        Library(name, reader, load_models(coarse, four_color), read_projected_grid(fine))
        for (name, reader), coarse, fine in zip(readers.items(), projected, native, strict=True)
    ]


def stack_posterior(stack, library, params, modes, *, flux_floor_fraction=None, **changes):
    """Posterior of a stack with a library.

    Parameters
    ----------
    stack : `StackFluxes`
    library : `Library`
    params : namespace
        As `clusterphot.sed.posterior_model.field_model` takes it, ``min_relative_error`` and ``flux_floor_fraction``.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        What is shared beside the random errors, whose effects in the middle of the field are those of a stack.
    flux_floor_fraction : float, optional
        In place of that of ``params``.
    changes : optional
        Other values for keys of ``params.posterior``.

    Returns
    -------
    posterior : `clusterphot.sed.posterior.Posterior`, of one source
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    fine : `clusterphot.ssp.grid.ProjectedGrid`
    """
    model, fine = field_model(library.native, params, modes, **changes)
    floor = params.flux_floor_fraction if flux_floor_fraction is None else flux_floor_fraction
    photometry = prepare_photometry(
        stack.flux,
        stack.err,
        flux_floor_fraction=floor,
        min_relative_error=params.min_relative_error,
        correlation=stack.correlation,
    )
    return posteriors(photometry, model), model, fine


def compare_libraries(stack, libraries, params, modes, *, zero_point_errors):
    """Best fit and posterior of a stack with every library and several errors of the zero points.

    Parameters
    ----------
    stack : `StackFluxes`
    libraries : list of `Library`
    params : namespace
        Parameters of the rule: those of `stack_posterior` and `clusterphot.sed.best_fit.make_options`.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Of the field.
    zero_point_errors : sequence of float
        Fractional errors that all zero points are given in turn.

    Returns
    -------
    table : `astropy.table.Table`
        For each library a row with ``error_model`` configured, as in stack.ecsv, and one zero_points for each of
        ``zero_point_errors``: random errors, that error of each zero point and nothing else.
        ``delta_log_evidence`` is the log evidence less the highest among libraries with the same errors.
    densities : `astropy.table.Table`
        Posteriors of the configured rows: ``ssp_grid``, ``axis`` (age_gyr or metallicity_zsun), ``axis_value`` and
        ``density_per_dex``.
    """
    rows, densities = [], []
    for library in libraries:
        about = _describe(library)
        posterior, model, _ = stack_posterior(stack, library, params, modes)
        mean_error = float(np.sqrt(np.mean(np.square(modes.without(DUST).error))))
        best = _best_fit(stack, library, params)
        errors = {"error_model": CONFIGURED, "zero_point_error": mean_error}
        rows.append(about | errors | best | _first_row(posterior))
        densities += _density_rows(library.name, posterior, model)
        for error in zero_point_errors:
            best = _best_fit(stack, library, params, zero_point_error=error)
            alone, *_ = stack_posterior(
                stack,
                library,
                params,
                zero_point_modes(modes.filters, error),
                flux_floor_fraction=0.0,
                jitter="none",
            )
            errors = {"error_model": ZERO_POINTS, "zero_point_error": float(error)}
            rows.append(about | errors | best | _first_row(alone))
    table = Table(rows)
    table["delta_log_evidence"] = _relative_evidence(table)
    return table, Table(rows=densities, names=["ssp_grid", "axis", "axis_value", "density_per_dex"])


def _describe(library):
    """Columns that tell what a library is."""
    grid = library.native
    words = {name: str(getattr(grid, name)) for name in ("library", "tracks", "imf")}
    return {
        "ssp_grid": library.name,
        "ssp_reader": library.reader,
        **{f"ssp_{name}": value for name, value in words.items()},
        "ssp_z_sun": float(grid.z_sun),
        "ssp_has_remnants": bool(grid.mass_has_remnants),
    }


def _best_fit(stack, library, params, *, zero_point_error=None):
    """Columns of the best fit; ``zero_point_error`` replaces systematic error and floor of the configuration."""
    options = make_options(params, library.models)
    err_sys = stack.err_sys
    if zero_point_error is not None:
        options, err_sys = dataclasses.replace(options, flux_floor_fraction=zero_point_error), None
    columns, _ = fit_seds(
        stack.flux, stack.err, library.models, options, err_sys=err_sys, correlation=stack.correlation
    )
    return {name: columns[name][0] for name in (*BEST, *INTERVALS, "flags")}


def _first_row(posterior: Posterior):
    """Posterior columns of the only source."""
    return {name: float(values[0]) for name, values in posterior.columns.items()}


def _density_rows(name, posterior, model):
    """Rows of the table of densities."""
    return [
        (name, axis, float(value), float(density))
        for axis, nodes, pdf in (
            ("age_gyr", model.age_gyr, posterior.age_pdf[0]),
            ("metallicity_zsun", model.metallicity_zsun, posterior.metallicity_pdf[0]),
        )
        for value, density in zip(nodes, pdf, strict=True)
    ]


def _relative_evidence(table):
    """Log evidence less the highest of the rows with the same errors."""
    relative = np.empty(len(table))
    keys = list(zip(table["error_model"], table["zero_point_error"], strict=True))
    same = [model if model == CONFIGURED else (model, error) for model, error in keys]
    for row, key in enumerate(same):
        rivals = [table["log_evidence"][other] for other, rival in enumerate(same) if rival == key]
        relative[row] = table["log_evidence"][row] - np.max(rivals)
    return relative
