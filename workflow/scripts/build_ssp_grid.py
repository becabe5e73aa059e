"""Read a library of stellar populations into the workflow's own format (rule build_ssp_grid)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.ssp.grid import write_grid
from clusterphot.ssp.readers import READERS


def main(smk):
    par = smk.params
    grid = READERS[par.reader].read(
        par.options,
        files=list(smk.input.library),
        ages_gyr=par.ages_gyr,
        metallicity_zsun=par.metallicity_zsun,
    )
    write_grid(smk.output.grid, grid)
    logging.info(
        "%s: %d ages, %d metallicities, %d wavelengths; %s, %s, %s IMF",
        smk.wildcards.grid,
        len(grid.age_gyr),
        len(grid.metallicity_zsun),
        len(grid.wave_rest),
        grid.tracks,
        grid.library,
        grid.imf,
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
