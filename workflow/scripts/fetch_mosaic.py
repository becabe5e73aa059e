"""Fetch one file of a mosaic by its URL (rule fetch_mosaic)."""

from clusterphot.base.jobs import run_job
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
    run_job(main, globals().get("snakemake"))
