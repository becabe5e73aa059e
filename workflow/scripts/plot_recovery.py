"""Draw pulls, biases and populations against the truth of a field (rule plot_recovery)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.recovery import plot_populations, plot_pulls, plot_trends
from clusterphot.figures.style import save_figure


def main(smk):
    sources, summary = read_table(smk.input.sources), read_table(smk.input.summary)
    filters, field, dpi = smk.params.filters, smk.wildcards.field, smk.params.dpi
    save_figure(
        plot_pulls(sources, summary, filters, field=field), smk.output.pulls_png, smk.output.pulls_pdf, dpi
    )
    save_figure(plot_trends(summary, filters, field=field), smk.output.trends_png, smk.output.trends_pdf, dpi)
    save_figure(
        plot_populations(sources, field=field), smk.output.populations_png, smk.output.populations_pdf, dpi
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
