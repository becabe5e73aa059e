"""Tabulate the Milky Way stars expected towards a field (rule count_stars)."""

import logging

from astropy.coordinates import SkyCoord
from astropy.table import Table
from clusterphot.base.files import sha256
from clusterphot.base.filters import nearest_filter
from clusterphot.base.jobs import run_job
from clusterphot.base.literature import read_literature
from clusterphot.base.products import read_mosaic
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.comparisons.catalogue import read_star_counts
from clusterphot.foreground.star_counts import model_counts, tabulate_counts, user_counts, valid_area_arcmin2


def main(smk):
    par = smk.params
    filt = par.reference_filter or nearest_filter(par.filters, 2.0)
    area, origin = par.area_arcmin2, "configuration"
    if area is None:
        area, origin = 1.0, "none given: counts are per arcmin2"
        if smk.input.get("mosaic"):
            area, origin = (
                valid_area_arcmin2(read_mosaic(smk.input.mosaic)),
                "valid pixels of the reference mosaic",
            )
    bins = {"mag_min": par.mag_min, "mag_max": par.mag_max, "bin_mag": par.bin_mag}
    direction = SkyCoord(*par.center_deg, unit="deg").galactic
    more = {"filter": filt, "area_arcmin2": float(area), "area_from": origin}
    if smk.input.get("user"):
        columns = user_counts(*read_star_counts(smk.input.user), area, **bins)
        more["checksums"] = {smk.input.user: sha256(smk.input.user)}
    else:
        sequence = read_literature(smk.input.sequence)
        model = model_counts(float(direction.l.deg), float(direction.b.deg), sequence, filt)
        columns = tabulate_counts(model, area, **bins)
    a_mag = read_table(smk.input.extinction)
    more["extinction_mag"] = float(a_mag["extinction_mag"][list(a_mag["filter"]).index(filt)])
    more["galactic_deg"] = [round(float(direction.l.deg), 2), round(float(direction.b.deg), 2)]
    table = Table(columns)
    write_table(smk.output.star_counts, table, meta=provenance("count_stars", smk.wildcards, par, **more))
    logging.info("%s: %.1f in %.2f arcmin2 (%s)", smk.wildcards.field, table["n_stars"].sum(), area, filt)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
