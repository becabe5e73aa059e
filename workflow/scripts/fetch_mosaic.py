"""Fetch one file of a mosaic by its URL (rule fetch_mosaic)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.secrets import whole_address
from clusterphot.mosaics.download import fetch


def main(smk):
    fetch(
        whole_address(smk.params.url),
        smk.output.image,
        retries=smk.params.retries,
        timeout=smk.params.timeout_s,
        sha256=smk.params.sha256,
        max_bytes=smk.params.max_gb * 1e9,
        max_s=smk.params.max_hours * 3600.0,
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
