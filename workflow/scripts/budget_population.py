"""Divide the error of a population among shared errors, libraries and noise (rule budget_population)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.population.budget import budget_table


def main(smk):
    par = smk.params
    tables = dict(zip(par.grids, map(read_table, smk.input.modes), strict=True))
    parameters = dict(zip(par.grids, map(read_table, smk.input.parameters), strict=True))
    table, model = budget_table(tables, parameters, par.fiducial_grid)
    meta = provenance("budget_population", smk.wildcards, par, model=model)
    write_table(smk.output.budget, table, meta=meta)
    logging.info("%s: %s carries most of the error of the median age", smk.wildcards.field, table["name"][0])


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
