"""Draw stars, encircled energy and stamp of one filter's PSF (rule plot_psf)."""

from clusterphot.base.jobs import run_job
from clusterphot.figures.psf import plot_psf
from clusterphot.figures.style import save_figure
from clusterphot.psf.build import read_psf_result
from clusterphot.psf.stars import read_stars


def main(smk):
    figure = plot_psf(read_psf_result(smk.input.psf), read_stars(smk.input.stars))
    save_figure(figure, smk.output.png, smk.output.pdf, smk.params.dpi)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
