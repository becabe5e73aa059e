"""Put artificial clusters into the images of a field and search for them (rules inject_clusters, inject_masses)."""

import logging

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.detect.completeness.injection import InjectionOptions, run_injections
from clusterphot.detect.completeness.masses import PopulationOptions, make_populations
from clusterphot.detect.field import make_bands, read_inputs
from clusterphot.detect.finder import FinderOptions
from clusterphot.detect.selection import PointLocus, SelectionOptions
from clusterphot.detect.tiles import read_maps
from clusterphot.psf.stars import read_stars
from clusterphot.ssp.grid import read_projected_grid


def main(smk):
    par = smk.params
    field = make_bands(
        read_inputs(
            smk.input.mosaics, smk.input.psfs, smk.input.psf_grids, smk.input.noises, smk.input.offsets
        ),
        par.reference_filter,
        relative_flux=par.relative_flux,
        combined=par.combined_filters,
        background=par.background,
        stars=read_stars(smk.input.stars),
    )
    finder = FinderOptions(**par.search, combined=field.combined)
    selection, options = SelectionOptions(**par.cuts), InjectionOptions(**par.injections)
    found = read_table(smk.input.candidates)
    locus = PointLocus.from_meta(found.meta["point_locus"])
    run, maps = smk.wildcards.run, read_maps(smk.input.maps)
    populations = None
    if smk.input.get("grid"):
        extinction = read_table(smk.input.extinction)
        populations = make_populations(
            read_projected_grid(smk.input.grid),
            dict(zip(extinction["filter"], extinction["extinction_mag"], strict=True)),
            PopulationOptions(**par.populations),
            1e-3 / kpc_per_arcsec(par.redshift, **par.cosmology),
        )
    table = run_injections(run, field, maps, found, locus, finder, selection, options, populations)
    write_table(smk.output.injections, table, meta=provenance("inject_clusters", smk.wildcards, par))
    logging.info("%s: %d clusters, %d selected", run, len(table), table["selected"].sum())


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
