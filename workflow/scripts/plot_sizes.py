"""Draw size limits and what can be resolved (rule plot_sizes)."""

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_psf
from clusterphot.base.tables import read_table
from clusterphot.figures.sizes import plot_sizes
from clusterphot.figures.style import save_figure
from clusterphot.sizes.profiles import model_profiles


def main(smk):
    par, profile = smk.params, read_table(smk.input.profile)
    models = model_profiles(
        read_psf(smk.input.psf),
        par.figure_radii_pc,
        1000.0 * kpc_per_arcsec(par.redshift, **par.cosmology),
        model=par.model,
        king_concentration=par.king_concentration,
        reach_arcsec=float(profile["radius_arcsec"][-1]),
    )
    figure = plot_sizes(
        read_table(smk.input.limits),
        read_table(smk.input.detection),
        profile,
        models,
        field=smk.wildcards.field,
    )
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
