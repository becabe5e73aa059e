"""Read a library of stellar populations into the workflow's own format (rule build_ssp_grid)."""

from clusterphot.jobs import job_logging
from clusterphot.ssp import read_embedded_grid, write_grid

READERS = {"embedded": read_embedded_grid}


def main(smk):
    grid = READERS[smk.params.reader](smk.input.library)
    write_grid(smk.output.grid, grid)


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
