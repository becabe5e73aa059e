"""Project a grid of stellar populations through a field's filters at its redshift (rule project_ssp_grid)."""

from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.jobs import run_job
from clusterphot.ssp.grid import (
    project_grid,
    read_grid,
    resample_ages,
    select_metallicities,
    write_projected_grid,
)


def main(smk):
    par = smk.params
    grid = select_metallicities(read_grid(smk.input.grid), par.metallicity_zsun)
    grid = resample_ages(grid, par.ages_gyr)
    projected = project_grid(grid, par.filters, par.redshift, flat_lambda_cdm(**par.cosmology))
    write_projected_grid(smk.output.projected, projected)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
