"""Merge the SED fits of all chunks of a field (rule merge_sed)."""

import logging

import numpy as np
from clusterphot.base.flags import Flag
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import carried_columns, merge_tables, provenance, write_table


def main(smk):
    table = merge_tables(smk.input.chunks, smk.params.ids)
    meta = provenance("merge_sed", smk.wildcards, smk.params)
    write_table(smk.output.clusters, table, meta=meta, carried=carried_columns(table))
    log_mass = np.ma.filled(np.ma.asarray(table["log_mass"], dtype=float), np.nan)
    middle = np.nanmedian(log_mass) if np.isfinite(log_mass).any() else np.nan
    flagged = int((table["flags"] != 0).sum())
    chi2, dof = (np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan) for name in ("chi2", "dof"))
    tested = np.isfinite(chi2) & (dof > 0)
    words = f"median log mass {middle:.2f}"
    if tested.any():
        words += (
            f", median chi2 {np.median(chi2[tested]):.1f} for {np.median(dof[tested]):.0f} degrees of freedom"
        )
    logging.info("%d sources, %d flagged, %s", len(table), flagged, words)
    age = np.ma.filled(np.ma.asarray(table["age_gyr"], dtype=float), np.nan)
    youngest = int((age <= smk.params.youngest_gyr).sum())
    if youngest:
        logging.warning(
            "%d of %d best fits lie at the youngest age of the models, %g Gyr: they may be younger; sed.age_gyr.min",
            youngest,
            len(table),
            smk.params.youngest_gyr,
        )
    beyond = int(((np.asarray(table["flags"]) & int(Flag.MASS_PRIOR)) != 0).sum())
    if beyond:
        logging.warning(
            "%d sources have masses at or beyond an end of the prior (MASS_PRIOR): change sed.posterior.mass_min_msun "
            "or mass_max_msun",
            beyond,
        )
    replaced = np.flatnonzero(np.asarray(table["flags"]) & int(Flag.ERROR_REPLACED))
    if replaced.size:
        logging.warning(
            "%d sources have an error of a flux that was zero or absurdly small, replaced by the median of their other "
            "bands (ERROR_REPLACED), the first is %s: sed.min_relative_error",
            replaced.size,
            table["id"][replaced[0]],
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
