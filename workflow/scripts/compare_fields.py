"""Put the fields of a run beside one another: a table, and what differs (rule compare_fields)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.side_by_side.fields import differences, field_row, read_fields, sentences


def main(smk):
    rows = [field_row(field) for field in read_fields(smk.params.fields)]
    table = differences(rows)
    meta = provenance("compare_fields", smk.wildcards, smk.params)
    write_table(smk.output.fields, Table(rows=rows), meta=dict(meta))
    write_table(smk.output.differences, table, meta=dict(meta))
    for said in sentences(table):
        logging.info("%s", said)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
