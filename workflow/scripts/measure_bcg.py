"""Measure the brightest cluster galaxy on the mosaics of a field (rule measure_bcg)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.cosmology import kpc_per_arcsec
from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.base.units import mag_ab
from clusterphot.comparisons.bcg import measure_bcg
from clusterphot.luminosity.v_band import absolute_v
from clusterphot.sed.v_light import luminosity_per_njy, v_filter


def main(smk):
    par = smk.params
    mosaics = dict(zip(par.filters, (read_mosaic(path) for path in smk.input.mosaics), strict=True))
    radius = par.radius_kpc / kpc_per_arcsec(par.redshift, **par.cosmology)
    center = (par.bcg or {}).get("center_deg")
    rows, shape = measure_bcg(mosaics, par.reference_filter, radius, center_deg=center)
    names, flux, err, covered = (np.array(column) for column in zip(*rows, strict=True))
    extinction = read_table(smk.input.extinction)
    a_mag = np.array([extinction["extinction_mag"][list(extinction["filter"]).index(name)] for name in names])
    table = Table({"filter": names, "flux_njy": flux, "flux_err_njy": err, "mag": mag_ab(flux)})
    table["extinction_mag"], table["covered"] = a_mag, covered
    band = v_filter(par.filters, par.redshift) if par.v_filter == "auto" else par.v_filter
    k = list(names).index(band)
    per_njy = luminosity_per_njy(band, par.redshift, par.cosmology, convention="vband")
    luminosity = float(per_njy * flux[k] * 10 ** (0.4 * a_mag[k]))
    more = {"v_filter": band, "lum_v_lsun": luminosity, "absolute_v_vega": float(absolute_v(luminosity))}
    more["absolute_v_err"] = float(1.0857 * err[k] / flux[k]) if flux[k] > 0 else float("nan")
    write_table(smk.output.bcg, table, meta=provenance("measure_bcg", smk.wildcards, par, **shape, **more))
    logging.info(
        "%s: BCG at %.5f %.5f, M_V = %.2f",
        smk.wildcards.field,
        shape["ra"],
        shape["dec"],
        more["absolute_v_vega"],
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
