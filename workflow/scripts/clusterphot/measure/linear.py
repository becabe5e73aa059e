"""Weighted linear least squares for many small images at once, exactly, by normal equations.

Each image has columns of its own (PSF images, derivatives) and polynomials of the sky shared by all. Images
nJy/pixel, weights 1/(nJy/pixel)^2. All products are taken image by image, so that none depends on its
batch.
"""

from dataclasses import dataclass

import numpy as np

SKY_DEGREE = {"constant": 0, "plane": 1, "quadratic": 2}
"""Total degree of the polynomials of each kind of local sky."""

RIDGE = 1e-12
"""Added to the unit diagonal of the scaled normal matrix, so that a singular one has an answer: a thousand times the
rounding error, and without effect on an error that means something."""

SKY_PAIRS = ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))
"""Degrees of the Legendre polynomials of each sky term, along y and along x."""


class SkyTerms:
    """Polynomials of the local sky on square cutouts: products of Legendre polynomials along y and x.

    Parameters
    ----------
    sky : {'constant', 'plane', 'quadratic'}
    size_px : int
        Side m of the cutouts, which reaches from -1 to 1 in each axis.

    Attributes
    ----------
    images : (k, m * m) float ndarray
        The terms of total degree 0, 1 or 2 (k = 1, 3, 6).

    Raises
    ------
    ValueError
        If there is no such sky.

    Notes
    -----
    Sums over pixels are taken along one axis, then along the other, which costs a tenth of products with the
    images.
    """

    def __init__(self, sky, size_px):
        if sky not in SKY_DEGREE:
            raise ValueError(f"sky is {sky!r}, expected one of {', '.join(SKY_DEGREE)}")
        degree = SKY_DEGREE[sky]
        self._size = size_px
        # Legendre polynomials along one axis, up to the degree of the terms, and up to that of their products
        u = np.linspace(-1.0, 1.0, size_px)
        basis = np.polynomial.legendre.legvander(u, 2 * degree)
        pairs = np.array([pair for pair in SKY_PAIRS if sum(pair) <= degree])
        self._along_y, self._along_x = pairs.T
        self._basis, self._products = basis[:, : degree + 1].T.copy(), basis.T.copy()
        self._to_gram = _gram_of_moments(pairs, degree)
        self.images = (self._basis[pairs[:, 0], :, None] * self._basis[pairs[:, 1], None, :]).reshape(
            len(pairs), -1
        )

    def __len__(self):
        return len(self._along_y)

    def sums(self, maps):
        """Sums over the pixels of maps (..., m * m) times each term, (..., k)."""
        if len(self) == 1:
            return maps.sum(axis=-1, keepdims=True)
        moments = self._moments(maps, self._basis)
        return moments[:, self._along_y, self._along_x].reshape(*maps.shape[:-1], len(self))

    def sums_of_products(self, columns, rows):
        """The same sums (k_y, k_x, k) of images that are products of columns (k_y, m, r) and rows (k_x, m, r)."""
        along_y, along_x = self._basis @ columns, self._basis @ rows
        return np.einsum("ykr,xkr->yxk", along_y[:, self._along_y], along_x[:, self._along_x])

    def gram(self, weights):
        """Weighted sums of the products of all pairs of terms, (n, k, k) for weights (n, m * m)."""
        moments = self._moments(weights, self._products).reshape(len(weights), 1, -1)
        return (moments @ self._to_gram).reshape(len(weights), len(self), len(self))

    def surface(self, coefficients):
        """Sky of coefficients (..., k), (..., m * m); (..., 1) where it is constant."""
        if len(self) == 1:
            return coefficients
        degree = len(self._basis)
        square = np.zeros((*coefficients.shape[:-1], degree, degree))
        square[..., self._along_y, self._along_x] = coefficients
        surface = (self._basis.T @ square) @ self._basis
        return surface.reshape(*coefficients.shape[:-1], -1)

    def _moments(self, maps, basis):
        """Sums over the pixels of maps times products of basis vectors along y and along x."""
        return (basis @ maps.reshape(-1, self._size, self._size)) @ basis.T


def _gram_of_moments(pairs, degree):
    """Matrix (r * r, k * k) from moments of Legendre polynomials to those of products of two terms, r = 2 degree + 1.

    A product of two Legendre polynomials is a sum of Legendre polynomials, so the Gram matrix of the terms follows
    from r * r moments of the weights, without an image of any product.
    """
    legendre, unit = np.polynomial.legendre, np.eye(degree + 1)
    size = 2 * degree + 1
    products = np.zeros((degree + 1, degree + 1, size))
    for i in range(degree + 1):
        for j in range(degree + 1):
            product = legendre.legmul(unit[i], unit[j])
            products[i, j, : len(product)] = product
    y, x = pairs.T
    along_y, along_x = products[y[:, None], y], products[x[:, None], x]
    return np.einsum("abs,abt->stab", along_y, along_x).reshape(size**2, -1)


def sky_values(sky, v, u):
    """Sky polynomials at points (v along y, u along x) in units of the cutout's half side, shape (k, n)."""
    # Legendre polynomials P0 = 1, P1 = u, P2 = (3 u^2 - 1) / 2 in the order of `SKY_PAIRS`
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
    terms : SkyTerms
    data, weights : (n, p) float ndarray
    """
    n, q, _ = columns.shape
    size = q + len(terms)
    weighted_data = weights * data
    own, sky = slice(q), slice(q, size)
    matrix, vector = np.empty((n, size, size)), np.empty((n, size))
    matrix[:, own, own] = weighted @ columns.transpose(0, 2, 1)
    matrix[:, own, sky] = terms.sums(weighted)
    matrix[:, sky, own] = matrix[:, own, sky].transpose(0, 2, 1)
    matrix[:, sky, sky] = terms.gram(weights)
    vector[:, own] = (weighted @ data[:, :, None])[:, :, 0]
    vector[:, sky] = terms.sums(weighted_data)
    data_square = (weighted_data[:, None, :] @ data[:, :, None])[:, 0, 0]
    return NormalEquations(matrix, vector, data_square)


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
    # to unit diagonal: fluxes, shifts and sky differ by orders of magnitude, and the ridge is one number for all
    diagonal = np.diagonal(matrix, axis1=1, axis2=2)
    empty = diagonal <= 0
    scale = np.where(empty, 0.0, 1.0 / np.sqrt(np.where(empty, 1.0, diagonal)))
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    index = np.arange(matrix.shape[1])
    scaled[:, index, index] = 1.0 + RIDGE
    inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    return (inverse @ vector[:, :, None])[:, :, 0], inverse
