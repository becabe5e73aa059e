"""Draw the magnitudes of the sources of a field with the depths of its filters (rule plot_magnitudes)."""

from clusterphot.base.filters import nearest_filter
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.overview import plot_magnitudes
from clusterphot.figures.style import save_figure


def main(smk):
    counts = read_table(smk.input.star_counts) if smk.input.get("star_counts") else None
    dust = 0.0 if counts is None or smk.params.is_dereddened else counts.meta["extinction_mag"]
    figure = plot_magnitudes(
        read_table(smk.input.photometry),
        smk.params.filters,
        smk.params.reference_filter or nearest_filter(smk.params.filters, 2.0),
        field=smk.wildcards.field,
        star_counts=counts,
        extinction_mag=dust,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
