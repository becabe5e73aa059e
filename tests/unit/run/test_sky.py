"""Where listed sources are on an image: shifts known on paper, for faint and for very bright stars."""

from types import SimpleNamespace

import numpy as np
import pytest
from clusterphot.run.checks import sky

SCALE, SIDE, SIGMA_PX, NOISE = 0.05, 240, 1.36, 0.4
INFO = SimpleNamespace(pixel_scale_arcsec=SCALE)


@pytest.mark.parametrize("peak", [6.0, 30.0, 3000.0])  # signal to noise of a pixel: 15, 75, 7500
@pytest.mark.parametrize("shift_arcsec", [0.0, 0.03, 0.13])
def test_light_beside_the_list(peak, shift_arcsec):
    rng = np.random.default_rng(4)
    x, y = (v.ravel() + rng.uniform(-3, 3, 49) for v in np.meshgrid(*[np.linspace(32, 208, 7)] * 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    image = rng.normal(0.0, NOISE, (SIDE, SIDE))
    for a, b in zip(x, y, strict=True):
        image += peak * np.exp(-0.5 * ((columns - a) ** 2 + (rows - b) ** 2) / SIGMA_PX**2)
    image = image.astype(np.float32).astype(float)
    boxes = sky.stamp_boxes(INFO, x + shift_arcsec / SCALE, y)
    stamps = [(image[b[0] : b[1], b[2] : b[3]], np.ones((b[1] - b[0], b[3] - b[2]))) for b in boxes]
    shift, sigma, n = sky.measure_list_shift(INFO, stamps)
    assert n == 49 and sigma > sky.MIN_STACK_SIGMA
    assert shift == pytest.approx(shift_arcsec, abs=0.01)
