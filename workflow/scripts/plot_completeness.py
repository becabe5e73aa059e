"""Draw completeness curves, flux bias and the map of the limit of one filter (rule plot_completeness)."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from clusterphot.base.jobs import run_job
from clusterphot.base.products import pixel_scale
from clusterphot.base.tables import read_table
from clusterphot.figures.completeness import plot_completeness
from clusterphot.figures.style import save_figure


def main(smk):
    with fits.open(smk.input.map, memmap=False) as hdus:
        limits, cell = np.asarray(hdus["MAG_50"].data, dtype=float), pixel_scale(WCS(hdus["MAG_50"].header))
    figure = plot_completeness(
        read_table(smk.input.completeness),
        limits,
        cell,
        filt=smk.wildcards.filter,
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
