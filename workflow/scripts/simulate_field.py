"""Simulate one filter of a field, as a pair of files like the DAWN JWST Archive's (rule simulate_field)."""

import logging

import numpy as np
from astropy.io import fits
from clusterphot.base.jobs import run_job
from clusterphot.base.products import write_fits, write_psf
from clusterphot.base.tables import read_ecsv
from clusterphot.optics.pupil import read_pupil
from clusterphot.simulate.images import simulate_filter

UNIT_NJY = 10.0
"""The archive's unit: 10 nJy, so that the AB zero point is 28.9."""


def main(smk):
    """Read the truth, simulate ``wildcards.filter``, write sci, wht and the true PSF."""
    truth, telescope = read_ecsv(smk.input.truth), read_pupil(smk.input.pupil)
    image = simulate_filter(truth, smk.wildcards.filter, telescope=telescope)
    header = image.wcs.to_header()
    header["TELESCOP"], header["INSTRUME"], header["FILTER"] = "JWST", "NIRCAM", image.filter_name
    header["ORIGIN"] = "simulated"
    header["PHOTFNU"] = (UNIT_NJY * 1e-9, "[Jy] per unit of the image")
    if image.gain_e_per_njy is not None:
        header["GAIN"] = (image.gain_e_per_njy, "[electron/nJy]")
    for path, data, unit in (
        (smk.output.sci, image.sci / np.float32(UNIT_NJY), "10.0*nanoJansky"),
        (smk.output.wht, image.wht * np.float32(UNIT_NJY**2), ""),
    ):
        hdu = fits.PrimaryHDU(data, header)
        if unit:
            hdu.header["BUNIT"] = unit
        write_fits(path, [hdu])
    write_psf(smk.output.psf, image.psf)
    ny, nx = image.sci.shape
    logging.info(
        '%d x %d px of %.3f", FWHM %.3f"', nx, ny, image.psf.pixel_scale_arcsec, image.psf.fwhm_arcsec
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
