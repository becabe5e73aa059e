"""Files that pass from rule to rule: they come back as written, whole or not at all."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from clusterphot.base import products
from clusterphot.base.errors import DataError
from written_mosaic import write_mosaic


@pytest.fixture
def wcs():
    """A tangent plane of 0.04 arcsec per pixel, rotated by 30 degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [110.8, -73.45]
    wcs.wcs.crpix = [10, 12]
    wcs.wcs.cdelt = [-0.04 / 3600, 0.04 / 3600]
    angle = np.radians(30)
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return wcs


@pytest.fixture
def mosaic(wcs):
    """An image of 9 x 7 pixels whose values tell their place."""
    sci = np.arange(63.0).reshape(9, 7)
    return products.Mosaic(sci, 1 / (1 + sci), wcs, 0.04, "F150W", "f1", 3.5)


def test_mosaic_round_trip(tmp_path, mosaic):
    """Pixels are float32 on disk: 1.2e-7 relative. Integers below 2^24 are exact."""
    path = tmp_path / "m.fits"
    write_mosaic(path, mosaic)
    read = products.read_mosaic(path)
    np.testing.assert_array_equal(read.sci, mosaic.sci)
    np.testing.assert_allclose(read.ivar, mosaic.ivar, rtol=1.2e-7)
    assert (read.pixel_scale_arcsec, read.filter_name, read.field, read.gain_e_per_njy) == (
        0.04,
        "F150W",
        "f1",
        3.5,
    )
    assert read.shape == (9, 7)
    ra_dec = [[110.801, -73.4501]]
    # the header holds degrees to 1e-13 or so: 1e-5 of a pixel of 1e-5 deg is far more
    np.testing.assert_allclose(
        read.wcs.wcs_world2pix(ra_dec, 0), mosaic.wcs.wcs_world2pix(ra_dec, 0), atol=1e-5
    )
    header = fits.getheader(path, "IVAR")
    assert (header["BUNIT"], fits.getheader(path, "SCI")["BUNIT"]) == ("1/nJy2", "nJy")


def test_gain_is_optional(tmp_path, mosaic):
    import dataclasses

    path = tmp_path / "m.fits"
    write_mosaic(path, dataclasses.replace(mosaic, gain_e_per_njy=None))
    assert products.read_mosaic(path).gain_e_per_njy is None


def test_pixel_scale(wcs):
    """Rotation does not change it."""
    assert products.pixel_scale(wcs) == pytest.approx(0.04, rel=1e-12)


def test_region_inside(mosaic):
    sci, ivar = mosaic.region(2, 5, 1, 3)
    np.testing.assert_array_equal(sci, mosaic.sci[2:5, 1:3])
    np.testing.assert_array_equal(ivar, mosaic.ivar[2:5, 1:3])
    sci[:] = -1
    assert mosaic.sci.min() == 0, "a copy"


@pytest.mark.parametrize(
    ("region", "inside"),
    [
        ((-2, 2, -1, 3), np.s_[2:, 1:]),
        ((7, 11, 5, 9), np.s_[:2, :2]),
        ((-1, 10, -1, 8), np.s_[1:10, 1:8]),
    ],
    ids=["lower left", "upper right", "all around"],
)
def test_region_over_the_edge_is_zero_with_no_weight(mosaic, region, inside):
    y0, y1, x0, x1 = region
    sci, ivar = mosaic.region(*region)
    assert sci.shape == ivar.shape == (y1 - y0, x1 - x0)
    expected = mosaic.sci[max(y0, 0) : min(y1, 9), max(x0, 0) : min(x1, 7)]
    np.testing.assert_array_equal(sci[inside], expected)
    assert (ivar[inside] > 0).all()
    outside = np.ones(sci.shape, bool)
    outside[inside] = False
    assert outside.any() and (ivar[outside] == 0).all() and (sci[outside] == 0).all()


def test_region_beyond_the_image(mosaic):
    sci, ivar = mosaic.region(20, 24, -9, -5)
    assert sci.shape == (4, 4)
    assert not sci.any() and not ivar.any()


def test_psf_round_trip(tmp_path):
    data = np.random.default_rng(1).random((5, 5))
    psf = products.Psf(data, 0.02, "F090W", 0.97, 0.013, 0.06, 58, 4, {"METHOD": "stack"})
    path = tmp_path / "psf.fits"
    products.write_psf(path, psf)
    read = products.read_psf(path)
    np.testing.assert_array_equal(read.data, data)
    for name in (
        "pixel_scale_arcsec",
        "filter_name",
        "ee_stamp",
        "sys_error",
        "fwhm_arcsec",
        "n_stars",
        "flags",
    ):
        assert getattr(read, name) == getattr(psf, name)
    assert fits.getheader(path)["METHOD"] == "stack"


def test_psf_without_a_width(tmp_path):
    """NaN cannot be in a FITS header: the card is left out."""
    path = tmp_path / "psf.fits"
    products.write_psf(path, products.Psf(np.ones((3, 3)) / 9, 0.02))
    assert "FWHM" not in fits.getheader(path)
    assert np.isnan(products.read_psf(path).fwhm_arcsec)


def test_noise_round_trip(tmp_path):
    correlation = np.random.default_rng(2).random((7, 7))
    path = tmp_path / "noise.fits"
    products.write_noise(path, products.Noise(correlation, 0.25, "F277W", {"NPIX": 100}))
    read = products.read_noise(path)
    np.testing.assert_array_equal(read.correlation, correlation)
    assert (read.ivar_scale, read.filter_name) == (0.25, "F277W")
    assert fits.getheader(path)["NPIX"] == 100


def make_cutouts(ids, neighbours):
    """Cutouts of 3 x 3 pixels."""
    n = len(ids)
    data = np.arange(9.0 * n).reshape(n, 3, 3)
    places = np.arange(n)
    return products.Cutouts(
        ids,
        data,
        data + 1,
        places - 1,
        places + 1,
        places + 0.25,
        places + 0.1,
        neighbours,
        0.02,
        "F150W",
        2.5,
    )


def test_cutouts_round_trip(tmp_path):
    """Ids of any characters, neighbours per source, positions bit for bit."""
    ids = ["SC 1", "é/2 ☆", "a long name with, commas"]
    neighbours = [[("é/2 ☆", 1 / 3, 2.0), ("x", -4.5, 5.0)], [], [("SC 1", 0.1, 0.2)]]
    cutouts = make_cutouts(ids, neighbours)
    path = tmp_path / "c.fits"
    products.write_cutouts(path, cutouts)
    read = products.read_cutouts(path)
    assert read.ids == ids
    assert read.neighbours == neighbours
    for name in ("data", "ivar", "x0", "y0", "x", "y"):
        np.testing.assert_array_equal(getattr(read, name), getattr(cutouts, name))
    assert (read.pixel_scale_arcsec, read.filter_name, read.gain_e_per_njy) == (0.02, "F150W", 2.5)


def test_cutouts_without_neighbours(tmp_path):
    path = tmp_path / "c.fits"
    products.write_cutouts(path, make_cutouts(["a", "b"], [[], []]))
    assert products.read_cutouts(path).neighbours == [[], []]


def test_whole_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "x.txt"
    with products.whole_file(path) as temporary:
        with open(temporary, "w") as stream:
            stream.write("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.txt"]


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), products.whole_file(path) as temporary:
        with open(temporary, "w") as stream:
            stream.write("half")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("length", [100, 3000, 6000])
def test_a_damaged_intermediate_is_named_with_the_way_out(tmp_path, mosaic, length):
    path = tmp_path / "mosaic.fits"
    write_mosaic(path, mosaic)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=r"(?s)mosaic.fits: got a damaged file.*Hint: delete it"):
        products.read_mosaic(path)
