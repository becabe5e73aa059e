"""Write the first page of the report (rule write_report)."""

from clusterphot.jobs import job_logging
from clusterphot.report.first_page import write_first_page


def main(smk):
    write_first_page(
        smk.output.page, smk.input.fields, config=smk.params.config, benchmarks=smk.params.benchmarks
    )


if __name__ == "__main__":
    with job_logging(snakemake.log[0]):  # noqa: F821
        main(snakemake)  # noqa: F821
