"""Fit stellar populations to the clusters of a chunk (rule fit_sed)."""

import logging

from astropy.table import Table
from clusterphot.jobs import job_logging
from clusterphot.sed_results import describe_v_filter, fit_sources, load_models, make_options
from clusterphot.tables import flux_arrays, provenance, read_table, systematic_errors, write_table


def main(smk):
    photometry = read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    options = make_options(smk.params, models)
    columns, _ = fit_sources(
        *flux_arrays(photometry, models.filters),
        models,
        options,
        err_sys=systematic_errors(photometry, models.filters),
        flags=photometry["flags"],
    )
    table = Table({"id": photometry["id"], **columns})
    meta = provenance(
        "fit_sed",
        smk.wildcards,
        smk.params,
        models=models.description,
        **describe_v_filter(options, smk.params.redshift),
    )
    write_table(smk.output.clusters, table, meta=meta)
    flagged = int((columns["flags"] != 0).sum())
    logging.info(
        "%s %s: %d sources, %d flagged", smk.wildcards.grid, smk.wildcards.chunk, len(table), flagged
    )


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
