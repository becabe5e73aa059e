"""Draw masses and sizes beside other stellar systems (rule plot_mass_size)."""

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.figures.mass_size import plot_mass_size
from clusterphot.figures.style import save_figure


def main(smk):
    galaxies = None
    if smk.input.get("comparison"):
        table = read_table(smk.input.comparison)
        names = ("log_mass_galaxy", "radius_kpc")
        galaxies = (*(np.ma.filled(table[name], np.nan) for name in names), np.asarray(table["is_quiescent"]))
    figure = plot_mass_size(
        np.asarray(read_table(smk.input.clusters)["log_mass"]),
        smk.params.size_limit_pc,
        read_literature(smk.input.mass_size),
        read_literature(smk.input.galaxy_sizes),
        redshift=smk.params.redshift,
        galaxies=galaxies,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
