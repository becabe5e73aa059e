"""Draw the colour image of a field for its page, and place the sources on it (rule draw_sky)."""

import logging

from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.figures.overview import read_small
from clusterphot.report.sky import choose_filters, draw_sky, place_sources, write_sky


def main(smk):
    par = smk.params
    paths = dict(zip(par.filters, smk.input.mosaics, strict=True))
    chosen = choose_filters(list(paths), par.reference_filter)
    mosaics = {name: read_small(paths[name]) for name in {*chosen, par.reference_filter}}
    target = mosaics[par.reference_filter]
    places = place_sources(target, read_table(smk.input.photometry))
    write_sky(
        smk.output.image,
        smk.output.places,
        draw_sky(mosaics, chosen, par.reference_filter),
        target,
        places,
        chosen,
        kpc_per_arcsec(par.redshift, **par.cosmology),
    )
    logging.info("%s: %d sources on it", ", ".join(chosen), len(places))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
