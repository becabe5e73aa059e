"""Distribution of the colours of the selected candidates (rule fit_color_mixture)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.luminosity.inputs import read_injections, selected_sources
from clusterphot.luminosity.results import color_pairs, fit_colors, source_probabilities


def main(smk):
    par = smk.params
    candidates = read_table(smk.input.candidates)
    injections = read_injections([read_table(path) for path in smk.input.runs], par.reference_filter)
    sources = source_probabilities(selected_sources(candidates), par.use_purity)
    pairs = color_pairs(par.colours, list(candidates.meta["filters"]))
    table = fit_colors(sources, injections, par.reference_filter, pairs)
    write_table(smk.output.colors, table, meta=provenance("fit_color_mixture", smk.wildcards, par))
    for row in table[(table["component"] == 0) & table["preferred"]]:
        logging.info("%s: %d components of %d sources", row["band"], row["n_components"], row["n_sources"])


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
