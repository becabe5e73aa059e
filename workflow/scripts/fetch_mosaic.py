"""Fetch one file of a mosaic by its URL (rule fetch_mosaic)."""

from clusterphot.base.jobs import job_logging
from clusterphot.mosaics.download import fetch


def main(smk):
    fetch(
        smk.params.url,
        smk.output.image,
        retries=smk.params.retries,
        timeout=smk.params.timeout_s,
        sha256=smk.params.sha256,
    )


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
