"""Fit the sources of a chunk in one filter (rule fit_sources)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise, read_psf, read_wcs
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.config.keys import values_of
from clusterphot.config.photometry import FitKeys
from clusterphot.measure.fit import FitOptions, fit_sources, flag_unknown_offset
from clusterphot.psf.offsets import read_offset, with_offset_error


def main(smk):
    par = smk.params
    options = FitOptions(**values_of(FitKeys, par)).with_preset(par.preset)
    psf, reference, offset_px = read_psf(smk.input.psf), None, (0.0, 0.0)
    if smk.input.get("reference"):
        reference, offset = read_table(smk.input.reference), read_offset(smk.input.offset)
        psf, offset_px = with_offset_error(psf, offset), (offset.dx, offset.dy)
    fits = fit_sources(
        read_cutouts(smk.input.cutouts),
        psf,
        read_noise(smk.input.noise),
        read_wcs(smk.input.mosaic),
        options,
        reference=reference,
        offset_px=offset_px,
        engine=par.engine,
    )
    if smk.input.get("reference") and not offset.measured:
        flag_unknown_offset(fits)
    write_table(smk.output.fits, fits, meta=provenance("fit_sources", smk.wildcards, par))
    flags = fits[f"flags_{smk.wildcards.filter}"][fits["is_target"]]
    logging.info(
        "%s %s: %d sources, %d flagged",
        smk.wildcards.filter,
        smk.wildcards.chunk,
        len(flags),
        (flags != 0).sum(),
    )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
