"""Build the PSF of one filter from its stars, or take the user's own (rule build_psf)."""

import logging
from dataclasses import replace

from clusterphot.base.files import checksum_cards
from clusterphot.base.jobs import run_job
from clusterphot.base.products import calibrated, read_mosaic, read_noise
from clusterphot.config.fields import PHASE_KEYS
from clusterphot.config.keys import values_of
from clusterphot.config.psf import StampKeys
from clusterphot.psf.build import PsfOptions, build_psf, use_psf, with_phase_error, write_psf_result
from clusterphot.psf.grid import constant_grid
from clusterphot.psf.phase import make_phase_error
from clusterphot.psf.reference import read_encircled_energy
from clusterphot.psf.stars import read_stars
from clusterphot.psf.user_file import load_user_grid, load_user_psf

logger = logging.getLogger(__name__)


def main(smk):
    """Read mosaic, star list and reference table; write the PSF and that over the field."""
    mosaic = calibrated(read_mosaic(smk.input.mosaic), read_noise(smk.input.noise))
    stars = read_stars(smk.input.stars)
    reference, grid = read_encircled_energy(smk.input.encircled_energy), None
    if smk.input.get("psf"):
        psf, notes = load_user_psf(
            smk.input.psf,
            mosaic.pixel_scale_arcsec,
            mosaic.filter_name,
            encircled_energy=smk.params.psf_encircled_energy,
            error=smk.params.psf_error,
        )
        for note in notes:
            logger.warning("%s: %s", smk.input.psf, note)
        grid = load_user_grid(smk.input.psf, psf, mosaic.shape)
        result = use_psf(psf, stars, reference)
        cards = {key: value for key, (value, _) in checksum_cards({"PSF": smk.input.psf}).items()}
        result = replace(result, psf=replace(result.psf, meta=result.psf.meta | cards))
    else:
        options = PsfOptions(**values_of(StampKeys, smk.params))
        result = build_psf(mosaic, stars, reference, options)
    said = {key: getattr(smk.params, key) for key in PHASE_KEYS}
    phase = make_phase_error(result.psf, mosaic, said, smk.input.get("exposures") or None)
    write_psf_result(smk.output.psf, with_phase_error(result, phase))
    (grid or constant_grid(result.psf, mosaic.shape)).write(smk.output.psf_grid, result.psf)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
