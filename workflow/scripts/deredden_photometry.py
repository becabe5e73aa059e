"""Correct a chunk's fluxes for Milky Way dust (rule deredden_photometry)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import carried_columns, provenance, read_table, write_table
from clusterphot.foreground.dust import deredden_table


def main(smk):
    measured = read_table(smk.input.photometry)
    table = deredden_table(
        measured, read_table(smk.input.extinction), already_corrected=smk.params.is_dereddened, prefix="flux"
    )
    meta = provenance("deredden_photometry", smk.wildcards, smk.params)
    write_table(smk.output.photometry, table, meta=meta, carried=carried_columns(measured), dereddened=True)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
