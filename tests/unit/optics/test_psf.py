"""Simulated PSFs: widths and encircled energies of NIRCam, centring and sampling."""

import numpy as np
import pytest
from clusterphot.base.images import fourier_shift
from clusterphot.optics import psf as optics
from photutils.profiles import CurveOfGrowth

FILTERS = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")


def encircled_energy(image, radii_arcsec, sample_arcsec):
    """Light of a centred image within each radius, pixels cut exactly at the circle (photutils)."""
    middle = (image.shape[1] // 2, image.shape[0] // 2)
    return CurveOfGrowth(image, middle, np.array(radii_arcsec) / sample_arcsec, method="exact").profile


@pytest.fixture(scope="module")
def psfs():
    """PSFs of the default telescope."""
    return {name: optics.oversampled_psf(name) for name in FILTERS}


def test_fwhm(psfs):
    """Diffraction, detector pixel and drizzle give 45-157 mas; 4 % for the drawn wavefront error."""
    expected = np.array([45, 59, 73, 109, 131, 157])
    measured = np.array([1e3 * psfs[name].fwhm_arcsec() for name in FILTERS])
    np.testing.assert_allclose(measured, expected, rtol=0.04)


def test_encircled_energy_is_like_that_of_nircam(psfs):
    """EE(0.2") and EE(1") against the tables of the JWST user documentation, made for another WFE."""
    ee02 = {"F090W": 0.835, "F150W": 0.839, "F200W": 0.832, "F277W": 0.823, "F356W": 0.754, "F444W": 0.703}
    ee1 = {"F090W": 0.974, "F150W": 0.962, "F200W": 0.954, "F277W": 0.943, "F356W": 0.931, "F444W": 0.920}
    for name in FILTERS:
        inner, outer = encircled_energy(psfs[name].data, [0.2, 1.0], psfs[name].sample_arcsec)
        assert inner == pytest.approx(ee02[name], abs=0.035)
        assert outer == pytest.approx(ee1[name], abs=0.025)


def test_encircled_energy_of_a_gaussian():
    """1 - exp(-r^2 / 2 sigma^2) with sigma = 5 samples of 0.01 arcsec, whose width adds 1/12 to sigma^2."""
    y, x = np.indices((81, 81)) - 40
    image = np.exp(-(x**2 + y**2) / 50.0) / (50.0 * np.pi)
    assert encircled_energy(image, [0.05, 0.075], 0.01)[1] == pytest.approx(
        1 - np.exp(-(7.5**2) / 2 / (25 + 1 / 12)), abs=5e-4
    )
    assert optics.fwhm_arcsec(image, 0.01) == pytest.approx(2.3548 * 0.05, rel=0.01)


def test_psf_is_positive_centred_and_sums_to_one(psfs):
    for psf in psfs.values():
        assert psf.data.sum() == pytest.approx(1, abs=1e-12)
        assert psf.data.min() > -1e-6 * psf.data.max()
        assert len(psf.data) % 2 == 1
        assert np.hypot(*optics.core_centroid(psf.data, psf.fwhm_arcsec() / psf.sample_arcsec)) < 1e-3


@pytest.mark.parametrize("name", ["F090W", "F444W"])
def test_sum_over_mosaic_pixels_does_not_depend_on_the_phase(psfs, name):
    """The box of one mosaic pixel cancels all aliases of the sum."""
    sums = [psfs[name].on_pixels(dx=dx, dy=0.3 * dx).sum() for dx in (0.0, 0.25, 0.5)]
    np.testing.assert_allclose(sums, sums[0], rtol=2e-4)  # what moves across the edge of the PSF


def test_shifted_psf_has_its_centroid_there(psfs):
    image = psfs["F200W"].on_pixels(41, dx=0.31, dy=-0.22)
    straight = psfs["F200W"].on_pixels(41)
    y, x = np.indices(image.shape) - 20
    weight = np.exp(-(x**2 + y**2) / 2 / 2.0**2)
    for axis, shift in ((x, 0.31), (y, -0.22)):
        moved = (weight * image * axis).sum() / (weight * image).sum()
        before = (weight * straight * axis).sum() / (weight * straight).sum()
        assert np.sign(moved - before) == np.sign(shift)
    again = optics.moved(optics.moved(image, 0.4, 0.7), -0.4, -0.7)
    np.testing.assert_allclose(again, image, atol=1e-12)


def test_stamp_knows_its_share_of_the_light(psfs):
    stamp = psfs["F150W"].to_psf(101)
    assert stamp.data.sum() == pytest.approx(1)
    whole = psfs["F150W"].on_pixels()
    middle = len(whole) // 2
    assert stamp.ee_stamp == pytest.approx(whole[middle - 50 : middle + 51, middle - 50 : middle + 51].sum())
    assert 0.95 < stamp.ee_stamp < 1
    with pytest.raises(ValueError, match="size_px = 9999"):
        psfs["F150W"].on_pixels(9999)


def test_psf_on_another_pixel():
    psf = optics.oversampled_psf("F150W", pixel_scale_arcsec=0.04).to_psf(51)
    assert psf.data.shape == (51, 51)
    assert psf.pixel_scale_arcsec == 0.04
    assert psf.fwhm_arcsec > 0.060  # the larger pixel broadens


def test_moved_is_the_shift_of_stamps(psfs):
    """Two ways of one thing, which differ by rounding alone."""
    image = psfs["F444W"].on_pixels(101)
    np.testing.assert_allclose(optics.moved(image, 0.3, -0.2), fourier_shift(image, 0.3, -0.2), atol=1e-16)
