"""Simulate one filter as a mosaic that is drawn as such, in the DAWN JWST Archive's layout (rule simulate_field)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import write_psf
from clusterphot.base.tables import read_ecsv
from clusterphot.optics.pupil import read_pupil
from clusterphot.simulate.files import read_correlation, write_archive
from clusterphot.simulate.images import simulate_filter


def main(smk):
    """Read the truth, simulate ``wildcards.filter``, write sci, wht and the true PSF."""
    truth, telescope = read_ecsv(smk.input.truth), read_pupil(smk.input.pupil)
    path = getattr(smk.input, "correlation", None)
    correlation = read_correlation(path) if path else None
    image = simulate_filter(truth, smk.wildcards.filter, telescope=telescope, correlation=correlation)
    write_archive(smk.output.sci, smk.output.wht, image, gain_e_per_njy=image.gain_e_per_njy)
    write_psf(smk.output.psf, image.psf)
    ny, nx = image.sci.shape
    logging.info(
        '%d x %d px of %.3f", FWHM %.3f"', nx, ny, image.psf.pixel_scale_arcsec, image.psf.fwhm_arcsec
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
