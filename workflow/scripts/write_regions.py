"""Write the sources and stars of a field as regions for DS9 (rule write_regions)."""

import logging

from clusterphot import __version__
from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_psf
from clusterphot.base.tables import read_table
from clusterphot.publish import regions


def main(smk):
    photometry, stars = read_table(smk.input.photometry), read_table(smk.input.stars)
    psf = read_psf(smk.input.psf)
    small, large = (
        regions.radius_of(psf, fwhm) for fwhm in (regions.SOURCE_RADIUS_FWHM, regions.STAR_RADIUS_FWHM)
    )
    notes = (f"clusterphot {__version__}, rule write_regions, field {smk.wildcards.field}", *regions.LEGEND)
    rejected = regions.rejected_circles(photometry, stars)
    regions.write_regions(smk.output.sources, regions.source_circles(photometry), small, notes=notes)
    regions.write_regions(smk.output.stars, regions.star_circles(stars), large, notes=notes)
    regions.write_regions(smk.output.rejected, rejected, large, notes=notes)
    logging.info(
        "%s: regions of %d sources, %d rejected", smk.wildcards.field, len(photometry), len(rejected)
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
