"""Take a chunk of a field's photometry from the user's table (rule import_photometry)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.files import sha256
from clusterphot.base.flags import Flag
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_columns, provenance, redshift_columns, write_table
from clusterphot.base.units import without_sentinels
from clusterphot.base.user_tables import check_kept, parse_carried, read_photometry, rows_of
from clusterphot.mosaics.calibration import field_factor

logger = logging.getLogger(__name__)


def main(smk):
    ids, filters, flux, err, carried = read_photometry(
        smk.input.table, smk.input.table, smk.params.get("unit", "nJy")
    )
    factors = [field_factor(smk.params.get("calibration"), filt) for filt in filters]
    flux, err = flux * factors, err * factors
    check_kept(smk.input.table, "fluxes of", smk.params.filters, filters)
    rows = rows_of(smk.input.table, ids, smk.params.ids)
    flux, err, odd = without_sentinels(flux[rows], err[rows])
    for row, band in zip(*np.nonzero(odd), strict=True):
        logger.warning(
            "%s: %s is beyond any measurement, and taken as missing", smk.params.ids[row], filters[band]
        )
    table = Table({"id": smk.params.ids})
    for name, values in carried.items():
        table[name] = values[rows] if name in ("ra", "dec") else parse_carried(values)[rows]
    kept = [name for name in carried if name not in ("ra", "dec")]
    for name, values in redshift_columns(smk.params.get("redshift_columns"), len(table)).items():
        table[name] = values
    table["flags"] = np.where(odd.any(axis=1), int(Flag.UNUSABLE_BAND), 0)
    for name, values in flux_columns(filters, flux, err).items():
        table[name] = values
    meta = provenance(
        "import_photometry",
        smk.wildcards,
        smk.params,
        checksums={smk.input.table: sha256(smk.input.table)},
        filters=filters,
    )
    write_table(smk.output.photometry, table, meta=meta, carried=kept)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
