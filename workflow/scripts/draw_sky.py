"""Draw the colour images of a field for its page, and place the sources on them (rule draw_sky)."""

import logging

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.overview import read_small
from clusterphot.report.sky import MAX_SIDE_PX, choose_filters, draw_sky, flatten, place_sources, write_sky


def main(smk):
    par = smk.params
    paths = dict(zip(par.filters, smk.input.mosaics, strict=True))
    chosen = choose_filters(list(paths), par.reference_filter)
    table = read_table(smk.input.photometry)
    mosaics = {
        name: read_small(paths[name], max_side_px=MAX_SIDE_PX, around=(table["ra"], table["dec"]))
        for name in {*chosen, par.reference_filter}
    }
    target = mosaics[par.reference_filter]
    places = place_sources(target, table)
    flat = {name: flatten(small) for name, small in mosaics.items()}
    write_sky(
        {
            smk.output.image: draw_sky(mosaics, chosen, par.reference_filter),
            smk.output.flat: draw_sky(flat, chosen, par.reference_filter),
        },
        smk.output.places,
        target,
        places,
        chosen,
        kpc_per_arcsec(par.redshift, **par.cosmology),
    )
    logging.info("%s: %d sources on it", ", ".join(chosen), len(places))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
