"""Stamps, shifts, radii and sky polynomials, against what they are on paper."""

import numpy as np
import pytest
from clusterphot.base.images import crop, elliptical_radius, fourier_shift, polynomial_terms, radius_grid


def gaussian(dx, dy):
    axis = np.arange(-20, 21)
    return np.exp(-0.125 * ((axis[None, :] - dx) ** 2 + (axis[:, None] - dy) ** 2))


def test_gradients_of_a_shift_are_those_of_the_image():
    """Of a Gaussian of variance 4: moved by (dx, dy) it falls by (x - dx) / 4 times itself along x."""
    moved, along_x, along_y = fourier_shift(gaussian(0, 0), 0.4, -0.3, gradients=True)
    axis = np.arange(-20, 21)
    np.testing.assert_allclose(moved, gaussian(0.4, -0.3), atol=1e-8)
    np.testing.assert_allclose(along_x, -(axis[None, :] - 0.4) / 4 * moved, atol=1e-8)
    np.testing.assert_allclose(along_y, -(axis[:, None] + 0.3) / 4 * moved, atol=1e-8)


def test_shift_of_a_smooth_image_is_exact():
    np.testing.assert_allclose(fourier_shift(gaussian(0, 0), 0.4, -0.3), gaussian(0.4, -0.3), atol=1e-6)
    with pytest.raises(ValueError, match="odd"):
        fourier_shift(np.zeros((4, 4)), 0.1, 0.0)


def test_crop_is_a_view_of_the_middle():
    image = np.zeros((9, 9))
    crop(image, 1)[...] = 1.0
    assert image.sum() == 9
    assert image[4, 4] == 1
    with pytest.raises(ValueError, match="half_px: 5, expected at most 4"):
        crop(image, 5)


def test_radius_of_an_ellipse():
    """Axis ratio 0.5 at 30 deg: the point at distance 1 along the minor axis is on the ellipse of semi-major axis 2."""
    angle = np.radians(30.0)
    shape = {"axis_ratio": 0.5, "pa_deg": 30.0}
    assert elliptical_radius(np.cos(angle), np.sin(angle), **shape) == pytest.approx(1.0)
    assert elliptical_radius(-np.sin(angle), np.cos(angle), **shape) == pytest.approx(2.0)
    assert radius_grid(3)[0, 3] == 3.0


def test_polynomials_are_in_order():
    terms = polynomial_terms(2, 2)
    x = np.tile(np.linspace(-1, 1, 5), (5, 1))
    np.testing.assert_allclose(terms, [np.ones((5, 5)), x, x.T, x**2, x * x.T, x.T**2])
    assert polynomial_terms(2, -1).shape == (0, 5, 5)
