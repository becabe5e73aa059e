"""Draw the magnitude near 2.2 micron against mass (rule plot_mass_light)."""

import numpy as np
from clusterphot.base.filters import nearest_filter
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.base.units import mag_ab
from clusterphot.figures.comparison import plot_mass_light
from clusterphot.figures.style import save_figure


def main(smk):
    filt = nearest_filter(smk.params.filters, 2.2)
    clusters = read_table(smk.input.clusters)
    galaxies = None
    if smk.input.get("comparison"):
        table = read_table(smk.input.comparison)
        galaxies = tuple(np.ma.filled(table[name], np.nan) for name in (f"mag_{filt}", "log_mass_galaxy"))
        galaxies = (*galaxies, np.asarray(table["is_quiescent"]))
    flux, _ = flux_arrays(read_table(smk.input.photometry), [filt])
    figure = plot_mass_light(
        mag_ab(flux[:, 0]),
        np.asarray(clusters["log_mass"]),
        np.asarray(clusters["log_mass_err"]),
        galaxies=galaxies,
        filter_name=filt,
        mass_convention=smk.params.mass_convention,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
