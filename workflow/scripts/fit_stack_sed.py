"""Fit stellar populations to the stack of a field: best fit and posterior (rule fit_stack_sed)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import (
    error_correlation,
    flux_arrays,
    provenance,
    read_table,
    systematic_errors,
    write_table,
)
from clusterphot.sed.best_fit import describe_v_filter, fit_seds, load_models, make_options, write_chi2_map
from clusterphot.sed.posterior import posterior_columns
from clusterphot.sed.posterior_model import describe_model, field_model, systematic_fractions
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    options = make_options(par, models)
    flux, err = flux_arrays(photometry, models.filters, prefix="flux0")
    err_sys = systematic_errors(photometry, models.filters, prefix="flux0")
    correlation = error_correlation(photometry, models.filters)
    columns, fit = fit_seds(flux, err, models, options, err_sys=err_sys, correlation=correlation)
    posterior, _ = field_model(
        read_projected_grid(smk.input.native_grid),
        par,
        ebv=read_table(smk.input.extinction).meta["ebv"],
        err_fraction=systematic_fractions(flux, err_sys, models.filters),
    )
    more, bits = posterior_columns(
        flux, err, posterior, min_relative_error=par.min_relative_error, correlation=correlation
    )
    columns |= more
    columns["flags"] |= bits
    table = Table({"id": photometry["id"], **columns})
    meta = provenance(
        "fit_stack_sed",
        smk.wildcards,
        par,
        models=models.description,
        posterior_model=describe_model(posterior),
        **describe_v_filter(options, par.redshift),
    )
    write_table(smk.output.stack, table, meta=meta)
    write_chi2_map(smk.output.chi2_map, fit.chi2[0], models, smk.wildcards)
    best = table[0]
    logging.info(
        "%s stack: %g Gyr, %g Zsun, chi2 %.1f; posterior %.2f (%.2f to %.2f) Gyr",
        smk.wildcards.grid,
        *(best[name] for name in ("age_gyr", "metallicity_zsun", "chi2")),
        *(best[f"age_gyr_{name}"] for name in ("p50", "p16", "p84")),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
