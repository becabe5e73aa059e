"""Measure artificial clusters and blank places of one chunk in all filters (rule measure_injections)."""

import logging

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.config.keys import values_of
from clusterphot.config.photometry import FitKeys
from clusterphot.config.proof import DrawKeys
from clusterphot.foreground.dust import deredden_table
from clusterphot.measure.fit import FitOptions
from clusterphot.measure.neighbours import search_radius
from clusterphot.proof.bands import Manner, read_bands
from clusterphot.proof.blank import draw_blank
from clusterphot.proof.donors import Listed
from clusterphot.proof.draw import DrawOptions, draw_injections
from clusterphot.proof.outcome import prove_blank, prove_injections, stack_outcomes


def main(smk):
    par, files = smk.params, smk.input
    options = FitOptions(**values_of(FitKeys, par)).with_preset(par.preset)
    manner = Manner(options, par.cutout_size_arcsec, par.engine)
    drawing = DrawOptions(**values_of(DrawKeys, par))
    bands = read_bands(
        files.mosaics, files.psfs, files.psf_grids, files.noises, files.offsets, par.reference_filter
    )
    listed = Listed(read_table(files.donors), list(par.filters))
    reach = search_radius(par.cutout_size_arcsec, options.joint_radius_arcsec)
    # what the list errs by: measured on bright sources, else what the prior of the fits takes it for
    error_px = listed.table.meta["list_error_px"]
    scale = bands[0].mosaic.pixel_scale_arcsec
    error = options.position_sigma_arcsec if error_px is None else error_px * scale
    injected = draw_injections(range(*par.injected), listed, drawing, error)
    outcome, photometry = prove_injections(
        injected,
        bands,
        listed,
        manner,
        seed=drawing.seed,
        reach_arcsec=reach,
        arcsec_per_pc=1e-3 / kpc_per_arcsec(par.redshift, **par.cosmology) if any(par.sizes_pc) else 0.0,
    )
    places = draw_blank(range(*par.blank), bands, listed, manner, drawing, reach)
    table = stack_outcomes([outcome, prove_blank(places, bands, listed, manner)])
    scales = {band.name: band.mosaic.pixel_scale_arcsec for band in bands}
    meta = provenance(
        "measure_injections",
        smk.wildcards,
        par,
        pixel_scales_arcsec={filt: scales[filt] for filt in par.filters},
    )
    write_table(smk.output.outcome, table, meta=meta)
    corrected = deredden_table(
        photometry, read_table(files.extinction), already_corrected=False, prefix="flux"
    )
    write_table(smk.output.photometry, corrected, meta=meta, dereddened=True)
    logging.info(
        "%s: %d artificial clusters, %d flagged; %d blank places",
        smk.wildcards.chunk,
        len(outcome),
        (outcome["flags"] != 0).sum(),
        len(places),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
