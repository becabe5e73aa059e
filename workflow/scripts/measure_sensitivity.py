"""What moves age, metallicity and mass of the stack (rule measure_sensitivity)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sed.library_comparison import read_libraries, read_stack_fluxes
from clusterphot.sed.sensitivity import sensitivity_table


def main(smk):
    par = smk.params
    libraries = read_libraries(par.readers, smk.input.projected, smk.input.native)
    stack = read_stack_fluxes(smk.input.photometry, libraries[0].models.filters)
    table = sensitivity_table(
        stack,
        libraries,
        par.fiducial_grid,
        par,
        ebv=read_table(smk.input.extinction).meta["ebv"],
        zero_point_errors=par.comparison_zero_point_errors,
    )
    write_table(smk.output.sensitivity, table, meta=provenance("measure_sensitivity", smk.wildcards, par))
    logging.info("%s: %d changes tried", smk.wildcards.field, len(table) - 1)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
