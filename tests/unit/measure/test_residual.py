"""Fitted sources as an image and the mosaic without them, against Gaussians known on paper."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic, Psf
from clusterphot.base.psf_field import psf_over_field
from clusterphot.measure.residual import FittedSources, SourcePainter, fitted_sources, write_residual

SIDE, SIGMA_PX = 41, 1.6
NX, NY = 150, 120
SOURCES = FittedSources(
    x=np.array([40.3, 74.5, 149.2, -3.4, 60.0, 61.7]),
    y=np.array([31.8, 63.5, 119.4, 50.1, 60.2, 61.9]),
    flux=np.array([10.0, 25.0, 7.0, 4.0, 3.0, -1.0]),
)
"""In the middle, over the border of two blocks, in a corner, outside the mosaic, and two that overlap."""


def gaussian(x, y, sigma, shape=(NY, NX)):
    """A Gaussian of unit sum at a place."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / sigma**2) / (2 * np.pi * sigma**2)


def stamp(sigma):
    """PSF on its own stamp."""
    return gaussian(SIDE // 2, SIDE // 2, sigma, (SIDE, SIDE))


@pytest.fixture
def mosaic():
    """The sources on a sky of 0.5 nJy, with two bad pixels, one of them on a source."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [10.0, -5.0], [75.0, 60.0]
    wcs.wcs.cdelt = [-0.02 / 3600, 0.02 / 3600]
    sci, ivar = truth() + 0.5, np.full((NY, NX), 4.0)
    for place in ((32, 40), (5, 5)):
        sci[place] = ivar[place] = 0.0
    cards = fits.Header([("XTENSION", "IMAGE"), ("EXTNAME", "SCI"), ("BUNIT", "nJy"), ("SCISHA", "abc")])
    cards.update(wcs.to_header())
    return Mosaic(sci, ivar, wcs, 0.02, filter_name="F200W", field="f", cards=cards)


def truth():
    """The sources, each a Gaussian."""
    places = zip(SOURCES.x, SOURCES.y, SOURCES.flux, strict=True)
    return sum(flux * gaussian(x, y, SIGMA_PX) for x, y, flux in places)


@pytest.mark.parametrize("rows_per_block", [64, 256])
def test_what_is_left_is_the_sky(mosaic, tmp_path, rows_per_block):
    """No source and no hole, over borders of blocks and edges; bad pixels NaN; unit, sky and origin in the headers."""
    paths = [str(tmp_path / name) for name in ("model.fits", "residual.fits")]
    psf = Psf(stamp(SIGMA_PX), 0.02, "F200W")
    write_residual(mosaic, psf, SOURCES, *paths, cards={"NSOURCES": 6}, rows_per_block=rows_per_block)
    peak = truth().max()
    with fits.open(paths[0]) as model, fits.open(paths[1]) as residual:
        for hdus in (model, residual):
            hdus.verify("exception")
            header = hdus[0].header
            assert (header["BUNIT"], header["SCISHA"], header["NSOURCES"]) == ("nJy", "abc", 6)
            assert "CPVERS" in header and "EXTNAME" not in header and header["BITPIX"] == -32
            np.testing.assert_allclose(WCS(header).wcs.crval, [10.0, -5.0])
        np.testing.assert_allclose(model[0].data, truth(), atol=1e-4 * peak)
        bad = mosaic.ivar == 0
        np.testing.assert_array_equal(np.isnan(residual[0].data), bad)
        np.testing.assert_allclose(residual[0].data[~bad], 0.5, atol=1e-4 * peak)


def test_blocks_change_nothing():
    """To the last bit."""
    painter = SourcePainter(Psf(stamp(SIGMA_PX), 0.02))
    whole = painter.draw(SOURCES, 0, NY, NX)
    parts = [painter.draw(SOURCES, y0, y0 + 24, NX) for y0 in range(0, NY, 24)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_each_source_has_the_psf_of_its_place():
    """One that grows from left to right, and holds 90 % of the light."""
    sigma = np.array([1.5, 1.7, 1.5, 1.7])
    places = np.array([[0, 0], [NX - 1, 0], [0, NY - 1], [NX - 1, NY - 1]], dtype=float)
    stamps = 0.9 * np.array([stamp(one) for one in sigma])
    psf = psf_over_field(Psf(stamp(1.6), 0.02, ee_stamp=0.9), stamps, places)
    sources = FittedSources(np.array([0.0, 149.0]), np.array([60.0, 60.0]), np.array([2.0, 3.0]))
    image = SourcePainter(psf).draw(sources, 0, NY, NX)
    expected = 1.8 * gaussian(0, 60, 1.5) + 2.7 * gaussian(149, 60, 1.7)
    np.testing.assert_allclose(image, expected, atol=1e-4 * expected.max())


def test_every_source_is_drawn_once():
    """Not again as a neighbour, nor twice where two are one to the fit; those without a flux not at all."""
    rows = [
        ("a", "a", 10.0, 5.0), ("b", "a", 14.0, 6.0), ("b", "b", 14.1, 6.5), ("a", "b", 10.1, 5.5),
        ("failed", "failed", 50.0, np.nan),
        ("one", "one", 80.0, 9.0), ("same", "same", 80.9, 9.0),
        ("left", "left", 100.0, 3.0), ("middle", "middle", 101.0, 3.0), ("right", "right", 102.0, 3.0),
    ]  # fmt: skip
    ids, targets, x, flux = zip(*rows, strict=True)
    table = Table({"id": ids, "target_id": targets, "is_target": np.equal(ids, targets)})
    table["x_F200W"], table["flux_F200W"] = np.array(x) + 0.3, flux
    table["y_F200W"], table["dx_F200W"], table["dy_F200W"] = 20.0, 0.3, 0.0
    table.meta |= {"filter": "F200W", "pixel_scale_arcsec": 0.02}
    sources = fitted_sources([table[:2], table[2:]])
    np.testing.assert_allclose(sources.x, [10.3, 14.4, 80.3, 101.3])
    np.testing.assert_allclose(sources.flux, [5.0, 6.5, 9.0, 3.0])
