"""Find and class the stars of the reference filter (rule select_stars)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.base.tables import provenance
from clusterphot.psf.stars import StarOptions, select_stars, write_stars


def main(smk):
    """Read the mosaic, select stars, write the list with the reason of every rejection."""
    par = smk.params
    options = StarOptions(
        mag_min=par.mag_min,
        mag_max=par.mag_max,
        mag_bright=par.mag_bright,
        half_light_radius_max_px=par.half_light_radius_max_px,
        isolation_arcsec=par.isolation_arcsec,
    )
    mosaic = read_mosaic(smk.input.mosaic)
    stars = select_stars(mosaic, options, required=par.required)
    write_stars(smk.output.stars, stars, meta=provenance("select_stars", smk.wildcards, par))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
