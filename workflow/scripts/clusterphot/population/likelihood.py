"""Likelihood of the fluxes of all clusters of a field, given their population and the errors that they share.

The mass of each cluster is integrated at each node of the grid, nodes are summed with the weights of the population.
Fluxes nJy, masses Msun (surviving).
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.config.population import PopulationSection

CONTAMINANT_SCATTER = 0.4
"""Scatter of the fluxes of contaminants about the median colours of the sample, as a fraction in each band: the colours
of galaxies and stars at these magnitudes scatter by 0.3 to 0.5 mag."""

ERROR_SCALES = (0.5, 6.0)
"""Ends of the prior of the common factor on all random errors, log-uniform: published errors were up to 4 times too
small."""

N_SCALES = 33
"""Error scales at which the density of contaminants is computed; in between it is a cubic spline, good to 1e-4."""

LEAST_FLUX = 1e-30
"""Stands for zero where zero cannot be divided by."""

LEAST_PROBABILITY = 1e-6
"""Sources less likely to be clusters than this have no mass."""

BATCH = 64
"""Sources computed at once: arrays of this many rows stay in the processor's cache, twice as fast as 400."""


@dataclass(frozen=True)
class Sample:
    """Fluxes of the clusters of a field.

    Attributes
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
        NaN where a band is missing. Random errors.
    p_cluster : (n,) float ndarray
        Probability of each source to be a cluster of the field.
    """

    flux: np.ndarray
    err: np.ndarray
    p_cluster: np.ndarray

    def __len__(self):
        return len(self.flux)

    def in_order(self):
        """The same sources in an order that does not depend on that of the list."""
        order = np.lexsort(np.nan_to_num(np.hstack([self.flux, self.err, self.p_cluster[:, None]])).T)
        return Sample(self.flux[order], self.err[order], self.p_cluster[order])


def measured(flux, err, p_cluster, *, model_error=PopulationSection.model_error):
    """Sources with at least one band, their errors grown by what models miss of a single cluster.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
    p_cluster : (n,) float ndarray
        NaN where not known, which counts as one.
    model_error : float, optional
        Fraction of the flux, independent between bands and clusters.

    Returns
    -------
    sample : `Sample`
    used : (n,) bool ndarray
    """
    known = np.isfinite(flux) & np.isfinite(err) & (err > 0)
    used = known.any(axis=1)
    flux = np.where(known, flux, np.nan)
    err = np.where(known, np.hypot(err, model_error * np.nan_to_num(flux)), np.nan)
    return Sample(flux[used], err[used], np.nan_to_num(p_cluster[used], nan=1.0)), used


@dataclass(frozen=True)
class Terms:
    """What a point in parameter space gives.

    Attributes
    ----------
    log_likelihood : (n,) float ndarray
        Of each source.
    by_node : (n_nodes,) float ndarray
        Derivative of their sum by the log probability of each node.
    by_shift : (n_bands,) float ndarray
        By the fractional shift of each band.
    by_log_scale, by_contaminants, by_slope : float
        By the log of the error scale, the fraction of contaminants, the slope of the mass function.
    log_mass : (n,) float ndarray
        Mean log10 mass of each source.
    as_cluster : (n,) float ndarray
        Probability of each source to be a cluster.
    """

    log_likelihood: np.ndarray
    by_node: np.ndarray
    by_shift: np.ndarray
    by_log_scale: float
    by_contaminants: float
    by_slope: float
    log_mass: np.ndarray
    as_cluster: np.ndarray


class Likelihood:
    """The likelihood of a sample on the nodes of a grid.

    Parameters
    ----------
    sample : `Sample`
    nodes : `clusterphot.population.histories.Nodes`
    selection : `clusterphot.population.selection.Selection`, optional
        Which clusters the list can hold. Without, the population is that of the clusters listed.
    """

    def __init__(self, sample, nodes, selection=None):
        self.sample, self.nodes, self.selection = sample, nodes, selection
        known = np.isfinite(sample.flux)
        weight = np.where(known, np.nan_to_num(sample.err, nan=1.0) ** -2.0, 0.0)
        flux = np.nan_to_num(sample.flux)
        self._linear, self._quadratic = flux * weight, weight
        self._single = self._linear.astype(np.float32), self._quadratic.astype(np.float32)
        self._data = np.sum(flux * flux * weight, axis=1)
        self._n_bands = known.sum(axis=1)
        self._constant = 0.5 * np.log(2 * np.pi) - np.sum(
            np.log(np.where(known, sample.err, 1.0)) + 0.5 * np.log(2 * np.pi) * known, axis=1
        )
        self._contaminants, self._log_brightness = self._contaminant_density(known, flux)

    def _contaminant_density(self, known, flux):
        """Log density of each source as a contaminant over the log of the error scale, and the log of its brightness.

        Fluxes scatter about the median colours of the sample by a fraction in each band; brightness is log-uniform, as
        are masses, so that the densities can be compared.
        """
        with np.errstate(invalid="ignore"):
            reference = np.nansum(np.where(known, flux, np.nan), axis=1)
        reference = np.where(reference > 0, reference, 1.0)
        color = np.array(
            [_median(flux[known[:, b], b] / reference[known[:, b]]) for b in range(flux.shape[1])]
        )
        color = np.maximum(color, 1e-3 * color.max(initial=1e-3))
        weight = self._quadratic * color**2
        with np.errstate(invalid="ignore", divide="ignore"):
            brightness = np.sum(self._linear * color, axis=1) / weight.sum(axis=1)
        brightness = np.maximum(np.nan_to_num(brightness), 1e-3)
        from scipy.interpolate import CubicSpline

        log_scale = np.linspace(*np.log(ERROR_SCALES), N_SCALES)
        model = brightness[:, None] * color
        density = []
        for scale in np.exp(log_scale):
            err = np.where(known, scale * np.nan_to_num(self.sample.err, nan=1.0), 1.0)
            variance = err**2 + (CONTAMINANT_SCATTER * model) ** 2
            squares = np.where(known, (flux - model) ** 2 / variance, 0.0).sum(axis=1)
            norm = np.where(known, color**2 / variance, 0.0).sum(axis=1)
            log_det = np.where(known, np.log(2 * np.pi * variance), 0.0).sum(axis=1)
            log_width = 0.5 * np.log(2 * np.pi) - 0.5 * np.log(norm * brightness**2 + 1.0)
            density.append(-0.5 * squares - 0.5 * log_det + log_width)
        return CubicSpline(log_scale, np.array(density)), np.log(brightness)

    def __call__(self, log_p, shift, log_scale, contaminants, slope=0.0, *, details=False):
        """Terms at a point.

        Parameters
        ----------
        log_p : (n_nodes,) float ndarray
            Log probability of each node.
        shift : (n_bands,) float ndarray
            Fractional shift of the fluxes of each band that all sources share.
        log_scale : float
            Log of the factor on all random errors.
        contaminants : float
            Fraction of sources that are no clusters although their p_cluster says so.
        slope : float
            Numbers per log mass go as mass to minus this power; used with a selection.
        details : bool, optional
            Whether masses are wanted too.

        Returns
        -------
        terms : `Terms`
        """
        flux = self.nodes.flux * (1.0 + shift)[:, None]
        n, inverse = len(self.sample), np.exp(-2.0 * log_scale)
        listed = None if self.selection is None else self.selection.listed(log_p, shift, slope)
        log_cluster = self._constant - self._n_bands * log_scale - 0.5 * inverse * self._data
        log_other = self._contaminants(log_scale) - slope * self._log_brightness
        if listed is not None:
            log_cluster -= listed.log_clusters
            log_other -= listed.log_others
        weight = self.sample.p_cluster * (1.0 - contaminants)
        with np.errstate(divide="ignore"):
            log_cluster += np.log(weight)
            log_other += np.log1p(-weight)
        out = _Sums(n, flux, with_mass=bool(slope) or details)
        for start in range(0, n, BATCH):
            rows = slice(start, start + BATCH)
            self._batch(rows, log_p, flux, inverse, slope, log_cluster[rows], log_other[rows], out)
        as_cluster, as_other = out.as_cluster, 1.0 - out.as_cluster
        by_log_scale = np.sum(
            as_cluster * (inverse * self._data - self._n_bands) + as_other * self._contaminants(log_scale, 1)
        )
        by_log_scale -= out.squares
        by_weight = as_cluster / np.maximum(weight, LEAST_FLUX) - as_other / np.maximum(
            1.0 - weight, LEAST_FLUX
        )
        by_shift, by_node = np.sum(out.by_flux * self.nodes.flux, axis=1), out.by_node
        by_slope = -np.sum(out.log_mass + as_other * self._log_brightness)
        if listed is not None:
            by_node -= as_cluster.sum() * listed.by_node
            by_shift -= as_cluster.sum() * listed.by_shift
            by_slope -= as_cluster.sum() * listed.by_slope + as_other.sum() * listed.others_by_slope
        known = as_cluster > LEAST_PROBABILITY
        log_mass = np.where(known, out.log_mass / np.where(known, as_cluster, 1.0), np.nan) / np.log(10)
        return Terms(
            log_likelihood=out.log_likelihood,
            by_node=by_node,
            by_shift=by_shift,
            by_log_scale=float(by_log_scale),
            by_contaminants=-float(self.sample.p_cluster @ by_weight),
            by_slope=float(by_slope),
            log_mass=log_mass,
            as_cluster=as_cluster,
        )

    def _batch(self, rows, log_p, flux, inverse, slope, log_cluster, log_other, out):
        """Add some sources to the sums; ``log_cluster`` is without what depends on the node."""
        linear, quadratic = self._linear[rows], self._quadratic[rows]
        cross = linear @ flux
        norm = quadratic @ flux**2
        # best mass at each node, never negative, and its squared significance
        np.maximum(cross, LEAST_FLUX, out=cross)
        mass = np.divide(cross, norm, out=norm)
        square = np.multiply(cross, mass, out=cross)
        square *= inverse
        # single precision from here on but for large numbers: logarithms are several times faster
        single, mass = square.astype(np.float32), mass.astype(np.float32)
        damped = 1.0 / (single + np.float32(1.0))
        log_l = np.log(damped)
        if slope or out.with_mass:
            logs = np.log(mass)
            log_l -= np.float32(2.0 * slope) * logs
        square += log_l
        square *= 0.5
        square += log_p
        top = square.max(axis=1, keepdims=True)
        square -= top
        share = np.exp(square.astype(np.float32))
        total = share.sum(axis=1, dtype=float)
        log_cluster = log_cluster + np.log(total) + top[:, 0]
        log_sum = np.logaddexp(log_cluster, log_other)
        as_cluster = np.exp(log_cluster - log_sum)
        out.log_likelihood[rows], out.as_cluster[rows] = log_sum, as_cluster
        share *= (as_cluster / total)[:, None].astype(np.float32)
        out.by_node += share.sum(axis=0)
        if out.with_mass:
            out.log_mass[rows] = np.einsum("ij,ij->i", share, logs)
        # derivative by the squared significance, and from it by shifts and by the scale of the errors
        by_square = np.subtract(np.float32(1.0), damped, out=damped)
        by_square *= share
        single *= by_square
        out.squares += single.sum(dtype=float)
        linear, quadratic = (one[rows].T for one in self._single)
        by_square *= mass
        out.by_flux += inverse * (linear @ by_square)
        by_square *= mass
        out.by_flux -= inverse * (quadratic @ by_square) * flux
        if slope:
            share /= (self._quadratic[rows] @ flux**2).astype(np.float32)
            out.by_flux += 2.0 * slope * (quadratic @ share) * flux
            share /= mass
            out.by_flux -= slope * (linear @ share)


class _Sums:
    """Sums over sources, filled batch by batch."""

    def __init__(self, n, flux, *, with_mass):
        self.log_likelihood, self.as_cluster, self.log_mass = np.empty(n), np.empty(n), np.zeros(n)
        self.by_node, self.by_flux, self.squares = np.zeros(flux.shape[1]), np.zeros(flux.shape), 0.0
        self.with_mass = with_mass


def _median(values):
    return np.median(values) if len(values) else 0.0
