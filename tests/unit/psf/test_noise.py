"""Noise model of blank sky on white and on convolved noise, whose autocorrelation is known on paper."""

import numpy as np
import pytest
from clusterphot.base.errors import DataError
from clusterphot.base.products import Mosaic, read_noise, write_noise
from clusterphot.psf.noise import measure_noise, parts_by_depth
from scipy import ndimage

KERNEL = np.array([0.25, 0.5, 0.25])
"""Convolved along both axes: correlation 2/3 at lag 1 and 1/6 at lag 2 of an axis, variance (3/8)^2."""


def mosaic(sci, ivar):
    """Mosaic without a WCS, which the noise does not need."""
    return Mosaic(sci, ivar, None, 0.02, "F200W", "test")


def noise_image(*, correlated, size=640, sigma=0.3, seed=3):
    """White or convolved noise of the given sigma per pixel."""
    image = np.random.default_rng(seed).normal(size=(size, size))
    if correlated:
        for axis in (0, 1):
            image = ndimage.convolve1d(image, KERNEL, axis=axis, mode="wrap")
        image /= 0.375
    return sigma * image


@pytest.mark.parametrize("correlated", [False, True])
def test_scale_and_correlation_are_found(correlated):
    """300,000 pixels: sigma to 1 % (several pixels share one noise), correlations to 0.02."""
    sci = noise_image(correlated=correlated)
    noise = measure_noise(mosaic(sci, np.full(sci.shape, 25.0)))
    assert noise.ivar_scale == pytest.approx(1 / (25.0 * 0.3**2), rel=0.025)
    profile = np.zeros(17)
    profile[8] = 1.0
    if correlated:
        profile[6:11] = [1 / 6, 2 / 3, 1.0, 2 / 3, 1 / 6]
    np.testing.assert_allclose(noise.correlation, np.outer(profile, profile), atol=0.02)


def test_sources_background_and_bad_pixels_do_not_matter():
    """A steep halo, 300 point sources and 1 % bad pixels raise the flux error by less than 5 %."""
    rng = np.random.default_rng(5)
    sci = noise_image(correlated=True)
    y, x = np.mgrid[:640, :640]
    sci += 40.0 / (1.0 + ((x - 320) ** 2 + (y - 320) ** 2) / 60.0**2)
    points = np.zeros_like(sci)
    points[tuple(rng.integers(0, 640, (2, 300)))] = rng.uniform(5, 400, 300)
    sci += ndimage.gaussian_filter(points, 1.6)
    bad = rng.uniform(size=sci.shape) < 0.01
    ivar = np.where(bad, 0.0, 1 / 0.3**2)
    sci[bad] = np.nan
    noise = measure_noise(mosaic(sci, ivar))
    assert 1 / np.sqrt(noise.ivar_scale) == pytest.approx(1.0, abs=0.03)
    assert noise.correlation[8, 9] == pytest.approx(2 / 3, abs=0.03)
    assert noise.correlation[8, 13] == pytest.approx(0.0, abs=0.03)


def test_depth_may_vary():
    """The scale is that of pixels in units of their own stated error."""
    sci = noise_image(correlated=False, sigma=1.0)
    sigma = np.where(np.arange(640) < 320, 1.0, 3.0)
    noise = measure_noise(mosaic(sci * sigma, np.broadcast_to(1 / sigma**2, sci.shape)))
    assert noise.ivar_scale == pytest.approx(1.0, rel=0.02)


def test_same_input_same_numbers():
    """Deterministic to the bit, and symmetric."""
    sci = noise_image(correlated=True, size=300)
    first, second = (measure_noise(mosaic(sci, np.ones_like(sci))) for _ in range(2))
    assert np.array_equal(first.correlation, second.correlation)
    assert first.ivar_scale == second.ivar_scale
    np.testing.assert_array_equal(first.correlation, first.correlation[::-1, ::-1])


def test_large_mosaic_is_read_by_tiles():
    """No region larger than a tile is ever asked for, and not all of them."""
    asked = []

    class Large(Mosaic):
        """Mosaic of 24000 squared pixels that are made when read."""

        shape = (24000, 24000)

        def region(self, y0, y1, x0, x1):
            asked.append((y1 - y0) * (x1 - x0))
            return np.random.default_rng(y0 + x0).normal(size=(y1 - y0, x1 - x0)), np.ones((y1 - y0, x1 - x0))

    noise = measure_noise(Large(None, None, None, 0.02), tile_px=64)
    assert max(asked) == 64**2
    assert len(asked) < 1000
    assert noise.ivar_scale == pytest.approx(1.0, rel=0.03)


def test_empty_mosaic_is_refused():
    """No valid pixel anywhere."""
    with pytest.raises(DataError, match="no tile with enough blank sky"):
        measure_noise(mosaic(np.zeros((300, 300)), np.zeros((300, 300))))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_tiles_are_no_blank_sky(value):
    """Three quarters of an image without noise and with weights: sigma is that of the quarter with noise."""
    sci = noise_image(correlated=False) + 1.0
    sci[:, 320:] = value
    sci[320:, :] = value
    noise = measure_noise(mosaic(sci, np.full(sci.shape, 1 / 0.3**2)))
    assert 1 / np.sqrt(noise.ivar_scale) == pytest.approx(1.0, abs=0.03)


def test_an_image_without_noise_is_named():
    constant = Mosaic(
        np.ones((640, 640)), np.ones((640, 640)), None, 0.02, "F200W", "f", input_name="my_sci.fits"
    )
    with pytest.raises(DataError, match=r"(?s)my_sci.fits \(noise of blank sky\).*is the image constant"):
        measure_noise(constant)


@pytest.mark.parametrize("ivar", [1e-30, 1e30])
def test_the_level_of_the_weights_does_not_matter(ivar):
    """An image in Jy with weights of 1, say: the scale brings the weights to the noise."""
    sci = noise_image(correlated=False)
    noise = measure_noise(mosaic(sci, np.full(sci.shape, ivar)))
    assert noise.ivar_scale * ivar == pytest.approx(1 / 0.3**2, rel=0.03)


# ---- noise that differs within a mosaic ------------------------------------------------------------------


def two_depths(size=768, *, seed=1):
    """Mosaic with weights of 1 on the left, white noise, and of 4 on the right, smoothed as drizzling does."""
    rng, half = np.random.default_rng(seed), size // 2
    white, smoothed = rng.normal(size=(size, half)), rng.normal(size=(size, half))
    for axis in (0, 1):
        smoothed = ndimage.convolve1d(smoothed, [0.25, 0.5, 0.25], axis=axis, mode="wrap")
    sci = np.concatenate([white, 0.5 * smoothed / 0.375], axis=1)
    ivar = np.concatenate([np.ones((size, half)), np.full((size, half), 4.0)], axis=1)
    return Mosaic(sci, ivar, None, 0.02, "F200W", "two")


def test_parts_of_two_depths_have_their_own_noise(tmp_path):
    """Each its correlation at lag 1, 0 and 2/3; the places between go by their weights; also from the file."""
    noise = measure_noise(two_depths(), tile_px=128)
    write_noise(tmp_path / "noise.fits", noise)
    for one in (noise, read_noise(tmp_path / "noise.fits")):
        assert [round(float(part.correlation[8, 9]), 1) for part in one.parts] == [0.0, 0.7]
        assert [part.ivar_scale for part in one.parts] == pytest.approx([1.0, 1.0], abs=0.03)
        assert one.part_of(np.array([0.0, 1.0, 1.9, 2.1, 4.0])).tolist() == [0, 0, 0, 1, 1]


def test_the_same_noise_at_two_depths_is_one():
    """Only the depth differs: no parts."""
    rng = np.random.default_rng(2)
    sigma = np.repeat([[1.0, 0.5]], 384, axis=1)
    mosaic = Mosaic(
        sigma * rng.normal(size=(768, 768)), np.broadcast_to(1 / sigma**2, (768, 768)), None, 0.02
    )
    noise = measure_noise(mosaic, tile_px=128)
    assert noise.parts == noise.edges == ()
    assert noise.part_of(np.array([1.0, 4.0])).tolist() == [0, 0]


def test_tiles_alike_are_not_parted():
    """Of 300 mosaics of 30 tiles whose errors scatter by 5 %, at most one is parted; a step of 20 % always is."""
    rng = np.random.default_rng(3)
    levels = np.linspace(1.0, 2.0, 30)
    parted = [len(parts_by_depth(levels, rng.normal(0.0, 0.05, 30))) > 1 for _ in range(300)]
    assert sum(parted) <= 1
    step = np.where(levels > 1.6, 0.2, 0.0)
    found = [parts_by_depth(levels[::-1], (step + rng.normal(0.0, 0.05, 30))[::-1]) for _ in range(20)]
    assert all(len(parts) >= 2 for parts in found)
    assert np.median([levels[::-1][parts[-1]].min() for parts in found]) == pytest.approx(1.6, abs=0.1)
