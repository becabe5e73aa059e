"""Simulate sources of known size on blank sky of the mosaic (rule simulate_sizes)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic, read_noise, read_psf
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sizes.limits import make_context
from clusterphot.sizes.trials import SETTINGS, Trials, make_settings, noise_stamps, simulate_sizes


def main(smk):
    par, stack = smk.params, read_table(smk.input.stack)
    context = make_context(par, read_psf(smk.input.psf), read_noise(smk.input.noise))
    stamps, sigma, kind = noise_stamps(
        read_mosaic(smk.input.mosaic), context, par.cutout_size_arcsec, par.seed
    )
    trials = Trials(
        tuple(par.radii_pc), par.n_trials, par.n_coverage_trials, context.psf_fwhm_scatter_fraction, par.seed
    )
    settings = make_settings(par.peak_njy, sigma, stack.meta["sizes"])
    table, summary = simulate_sizes(context, stamps, settings, trials)
    facts = {
        "psf_fwhm_scatter_fraction": context.psf_fwhm_scatter_fraction,
        "noise": kind,
        "n_stamps": len(stamps),
        "sigma_pixel": sigma,
        "settings": SETTINGS,
    }
    meta = provenance("simulate_sizes", smk.wildcards, par, simulation=facts, summary=summary)
    write_table(smk.output.detection, table, meta=meta)
    for name, values in summary.items():
        logging.info(
            "%s: point source below %.1f pc, half are resolved at %.1f pc, limits cover %.3f",
            name,
            values["limit_of_point_pc"],
            values["resolved_50_pc"],
            values["coverage"],
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
