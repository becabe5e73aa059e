"""Cutouts on cards: models as fitted, one scale, and images that decode to what was drawn."""

import io

import numpy as np
import pytest
from astropy.wcs import WCS
from clusterphot.base.png import encode_png
from clusterphot.base.products import Cutouts, Noise, Psf
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.report.stamps import (
    BAD_INDEX,
    LOWEST_SNR,
    N_NEGATIVE,
    FilterStamps,
    draw_sheet,
    make_palette,
    scale_to_indices,
)
from PIL import Image

SIZE, SCALE, SIGMA = 21, 0.04, 0.05


def decode(png):
    """Indices and palette of a PNG of `encode_png`."""
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG" and image.mode == "P" and image.info == {}
    return np.asarray(image), np.array(image.getpalette(), dtype=np.uint8).reshape(-1, 3)


def test_png_holds_its_pixels():
    rng = np.random.default_rng(1)
    indices = rng.integers(0, 5, (7, 11)).astype(np.uint8)
    palette = rng.integers(0, 256, (5, 3)).astype(np.uint8)
    found, colors = decode(encode_png(indices, palette))
    assert np.array_equal(found, indices)
    assert np.array_equal(colors, palette)
    assert encode_png(indices, palette) == encode_png(indices.copy(), palette)


def test_scale_is_monotonic_and_zero_is_paper():
    values = np.linspace(-5, 60, 2000)
    index = scale_to_indices(values, 50.0)
    assert np.all(np.diff(index.astype(int)) >= 0)
    assert index[0] == 0
    assert index[-1] == BAD_INDEX - 1
    assert scale_to_indices(np.array([0.0]), 50.0) == N_NEGATIVE
    assert scale_to_indices(np.array([LOWEST_SNR]), 50.0) == 0


def test_palette_is_told_apart_without_colour_vision():
    """Lightness falls away from zero on both sides, and blue against orange survives loss of red or green."""
    palette = make_palette().astype(float)
    light = palette @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(light[: N_NEGATIVE + 1]) > 0)
    assert np.all(np.diff(light[N_NEGATIVE:BAD_INDEX]) <= 0)
    assert palette[2, 2] - palette[2, 0] > 60  # blue
    assert palette[N_NEGATIVE + 20, 0] - palette[N_NEGATIVE + 20, 2] > 60  # orange


@pytest.fixture(scope="module")
def fitted():
    """Three cutouts with two sources each on a sloping sky, one without data, and their fit."""
    y, x = np.mgrid[:51, :51] - 25
    psf = Psf(np.exp(-0.5 * (x**2 + y**2) / 1.5**2) / (2 * np.pi * 1.5**2), SCALE, "F277W", ee_stamp=1.0)
    noise = Noise(np.eye(1), 1.0, "F277W")
    rng = np.random.default_rng(7)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    data, ivar = [], []
    for k in range(3):
        image = 0.3 + 0.02 * xx - 0.01 * yy + rng.normal(0, SIGMA, (SIZE, SIZE))
        for flux, x0, y0 in ((20.0 + 5 * k, 10.2, 9.7), (8.0, 15.0, 14.0)):
            image += flux * np.exp(-0.5 * ((xx - x0) ** 2 + (yy - y0) ** 2) / 1.5**2) / (2 * np.pi * 1.5**2)
        data.append(image)
        ivar.append(np.full((SIZE, SIZE), SIGMA**-2))
    ivar[2][:] = 0.0
    ivar[1][3, 4] = 0.0
    corner = np.array([100, 200, 300])
    cutouts = Cutouts(
        ids=["a", "b", "c"], data=np.array(data), ivar=np.array(ivar), x0=corner, y0=corner,
        x=corner + 10.2, y=corner + 9.7, neighbours=[[("n", c + 15.0, c + 14.0)] for c in corner],
        pixel_scale_arcsec=SCALE, filter_name="F277W",
    )  # fmt: skip
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [110.8, -73.4], [-1.1e-5, 1.1e-5]
    options = FitOptions()
    return FilterStamps(cutouts, fit_sources(cutouts, psf, noise, wcs, options), psf, noise, options), cutouts


def test_residual_is_that_of_the_fit(fitted):
    """Chi-square of the residual on the card is that of the table: the model is the fitted one."""
    stamps, _ = fitted
    for name in ("a", "b"):
        residual = stamps.panels(name)["residual"] * stamps.panels(name)["sigma_njy"]
        chi2 = np.nansum((residual / SIGMA) ** 2)
        row = stamps._rows_of[name][0]
        n_pixels = SIZE**2 - (name == "b")
        assert chi2 == pytest.approx(
            n_pixels, rel=5 * np.sqrt(2 / n_pixels)
        )  # chi-square of that many pixels
        assert abs(chi2 - stamps._fit["dof"][row]) < 5 * np.sqrt(2 * n_pixels)


def test_panels_are_in_units_of_the_noise(fitted):
    stamps, cutouts = fitted
    panels = stamps.panels("a")
    assert panels["sigma_njy"] == pytest.approx(SIGMA)
    assert np.nanstd(panels["residual"]) == pytest.approx(1.0, abs=0.15)
    difference = (panels["cutout"] - panels["model"]) - panels["residual"]
    assert np.nanmax(np.abs(difference)) < 1e-9  # one offset and one unit for all three
    assert [mark[0] for mark in panels["marks"]] == ["a", "n"]
    assert panels["marks"][0][1:] == pytest.approx((10.2, 9.7), abs=0.1)


def test_a_bad_pixel_is_grey_in_cutout_and_residual(fitted):
    stamps, _ = fitted
    sheet = draw_sheet("b", [stamps])
    indices, palette = decode(sheet["png"])
    assert indices.shape == (3 * SIZE + 2, SIZE)
    row = SIZE - 1 - 3  # the image is drawn with y upwards
    assert indices[row, 4] == indices[2 * (SIZE + 1) + row, 4] == BAD_INDEX
    assert indices[SIZE + 1 + row, 4] != BAD_INDEX
    assert len(palette) == BAD_INDEX + 1
    assert sheet["missing"] == []


def test_a_source_without_data_has_a_sheet(fitted):
    stamps, _ = fitted
    sheet = draw_sheet("c", [stamps])
    assert sheet["missing"] == ["F277W"]
    assert (decode(sheet["png"])[0] == BAD_INDEX).all()
