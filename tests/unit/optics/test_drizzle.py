"""PSFs on rotated mosaics, and their grids in files."""

import numpy as np
import pytest
from clusterphot.base.psf_field import read_psf_grid, write_psf_grid
from clusterphot.optics.detector import blurred, drizzle_boxes
from clusterphot.optics.drizzle import mosaic_samples, on_mosaic, stamps_on_mosaic
from clusterphot.optics.field import field_psf
from clusterphot.optics.psf import fwhm_arcsec
from clusterphot.psf.user_file import load_user_psf
from photutils.psf import GriddedPSFModel


@pytest.fixture(scope="module")
def psf():
    return field_psf("F200W", fwhm_variation=0.2, interpixel_coupling=0.005, seed=1, fov_arcsec=4.0)


def test_no_rotation_is_the_way_of_boxes(psf):
    """Mosaic pixels of two samples of the detector: the same samples."""
    scale = 2 * psf.sample_arcsec
    boxes = [side / psf.sample_arcsec for side in drizzle_boxes(psf.native_pixel_arcsec, scale)]
    expected = blurred(psf.mean, boxes[1:], 0.0)
    np.testing.assert_allclose(mosaic_samples(psf.mean, psf, scale), expected, atol=1e-9)


@pytest.mark.parametrize("angle", [90.0, 37.0])
def test_rotation_keeps_flux_and_width(psf, angle):
    straight = mosaic_samples(psf.mean, psf, 0.02)
    turned = mosaic_samples(psf.mean, psf, 0.02, angle_deg=angle)
    inside = np.hypot(*(np.indices(straight.shape) - len(straight) // 2)) < len(straight) // 2
    assert turned[inside].sum() == pytest.approx(straight[inside].sum(), abs=5e-5)
    assert fwhm_arcsec(turned, 0.01) == pytest.approx(fwhm_arcsec(straight, 0.01), rel=3e-3)
    if angle == 90.0:
        np.testing.assert_allclose(turned, np.rot90(straight, -1), atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 20.0, 90.0, 200.0])
def test_rotation_of_a_gaussian(psf, angle):
    """Variances along the mosaic's axes: the detector's turned, side^2 / 12 of squares, errors of pointing."""
    y, x = np.indices((241, 241)) - 120
    image = np.exp(-0.5 * ((x / 9.0) ** 2 + (y / 6.0) ** 2)) / (2 * np.pi * 54)
    image = np.roll(image, 5, axis=1)  # towards the detector's x
    seen = on_mosaic(image, psf, 0.02, angle_deg=angle, oversampling=4, pointing_error_mas=12.0)
    assert seen.data.sum() == pytest.approx(1.0, abs=1e-6)
    y, x = (np.indices(seen.data.shape) - len(seen.data) // 2) * seen.sample_arcsec
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    sample = psf.sample_arcsec
    mean = 5 * sample * np.array([cos, sin])
    found = [(seen.data * axis).sum() for axis in (x, y)]
    np.testing.assert_allclose(found, mean, atol=1e-6)
    squares = ((0.75 * psf.native_pixel_arcsec) ** 2 + 0.02**2) / 12 + 0.012**2
    variance = (sample * np.array([np.hypot(9 * cos, 6 * sin), np.hypot(9 * sin, 6 * cos)])) ** 2 + squares
    found = [(seen.data * (axis - at) ** 2).sum() for axis, at in zip((x, y), mean, strict=True)]
    np.testing.assert_allclose(found, variance, rtol=1e-4)


def test_grid_is_read_by_photutils_and_by_us(psf, tmp_path):
    """Written in any order, the PSF of a place is that which photutils finds there: that of `on_mosaic`."""
    places = [(x, y) for x in (10.0, 110.0, 210.0) for y in (20.0, 120.0, 220.0)]
    u, v = (np.array(places) - (110.0, 120.0)).T / 100.0
    stamps = stamps_on_mosaic(psf, psf.weights(u, v), 0.02, 61, oversampling=4, angle_deg=30.0)
    path = str(tmp_path / "psf_grid.fits")
    write_psf_grid(path, stamps, places, oversampling=4, pixel_scale_arcsec=0.02, filter_name="F200W")
    model = GriddedPSFModel.read(path)
    y, x = np.mgrid[-20:21, -20:21]
    for k in (0, 5, 7):
        x0, y0 = places[k]
        found = model.evaluate(x + x0, y + y0, 1.0, x0, y0)
        expected = on_mosaic(psf.at(u[k], v[k]), psf, 0.02, angle_deg=30.0, oversampling=4).on_pixels(41)
        np.testing.assert_allclose(found, expected, atol=2e-6)
    middle, _ = load_user_psf(path, 0.02, "F200W")
    assert 0.94 < middle.ee_stamp < 0.97
    assert read_psf_grid(path)[0].shape == (9, 61, 61)
    with pytest.raises(ValueError, match="expected a grid of 9"):
        write_psf_grid(path, stamps, places[:8], oversampling=4, pixel_scale_arcsec=0.02, filter_name="F200W")
    with pytest.raises(ValueError, match="odd n"):
        write_psf_grid(
            path, stamps[:, 1:, 1:], places, oversampling=4, pixel_scale_arcsec=0.02, filter_name="F200W"
        )
