"""Merge the SED fits of all chunks of a field (rule merge_sed)."""

import logging

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import carried_columns, merge_tables, provenance, write_table


def main(smk):
    table = merge_tables(smk.input.chunks, smk.params.ids)
    meta = provenance("merge_sed", smk.wildcards, smk.params)
    write_table(smk.output.clusters, table, meta=meta, carried=carried_columns(table))
    log_mass = np.ma.filled(np.ma.asarray(table["log_mass"], dtype=float), np.nan)
    middle = np.nanmedian(log_mass) if np.isfinite(log_mass).any() else np.nan
    flagged = int((table["flags"] != 0).sum())
    logging.info("%d sources, %d flagged, median log mass %.2f", len(table), flagged, middle)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
