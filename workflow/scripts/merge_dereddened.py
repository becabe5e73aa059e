"""Merge the de-reddened photometry of all chunks of a field (rule merge_dereddened)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import carried_columns, merge_tables, provenance, write_table


def main(smk):
    table = merge_tables(smk.input.chunks, smk.params.ids)
    meta = provenance("merge_dereddened", smk.wildcards, smk.params)
    write_table(smk.output.photometry, table, meta=meta, carried=carried_columns(table), dereddened=True)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
