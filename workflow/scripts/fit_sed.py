"""Fit stellar populations to the clusters of a chunk: best fits and posteriors (rule fit_sed)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_arrays, provenance, read_table, systematic_errors, write_table
from clusterphot.sed.best_fit import describe_v_filter, fit_seds, load_models, make_options
from clusterphot.sed.posterior import posterior_columns
from clusterphot.sed.posterior_model import describe_model, field_model, systematic_fractions
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    options = make_options(par, models)
    flux, err = flux_arrays(photometry, models.filters)
    err_sys = systematic_errors(photometry, models.filters)
    columns, _ = fit_seds(flux, err, models, options, err_sys=err_sys, flags=photometry["flags"])
    posterior, _ = field_model(
        read_projected_grid(smk.input.native_grid),
        par,
        ebv=read_table(smk.input.extinction).meta["ebv"],
        err_fraction=systematic_fractions(flux, err_sys, models.filters),
    )
    more, bits = posterior_columns(flux, err, posterior, min_relative_error=par.min_relative_error)
    columns |= more
    columns["flags"] |= bits
    table = Table({"id": photometry["id"], **columns})
    meta = provenance(
        "fit_sed",
        smk.wildcards,
        par,
        models=models.description,
        posterior_model=describe_model(posterior),
        **describe_v_filter(options, par.redshift),
    )
    write_table(smk.output.clusters, table, meta=meta)
    flagged = int((columns["flags"] != 0).sum())
    logging.info(
        "%s %s: %d sources, %d flagged", smk.wildcards.grid, smk.wildcards.chunk, len(table), flagged
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
