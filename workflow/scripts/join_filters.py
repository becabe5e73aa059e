"""Join the fits of a chunk in all filters, one row per source (rule join_filters)."""

from clusterphot.checksums import sha256
from clusterphot.jobs import job_logging
from clusterphot.photometry_table import join_filters
from clusterphot.tables import provenance, read_table, read_user_rows, write_table


def main(smk):
    par = smk.params
    listed, carried = read_user_rows(smk.input.sources, par.ids)
    table = join_filters([read_table(path) for path in smk.input.fits], listed, par.zero_point_errors)
    meta = provenance(
        "join_filters", smk.wildcards, par, checksums={smk.input.sources: sha256(smk.input.sources)}
    )
    write_table(smk.output.photometry, table, meta=meta, carried=carried)


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
