"""Upper limit of the size of the stack of a field (rule limit_stack_size)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_mosaic, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sizes.limits import join_fits, limit_stack, make_context, read_star_positions
from clusterphot.sizes.star_widths import MIN_STARS, describe_widths, star_widths
from clusterphot.stack.build import StackOptions, join_cutouts


def main(smk):
    par, psf = smk.params, read_psf_field(smk.input.psf, smk.input.psf_grid)
    stars = read_star_positions(smk.input.psf)
    cutouts = join_cutouts([read_cutouts(path) for path in smk.input.cutouts])
    context = make_context(par, psf, read_noise(smk.input.noise))
    widths = star_widths(read_mosaic(smk.input.mosaic), stars, context, cutouts.data.shape[-1])
    size = limit_stack(
        cutouts,
        read_table(smk.input.photometry),
        join_fits([read_table(path) for path in smk.input.reference_fits]),
        context,
        StackOptions(par.method, tuple(par.annulus_px), par.n_resamples, par.seed, sky=par.sky),
        filters=par.filters,
        reference_filter=par.reference_filter,
        stars=stars,
        coherence_arcsec=par.psf_coherence_arcsec,
    )
    facts = size.facts | describe_widths(*widths) | {"filter": psf.filter_name}
    meta = provenance("limit_stack_size", smk.wildcards, par, sizes=facts)
    write_table(smk.output.sizes, size.table, meta=meta)
    row = size.table[0]
    logging.info(
        "%s: half-light radius of the stack below %.1f pc (%.1f pc were the PSF known)",
        psf.filter_name,
        row["radius_limit_pc"],
        row["radius_limit_psf_known_pc"],
    )
    if facts["n_stars"] >= MIN_STARS:
        logging.info(
            "%d stars: FWHM off the PSF's by %+.3f in the median, with a scatter of %.3f beyond noise (%.3f assumed)",
            facts["n_stars"],
            facts["star_fwhm_median"],
            facts["star_fwhm_scatter"],
            context.psf_fwhm_scatter_fraction,
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
