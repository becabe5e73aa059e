"""Hold the PSF of one filter against the stars of the field (rule check_psf)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.products import calibrated, open_fits, read_mosaic, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.psf.check import check_psf, write_psf_check
from clusterphot.psf.stars import read_stars


def main(smk):
    """Read mosaic, PSF over the field and star list; write shapes, residuals and the parts of the error."""
    with open_fits(smk.input.psf) as hdus:
        header, notes = hdus[0].header, Table(hdus["STARS"].data)
    check = check_psf(
        calibrated(read_mosaic(smk.input.mosaic), read_noise(smk.input.noise)),
        read_psf_field(smk.input.psf, smk.input.psf_grid),
        read_stars(smk.input.stars),
        notes,
        header,
    )
    write_psf_check(smk.output.check, check)
    logging.info("%s: PSF held against %d stars", smk.wildcards.filter, len(check.stars))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
