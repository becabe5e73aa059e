"""Draw the colour-colour diagram of the clusters of a field (rule plot_colors)."""

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.figures.colors import choose_filters, measure_colors, model_tracks, plot_colors
from clusterphot.figures.style import save_figure
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    projected = read_projected_grid(smk.input.projected)
    clusters = read_table(smk.input.clusters)
    filters = choose_filters(projected.filters, projected.redshift)
    figure = plot_colors(
        measure_colors(*flux_arrays(read_table(smk.input.photometry), filters), filters),
        np.asarray(clusters["age_gyr"]),
        np.asarray(clusters["metallicity_zsun"]),
        model_tracks(projected, filters),
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
