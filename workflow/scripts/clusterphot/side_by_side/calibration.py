"""The same sources in two fields of one run: two versions of a mosaic, two epochs. Ratios of their fluxes by filter.

Fluxes nJy; a ratio is that of a field over the other one.
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.flags import Flag
from clusterphot.base.robust import mad_sigma
from clusterphot.base.tables import flux_arrays

MIN_SNR = 5.0
"""In both fields, of the sources that count."""
MIN_SOURCES = 5
"""For a ratio with an error."""
CLIP_SIGMA = 5.0
"""Sources further off than this, in scatters of the pulls, do not count: blends, variables, moved."""
N_ROUNDS = 5
RATIOS = (0.2, 5.0)
BAD_FLAGS = (
    Flag.EDGE
    | Flag.MASKED
    | Flag.AT_BOUND
    | Flag.BLENDED
    | Flag.SATURATED
    | Flag.FAILED
    | Flag.NO_DATA
    | Flag.POOR_FIT
)


def flux_ratio(flux, err, other, other_err):
    """Ratio of fluxes of the same sources, both with errors.

    Parameters
    ----------
    flux, err, other, other_err : (n,) float ndarray, nJy

    Returns
    -------
    ratio, ratio_err : float
        NaN with fewer than `MIN_SOURCES`.
    pulls : (n,) float ndarray
        Of each source from the ratio.
    used : (n,) bool ndarray

    Notes
    -----
    The ratio r of least sum (a - r b)^2 / (sigma_a^2 + r^2 sigma_b^2), the likeliest for errors of both (Press et al.
    2007, Numerical Recipes, section 15.3); a mean of quotients would be biased by the noise of b. The error is that of
    the curvature times the scatter of the pulls: two versions of one mosaic have part of their noise in common, so that
    their pulls scatter by less than one.
    """
    from scipy.optimize import minimize_scalar

    known = np.isfinite(flux) & np.isfinite(other) & (err > 0) & (other_err > 0)
    used = (
        known & (np.where(known, flux, 0) > MIN_SNR * err) & (np.where(known, other, 0) > MIN_SNR * other_err)
    )
    pulls = np.full(len(flux), np.nan)
    for _ in range(N_ROUNDS):
        if used.sum() < MIN_SOURCES:
            return np.nan, np.nan, pulls, used
        a, b, sa, sb = (values[used] for values in (flux, other, err, other_err))

        def chi2(log_ratio, a=a, b=b, sa=sa, sb=sb):
            ratio = np.exp(log_ratio)
            return float(np.sum((a - ratio * b) ** 2 / (sa**2 + (ratio * sb) ** 2)))

        found = minimize_scalar(chi2, bounds=np.log(RATIOS), method="bounded", options={"xatol": 1e-9})
        ratio = float(np.exp(found.x))
        pulls[known] = ((flux - ratio * other) / np.hypot(err, ratio * other_err))[known]
        spread = float(mad_sigma(pulls[used]))
        kept = used & (np.abs(pulls - np.median(pulls[used])) <= CLIP_SIGMA * max(spread, 1e-12))
        if (kept == used).all():
            break
        used = kept
    weight = np.sum(b**2 / (sa**2 + (ratio * sb) ** 2))
    return ratio, float(spread / np.sqrt(weight)), pulls, used


def compare(table, other, filters, cards):
    """Fluxes of the same sources in two fields.

    Parameters
    ----------
    table, other : `astropy.table.Table`
        Photometry of the field and of the other one; sources by id.
    filters : list of str
        Those of both.
    cards : dict of str to (dict, dict)
        By filter what the headers of both mosaics say of their calibration; empty dictionaries for tables.

    Returns
    -------
    sources : `astropy.table.Table`
        id, filter, flux_field, flux_other, their errors, flux_ratio, pull, used.
    factors : `astropy.table.Table`
        One row per filter: n, ratio, its error, scatter, pulls; filter, module, context and factor as in a table of
        factors that brings the field to the other; and the calibration of both.
    """
    row_of = {str(name): row for row, name in enumerate(other["id"])}
    rows = [row for row, name in enumerate(table["id"]) if str(name) in row_of]
    table, other = table[rows], other[[row_of[str(name)] for name in table["id"][rows]]]
    (flux, err), (other_flux, other_err) = flux_arrays(table, filters), flux_arrays(other, filters)
    sources, factors = [], []
    for band, filt in enumerate(filters):
        values = [array[:, band].copy() for array in (flux, err, other_flux, other_err)]
        bad = _bad(table, filt) | _bad(other, filt)
        values[0][bad] = np.nan
        ratio, ratio_err, pulls, used = flux_ratio(*values)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = flux[:, band] / other_flux[:, band]
        relative = np.hypot(values[1] / values[0], values[3] / values[2])
        own, others = cards.get(filt, ({}, {}))
        sources.append(
            Table(
                {
                    "id": np.asarray(table["id"], dtype=str),
                    "filter": np.full(len(table), filt),
                    "flux_field": flux[:, band],
                    "flux_field_err": err[:, band],
                    "flux_other": other_flux[:, band],
                    "flux_other_err": other_err[:, band],
                    "flux_ratio": ratios,
                    "flux_ratio_err": np.abs(ratios) * relative,
                    "pull": pulls,
                    "used": used,
                }
            )
        )
        several = used.sum() >= MIN_SOURCES
        factors.append(
            {
                "filter": filt,
                "n": int(used.sum()),
                "ratio": ratio,
                "ratio_err": ratio_err,
                "ratio_scatter": float(mad_sigma(ratios[used])) if several else np.nan,
                "median_pull": float(np.median(pulls[used])) if several else np.nan,
                "pull_scatter": float(mad_sigma(pulls[used])) if several else np.nan,
                "module": str(own.get("MODULE", "")),
                "context": str(own.get("CRDS_CTX", "")),
                "factor": 1.0 / ratio,
                "factor_err": ratio_err / ratio**2,
                "calibration": _tell(own),
                "other_calibration": _tell(others),
            }
        )
    from astropy.table import vstack

    return vstack(sources, metadata_conflicts="silent"), Table(rows=factors)


def _bad(table, filt):
    """Sources whose fit in a filter is not to be used, (n,) bool."""
    name = f"flags_{filt}" if f"flags_{filt}" in table.colnames else "flags"
    return (np.ma.filled(np.ma.asarray(table[name]), 0).astype(int) & int(BAD_FLAGS)) != 0


def _tell(cards):
    """What a header says of its calibration, in a line."""
    return ", ".join(f"{name} {value}" for name, value in cards.items())
