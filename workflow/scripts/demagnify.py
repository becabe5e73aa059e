"""Fluxes, masses and sizes of a field's sources without the lens before them (rule demagnify)."""

import logging

import numpy as np
from clusterphot.base.files import sha256
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import at_field_redshift, provenance, read_table, write_table
from clusterphot.lensing.intrinsic import ASSUMED, intrinsic_table
from clusterphot.lensing.magnification import magnify, read_listed

logger = logging.getLogger(__name__)


def main(smk):
    par, photometry = smk.params, read_table(smk.input.photometry)
    places = [photometry[name] if name in photometry.colnames else None for name in ("ra", "dec")]
    listed = read_listed(smk.input.listed, smk.input.listed)
    in_lens = at_field_redshift(photometry) if "redshift" in photometry.colnames else None
    ids = [str(name) for name in photometry["id"]]
    mu, error = magnify(par.magnification, listed, ids, *places, in_lens=in_lens)
    sizes = read_table(smk.input.sizes) if smk.input.get("sizes") else None
    table = intrinsic_table(photometry, read_table(smk.input.clusters), mu, error, sizes=sizes)
    checksums = {path: sha256(path) for path in (smk.input.listed, *smk.input.maps)}
    meta = provenance("demagnify", smk.wildcards, par, checksums=checksums, assumed=ASSUMED)
    write_table(smk.output.intrinsic, table, meta=meta)
    known = np.isfinite(mu)
    if known.any():
        logger.info(
            "%d of %d sources magnified, by %.2f in the median", known.sum(), len(mu), np.median(mu[known])
        )
    if not known.all():
        logger.warning(
            "%d of %d sources are outside the map or without a magnification (LENSING_UNKNOWN), the first is %s",
            np.sum(~known),
            len(mu),
            table["id"][np.argmin(known)],
        )
    if np.isnan(error[known]).any():
        logger.warning(
            "%d magnifications are without an error, and errors of lensing NaN: error, error_fraction or the column "
            "magnification_err",
            np.isnan(error[known]).sum(),
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
