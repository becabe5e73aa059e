"""Fit stellar populations to the clusters of a chunk: best fits and posteriors (rule fit_sed)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sed.best_fit import load_models
from clusterphot.sed.fit import fit_populations
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import read_projected_grid

LISTED = ("id", "ra", "dec", "redshift", "at_field_redshift")


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    native = read_projected_grid(smk.input.native_grid)
    modes = read_field_modes(smk.input, models.filters, par.posterior).at_one_place()
    fits = fit_populations(photometry, models, native, par, modes, flags=photometry["flags"])
    listed = {name: photometry[name] for name in LISTED if name in photometry.colnames}
    table = Table({**listed, **fits.columns})
    write_table(
        smk.output.clusters, table, meta=provenance("fit_sed", smk.wildcards, par, **fits.description)
    )
    flagged = int((table["flags"] != 0).sum())
    logging.info(
        "%s %s: %d sources, %d flagged", smk.wildcards.grid, smk.wildcards.chunk, len(table), flagged
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
