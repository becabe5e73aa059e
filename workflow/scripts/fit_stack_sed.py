"""Fit stellar populations to the stack of a field: best fit and posterior (rule fit_stack_sed)."""

import logging

from astropy.table import Table
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sed.best_fit import load_models, write_chi2_map
from clusterphot.sed.fit import fit_populations
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    native = read_projected_grid(smk.input.native_grid)
    modes = read_field_modes(smk.input, models.filters, par.posterior)
    fits = fit_populations(photometry, models, native, par, modes, prefix="flux0")
    table = Table({"id": photometry["id"], **fits.columns})
    meta = provenance("fit_stack_sed", smk.wildcards, par, **fits.description)
    write_table(smk.output.stack, table, meta=meta)
    write_chi2_map(smk.output.chi2_map, fits.fit.chi2[0], models, smk.wildcards)
    best = table[0]
    logging.info(
        "%s stack: %g Gyr, %g Zsun, chi2 %.1f; posterior %.2f (%.2f to %.2f) Gyr",
        smk.wildcards.grid,
        *(best[name] for name in ("age_gyr", "metallicity_zsun", "chi2")),
        *(best[f"age_gyr_{name}"] for name in ("p50", "p16", "p84")),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
