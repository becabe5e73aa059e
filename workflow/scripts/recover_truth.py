"""Compare what was measured in a simulated field with its truth (rule recover_truth)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.proof.recovery import DEFINITIONS, add_populations, match_truth, read_truth, summarise
from clusterphot.sed.best_fit import load_models, make_options
from clusterphot.stack.build import read_stack


def main(smk):
    truth = read_truth(smk.input.truth)
    matched = match_truth(read_table(smk.input.photometry), truth, smk.params.filters)
    if smk.input.get("clusters"):
        models = load_models(smk.input.grid, smk.input.get("four_color", []))
        add_populations(
            matched,
            truth,
            read_table(smk.input.dereddened),
            read_table(smk.input.clusters),
            models,
            make_options(smk.params, models),
        )
    summary = summarise(
        matched, smk.params.filters, [read_stack(path) for path in smk.input.get("stacks", [])]
    )
    given = [name for name in truth.colnames if name.startswith("true_")]
    meta = provenance(
        "recover_truth",
        smk.wildcards,
        smk.params,
        definitions=DEFINITIONS,
        true_populations=given or "fit of the true de-reddened fluxes with the errors of the measured ones",
    )
    write_table(smk.output.sources, matched, meta=dict(meta))
    write_table(smk.output.summary, summary, meta=dict(meta))
    for row in summary[(summary["binned_by"] == "all") & (summary["quantity"] == "flux")]:
        logging.info(
            "%s: %d sources, pulls %+.2f scatter %.2f, %.1f %% flagged",
            row["band"],
            row["n"],
            row["median_pull"],
            row["pull_scatter"],
            100 * row["flagged_fraction"],
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
