"""Draw what moves age, metallicity and mass of the stack (rule plot_sensitivity)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.libraries import plot_sensitivity
from clusterphot.figures.style import save_figure


def main(smk):
    table = read_table(smk.input.sensitivity)
    figure = plot_sensitivity(table, field=smk.wildcards.field, grid=smk.params.fiducial_grid)
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
