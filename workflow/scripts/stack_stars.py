"""Make the mean PSF of a filter from its stars, and keep what they leave (rule stack_stars)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.products import calibrated, read_mosaic, read_noise
from clusterphot.config.keys import values_of
from clusterphot.config.psf import StampKeys
from clusterphot.mosaics.drizzling import Drizzling
from clusterphot.psf.build import PsfOptions, build_psf, write_star_psf
from clusterphot.psf.reference import read_encircled_energy
from clusterphot.psf.stars import read_stars
from clusterphot.psf.variation import state_images


def main(smk):
    """Read mosaic, star list and reference table; write the mean PSF, residuals of the stars and images of states."""
    mosaic = calibrated(read_mosaic(smk.input.mosaic), read_noise(smk.input.noise))
    pixels = {key: getattr(smk.params, key) for key in ("native_pixel_arcsec", "pixfrac")}
    result = build_psf(
        mosaic,
        read_stars(smk.input.stars),
        read_encircled_energy(smk.input.encircled_energy),
        PsfOptions(**values_of(StampKeys, smk.params)),
        **pixels,
    )
    said = Drizzling.from_cards(mosaic.cards or {})
    pixels = {key: value or getattr(said, key) for key, value in pixels.items()}
    states = state_images(mosaic.filter_name, mosaic.pixel_scale_arcsec, **pixels)
    write_star_psf(smk.output.star_psf, result, states)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
