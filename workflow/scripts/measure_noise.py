"""Measure noise and its correlation on blank sky of one filter (rule measure_noise)."""

from clusterphot.io import read_mosaic, write_noise
from clusterphot.jobs import job_logging
from clusterphot.noise import measure_noise


def main(smk):
    write_noise(smk.output.noise, measure_noise(read_mosaic(smk.input.mosaic)))


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
