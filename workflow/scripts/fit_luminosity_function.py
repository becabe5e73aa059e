"""Fit a Gaussian luminosity function to the selected candidates (rule fit_luminosity_function)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.luminosity.inputs import make_sample, read_injections, selected_sources
from clusterphot.luminosity.results import FitSettings, fit_field, write_posterior


def main(smk):
    par = smk.params
    reference = par.reference_filter
    candidates = read_table(smk.input.candidates)
    injections = read_injections([read_table(path) for path in smk.input.runs], reference)
    sample = make_sample(
        selected_sources(candidates), reference, use_purity=par.use_purity, mag_min=par.mag_min
    )
    settings = FitSettings(**par.function)
    result = fit_field(sample, injections, candidates.meta["area_arcsec2"], settings)
    meta = provenance("fit_luminosity_function", smk.wildcards, par)
    write_table(smk.output.function, result.summary, meta=meta)
    write_table(smk.output.counts, result.counts, meta=meta)
    write_posterior(smk.output.posterior, result.fit)
    row = result.summary[0]
    logging.info(
        "%s: %d sources, turnover %.2f (%.2f to %.2f) mag, %s",
        smk.wildcards.field, row["n_sources"], row["turnover"], row["turnover_p16"], row["turnover_p84"],
        "seen" if row["identifiable"] else "turnover not identifiable",
    )  # fmt: skip


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
