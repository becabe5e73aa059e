"""Draw the histogram of the masses of the clusters of a field (rule plot_masses)."""

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.masses import plot_masses
from clusterphot.figures.style import save_figure


def main(smk):
    clusters = read_table(smk.input.clusters)
    figure = plot_masses(
        *(np.asarray(clusters[name]) for name in ("log_mass", "log_mass_err", "log_mass_formed", "flags")),
        mass_convention=smk.params.mass_convention,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
