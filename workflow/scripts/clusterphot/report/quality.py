"""Quality of a field at a glance: one row per filter.

Lengths arcsec and milliarcsec, depths AB magnitudes, systematic errors per cent.
"""

import numpy as np

from clusterphot.base.products import read_noise, read_psf
from clusterphot.figures.magnitudes import DEPTH_SIGMA, depth_mag
from clusterphot.proof.summary import whole_row
from clusterphot.psf.offsets import read_offset
from clusterphot.report.numbers import short
from clusterphot.report.provenance import anchor_of


def filter_rows(filters, photometry, *, psfs, noises, offsets, proof=None, recovery=None):
    """What is to be known of each filter.

    Parameters
    ----------
    filters : sequence of str
    photometry : `astropy.table.Table`
        Fluxes as measured.
    psfs, noises, offsets : dict of str to str
        Files by filter; empty for a field without images, offsets without the reference filter.
    proof, recovery : `astropy.table.Table` or None
        Summaries of what is proven by artificial clusters and blank places, and against the truth.

    Returns
    -------
    rows : list of dict
        ``filter`` and, where known, ``values``: dict of column to number; columns as in `FILTER_COLUMNS`.
    """
    rows = []
    for filt in filters:
        values = {"depth": depth_mag(photometry, filt), "flagged": _flagged(photometry, filt)}
        values["err"] = _median(photometry, f"flux_err_{filt}", filt)
        if filt in psfs:
            psf = read_psf(psfs[filt])
            values |= {
                "fwhm": psf.fwhm_arcsec, "stars": psf.n_stars, "psf_error": 100 * psf.sys_error,
                "stamp": 100 * psf.ee_stamp, "phase": 100 * psf.phase_error or np.nan,
            }  # fmt: skip
        if filt in noises:
            values["ivar_scale"] = read_noise(noises[filt]).ivar_scale
            values["correlated"] = _correlated(photometry, filt)
        if filt in offsets:
            offset, scale = read_offset(offsets[filt]), _scale_mas(psfs.get(filt))
            values["offset_x"], values["offset_y"] = offset.dx * scale, offset.dy * scale
        values |= proven_values(proof, filt) | _recovered(recovery, filt)
        rows.append({"filter": filt, "values": {key: short(float(v), 5) for key, v in values.items()}})
    return rows


FILTER_COLUMNS = (
    ("fwhm", "PSF FWHM", "arcsec", "{:.3f}", "{filter}/psf.fits"),
    ("stars", "PSF stars", "", "{:.0f}", "{filter}/psf.fits"),
    ("psf_error", "flux scale error", "%", "{:.2f}", "{filter}/psf.fits"),
    ("phase", "error by dither phase", "%", "{:.2f}", "{filter}/psf.fits"),
    ("depth", f"depth, {DEPTH_SIGMA:g} sigma", "AB mag", "{:.2f}", "photometry"),
    ("err", "median error", "nJy", "{:.2f}", "photometry"),
    ("correlated", "correlated-noise factor", "", "{:.2f}", "photometry"),
    ("ivar_scale", "true over stated 1/variance", "", "{:.3f}", "{filter}/noise.fits"),
    ("offset_x", "offset x", "mas", "{:+.1f}", "{filter}/offset.ecsv"),
    ("offset_y", "offset y", "mas", "{:+.1f}", "{filter}/offset.ecsv"),
    ("flagged", "flagged", "", "{:.0f}", "photometry"),
    ("proven", "scatter of pulls, put in", "", "{:.2f}", "proof/summary.ecsv"),
    ("proven_bias", "bias, put in", "%", "{:+.1f}", "proof/summary.ecsv"),
    ("blank", "scatter of pulls, blank", "", "{:.2f}", "proof/summary.ecsv"),
    ("pull", "median pull", "", "{:+.2f}", "recovery/summary.ecsv"),
    ("pull_scatter", "scatter of pulls", "", "{:.2f}", "recovery/summary.ecsv"),
    ("bias", "median bias", "%", "{:+.1f}", "recovery/summary.ecsv"),
)
"""Key, words, unit, format, and the file (below the field's folder) each comes from."""


def format_filter_table(rows, field, photometry_path):
    """Head and cells of the table of filters; columns without any value are left out.

    Returns
    -------
    heads : list of (words, unit)
    lines : list of dict
        ``filter`` and ``cells``: list of (text, anchor); the anchor is None where there is no value.
    """
    used = [
        column for column in FILTER_COLUMNS if any(row["values"].get(column[0]) is not None for row in rows)
    ]
    lines = []
    for row in rows:
        cells = []
        for key, _, _, style, origin in used:
            value = row["values"].get(key)
            text = "–" if value is None else style.format(value).replace("-", "\N{MINUS SIGN}")
            path = f"results/{field}/{origin.format(filter=row['filter'])}"
            cells.append(
                (
                    text,
                    None if value is None else anchor_of(photometry_path if origin == "photometry" else path),
                )
            )
        lines.append({"filter": row["filter"], "cells": cells})
    return [(words, unit) for _, words, unit, _, _ in used], lines


def _clean(table, filt):
    """Sources without a flag in a filter."""
    name = f"flags_{filt}" if f"flags_{filt}" in table.colnames else "flags"
    return np.ma.filled(np.ma.asarray(table[name]), 1) == 0


def _flagged(table, filt):
    """Number of flagged sources in a filter."""
    return int((~_clean(table, filt)).sum())


def _median(table, name, filt):
    """Median of a column over clean sources, NaN without any."""
    values = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)[_clean(table, filt)]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else np.nan


def _correlated(table, filt):
    """Median error over that of uncorrelated pixels, without what dither phases add; NaN without clean sources."""
    names = [f"flux_err_{kind}{filt}" for kind in ("", "phase_", "marginal_")]
    if not set(names) <= set(table.colnames):
        return np.nan
    error, phase, white = (np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan) for name in names)
    good = _clean(table, filt) & np.isfinite(error) & np.isfinite(phase) & (white > 0)
    return (
        float(np.median(np.sqrt(error[good] ** 2 - phase[good] ** 2) / white[good])) if good.any() else np.nan
    )


def _scale_mas(psf_path):
    """Pixel scale in milliarcsec, NaN where unknown."""
    return read_psf(psf_path).pixel_scale_arcsec * 1000.0 if psf_path else np.nan


def proven_values(proof, filt):
    """Scatter of the pulls of artificial clusters and blank places in a filter, and the bias of the former."""
    if proof is None:
        return {}
    rows = {kind: whole_row(proof, kind, filt) for kind in ("injected", "blank")}
    values = {}
    if (row := rows["injected"]) is not None:
        values = {"proven": float(row["pull_scatter"]), "proven_bias": 100.0 * float(row["bias"])}
    if (row := rows["blank"]) is not None:
        values["blank"] = float(row["pull_scatter"])
    return values


def _recovered(recovery, filt):
    """Median and scatter of the pulls and the bias of fluxes in a filter."""
    if recovery is None:
        return {}
    chosen = (recovery["quantity"] == "flux") & (recovery["binned_by"] == "all") & (recovery["band"] == filt)
    if not chosen.any():
        return {}
    row = recovery[chosen][0]
    bias = 100.0 * float(row["bias"])
    return {"pull": float(row["median_pull"]), "pull_scatter": float(row["pull_scatter"]), "bias": bias}
