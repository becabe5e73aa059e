"""Multiply the errors of a chunk by what artificial clusters say of them (rule rescale_errors)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import ERRORS_RESCALED, carried_columns, provenance, read_table, write_table
from clusterphot.proof.scaling import rescale


def main(smk):
    measured = read_table(smk.input.photometry)
    scaling = read_table(smk.input.scaling)
    table = rescale(measured, scaling)
    meta = provenance("rescale_errors", smk.wildcards, smk.params) | {ERRORS_RESCALED: True}
    write_table(smk.output.photometry, table, meta=meta, carried=carried_columns(measured))
    for filt in scaling["filter"]:
        factor = table[f"error_factor_{filt}"]
        logging.info("%s: errors times %.2f to %.2f", filt, factor.min(), factor.max())


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
