"""Take the photometry of a field's stack from the user's table (rule import_stack_photometry)."""

from astropy.table import Table
from clusterphot.base.files import sha256
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_columns, provenance, write_table
from clusterphot.base.units import without_sentinels
from clusterphot.base.user_tables import check_kept, read_photometry
from clusterphot.mosaics.calibration import field_factor


def main(smk):
    ids, filters, flux, err, _ = read_photometry(
        smk.input.table, smk.input.table, smk.params.get("unit", "nJy")
    )
    factors = [field_factor(smk.params.get("calibration"), filt) for filt in filters]
    flux, err = flux * factors, err * factors
    check_kept(smk.input.table, "fluxes of", smk.params.filters, filters)
    flux, err, _ = without_sentinels(flux, err)
    table = Table({"id": ids, **flux_columns(filters, flux, err)})
    meta = provenance(
        "import_stack_photometry",
        smk.wildcards,
        smk.params,
        checksums={smk.input.table: sha256(smk.input.table)},
        filters=filters,
    )
    write_table(smk.output.photometry, table, meta=meta)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
