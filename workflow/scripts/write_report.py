"""Write the first page of the report (rule write_report)."""

from pathlib import Path

from clusterphot.base.jobs import run_job
from clusterphot.report.first_page import write_first_page, write_reproduction_page


def main(smk):
    write_reproduction_page(smk.output.reproduction, smk.input.reproduction, smk.input.fields)
    write_first_page(
        smk.output.page,
        smk.input.fields,
        config=smk.params.config,
        benchmarks=smk.params.benchmarks,
        reproduction=Path(smk.output.reproduction).name,
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
