"""Search some boxes of a field for point sources (rule detect_sources)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.detect.field import make_bands, read_inputs
from clusterphot.detect.finder import FinderOptions
from clusterphot.detect.search import search_boxes
from clusterphot.detect.selection import SelectionOptions
from clusterphot.detect.tiles import boxes_of, write_box_maps
from clusterphot.psf.stars import read_stars


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
    options = FinderOptions(**par.search, combined=field.combined)
    selection = SelectionOptions(max_surface_brightness=par.max_surface_brightness)
    shape = field.bands[field.reference].mosaic.shape
    boxes = boxes_of(shape, **par.tiling, tile=int(smk.wildcards.tile[1:]))
    table, maps = search_boxes(field, boxes, options, selection)
    meta = provenance("detect_sources", smk.wildcards, par)
    write_table(smk.output.candidates, table, meta=meta)
    write_box_maps(smk.output.maps, shape, maps)
    logging.info("%s: %d boxes, %d candidates", smk.wildcards.tile, len(boxes), len(table))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
