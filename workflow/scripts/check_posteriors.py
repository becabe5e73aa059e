"""Ask whether the models of a grid explain the fluxes of a sample within their errors (rule check_posteriors)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import at_field_redshift, flux_arrays, provenance, read_table, write_table
from clusterphot.sed.posterior_model import field_model
from clusterphot.sed.predictive import check_sample
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    photometry = photometry[at_field_redshift(photometry)]
    grid = read_projected_grid(smk.input.native_grid)
    flux, err = flux_arrays(photometry, grid.filters)
    modes = read_field_modes(smk.input, grid.filters, par.posterior).at_one_place()

    def model(**changes):
        return field_model(grid, par, modes, **changes)[0]

    table, numbers = check_sample(
        flux,
        err,
        grid.filters,
        model,
        min_relative_error=par.min_relative_error,
        flux_floor_fraction=par.flux_floor_fraction,
    )
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
