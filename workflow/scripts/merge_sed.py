"""Merge the SED fits of all chunks of a field (rule merge_sed)."""

from clusterphot.jobs import job_logging
from clusterphot.tables import carried_columns, merge_tables, provenance, write_table


def main(smk):
    table = merge_tables(smk.input.chunks, smk.params.ids)
    meta = provenance("merge_sed", smk.wildcards, smk.params)
    write_table(smk.output.clusters, table, meta=meta, carried=carried_columns(table))


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
