"""Draw ages of the clusters beside those in lensed galaxies (rule plot_lensed_ages)."""

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.figures.lensed_ages import plot_lensed_ages
from clusterphot.figures.style import save_figure


def main(smk):
    figure = plot_lensed_ages(
        np.asarray(read_table(smk.input.clusters)["age_gyr"]),
        read_literature(smk.input.lensed),
        redshift=smk.params.redshift,
        cosmology=smk.params.cosmology,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
