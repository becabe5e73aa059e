"""Join the fluxes of the stacks of all filters of a field in one row (rule join_stacks)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.stack.build import join_stacks, read_stack


def main(smk):
    stacks = [read_stack(path) for path in smk.input.stacks]
    table, correlation = join_stacks(stacks, smk.params.zero_point_errors)
    meta = provenance(
        "join_stacks",
        smk.wildcards,
        smk.params,
        method=stacks[0].method,
        filters=[stack.filter_name for stack in stacks],
        flux_err_correlation=correlation,
    )
    write_table(smk.output.photometry, table, meta=meta)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
