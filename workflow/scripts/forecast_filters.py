"""Forecast which extra filters would pin the age of a cluster (rule forecast_filters)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.figures.forecast import forecast_figure
from clusterphot.figures.style import save_figure
from clusterphot.sed.forecast import Truth, forecast
from clusterphot.sed.posterior_model import expected_modes, field_model
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par = smk.params
    # errors are as the depths say: no jitter
    grid = read_projected_grid(smk.input.native_grid)
    modes = expected_modes(grid.filters, par.posterior, ebv=par.ebv, r_v=par.r_v)
    model, fine = field_model(grid, par, modes, jitter="none")
    table = forecast(
        fine,
        Truth(par.age_gyr, par.metallicity_zsun, par.log_mass),
        par.depths_mag,
        par.baseline,
        model.priors,
        model.nuisance,
        n_extra=par.n_extra,
        n_realisations=par.n_realisations,
        seed=par.seed,
    )
    write_table(smk.output.table, table, meta=provenance("forecast_filters", smk.wildcards, par))
    note = (
        f"{par.age_gyr:g} Gyr, {par.metallicity_zsun:g} Zsun, log M = {par.log_mass:g}, z = {par.redshift:g}"
    )
    save_figure(forecast_figure(table, note=note), smk.output.png, smk.output.pdf, par.dpi)
    logging.info(
        "%d sets of filters, the narrowest age with %s", len(table), table["extra"][0] or "the baseline"
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
