"""Summarise the V luminosities of the clusters of a field (rule measure_luminosities)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import at_field_redshift, provenance, read_table, write_table
from clusterphot.luminosity.v_band import cluster_luminosities, summarise_luminosities


def main(smk):
    par = smk.params
    photometry, clusters = read_table(smk.input.photometry), read_table(smk.input.clusters)
    photometry, clusters = (table[at_field_redshift(table)] for table in (photometry, clusters))
    band, luminosity, err = cluster_luminosities(
        photometry, par.filters, par.v_filter, par.redshift, par.cosmology
    )
    galaxy = read_table(smk.input.bcg).meta if smk.input.get("bcg") else None
    rows = summarise_luminosities(
        luminosity,
        err,
        clusters["ml_v"],
        galaxy_v=(galaxy["absolute_v_vega"], galaxy["absolute_v_err"]) if galaxy else None,
        specific_frequency=par.specific_frequency,
    )
    table = Table(rows=rows, names=("measure", "value", "value_lo", "value_hi"))
    meta = provenance("measure_luminosities", smk.wildcards, par, v_filter_used=band)
    write_table(smk.output.luminosities, table, meta=meta)
    for name, value, *_ in rows:
        logging.info("%s: %.4g", name, value)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
