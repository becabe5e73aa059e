"""Draw the differences between the engines of photometry (rule plot_engines)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.engines import plot_engines
from clusterphot.figures.style import save_figure


def main(smk):
    figure = plot_engines(
        read_table(smk.input.sources),
        read_table(smk.input.summary),
        smk.params.filters,
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
