"""Fit stellar populations to the stack of a field (rule fit_stack_sed)."""

import logging

from astropy.table import Table
from clusterphot.jobs import job_logging
from clusterphot.sed_results import describe_v_filter, fit_sources, load_models, make_options, write_chi2_map
from clusterphot.tables import (
    error_correlation,
    flux_arrays,
    provenance,
    read_table,
    systematic_errors,
    write_table,
)


def main(smk):
    photometry = read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    options = make_options(smk.params, models)
    columns, fit = fit_sources(
        *flux_arrays(photometry, models.filters, prefix="flux0"),
        models,
        options,
        err_sys=systematic_errors(photometry, models.filters, prefix="flux0"),
        correlation=error_correlation(photometry, models.filters),
    )
    table = Table({"id": photometry["id"], **columns})
    meta = provenance(
        "fit_stack_sed",
        smk.wildcards,
        smk.params,
        models=models.description,
        **describe_v_filter(options, smk.params.redshift),
    )
    write_table(smk.output.stack, table, meta=meta)
    write_chi2_map(smk.output.chi2_map, fit.chi2[0], models, smk.wildcards)
    best = table[0]
    logging.info(
        "%s stack: %g Gyr, %g Zsun, chi2 %.1f",
        smk.wildcards.grid,
        best["age_gyr"],
        best["metallicity_zsun"],
        best["chi2"],
    )


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
