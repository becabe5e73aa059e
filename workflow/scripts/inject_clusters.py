"""Put artificial clusters into the images of a field and search for them (rule inject_clusters)."""

import logging

from clusterphot.completeness.injection import InjectionOptions, run_injections
from clusterphot.detection.field import make_bands, read_inputs
from clusterphot.detection.finder import FinderOptions
from clusterphot.detection.selection import PointLocus, SelectionOptions, selection_keys
from clusterphot.detection.tiles import read_maps
from clusterphot.jobs import job_logging
from clusterphot.tables import provenance, read_table, write_table


def main(smk):
    par = smk.params
    field = make_bands(
        read_inputs(smk.input.mosaics, smk.input.psfs, smk.input.noises, smk.input.offsets),
        par.reference_filter,
        relative_flux=par.relative_flux,
        combined=par.combined_filters,
        background=par.background,
    )
    finder = FinderOptions(
        threshold_sigma=par.threshold_sigma,
        n_passes=par.n_passes,
        separation_arcsec=par.separation_arcsec,
        psf_error=par.psf_error,
        combined=field.combined,
    )
    selection = SelectionOptions(**{name: getattr(par, name) for name in selection_keys()})
    options = InjectionOptions(
        n_per_run=par.n_per_run,
        seed=par.seed,
        mag_min=par.mag_range[0],
        mag_max=par.mag_range[1],
        colour_scatter=par.colour_scatter,
        light_exponent=par.light_exponent,
        clearance_arcsec=par.clearance_arcsec,
    )
    found = read_table(smk.input.candidates)
    locus = PointLocus.from_meta(found.meta["point_locus"])
    run, maps = smk.wildcards.run, read_maps(smk.input.maps)
    table = run_injections(run, field, maps, found, locus, finder, selection, options)
    write_table(smk.output.injections, table, meta=provenance("inject_clusters", smk.wildcards, par))
    logging.info("%s: %d clusters, %d selected", run, len(table), table["selected"].sum())


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
