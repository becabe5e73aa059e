"""Completeness of one filter from all injection runs of a field (rule measure_completeness)."""

import logging

import numpy as np
from astropy.table import vstack
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.detect.completeness import summary
from clusterphot.detect.completeness.maps import write_limits
from clusterphot.detect.selection import magnitudes


def main(smk):
    filt = smk.wildcards.filter
    injections = vstack([read_table(path) for path in smk.input.runs], metadata_conflicts="silent")
    inside = np.asarray(injections["searched"], dtype=bool) & np.isfinite(injections[f"noise_{filt}"])
    injections = injections[inside]
    result = summary.measure_completeness(
        magnitudes(np.asarray(injections[f"flux_in_{filt}"])),
        np.asarray(injections[f"noise_{filt}"]),
        np.asarray(injections["surface_brightness"]),
        np.asarray(injections["neighbour_light"]),
        np.asarray(injections["selected"], dtype=bool),
    )
    meta = provenance("measure_completeness", smk.wildcards, smk.params)
    table = summary.completeness_table(result, injections, filt)
    limits = summary.field_limits(result)
    write_table(smk.output.completeness, table, meta=meta | limits | {"fit": summary.describe(result)})
    sources = summary.source_completeness(result, read_table(smk.input.candidates), filt)
    write_table(smk.output.sources, sources, meta=meta)
    write_limits(smk.output.map, smk.input.maps, result)
    limit, error, fit = limits["m50"], limits["m50_err"], result.fit
    logging.info(
        "%s: 50 %% at %.2f +- %.2f mag from %d clusters; %s, chi2 %.1f for %d",
        filt, limit, error, len(injections), result.method, fit.chi2, fit.dof,
    )  # fmt: skip


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
