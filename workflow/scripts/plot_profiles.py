"""Draw the light profiles of the stacks beside the PSF's (rule plot_profiles)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.profiles import plot_profiles
from clusterphot.figures.style import save_figure


def main(smk):
    tables = [read_table(path) for path in smk.input.profiles]
    figure = plot_profiles(tables, field=smk.wildcards.field)
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
