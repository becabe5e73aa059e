"""Measure light profiles of stack and PSF in one filter (rule measure_profiles)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sizes.likelihood import SizeOptions
from clusterphot.sizes.limits import SizeContext, join_fits
from clusterphot.sizes.profiles import measure_profile
from clusterphot.stack.build import StackOptions, join_cutouts


def main(smk):
    par = smk.params
    options = SizeOptions(window_arcsec=par.window_arcsec, sky=par.sky)
    profile, facts = measure_profile(
        join_cutouts([read_cutouts(path) for path in smk.input.cutouts]),
        read_table(smk.input.photometry),
        join_fits([read_table(path) for path in smk.input.reference_fits]),
        SizeContext(
            read_psf_field(smk.input.psf, smk.input.psf_grid), read_noise(smk.input.noise), 1.0, options, 0.0
        ),
        StackOptions(par.method, tuple(par.annulus_px), par.n_resamples, par.seed, sky=par.sky),
        filters=par.filters,
        reference_filter=par.reference_filter,
    )
    meta = provenance("measure_profiles", smk.wildcards, par, profile=facts)
    write_table(smk.output.profile, profile, meta=meta)
    logging.info(
        "%s: %d sources, chi-square %.1f for %d degrees of freedom",
        smk.wildcards.filter,
        facts["n_sources"],
        facts["chi2"],
        facts["dof"],
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
