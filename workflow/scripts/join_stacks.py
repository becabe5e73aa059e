"""Join the fluxes of the stacks of all filters of a field in one row, and those by other methods (rule join_stacks)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_table
from clusterphot.stack.build import join_stacks, read_stack
from clusterphot.stack.methods import compare_methods, describe_methods


def main(smk):
    stacks = [read_stack(path) for path in smk.input.stacks]
    table, correlation = join_stacks(stacks, smk.params.zero_point_errors)
    filters, method = [stack.filter_name for stack in stacks], stacks[0].method
    more = {"method": method, "filters": filters}
    meta = provenance("join_stacks", smk.wildcards, smk.params, **more, flux_err_correlation=correlation)
    write_table(smk.output.photometry, table, meta=meta)
    methods = compare_methods(stacks, smk.params.reference_filter)
    write_table(
        smk.output.methods, methods, meta=provenance("join_stacks", smk.wildcards, smk.params, **more)
    )
    said = describe_methods(methods, filters) or "colours by other methods agree within errors"
    n_sources = max(stack.row["n_sources"] for stack in stacks)
    logging.info("%s: stack of %d sources by %s; %s", smk.wildcards.field, n_sources, method, said)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
