"""Values that sources were published with beside ours, source by source. Ages Gyr, masses log10 Msun, metallicities in
solar units; differences in dex, ours less theirs.
"""

import numpy as np

from clusterphot.base import user_tables
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.flags import Flag
from clusterphot.base.robust import MEDIAN_ERROR, mad_sigma
from clusterphot.base.user_tables import read_user_table

COLUMNS = {
    "age_gyr": ("age_gyr", "log", 0.0),
    "age_yr": ("age_gyr", "log", -9.0),
    "log_age": ("age_gyr", "dex", -9.0),
    "mass": ("log_mass", "log", 0.0),
    "log_mass": ("log_mass", "dex", 0.0),
    "metallicity_zsun": ("metallicity_zsun", "log", 0.0),
    "log_metallicity": ("metallicity_zsun", "dex", 0.0),
}
"""Keys of ``compare_with``: our quantity, whether the column has values or their log10, and what is added to that."""

BELIEVABLE = {"age_gyr": (-5.0, 2.0), "log_mass": (0.0, 14.0), "metallicity_zsun": (-7.0, 3.0)}
"""log10 that published values have; beyond are sentinels such as -99, which are taken as missing."""

IN_LOG = ("log_mass",)
"""Quantities that our tables have as logarithms."""

NOT_COMPARED = Flag.NO_DATA | Flag.FAILED | Flag.TOO_FEW_BANDS | Flag.MASS_PRIOR
"""Sources that are left out: not measured, or cut off by an end of the prior, of which the posterior is not to be used.
None for other things that a fit found, which would bias what is left."""

MIN_SOURCES = 3
"""For an offset with an error."""


def check_columns(entry, default_table, where):
    """Check the key ``compare_with`` of a field before the run.

    Parameters
    ----------
    entry : dict
    default_table : str
        The table of the field's sources.
    where : str
        File and key, for messages.

    Raises
    ------
    ConfigError, DataError
    """
    named = [key for key in entry if key in COLUMNS]
    if not named:
        raise ConfigError(where, "no quantity", f"columns by quantity: {', '.join(COLUMNS)}")
    quantities = [COLUMNS[key][0] for key in named]
    for quantity in quantities:
        twice = [key for key in named if COLUMNS[key][0] == quantity]
        if len(twice) > 1:
            raise ConfigError(where, " and ".join(twice), "one of them: they are the same quantity")
    path = entry.get("table", default_table)
    table = read_user_table(path, f"{where}.table")
    for key in named:
        if not table.find(entry[key]):
            raise ConfigError(
                f"{where}.{key}", repr(entry[key]), f"a column of {path}", table.hint_of_names(entry[key])
            )
    ids = table.ids()
    known = {name for name in ids if name in set(user_tables.read_user_table(default_table, where).ids())}
    if not known:
        raise DataError(path, "no id of the field's sources", f"ids of {default_table}")
    for value in read_published(entry, default_table, ids).values():
        if np.isfinite(value).any():
            return
    raise DataError(path, "no value in any of the columns", "values to compare with")


def read_published(entry, default_table, ids):
    """Published values of sources.

    Parameters
    ----------
    entry : dict
        Key ``compare_with``, checked.
    default_table : str
    ids : sequence of str

    Returns
    -------
    published : dict of str to (n,) float ndarray
        log10 by our quantity; NaN where not given, not positive, or not `BELIEVABLE`.
    """
    path = entry.get("table", default_table)
    table = read_user_table(path, path)
    row_of = {name: row for row, name in enumerate(table.ids())}
    rows = np.array([row_of.get(str(name), -1) for name in ids])
    published = {}
    for key in (key for key in entry if key in COLUMNS):
        quantity, kind, shift = COLUMNS[key]
        values = table.floats(entry[key], missing=True, expected=f"a number for {key}")
        if kind == "log":
            values = np.log10(np.where(values > 0, values, np.nan))
        values = np.where(rows >= 0, values[rows], np.nan) + shift
        low, high = BELIEVABLE[quantity]
        published[quantity] = np.where((values >= low) & (values <= high), values, np.nan)
    return published


def compare(clusters, photometry_flags, published):
    """Our posteriors beside published values.

    Parameters
    ----------
    clusters : `astropy.table.Table`
        SED fits.
    photometry_flags : (n,) int array_like
        Of the same sources.
    published : dict of str to (n,) float ndarray
        See `read_published`.

    Returns
    -------
    sources : `astropy.table.Table`
        id; per quantity q published_q, q_p16, q_p50, q_p84, difference_q_dex, within_68_q; flags; compared: whether the
        source counts.
    summary : `astropy.table.Table`
        Per quantity, with medians of posteriors and with best fits: n, offset_dex and its error, scatter_dex, share_68.
    """
    from astropy.table import Table  # not while the rules are read

    flags = np.asarray(clusters["flags"], dtype=int)
    counted = ((flags | np.asarray(photometry_flags, dtype=int)) & int(NOT_COMPARED)) == 0
    sources = Table({"id": np.asarray(clusters["id"], dtype=str)})
    rows = []
    for quantity, theirs in published.items():
        ours = {name: _log(clusters, f"{quantity}_{name}") for name in ("p16", "p50", "p84")}
        best = _log(clusters, quantity)
        sources[f"published_{quantity}"] = theirs if quantity in IN_LOG else 10**theirs
        for name in ours:
            sources[f"{quantity}_{name}"] = clusters[f"{quantity}_{name}"]
        sources[f"difference_{quantity}_dex"] = ours["p50"] - theirs
        within = (theirs >= ours["p16"]) & (theirs <= ours["p84"])
        sources[f"within_68_{quantity}"] = within
        for estimate, values in (("median", ours["p50"]), ("best_fit", best)):
            left_out = int((np.isfinite(theirs) & ~counted).sum())
            rows.append(_summary(quantity, estimate, (values - theirs)[counted], within[counted], left_out))
    sources["compared"] = counted
    sources["flags"] = flags
    return sources, Table(rows=rows)


def _summary(quantity, estimate, difference, within, n_left_out):
    """Row of the summary."""
    known = np.isfinite(difference)
    difference, n = difference[known], int(known.sum())
    scatter = float(mad_sigma(difference)) if n >= MIN_SOURCES else np.nan
    return {
        "quantity": quantity,
        "estimate": estimate,
        "n": n,
        "n_left_out": n_left_out,
        "offset_dex": float(np.median(difference)) if n else np.nan,
        "offset_dex_err": MEDIAN_ERROR * scatter / np.sqrt(n) if n >= MIN_SOURCES else np.nan,
        "scatter_dex": scatter,
        "share_68": float(np.mean(within[known])) if n and estimate == "median" else np.nan,
    }


def _log(table, name):
    """log10 of a column; NaN where masked or not positive."""
    values = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
    if name.startswith(IN_LOG):
        return values
    return np.log10(np.where(values > 0, values, np.nan))
