"""Rest-frame magnitudes, K-corrections and V luminosities of the clusters of a chunk (rule measure_rest_frame)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sed.rest_frame import measure_rest_frame
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    native = read_projected_grid(smk.input.native_grid)
    table, about = measure_rest_frame(
        read_table(smk.input.photometry),
        (native, read_projected_grid(smk.input.rest_grid)),
        smk.params,
        read_field_modes(smk.input, native.filters, smk.params.posterior).at_one_place(),
    )
    meta = provenance("measure_rest_frame", smk.wildcards, smk.params, **about)
    write_table(smk.output.rest_frame, table, meta=meta)
    logging.info("%s %s: %d sources", smk.wildcards.grid, smk.wildcards.chunk, len(table))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
