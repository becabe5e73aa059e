"""Table 2: photometry of the stack of a field (rule write_table2)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table
from clusterphot.publish.paper_tables import table2, write_formats


def main(smk):
    table = table2(read_table(smk.input.photometry))
    title = f"Stack of the compact star clusters of {smk.wildcards.field}: fluxes"
    write_formats(smk.output, table, provenance("write_table2", smk.wildcards, smk.params), title=title)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
