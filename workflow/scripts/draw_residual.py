"""Draw the fitted sources of one filter, and its mosaic without them (rule draw_residual)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import read_table
from clusterphot.measure.residual import fitted_sources, write_residual


def main(smk):
    sources = fitted_sources([read_table(path) for path in smk.input.fits])
    cards = {
        "CPRULE": ("draw_residual", "rule of the workflow"),
        "CPCODE": (smk.params.code, "digest of its code"),
        "NSOURCES": (len(sources), "sources drawn"),
    }
    psf = read_psf_field(smk.input.psf, smk.input.psf_grid)
    write_residual(
        read_mosaic(smk.input.mosaic), psf, sources, smk.output.model, smk.output.residual, cards=cards
    )
    logging.info("%s %s: %d sources drawn", smk.wildcards.field, smk.wildcards.filter, len(sources))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
