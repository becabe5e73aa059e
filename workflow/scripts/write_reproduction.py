"""The reproduction page of all fields, as table, Markdown and HTML (rule write_reproduction)."""

from pathlib import Path

from astropy.table import vstack
from clusterphot.base.jobs import run_job
from clusterphot.base.products import whole_file
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.validation.page import html_page, markdown


def main(smk):
    names = list(smk.params.fields)
    tables = [read_table(path) for path in smk.input.fields]
    for path, text in (
        (smk.output.md, markdown(tables, names)),
        (smk.output.html, html_page(tables, names)),
    ):
        with whole_file(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    for name, table in zip(names, tables, strict=True):
        table.meta.clear()
        table.add_column([name] * len(table), name="field", index=0)
    meta = provenance("write_reproduction", smk.wildcards, smk.params)
    write_table(smk.output.ecsv, vstack(tables), meta=meta)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
