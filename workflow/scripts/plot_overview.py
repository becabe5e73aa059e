"""Draw the colour composite of a field with its sources and footprints (rule plot_overview)."""

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.overview import plot_overview, read_small
from clusterphot.figures.style import save_figure


def main(smk):
    mosaics = {small.filter_name: small for small in (read_small(path) for path in smk.input.mosaics)}
    figure = plot_overview(
        mosaics,
        read_table(smk.input.photometry),
        kpc_per_arcsec=kpc_per_arcsec(smk.params.redshift, **smk.params.cosmology),
        reference_filter=smk.params.reference_filter,
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
