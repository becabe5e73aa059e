"""Gather what artificial clusters are made of: places and fluxes of the measured list (rule choose_donors)."""

from astropy.table import vstack
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.proof.donors import choose_donors


def main(smk):
    par = smk.params
    photometry = vstack([read_table(path) for path in smk.input.chunks], metadata_conflicts="silent")
    photometry.sort("id")  # nothing depends on the order of the list, nor on its chunks
    table = choose_donors(photometry, par.filters, par.reference_filter)
    error = table.meta["list_error_px"]
    table.meta.clear()
    write_table(
        smk.output.donors, table, meta=provenance("choose_donors", smk.wildcards, par, list_error_px=error)
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
