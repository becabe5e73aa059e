"""Cut the sources of a chunk out of one filter's mosaic (rule cut_sources)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic, write_cutouts
from clusterphot.measure.cutouts import make_cutouts


def main(smk):
    cutouts = make_cutouts(
        read_mosaic(smk.input.mosaic),
        smk.params.sources,
        cutout_size_arcsec=smk.params.cutout_size_arcsec,
        neighbour_radius_arcsec=smk.params.joint_radius_arcsec,
    )
    write_cutouts(smk.output.cutouts, cutouts)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
