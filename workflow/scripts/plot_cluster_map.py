"""Draw density map and radial profile of the clusters (rule plot_cluster_map)."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from clusterphot.base.jobs import run_job
from clusterphot.base.products import pixel_scale
from clusterphot.base.tables import read_table
from clusterphot.figures.luminosity import plot_cluster_map
from clusterphot.figures.style import save_figure
from clusterphot.luminosity.inputs import selected_sources


def main(smk):
    radial = read_table(smk.input.radial)
    with fits.open(smk.input.density, memmap=False) as hdus:
        density, wcs = np.asarray(hdus["DENSITY"].data, dtype=float), WCS(hdus["DENSITY"].header).celestial
    x, y = (float(value) for value in wcs.all_world2pix(*radial.meta["centre_deg"], 0))
    figure = plot_cluster_map(
        selected_sources(read_table(smk.input.candidates)),
        density,
        radial,
        read_table(smk.input.comparison),
        (y, x),
        cell_arcsec=pixel_scale(wcs),
        smoothing_arcsec=smk.params.smoothing_arcsec,
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
