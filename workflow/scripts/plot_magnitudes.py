"""Draw the magnitudes of the sources of a field with the depths of its filters (rule plot_magnitudes)."""

from clusterphot.figures.overview import plot_magnitudes
from clusterphot.figures.style import save_figure
from clusterphot.jobs import job_logging
from clusterphot.tables import read_table


def main(smk):
    figure = plot_magnitudes(
        read_table(smk.input.photometry),
        smk.params.filters,
        smk.params.reference_filter,
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
