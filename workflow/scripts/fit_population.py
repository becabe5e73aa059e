"""Fit the ages, metallicities and masses of all clusters of a field together (rule fit_population)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import flux_arrays, provenance, read_table, write_table
from clusterphot.population.budget import mode_table
from clusterphot.population.inputs import cluster_probability, population_model, reference_band
from clusterphot.population.likelihood import measured
from clusterphot.population.predictive import color_table
from clusterphot.population.results import age_table, fit_models, parameter_table, summary
from clusterphot.population.selection import field_selection
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import read_projected_grid

logger = logging.getLogger(__name__)


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    grid = read_projected_grid(smk.input.native_grid)
    extinction = read_table(smk.input.extinction)
    contamination = read_table(smk.input.contamination) if smk.input.contamination else None
    modes = read_field_modes(smk.input, grid.filters, par.posterior)
    model = population_model(grid, par, modes)
    flux, err = flux_arrays(photometry, grid.filters)
    p_cluster, in_field = cluster_probability(photometry, contamination)
    sample, used = measured(flux[in_field], err[in_field], p_cluster[in_field], model_error=par.model_error)
    selection, listed = field_selection(par, grid.filters, extinction, model)
    fits = fit_models(
        sample, model, modes, par.models, n_draws=par.n_draws, seed=par.seed, selection=selection
    )
    said = summary(fits, sample, len(used)) | {"n_not_of_field": int((~in_field).sum()), "selection": listed}
    meta = provenance("fit_population", smk.wildcards, par, population=said)
    write_table(smk.output.parameters, parameter_table(fits, grid.filters), meta=meta)
    write_table(smk.output.ages, age_table(fits, model, par.age_bins), meta=dict(meta))
    colors = color_table(fits, grid.filters, reference_band(par, photometry, grid.filters), seed=par.seed)
    write_table(smk.output.colors, colors, meta=dict(meta))
    write_table(smk.output.modes, mode_table(fits, modes), meta=dict(meta))
    for warning in said["warnings"]:
        logger.warning("%s %s: %s", smk.wildcards.field, smk.wildcards.grid, warning)
    logger.info(
        "%s %s: %d clusters (%d without fluxes left out), best model %s",
        *(smk.wildcards.field, smk.wildcards.grid),
        *(said[name] for name in ("n_sources", "n_left_out", "best_model")),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
