"""Simulated PSFs: widths and encircled energies of NIRCam, centring, sampling and reproducibility."""

import logging
import warnings

import numpy as np
import pytest
from clusterphot.optics import pupil

FILTERS = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")


@pytest.fixture(scope="module")
def psfs():
    """PSFs of the default telescope."""
    return {name: pupil.oversampled_psf(name) for name in FILTERS}


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
        inner, outer = psfs[name].encircled_energy(np.array([0.2, 1.0]))
        assert inner == pytest.approx(ee02[name], abs=0.035)
        assert outer == pytest.approx(ee1[name], abs=0.025)


def test_encircled_energy_of_a_gaussian():
    """1 - exp(-r^2 / 2 sigma^2) with sigma = 5 samples of 0.01 arcsec, whose width adds 1/12 to sigma^2."""
    y, x = np.indices((81, 81)) - 40
    image = np.exp(-(x**2 + y**2) / 50.0) / (50.0 * np.pi)
    assert pupil.encircled_energy(image, 0.075, 0.01) == pytest.approx(
        1 - np.exp(-(7.5**2) / 2 / (25 + 1 / 12)), abs=5e-4
    )
    assert pupil.fwhm_arcsec(image, 0.01) == pytest.approx(2.3548 * 0.05, rel=0.01)


def test_psf_is_positive_centred_and_sums_to_one(psfs):
    for psf in psfs.values():
        assert psf.data.sum() == pytest.approx(1, abs=1e-12)
        assert psf.data.min() > -1e-6 * psf.data.max()
        assert len(psf.data) % 2 == 1
        assert np.hypot(*pupil.core_centroid(psf.data, psf.fwhm_arcsec() / psf.sample_arcsec)) < 1e-3


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
    again = pupil.fourier_shift(pupil.fourier_shift(image, 0.4, 0.7), -0.4, -0.7)
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


def test_make_psf_on_another_pixel():
    psf = pupil.make_psf("F150W", 0.04, size_px=51)
    assert psf.data.shape == (51, 51)
    assert psf.pixel_scale_arcsec == 0.04
    assert psf.fwhm_arcsec > 0.060  # the larger pixel broadens


def test_wavefront_error_follows_seed_and_rms():
    amplitude, opd = pupil.pupil(pupil.OpticsConfig(wfe_nm=80, seed=5))
    assert np.sqrt(np.average(opd**2, weights=amplitude)) == pytest.approx(80e-9)
    # 18 hexagons of 1.32 m flat to flat, less three struts of 0.1 m over about 2.3 m each
    area = amplitude.sum() * (pupil.PUPIL_WIDTH_M / pupil.PUPIL_PIXELS) ** 2
    assert area == pytest.approx(18 * np.sqrt(3) / 2 * 1.32**2 - 3 * 0.1 * 2.3, rel=0.02)
    pupil.pupil.cache_clear()
    np.testing.assert_array_equal(pupil.pupil(pupil.OpticsConfig(wfe_nm=80, seed=5))[1], opd)
    assert not np.array_equal(pupil.pupil(pupil.OpticsConfig(wfe_nm=80, seed=6))[1], opd)


def test_pivot_and_channel():
    """Pivot wavelengths of the instrument's handbook, in micron."""
    for name, pivot in (("F090W", 0.902), ("F200W", 1.988), ("F444W", 4.402)):
        assert pupil.pivot_angstrom(name) * 1e-4 == pytest.approx(pivot, rel=2e-3)
    assert [pupil.channel(name) for name in ("F070W", "F200W", "F277W", "F444W")] == ["short"] * 2 + [
        "long"
    ] * 2
    wave = pupil.photon_wavelengths("F200W", 9)
    assert np.all(np.diff(wave) > 0)
    assert 17000 < wave[0] < wave[-1] < 23000


def test_poppy_leaves_warnings_and_logging_alone():
    before, level = list(warnings.filters), logging.getLogger("poppy").level
    pupil.pupil.cache_clear()
    pupil.pupil(pupil.OpticsConfig())
    assert warnings.filters == before
    assert logging.getLogger("poppy").level == level
