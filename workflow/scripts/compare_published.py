"""Compare ages, masses and metallicities with those that the sources were published with (rule compare_published)."""

import logging

from clusterphot.base.files import sha256
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.side_by_side.published import compare, read_published


def main(smk):
    clusters, photometry = read_table(smk.input.clusters), read_table(smk.input.photometry)
    entry, table = smk.params.compare_with, smk.input.listed
    sources, summary = compare(clusters, photometry["flags"], read_published(entry, table, clusters["id"]))
    path = entry.get("table", table)
    meta = provenance("compare_published", smk.wildcards, smk.params, checksums={path: sha256(path)})
    write_table(smk.output.sources, sources, meta=meta)
    write_table(smk.output.summary, summary, meta=meta)
    for row in summary[summary["estimate"] == "median"]:
        logging.info(
            "%s: %d sources, %d left out; ours less theirs %+.3f +- %.3f dex, scatter %.2f, %.0f %% within our 16-84",
            *(
                row[name]
                for name in ("quantity", "n", "n_left_out", "offset_dex", "offset_dex_err", "scatter_dex")
            ),
            100 * row["share_68"],
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
