"""One table of a field with the fluxes and the values to use of every source (rule join_catalogue)."""

from clusterphot.base.files import whole_file
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.publish.catalogue import catalogue


def main(smk):
    more = {name: read_table(smk.input[name]) for name in ("observed", "sizes") if smk.input.get(name)}
    table, carried = catalogue(read_table(smk.input.dereddened), read_table(smk.input.clusters), **more)
    meta = provenance("join_catalogue", smk.wildcards, smk.params)
    write_table(smk.output.ecsv, table, meta=meta, carried=carried)
    with whole_file(smk.output.csv) as temporary:
        table.to_pandas().to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
