"""Star selection: locus, classes, saturation, tiles."""

import numpy as np
import pytest
from astropy.wcs import WCS
from clusterphot.base.errors import DataError
from clusterphot.base.products import Mosaic
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.psf.stars import (
    REASONS,
    StarOptions,
    detect,
    fill_holes,
    has_shape,
    read_stars,
    select_stars,
    write_stars,
)

PIXEL = 0.02
SIGMA = 0.15


def tangent(n):
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.crval = [n / 2, n / 2], [110.8, -73.4]
    wcs.wcs.cdelt, wcs.wcs.ctype = [-PIXEL / 3600, PIXEL / 3600], ["RA---TAN", "DEC--TAN"]
    return wcs


def moffat(image, x, y, flux, alpha=2.0, beta=2.5):
    """Add a Moffat profile of unit integral times ``flux``."""
    yy, xx = np.indices(image.shape)
    profile = (1 + ((xx - x) ** 2 + (yy - y) ** 2) / alpha**2) ** -beta
    image += flux * (beta - 1) / (np.pi * alpha**2) * profile


@pytest.fixture(scope="module")
def field():
    """Nine stars of 25.2-26.4 mag, one of 24, one galaxy, one close pair, one at the edge, one saturated."""
    rng = np.random.default_rng(5)
    n = 700
    image = np.zeros((n, n))
    stars = [
        (90 + 170 * i + rng.uniform(-5, 5), 90 + 170 * j + rng.uniform(-5, 5))
        for i in range(3)
        for j in range(3)
    ]
    for k, (x, y) in enumerate(stars):
        moffat(image, x, y, flux_from_mag_ab(25.2 + 0.15 * k))
    moffat(image, 600.3, 100.2, flux_from_mag_ab(24.0))
    moffat(image, 600.0, 260.0, flux_from_mag_ab(24.5), alpha=9.0)  # a galaxy
    moffat(image, 600.0, 430.0, flux_from_mag_ab(25.5))  # a pair 0.24" apart
    moffat(image, 612.0, 430.0, flux_from_mag_ab(26.0))
    moffat(image, 350.0, 20.0, flux_from_mag_ab(25.5))  # 0.4" from the edge
    moffat(image, 600.0, 600.0, flux_from_mag_ab(21.0))
    ivar = np.full((n, n), SIGMA**-2)
    sci = image + rng.normal(0, SIGMA, image.shape)
    hole = image > 60.0
    sci[hole], ivar[hole] = 0.0, 0.0
    return Mosaic(sci.astype(">f4"), ivar.astype(">f4"), tangent(n), PIXEL, "F200W", "f1"), stars


def nearest(table, x, y):
    distance = np.hypot(table["x"] - x, table["y"] - y)
    assert distance.min() < 2.0
    return table[int(np.argmin(distance))]


def test_stars_are_told_from_what_is_not(field):
    mosaic, stars = field
    found = select_stars(mosaic)
    assert [nearest(found, x, y)["role"] for x, y in stars] == ["core"] * 9
    assert nearest(found, 600.3, 100.2)["role"] == "wing"
    assert nearest(found, 600.0, 260.0)["reason"] == "galaxy"
    assert nearest(found, 600.0, 430.0)["reason"] in ("neighbour", "galaxy")
    assert nearest(found, 350.0, 20.0)["reason"] == "edge"
    bright = nearest(found, 600.0, 600.0)
    assert bright["saturated"] and bright["role"] == "wing"
    assert found.meta["n_core"] == 9
    assert sum(found.meta["n_rejected"].values()) + found.meta["n_core"] + found.meta["n_wing"] == len(found)
    assert set(found["reason"]) <= set(REASONS)


def test_tiles_give_the_same_stars(field):
    mosaic, _ = field
    whole = select_stars(mosaic)
    tiled = select_stars(mosaic, StarOptions(tile_px=256, overlap_px=128))
    whole, tiled = (t[t["role"] != "none"] for t in (whole, tiled))
    assert len(whole) == len(tiled)
    # The background mesh ends with the tile: fluxes move by little, positions by less.
    assert np.abs(whole["x"] - tiled["x"]).max() < 0.05
    assert np.abs(whole["mag_auto"] - tiled["mag_auto"]).max() < 0.05


def test_field_without_stars_says_what_to_do():
    rng = np.random.default_rng(1)
    sci = rng.normal(0, SIGMA, (300, 300))
    mosaic = Mosaic(sci, np.full(sci.shape, SIGMA**-2), tangent(300), PIXEL, "F200W", "f1")
    with pytest.raises(DataError, match="psf: file"):
        select_stars(mosaic)


def test_holes_are_filled_from_the_rim_and_large_gaps_are_not():
    sci = np.arange(900.0).reshape(30, 30)
    bad = np.zeros((30, 30), bool)
    bad[10:13, 10:13] = True
    bad[:, 22:] = True
    filled, holes, missing = fill_holes(sci, bad, 3.0)
    assert holes.sum() == 9 and holes[11, 11]
    assert missing[:, 22:].all() and not missing[:, :22].any()
    # two pixels from the rim: its highest value and twice the slope of the dome, the one peak of the hole
    assert filled[11, 11] == pytest.approx(sci[13, 13] * 1.2)
    assert filled[11, 11] == filled[9:14, 9:14].max() and np.sum(filled[9:14, 9:14] == filled[11, 11]) == 1


def test_list_survives_the_file(field, tmp_path):
    found = select_stars(field[0])
    path = tmp_path / "stars.ecsv"
    write_stars(path, found)
    back = read_stars(path)
    assert list(back["reason"]) == list(found["reason"])
    assert back.meta["locus"] == found.meta["locus"]
    assert back["x"].unit == "pix" and back["x"].description


def test_detections_without_a_shape_are_dropped(field):
    """sep gives NaN axes to slivers beside masked pixels; they must stop nothing, and the stars stay."""
    mosaic, stars = field
    rng = np.random.default_rng(8)
    sci, ivar = np.array(mosaic.sci, float), np.array(mosaic.ivar, float)
    masked = rng.uniform(size=sci.shape) < 0.25
    masked[:, 500:] = False  # sieved: every detection on the left is a sliver
    sci[:, :500] = np.where(
        masked[:, :500], np.nan, sci[:, :500] + 40 * (rng.uniform(size=(700, 500)) < 0.02)
    )
    ivar[masked] = 0.0
    found = detect(Mosaic(sci, ivar, mosaic.wcs, PIXEL, "F200W", "f1"), StarOptions())
    for name in ("x", "y", "mag_auto", "half_light_radius", "axis_ratio"):
        assert np.isfinite(found[name]).all(), name
    assert np.hypot(found["x"] - 600.0, found["y"] - 260.0).min() < 1.0


def test_shapes():
    names = ("x", "y", "a", "b", "theta")
    rows = [
        (5, 5, 2, 1, 0.1),
        (5, 5, np.nan, np.nan, np.nan),
        (5, 5, 2, 0, 0),
        (-3, 5, 2, 1, 0),
        (5, 12, 2, 1, 0),
    ]
    found = np.array(rows, dtype=[(name, float) for name in names])
    assert has_shape(found, (10, 10)).tolist() == [True, False, False, False, False]


def test_without_a_locus_detections_are_listed_where_no_star_is_needed():
    """One source in white noise: no locus, and its position serves the offsets."""
    image = np.random.default_rng(2).normal(0, SIGMA, (300, 300))
    moffat(image, 140.4, 150.2, 500.0)
    mosaic = Mosaic(
        image, np.full(image.shape, SIGMA**-2), tangent(300), PIXEL, "F200W", "f1", input_name="my.fits"
    )
    with pytest.raises(DataError, match="my.fits, stars: got .* detections"):
        select_stars(mosaic)
    found = select_stars(mosaic, required=False)
    assert (set(found["role"]), set(found["reason"]), found.meta["n_core"]) == ({"none"}, {"locus"}, 0)
    brightest = np.argmin(found["mag_auto"])
    assert (found["x"][brightest], found["y"][brightest]) == (
        pytest.approx(140.4, abs=0.2),
        pytest.approx(150.2, abs=0.2),
    )
