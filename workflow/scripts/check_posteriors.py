"""Ask whether the models of a grid explain the fluxes of a sample within their errors (rule check_posteriors)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_arrays, provenance, read_table, systematic_errors, write_table
from clusterphot.sed.posterior_model import field_model, systematic_fractions
from clusterphot.sed.predictive import check_sample
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    grid = read_projected_grid(smk.input.native_grid)
    flux, err = flux_arrays(photometry, grid.filters)
    fractions = systematic_fractions(flux, systematic_errors(photometry, grid.filters), grid.filters)
    ebv = read_table(smk.input.extinction).meta["ebv"]

    def model(**changes):
        return field_model(grid, par, ebv=ebv, err_fraction=fractions, **changes)[0]

    table, numbers = check_sample(flux, err, grid.filters, model, min_relative_error=par.min_relative_error)
    write_table(smk.output.table, table, meta=provenance("check_posteriors", smk.wildcards, par, **numbers))
    logging.info(
        "%s %s: %d sources, median chi2 %.1f for %.0f degrees of freedom, errors to grow by %.2f",
        smk.wildcards.field,
        smk.wildcards.grid,
        *(numbers["sample"][name] for name in ("n", "median_chi2", "median_dof")),
        numbers["error_factor_p16_p50_p84"][1],
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
