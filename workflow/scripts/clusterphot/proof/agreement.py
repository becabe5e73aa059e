"""Whether artificial clusters say of a simulated field what its truth says: biases and scatter, bin by bin.

Both summaries are compared in all filters, whole and in bins of magnitude, which they have in common.
"""

import numpy as np
from astropy.table import Table
from scipy import special

from clusterphot.proof.recovery import BINS
from clusterphot.proof.summary import SCATTER_ERROR, whole_row

MIN_SOURCES = 20
"""Of either kind in a bin that is compared: a scatter of 20 is known to a quarter."""

CHANCE = 0.01
"""Chance of the smallest p value of all bins, were they independent, below which the two are said to differ."""

COLUMNS = (
    "filter", "mag_low", "mag_high", "n", "bias", "bias_err", "pull_scatter", "pull_scatter_err", "n_true", "true_bias",
    "true_bias_err", "sys_error", "true_pull_scatter", "true_pull_scatter_err", "p_bias", "p_scatter",
)  # fmt: skip


def compare_with_truth(proof, recovery, filters, *, systematic=True):
    """Artificial clusters and the list's own truth side by side.

    Parameters
    ----------
    proof : `astropy.table.Table`
        From `clusterphot.proof.summary.summarise`.
    recovery : `astropy.table.Table`
        From `clusterphot.proof.recovery.summarise`.
    filters : sequence of str
    systematic : bool
        Whether the systematic error quoted for the list is an error of the comparison.

    Returns
    -------
    table : `astropy.table.Table`
        `COLUMNS`; a row per filter with all sources (both ends NaN), then one per bin of true magnitude. p values are
        NaN where either has fewer than `MIN_SOURCES`.

    Notes
    -----
    Artificial clusters are put in with the PSF that fits them and have the zero points of the fits. The truth has the
    errors of both, the same for all sources of a filter: a bias of the truth has the systematic error quoted in
    ``flux_err_sys`` beside its own. Errors that come from scaled median absolute deviations of n values are known to
    `SCATTER_ERROR` / sqrt(n), as those of normal deviates from n / (2 `SCATTER_ERROR`^2) degrees of freedom; p values
    of biases are of Student's distribution with those of both together (Welch 1947, Biometrika 34, 28). Scatters are
    compared by their logarithms, whose error is this. Where bright and faint sources are mixed the error of a median is
    too large by some per cent, and p values of biases with it.
    """
    rows = []
    for filt in filters:
        whole = whole_row(proof, "injected", filt)
        true = true_row(recovery, "flux", filt)
        if whole is None or true is None:
            continue
        scale = true_row(recovery, "flux_scale", filt)
        sys_error = 0.0 if scale is None or not systematic else float(np.nan_to_num(scale["sys_error"]))
        rows.append(_compare(filt, whole, true, sys_error))
        of_filter = proof[(np.asarray(proof["kind"]) == "injected") & (np.asarray(proof["filter"]) == filt)]
        for low, high in zip(BINS["mag"][:-1], BINS["mag"][1:], strict=True):
            some = of_filter[(of_filter["mag_low"] == low) & (of_filter["mag_high"] == high)]
            true = true_row(recovery, "flux", filt, "mag", low)
            if len(some) and true is not None:
                rows.append(_compare(filt, some[0], true, sys_error, mag_low=low, mag_high=high))
    return Table({name: [row[name] for row in rows] for name in COLUMNS})


def true_row(recovery, quantity, filt, binned_by="all", low=None):
    """Row of the summary of the truth, or None."""
    chosen = recovery[
        (np.asarray(recovery["quantity"]) == quantity)
        & (np.asarray(recovery["band"]) == filt)
        & (np.asarray(recovery["binned_by"]) == binned_by)
    ]
    chosen = chosen if low is None else chosen[np.asarray(chosen["bin_low"]) == low]
    return chosen[0] if len(chosen) else None


def _compare(filt, put_in, true, sys_error, **ends):
    """One row."""
    numbers = np.array([put_in["n"], true["n"]], dtype=float)
    relative = SCATTER_ERROR / np.sqrt(np.maximum(numbers, 1))
    row = dict.fromkeys(COLUMNS, np.nan) | {"filter": filt, "sys_error": sys_error, **ends}
    for prefix, of, error in (("", put_in, relative[0]), ("true_", true, relative[1])):
        row |= {f"{prefix}{name}": float(of[name]) for name in ("bias", "bias_err", "pull_scatter")}
        row[f"{prefix}pull_scatter_err"] = float(of["pull_scatter"]) * error
    row["n"], row["n_true"] = int(put_in["n"]), int(true["n"])
    if numbers.min() >= MIN_SOURCES:
        errors = np.array([put_in["bias_err"], true["bias_err"], sys_error])
        dof = 0.5 / relative**2
        freedom = np.sum(errors**2) ** 2 / np.sum(errors[:2] ** 4 / dof)
        away = abs(put_in["bias"] - true["bias"]) / np.sqrt(np.sum(errors**2))
        row["p_bias"] = 2.0 * float(special.stdtr(freedom, -away))
        ratio = abs(np.log(put_in["pull_scatter"] / true["pull_scatter"]))
        row["p_scatter"] = 2.0 * float(special.ndtr(-ratio / np.sqrt(np.sum(relative**2))))
    return row


def smallest_chance(table):
    """Smallest p value of a comparison, and the number of them; NaN and 0 without any.

    The two agree where the smallest exceeds `CHANCE` over their number.
    """
    values = np.concatenate([np.asarray(table[name], dtype=float) for name in ("p_bias", "p_scatter")])
    values = values[np.isfinite(values)]
    return (float(values.min()), len(values)) if len(values) else (np.nan, 0)
