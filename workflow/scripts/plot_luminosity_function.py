"""Draw the luminosity function and the posterior of its turnover (rule plot_luminosity_function)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.luminosity import plot_luminosity_function
from clusterphot.figures.style import save_figure
from clusterphot.luminosity.results import read_posterior


def main(smk):
    figure = plot_luminosity_function(
        read_table(smk.input.function),
        read_table(smk.input.counts),
        read_posterior(smk.input.posterior),
        filt=smk.params.reference_filter,
        field=smk.wildcards.field,
        fall=smk.params.fall,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
