"""Write the page on which candidates are accepted or rejected (rule make_candidate_page)."""

from pathlib import Path

from clusterphot.base.files import own_file, whole_file
from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_mosaic
from clusterphot.base.tables import read_table
from clusterphot.detect.page import candidate_page


def main(smk):
    with own_file(smk.input.template):
        template = Path(smk.input.template).read_text(encoding="utf-8")
    page = candidate_page(
        template,
        read_table(smk.input.candidates),
        [read_mosaic(path) for path in smk.input.mosaics],
        smk.params.reference_filter,
        field=smk.wildcards.field,
    )
    with whole_file(smk.output.page) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
