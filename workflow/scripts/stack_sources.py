"""Stack the sources of a field in one filter and fit the stack (rule stack_sources)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import read_table
from clusterphot.config.keys import values_of
from clusterphot.config.stack import StackKeys
from clusterphot.stack.build import StackOptions, join_cutouts, make_stack, write_stack


def main(smk):
    cutouts = join_cutouts([read_cutouts(path) for path in smk.input.cutouts])
    options = StackOptions(
        **values_of(StackKeys, smk.params),
        sky=smk.params.sky,
        max_shift_px=smk.params.max_shift_px,
        engine=smk.params.engine,
    )
    stack = make_stack(
        cutouts,
        read_table(smk.input.photometry),
        read_psf_field(smk.input.psf, smk.input.psf_grid),
        read_noise(smk.input.noise),
        smk.params.filters,
        options,
        reference=smk.params.reference_filter,
    )
    write_stack(smk.output.stack, stack, smk.wildcards.field)
    logging.info(
        "%s: %s of %d of %d sources, %.3f +- %.3f nJy",
        smk.wildcards.filter,
        options.method,
        stack.row["n_sources"],
        stack.row["n_listed"],
        stack.row["flux"],
        stack.row["flux_err"],
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
