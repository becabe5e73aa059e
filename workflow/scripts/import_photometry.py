"""Take a chunk of a field's photometry from the user's table (rule import_photometry)."""

import numpy as np
from astropy.table import Table
from clusterphot.base.checksums import sha256
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_columns, parse_carried, provenance, read_photometry, write_table


def main(smk):
    ids, filters, flux, err, carried = read_photometry(smk.input.table, smk.input.table)
    row_of = {name: row for row, name in enumerate(ids)}
    rows = [row_of[name] for name in smk.params.ids]
    table = Table({"id": smk.params.ids})
    for name, values in carried.items():
        table["flags_listed" if name == "flags" else name] = parse_carried(values)[rows]
    kept = [name for name in table.colnames if name not in ("id", "ra", "dec")]
    table["flags"] = np.zeros(len(rows), dtype=int)
    for name, values in flux_columns(filters, flux[rows], err[rows]).items():
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
