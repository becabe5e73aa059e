"""Radial profile, density map and comparison with maps of the selected candidates (rule map_clusters)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.luminosity.distribution import field_survey, write_density
from clusterphot.luminosity.inputs import read_injections, selected_sources
from clusterphot.luminosity.results import source_probabilities


def main(smk):
    par = smk.params
    injections = read_injections([read_table(path) for path in smk.input.runs], par.reference_filter)
    table = source_probabilities(selected_sources(read_table(smk.input.candidates)), par.use_purity)
    result = field_survey(
        table,
        injections.completeness,
        read_table(smk.input.function),
        smk.input.maps,
        list(smk.input.compared),
        par,
    )
    meta = provenance("map_clusters", smk.wildcards, par)
    write_table(smk.output.radial, result.radial, meta=meta | result.meta)
    write_table(smk.output.comparison, result.comparison, meta=meta)
    write_density(smk.output.density, result)
    for row in result.comparison:
        logging.info(
            "intensity follows %s to the power %.2f +- %.2f", row["map"], row["exponent"], row["exponent_err"]
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
