"""The stack by one method beside the others: fluxes, and colours that differ by more than their common noise.

Fluxes nJy, colours magnitudes.
"""

import numpy as np
from astropy.table import Table
from scipy.special import chdtrc

from clusterphot.stack.build import METHODS

P_DIFFERENT = 0.0027
"""Probability of the same colours below which they are called different: 3 sigma."""


def compare_methods(stacks, reference):
    """Fluxes of the stack by every method, and how far their colours are from those of the method that is used.

    Parameters
    ----------
    stacks : sequence of Stack
        Of all filters.
    reference : str
        Filter that colours are against.

    Returns
    -------
    table : `astropy.table.Table`
        One row a method, the one that is used first: method, per filter flux_F, flux_err_F, n_sources_F, color_shift_F
        and color_shift_err_F (mag), and ``p_same_colors``, the probability that colours as different as these or more
        come from the noise alone.

    Notes
    -----
    The methods see the same noise and the same sources, and their difference much less of it than each of them: its
    covariance is that over the resamples, the same for all methods and filters.
    """
    used = stacks[0].method
    rows = []
    for method in (used, *(name for name in METHODS if name != used)):
        row = {"method": method}
        shifts = {}
        for stack in stacks:
            fit = stack.by_method.get(method)
            filt = stack.filter_name
            row[f"flux_{filt}"] = fit.flux if fit else np.nan
            row[f"flux_err_{filt}"] = fit.flux_err if fit else np.nan
            row[f"n_sources_{filt}"] = fit.n_sources if fit else 0
            shifts[filt] = _shift_mag(fit, stack.by_method.get(used), len(stack.resampled_flux))
        colors = {filt: shift - shifts[reference] for filt, shift in shifts.items()}
        for filt, color in colors.items():
            row[f"color_shift_{filt}"] = color[0]
            row[f"color_shift_err_{filt}"] = float(np.std(color[1:], ddof=1))
        others = np.array([color for filt, color in colors.items() if filt != reference])
        row["p_same_colors"] = 1.0 if method == used else _p_of_zero(others)
        rows.append(row)
    return Table(rows)


def _shift_mag(fit, used, n_resamples):
    """Magnitude of a stack and its resamples by one method less that by another, (1 + n_resamples,); NaN without."""
    if fit is None or used is None:
        return np.full(1 + n_resamples, np.nan)
    ratio = np.append(fit.flux, fit.resampled_flux) / np.append(used.flux, used.resampled_flux)
    return -2.5 * np.log10(np.where(ratio > 0, ratio, np.nan))


def _p_of_zero(shifts):
    """Probability of values as far from zero, NaN where unknown; (k, 1 + n_resamples), the measured ones first."""
    shifts = shifts[np.isfinite(shifts[:, 0]) & (np.nanstd(shifts, axis=1) > 0)] if len(shifts) else shifts
    if not len(shifts):
        return np.nan
    resampled = shifts[:, 1:][:, np.isfinite(shifts[:, 1:]).all(axis=0)]
    if resampled.shape[1] <= len(shifts) + 1:
        return np.nan
    covariance = np.atleast_2d(np.cov(resampled))
    chi2 = shifts[:, 0] @ np.linalg.solve(covariance, shifts[:, 0])
    return float(chdtrc(len(shifts), chi2))


def describe_methods(table, filters):
    """What the run says of the colours by other methods: a sentence, empty where they agree within their errors.

    Examples
    --------
    >>> row = {"p_same_colors": 1.0, "color_shift_F090W": 0.0, "color_shift_err_F090W": 0.0}
    >>> other = {"p_same_colors": 1e-9, "color_shift_F090W": -0.125, "color_shift_err_F090W": 0.02}
    >>> table = Table([{"method": "clipped_mean"} | row, {"method": "median"} | other])
    >>> describe_methods(table, ["F090W"])
    'colours by median differ beyond errors (p = 1e-09): F090W -0.12 +- 0.02 mag'
    """
    parts = []
    for row in table:
        if not row["p_same_colors"] < P_DIFFERENT:
            continue
        shifts = [
            f"{filt} {row[f'color_shift_{filt}']:+.2f} +- {row[f'color_shift_err_{filt}']:.2f}"
            for filt in filters
            if row[f"color_shift_err_{filt}"] > 0
        ]
        p_value = f"p = {row['p_same_colors']:.1g}"
        parts.append(f"colours by {row['method']} differ beyond errors ({p_value}): {', '.join(shifts)} mag")
    return "; ".join(parts)
