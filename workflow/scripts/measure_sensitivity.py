"""What moves age, metallicity and mass of the stack, and which conclusions survive (rule measure_sensitivity)."""

import logging

from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sed.library_comparison import read_libraries, read_stack_fluxes
from clusterphot.sed.robustness import OLDEST_GYR, YOUNGEST_GYR, robustness_table
from clusterphot.sed.sensitivity import sensitivity_table
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import nodes_around, project_grid, read_grid


def main(smk):
    par = smk.params
    libraries = read_libraries(par.readers, smk.input.projected, smk.input.native)
    filters = libraries[0].models.filters
    stack = read_stack_fluxes(smk.input.photometry, filters)
    modes = read_field_modes(smk.input, filters, par.posterior)
    moved = sensitivity_table(
        stack,
        libraries,
        par.fiducial_grid,
        par,
        modes,
        ebv=read_table(smk.input.extinction).meta["ebv"],
        zero_point_errors=par.comparison_zero_point_errors,
    )
    around = nodes_around(
        read_grid(smk.input.spectra),
        age_range_gyr=(YOUNGEST_GYR, OLDEST_GYR),
        metallicity_range_zsun=tuple(par.posterior["metallicity_zsun"][end] for end in ("min", "max")),
    )
    wide = project_grid(around, filters, par.redshift, flat_lambda_cdm(**par.cosmology))
    methods = smk.input.get("methods", [])
    stands = robustness_table(
        stack,
        libraries,
        par.fiducial_grid,
        par,
        modes,
        wide=wide,
        methods=read_table(methods) if methods else None,
    )
    meta = provenance("measure_sensitivity", smk.wildcards, par)
    write_table(smk.output.sensitivity, moved, meta=dict(meta))
    write_table(smk.output.robustness, stands, meta=dict(meta))
    fallen = stands[~stands["stands"]]
    n_tried = len(stands) // len(set(stands["conclusion"])) - 1
    logging.info(
        "%s: %d changes tried; of %d conclusions %d stand in all of them",
        smk.wildcards.field,
        n_tried,
        len(set(stands["conclusion"])),
        len(set(stands["conclusion"]) - set(fallen["conclusion"])),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
