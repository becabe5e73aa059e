"""Sky terms, normal equations and quadratic forms of the fits against sums written out."""

import numpy as np
import pytest
from clusterphot.measure.flux_errors import NoiseOperator, PositionLoss
from clusterphot.measure.linear import SKY_DEGREE, SkyTerms, normal_equations, sky_values, solve
from clusterphot.measure.rendering import PsfRenderer
from gaussian_cutouts import gaussian

SIZE_PX = 11


@pytest.mark.parametrize("sky", SKY_DEGREE)
def test_sums_over_pixels_are_those_with_the_images(sky):
    """One axis after the other, or all pixels at once: the same to rounding."""
    rng = np.random.default_rng(1)
    terms = SkyTerms(sky, SIZE_PX)
    y, x = (grid.ravel() for grid in np.mgrid[-1 : 1 : SIZE_PX * 1j, -1 : 1 : SIZE_PX * 1j])
    np.testing.assert_allclose(terms.images, sky_values(sky, y, x), atol=1e-14)
    assert len(terms) == len(terms.images)
    maps, weights = rng.normal(size=(3, 2, SIZE_PX**2)), rng.uniform(size=(4, SIZE_PX**2))
    np.testing.assert_allclose(terms.sums(maps), maps @ terms.images.T, atol=1e-12)
    gram = np.einsum("ap,np,bp->nab", terms.images, weights, terms.images)
    np.testing.assert_allclose(terms.gram(weights), gram, atol=1e-12)
    coefficients = rng.normal(size=(3, 2, len(terms)))
    surface = np.broadcast_to(terms.surface(coefficients), maps.shape)
    np.testing.assert_allclose(surface, coefficients @ terms.images, atol=1e-13)
    columns, rows = rng.normal(size=(3, SIZE_PX, 4)), rng.normal(size=(2, SIZE_PX, 4))
    images = np.einsum("yir,xjr->yxij", columns, rows).reshape(3, 2, -1)
    np.testing.assert_allclose(terms.sums_of_products(columns, rows), images @ terms.images.T, atol=1e-12)


def test_unknown_sky():
    with pytest.raises(ValueError, match="sky is 'cubic', expected one of constant, plane, quadratic"):
        SkyTerms("cubic", SIZE_PX)


@pytest.mark.parametrize("sky", SKY_DEGREE)
def test_the_solution_is_that_of_least_squares(sky):
    """Weighted, with some pixels without weight."""
    rng = np.random.default_rng(2)
    terms = SkyTerms(sky, SIZE_PX)
    columns, data = rng.normal(size=(3, 2, SIZE_PX**2)), rng.normal(size=(3, SIZE_PX**2))
    weights = rng.uniform(size=data.shape) * (rng.uniform(size=data.shape) > 0.1)
    equations = normal_equations(columns, columns * weights[:, None], terms, data, weights)
    found, inverse = solve(equations)
    for k in range(3):
        matrix = np.concatenate([columns[k], terms.images]).T
        root = np.sqrt(weights[k])
        expected = np.linalg.lstsq(matrix * root[:, None], data[k] * root)[0]
        np.testing.assert_allclose(found[k], expected, atol=1e-9)
        covariance = np.linalg.inv((matrix * weights[k][:, None]).T @ matrix)
        np.testing.assert_allclose(inverse[k], covariance, atol=1e-9)
        assert equations.data_square[k] == pytest.approx((weights[k] * data[k] ** 2).sum())


@pytest.mark.parametrize("size_px", [SIZE_PX, SIZE_PX + 1])
def test_variance_with_correlated_pixels(size_px):
    """The double sum over all pairs of pixels; a correlation that is not the same along y, x and the diagonals."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[-3:4, -3:4]
    correlation = np.exp(-(x**2 + 0.5 * y**2 + 0.4 * x * y))
    maps = rng.normal(size=(3, size_px, size_px))
    py, px = (grid.ravel() for grid in np.mgrid[:size_px, :size_px])
    dy, dx = py[:, None] - py, px[:, None] - px
    near = (np.abs(dy) <= 3) & (np.abs(dx) <= 3)
    covariance = np.where(near, correlation[np.where(near, dy, 0) + 3, np.where(near, dx, 0) + 3], 0.0)
    flat = maps.reshape(3, -1)
    operator = NoiseOperator(correlation, size_px)
    expected = np.einsum("np,pq,nq->n", flat, covariance, flat)
    np.testing.assert_allclose(
        operator.variance(maps), expected, rtol=1e-3
    )  # slightly negative powers are set to zero
    spectra = operator.transform(maps)
    assert spectra[0] @ spectra[1] == pytest.approx(flat[0] @ covariance @ flat[1], abs=0.01 * expected[0])
    white = NoiseOperator(np.pad([[1.0]], 2), size_px)
    np.testing.assert_allclose(white.variance(maps), np.square(flat).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("sky", SKY_DEGREE)
def test_flux_lost_by_an_erring_position(sky):
    """Nothing at no error; else the mean over many fits at positions off by normal errors, to 0.1 %."""
    size_px = 21
    renderer, terms = PsfRenderer(gaussian(41, 20, 20, 1.5), size_px), SkyTerms(sky, size_px)
    loss = PositionLoss(renderer, terms)
    mean, variance = loss.moments(*np.zeros((3, 1)))
    assert mean[0] == pytest.approx(1.0, abs=1e-9)
    assert variance[0] == pytest.approx(0.0, abs=1e-9)
    rng = np.random.default_rng(4)
    covariance = np.array([[0.25, 0.05], [0.05, 0.16]])
    dx, dy = rng.multivariate_normal([0, 0], covariance, size=4000).T
    images = renderer.render(10 + dx, 10 + dy).reshape(len(dx), 1, -1)
    data = np.repeat(renderer.render(np.array([10]), np.array([10])).reshape(1, -1), len(dx), axis=0)
    flux = solve(normal_equations(images, images, terms, data, np.ones_like(data)))[0][:, 0]
    mean, variance = loss.moments(np.array([0.25]), np.array([0.16]), np.array([0.05]))
    assert mean[0] == pytest.approx(flux.mean(), abs=4 * flux.std() / np.sqrt(len(flux)) + 1e-3)
    assert variance[0] == pytest.approx(flux.var(), rel=0.2)
