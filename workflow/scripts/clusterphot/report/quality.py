"""Quality of a field at a glance: its headline numbers, and one row per filter.

Lengths arcsec and milliarcsec, depths AB magnitudes, systematic errors per cent.
"""

import numpy as np

from clusterphot.base.products import read_noise, read_psf
from clusterphot.figures.magnitudes import DEPTH_SIGMA, depth_mag
from clusterphot.psf.offsets import read_offset
from clusterphot.report.numbers import short
from clusterphot.report.provenance import anchor_of


def filter_rows(filters, photometry, *, psfs, noises, offsets, recovery=None):
    """What is to be known of each filter.

    Parameters
    ----------
    filters : sequence of str
    photometry : `astropy.table.Table`
        Fluxes as measured.
    psfs, noises, offsets : dict of str to str
        Files by filter; empty for a field without images, offsets without the reference filter.
    recovery : `astropy.table.Table` or None
        Summary against the truth.

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
        values |= _recovered(recovery, filt)
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


def headline(tables, *, redshift, ebv, filters):
    """Numbers that introduce a field.

    Parameters
    ----------
    tables : dict
        ``dereddened`` and ``clusters``: tables; ``stack``: table or None.
    redshift, ebv : float
    filters : sequence of str

    Returns
    -------
    items : list of dict
        ``label``, ``value``, ``note`` and ``origin`` (a key of the tables, or ``config``).
    """
    clusters = tables["clusters"]
    measured = np.asarray(tables["dereddened"]["flags"], dtype=int)
    clean = (measured | np.asarray(clusters["flags"], dtype=int)) == 0
    words = (
        f"{int((measured == 0).sum())} without a flag in photometry, {int(clean.sum())} in the SED fit too"
    )
    items = [
        {"label": "sources", "value": str(len(clean)), "note": words, "origin": "dereddened"},
        {"label": "filters", "value": str(len(filters)), "note": ", ".join(filters), "origin": "dereddened"},
        {"label": "redshift", "value": f"{redshift:g}", "note": f"Milky Way E(B−V) {ebv:.3g}", "origin": "extinction"},
    ]  # fmt: skip
    items += _median_items(clusters, measured == 0)
    if tables.get("stack") is not None:
        items += _stack_items(tables["stack"][0])
    return items


def _median_items(clusters, clean):
    """Median age and mass of the sources without a flag in photometry, whatever their fits found."""
    items = []
    posterior = "age_gyr_p50" in clusters.colnames
    for name, label, style, unit in (
        ("age_gyr", "median age", "{:.1f}", " Gyr"),
        ("log_mass", "median log M/M☉", "{:.2f}", ""),
    ):
        column = f"{name}_p50" if posterior else name
        values = np.ma.filled(np.ma.asarray(clusters[column], dtype=float), np.nan)[clean]
        values = values[np.isfinite(values)]
        if len(values):
            low, middle, high = (style.format(value) for value in np.percentile(values, [16, 50, 84]))
            words = "posterior medians" if posterior else "best fits"
            note = (
                f"{words} of {len(values)} sources without a flag in photometry, 16–84 % {low}–{high}{unit}"
            )
            items.append({"label": label, "value": middle + unit, "note": note, "origin": "clusters"})
    return items


def _stack_items(row):
    """Age and metallicity of the stack."""
    chi2 = f"χ² {float(row['chi2']):.1f} for {int(row['dof'])} d.o.f."
    if row["dof"] < 1:
        chi2 = "too few filters to test the fit: not constrained"
    value, note = f"{float(row['age_gyr']):g} Gyr", f"{float(row['metallicity_zsun']):g} Z☉, {chi2}"
    if "age_gyr_p50" in row.colnames and np.isfinite(row["age_gyr_p50"]):
        low, high = float(row["age_gyr_p16"]), float(row["age_gyr_p84"])
        note += f"; posterior {low:.2g}–{high:.2g} Gyr"
    return [{"label": "stack, best fit", "value": value, "note": note, "origin": "stack"}]
