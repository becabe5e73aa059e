"""Write the first page of the report (rule write_report)."""

from pathlib import Path

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import read_table
from clusterphot.report.fields_page import write_fields_page
from clusterphot.report.first_page import write_first_page, write_reproduction_page


def main(smk):
    compared = Path(smk.output.compared).name if smk.output.get("compared") else None
    write_reproduction_page(
        smk.output.reproduction, smk.input.reproduction, smk.input.fields, compared=compared
    )
    if compared:
        tables = (read_table(path) for path in (smk.input.compared, smk.input.differences))
        write_fields_page(
            smk.output.compared,
            *tables,
            smk.input.figure,
            smk.input.fields,
            reproduction=Path(smk.output.reproduction).name,
        )
    write_first_page(
        smk.output.page,
        smk.input.fields,
        config=smk.params.config,
        benchmarks=smk.params.benchmarks,
        reproduction=Path(smk.output.reproduction).name,
        compared=compared,
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
