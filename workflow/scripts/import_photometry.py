"""Take a chunk of a field's photometry from the user's table (rule import_photometry)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.errors import DataError
from clusterphot.base.files import sha256
from clusterphot.base.flags import Flag
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_columns, provenance, write_table
from clusterphot.base.units import without_sentinels
from clusterphot.base.user_tables import parse_carried, read_photometry

logger = logging.getLogger(__name__)


def main(smk):
    ids, filters, flux, err, carried = read_photometry(smk.input.table, smk.input.table)
    row_of = {name: row for row, name in enumerate(ids)}
    gone = [name for name in smk.params.ids if name not in row_of]
    if gone:
        raise DataError(
            smk.input.table,
            f"no row of {gone[0]!r} any more",
            "the table as it was when the run began",
            "give the same command again: it takes the table as it is now.",
        )
    rows = [row_of[name] for name in smk.params.ids]
    flux, err, odd = without_sentinels(flux[rows], err[rows])
    for row, band in zip(*np.nonzero(odd), strict=True):
        logger.warning(
            "%s: %s is beyond any measurement, and taken as missing", smk.params.ids[row], filters[band]
        )
    table = Table({"id": smk.params.ids})
    for name, values in carried.items():
        table[name] = values[rows] if name in ("ra", "dec") else parse_carried(values)[rows]
    kept = [name for name in carried if name not in ("ra", "dec")]
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
