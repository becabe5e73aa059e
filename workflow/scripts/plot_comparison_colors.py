"""Draw colours of the clusters beside galaxies, stars and black bodies (rule plot_comparison_colors)."""

import numpy as np
from clusterphot.base.filters import load_filter
from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.comparisons.black_bodies import band_planck
from clusterphot.figures.colors import choose_filters, measure_colors
from clusterphot.figures.comparison import EXTINCTION_AV, plot_comparison_colors
from clusterphot.figures.style import save_figure
from clusterphot.foreground.dust import curve_extinction
from clusterphot.foreground.star_counts import absolute_magnitudes


def main(smk):
    par = smk.params
    filters = choose_filters(par.filters, par.redshift)

    def place(flux):
        of_flux = measure_colors(flux, np.zeros_like(flux), filters)
        return of_flux.x, of_flux.y

    sequence = read_literature(smk.input.sequence)
    stars = flux_from_mag_ab(np.array([absolute_magnitudes(sequence, name) for name in filters]).T)
    galaxies = None
    if smk.input.get("comparison"):
        table = read_table(smk.input.comparison)
        flux = flux_from_mag_ab(np.array([np.ma.filled(table[f"mag_{name}"], np.nan) for name in filters]).T)
        galaxies = (*place(flux), np.asarray(table["is_quiescent"]))
    pivots = np.array([load_filter(name).wave_pivot for name in filters])
    reddened = 10 ** (-0.4 * curve_extinction(pivots, EXTINCTION_AV, par.r_v))
    (x0, x1), (y0, y1) = place(np.array([np.ones_like(reddened), reddened]))
    bodies = (
        place(band_planck(np.array(par.black_body_k, dtype=float), filters)) if par.black_body_k else ([], [])
    )
    figure = plot_comparison_colors(
        measure_colors(*flux_arrays(read_table(smk.input.photometry), filters), filters),
        galaxies=galaxies,
        stars=(*place(stars), [str(name) for name in sequence["spectral_type"]]),
        black_bodies=list(zip(par.black_body_k, *bodies, strict=True)),
        extinction=(x1 - x0, y1 - y0),
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, par.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
