"""Fit the sources of a field in one filter with each engine (rule compare_engines)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise, read_wcs
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.config.keys import values_of
from clusterphot.config.photometry import FitKeys
from clusterphot.measure.engines.comparison import compare_engines, summarise
from clusterphot.measure.fit import FitOptions
from clusterphot.psf.offsets import read_offset, with_offset_error


def main(smk):
    par = smk.params
    options = FitOptions(**values_of(FitKeys, par)).with_preset(par.preset)
    psf, references, offset_px = read_psf_field(smk.input.psf, smk.input.psf_grid), None, (0.0, 0.0)
    if smk.input.get("reference"):
        references, offset = [read_table(path) for path in smk.input.reference], read_offset(smk.input.offset)
        psf, offset_px = with_offset_error(psf, offset), (offset.dx, offset.dy)
    table = compare_engines(
        [read_cutouts(path) for path in smk.input.cutouts],
        psf,
        read_noise(smk.input.noise),
        read_wcs(smk.input.mosaic),
        options,
        list(par.engines),
        references=references,
        offset_px=offset_px,
    )
    for row in summarise(table):
        logging.info(
            "%s %s: %s against %s, %d fits, median %.3f sigma, 95 %% %.3f sigma, %.2f against %.2f ms per source",
            *(row[name] for name in ("filter", "position_mode", "engine", "reference_engine", "n")),
            *(row[name] for name in ("median_abs_sigma", "p95_abs_sigma", "time_ms", "reference_time_ms")),
        )
    write_table(smk.output.engines, table, meta=provenance("compare_engines", smk.wildcards, par))


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
