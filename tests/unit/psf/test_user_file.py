"""PSFs given by users: scales, planes of STPSF, grids, sums, widths, filters and damage."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from clusterphot.base.errors import DataError
from clusterphot.base.psf_field import read_psf_grid
from clusterphot.psf.shape import fwhm_px
from clusterphot.psf.user_file import expected_fwhm, load_user_grid, load_user_psf
from clusterphot.run.image_fields import check_psf
from scipy.special import erf

PIXEL, FWHM_ARCSEC = 0.04, 0.13


def pixelized(half, sigma, x0=0.0, y0=0.0):
    """Gaussian integrated over pixels."""
    edges = np.arange(-half, half + 2) - 0.5
    x, y = (np.diff(erf((edges - at) / sigma / np.sqrt(2))) / 2 for at in (x0, y0))
    return np.outer(y, x)


SIGMA = FWHM_ARCSEC / 2.3548 / PIXEL
TRUE = pixelized(20, SIGMA)


@pytest.fixture
def written(tmp_path):
    """Function that writes planes (data, cards) and gives the path."""

    def write(*planes):
        hdus = [
            (fits.ImageHDU if number else fits.PrimaryHDU)(data, fits.Header(cards))
            for number, (data, cards) in enumerate(planes)
        ]
        path = tmp_path / "p.fits"
        fits.HDUList(hdus).writeto(path, overwrite=True)
        return str(path)

    return write


def test_expected_width():
    """1.03 x 4.4 micron / 6.5 m = 0.144", detector pixel 0.063", pixel 0.04"; F22's stacks have 0.174"."""
    assert expected_fwhm("F444W", 0.04) == pytest.approx(0.162, abs=0.002)
    assert expected_fwhm("F150W", 0.02) == pytest.approx(0.061, abs=0.002)
    assert expected_fwhm("sdss_r0", 0.04) is None


@pytest.mark.parametrize("factor", [2, 4])
def test_finer_pixels_are_summed(written, factor):
    """A centred odd number of fine pixels per pixel or not, the result is the Gaussian integrated over pixels."""
    fine = pixelized(20 * factor, SIGMA * factor)
    psf, notes = load_user_psf(written((fine, {"PIXELSCL": PIXEL / factor})), PIXEL, "F356W")
    half = psf.data.shape[0] // 2
    np.testing.assert_allclose(
        psf.data, TRUE[20 - half : 21 + half, 20 - half : 21 + half], atol=2e-3 * TRUE.max()
    )
    assert "summed" in notes[0]


@pytest.mark.parametrize("scale", [0.0157, 0.03])
def test_pixels_that_do_not_divide(written, scale):
    fine = pixelized(60, SIGMA * PIXEL / scale)
    psf, _ = load_user_psf(written((fine, {"PIXELSCL": scale})), PIXEL, "F356W")
    assert fwhm_px(psf.data) == pytest.approx(fwhm_px(TRUE), rel=0.01)


@pytest.mark.parametrize("filt", ["F150W", "F200W", "F277W", "F356W", "F444W"])
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_pixels_twice_off_are_found(written, filt, factor):
    """A PSF of the width of real ones, in a file that does not say its scale, given for pixels twice off."""
    scale = 0.02 if filt in ("F150W", "F200W") else 0.04
    fwhm = {"F150W": 0.064, "F200W": 0.083, "F277W": 0.121, "F356W": 0.136, "F444W": 0.171}[filt]
    path = written((pixelized(20, fwhm / 2.3548 / scale), {}))
    if factor == 1.0:
        assert load_user_psf(path, scale, filt)[1] == []
    else:
        with pytest.raises(DataError, match="is it sampled on other pixels"):
            load_user_psf(path, scale * factor, filt)


def test_planes_of_stpsf(written):
    """The plane on the mosaic's pixels, with distortion where there is one; else the fine one is averaged."""
    fine = (pixelized(80, 4 * SIGMA), {"EXTNAME": "OVERSAMP", "PIXELSCL": PIXEL / 4})
    plain = (pixelized(20, 0.9 * SIGMA), {"EXTNAME": "DET_SAMP", "PIXELSCL": PIXEL})
    distorted = (TRUE, {"EXTNAME": "DET_DIST", "PIXELSCL": PIXEL})
    psf, _ = load_user_psf(written(fine, plain, distorted), PIXEL, "F356W")
    np.testing.assert_allclose(psf.data, TRUE, atol=1e-6)
    psf, _ = load_user_psf(written(fine, (plain[0], plain[1] | {"PIXELSCL": 0.063})), PIXEL, "F356W")
    assert fwhm_px(psf.data) == pytest.approx(fwhm_px(TRUE), rel=0.01)


def grid_of(widths, places, samples_per_pixel=4, half=82):
    """Planes of a grid of Gaussians of these sigmas (px) in the layout that photutils reads."""
    axis, cube = np.arange(-half, half + 1) / samples_per_pixel, []
    for width in widths:
        edges = np.stack([axis - 0.5, axis + 0.5]) / width / np.sqrt(2)
        profile = np.diff(erf(edges), axis=0)[0] / 2
        cube.append(np.outer(profile, profile))
    cards = {"OVERSAMP": samples_per_pixel} | {f"DET_YX{k}": str(place) for k, place in enumerate(places)}
    return np.array(cube), cards


PLACES = [(0.0, 0.0), (100.0, 0.0), (0.0, 100.0), (100.0, 100.0)]


def test_grid_of_photutils(written):
    """The layout that `photutils.psf.GriddedPSFModel` reads, four times oversampled; the same PSF at all places."""
    path = written(grid_of([SIGMA] * 4, PLACES))
    psf, notes = load_user_psf(path, PIXEL, "F356W")
    half = psf.data.shape[0] // 2
    np.testing.assert_allclose(psf.data, TRUE[20 - half : 21 + half, 20 - half : 21 + half], atol=1e-4)
    assert notes == []


@pytest.mark.parametrize(("samples", "half", "atol"), [(4, 82, 1e-7), (2, 41, 1e-3)])
def test_grid_over_the_field(written, tmp_path, samples, half, atol):
    """Each PSF at its place, in whatever order and sampling; a single PSF is no grid."""
    widths = SIGMA * np.array([1.0, 1.1, 1.2, 1.4])
    path = written(grid_of(widths, PLACES, samples, half))
    psf, _ = load_user_psf(path, PIXEL, "F356W")
    grid = load_user_grid(path, psf, (101, 101))
    grid.write(str(tmp_path / "grid.fits"), psf)
    stamps, places = read_psf_grid(str(tmp_path / "grid.fits"))
    for width, place in zip(widths, PLACES, strict=True):
        found = stamps[places.tolist().index(list(place))]
        np.testing.assert_allclose(found, pixelized(20, width) * psf.ee_stamp, atol=atol * found.max())
    assert load_user_grid(written((TRUE, {})), psf, (101, 101)) is None


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda one: 0 * one, r"sum 0, expected a positive sum"),
        (lambda one: -one, r"sum -1, expected a positive sum"),
        (lambda one: 10 * one, r"got 10 times the light of the PSF in the middle"),
        (lambda one: np.roll(one, 20, axis=1), r"a PSF 5.0 px off that in the middle"),
        (lambda one: np.full_like(one, one.mean()), r"times the FWHM of the PSF in the middle"),
    ],
    ids=["zero", "negative", "scale", "shift", "flat"],
)
def test_a_single_damaged_psf_of_a_grid(written, damage, match):
    """That in the middle does not show it, but sources near it would be measured with it."""
    places = [(x, y) for y in (0.0, 50.0, 100.0) for x in (0.0, 50.0, 100.0)]
    cube, cards = grid_of([SIGMA] * 9, places)
    cube[0] = damage(cube[0])
    path = written((cube, cards))
    psf, _ = load_user_psf(path, PIXEL, "F356W")
    with pytest.raises(DataError, match=r"DET_YX0 at \(0, 0\): got .*" + match.removeprefix("got ")):
        load_user_grid(path, psf, (101, 101))


def test_a_grid_of_whole_numbers_or_of_too_many_places(written):
    cube, cards = grid_of([SIGMA] * 4, PLACES)
    with pytest.raises(DataError, match=r"whole numbers \(int16\)"):
        load_user_psf(written(((cube * 1e4).astype(np.int16), cards)), PIXEL, "F356W")
    axis = np.linspace(0, 100, 11).tolist()
    places = [(x, y) for y in axis for x in axis]
    cube, cards = grid_of([SIGMA] * 121, places, half=42)
    path = written(
        (cube, {f"HIERARCH {key}" if len(key) > 8 else key: value for key, value in cards.items()})
    )
    psf, _ = load_user_psf(path, PIXEL, "F356W")
    with pytest.raises(DataError, match="a grid of 121 places, expected at most 100"):
        load_user_grid(path, psf, (101, 101))


def test_all_psfs_of_a_grid_are_moved_and_scaled_alike(written):
    """By what centres the one of the middle and gives it the light that the user states."""
    cube, cards = grid_of([SIGMA] * 4, PLACES)
    path = written((0.5 * np.roll(cube, 1, axis=2), cards))
    psf, _ = load_user_psf(path, PIXEL, "F356W", encircled_energy=0.9)
    grid = load_user_grid(path, psf, (101, 101))
    np.testing.assert_allclose(
        grid.samples[3], 0.9 * cube[3][2:-2, 2:-2] / TRUE.sum(), atol=2e-4 * cube.max()
    )


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda cube, cards: (cube, cards | {"PIXELSCL": 0.031}), r'a grid for pixels of 0\.031".*0\.04"'),
        (lambda cube, cards: (cube[:, 1:, 1:], cards), r"164 x 164 samples, expected odd sides"),
        (
            lambda cube, cards: (cube, cards | {"DET_YX1": "(2047.0, 0.0)", "DET_YX3": "(2047.0, 100.0)"}),
            r"a grid from y = 0 to 100 on a mosaic of 401 px.*pixels of the mosaic",
        ),
        (lambda cube, cards: (cube[:3], cards), "a grid that cannot be read"),
    ],
    ids=["scale", "even", "off the mosaic", "no grid"],
)
def test_grids_that_are_not_of_the_mosaic(written, edit, match):
    path = written(edit(*grid_of([SIGMA] * 4, PLACES)))
    with pytest.raises(DataError, match="(?s)" + match):
        psf, _ = load_user_psf(path, PIXEL, "F356W")
        load_user_grid(path, psf, (401, 401))


@pytest.mark.parametrize(
    ("total", "given", "share", "noted"),
    [
        (0.945, None, 0.945, True),
        (0.945, 0.97, 0.97, False),
        (1.0, None, 1.0, False),
        (7.0, None, 1.0, False),
    ],
)
def test_light_inside_the_stamp(written, total, given, share, noted):
    psf, notes = load_user_psf(
        written((total * TRUE, {})), PIXEL, "F356W", encircled_energy=given, error=0.01
    )
    assert psf.ee_stamp == pytest.approx(share, abs=1e-6)
    assert psf.sys_error == 0.01
    assert psf.data.sum() == pytest.approx(1.0)
    assert any("psf_encircled_energy" in note for note in notes) == noted


BAD = {
    "half the pixel": (
        pixelized(20, 2 * SIGMA),
        {},
        "F150W",
        r"FWHM .* times that of diffraction and pixels",
    ),
    "narrower": (pixelized(20, 0.3 * SIGMA), {}, "F444W", r"FWHM .* sampled on other pixels"),
    "another filter": (TRUE, {"FILTER": "F444W"}, "F356W", r"header FILTER: got F444W, expected F356W"),
    "another pupil": (TRUE, {"FILTER": "F444W", "PUPIL": "F470N"}, "F444W", r"header PUPIL: got F470N"),
    "integers": (
        (1000 * TRUE).astype(np.int16),
        {},
        "F356W",
        r"whole numbers \(int16\).*\nHint: is the file damaged",
    ),
    "half negative": (TRUE - 0.4 * TRUE.sum() / TRUE.size, {}, "F356W", r"negative pixels"),
    "coarser": (TRUE, {"PIXELSCL": 0.06}, "F356W", r"header PIXELSCL: got 0\.06"),
}


@pytest.mark.parametrize(("data", "cards", "filt", "message"), BAD.values(), ids=BAD)
def test_psf_that_is_not_one_of_the_mosaic(written, data, cards, filt, message):
    with pytest.raises(DataError, match="(?s)" + message):
        load_user_psf(written((data, cards)), PIXEL, filt)


def test_filters_of_hst_and_of_the_wheel(written):
    path = written((pixelized(20, 1.2), {"FILTER": "F606W"}))
    assert load_user_psf(path, 0.03, "acs_wfc_f606w")[0].ee_stamp == 1.0
    path = written((TRUE, {"FILTER": "F444W", "PUPIL": "CLEAR"}))
    assert load_user_psf(path, PIXEL, "F444W")[0].ee_stamp == 1.0


def test_odd_width_is_noted(written):
    _, notes = load_user_psf(written((pixelized(20, 1.75 * SIGMA), {"PIXSCALE": PIXEL})), PIXEL, "F356W")
    assert "FWHM" in notes[0]


def test_compressed_file(tmp_path):
    fits.PrimaryHDU(TRUE).writeto(tmp_path / "p.fits.gz")
    assert load_user_psf(str(tmp_path / "p.fits.gz"), PIXEL, "F356W")[1] == []


@pytest.mark.parametrize(("name", "value"), [("NAXIS1", "-0.5"), ("BSCALE", "'abc'")])
def test_damaged_header(tmp_path, name, value):
    path = tmp_path / "p.fits"
    fits.PrimaryHDU(TRUE).writeto(path)
    fits.setval(path, "BSCALE", value=1.0)
    content = path.read_bytes()
    place = content.index(name.ljust(8).encode() + b"= ") + 10
    path.write_bytes(content[:place] + value.encode().rjust(20) + content[place + 20 :])
    with pytest.raises(DataError) as error:
        load_user_psf(str(path), PIXEL, "F356W")
    said = str(error.value)
    assert said.startswith(f"{path}, psf of F356W: got ") and f"{name} " in said and value in said
    assert "expected a FITS file with a 2-D image" in said


def test_make_check_looks_at_the_places_of_a_grid(written):
    """Where the mosaic is here, as a run does before its first job."""
    path, mosaic = (
        written(grid_of([SIGMA] * 4, PLACES)),
        SimpleNamespace(pixel_scale_arcsec=PIXEL, shape=(401, 401)),
    )
    with pytest.raises(DataError, match="a grid from x = 0 to 100 on a mosaic of 401 px"):
        check_psf(path, "fields.mine.mosaics.F356W.psf", "F356W", mosaic)
    mosaic.shape = (101, 101)
    assert check_psf(path, "fields.mine.mosaics.F356W.psf", "F356W", mosaic) == []


def test_more_axes_than_any_file_has(written):
    """One message at once, not hours of astropy."""
    path = written((TRUE, {}))
    with open(path, "r+b") as file:
        file.seek(file.read().index(b"NAXIS   =") + 10)
        file.write(b"99999999".rjust(20))
    with pytest.raises(DataError, match="got a file that cannot be read .*without proper BITPIX and NAXIS"):
        load_user_psf(path, PIXEL, "F200W")
