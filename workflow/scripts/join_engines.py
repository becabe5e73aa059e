"""Join the comparisons of the engines in all filters (rule join_engines)."""

from astropy.table import vstack
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.measure.engines.comparison import summarise


def main(smk):
    tables = [read_table(path) for path in smk.input.engines]
    summary = vstack([summarise(table) for table in tables], metadata_conflicts="silent")
    for table in tables:
        table.meta.clear()
    meta = provenance("join_engines", smk.wildcards, smk.params)
    write_table(smk.output.sources, vstack(tables), meta=dict(meta))
    write_table(smk.output.summary, summary, meta=dict(meta))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
