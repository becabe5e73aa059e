"""Profiles of star clusters: half of the light where it should be, exact images behind a PSF, sub-pixel shifts."""

import numpy as np
import pytest
from clusterphot.base.products import Psf
from clusterphot.optics.extended import HALF_LIGHT_OVER_SIGMA, MODELS, king_half_light, transfer
from clusterphot.sizes.models import PsfSpectrum, broadening_variance, gaussian_transfer
from scipy import integrate, special
from size_field import SCALE, SIGMA_PX, gaussian


@pytest.fixture(scope="module")
def spectrum():
    psf = Psf(gaussian(81, SIGMA_PX), SCALE, "F150W", ee_stamp=0.97, fwhm_arcsec=2.3548 * SIGMA_PX * SCALE)
    return PsfSpectrum(psf, 20)


@pytest.mark.parametrize("model", MODELS)
def test_half_of_the_light_is_within_the_half_light_radius(model):
    """Light within R is R times the integral of H(k) J_1(2 pi k R) over 2 pi k (Parseval); by quadrature."""
    radius = 0.03
    k = np.linspace(1e-6, 400.0 if model != "king" else 1200.0, 400_001)
    within = (
        2
        * np.pi
        * radius
        * integrate.trapezoid(transfer(model, k, radius) * special.j1(2 * np.pi * k * radius), k)
    )
    # the King profile has a kink at its tidal radius and is cut at the end of its table: 3e-3
    assert within == pytest.approx(0.5, abs=3e-3)


@pytest.mark.parametrize("concentration", [0.5, 1.0, 2.0])
def test_half_light_of_king_by_brute_force(concentration):
    xt = 10.0**concentration

    def light(x):
        return x * (1 / np.sqrt(1 + x**2) - 1 / np.sqrt(1 + xt**2)) ** 2

    total = integrate.quad(light, 0, xt)[0]
    assert integrate.quad(light, 0, king_half_light(concentration))[0] / total == pytest.approx(0.5, abs=1e-6)


def test_all_light_is_kept_and_a_point_is_a_point():
    for model in MODELS:
        assert transfer(model, np.array([0.0, 3.0]), np.array([[0.02], [0.0]])) == pytest.approx(
            np.array([[1.0, transfer(model, 3.0, 0.02)], [1.0, 1.0]])
        )


def test_unknown_model_is_refused():
    with pytest.raises(ValueError, match="model is 'sersic', expected one of gaussian, king, plummer"):
        transfer("sersic", 1.0, 0.1)


def test_gaussian_behind_gaussian_adds_variances(spectrum):
    """The image of a Gaussian of sigma s behind a Gaussian PSF is a Gaussian of the summed variances."""
    sigma_px = 0.25
    half_light = HALF_LIGHT_OVER_SIGMA * sigma_px * SCALE
    image = spectrum.images(
        spectrum.otf * transfer("gaussian", spectrum.frequency, half_light), 31, 0.3, -0.4
    )[0]
    expected = 0.97 * gaussian(31, np.hypot(SIGMA_PX, sigma_px), 0.3, -0.4)
    # a Gaussian of 1.5 px is band-limited to exp(-(1.5 pi)^2 / 2) = 1.5e-5
    assert np.abs(image - expected).max() < 3e-5 * expected.max()


def test_products_with_pixels_equal_those_of_images(spectrum):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(3, 21, 21))
    light = spectrum.otf * transfer("plummer", spectrum.frequency, 0.04)
    direct = np.einsum("kij,ij->k", maps, spectrum.images(light, 21)[0])
    assert (spectrum.waves(maps) @ light.ravel()).real == pytest.approx(direct, rel=1e-10)


def test_gradient_is_that_by_the_position(spectrum):
    step = 1e-4
    by_x, by_y = (spectrum.images(part, 21)[0] for part in spectrum.gradient(spectrum.otf))
    for derivative, shift in ((by_x, (step, 0.0)), (by_y, (0.0, step))):
        plus, minus = (spectrum.images(spectrum.otf, 21, *(s * np.array(shift)))[0] for s in (1, -1))
        assert derivative == pytest.approx((plus - minus) / (2 * step), abs=1e-6)


def test_broadening_changes_the_width_by_its_fraction(spectrum):
    fwhm = 2.3548 * SIGMA_PX * SCALE
    image = spectrum.images(spectrum.otf * spectrum.gaussian(broadening_variance(fwhm, 0.15)), 31)[0]
    expected = 0.97 * gaussian(31, 1.15 * SIGMA_PX)
    assert np.abs(image - expected).max() < 1e-4 * expected.max()


def test_sharpening_takes_away_its_variance_and_joins_smoothly(spectrum):
    """Second moments fall by the variance; the transfer has the same slope on both sides of 0."""
    variance = -0.3 * (SIGMA_PX * SCALE) ** 2
    image = spectrum.images(spectrum.otf * spectrum.gaussian(variance), 37)[0]
    axis = np.arange(37) - 18
    moment = (image.sum(axis=0) * axis**2).sum() / image.sum() * SCALE**2
    assert moment == pytest.approx((SIGMA_PX * SCALE) ** 2 + variance, rel=1e-3)
    step = 1e-9
    slopes = [(gaussian_transfer(10.0, s * step) - 1.0) / (s * step) for s in (1, -1)]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-5)
    assert broadening_variance(0.06, -0.9) == broadening_variance(0.06, -0.4)
