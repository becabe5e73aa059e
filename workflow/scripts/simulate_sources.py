"""Draw the objects of a simulated field around its source list: the truth (rule simulate_sources)."""

import dataclasses
import logging
from collections import Counter

from astropy.table import Table
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import write_ecsv
from clusterphot.base.user_tables import read_photometry, read_positions
from clusterphot.simulate import truth as scene
from clusterphot.simulate.light import ssp_twins
from clusterphot.ssp.grid import project_grid, read_grid, resample_ages, select_metallicities


def main(smk):
    par = smk.params
    ids, ra, dec = read_positions(smk.input.sources, "sources")
    names, filters, flux, _, _ = read_photometry(smk.input.clusters, "simulation.clusters")
    row_of = {name: row for row, name in enumerate(names)}
    # a source without a flux of its own takes that of another row, in turn
    rows = [row_of.get(name, i % len(names)) for i, name in enumerate(ids)]
    clusters = Table({"id": ids, "ra": ra, "dec": dec})
    for band, filt in enumerate(filters):
        clusters[f"flux_{filt}"] = flux[rows, band]
    grid = select_metallicities(read_grid(smk.input.grid), par.metallicity_zsun)
    grid = project_grid(
        resample_ages(grid, par.ages_gyr), filters, par.redshift, flat_lambda_cdm(**par.cosmology)
    )
    surviving = {
        filt: grid.flux_njy[..., band] / grid.mass_remaining for band, filt in enumerate(grid.filters)
    }
    clusters = ssp_twins(clusters, surviving, grid.age_gyr, grid.metallicity_zsun)
    known = {entry.name for entry in dataclasses.fields(scene.FieldConfig)}
    options = {key: value for key, value in par.simulation.items() if key in known}
    config = scene.FieldConfig(
        field=smk.wildcards.field,
        redshift=par.redshift,
        ebv=par.ebv,
        reference_filter=par.reference_filter,
        ra=par.center_deg[0],
        dec=par.center_deg[1],
        **options | {"filters": par.filters},
    )
    truth = scene.draw_scene(config, clusters)
    write_ecsv(smk.output.truth, truth)
    kinds = Counter(str(kind) for kind in truth["kind"])
    logging.info(", ".join(f"{number} of kind {kind}" for kind, number in kinds.items()))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
