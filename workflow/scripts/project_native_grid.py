"""Project all ages of a library within the priors through filters (rule project_native_grid)."""

from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.jobs import run_job
from clusterphot.ssp.grid import nodes_around, project_grid, read_grid, write_projected_grid


def main(smk):
    par = smk.params
    grid = nodes_around(
        read_grid(smk.input.grid),
        age_range_gyr=(par.age_gyr["min"], par.age_gyr["max"]),
        metallicity_range_zsun=(par.metallicity_zsun["min"], par.metallicity_zsun["max"]),
    )
    projected = project_grid(grid, par.filters, par.redshift, flat_lambda_cdm(**par.cosmology))
    write_projected_grid(smk.output.projected, projected)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
