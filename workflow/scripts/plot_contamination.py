"""Draw the probabilities that sources are clusters (rule plot_contamination)."""

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.figures.colors import choose_filters, measure_colors
from clusterphot.figures.contamination import plot_contamination
from clusterphot.figures.style import save_figure


def main(smk):
    filters = choose_filters(smk.params.filters, smk.params.redshift)
    table = read_table(smk.input.contamination)
    figure = plot_contamination(
        measure_colors(*flux_arrays(read_table(smk.input.photometry), filters), filters),
        np.asarray(table["p_cluster"]),
        np.asarray(table["is_control"]),
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
