"""Offset between filters: recovered, robust, exactly zero where nothing is known."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, fourier_shift
from clusterphot.base.products import Mosaic, Psf
from clusterphot.base.psf_field import psf_over_field
from clusterphot.psf.offsets import (
    NO_STAR_ERROR_PX,
    Offset,
    _signal_share,
    fit_position,
    measure_offset,
    read_offset,
    with_offset_error,
    write_offset,
)

SIGMA = {"F200W": 1.6, "F356W": 1.8}
PIXEL = {"F200W": 0.02, "F356W": 0.04}


def gaussian(half, sigma):
    axis = np.arange(-half, half + 1)
    image = np.exp(-0.5 * (axis[None, :] ** 2 + axis[:, None] ** 2) / sigma**2)
    return image / image.sum()


def make_pair(offset, n_stars=12, *, psf_shift=(0.0, 0.0), outlier=False, seed=1):
    """Two mosaics of the same sky; the second one's sources are ``offset`` px off its WCS."""
    rng = np.random.default_rng(seed)
    sky = rng.uniform(-8.0, 8.0, (n_stars, 2))
    mosaics, psfs = {}, {}
    for name, pixel in PIXEL.items():
        n = int(22 / pixel)
        wcs = WCS(naxis=2)
        wcs.wcs.crpix, wcs.wcs.crval = [n / 2 + 0.5] * 2, [110.8, -73.4]
        wcs.wcs.cdelt, wcs.wcs.ctype = [-pixel / 3600, pixel / 3600], ["RA---TAN", "DEC--TAN"]
        image = rng.normal(0, 0.2, (n, n))
        shift = offset if name != "F200W" else (0.0, 0.0)
        stamp = gaussian(25, SIGMA[name])
        for k, (u, v) in enumerate(sky):
            x, y = n / 2 - 0.5 - u / pixel + shift[0], n / 2 - 0.5 + v / pixel + shift[1]
            if outlier and k == 0 and name != "F200W":
                x += 2.0
            ix, iy = int(round(x)), int(round(y))
            image[iy - 25 : iy + 26, ix - 25 : ix + 26] += 300.0 * fourier_shift(stamp, x - ix, y - iy)
        mosaics[name] = Mosaic(image, np.full((n, n), 25.0), wcs, pixel, name, "f1")
        psfs[name] = Psf(
            crop(fourier_shift(stamp, *psf_shift) if name != "F200W" else stamp, 24), pixel, name
        )
    n = mosaics["F200W"].shape[0]
    stars = Table({"x": n / 2 - 0.5 - sky[:, 0] / 0.02, "y": n / 2 - 0.5 + sky[:, 1] / 0.02})
    stars["role"], stars["saturated"] = "core", False
    return mosaics, psfs, stars


def run(mosaics, psfs, stars):
    return measure_offset(mosaics["F356W"], psfs["F356W"], mosaics["F200W"], psfs["F200W"], stars)


@pytest.mark.parametrize("outlier", [False, True])
def test_offset_is_recovered(outlier):
    offset = run(*make_pair((0.31, -0.17), outlier=outlier))
    assert offset.n_stars == 12 - outlier
    assert 0 < offset.dx_err < 0.02
    assert abs(offset.dx - 0.31) < 4 * offset.dx_err
    assert abs(offset.dy + 0.17) < 4 * offset.dy_err


def test_centring_of_the_psf_cancels():
    """A PSF 0.1 px off gives an offset 0.1 px smaller, as sources fitted with it need."""
    offset = run(*make_pair((0.3, 0.0), psf_shift=(0.1, 0.0)))
    assert offset.dx == pytest.approx(0.2, abs=4 * offset.dx_err)


def test_each_star_has_the_psf_of_its_place():
    """PSFs centred 0.2 px to the right on the left of the field, to the left on its right: so are their stars."""
    mosaics, psfs, stars = make_pair((0.0, 0.0))
    mosaic, one = mosaics["F200W"], psfs["F200W"]
    edge = float(mosaic.shape[1] - 1)
    stamps = np.array([fourier_shift(one.data, dx, 0.0) for dx in (0.2, -0.2)] * 2)
    changing = psf_over_field(one, stamps, [(x, y) for y in (0.0, edge) for x in (0.0, edge)])
    for x, y in zip(stars["x"], stars["y"], strict=True):
        moved = fit_position(mosaic, changing, x, y)[0] - fit_position(mosaic, one, x, y)[0]
        assert moved == pytest.approx(0.4 * x / edge - 0.2, abs=0.01)


def test_reference_filter_has_none():
    mosaics, psfs, stars = make_pair((0.3, 0.0), n_stars=3)
    offset = measure_offset(mosaics["F200W"], psfs["F200W"], mosaics["F200W"], psfs["F200W"], stars)
    assert (offset.dx, offset.dy, offset.measured) == (0.0, 0.0, True)


def test_no_star_and_one_star(tmp_path):
    mosaics, psfs, stars = make_pair((0.3, 0.0), n_stars=2)
    nothing = run(mosaics, psfs, stars[:0])
    assert (nothing.dx, nothing.dx_err, nothing.measured) == (0.0, NO_STAR_ERROR_PX, False)
    one = run(mosaics, psfs, stars[:1])
    assert one.measured and one.dx_err > 0
    write_offset(tmp_path / "o.ecsv", one, meta={"filter": "F356W"})
    assert read_offset(tmp_path / "o.ecsv") == one


def test_other_detections_serve_where_there_is_no_star():
    mosaics, psfs, stars = make_pair((0.3, -0.1), n_stars=6)
    stars["role"], stars["reason"], stars["mag_auto"] = "none", "locus", 25.0
    offset = run(mosaics, psfs, stars)
    assert offset.measured and offset.n_stars == 6
    assert (offset.dx, offset.dy) == (pytest.approx(0.3, abs=0.05), pytest.approx(-0.1, abs=0.05))
    stars["reason"] = np.full(len(stars), "masked")
    assert not run(mosaics, psfs, stars).measured


def test_faint_sources_measure_it_together():
    """Sixty sources of S/N 6 each, listed 0.3 px off: 46 together, so 0.06 px in F356W of sigma 1.8 px."""
    mosaics, psfs, stars = make_pair((0.6, -0.4), n_stars=60, seed=4)
    rng = np.random.default_rng(7)
    for name, mosaic in mosaics.items():
        noise = 300.0 / (6.0 * 2.0 * np.sqrt(np.pi) * SIGMA[name])
        noisy = mosaic.sci + rng.normal(0, noise, mosaic.shape)
        mosaics[name] = replace(mosaic, sci=noisy, ivar=np.full(mosaic.shape, noise**-2.0))
    for axis in ("x", "y"):
        stars[axis] = stars[axis] + rng.normal(0, 0.3, len(stars))
    stars["role"], stars["reason"], stars["mag_auto"], stars["snr"] = "none", "locus", 28.0, 6.0
    offset = run(mosaics, psfs, stars)
    assert offset.measured and 0.02 < offset.dx_err < 0.3
    assert (offset.dx, offset.dy) == (pytest.approx(0.6, abs=0.15), pytest.approx(-0.4, abs=0.15))


def test_a_sky_beyond_the_search_is_refused_not_zero():
    """Nine pixels off in x: no fit follows a star so far."""
    mosaics, psfs, stars = make_pair((9.0, 1.0))
    with pytest.raises(
        DataError, match=r"F356W, WCS: got a sky 0.36 arcsec .* \(x \+9, y \+1 px, from 12 sources\)"
    ):
        run(mosaics, psfs, stars)


def test_no_light_in_the_other_filter_is_unmeasured():
    mosaics, psfs, stars = make_pair((0.3, 0.0), n_stars=6)
    empty = np.random.default_rng(3).normal(0, 0.2, mosaics["F356W"].shape)
    mosaics["F356W"] = replace(mosaics["F356W"], sci=empty)
    offset = run(mosaics, psfs, stars)
    assert (offset.dx, offset.dx_err, offset.measured) == (0.0, NO_STAR_ERROR_PX, False)


def test_unmeasured_offset_is_a_flux_error():
    """A Gaussian of sigma s, fitted 0.3 px off on each axis, keeps exp(-0.18 / (4 s^2)) of its flux."""
    sigma = 1.5
    y, x = np.mgrid[-20:21, -20:21]
    data = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    psf = Psf(data / data.sum(), 0.02, "F200W", sys_error=0.01)
    offset = Offset(0.0, 0.0, 0.3, 0.3, 0, False)
    loss = 1 - np.exp(-0.18 / (4 * sigma**2))
    found = with_offset_error(psf, offset).sys_error
    assert found == pytest.approx(np.hypot(0.01, loss), rel=1e-3)


@pytest.mark.parametrize(
    ("shift", "share"),
    # noise^2 = 2 x 0.3^2 = 0.18: of a shift of (3, 4) px 1 - 0.18 / 25 is real, of one within its error nothing
    [((3.0, 4.0), 1 - 0.18 / 25), ((0.3, -0.3), 0.0), ((0.1, 0.0), 0.0), ((0.0, 0.0), 0.0)],
)
def test_a_faint_shift_counts_as_far_as_it_exceeds_its_noise(shift, share):
    assert _signal_share(shift, (0.3, 0.3)) == pytest.approx(share)
