"""Correct the fluxes of a field's stack for Milky Way dust (rule deredden_stack)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import carried_columns, provenance, read_table, write_table
from clusterphot.foreground.dust import deredden_table


def main(smk):
    measured = read_table(smk.input.photometry)
    table = deredden_table(
        measured, read_table(smk.input.extinction), already_corrected=smk.params.is_dereddened, prefix="flux0"
    )
    kept = {
        name: measured.meta[name] for name in ("filters", "flux_err_correlation") if name in measured.meta
    }
    meta = provenance("deredden_stack", smk.wildcards, smk.params, **kept)
    write_table(smk.output.photometry, table, meta=meta, carried=carried_columns(measured))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
