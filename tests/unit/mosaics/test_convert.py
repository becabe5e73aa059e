"""Mosaics: conventions told by headers, what is refused, and the conversion by rows."""

import gzip
import mmap
import re
import tracemalloc
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import prepare_mosaic
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.products import Mosaic, read_mosaic, verify_pixels
from clusterphot.mosaics.celestial import sky_to_pixel
from clusterphot.mosaics.convert import check_depth, convert_mosaic, convert_pixels, depth_mag, find_constant
from clusterphot.mosaics.headers import check_overlap, contradicting_filter, inspect_mosaic
from clusterphot.mosaics.weights import Scatter
from image_field import write_pair
from written_mosaic import write_mosaic

NY, NX = 40, 31
PIXAR_SR = (0.04 / 206264.806247) ** 2
"""Area of a pixel of 0.04 arcsec; 1 rad = 206264.806247 arcsec."""


def wcs_cards(scale_arcsec=0.04, ra=110.8, dec=-73.45):
    return {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec,
        "CRPIX1": 16.0, "CRPIX2": 20.5, "CD1_1": -scale_arcsec / 3600, "CD2_2": scale_arcsec / 3600,
        "RADESYS": "ICRS",
    }  # fmt: skip


def header(**cards):
    out = fits.Header()
    for key, value in (wcs_cards() | cards).items():
        if value is not None:
            out[key.replace("_", "-") if key.startswith(("DATE", "MJD", "OBSGEO")) else key] = value
    return out


@pytest.fixture
def pixels():
    rng = np.random.default_rng(7)
    sci = rng.normal(0.0, 0.3, (NY, NX)).astype(np.float32)
    return sci, rng.uniform(5.0, 20.0, (NY, NX)).astype(np.float32)


@pytest.fixture
def dja(tmp_path, pixels):
    """Writer of a pair of files as the DAWN JWST Archive has them; returns their paths."""

    def write(sci=pixels[0], wht=pixels[1], suffix=".fits", **cards):
        cards = {"BUNIT": "10.0*nanoJansky", "PHOTFNU": 1e-8} | cards
        paths = tmp_path / f"a_drc_sci{suffix}", tmp_path / f"a_drc_wht{suffix}"
        for path, data in zip(paths, (sci, wht), strict=True):
            fits.PrimaryHDU(data, header(**cards)).writeto(path, overwrite=True)
        return tuple(map(str, paths))

    return write


@pytest.fixture
def i2d(tmp_path, pixels):
    """Writer of a file as MAST has them: SCI, ERR, CON (a cube), WHT, and what makes astropy warn."""

    def write(suffix=".fits", leave_out=(), **cards):
        cards = {
            "BUNIT": "MJy/sr", "PIXAR_SR": PIXAR_SR, "DATE_OBS": "2022-06-07", "MJD_OBS": 59737.1,
            "OBSGEO_X": 1e9, "OBSGEO_Y": 1e9, "OBSGEO_Z": 1e8,
        } | cards  # fmt: skip
        sci, ivar = pixels
        hdus = [
            fits.PrimaryHDU(header=fits.Header({"TELESCOP": "JWST"})),
            fits.ImageHDU(sci, header(**cards), name="SCI"),
            fits.ImageHDU(1 / np.sqrt(ivar), name="ERR"),
            fits.ImageHDU(np.zeros((1, NY, NX), np.int32), name="CON"),
            fits.ImageHDU(np.full((NY, NX), 3.0, np.float32), name="WHT"),
        ]
        path = str(tmp_path / f"a_i2d{suffix}")
        fits.HDUList([hdu for hdu in hdus if hdu.name not in leave_out]).writeto(path, overwrite=True)
        return path

    return write


def converted(info, tmp_path, **options):
    out = str(tmp_path / "mosaic.fits")
    counts = convert_mosaic(info, out, filter_name="F200W", field="f1", **options)
    return read_mosaic(out), counts


# ---------------------------------------------------------------------------------------- conventions


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_dja_pair_becomes_njy(dja, pixels, tmp_path, suffix):
    info = inspect_mosaic(*dja(suffix=suffix))
    assert (info.convention, info.unit_factor_njy, info.shape) == ("dja", 10.0, (NY, NX))
    assert info.pixel_scale_arcsec == pytest.approx(0.04, rel=1e-6)
    mosaic, counts = converted(info, tmp_path, rows_per_block=7)  # 40 rows: the last block is short
    np.testing.assert_allclose(mosaic.sci, pixels[0] * 10, rtol=1e-6)
    np.testing.assert_allclose(mosaic.ivar, pixels[1] / 100, rtol=1e-6)
    assert (counts.total, counts.good) == (NY * NX, NY * NX)
    assert (mosaic.filter_name, mosaic.field, mosaic.gain_e_per_njy) == ("F200W", "f1", None)


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_mast_i2d_uses_pixel_area_and_err(i2d, pixels, tmp_path, suffix):
    info = inspect_mosaic(i2d(suffix))
    factor = PIXAR_SR * 1e15  # MJy/sr x sr = 1e6 Jy = 1e15 nJy
    assert info.convention == "mast_i2d"
    assert info.unit_factor_njy == pytest.approx(factor, rel=1e-12)
    mosaic, _ = converted(info, tmp_path)
    np.testing.assert_allclose(mosaic.sci, pixels[0] * factor, rtol=1e-6)
    np.testing.assert_allclose(mosaic.ivar, pixels[1] / factor**2, rtol=1e-5)


def test_weights_behind_a_gzipped_image_are_looked_for_only_on_demand(i2d):
    path = i2d(".fits.gz")
    assert inspect_mosaic(path).weight is None
    deep = inspect_mosaic(path, deep=True)
    assert (deep.weight.name, deep.weight_kind) == ("ERR", "err")


def test_wht_extension_serves_where_there_is_no_err(i2d, tmp_path):
    info = inspect_mosaic(i2d(leave_out=("ERR",)))
    assert (info.weight.name, info.weight_kind) == ("WHT", "ivar")


@pytest.mark.parametrize(
    ("unit", "njy"),
    [("nJy", 1), ("uJy", 1e3), ("Jy/pixel", 1e9), ("1e-8 Jy", 10), ("mJy/arcsec2", 1e6 * 0.04**2)],
)
def test_generic_units(dja, unit, njy):
    info = inspect_mosaic(*dja(BUNIT=unit, PHOTFNU=None, PIXAR_SR=PIXAR_SR))
    assert info.convention == "generic"
    assert info.unit_factor_njy == pytest.approx(njy, rel=1e-9)


def test_own_mosaic_is_read_back_with_its_gain(pixels, tmp_path):
    path = str(tmp_path / "own.fits")
    write_mosaic(path, Mosaic(*pixels, WCS(header()), 0.04, "F200W", "f1", gain_e_per_njy=12.0))
    info = inspect_mosaic(path)
    assert (info.convention, info.unit_factor_njy, info.gain_e_per_njy) == ("clusterphot", 1.0, 12.0)
    mosaic, _ = converted(info, tmp_path, zero_point_factor=2.0)  # twice the nJy for the same electrons
    assert mosaic.gain_e_per_njy == 6.0
    np.testing.assert_allclose(mosaic.sci, pixels[0] * 2, rtol=1e-6)
    np.testing.assert_allclose(mosaic.ivar, pixels[1] / 4, rtol=1e-6)


def test_foreign_gain_is_not_electrons_per_njy(dja, tmp_path):
    mosaic, _ = converted(inspect_mosaic(*dja(GAIN=2.05)), tmp_path)
    assert mosaic.gain_e_per_njy is None


def test_gain_from_the_config_is_kept_and_refused_beside_err(dja, i2d, tmp_path):
    mosaic, _ = converted(inspect_mosaic(*dja()), tmp_path, gain_e_per_njy=5.0)
    assert mosaic.gain_e_per_njy == 5.0
    with pytest.raises(ConfigError, match="ERR includes the sources' Poisson noise"):
        converted(inspect_mosaic(i2d()), tmp_path, gain_e_per_njy=5.0)


# ---------------------------------------------------------------------------------------- the conversion


def test_bad_pixels_are_zero_with_no_weight(dja, pixels, tmp_path):
    sci, wht = (plane.copy() for plane in pixels)
    sci[0, 0], sci[1, 1] = np.nan, np.inf
    wht[2, 2], wht[3, 3], wht[4, 4], wht[5, 5] = 0.0, -1.0, np.nan, np.inf
    mosaic, counts = converted(inspect_mosaic(*dja(sci, wht)), tmp_path, rows_per_block=3)
    bad = np.zeros((NY, NX), bool)
    bad[range(6), range(6)] = True
    assert np.all(mosaic.sci[bad] == 0) and np.all(mosaic.ivar[bad] == 0)
    assert np.all(mosaic.ivar[~bad] > 0)
    assert counts.good == counts.total - 6
    assert (counts.not_finite, counts.weight_not_finite) == (2, 2)
    assert (counts.weight_zero, counts.weight_negative) == (1, 1)


def test_zero_point_factor_scales_flux_and_error_alike(dja, pixels, tmp_path):
    info = inspect_mosaic(*dja())
    one, _ = converted(info, tmp_path)
    snr = np.array(one.sci * np.sqrt(one.ivar))
    scaled, _ = converted(info, tmp_path, zero_point_factor=1.03)
    np.testing.assert_allclose(scaled.sci, pixels[0] * 10.3, rtol=1e-6)
    np.testing.assert_allclose(scaled.sci * np.sqrt(scaled.ivar), snr, rtol=1e-5)


def test_scaled_integers_and_blank(dja, pixels, tmp_path):
    stored = np.arange(NY * NX, dtype=np.int16).reshape(NY, NX)
    sci, wht = dja()
    hdu = fits.PrimaryHDU(stored, header(BUNIT="nJy"))
    hdu.header["BLANK"] = 5
    hdu.writeto(sci, overwrite=True)
    with fits.open(sci, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header["BSCALE"], hdus[0].header["BZERO"] = 0.5, -100.0
    mosaic, counts = converted(inspect_mosaic(sci, wht), tmp_path)
    expected = stored * 0.5 - 100.0
    expected[stored == 5] = 0.0
    np.testing.assert_allclose(mosaic.sci, expected)
    assert counts.not_finite == 1
    assert mosaic.ivar[stored == 5] == 0


def test_result_does_not_depend_on_the_block_size(dja, tmp_path):
    info, files = inspect_mosaic(*dja()), []
    for rows in (1, 13, 1000):
        converted(info, tmp_path, rows_per_block=rows)
        files.append((tmp_path / "mosaic.fits").read_bytes())
    assert files[0] == files[1] == files[2]


def test_output_is_a_sound_fits_file_that_maps(i2d, tmp_path):
    path = i2d()
    mosaic, _ = converted(inspect_mosaic(path), tmp_path)
    with fits.open(tmp_path / "mosaic.fits") as hdus:  # warnings are errors here
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "IVAR"]
        assert (hdus["SCI"].header["BUNIT"], hdus["IVAR"].header["BUNIT"]) == ("nJy", "1/nJy2")
    base = mosaic.sci
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = WCS(fits.getheader(path, "SCI"))
    corners = [-0.5, 30.5, 12.3], [-0.5, 39.5, 20.1]
    np.testing.assert_allclose(
        mosaic.wcs.all_pix2world(*corners, 0), original.all_pix2world(*corners, 0), rtol=0, atol=1e-11
    )


def test_memory_is_that_of_a_few_blocks(tmp_path):
    """Planes of 96 MB; a block of 64 rows of 6000 is 3 MB in float64, and about ten arrays of it live."""
    row = np.random.default_rng(1).normal(size=6000).astype(">f4")
    paths = []
    for name, values in (("sci", row), ("wht", np.abs(row) + 1)):
        head = header(BUNIT="10.0*nanoJansky")
        cards = {"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 6000, "NAXIS2": 4000}
        full = fits.Header(list(cards.items()))
        full.extend(head, strip=True)
        paths.append(str(tmp_path / f"{name}.fits.gz"))
        with gzip.open(paths[-1], "wb", compresslevel=1) as file:
            file.write(full.tostring().encode())
            for _ in range(100):
                file.write(values.astype(">f4").tobytes() * 40)
            file.write(bytes(-4 * 6000 * 4000 % 2880))
    info = inspect_mosaic(*paths)
    tracemalloc.start()
    try:
        convert_mosaic(info, tmp_path / "m.fits", filter_name="F200W", field="f1", rows_per_block=64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6
    assert np.array_equal(read_mosaic(tmp_path / "m.fits").sci[3999], (row * np.float64(10)).astype("f4"))


def test_convert_pixels_on_paper():
    flux, ivar = convert_pixels(np.array([2.0, 2.0]), np.array([0.5, -0.5]), 10.0, weight_kind="err")
    assert flux.tolist() == [20.0, 0.0]
    assert ivar.tolist() == pytest.approx([1 / 25, 0.0])  # error 0.5 x 10 nJy
    with pytest.raises(ValueError, match="weight_kind"):
        convert_pixels(np.ones(1), np.ones(1), 1.0, weight_kind="rms")


# -------------------------------------------------------------------------------------------- refusals


def refused(match, *args, **options):
    with pytest.raises(DataError, match=match) as caught:
        inspect_mosaic(*args, **options)
    return caught.value


def test_missing_file_directory_and_other_files(dja, tmp_path):
    sci, wht = dja()
    assert "nowhere.fits" in refused("No such file", "nowhere.fits", wht).where
    refused("Is a directory", str(tmp_path), wht)
    other = tmp_path / "page.fits"
    for content, match in (
        (b"<html>", "a web page"),
        (b"", "an empty file"),
        (b"PK\3\4....", "other content"),
    ):
        other.write_bytes(content)
        refused(match, str(other), wht)
        refused(match, sci, str(other))


def test_units_that_are_missing_unknown_or_contradictory(dja, i2d):
    refused("BUNIT.*no unit", *dja(BUNIT=None, PHOTFNU=None))
    assert "1e-08 Jy" in refused("no unit", *dja(BUNIT=None)).hint
    refused("BUNIT.*'banana'", *dja(BUNIT="banana"))
    refused("BUNIT.*'electron/s' without PHOTFNU", *dja(BUNIT="electron/s", PHOTFNU=None))
    refused("BUNIT.*'ELECTRONS'.*expected a rate", *dja(BUNIT="ELECTRONS"))
    refused(r"PHOTFNU.*expected 1e-08 Jy", *dja(PHOTFNU=3e-8))
    assert "sr" in refused("PIXAR_SR.*no value", i2d(PIXAR_SR=None)).hint
    refused("PIXAR_SR.*expected 3.7607e-14 sr", i2d(PIXAR_SR=PIXAR_SR / 4))  # (0.04 arcsec)^2


def test_wcs_that_is_missing_or_not_equatorial(dja):
    none = dict.fromkeys(wcs_cards())
    refused("celestial WCS", *dja(**none))
    refused("axes RA and Dec", *dja(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN"))
    refused("ICRS or FK5", *dja(RADESYS="FK4", EQUINOX=1950.0))
    refused("square pixels", *dja(CD2_2=0.05 / 3600))


def test_weights_that_do_not_fit(dja, i2d, pixels, tmp_path):
    refused("shape of the weight.*got 10 x 31, expected 40 x 31", *dja(wht=pixels[1][:10]))
    sci, wht = dja()
    fits.PrimaryHDU(pixels[1], header(CRPIX1=18.0)).writeto(wht, overwrite=True)
    refused("pixels that lie up to 2.0 px", sci, wht)
    refused("extensions.*got none", sci)
    refused("one of IVAR, ERR, WHT", i2d(leave_out=("ERR", "WHT")))
    refused("shape of the weight", i2d(), *dja(wht=pixels[1][1:])[1:])


def test_images_that_are_not_planes(dja, pixels, tmp_path):
    refused(
        r"2 x 40 x 31 \(RA---TAN of 31, DEC--TAN of 40, FREQ of 2\)",
        *dja(sci=np.stack([pixels[0]] * 2), CTYPE3="FREQ"),
    )
    fits.PrimaryHDU().writeto(tmp_path / "e.fits")
    refused("no image", str(tmp_path / "e.fits"))


def test_swapped_files(dja, pixels, tmp_path):
    sci, wht = dja()
    assert "exchange" in refused("the image as sci", wht, sci).hint
    refused("two files", sci, sci)
    swapped = inspect_mosaic(*dja(sci=pixels[1], wht=pixels[0]))  # right names, wrong content
    with pytest.raises(DataError, match="look exchanged"):
        converted(swapped, tmp_path)
    assert not (tmp_path / "mosaic.fits").exists()


def test_no_usable_pixel(dja, pixels, tmp_path):
    with pytest.raises(DataError, match="no usable pixel among 1240"):
        converted(inspect_mosaic(*dja(wht=pixels[1] * 0)), tmp_path)


def test_truncated_files_leave_no_output(dja, tmp_path):
    sci, wht = dja()
    content = Path(sci).read_bytes()
    Path(sci).write_bytes(content[:4000])
    refused("truncated", sci, wht)
    Path(sci).write_bytes(content[:2000])
    refused("header without END", sci, wht)

    sci, wht = dja(suffix=".fits.gz")
    packed = Path(wht).read_bytes()
    damaged = bytearray(packed)
    damaged[-6] ^= 255  # checksum
    for bad in (packed[: len(packed) // 2], packed[:-4], bytes(damaged)):
        Path(wht).write_bytes(bad)
        info = inspect_mosaic(sci, wht)  # the header is whole
        with pytest.raises(DataError, match=r"a_drc_wht.*damaged gzip file"):
            converted(info, tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "a_drc_sci.fits", "a_drc_sci.fits.gz", "a_drc_wht.fits", "a_drc_wht.fits.gz",
        ]  # fmt: skip


def test_overlap(dja):
    info = inspect_mosaic(*dja())
    assert check_overlap(info, [110.8, 110.9], [-73.45, -73.45]).tolist() == [True, False]
    x, y = sky_to_pixel(info.wcs, [110.8], [-73.45])
    np.testing.assert_allclose([x[0], y[0]], [15.0, 19.5], atol=1e-8)  # CRPIX - 1
    for ra, dec in (([64.0], [-24.0]), ([290.8], [73.45])):  # elsewhere, and the antipode
        with pytest.raises(DataError, match="none of 1 sources"):
            check_overlap(info, ra, dec)
    assert info.corners_deg.shape == (4, 2)


def test_driver(dja, tmp_path):
    sci, wht = dja()
    smk = SimpleNamespace(
        input=SimpleNamespace(sci=sci, wht=wht),
        output=SimpleNamespace(mosaic=str(tmp_path / "m.fits")),
        params=SimpleNamespace(zero_point_factor=1.0, gain_e_per_njy=None),
        wildcards=SimpleNamespace(field="f1", filter="F090W"),
    )
    prepare_mosaic.main(smk)
    assert read_mosaic(tmp_path / "m.fits").filter_name == "F090W"


def test_a_factor_for_a_calibration(dja, pixels, tmp_path):
    """The factor of the CRDS context that the header names, times the user's own; what the header says stays."""
    sci, wht = dja(CRDS_CTX="jwst_0942.pmap", GRIZLIV="1.9")
    factors = tmp_path / "factors.csv"
    factors.write_text("filter,context,factor\nF090W,jwst_0942.pmap,1.03\nF090W,,0.9\nF200W,,2\n")
    smk = SimpleNamespace(
        input=SimpleNamespace(sci=sci, wht=wht),
        output=SimpleNamespace(mosaic=str(tmp_path / "m.fits")),
        params=SimpleNamespace(
            zero_point_factor=1.1, gain_e_per_njy=None, calibration={"factors": str(factors)}
        ),
        wildcards=SimpleNamespace(field="f1", filter="F090W"),
    )
    prepare_mosaic.main(smk)
    np.testing.assert_allclose(read_mosaic(tmp_path / "m.fits").sci, pixels[0] * 10 * 1.1 * 1.03, rtol=1e-6)
    cards = fits.getheader(tmp_path / "m.fits", "SCI")
    assert (cards["CRDS_CTX"], cards["GRIZLIV"], cards["PHOTFNU"]) == ("jwst_0942.pmap", "1.9", 1e-8)
    assert cards["ZPFACTOR"] == pytest.approx(1.133)
    factors.write_text("filter,context,factor\nF090W,jwst_1100.pmap,1.03\n")
    with pytest.raises(DataError, match="no row for module unknown and context jwst_0942.pmap"):
        prepare_mosaic.main(smk)


# ------------------------------------------------------------------------- images as others make them


def test_electrons_per_second_of_hst(dja):
    """WFC3/IR F105W: PHOTFNU 1.1285e-7 Jy s/electron is PHOTFLAM 3.0386e-20 erg/s/cm2/A at a pivot of 10552 A."""
    cards = {"BUNIT": "ELECTRONS/S", "PHOTFNU": 1.1285e-7}
    assert inspect_mosaic(*dja(**cards)).unit_factor_njy == pytest.approx(112.85)
    hst = {"PHOTFLAM": 3.0386e-20, "PHOTPLAM": 10552.0}
    info = inspect_mosaic(*dja(**cards | hst))
    assert (info.convention, info.unit_factor_njy) == ("hst", pytest.approx(112.85, rel=1e-3))
    assert inspect_mosaic(*dja(**cards | hst | {"PHOTFNU": None})).unit_factor_njy == pytest.approx(
        112.85, rel=1e-3
    )
    refused("112.* nJy from PHOTFLAM", *dja(**cards | hst | {"PHOTFNU": 2e-7}))


def test_calibration_in_the_primary_header(tmp_path, pixels):
    path = str(tmp_path / "a_drz.fits")
    primary = fits.PrimaryHDU(header=fits.Header({"PHOTFNU": 1e-7, "FILTER": "F105W"}))
    sci = fits.ImageHDU(pixels[0], header(BUNIT="ELECTRONS/S"), name="SCI")
    fits.HDUList([primary, sci, fits.ImageHDU(pixels[1], name="WHT")]).writeto(path)
    info = inspect_mosaic(path)
    assert info.unit_factor_njy == pytest.approx(100.0)
    error, source = contradicting_filter(info, "F125W")
    assert "F105W" in str(error) and source == "header"
    assert contradicting_filter(info, "wfc3_ir_f105w") == (None, "")


@pytest.mark.parametrize("tile", [(1, NX), (16, 10)])
def test_tile_compressed_is_read_like_plain(dja, pixels, tmp_path, tile):
    plain, paths = inspect_mosaic(*dja(CRVAL1=110.8)), []
    for path in dja():
        with fits.open(path) as hdus:
            packed = fits.CompImageHDU(
                hdus[0].data, hdus[0].header, compression_type="GZIP_2", quantize_level=0, tile_shape=tile
            )
            paths.append(path + ".fz")
            fits.HDUList([fits.PrimaryHDU(), packed]).writeto(paths[-1])
    info = inspect_mosaic(*paths)
    assert (info.sci.tiled, info.sci.name, info.shape) == (True, "", (NY, NX))
    one, _ = converted(plain, tmp_path)
    sci, ivar = np.array(one.sci), np.array(one.ivar)
    two, _ = converted(info, tmp_path, rows_per_block=7)
    assert np.array_equal(two.sci, sci) and np.array_equal(two.ivar, ivar)


def test_damaged_tiles_are_named(dja, pixels, tmp_path):
    _, wht = dja()
    path = str(tmp_path / "b_sci.fits.fz")
    packed = fits.CompImageHDU(pixels[0], header(BUNIT="nJy"), compression_type="GZIP_2", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    content = bytearray(Path(path).read_bytes())
    start = content.rindex(b"END     ")
    heap = -(-start // 2880) * 2880 + NY * 8
    content[heap : heap + 4000] = b"\x55" * 4000
    Path(path).write_bytes(content)
    with pytest.raises(DataError, match="b_sci.fits.fz: got damaged tiles"):
        converted(inspect_mosaic(path, wht), tmp_path)


def test_axes_of_one_pixel_and_of_the_header_only(dja, pixels, tmp_path):
    flat = converted(inspect_mosaic(*dja()), tmp_path)[0]
    sci = np.array(flat.sci)
    info = inspect_mosaic(*dja(sci=pixels[0][None], wht=pixels[1][None]))
    assert info.shape == (NY, NX) and np.array_equal(converted(info, tmp_path)[0].sci, sci)
    frequency = {
        "WCSAXES": 3,
        "CTYPE3": "FREQ",
        "CRVAL3": 1.5e14,
        "CRPIX3": 1.0,
        "CDELT3": 1e13,
        "CUNIT3": "Hz",
    }
    assert inspect_mosaic(*dja(**frequency)).pixel_scale_arcsec == pytest.approx(0.04, rel=1e-6)


def test_sip_terms_that_ctype_does_not_ask_for_are_left_out_and_told(dja, tmp_path, caplog):
    sip = {"A_ORDER": 2, "A_2_0": 1e-4, "B_ORDER": 2, "B_0_2": -1e-4}
    info = inspect_mosaic(*dja(**sip))
    assert info.wcs.sip is None and "SIP" in info.notes[0]
    converted(info, tmp_path)
    assert "SIP terms" in caplog.text
    meant = inspect_mosaic(*dja(**sip | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}))
    assert meant.wcs.sip is not None and not meant.notes


@pytest.mark.parametrize(("excess", "n_notes"), [(1.005, 0), (1.03, 1), (0.97, 1)])
def test_pixel_area_unlike_the_pixels(i2d, excess, n_notes):
    info = inspect_mosaic(i2d(PIXAR_SR=PIXAR_SR * excess))
    assert len(info.notes) == n_notes
    assert all("PIXAR_SR" in note and "WCS (CD, CDELT)" in note for note in info.notes)
    refused(
        r"pixels of 0.0800 arcsec\), \+300.0% from the WCS.*\(0.0400 arcsec\)", i2d(PIXAR_SR=PIXAR_SR * 4)
    )


def test_zeros_and_runs_of_one_value_are_no_data(dja, pixels, tmp_path):
    sci = pixels[0].copy()
    sci[:, 20:] = 0.0
    sci[5, 3:8] = 7.25  # a run of five
    sci[6, 3:6] = 7.25  # of three
    info = inspect_mosaic(*dja(sci))
    mosaic, counts = converted(info, tmp_path)
    bad = np.array(mosaic.ivar) == 0
    assert bad[:, 20:].all() and bad[5, 3:8].all() and bad.sum() == NY * (NX - 20) + 5
    assert counts.constant == bad.sum()
    integers = np.arange(NY * NX).reshape(NY, NX) // 8
    assert not find_constant(integers, SimpleNamespace(header={"BITPIX": 16})).any()


# ------------------------------------------------------------------------------- what a weight map is


def noisy_pair(tmp_path, sigma, weight, name="wht", unit=None, key="wht"):
    """Noise of a known map of sigma beside a map that a user has of it, and the key it is given by."""
    noise = np.random.default_rng(3).normal(size=sigma.shape) * sigma
    paths = tmp_path / "n_sci.fits", tmp_path / f"n_{name}.fits"
    fits.PrimaryHDU(noise.astype("f4"), header(BUNIT="nJy")).writeto(paths[0], overwrite=True)
    fits.PrimaryHDU(weight.astype("f4"), header(BUNIT=unit)).writeto(paths[1], overwrite=True)
    return inspect_mosaic(str(paths[0]), **{key: str(paths[1])})


@pytest.fixture
def two_depths():
    """1-sigma errors of a field of two depths, nJy."""
    sigma = np.full((NY, 200), 0.5)
    sigma[:, 100:] = 2.0
    return sigma


def test_errors_given_as_errors(tmp_path, two_depths):
    mosaic, _ = converted(noisy_pair(tmp_path, two_depths, two_depths, "rms", "nJy", "err"), tmp_path)
    np.testing.assert_allclose(mosaic.ivar, two_depths**-2.0, rtol=1e-6)
    mosaic, _ = converted(noisy_pair(tmp_path, two_depths, two_depths * 1e-3, "rms", "uJy", "err"), tmp_path)
    np.testing.assert_allclose(mosaic.ivar, two_depths**-2.0, rtol=1e-5)


def test_weights_in_a_unit_of_their_own(tmp_path, two_depths):
    mosaic, _ = converted(noisy_pair(tmp_path, two_depths, 1e6 * two_depths**-2.0, unit="1/uJy2"), tmp_path)
    np.testing.assert_allclose(mosaic.ivar, two_depths**-2.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "unit", "key", "match"),
    [
        ("rms", None, "wht", "an error map .so says its name.*Hint: give it as `err:`"),
        ("map", "nJy", "wht", "an error map .so says BUNIT"),
        ("wht", "nJy2", "wht", "a variance map .so says BUNIT"),
        ("var", None, "wht", "a variance map"),
        ("wht", "s", "wht", "an exposure map"),
        ("exptime", None, "wht", "an exposure map"),
        ("wht", "mag", "wht", "a map in mag"),
        ("wht", None, "err", "inverse variances .so says its name.*give it as `wht:`"),
        ("rms", "1/nJy2", "err", "inverse variances"),
        ("rms", "MJy/sr", "err", "BUNIT of the image: got 'MJy/sr', expected 'nJy'"),
    ],
)
def test_maps_of_another_kind_by_name_or_unit(tmp_path, two_depths, name, unit, key, match):
    with pytest.raises(DataError, match=re.compile(match, re.DOTALL)):
        noisy_pair(tmp_path, two_depths, two_depths, name, unit, key)


def test_maps_of_another_kind_by_the_pixels(tmp_path, two_depths):
    """A name and a copied unit that say weight, over errors; and the reverse."""
    with pytest.raises(
        DataError, match="scatter more where the weight is larger, by 0.* of it: it is an error map"
    ):
        converted(noisy_pair(tmp_path, two_depths, two_depths, "wht", "nJy"), tmp_path)
    with pytest.raises(DataError, match="scatter less where the error is larger"):
        converted(noisy_pair(tmp_path, two_depths, two_depths**-2.0, "rms", "nJy", "err"), tmp_path)


def test_relative_weights_pass_with_a_word(tmp_path, two_depths, caplog):
    converted(noisy_pair(tmp_path, two_depths, 4e4 * two_depths**-2.0), tmp_path)
    assert "errors will be scaled to the scatter of blank sky" in caplog.text


@pytest.mark.parametrize(
    ("unit", "says"), [("furlong", True), ("nJy", False), ("UNITLESS", False), (None, False)]
)
def test_an_unknown_unit_of_weights_passes_with_a_word(tmp_path, two_depths, caplog, unit, says):
    """That of the image, or none, is what archives write."""
    mosaic, _ = converted(noisy_pair(tmp_path, two_depths, two_depths**-2.0, unit=unit), tmp_path)
    np.testing.assert_allclose(mosaic.ivar, two_depths**-2.0, rtol=1e-6)
    assert ("unknown unit 'furlong'" in caplog.text) == says


def test_both_weights_and_errors(dja):
    sci, wht = dja()
    with pytest.raises(ConfigError, match="expected one of the two"):
        inspect_mosaic(sci, wht, err=wht)


def test_a_few_negative_weights_are_bad_pixels(dja, pixels, tmp_path, caplog):
    """Lanczos ringing below zero at an edge, beside an image whose sky is not subtracted: nothing is exchanged."""
    wht = pixels[1].copy()
    wht[3, 5:9] = -1e-4
    mosaic, counts = converted(inspect_mosaic(*dja(sci=pixels[0] + 20, wht=wht)), tmp_path)
    assert counts.weight_negative == 4 and np.array_equal(
        np.argwhere(np.array(mosaic.ivar) == 0)[:, 1], [5, 6, 7, 8]
    )
    assert "4 of 1240 weights below zero" in caplog.text


@pytest.mark.parametrize(
    ("sigma", "says"),
    [(0.0, "one and the same value"), (1e4, "18.0 AB at 5 sigma"), (1e-3, "35.5 AB at 5 sigma"), (1.0, None)],
)
def test_noise_of_no_telescope_is_refused(sigma, says):
    """Of 1 nJy in 19.6 pixels of 0.04 arcsec within 0.1: 5 sigma are 22.2 nJy, 28.0 AB."""
    info = SimpleNamespace(
        sci=SimpleNamespace(path="sci.fits"), unit="nJy", unit_factor_njy=1.0, pixel_scale_arcsec=0.04
    )
    scatter = Scatter(sigma, 1.0, float("nan"))
    if says is None:
        check_depth(info, scatter)
        assert depth_mag(info, scatter) == pytest.approx(28.03, abs=0.01)
    else:
        with pytest.raises(DataError, match=says):
            check_depth(info, scatter)
    check_depth(info, None)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("NAXIS1", "1e400", "a header without proper BITPIX and NAXIS"),
        ("NAXIS1", "-1e400", "a header without proper BITPIX and NAXIS"),
        ("NAXIS1", "-0.5", "a header without proper BITPIX and NAXIS (NAXIS1 is -0.5)"),
        ("WCSAXES", "99999999", "WCSAXES 99999999, expected a number of axes up to 9"),
        ("WCSAXES", "'abc'", "WCSAXES that is no number, expected"),
        ("WCSAXES", "1e400", "WCSAXES inf, expected"),
        ("TFIELDS", "99999999", "TFIELDS 99999999, expected a number of columns up to 999"),
    ],
)
def test_numbers_of_axes_and_columns_that_no_file_has(tmp_path, name, value, says):
    """They would overflow, take all memory (and the process with it), or hours."""
    write_pair(tmp_path, "a")
    path = tmp_path / "a_sci.fits"
    if name == "TFIELDS":
        header, sci = fits.getheader(path), fits.getdata(path)
        packed = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(sci, header)])
        packed.writeto(path, overwrite=True)
    content = path.read_bytes()
    card = content.index(name.ljust(8).encode() + b"= ") + 10
    path.write_bytes(content[:card] + value.encode().rjust(20) + content[card + 20 :])
    with pytest.raises(DataError, match=re.escape(says)):
        inspect_mosaic(str(path), str(tmp_path / "a_wht.fits"))


@pytest.mark.parametrize("name", ["BSCALE", "BZERO"])
def test_scales_that_are_no_numbers(tmp_path, name):
    write_pair(tmp_path, "a")
    fits.setval(tmp_path / "a_sci.fits", name, value="abc")
    with pytest.raises(DataError, match=rf"a_sci\.fits: got {name} that is 'abc', expected a number"):
        inspect_mosaic(str(tmp_path / "a_sci.fits"), str(tmp_path / "a_wht.fits"))


ODD_VALUES = ("-1", "'abc'", "1e400", "1e-320", "9" * 25, "NaN", "", "T")


@pytest.mark.parametrize("which", ["a_sci.fits", "a_wht.fits"])
def test_every_card_with_odd_values(tmp_path, which):
    """Each is read, or refused by a message that names a file."""
    write_pair(tmp_path, "a")
    path = tmp_path / which
    whole, n_refused = path.read_bytes(), 0
    cards = [place for place in range(0, 2880, 80) if whole[place + 8 : place + 10] == b"= "]
    assert len(cards) > 15
    for place in cards:
        for value in ODD_VALUES:
            card = whole[: place + 10] + value.encode().rjust(20).ljust(70) + whole[place + 80 :]
            path.write_bytes(card)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of astropy about cards
                    inspect_mosaic(str(tmp_path / "a_sci.fits"), str(tmp_path / "a_wht.fits"))
            except DataError as error:
                n_refused += 1
                assert str(error).startswith(str(tmp_path)), (place, value)
    assert n_refused > 40


def test_damaged_pixels_are_seen_before_they_are_used(tmp_path):
    """One byte of either plane, and one of the card itself; a converted mosaic as it was is taken."""
    write_pair(tmp_path, "f200w", shape=(90, 70))
    info = inspect_mosaic(str(tmp_path / "f200w_sci.fits"), str(tmp_path / "f200w_wht.fits"))
    path = tmp_path / "mosaic.fits"
    convert_mosaic(info, path, filter_name="F200W", field="f1", rows_per_block=16)
    verify_pixels(path)
    whole = path.read_bytes()
    with fits.open(path) as hdus:
        places = [hdus[name].fileinfo()["datLoc"] + 777 for name in ("SCI", "IVAR")]
    for place in (*places, whole.index(b"PIXCRC") + 12):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DataError, match="a damaged file"):
            verify_pixels(path)
