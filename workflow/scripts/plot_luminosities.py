"""Draw the luminosity function and the mass-to-light ratios of the clusters (rule plot_luminosities)."""

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import read_table
from clusterphot.figures.luminosities import plot_luminosities
from clusterphot.figures.style import save_figure
from clusterphot.luminosity.v_band import cluster_luminosities


def main(smk):
    par = smk.params
    _, luminosity, _ = cluster_luminosities(
        read_table(smk.input.photometry), par.filters, par.v_filter, par.redshift, par.cosmology
    )
    summary = {
        row["measure"]: (row["value"], row["value_lo"], row["value_hi"])
        for row in read_table(smk.input.summary)
    }
    figure = plot_luminosities(
        luminosity,
        np.asarray(read_table(smk.input.clusters)["ml_v"]),
        summary,
        read_literature(smk.input.mass_to_light),
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, par.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
