"""Compare the fluxes of sources that two fields of a run share (rule compare_calibrations)."""

import logging

from astropy.io import fits
from clusterphot.base.jobs import run_job
from clusterphot.base.tables import provenance, read_table, write_table
from clusterphot.mosaics.calibration import CARDS
from clusterphot.side_by_side.calibration import compare


def read_cards(path):
    """Cards of the calibration in a mosaic of the run."""
    header = fits.getheader(path, "SCI")
    return {name: header[name] for name in (*CARDS, "ZPFACTOR") if name in header}


def main(smk):
    par, own, other = smk.params, list(smk.input.mosaics), list(smk.input.other_mosaics)
    cards = {
        filt: (read_cards(own[k]) if own else {}, read_cards(other[k]) if other else {})
        for k, filt in enumerate(par.filters)
    }
    tables = (read_table(path) for path in (smk.input.photometry, smk.input.other))
    sources, factors = compare(*tables, list(par.filters), cards)
    meta = provenance("compare_calibrations", smk.wildcards, par)
    write_table(smk.output.sources, sources, meta=dict(meta))
    write_table(smk.output.factors, factors, meta=dict(meta))
    for row in factors:
        logging.info(
            "%s: %s over %s is %.4f +- %.4f (%d sources, pulls scatter by %.2f)",
            row["filter"],
            smk.wildcards.field,
            par.other,
            *(row[name] for name in ("ratio", "ratio_err", "n", "pull_scatter")),
        )


if __name__ == "__main__":
    run_job(main, globals().get("snakemake"))
