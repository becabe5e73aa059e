"""Merge the rest-frame quantities of all chunks of a field (rule merge_rest_frame)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import merge_tables, provenance, write_table


def main(smk):
    table = merge_tables(smk.input.chunks, smk.params.ids)
    write_table(smk.output.rest_frame, table, meta=provenance("merge_rest_frame", smk.wildcards, smk.params))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
