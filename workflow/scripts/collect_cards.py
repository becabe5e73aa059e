"""Collect what the report shows of each source of a chunk (rule collect_cards)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import flux_arrays, read_table
from clusterphot.measure.fit import FitOptions
from clusterphot.report.cards import make_populations, make_sheets, write_cards
from clusterphot.report.stamps import FilterStamps
from clusterphot.sed.best_fit import load_models
from clusterphot.sed.posterior_model import field_model
from clusterphot.sed.shared_modes import read_field_modes
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    models = load_models(smk.input.grid, smk.input.get("four_color", []))
    flux, err = flux_arrays(photometry, models.filters)
    modes = read_field_modes(smk.input, models.filters, par.posterior).at_one_place()
    posterior, _ = field_model(read_projected_grid(smk.input.native_grid), par, modes)
    clusters = read_table(smk.input.clusters)
    populations = make_populations(
        flux,
        err,
        clusters,
        models,
        posterior,
        min_relative_error=par.min_relative_error,
        flux_floor_fraction=par.flux_floor_fraction,
    )
    options = FitOptions(sky=par.sky).with_preset(par.preset)
    names = ("cutouts", "fits", "psfs", "psf_grids", "noises")
    images = zip(*(smk.input.get(name, []) for name in names), strict=True)
    stamps = [
        FilterStamps(
            read_cutouts(cutouts), read_table(fits), read_psf_field(psf, grid), read_noise(noise), options
        )
        for cutouts, fits, psf, grid, noise in images
    ]
    ids = [str(name) for name in photometry["id"]]
    write_cards(
        smk.output.cards,
        ids,
        models.filters,
        make_sheets(ids, stamps),
        populations,
        posterior,
        redshift=par.redshift,
    )
    logging.info("%s: %d cards, %d filters with images", smk.wildcards.chunk, len(ids), len(stamps))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
