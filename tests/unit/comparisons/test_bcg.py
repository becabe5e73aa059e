"""The brightest cluster galaxy: a known profile among neighbours, in two orientations of the pixels."""

import numpy as np
import pytest
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic
from clusterphot.comparisons.bcg import (
    Ellipse,
    find_bcg,
    fit_ellipse,
    measure_bcg,
    ring_flux,
)

SCALE = 0.1
TRUE = Ellipse(153.3, 141.8, 0.7, 35.0)


def sersic_like(shape, ellipse, scale_px=14.0):
    """Exponential disc of central brightness 50 nJy/pixel; flux within a: 2 pi q h^2 I (1 - (1 + a/h) e^(-a/h))."""
    rows, columns = np.indices(shape)
    return 50 * np.exp(-ellipse.radius_px(columns, rows) / scale_px)


def exponential_flux(a, q, h=14.0):
    return 2 * np.pi * q * h**2 * 50 * (1 - (1 + a / h) * np.exp(-a / h))


@pytest.fixture(scope="module")
def image():
    """The galaxy with noise, 15 stars, a companion galaxy of a twentieth of its flux and bad pixels."""
    rng = np.random.default_rng(8)
    light = sersic_like((300, 300), TRUE) + 0.3 * rng.standard_normal((300, 300))
    rows, columns = np.indices(light.shape)
    for x, y in rng.uniform(20, 280, (15, 2)):
        light += 100 * np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / 1.5**2)
    light += 40 * np.exp(-np.hypot(columns - 190, rows - 170) / 3)
    light[rng.random(light.shape) < 0.01] = np.nan
    return light


def mosaic(image, *, turned=False):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [110.0, -73.0], [151, 151]
    wcs.wcs.cd = np.array([[-1.0, 0.0], [0.0, 1.0]]) * SCALE / 3600
    if turned:  # x and y exchanged
        image, wcs.wcs.cd = image.T.copy(), wcs.wcs.cd[:, ::-1].copy()
    bad = np.isnan(image)
    return Mosaic(
        sci=np.where(bad, 0, image),
        ivar=np.where(bad, 0, 10.0),
        wcs=wcs,
        pixel_scale_arcsec=SCALE,
        filter_name="F200W",
    )


def test_the_extended_light_is_found_not_the_brightest_star(image):
    x, y = find_bcg(image, SCALE)
    assert np.hypot(x - TRUE.x, y - TRUE.y) < 8


def test_shape(image):
    x, y = find_bcg(image, SCALE)
    found = fit_ellipse(image, x, y, 30.0)
    assert np.hypot(found.x - TRUE.x, found.y - TRUE.y) < 1.0
    assert found.axis_ratio == pytest.approx(TRUE.axis_ratio, abs=0.07)
    assert found.pa_deg == pytest.approx(TRUE.pa_deg, abs=6)


@pytest.mark.parametrize("radius", [10.0, 40.0, 90.0])
def test_flux_of_the_true_ellipse(image, radius):
    """Within 3 %, though stars and a companion lie on the galaxy."""
    flux, err, covered = ring_flux(image, TRUE, radius, SCALE)
    assert flux == pytest.approx(exponential_flux(radius, TRUE.axis_ratio), rel=0.03)
    assert 0 < err < 0.03 * flux
    assert covered == pytest.approx(0.99, abs=0.02)


def test_the_same_ellipse_on_turned_pixels(image):
    rows, shape = measure_bcg({"F200W": mosaic(image), "F090W": mosaic(image, turned=True)}, "F200W", 6.0)
    (_, first, *_), (_, second, *_) = rows
    assert second == pytest.approx(first, rel=0.01)
    assert first == pytest.approx(exponential_flux(60.0, shape["axis_ratio"]), rel=0.04)
    assert shape["semi_major_arcsec"] == 6.0


def test_a_given_position_is_kept(image):
    of = mosaic(image)
    ra, dec = of.wcs.all_pix2world([[TRUE.x, TRUE.y]], 0)[0]
    _, found = measure_bcg({"F200W": of}, "F200W", 3.0, center_deg=[float(ra), float(dec)])
    assert np.hypot((found["ra"] - ra) * np.cos(np.radians(dec)), found["dec"] - dec) * 3600 < 0.15


def test_beyond_the_edge_is_covered_in_part(image):
    *_, covered = ring_flux(image, Ellipse(0.0, 150.0, 1.0, 0.0), 50.0, SCALE)
    assert covered == pytest.approx(0.5, abs=0.03)


def test_a_tiny_image_is_refused():
    with pytest.raises(ValueError, match="expected at least 20 a side"):
        find_bcg(np.zeros((10, 10)), SCALE)
