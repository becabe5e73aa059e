"""Images aligned and combined."""

import numpy as np
import pytest
from clusterphot.stack.build import METHODS
from clusterphot.stack.combine import align, stacked_ivar


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_half_of_the_images_see_have_no_weight(method):
    """Shifted by up to half a pixel, the outermost rows of half of the images come from outside."""
    shift = np.linspace(-0.45, 0.45, 10)
    _, ivar = align(np.zeros((10, 9, 9)), np.full((10, 9, 9), 4.0), 4 + shift, np.full(10, 4.0))
    weight = stacked_ivar(ivar, method)
    assert np.all(weight[:, [0, -1]] == 0)
    assert np.all(weight[:, 1:-1] == pytest.approx(10 * 4.0 * (2 / np.pi if method == "median" else 1.0)))


def test_an_image_without_a_good_pixel_counts_as_none():
    ivar = np.concatenate([np.ones((3, 5, 5)), np.zeros((7, 5, 5))])
    assert np.all(stacked_ivar(ivar, "clipped_mean") == pytest.approx(3.0))
