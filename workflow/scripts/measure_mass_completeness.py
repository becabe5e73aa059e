"""Completeness of the search against mass, age and radius (rule measure_mass_completeness)."""

import logging

import numpy as np
from astropy.table import vstack
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.detect.completeness.masses import KINDS, SELECTIONS, mass_table


def main(smk):
    filt = smk.params.reference_filter
    injections = vstack([read_table(path) for path in smk.input.runs], metadata_conflicts="silent")
    inside = np.asarray(injections["searched"], dtype=bool) & np.isfinite(injections[f"noise_{filt}"])
    table = mass_table(injections[inside], filt)
    meta = provenance("measure_mass_completeness", smk.wildcards, smk.params, selections=SELECTIONS)
    write_table(smk.output.completeness, table, meta=meta)
    selected = table[table["selection"] == "selected"]
    _, first = np.unique(np.stack([selected[name] for name in KINDS], axis=1), axis=0, return_index=True)
    limits = selected["log_mass_50"][first]
    logging.info(
        "half are selected at log masses of %.2f to %.2f, by age and radius; %d clusters",
        np.nanmin(limits) if np.isfinite(limits).any() else np.nan,
        np.nanmax(limits) if np.isfinite(limits).any() else np.nan,
        inside.sum(),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
