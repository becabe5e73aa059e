"""Take the galaxies of a user's catalogue near the redshift of a field (rule prepare_comparison)."""

import logging

from astropy.table import Table
from clusterphot.base.files import sha256
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.comparisons.catalogue import interpolate_magnitudes, read_comparison


def main(smk):
    par = smk.params
    galaxies = read_comparison(
        smk.input.catalogue,
        par.columns,
        flux_unit=par.flux_unit,
        redshift=par.redshift,
        redshift_width=par.redshift_width,
        log_ssfr_quiescent=par.log_ssfr_quiescent,
    )
    table = Table({"id": galaxies.ids, "redshift": galaxies.redshift})
    for filt, magnitude in zip(par.filters, interpolate_magnitudes(galaxies, par.filters).T, strict=True):
        table[f"mag_{filt}"] = magnitude
    table["log_mass_galaxy"] = galaxies.log_mass
    table["radius_kpc"] = galaxies.radius_kpc
    table["is_quiescent"] = galaxies.is_quiescent
    checksums = {smk.input.catalogue: sha256(smk.input.catalogue)}
    meta = provenance("prepare_comparison", smk.wildcards, par, checksums=checksums)
    write_table(smk.output.comparison, table, meta=meta)
    logging.info(
        "%s: %d galaxies, %d quiescent", smk.wildcards.field, len(table), (galaxies.is_quiescent == 1).sum()
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
