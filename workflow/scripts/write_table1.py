"""Table 1: photometry and masses of the clusters of a field (rule write_table1)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table
from clusterphot.publish.paper_tables import table1, write_formats


def main(smk):
    table = table1(read_table(smk.input.photometry), read_table(smk.input.clusters))
    title = f"Compact star clusters of {smk.wildcards.field}: fluxes and masses"
    write_formats(smk.output, table, provenance("write_table1", smk.wildcards, smk.params), title=title)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
