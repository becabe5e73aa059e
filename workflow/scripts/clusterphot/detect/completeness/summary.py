"""Completeness of one filter from the injections: table by magnitude and noise, limits, flux bias, map, sources.

Where the logistic fit fails its test, the table corrects it, and limits come from the table. Magnitudes AB.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy import special

from clusterphot.base.robust import MEDIAN_ERROR, mad_sigma
from clusterphot.base.units import mag_ab
from clusterphot.detect.completeness.logistic import (
    PARAMETERS,
    PER_LIGHT,
    PER_NOISE,
    Logistic,
    fit_logistic,
    glow_of,
)
from clusterphot.detect.selection import magnitudes

MIN_P_VALUE = 0.01
"""Below this the logistic fit is rejected and the table used."""

BIN_MAG = 0.25
"""Width of the bins of magnitude: half of the range over which completeness falls."""

N_CLASSES = 3
"""Classes of noise, with equally many injections each."""

MIN_FOUND = 5
"""Found sources needed for a flux bias."""

LIMITS = (50, 90)
"""Per cent of completeness whose magnitudes are told."""

N_RESAMPLES = 200
"""Binomial draws behind the error of a limit of the table: it is known to 5 %."""


@dataclass(frozen=True)
class Completeness:
    """Completeness of one filter.

    Attributes
    ----------
    fit : `clusterphot.detect.completeness.logistic.Logistic`
    method : {'logistic', 'table'}
    edges : (m + 1,) float ndarray, mag
    noise_limits : (2,) float ndarray, nJy
        Between the thirds of the injections by noise.
    fraction, error : (4, m) float ndarray
        Share selected by class of noise (0: all) and magnitude; NaN where nothing was injected.
    model : (4, m) float ndarray
        Mean of the fit over the injections of each bin.
    injected, selected : (4, m) int ndarray
    noise, light : (4,) float ndarray, nJy and nJy/arcsec2
        Median noise and light of each class.
    """

    fit: Logistic
    method: str
    edges: np.ndarray
    noise_limits: np.ndarray
    fraction: np.ndarray
    error: np.ndarray
    model: np.ndarray
    injected: np.ndarray
    selected: np.ndarray
    noise: np.ndarray
    light: np.ndarray

    def __call__(self, mag, noise, light, neighbours=0.0):
        """Completeness at magnitudes, local noise, light and light of neighbours; 0 where nothing was searched."""
        mag, noise, light, neighbours = np.broadcast_arrays(
            *(np.asarray(value, dtype=float) for value in (mag, noise, light, neighbours))
        )
        known = np.isfinite(noise) & (noise > 0)
        out = np.zeros(mag.shape)
        out[known] = self.fit(mag[known], noise[known], light[known], neighbours[known])
        if self.method == "logistic":
            return out
        middle = 0.5 * (self.edges[1:] + self.edges[:-1])
        number = np.digitize(noise, self.noise_limits) + 1
        for k in range(1, N_CLASSES + 1):
            rows, good = known & (number == k), self.injected[k] > 0
            out[rows] += np.interp(mag[rows], middle[good], (self.fraction[k] - self.model[k])[good])
        return np.clip(out, 0.0, 1.0)

    def limit(self, fraction, number):
        """Magnitude of this completeness at the median noise of a class, and its 1-sigma error.

        Of the fit far from neighbours, of the table as the artificial clusters lie; NaN beyond the magnitudes tried.
        """
        if self.method == "logistic":
            mag, error = self.fit.limit(fraction, self.noise[number], self.light[number])
            return (mag, error) if self.edges[0] <= mag <= self.edges[-1] else (np.nan, np.nan)
        return _table_limit(self.injected[number], self.selected[number], self.edges, fraction)


def measure_completeness(mag, noise, light, neighbours, selected):
    """Completeness from what was put in and selected.

    Parameters
    ----------
    mag, noise, light : (n,) float ndarray
        True magnitude and local noise (nJy) in one filter, light (nJy/arcsec2) in the reference filter.
    neighbours : (n,) float ndarray, nJy
        Light of neighbours in the reference filter, of `clusterphot.detect.crowding`.
    selected : (n,) bool ndarray

    Returns
    -------
    completeness : `Completeness`
    """
    fit = fit_logistic(mag, noise, light, neighbours, selected)
    limits = np.quantile(noise, np.arange(1, N_CLASSES) / N_CLASSES)
    number = np.digitize(noise, limits) + 1
    low, high = np.floor(mag.min() / BIN_MAG) * BIN_MAG, np.ceil(mag.max() / BIN_MAG) * BIN_MAG
    edges = np.arange(low, high + 0.5 * BIN_MAG, BIN_MAG)
    rows = [np.ones(len(mag), dtype=bool), *(number == k for k in range(1, N_CLASSES + 1))]
    injected = np.stack([np.histogram(mag[r], edges)[0] for r in rows])
    found = np.stack([np.histogram(mag[r & selected], edges)[0] for r in rows])
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.where(injected > 0, found / injected, np.nan)
    error = binomial_error(found, injected)
    expected = fit(mag, noise, light, neighbours)
    model = np.stack([np.histogram(mag[r], edges, weights=expected[r])[0] for r in rows]) / np.maximum(
        injected, 1
    )
    method = "logistic" if fit.p_value >= MIN_P_VALUE else "table"
    typical = [np.array([np.median(v[r]) if r.any() else np.nan for r in rows]) for v in (noise, light)]
    return Completeness(fit, method, edges, limits, fraction, error, model, injected, found, *typical)


def binomial_error(found, injected):
    """1 sigma of shares, of 0 and 1 that of half a source more; NaN of none."""
    share = (found + 0.5) / (injected + 1.0)
    return np.where(injected > 0, np.sqrt(share * (1 - share) / np.maximum(injected, 1)), np.nan)


def _table_limit(injected, selected, edges, fraction):
    """Faintest magnitude at which the table still reaches a fraction; error from binomial resamples."""
    middle = 0.5 * (edges[1:] + edges[:-1])
    good = injected > 0
    if good.sum() < 2:
        return np.nan, np.nan

    def crossing(share):
        above = np.flatnonzero(share >= fraction)
        if not len(above) or above[-1] == len(share) - 1:
            return np.nan
        k = above[-1]
        step = (share[k] - fraction) / (share[k] - share[k + 1])
        return middle[good][k] + step * (middle[good][k + 1] - middle[good][k])

    rng = np.random.default_rng(len(injected))
    share = (selected[good] + 0.5) / (injected[good] + 1.0)
    draws = [crossing(rng.binomial(injected[good], share) / injected[good]) for _ in range(N_RESAMPLES)]
    draws = np.array(draws)[np.isfinite(draws)]
    value = crossing(selected[good] / injected[good])
    return float(value), float(np.std(draws)) if len(draws) > N_RESAMPLES // 2 else np.nan


def completeness_table(completeness, injections, filt):
    """Rows by class of noise and magnitude, as in ``completeness/{filter}.ecsv``.

    Parameters
    ----------
    completeness : `Completeness`
    injections : `astropy.table.Table`
        With flux_in_F, flux_F, flux_err_F, noise_F and selected.
    filt : str

    Returns
    -------
    table : `astropy.table.Table`
    """
    true, seen = np.asarray(injections[f"flux_in_{filt}"]), np.asarray(injections[f"flux_{filt}"])
    noise, selected = np.asarray(injections[f"noise_{filt}"]), np.asarray(injections["selected"], dtype=bool)
    mag = magnitudes(true)
    number = np.digitize(noise, completeness.noise_limits) + 1
    rows = []
    for k in range(N_CLASSES + 1):
        values = {
            f"mag_{f}{end}": value
            for f in LIMITS
            for end, value in zip(("", "_err"), completeness.limit(f / 100, k), strict=True)
        }
        for b, (low, high) in enumerate(zip(completeness.edges[:-1], completeness.edges[1:], strict=True)):
            inside = (mag >= low) & (mag < high) & ((number == k) | (k == 0))
            rows.append(
                {
                    "noise_class": k,
                    "noise_median": completeness.noise[k],
                    "mag_low": low,
                    "mag_high": high,
                    "n_injected": int(completeness.injected[k, b]),
                    "n_selected": int(completeness.selected[k, b]),
                    "completeness": completeness.fraction[k, b],
                    "completeness_err": completeness.error[k, b],
                    "completeness_model": completeness.model[k, b] if completeness.injected[k, b] else np.nan,
                    **_bias(true, seen, noise, inside & selected),
                    **values,
                }
            )
    return Table(rows)


def _bias(true, seen, noise, rows):
    """Bias and scatter of the flux of selected sources, and the bias that a threshold alone gives."""
    rows = rows & np.isfinite(seen)
    if rows.sum() < MIN_FOUND:
        names = ("flux_bias", "flux_bias_err", "flux_bias_eddington", "flux_scatter")
        return dict.fromkeys(names, np.nan)
    ratio = seen[rows] / true[rows] - 1.0
    scatter = mad_sigma(ratio)
    # A flux is kept where it exceeds the lowest one kept: the median of a truncated normal distribution.
    sigma, cut = noise[rows], np.min(seen[rows] / noise[rows])
    tail = special.ndtr(true[rows] / sigma - cut)
    expected = np.median(-special.ndtri(0.5 * tail) * sigma / true[rows])
    return {
        "flux_bias": float(np.median(ratio)),
        "flux_bias_err": float(MEDIAN_ERROR * scatter / np.sqrt(rows.sum())),
        "flux_bias_eddington": float(expected),
        "flux_scatter": float(scatter),
    }


def source_completeness(completeness, candidates, filt):
    """Completeness at the found magnitude and the noise of every candidate, by id.

    Sums of 1 / completeness hold to 0.1 down to the 50 % limit (docs/luminosity.md); other choices do not come closer.
    """
    flux, noise = np.asarray(candidates[f"flux_{filt}"]), np.asarray(candidates[f"noise_{filt}"])
    mag = np.where(flux > 0, mag_ab(np.where(flux > 0, flux, 1.0)), np.inf)
    place = noise, np.asarray(candidates["surface_brightness"]), np.asarray(candidates["neighbour_light"])
    return Table({"id": candidates["id"], "completeness": completeness(mag, *place)})


def field_limits(completeness):
    """Magnitudes m50 and m90 of 50 and 90 % completeness at the median noise of the field, and m50_err, m90_err."""
    limits = {percent: completeness.limit(percent / 100, 0) for percent in LIMITS}
    ends = enumerate(("", "_err"))
    return {f"m{percent}{end}": float(limits[percent][k]) for k, end in ends for percent in LIMITS}


def describe(completeness):
    """Plain dictionary of the fit for the metadata of a table."""
    fit = completeness.fit
    return {
        "method": completeness.method,
        "parameters": {name: float(value) for name, value in zip(PARAMETERS, fit.parameters, strict=True)},
        "covariance": fit.covariance.tolist(),
        "log10_noise_level": fit.level,
        "light_level": fit.glow,
        "chi2": fit.chi2,
        "dof": fit.dof,
        "p_value": fit.p_value,
        "noise_limits_njy": [float(value) for value in completeness.noise_limits],
    }


def limit_map(completeness, noise, light, fraction):
    """Limiting magnitude of every cell of maps of noise and light; NaN where nothing was searched."""
    fit = completeness.fit
    if completeness.method == "logistic":
        return fit.limits(fraction, noise, light).astype(np.float32)
    reference, _ = completeness.limit(fraction, 0)
    brighter = fit.parameters[PER_NOISE] * np.log10(noise / completeness.noise[0])
    brighter = brighter + fit.parameters[PER_LIGHT] * (glow_of(light) - glow_of(completeness.light[0]))
    return (reference - brighter).astype(np.float32)
