"""Best fit and posterior of the stack with every library (rule compare_libraries)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.sed.library_comparison import compare_libraries, read_libraries, read_stack_fluxes
from clusterphot.sed.shared_modes import read_field_modes


def main(smk):
    par = smk.params
    libraries = read_libraries(
        par.readers, smk.input.projected, smk.input.native, smk.input.get("four_color", [])
    )
    stack = read_stack_fluxes(smk.input.photometry, libraries[0].models.filters)
    table, densities = compare_libraries(
        stack,
        libraries,
        par,
        read_field_modes(smk.input, libraries[0].models.filters, par.posterior),
        zero_point_errors=par.comparison_zero_point_errors,
    )
    meta = provenance("compare_libraries", smk.wildcards, par)
    write_table(smk.output.comparison, table, meta=dict(meta))
    write_table(smk.output.densities, densities, meta=dict(meta))
    logging.info("%s: %d libraries, %d rows", smk.wildcards.field, len(libraries), len(table))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
