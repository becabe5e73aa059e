"""Fit the sources of a chunk in one filter (rule fit_sources)."""

import logging

from clusterphot.base.jobs import run_job
from clusterphot.base.products import read_cutouts, read_noise, read_wcs
from clusterphot.base.psf_field import read_psf_field
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.config.keys import values_of
from clusterphot.config.photometry import FitKeys
from clusterphot.measure.fit import FitOptions, fit_sources, flag_unknown_offset
from clusterphot.mosaics.wcs_table import read_wcs_table, sightings
from clusterphot.psf.offsets import read_offset, with_offset_error
from clusterphot.psf.phase import phase_errors, read_harmonics


def main(smk):
    par = smk.params
    options = FitOptions(**values_of(FitKeys, par)).with_preset(par.preset)
    psf, reference, offset_px = read_psf_field(smk.input.psf, smk.input.psf_grid), None, (0.0, 0.0)
    if smk.input.get("reference"):
        reference, offset = read_table(smk.input.reference), read_offset(smk.input.offset)
        psf, offset_px = with_offset_error(psf, offset), (offset.dx, offset.dy)
    cutouts, wcs = read_cutouts(smk.input.cutouts), read_wcs(smk.input.mosaic)
    fits = fit_sources(
        cutouts,
        psf,
        read_noise(smk.input.noise),
        wcs,
        options,
        reference=reference,
        offset_px=offset_px,
        engine=par.engine,
        phase_error=_phase_errors(smk, cutouts, wcs),
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


def _phase_errors(smk, cutouts, wcs):
    """Error by dither phase of each source by the user's table of exposures; None without it, or without harmonics."""
    harmonics = read_harmonics(smk.input.psf) if smk.input.get("exposures") else None
    if harmonics is None:
        return None
    exposures = read_wcs_table(smk.input.exposures, near=wcs.all_pix2world(cutouts.x, cutouts.y, 0))
    seen = sightings(exposures, wcs, cutouts.x, cutouts.y)
    errors, number = phase_errors(harmonics, seen, len(cutouts.ids))
    logging.info(
        "%s %s: %d to %d exposures at a source",
        smk.wildcards.filter,
        smk.wildcards.chunk,
        number.min(),
        number.max(),
    )
    return errors


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
