"""Variance of linear estimators on correlated pixels: sqrt(h^T C h) with h the weight of each pixel.

Only products with the covariance are needed, never its inverse, so an ill-conditioned correlation does no
harm. Covariance C_ij = s_i s_j rho(i - j), with s the true sigma of single pixels in nJy/pixel.
"""

import numpy as np
from scipy import ndimage

from clusterphot.linear import normal_equations, solve


class NoiseOperator:
    """Quadratic forms with a stationary pixel correlation on square cutouts.

    Parameters
    ----------
    correlation : (2k+1, 2k+1) float ndarray
        Autocorrelation at integer lags, symmetric through the centre, where it is 1.
    size_px : int
        Side m of the cutouts.

    Notes
    -----
    With the cutout padded by the largest lag the form is a sum over spatial frequencies, |G|^2 S, with S
    the power spectrum of the correlation (Wiener-Khinchin). A measured correlation can have slightly
    negative powers, which no noise has: they are set to zero. The transform is written as products with
    small cosine and sine matrices, one source at a time, so that a result never depends on the sources
    computed with it.
    """

    def __init__(self, correlation, size_px):
        correlation = np.asarray(correlation, dtype=float)
        lag = correlation.shape[0] // 2
        if correlation.shape != (2 * lag + 1, 2 * lag + 1):
            raise ValueError(f"correlation has shape {correlation.shape}, expected a square of odd side")
        length = size_px + lag + (size_px + lag) % 2
        self.size_px = size_px
        half = length // 2 + 1
        lags = np.arange(-lag, lag + 1)
        frequency = 2 * np.pi * np.arange(length) / length
        along_y = np.exp(-1j * np.outer(frequency, lags))
        along_x = np.exp(-1j * np.outer(frequency[:half], lags))
        power = np.maximum((along_y @ correlation @ along_x.T).real, 0.0)
        both = np.full(half, 2.0)
        both[0] = both[-1] = 1.0
        pixels = np.arange(size_px)
        phase_x = np.outer(pixels, frequency[:half])
        phase_y = np.outer(frequency, pixels)
        self._x_waves = np.concatenate([np.cos(phase_x), np.sin(phase_x)], axis=1)
        self._y_waves = np.concatenate([np.cos(phase_y), np.sin(phase_y)], axis=0)
        self._half, self._length = half, length
        self._root_power = np.sqrt(power * both / length**2)

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
        half, length = self._half, self._length
        waves = self._y_waves @ (maps @ self._x_waves)
        cos_cos, cos_sin = waves[:, :length, :half], waves[:, :length, half:]
        sin_cos, sin_sin = waves[:, length:, :half], waves[:, length:, half:]
        spectra = np.stack(
            [(cos_cos - sin_sin) * self._root_power, (cos_sin + sin_cos) * self._root_power], axis=1
        )
        return spectra.reshape(len(maps), -1)

    def variance(self, maps):
        """Variance ``maps^T rho maps`` of each map, shape (n,)."""
        return np.square(self.transform(maps)).sum(axis=-1)


class PositionLoss:
    """Flux lost by a source that is measured off its true position.

    Parameters
    ----------
    renderer : `clusterphot.rendering.PsfRenderer`
    terms : (k, m * m) float ndarray
        Sky polynomials fitted with the flux.

    Notes
    -----
    A fit at a position off by d returns the fraction f(d) = P(d)^T P / P(d)^T P(d) of the flux, where P is
    the PSF less its projection on the sky terms. With d normal of covariance V the fluxes are low by the
    mean of f and gain its scatter as an error. The means are Gauss-Hermite sums over 5 x 5 nodes.
    """

    REACH_PX, STEP_PX = 4.0, 1.0

    def __init__(self, renderer, terms):
        axis = np.arange(-self.REACH_PX, self.REACH_PX + self.STEP_PX / 2, self.STEP_PX)
        dy, dx = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
        middle = renderer.size_px // 2
        truth = renderer.render(np.array([middle]), np.array([middle])).reshape(1, -1)
        shifted = renderer.render(middle + dx, middle + dy).reshape(len(dx), 1, -1)
        data, weights = np.repeat(truth, len(dx), axis=0), np.ones((len(dx), truth.size))
        solution, _ = solve(normal_equations(shifted, shifted, terms, data, weights))
        fraction = solution[:, 0]
        self._spline = ndimage.spline_filter(fraction.reshape(len(axis), len(axis)), order=3)
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
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
