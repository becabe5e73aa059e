"""Join the tiles of a field, select its star clusters, propose a source list (rule merge_candidates)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.detect.field import make_bands, read_inputs
from clusterphot.detect.purity import expected_stars
from clusterphot.detect.search import join_tables, select_field, write_frozen
from clusterphot.detect.selection import SelectionOptions
from clusterphot.detect.tiles import join_box_maps, write_maps
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
    )
    selection = SelectionOptions(**par.cuts)
    maps = join_box_maps(smk.input.maps)
    raw = join_tables([read_table(path) for path in smk.input.candidates], field)
    table, meta = select_field(raw, read_stars(smk.input.stars), field, maps, selection, par.control_region)
    mosaic = field.bands[field.reference].mosaic
    centre = (
        float(value) for value in mosaic.wcs.celestial.all_pix2world(*(n / 2 for n in mosaic.shape[::-1]), 0)
    )
    sequence, area = read_literature(smk.input.sequence), meta["area_arcsec2"]["searched"]
    stars = expected_stars(
        *centre, area, sequence, mosaic.filter_name, mag_min=selection.mag_min, mag_max=selection.mag_max
    )
    meta["purity"]["stars_expected"] = [round(float(number), 2) for number in stars]
    logging.info("%.1f stars of the Milky Way expected among them", stars.sum())
    meta |= provenance("merge_candidates", smk.wildcards, par)
    write_table(smk.output.candidates, table, meta=meta)
    write_frozen(smk.output.selected, table)
    write_maps(smk.output.maps, maps, field.bands[field.reference].mosaic.wcs)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
