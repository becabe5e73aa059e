"""Variance of linear estimators on correlated pixels: sqrt(h^T C h) with h the weight of each pixel.

Only products with the covariance are needed, never its inverse, so an ill-conditioned correlation does no
harm. Covariance C_ij = s_i s_j rho(i - j), with s the true sigma of single pixels in nJy/pixel.
"""

import numpy as np
from scipy import ndimage

from clusterphot.measure.linear import NormalEquations, solve


class NoiseOperator:
    """Quadratic forms with a stationary pixel correlation on square cutouts.

    Parameters
    ----------
    correlation : (2k+1, 2k+1) float ndarray
        Autocorrelation at integer lags, symmetric through the centre, where it is 1.
    size_px : int
        Side m of the cutouts.

    Raises
    ------
    ValueError
        If the correlation is not a square of odd side.

    Notes
    -----
    With the cutout padded by the largest lag the form is a sum over spatial frequencies, |G|^2 S, with S
    the power spectrum of the correlation (Wiener-Khinchin). A measured correlation can have slightly
    negative powers, which no noise has: they are set to zero. The transform is written as products with a
    small matrix of cosines and sines of the frequencies that are not negative, one source at a time, so that
    a result never depends on the sources computed with it.
    """

    def __init__(self, correlation, size_px):
        correlation = np.asarray(correlation, dtype=float)
        lag = correlation.shape[0] // 2
        if correlation.shape != (2 * lag + 1, 2 * lag + 1):
            raise ValueError(f"correlation has shape {correlation.shape}, expected a square of odd side")
        # padded by the largest lag, so that the periodic transform does not wrap; even, for the highest frequency
        length = size_px + lag + (size_px + lag) % 2
        self.size_px = size_px
        self._half = half = length // 2 + 1
        frequency = 2 * np.pi * np.arange(half) / length
        phase = np.outer(np.arange(size_px), frequency)
        self._waves = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
        # power spectrum at (fy, fx) and at (-fy, fx): waves along the two diagonals
        along = np.exp(-1j * np.outer(frequency, np.arange(-lag, lag + 1)))
        rising, falling = ((y @ correlation @ along.T).real for y in (along, along.conj()))
        # how often each stands for frequencies that are left out, being complex conjugates: those of negative fx,
        # but not at 0 and the highest; at fy = 0 and the highest the two diagonals are the same
        count = np.full((2, half, half), 2.0)
        count[:, :, [0, -1]] = 1.0
        count[1, [0, -1]] = 0.0
        self._root_power = np.sqrt(np.maximum([rising, falling], 0.0) * count) / length

    def transform(self, maps):
        """Spectra whose inner products are the quadratic forms.

        Parameters
        ----------
        maps : (n, m, m) float ndarray
            Estimator weights times the sigma of each pixel.

        Returns
        -------
        spectra : (n, q) float ndarray
            ``sum(spectra[i] * spectra[j])`` is ``maps[i]^T rho maps[j]``.
        """
        half, (rising, falling) = self._half, self._root_power
        waves = self._waves.T @ (maps @ self._waves)
        # real and imaginary part of the transform at (fy, fx): products of cosines and sines along y and x, then at
        # (-fy, fx)
        cos_cos, cos_sin = waves[:, :half, :half], waves[:, :half, half:]
        sin_cos, sin_sin = waves[:, half:, :half], waves[:, half:, half:]
        spectra = np.empty((len(maps), 4, half, half))
        for k, (combine, one, other, root) in enumerate(
            (
                (np.subtract, cos_cos, sin_sin, rising),
                (np.add, cos_sin, sin_cos, rising),
                (np.add, cos_cos, sin_sin, falling),
                (np.subtract, cos_sin, sin_cos, falling),
            )
        ):
            combine(one, other, out=spectra[:, k])
            spectra[:, k] *= root
        return spectra.reshape(len(maps), -1)

    def variance(self, maps):
        """Variance ``maps^T rho maps`` of each map, shape (n,)."""
        spectra = self.transform(maps)
        return (spectra[:, None, :] @ spectra[:, :, None])[:, 0, 0]


class PositionLoss:
    """Flux lost by a source that is measured off its true position.

    Parameters
    ----------
    renderer : `clusterphot.measure.rendering.PsfRenderer`
    terms : `clusterphot.measure.linear.SkyTerms`
        Fitted with the flux.

    Notes
    -----
    A fit at a position off by d returns the fraction f(d) = P(d)^T P / P(d)^T P(d) of the flux, where P is
    the PSF less its projection on the sky terms. With d normal of covariance V the fluxes are low by the
    mean of f and gain its scatter as an error. The means are Gauss-Hermite sums over 5 x 5 nodes.
    """

    REACH_PX, STEP_PX = 4.0, 1.0
    """Shifts tabulated, beyond which the fraction is taken to stay, and their step: a cubic spline of it is smooth
    enough, since PSFs are sampled. A fitted position is confined to 2 px (``max_shift_px``)."""

    NODES = 5
    """Gauss-Hermite nodes in each axis: exact for a fraction that is a polynomial of degree 9 in the shift."""

    def __init__(self, renderer, terms):
        # normal equations of unit PSF and sky terms, for data that are the PSF at the true position ``here``
        axis = np.arange(-self.REACH_PX, self.REACH_PX + self.STEP_PX / 2, self.STEP_PX)
        middle, here = renderer.size_px // 2, len(axis) // 2
        columns, rows = renderer.vectors(middle + axis, middle + axis)
        sky = terms.sums_of_products(columns, rows)
        size = 1 + len(terms)
        matrix, vector = np.empty((len(axis), len(axis), size, size)), np.empty((len(axis), len(axis), size))
        matrix[..., 0, 0] = _products(columns, columns, rows, rows)
        matrix[..., 0, 1:] = matrix[..., 1:, 0] = sky
        matrix[..., 1:, 1:] = terms.gram(np.ones((1, renderer.size_px**2)))
        vector[..., 0] = _products(columns, columns[here], rows, rows[here])
        vector[..., 1:] = sky[here, here]
        flat = NormalEquations(
            matrix.reshape(-1, size, size), vector.reshape(-1, size), np.zeros(len(axis) ** 2)
        )
        fraction = solve(flat)[0][:, 0].reshape(len(axis), len(axis))
        self._spline = ndimage.spline_filter(fraction, order=3)
        nodes, weights = np.polynomial.hermite_e.hermegauss(self.NODES)
        self._node_x, self._node_y = (grid.ravel() for grid in np.meshgrid(nodes, nodes))
        self._weights = np.outer(weights, weights).ravel() / weights.sum() ** 2

    def moments(self, variance_x, variance_y, covariance):
        """Mean and variance of the measured fraction of the flux.

        Parameters
        ----------
        variance_x, variance_y, covariance : (n,) float ndarray, pixels squared

        Returns
        -------
        mean, variance : (n,) float ndarray
        """
        # shifts of the nodes: x along its own sigma, y along its regression on x and what is left (Cholesky)
        sigma_x = np.sqrt(np.maximum(variance_x, 0.0))[:, None]
        slope = covariance[:, None] / np.maximum(sigma_x, 1e-12)
        sigma_y = np.sqrt(np.maximum(variance_y[:, None] - slope**2, 0.0))
        dx = sigma_x * self._node_x
        dy = slope * self._node_x + sigma_y * self._node_y
        where = [np.clip(d, -self.REACH_PX, self.REACH_PX) + self.REACH_PX for d in (dy, dx)]
        fraction = ndimage.map_coordinates(
            self._spline, np.array(where) / self.STEP_PX, order=3, prefilter=False
        )
        mean = (self._weights * fraction).sum(axis=1)
        variance = (self._weights * fraction**2).sum(axis=1) - mean**2
        return mean, np.maximum(variance, 0.0)


def _products(columns, other_columns, rows, other_rows):
    """Sums over pixels of products of images, [y, x], from the vectors (n, m, r) that the images are made of."""
    along_y, along_x = (
        (one.transpose(0, 2, 1) @ other).reshape(len(one), -1)
        for one, other in ((columns, other_columns), (rows, other_rows))
    )
    return along_y @ along_x.T
