"""Fit black bodies to the stack of a field (rule fit_black_bodies)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import (
    error_correlation,
    flux_arrays,
    flux_filters,
    provenance,
    read_table,
    systematic_errors,
    write_table,
)
from clusterphot.comparisons.black_bodies import tabulate_black_bodies


def main(smk):
    stack = read_table(smk.input.photometry)
    filters = flux_filters(stack, prefix="flux0")
    flux, err = (values[0] for values in flux_arrays(stack, filters, prefix="flux0"))
    correlation = error_correlation(stack, filters)
    covariance = np.outer(err, err) * (np.eye(len(err)) if correlation is None else correlation)
    extra = np.hypot(
        systematic_errors(stack, filters, prefix="flux0")[0], smk.params.flux_floor_fraction * flux
    )
    covariance += np.diag(extra**2)
    columns = tabulate_black_bodies(flux, covariance, filters, smk.params.temperature_k)
    table = Table(columns)
    write_table(
        smk.output.black_bodies, table, meta=provenance("fit_black_bodies", smk.wildcards, smk.params)
    )
    best = table[table["is_best"]][0]
    logging.info(
        "%s: %.0f K, chi2 %.1f for %d dof",
        smk.wildcards.field,
        best["temperature_k"],
        best["chi2"],
        best["dof"],
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
