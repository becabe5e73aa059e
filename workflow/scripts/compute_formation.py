"""Lookback time and redshift of formation of stack and clusters (rule compute_formation)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sed.formation import formation_table, summary

logger = logging.getLogger(__name__)


def main(smk):
    stack = read_table(smk.input.stack) if smk.input.stack else None
    table = formation_table(
        read_table(smk.input.clusters), stack, redshift=smk.params.redshift, cosmology=smk.params.cosmology
    )
    clusters = summary(table)
    meta = provenance("compute_formation", smk.wildcards, smk.params, clusters=clusters)
    write_table(smk.output.formation, table, meta=meta)
    logger.info("%s: formation of %d sources", smk.wildcards.field, clusters["n"])


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
