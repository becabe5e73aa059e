"""Draw the colours of the clusters and their components (rule plot_color_mixture)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.luminosity import plot_color_mixture
from clusterphot.figures.style import save_figure
from clusterphot.luminosity.inputs import selected_sources
from clusterphot.luminosity.results import source_probabilities


def main(smk):
    figure = plot_color_mixture(
        source_probabilities(selected_sources(read_table(smk.input.candidates)), smk.params.use_purity),
        read_table(smk.input.colors),
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
