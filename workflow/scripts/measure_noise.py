"""Measure noise and its correlation on blank sky of one filter (rule measure_noise)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic, verify_pixels, write_noise
from clusterphot.psf.noise import measure_noise


def main(smk):
    # The first job that looks all over the mosaic: what comes later rests on its result.
    verify_pixels(smk.input.mosaic)
    noise = measure_noise(read_mosaic(smk.input.mosaic))
    write_noise(smk.output.noise, noise)
    factor = max(float(noise.correlation.sum()), 0.0) ** 0.5
    logging.info(
        "%s: in large apertures %.2f times that of independent pixels, pixels have %.2f of the stated variance",
        smk.wildcards.filter,
        factor,
        1.0 / noise.ivar_scale,
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
