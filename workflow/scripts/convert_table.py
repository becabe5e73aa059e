"""A merged table of a field in the format of other programs (rule convert_table)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.publish.exchange import WRITERS


def main(smk):
    name = smk.wildcards.table
    for ending, write in WRITERS.values():
        if ending == smk.wildcards.ending:
            write(smk.output.table, read_table(smk.input.table), f"{smk.wildcards.field}: {name}")


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
