"""Isophotes and model of the light around the brightest galaxy (rule measure_light)."""

import logging

import numpy as np
from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.base.tables import provenance, write_table
from clusterphot.detect.tiles import read_maps
from clusterphot.luminosity.distribution import cell_of, cells_wcs
from clusterphot.luminosity.light import fit_light, on_pixels_of, rebin, write_light


def main(smk):
    par = smk.params
    light = rebin(read_mosaic(smk.input.mosaic))
    light_v = on_pixels_of(light, rebin(read_mosaic(smk.input.v_mosaic)))
    wcs = cells_wcs(smk.input.maps)
    row, column = cell_of(par.centre, wcs, read_maps(smk.input.maps).light)
    centre_deg = wcs.all_pix2world(column, row, 0)
    model = fit_light(light, tuple(float(value) for value in light.wcs.all_world2pix(*centre_deg, 0)))
    write_light(smk.output.model, light, light_v, model)
    meta = provenance("measure_light", smk.wildcards, par)
    write_table(smk.output.isophotes, model.isophotes, meta=meta | {"pixel_arcsec": light.pixel_arcsec})
    reach = np.max(model.isophotes["sma"], initial=0.0)
    logging.info(
        "%d isophotes to %.1f arcsec, %.0f %% masked", len(model.isophotes), reach, 100 * model.mask.mean()
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
