"""Draw when the clusters of a field formed, against their masses (rule plot_formation)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.formation import plot_formation
from clusterphot.figures.style import save_figure


def main(smk):
    figure = plot_formation(
        read_table(smk.input.formation),
        read_table(smk.input.clusters)["log_mass_p50"],
        redshift=smk.params.redshift,
        cosmology=smk.params.cosmology,
        field=smk.wildcards.field,
        grid=smk.wildcards.grid,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
