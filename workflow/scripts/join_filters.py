"""Join the fits of a chunk in all filters, one row per source (rule join_filters)."""

from clusterphot.base.files import sha256
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, redshift_columns, write_table
from clusterphot.base.user_tables import read_user_rows
from clusterphot.measure.join_filters import join_filters


def main(smk):
    par = smk.params
    listed, carried = read_user_rows(smk.input.sources, par.ids)
    table = join_filters([read_table(path) for path in smk.input.fits], listed, par.zero_point_errors)
    for name, values in redshift_columns(par.get("redshift_columns"), len(table)).items():
        table[name] = values
    meta = provenance(
        "join_filters", smk.wildcards, par, checksums={smk.input.sources: sha256(smk.input.sources)}
    )
    write_table(smk.output.photometry, table, meta=meta, carried=carried)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
