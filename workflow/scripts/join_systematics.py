"""Errors that all sources of a field share, as modes common to filters (rule join_systematics)."""

from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, write_ecsv
from clusterphot.psf.build import read_effects, read_psf_result
from clusterphot.psf.systematics import join_systematics


def main(smk):
    """Read the PSFs of all filters; write the table of modes."""
    psfs = {
        filt: read_psf_result(path).psf for filt, path in zip(smk.params.filters, smk.input.psfs, strict=True)
    }
    effects = {
        filt: read_effects(path) for filt, path in zip(smk.params.filters, smk.input.psfs, strict=True)
    }
    table = join_systematics(
        psfs,
        {filt: values for filt, values in effects.items() if values is not None},
        smk.params.zero_point_errors,
    )
    table.meta |= provenance("join_systematics", smk.wildcards, smk.params)
    write_ecsv(smk.output.systematics, table)


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
