"""Sizes of the stack and of all clusters of a field in one table (rule merge_sizes)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import merge_tables, provenance, read_table, write_table
from clusterphot.sizes.limits import with_stack


def main(smk):
    stack = read_table(smk.input.stack)
    facts = {"stack": stack.meta["sizes"], "clusters": read_table(smk.input.chunks[0]).meta["sizes"]}
    clusters = merge_tables(smk.input.chunks, smk.params.ids)
    rows_from = clusters.meta["rows_from"]
    table = with_stack(stack, clusters)
    meta = provenance("merge_sizes", smk.wildcards, smk.params, rows_from=rows_from, **facts)
    write_table(smk.output.limits, table, meta=meta)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
