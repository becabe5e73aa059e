"""Measure a filter's offset from the reference filter on the stars (rule measure_offset)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.products import calibrated, read_mosaic, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.psf.offsets import measure_offset, write_offset
from clusterphot.psf.stars import read_stars


def main(smk):
    """Read both mosaics, both PSFs over the field and the star list; write one row."""
    offset = measure_offset(
        calibrated(read_mosaic(smk.input.mosaic), read_noise(smk.input.noise)),
        read_psf_field(smk.input.psf, smk.input.psf_grid),
        calibrated(read_mosaic(smk.input.reference_mosaic), read_noise(smk.input.reference_noise)),
        read_psf_field(smk.input.reference_psf, smk.input.reference_psf_grid),
        read_stars(smk.input.stars),
    )
    write_offset(
        smk.output.offset, offset, meta={"field": smk.wildcards.field, "filter": smk.wildcards.filter}
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
