"""Best fits and posteriors of sources, or of a stack, as the columns of one table."""

from dataclasses import dataclass

from clusterphot.base.tables import error_correlation, flux_arrays, systematic_errors
from clusterphot.sed.best_fit import describe_v_filter, fit_seds, make_options
from clusterphot.sed.chi2 import GridFit
from clusterphot.sed.posterior import posterior_columns
from clusterphot.sed.posterior_model import describe_model, field_model


@dataclass(frozen=True)
class PopulationFits:
    """What `fit_populations` found.

    Attributes
    ----------
    columns : dict of str to (n,) ndarray
        Of ``clusters.ecsv`` and ``stack.ecsv``, flags of best fit and posterior together.
    fit : `clusterphot.sed.chi2.GridFit`
        Of the best fits.
    description : dict
        Of models, priors and masses, for the metadata.
    """

    columns: dict
    fit: GridFit
    description: dict


def fit_populations(photometry, models, native, params, modes, *, prefix="flux", flags=None):
    """Best fits and posteriors of all rows of a table of photometry.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        Corrected for Milky Way dust; its metadata may hold the correlation of the errors between filters.
    models : `clusterphot.sed.best_fit.Models`
        Nodes of the best fits.
    native : `clusterphot.ssp.grid.ProjectedGrid`
        All ages and metallicities of the library, for the posteriors.
    params : namespace
        Of the rules fit_sed and fit_stack_sed.
    modes : `clusterphot.sed.shared_modes.SharedModes`
        Errors that the posterior marginalises.
    prefix : str, optional
        ``flux``, or ``flux0`` for the stack.
    flags : (n,) int array_like, optional
        Of the photometry.

    Returns
    -------
    fits : PopulationFits
    """
    options = make_options(params, models)
    flux, err = flux_arrays(photometry, models.filters, prefix=prefix)
    err_sys = systematic_errors(photometry, models.filters, prefix=prefix)
    correlation = error_correlation(photometry, models.filters)
    columns, fit = fit_seds(flux, err, models, options, err_sys=err_sys, correlation=correlation, flags=flags)
    posterior, _ = field_model(native, params, modes)
    more, bits = posterior_columns(
        flux,
        err,
        posterior,
        min_relative_error=params.min_relative_error,
        flux_floor_fraction=params.flux_floor_fraction,
        correlation=correlation,
    )
    columns |= more
    columns["flags"] |= bits
    description = {"models": models.description, "posterior_model": describe_model(posterior)}
    return PopulationFits(columns, fit, description | describe_v_filter(options, params.redshift))
