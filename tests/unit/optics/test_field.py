"""PSFs that change over the field: what was asked for is what a mosaic shows."""

import numpy as np
import pytest
from clusterphot.optics import field
from clusterphot.optics.detector import (
    PIXFRAC,
    blurred,
    drizzle_boxes,
)
from clusterphot.optics.psf import fwhm_arcsec

FILTERS = ("F090W", "F200W", "F444W")


@pytest.fixture(scope="module")
def psfs():
    """PSFs of three filters over the field, with the default telescope."""
    return {name: field.field_psf(name, fwhm_variation=0.2, seed=1) for name in FILTERS}


def test_sums(psfs):
    for psf in psfs.values():
        assert psf.mean.sum() == pytest.approx(1.0, abs=1e-12)
        np.testing.assert_allclose(psf.terms.sum(axis=(1, 2)), 0.0, atol=1e-12)
        assert psf.at(0.4, -0.9).sum() == pytest.approx(1.0, abs=1e-12)


def test_no_variation_is_one_psf():
    psf = field.field_psf("F277W", fwhm_variation=0.0, fov_arcsec=4.0)
    assert psf.weights(0.3, 0.4).shape == (0,)
    np.testing.assert_array_equal(psf.at(1.0, -1.0), psf.mean)


@pytest.mark.parametrize("angle", [0.0, 90.0, 37.0])
def test_rotation_keeps_flux_and_width(psfs, angle):
    psf = psfs["F200W"]
    straight = field.mosaic_samples(psf.mean, psf, 0.02)
    turned = field.mosaic_samples(psf.mean, psf, 0.02, angle_deg=angle)
    middle = len(straight) // 2
    radius = np.hypot(*(np.indices(straight.shape) - middle))
    inside = radius < middle  # corners turn out of the square
    assert turned[inside].sum() == pytest.approx(straight[inside].sum(), abs=2e-5)
    assert fwhm_arcsec(turned, 0.01) == pytest.approx(fwhm_arcsec(straight, 0.01), rel=3e-3)
    if angle == 90.0:
        np.testing.assert_allclose(turned, np.rot90(straight, -1), atol=1e-12)


def test_no_rotation_is_the_way_of_boxes(psfs):
    """Mosaic pixels of two samples of the detector: the same samples."""
    psf = psfs["F200W"]
    scale = 2 * psf.sample_arcsec
    boxes = [side / psf.sample_arcsec for side in drizzle_boxes(psf.native_pixel_arcsec, scale, PIXFRAC)]
    expected = blurred(psf.mean, boxes[1:], 0.0)
    np.testing.assert_allclose(field.mosaic_samples(psf.mean, psf, scale), expected, atol=1e-9)
