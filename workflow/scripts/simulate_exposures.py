"""Simulate the exposures of one filter and drizzle them (rules simulate_exposures and simulate_i2d)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import write_psf
from clusterphot.base.tables import read_ecsv
from clusterphot.optics.pupil import read_pupil
from clusterphot.simulate.drizzled import drizzle_filter, mosaic_psf, write_true_psfs
from clusterphot.simulate.exposures import exposure_headers
from clusterphot.simulate.files import write_archive, write_exposures, write_i2d


def main(smk):
    """Read the truth, simulate ``wildcards.filter``, write the mosaic, its true PSFs and its exposures' WCS."""
    truth, telescope = read_ecsv(smk.input.truth), read_pupil(smk.input.pupil)
    image = drizzle_filter(truth, smk.wildcards.filter, telescope=telescope)
    i2d = getattr(smk.output, "i2d", None)
    if i2d:
        write_i2d(i2d, image)
    else:
        write_archive(
            smk.output.sci, smk.output.wht, image, gain_e_per_njy=image.config.exposures.gain_e_per_njy
        )
    psf = mosaic_psf(image)
    write_psf(smk.output.psf, psf)
    write_true_psfs(smk.output.psf_grid, image)
    headers = exposure_headers(image.config, image.filter_name)
    write_exposures(smk.output.exposures, headers, image.filter_name)
    ny, nx = image.sci.shape
    logging.info('%d x %d px of %.3f", FWHM %.3f"', nx, ny, image.pixel_scale_arcsec, psf.fwhm_arcsec)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
