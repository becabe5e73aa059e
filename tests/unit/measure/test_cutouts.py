"""Cutouts of a small mosaic whose pixels say where they are."""

import numpy as np
import pytest
from astropy.wcs import WCS
from clusterphot.base.products import Mosaic
from clusterphot.measure.cutouts import cutout_pixels, make_cutouts
from gaussian_cutouts import with_neighbours

SCALE_ARCSEC = 0.02


@pytest.fixture
def mosaic():
    """200 x 240 px; pixel value 1000 y + x."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [110.0, -73.0]
    wcs.wcs.crpix = [120.0, 100.0]
    wcs.wcs.cdelt = [-SCALE_ARCSEC / 3600, SCALE_ARCSEC / 3600]
    wcs.wcs.set()
    y, x = np.mgrid[:200, :240]
    return Mosaic(1000.0 * y + x, np.ones((200, 240)), wcs, SCALE_ARCSEC, "F200W", "test", 2.5)


def listed(mosaic, places):
    """Source list (id, ra, dec) of pixel positions."""
    x, y = np.array(places, dtype=float).T
    ra, dec = mosaic.wcs.pixel_to_world_values(x, y)
    return [(f"s{i}", float(a), float(d)) for i, (a, d) in enumerate(zip(ra, dec, strict=True))]


def cut(mosaic, places, **kwargs):
    """Cutouts of pixel positions."""
    sources = listed(mosaic, places)
    return make_cutouts(mosaic, with_neighbours(sources, radius_arcsec=1.0), **kwargs)


@pytest.mark.parametrize(("size", "scale", "pixels"), [(0.8, 0.02, 41), (0.8, 0.04, 21), (0.5, 0.03, 19)])
def test_size_is_odd_and_covers_what_was_asked(size, scale, pixels):
    """0.8 arcsec is 40 px of 0.02 arcsec, and one more in the middle."""
    assert cutout_pixels(size, scale) == pixels


def test_pixels_and_positions(mosaic):
    """The middle pixel is the one that holds the source."""
    cutouts = cut(mosaic, [(100.3, 80.4), (60.0, 50.0)])
    assert cutouts.data.shape == (2, 41, 41)
    assert cutouts.data[0, 20, 20] == 80100
    assert (cutouts.x0[0], cutouts.y0[0]) == (80, 60)
    np.testing.assert_allclose(cutouts.x, [100.3, 60.0], atol=1e-6)
    assert cutouts.gain_e_per_njy == 2.5


def test_source_over_the_edge_is_kept(mosaic):
    """Pixels beyond the image have ivar 0; a source far outside has no valid pixel."""
    cutouts = cut(mosaic, [(2.0, 100.0), (1000.0, 100.0)])
    assert np.all(cutouts.ivar[0, :, :18] == 0)
    assert np.all(cutouts.ivar[0, :, 18:] == 1)
    assert np.all(cutouts.ivar[1] == 0)


def test_source_that_cannot_be_projected_is_kept(mosaic):
    """The far side of the sky has no place in a tangent plane."""
    sources = [("far", 290.0, 73.0)]
    cutouts = make_cutouts(mosaic, with_neighbours(sources, radius_arcsec=1.0))
    assert np.all(cutouts.ivar == 0)
    assert cutouts.ids == ["far"]


def test_nan_becomes_a_bad_pixel(mosaic):
    """So that it cannot spread."""
    mosaic.sci[80, 100] = np.nan
    mosaic.ivar[81, 100] = np.nan
    cutouts = cut(mosaic, [(100.0, 80.0)])
    assert np.all(np.isfinite(cutouts.data))
    assert cutouts.ivar[0, 20, 20] == 0
    assert cutouts.ivar[0, 21, 20] == 0


def test_neighbours_are_those_nearby(mosaic):
    """Within 0.55 arcsec = 27.5 px, or inside the cutout; nearest first, positions in pixels."""
    cutouts = cut(mosaic, [(100, 100), (125, 100), (100, 110), (119, 119), (100, 128), (60, 100)])
    assert [name for name, _, _ in cutouts.neighbours[0]] == ["s2", "s1", "s3"]
    assert cutouts.neighbours[0][0][1:] == pytest.approx((100.0, 110.0), abs=1e-6)


def test_cutouts_do_not_depend_on_the_chunk(mosaic):
    """Bit for bit: one source alone, or all in reverse order."""
    places = np.random.default_rng(1).uniform(10, 190, (30, 2))
    sources = listed(mosaic, places)
    members = with_neighbours(sources, radius_arcsec=1.0)
    together = make_cutouts(mosaic, members)
    backwards = make_cutouts(mosaic, members[::-1])
    alone = make_cutouts(mosaic, members[7:8])
    assert np.array_equal(together.data, backwards.data[::-1])
    assert np.array_equal(together.x, backwards.x[::-1])
    assert together.neighbours == backwards.neighbours[::-1]
    assert together.x[7] == alone.x[0]
    assert together.y[7] == alone.y[0]
    assert together.neighbours[7] == alone.neighbours[0]


def test_only_the_regions_asked_for_are_read(mosaic):
    """The image itself is never touched as a whole."""

    class Watched(Mosaic):
        """Mosaic that counts the pixels read."""

        def region(self, *box):
            pixels.append((box[1] - box[0]) * (box[3] - box[2]))
            return super().region(*box)

    pixels = []
    watched = Watched(mosaic.sci, mosaic.ivar, mosaic.wcs, SCALE_ARCSEC, "F200W", "test")
    cut(watched, [(100, 80), (60, 50), (61, 50)])
    assert pixels == [41**2] * 3


def test_empty_chunk_of_neighbours():
    """A list of one source has no neighbours."""
    sources = [("a", 10.0, 5.0)]
    assert with_neighbours(sources, radius_arcsec=1.0)[0]["neighbours"] == []
