"""Elliptical profiles of clusters and light, and the maps that clusters follow (rule fit_spatial)."""

import logging
from types import SimpleNamespace

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.luminosity.distribution import function_of_clusters
from clusterphot.luminosity.inputs import read_injections, selected_sources
from clusterphot.luminosity.results import source_probabilities
from clusterphot.luminosity.spatial import describe_field, read_surroundings


def main(smk):
    par = smk.params
    injections = read_injections([read_table(path) for path in smk.input.runs], par.reference_filter)
    table = source_probabilities(selected_sources(read_table(smk.input.candidates)), par.use_purity)
    around = read_surroundings(
        smk.input.maps, smk.input.light, read_table(smk.input.isophotes), list(smk.input.compared), par.centre
    )
    limit, turnover, width = function_of_clusters(read_table(smk.input.function))
    options = SimpleNamespace(
        mag_limit=limit, mag_min=par.mag_min, turnover=turnover, width=width,
        colour=par.colour, smoothings=par.map_smoothings_arcsec, seed=par.seed,
    )  # fmt: skip
    spatial, draws = describe_field(table, injections.completeness, around, options)
    meta = provenance("fit_spatial", smk.wildcards, par)
    write_table(smk.output.spatial, spatial, meta=meta | {"mag_limit": limit})
    write_table(smk.output.draws, draws, meta=meta)
    for row in spatial[spatial["sample"] == "all"]:
        logging.info("%s: log evidence %.1f below the best", row["compared"], row["ln_evidence_below"])


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
