"""Isophotes, model and light of a galaxy among members, clusters and holes."""

import numpy as np
import pytest
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic
from clusterphot.luminosity import light

SCALE, N = 0.04, 800
FLATTENING, ANGLE = 0.35, 0.5
PEAK, CORE, SLOPE = 4000.0, 2.0, 1.8


def celestial():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    wcs.wcs.crpix, wcs.wcs.crval = [N / 2 + 1, N / 2 + 1], [110.0, -73.0]
    return wcs


def galaxy(x, y):
    """Surface brightness (nJy/arcsec2) of the galaxy at offsets in arcsec."""
    u, v = x * np.cos(ANGLE) + y * np.sin(ANGLE), y * np.cos(ANGLE) - x * np.sin(ANGLE)
    q = 1 - FLATTENING
    return PEAK * (1 + (u**2 * q + v**2 / q) / CORE**2) ** (-SLOPE / 2)


def field(*, members=True):
    """A mosaic of a galaxy, members, clusters, noise, and a hole."""
    rng = np.random.default_rng(4)
    rows, columns = np.indices((N, N))
    x, y = (columns - N / 2) * SCALE, (rows - N / 2) * SCALE
    image = galaxy(x, y)
    if members:
        for dx, dy, peak, size in (
            (6.0, 3.0, 9000.0, 0.7),
            (-5.0, -6.0, 6000.0, 0.8),
            (2.0, -8.0, 8000.0, 0.5),
        ):
            image = image + peak * np.exp(-np.hypot(x - dx, y - dy) / size)
        for dx, dy in rng.uniform(-14, 14, (60, 2)):
            image = image + 3000 * np.exp(-0.5 * ((x - dx) ** 2 + (y - dy) ** 2) / 0.05**2)
    sci = image * SCALE**2 + 0.05 * rng.standard_normal(image.shape)
    ivar = np.full(image.shape, 400.0)
    ivar[100:160, 500:700] = 0.0
    sci[100:160, 500:700] = np.nan
    return Mosaic(sci, ivar, celestial(), SCALE)


@pytest.fixture(scope="module")
def fitted():
    image = light.rebin(field())
    middle = (image.image.shape[1] / 2, image.image.shape[0] / 2)
    return image, light.fit_light(image, middle)


def test_rebinned_pixels_keep_light_and_place():
    image = light.rebin(field(members=False))
    assert image.pixel_arcsec == pytest.approx(0.16)
    assert np.isnan(image.image[30, 140])  # in the hole
    x, y = image.wcs.all_world2pix(110.0, -73.0, 0)
    row, column = round(float(y)), round(float(x))
    assert image.image[row, column] == pytest.approx(PEAK, rel=0.02)


def test_shape_and_profile_are_those_of_the_galaxy_whatever_stands_before_it(fitted):
    _, model = fitted
    profile = light.fit_profile(model.isophotes, 1.0, 13.0)
    assert profile.flattening[0] == pytest.approx(FLATTENING, abs=0.03)
    assert profile.angle[0] == pytest.approx(ANGLE, abs=0.04)
    assert profile.slope[0] == pytest.approx(SLOPE, abs=max(3 * profile.slope[1], 0.1))
    assert profile.core[0] == pytest.approx(CORE, abs=max(3 * profile.core[1], 0.2))


def test_what_stands_out_is_masked_and_the_rest_is_not(fitted):
    image, model = fitted
    missing = ~np.isfinite(image.image)
    assert model.mask[missing].all()
    at = tuple(int(N / 2 * SCALE / 0.16 + offset / 0.16) for offset in (3.0, 6.0))
    assert model.mask[at]
    assert (model.mask & ~missing).mean() < 0.25


def test_light_within_a_circle_is_that_of_the_galaxy(fitted):
    image, model = fitted
    rows, columns = np.indices((N, N))
    x, y = (columns - N / 2) * SCALE, (rows - N / 2) * SCALE
    for radius in (3.0, 12.0):
        true = (galaxy(x, y) * (np.hypot(x, y) < radius)).sum() * SCALE**2
        flux, covered = light.light_within(image, model.model, (110.0, -73.0), radius)
        assert flux == pytest.approx(
            true, rel=0.05
        )  # wings of members are not masked; LIGHT_ERROR is twice that
        assert covered > 0.95


def test_files_come_back(fitted, tmp_path):
    image, model = fitted
    path = str(tmp_path / "light.fits")
    light.write_light(path, image, image, model)
    again, again_v, model_again = light.read_light(path, model.isophotes)
    np.testing.assert_allclose(again.image, image.image, rtol=1e-5)
    np.testing.assert_allclose(again_v.image, image.image, rtol=1e-5)
    np.testing.assert_array_equal(model_again.mask, model.mask)
    assert again.pixel_arcsec == pytest.approx(image.pixel_arcsec, rel=1e-3)


@pytest.mark.parametrize("values", [0.0, np.nan])
def test_a_field_without_light_has_no_model_and_says_so(values, caplog):
    sci = np.full((200, 200), values)
    image = light.rebin(Mosaic(sci, np.isfinite(sci) * 1.0, celestial(), SCALE))
    model = light.fit_light(image, (25, 25))
    assert len(model.isophotes) == 0 and np.isnan(model.model).all()
    assert "no isophotes" in caplog.text
    assert np.isnan(light.fit_profile(model.isophotes, 1.0, 10.0).slope[0])
    assert np.isnan(light.light_within(image, model.model, (110.0, -73.0), 3.0)[0])
