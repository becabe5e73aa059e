"""The numbers of Faisst et al. (2022) with those of a field beside them (rule compute_reproduction)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.files import own_file
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.validation.compare import compare, read_entries, tally
from clusterphot.validation.values import Products

logger = logging.getLogger(__name__)


def main(smk):
    entries, published = read_entries(smk.input.numbers), {}
    for name in ("table1", "table2"):
        with own_file(smk.input[name]):
            published[name] = Table.read(smk.input[name], format="ascii.csv")
    masses = dict(zip(published["table1"]["id"], np.asarray(published["table1"]["log_mass"]), strict=True))
    settings = {name: value for name, value in smk.params.items() if name not in ("code", "role")}
    products = Products(
        {name: smk.input.get(name) for name in smk.params.products},
        settings | {"published_masses": {str(name): float(mass) for name, mass in masses.items()}},
    )
    table = compare(entries, products, published=published, role=smk.params.role)
    write_table(
        smk.output.reproduction,
        table,
        meta=provenance("compute_reproduction", smk.wildcards, smk.params, tally=tally(table)),
    )
    counts = ", ".join(f"{count} {outcome}" for outcome, count in tally(table).items())
    logger.info("%s: of %d numbers of the paper, %s", smk.wildcards.field, len(table), counts)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
