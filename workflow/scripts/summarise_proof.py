"""Summarise what came of artificial clusters and blank places (rule summarise_proof)."""

import logging

from astropy.table import vstack
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.proof.outcome import stack_outcomes
from clusterphot.proof.populations import add_fits, population_table
from clusterphot.proof.scaling import fit_scaling
from clusterphot.proof.summary import DEFINITIONS, describe, flagged_shares, summarise
from clusterphot.sed.best_fit import load_models, make_options


def main(smk):
    par = smk.params
    outcome = stack_outcomes([read_table(path) for path in smk.input.outcomes])
    photometry, clusters = (
        vstack([read_table(path) for path in paths], metadata_conflicts="silent")
        for paths in (smk.input.photometry, smk.input.clusters)
    )
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    outcome = add_fits(outcome, photometry, clusters, models, make_options(par, models))
    summary = summarise(outcome, par.filters)
    meta = provenance(
        "summarise_proof",
        smk.wildcards,
        par,
        definitions=DEFINITIONS,
        flagged_shares=flagged_shares(outcome, par.filters),
    )
    write_table(smk.output.sources, outcome, meta=dict(meta))
    write_table(smk.output.summary, summary, meta=dict(meta))
    write_table(smk.output.populations, population_table(outcome), meta=dict(meta))
    scaling = fit_scaling(outcome, outcome.meta["pixel_scales_arcsec"])
    write_table(smk.output.scaling, scaling, meta=dict(meta))
    for line in describe(summary):
        logging.info("%s", line)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
