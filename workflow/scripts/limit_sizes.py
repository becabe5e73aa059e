"""Upper limits of the sizes of the clusters of a chunk (rule limit_sizes)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.sizes.limits import limit_clusters, make_context


def main(smk):
    psf = read_psf_field(smk.input.psf, smk.input.psf_grid)
    context = make_context(smk.params, psf, read_noise(smk.input.noise))
    table, facts = limit_clusters(
        read_cutouts(smk.input.cutouts), read_table(smk.input.fits), context, min_snr=smk.params.min_snr
    )
    meta = provenance("limit_sizes", smk.wildcards, smk.params, sizes=facts | {"filter": psf.filter_name})
    write_table(smk.output.sizes, table, meta=meta)
    logging.info(
        "%s: %d sources, %d with a limit, %d resolved",
        smk.wildcards.chunk,
        len(table),
        (table["flags"] == 0).sum(),
        table["resolved"].sum(),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
