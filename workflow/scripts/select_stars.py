"""Find and class the stars of the reference filter (rule select_stars)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.base.tables import provenance
from clusterphot.config.keys import values_of
from clusterphot.config.psf import StarKeys
from clusterphot.psf.stars import StarOptions, select_stars, write_stars


def main(smk):
    """Read the mosaic, select stars, write the list with the reason of every rejection."""
    par = smk.params
    options = StarOptions(**values_of(StarKeys, par))
    mosaic = read_mosaic(smk.input.mosaic)
    stars = select_stars(mosaic, options, required=par.required)
    write_stars(smk.output.stars, stars, meta=provenance("select_stars", smk.wildcards, par))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
