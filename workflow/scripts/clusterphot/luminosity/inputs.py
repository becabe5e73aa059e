"""What the luminosity function, the colours and the map of clusters are made from: candidates and injections.

Completeness is measured here anew from the injections, so that the uncertainty of its fit can be drawn from.
Magnitudes AB, fluxes and noise nJy, light nJy/arcsec2.
"""

import logging
from dataclasses import dataclass

import numpy as np
from astropy.table import vstack
from scipy import optimize, special

from clusterphot.detect.completeness.logistic import fit_logistic
from clusterphot.detect.selection import magnitudes
from clusterphot.luminosity.function import Response, Sample, gaussian_shapes, measure_response

logger = logging.getLogger(__name__)

KNOTS = (-3.0, -1.0, 1.0, 3.0)
"""Logits between which the curve of completeness may bend."""

AS_FITTED = np.array([0.0, 1.0, 0.0, 0.0])
SPLINE_SIGMA = np.array([1.0, 0.5, 0.5, 0.5])
"""Prior of the coefficients of the bent curve: mean, the logistic itself, and 1 sigma."""

LEAST_PROBABILITY, LEAST_SHARE = 1e-9, 1e-13
"""Of a detection or a miss in the likelihood, and of the ceiling where its logit is taken: both stay finite."""

LIMIT_GRID = (15.0, 40.0, 0.01)
"""First and last magnitude, and step, between which the limit is looked for."""

COVERED = 0.995
"""Share of the artificial clusters whose places are covered; beyond them completeness would be extrapolated."""

SHARE_STEP_MAG = 0.1
SHARE_ROWS = 4096


@dataclass(frozen=True)
class Injections:
    """Artificial clusters in the searched area.

    Attributes
    ----------
    table : `astropy.table.Table`
    values : (mag, noise, light, neighbours, selected), (n,) ndarrays
        True magnitude and local noise in the reference filter, light, that of neighbours, and what became of them.
    completeness : `SmoothCompleteness`
        In the reference filter.
    response : `clusterphot.luminosity.function.Response`
    """

    table: object
    values: tuple
    completeness: object
    response: Response

    @property
    def selected(self):
        """Whether each was found and selected."""
        return self.values[-1]

    def covers(self, sample):
        """Whether artificial clusters tell the completeness in the local noise of each source, and so near to others.

        Residuals of bright stars stand in noise ten times the usual: at an extrapolated completeness of 1e-5 each
        of them would stand for thousands of clusters.
        """
        noise, _, neighbours = sample.place
        crowding = self.values[3] / self.values[1]
        calm = noise <= np.quantile(self.values[1], COVERED)
        return calm & (neighbours / noise <= max(np.quantile(crowding, COVERED), 1.0))

    def limit(self, fraction=0.5):
        """Magnitude of this completeness at median noise and light, far from neighbours; NaN where none was tried."""
        mag = np.arange(*LIMIT_GRID)
        curve = self.completeness(mag, np.median(self.values[1]), np.median(self.values[2]))
        above = np.flatnonzero(curve >= fraction)
        limit = round(float(mag[above[-1]]), 2) if len(above) else np.nan
        tried = self.values[0]
        return limit if tried.min() <= limit <= tried.max() else np.nan


def read_injections(tables, reference):
    """Join runs of artificial clusters; completeness and response in the reference filter."""
    table = vstack(tables, metadata_conflicts="silent")
    noise = np.asarray(table[f"noise_{reference}"], dtype=float)
    table = table[np.asarray(table["searched"], dtype=bool) & np.isfinite(noise)]
    true = np.asarray(table[f"flux_in_{reference}"], dtype=float)
    found = np.ma.filled(np.ma.asarray(table[f"flux_{reference}"], dtype=float), np.nan)
    noise, selected = np.asarray(table[f"noise_{reference}"]), np.asarray(table["selected"], dtype=bool)
    light, neighbours = (
        np.asarray(table[name], dtype=float) for name in ("surface_brightness", "neighbour_light")
    )
    values = (magnitudes(true), noise, light, neighbours, selected)
    return Injections(table, values, fit_smooth(*values), measure_response(true, found, noise, selected))


def selected_sources(candidates):
    """Rows of the selected candidates that have a flux."""
    rows = np.asarray(candidates["selected"], dtype=bool) & np.isfinite(np.asarray(candidates["mag"]))
    return candidates[rows]


def probabilities(table, use_purity):
    """Probability of each source to be a cluster; 1 where it is unknown or left out of account."""
    p = np.ma.filled(np.ma.asarray(table["p_cluster"], dtype=float), np.nan)
    return np.where(np.isfinite(p), p, 1.0) if use_purity else np.ones(len(table))


def number_error(meta, use_purity):
    """Fractional error of the number of clusters among the selected, from the metadata of the candidates.

    Zero where purity is left out of account, or is not known, which is logged: all selected count as clusters then.
    """
    if not use_purity:
        return 0.0
    purity = meta.get("purity", {})
    if "not_known" in purity:
        logger.warning(
            "all selected sources count as clusters, since p_cluster is not known: %s", purity["not_known"]
        )
    total, error = purity.get("p_cluster_sum"), purity.get("p_cluster_sum_err")
    return float(error / total) if total and error is not None else 0.0


def make_sample(table, reference, *, use_purity, mag_min):
    """`Sample` of the selected sources of a table of candidates, whose metadata know the error of their number."""
    return Sample(
        np.asarray(table[f"flux_{reference}"], dtype=float),
        np.asarray(table[f"noise_{reference}"], dtype=float),
        np.asarray(table["surface_brightness"], dtype=float),
        probabilities(table, use_purity),
        mag_min,
        np.asarray(table["neighbour_light"], dtype=float),
        number_error(table.meta, use_purity),
    )


@dataclass(frozen=True)
class SmoothCompleteness:
    """Logistic completeness whose curve is bent to what the injections show.

    Attributes
    ----------
    fit : `clusterphot.detect.completeness.logistic.Logistic`
        Says how magnitude, noise and light act together, and the ceiling.
    coefficients : (4,) float ndarray
        Of 1, the fit's own logit, and two terms of a natural cubic spline in it.
    """

    fit: object
    coefficients: np.ndarray

    def __call__(self, mag, noise, light, neighbours=0.0):
        """Completeness at magnitudes, local noise and light; arrays that broadcast."""
        ceiling, logit = _ceiling_and_logit(self.fit, mag, noise, light, neighbours)
        return ceiling * special.expit(np.tensordot(self.coefficients, _spline_terms(logit), axes=1))


def fit_smooth(mag, noise, light, neighbours, selected):
    """Smooth completeness of artificial clusters.

    Parameters
    ----------
    mag, noise, light, neighbours : (n,) float ndarray
    selected : (n,) bool ndarray

    Returns
    -------
    completeness : `SmoothCompleteness`

    Notes
    -----
    A table of noisy bins in place of a logistic curve that fails its test makes turnovers of its own: its steps
    at the limit are taken for structure of the luminosity function. A curve through few knots does not.
    """
    fit = fit_logistic(mag, noise, light, neighbours, selected)
    ceiling, logit = _ceiling_and_logit(fit, mag, noise, light, neighbours)
    terms, seen = _spline_terms(logit), np.asarray(selected, dtype=float)

    def cost(coefficients):
        p = np.clip(ceiling * special.expit(coefficients @ terms), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        prior = (((coefficients - AS_FITTED) / SPLINE_SIGMA) ** 2).sum()
        return 0.5 * prior - (seen * np.log(p) + (1 - seen) * np.log(1 - p)).sum()

    return SmoothCompleteness(fit, optimize.minimize(cost, AS_FITTED, method="BFGS").x)


def _ceiling_and_logit(fit, mag, *place):
    """Completeness of the brightest clusters, and the logit of what is left of it."""
    ceiling = fit(np.zeros_like(np.asarray(mag, dtype=float)), *place)
    share = np.clip(fit(mag, *place) / ceiling, LEAST_SHARE, 1 - LEAST_SHARE)
    return ceiling, special.logit(share)


def _spline_terms(logit):
    """Natural cubic spline through `KNOTS` (Hastie, Tibshirani & Friedman 2009, eq. 5.4), linear beyond them."""
    last, one_but_last = KNOTS[-1], KNOTS[-2]

    def bend(knot):
        cubes = np.clip(logit - knot, 0, None) ** 3 - np.clip(logit - last, 0, None) ** 3
        return cubes / (last - knot)

    terms = [(bend(knot) - bend(one_but_last)) / (last - KNOTS[0]) for knot in KNOTS[:-2]]
    return np.stack([np.ones_like(logit), logit, *terms])


def draw_completeness(injections, n_draws, seed):
    """The best estimate of the completeness, and estimates from resampled injections (Efron 1979).

    Parameters
    ----------
    injections : `Injections`
    n_draws, seed : int

    Returns
    -------
    several : list of `SmoothCompleteness`
    """
    rng, n = np.random.default_rng(seed), len(injections.selected)
    several = [injections.completeness]
    for _ in range(n_draws):
        rows = rng.integers(0, n, n)
        several.append(fit_smooth(*(values[rows] for values in injections.values)))
    return several


def share_found(completeness, turnover, width, mag_min, mag_limit):
    """Function of (noise, light): share of the clusters between two magnitudes that is found."""
    mag = np.arange(mag_min + 0.5 * SHARE_STEP_MAG, mag_limit, SHARE_STEP_MAG)
    phi = np.exp(gaussian_shapes(mag, np.array([turnover]), np.array([width]))[0])
    phi = phi / phi.sum()

    def share(noise, light):
        out = np.empty(len(noise))
        for start in range(0, len(noise), SHARE_ROWS):
            part = slice(start, start + SHARE_ROWS)
            out[part] = (completeness(mag, noise[part, None], light[part, None]) * phi).sum(axis=1)
        return out

    return share
