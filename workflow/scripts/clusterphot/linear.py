"""Weighted linear least squares for many small images at once, exactly, by normal equations.

Each image has columns of its own (PSF images, derivatives) and polynomials of the sky shared by all. Images
nJy/pixel, weights 1/(nJy/pixel)^2. All products are taken image by image, so that none depends on its
batch.
"""

from dataclasses import dataclass

import numpy as np

SKY_DEGREE = {"constant": 0, "plane": 1, "quadratic": 2}

RIDGE = 1e-12
"""Added to the unit diagonal of the scaled normal matrix, so that a singular one has an answer."""


def sky_terms(sky, size_px):
    """Polynomials of the local sky on a cutout.

    Parameters
    ----------
    sky : {'constant', 'plane', 'quadratic'}
    size_px : int
        Side m of the cutout.

    Returns
    -------
    terms : (k, m * m) float ndarray
        Legendre polynomials of total degree 0, 1 or 2 (k = 1, 3, 6) on [-1, 1] squared.
    """
    if sky not in SKY_DEGREE:
        raise ValueError(f"sky is {sky!r}, expected one of {', '.join(SKY_DEGREE)}")
    u = np.linspace(-1.0, 1.0, size_px)
    return sky_values(sky, *(grid.ravel() for grid in np.meshgrid(u, u, indexing="ij")))


def sky_values(sky, v, u):
    """Sky polynomials at points (v along y, u along x) in units of the cutout's half side, shape (k, n)."""
    terms = [np.ones_like(u), u, v, 1.5 * u * u - 0.5, u * v, 1.5 * v * v - 0.5]
    degree = SKY_DEGREE[sky]
    return np.stack(terms[: (degree + 1) * (degree + 2) // 2])


@dataclass(frozen=True)
class NormalEquations:
    """Products that define the fits of n images with q own columns and k shared sky terms.

    Attributes
    ----------
    matrix : (n, q + k, q + k) float ndarray
    vector : (n, q + k) float ndarray
    data_square : (n,) float ndarray
        Weighted sum of squares of the data.
    """

    matrix: np.ndarray
    vector: np.ndarray
    data_square: np.ndarray

    def subset(self, columns):
        """Equations with some of the parameters only."""
        return NormalEquations(
            self.matrix[:, columns][:, :, columns], self.vector[:, columns], self.data_square
        )

    def scaled(self, factors):
        """Equations with each column multiplied by a factor, (n, q + k)."""
        return NormalEquations(
            self.matrix * factors[:, :, None] * factors[:, None, :], self.vector * factors, self.data_square
        )


def normal_equations(columns, weighted, terms, data, weights):
    """Normal equations of a block of images.

    Parameters
    ----------
    columns, weighted : (n, q, p) float ndarray
        Own columns, and the same times the weights.
    terms : (k, p) float ndarray
        Sky polynomials.
    data, weights : (n, p) float ndarray
    """
    n, q, _ = columns.shape
    k = len(terms)
    weighted_data = weights * data
    matrix = np.empty((n, q + k, q + k))
    matrix[:, :q, :q] = weighted @ columns.transpose(0, 2, 1)
    matrix[:, :q, q:] = weighted @ terms.T
    matrix[:, q:, :q] = matrix[:, :q, q:].transpose(0, 2, 1)
    upper = np.triu_indices(k)
    products = (terms[upper[0]] * terms[upper[1]]).T
    sky = (weights[:, None, :] @ products)[:, 0]
    matrix[:, q + upper[0], q + upper[1]] = sky
    matrix[:, q + upper[1], q + upper[0]] = sky
    vector = np.empty((n, q + k))
    vector[:, :q] = (weighted @ data[:, :, None])[:, :, 0]
    vector[:, q:] = (weighted_data[:, None, :] @ terms.T)[:, 0]
    return NormalEquations(matrix, vector, (weighted_data * data).sum(axis=-1))


def solve(equations, *, precision=None, prior=None):
    """Solutions and inverse matrices of a block of normal equations.

    Parameters
    ----------
    equations : NormalEquations
    precision, prior : (n, q + k) float ndarray, optional
        Gaussian prior of each parameter: inverse variance and mean.

    Returns
    -------
    solution : (n, q + k) float ndarray
    inverse : (n, q + k, q + k) float ndarray
        The covariance for white noise of variance 1 / weights, and a true prior.

    Notes
    -----
    Matrices are scaled to unit diagonal first. A column without weight gets the solution 0.
    """
    matrix, vector = equations.matrix, equations.vector
    if precision is not None:
        matrix = matrix + precision[:, :, None] * np.eye(matrix.shape[1])
        vector = vector if prior is None else vector + precision * prior
    diagonal = np.diagonal(matrix, axis1=1, axis2=2)
    empty = diagonal <= 0
    scale = np.where(empty, 0.0, 1.0 / np.sqrt(np.where(empty, 1.0, diagonal)))
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    index = np.arange(matrix.shape[1])
    scaled[:, index, index] = 1.0 + RIDGE
    inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    return (inverse @ vector[:, :, None])[:, :, 0], inverse
