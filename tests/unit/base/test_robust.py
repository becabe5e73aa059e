"""Robust sigma against the quartiles that define it."""

import numpy as np
import pytest
from clusterphot.base.robust import MAD_TO_SIGMA, MEDIAN_ERROR, PRINTED_MAD_TO_SIGMA, mad_sigma
from scipy.special import ndtri


def test_factors():
    assert pytest.approx(1 / ndtri(0.75), rel=1e-15) == MAD_TO_SIGMA
    assert round(MAD_TO_SIGMA, 4) == PRINTED_MAD_TO_SIGMA
    assert round(np.sqrt(np.pi / 2), 4) == MEDIAN_ERROR


def test_sigma_of_gaussian_values_along_an_axis():
    """Quantiles of Gaussians of sigma 1 and 3: exact to the spacing of 2001 of them."""
    values = ndtri((np.arange(2001) + 0.5) / 2001)[:, None] * [1.0, 3.0] + 5.0
    np.testing.assert_allclose(mad_sigma(values, axis=0), [1.0, 3.0], rtol=2e-3)
    np.testing.assert_array_equal(
        mad_sigma(values, centre=np.median(values, axis=0), axis=0), mad_sigma(values, axis=0)
    )


def test_centre_may_be_given():
    assert mad_sigma(np.array([1.0, 2.0, 9.0]), centre=0.0, factor=1.0) == 2.0
    assert mad_sigma(np.array([1.0, 2.0, 9.0]), factor=1.0) == 1.0
