"""What artificial clusters and blank places say of the errors of the list, as a smooth function of light and depth.

The scatter of pulls is taken as exp(a + b l + c d) with l a scale of the light under a source and d the depth at its
place; errors of the list are multiplied by it where it is known well. Light nJy/arcsec2, depths AB mag.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.proof.outcome import depth_of
from clusterphot.proof.summary import clean

KNOWN_TO = 0.1
"""Relative error of the scatter up to which errors are multiplied by it; beyond they stay as they are."""

LIGHT_UNIT = 100.0
"""Light (nJy/arcsec2) at which its scale asinh(light / unit) turns from linear to logarithmic: about that of the noise
of a deep mosaic's sky. Chosen."""

MEAN_LN_NORMAL, LN_NORMAL_SCATTER = -0.6351814227307391, 1.1107207345395915
"""Mean and standard deviation of ln|z| of a normal deviate: -(gamma + ln 2) / 2 and pi / sqrt(8). Its mean is as good a
measure of a scatter as the median absolute deviation is, and as deaf to outliers, but a linear one."""

MIN_SOURCES, SPAN_SHARES = 30, (0.02, 0.98)
"""Pulls without which nothing is fitted, and quantiles of light and depth beyond which the function stays as there."""

COLUMNS = (
    "filter", "pixel_scale_arcsec", "n", "ln_scatter", "light_slope", "depth_slope",
    "var_00", "var_01", "var_02", "var_11", "var_12", "var_22",
    "light_low", "light_high", "depth_low", "depth_high", "light_mean", "depth_mean",
)  # fmt: skip


def light_scale(light):
    """Scale of light on which errors are expected to change evenly."""
    return np.arcsinh(np.asarray(light, dtype=float) / LIGHT_UNIT)


def fit_scaling(outcome, pixel_scales_arcsec):
    """Fit the scatter of pulls of all clean artificial clusters and blank places of each filter.

    Parameters
    ----------
    outcome : `astropy.table.Table`
        From `clusterphot.proof.outcome`.
    pixel_scales_arcsec : dict of str to float
        Of the filters.

    Returns
    -------
    table : `astropy.table.Table`
        A row per filter with `COLUMNS`; coefficients are NaN where there are fewer than `MIN_SOURCES` pulls.

    Notes
    -----
    ln|pull - median| less its mean for a normal deviate is an estimate of ln(scatter) of each pull, with a standard
    deviation of 1.11 whatever the scatter: a linear fit of it on light and depth is robust, and its errors are known
    beforehand. The median is that of its kind: a bias is not taken for scatter.
    """
    rows = [_fit_filter(outcome, *of_filter) for of_filter in pixel_scales_arcsec.items()]
    return Table({name: [row[name] for row in rows] for name in COLUMNS})


def _fit_filter(outcome, filt, pixel_scale_arcsec):
    """Row of one filter."""
    pull, light, depth = (np.asarray(outcome[f"{name}_{filt}"], float) for name in ("pull", "light", "depth"))
    good = clean(outcome, filt) & np.isfinite(pull) & np.isfinite(light) & np.isfinite(depth)
    row = dict.fromkeys(COLUMNS, np.nan)
    row |= {"filter": filt, "pixel_scale_arcsec": pixel_scale_arcsec, "n": int(good.sum())}
    if row["n"] < MIN_SOURCES:
        return row
    kind = np.asarray(outcome["kind"])[good]
    centre = np.zeros(row["n"])
    for one in np.unique(kind):
        centre[kind == one] = np.median(pull[good][kind == one])
    size = np.abs(pull[good] - centre)
    some = size > 0  # the median of an odd number is one of them
    ends = {name: np.quantile(of[good], SPAN_SHARES) for name, of in (("light", light), ("depth", depth))}
    scales = _scales(light[good][some], depth[good][some], ends)
    means = scales.mean(axis=1)
    design = np.stack([np.ones(some.sum()), *(scales - means[:, None])])
    inverse = np.linalg.pinv(design @ design.T, hermitian=True, rcond=1e-10)
    value = inverse @ design @ (np.log(size[some]) - MEAN_LN_NORMAL)
    variance = LN_NORMAL_SCATTER**2 * inverse
    row |= dict(zip(("ln_scatter", "light_slope", "depth_slope"), value.tolist(), strict=True))
    row |= {f"var_{i}{j}": float(variance[i, j]) for i in range(3) for j in range(i, 3)}
    for name, (low, high) in ends.items():
        row |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return row | {"light_mean": float(means[0]), "depth_mean": float(means[1])}


def _scales(light, depth, ends):
    """Light and depth, each kept within its ends, as what the fit is linear in; (2, n)."""
    return np.stack([light_scale(np.clip(light, *ends["light"])), np.clip(depth, *ends["depth"])])


@dataclass(frozen=True)
class Factor:
    """Factors (n,) on errors, and their relative 1-sigma errors; 1 and NaN where the scatter is not known."""

    value: np.ndarray
    error: np.ndarray


def scatter_at(row, light, depth):
    """Scatter (n,) of pulls from a row of `fit_scaling`, and its relative 1-sigma error; NaN where not known."""
    light, depth = np.asarray(light, dtype=float), np.asarray(depth, dtype=float)
    known = np.isfinite(light) & np.isfinite(depth) & np.isfinite(row["ln_scatter"])
    ends = {name: (row[f"{name}_low"], row[f"{name}_high"]) for name in ("light", "depth")}
    scales = _scales(np.where(known, light, ends["light"][0]), np.where(known, depth, ends["depth"][0]), ends)
    design = np.stack([np.ones(len(light)), scales[0] - row["light_mean"], scales[1] - row["depth_mean"]])
    variance = np.array([[row[f"var_{min(i, j)}{max(i, j)}"] for j in range(3)] for i in range(3)])
    error = np.sqrt(np.einsum("in,ij,jn->n", design, variance, design))
    value = np.exp(np.array([row["ln_scatter"], row["light_slope"], row["depth_slope"]]) @ design)
    return np.where(known, value, np.nan), np.where(known, error, np.nan)


def factors(row, light, depth):
    """Factors on the errors of sources from a row of `fit_scaling`.

    Parameters
    ----------
    row : mapping
    light, depth : (n,) float ndarray

    Returns
    -------
    factor : `Factor`
        1 where the scatter is not known to `KNOWN_TO`, or light or depth are not.
    """
    value, error = scatter_at(row, light, depth)
    return Factor(np.where(error <= KNOWN_TO, value, 1.0), error)


def rescale(photometry, scaling):
    """Photometry whose errors are those that artificial clusters and blank places have.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        As the fits left it.
    scaling : `astropy.table.Table`
        From `fit_scaling`.

    Returns
    -------
    table : `astropy.table.Table`
        flux_err_F is multiplied but for its part by dither phase, which artificial clusters do not have;
        error_factor_F stands beside it.
    """
    table = photometry.copy()
    for row in scaling:
        filt = row["filter"]
        flux_err, phase, sky, conditional = (
            np.ma.filled(np.ma.asarray(photometry[f"{name}_{filt}"], dtype=float), np.nan)
            for name in ("flux_err", "flux_err_phase", "sky", "flux_err_conditional")
        )
        factor = factors(row, sky / row["pixel_scale_arcsec"] ** 2, depth_of(conditional)).value
        noise = np.sqrt(np.maximum(flux_err**2 - phase**2, 0.0))
        scaled = np.where(factor == 1.0, flux_err, np.hypot(factor * noise, phase))
        table[f"flux_err_{filt}"] = scaled
        table.add_column(
            factor, name=f"error_factor_{filt}", index=table.colnames.index(f"flux_err_{filt}") + 1
        )
    return table
