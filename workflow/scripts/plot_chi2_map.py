"""Draw the chi-square map of the stack of a field (rule plot_chi2_map)."""

from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.chi2_map import plot_chi2_map, read_chi2_map
from clusterphot.figures.style import save_figure


def main(smk):
    figure = plot_chi2_map(
        *read_chi2_map(smk.input.chi2_map),
        age_of_universe_gyr=age_of_universe_gyr(smk.params.redshift, **smk.params.cosmology),
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
        dof=int(read_table(smk.input.stack)["dof"][0]),
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
