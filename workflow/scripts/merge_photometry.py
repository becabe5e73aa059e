"""Merge the photometry of all chunks of a field, in the order of its list (rule merge_photometry)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import carried_columns, merge_tables, provenance, write_fits_table, write_table


def main(smk):
    table = merge_tables(smk.input.chunks, smk.params.ids)
    carried = carried_columns(table)
    meta = provenance("merge_photometry", smk.wildcards, smk.params)
    write_table(smk.output.photometry, table, meta=meta, carried=carried)
    write_fits_table(smk.output.fits, table)
    logging.info("%d sources, %d flagged", len(table), int((table["flags"] != 0).sum()))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
