"""Integrate Milky Way extinction through each filter of a field (rule compute_extinction)."""

import logging

import numpy as np
from astropy.table import Table
from clusterphot.base.filters import load_filter
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.foreground.dust import extinction_through_filter, sfd_ebv
from clusterphot.ssp.grid import read_grid, resample_ages, select_metallicities


def main(smk):
    par = smk.params
    ebv = par.ebv
    if ebv == "sfd":
        ebv = sfd_ebv([par.center_deg[0]], [par.center_deg[1]], par.sfd_map_dir)
    grid = select_metallicities(read_grid(smk.input.grid), [par.metallicity_zsun])
    spectrum = resample_ages(grid, [par.age_gyr]).spectra[0, 0]
    wave_obs = grid.wave_rest * (1 + par.redshift)
    table = Table(
        {
            "filter": par.filters,
            "wave_pivot": np.array([load_filter(filt).wave_pivot for filt in par.filters]),
            "extinction_mag": np.array(
                [
                    extinction_through_filter(filt, wave_obs, spectrum, ebv, r_v=par.r_v)
                    for filt in par.filters
                ]
            ),
        }
    )
    meta = provenance("compute_extinction", smk.wildcards, par, ebv=float(ebv))
    write_table(smk.output.extinction, table, meta=meta)
    logging.info("%s: E(B-V) = %.4f", smk.wildcards.field, ebv)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
