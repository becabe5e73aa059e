"""PSF of one filter over the field from the stars of its channel, or the user's own (rule build_psf)."""

import logging
from dataclasses import replace

from clusterphot.base.files import checksum_cards
from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.config.fields import PHASE_KEYS
from clusterphot.psf.build import (
    read_star_psf,
    use_psf,
    with_phase_error,
    with_variation,
    write_psf_result,
)
from clusterphot.psf.grid import constant_grid
from clusterphot.psf.phase import make_phase_error
from clusterphot.psf.reference import read_encircled_energy
from clusterphot.psf.stars import read_stars
from clusterphot.psf.user_file import load_user_grid, load_user_psf

logger = logging.getLogger(__name__)


def main(smk):
    """Read the mosaic and the mean PSFs of the channel, or the user's PSF; write the PSF and that over the field."""
    mosaic = read_mosaic(smk.input.mosaic)
    if smk.input.get("psf"):
        result, grid = _users(smk, mosaic)
    else:
        built = [read_star_psf(path) for path in smk.input.star_psfs]
        stars = {result.psf.filter_name: (result, states) for result, states in built}
        result, grid = with_variation(stars, mosaic)
    said = {key: getattr(smk.params, key) for key in PHASE_KEYS}
    phase = make_phase_error(result.psf, mosaic, said, smk.input.get("exposures") or None)
    write_psf_result(smk.output.psf, with_phase_error(result, phase))
    grid.write(smk.output.psf_grid, result.psf)


def _users(smk, mosaic):
    """The user's PSF and the PSFs over the field."""
    psf, notes = load_user_psf(
        smk.input.psf,
        mosaic.pixel_scale_arcsec,
        mosaic.filter_name,
        encircled_energy=smk.params.psf_encircled_energy,
        error=smk.params.psf_error,
    )
    for note in notes:
        logger.warning("%s: %s", smk.input.psf, note)
    grid = load_user_grid(smk.input.psf, psf, mosaic.shape) or constant_grid(psf, mosaic.shape)
    result = use_psf(psf, read_stars(smk.input.stars), read_encircled_energy(smk.input.encircled_energy))
    cards = {key: value for key, (value, _) in checksum_cards({"PSF": smk.input.psf}).items()}
    return replace(result, psf=replace(result.psf, meta=result.psf.meta | cards)), grid


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
