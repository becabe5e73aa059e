"""Draw chi-square maps and posteriors of the stack with every library (rule plot_libraries)."""

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.chi2_map import read_chi2_map
from clusterphot.figures.libraries import plot_libraries
from clusterphot.figures.style import save_figure


def main(smk):
    par = smk.params
    figure = plot_libraries(
        read_table(smk.input.comparison),
        read_table(smk.input.densities),
        {name: read_chi2_map(path) for name, path in zip(par.grids, smk.input.chi2_maps, strict=True)},
        age_of_universe_gyr=age_of_universe_gyr(par.redshift, **par.cosmology),
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, par.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
