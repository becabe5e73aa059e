"""PSF of a filter: total light with any halo, errors, fall-backs, user files, fits of stars."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, fourier_shift, polynomial_terms, radius_grid
from clusterphot.base.products import Mosaic, Psf, read_psf
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.figures.psf import plot_psf
from clusterphot.figures.stars import plot_stars
from clusterphot.psf.build import PsfFlag, PsfOptions, build_psf, use_psf, write_psf_result
from clusterphot.psf.check import check_psf
from clusterphot.psf.reference import Reference, read_encircled_energy
from clusterphot.psf.scale_errors import flux_scale, jackknife
from clusterphot.psf.shape import encircled_energy, fwhm_px, windowed_centroid
from clusterphot.psf.star_fits import fit_star
from clusterphot.psf.stars import select_stars
from clusterphot.psf.user_file import load_user_psf
from clusterphot.psf.wings import power_law_light

TABLE = Path(__file__).parents[3] / "resources" / "psf" / "encircled_energy.csv"
PIXEL = 0.04
BIG = 100  # half-width of the true PSF in pixels: 4"


def gaussian(half, sigma, dx=0.0, dy=0.0):
    axis = np.arange(-half, half + 1)
    image = np.exp(-0.5 * ((axis[None, :] - dx) ** 2 + (axis[:, None] - dy) ** 2) / sigma**2)
    return image / image.sum()


def true_psf(halo, cut_arcsec=4.0):
    """Core with two thirds of the light nearby, and a wing r^-2.8 that starts at 0.12"."""
    radius = radius_grid(BIG) * PIXEL
    wing = (radius**2 + 0.12**2) ** -1.4 * (radius < cut_arcsec)
    return (1 - halo) * gaussian(BIG, 1.5) + halo * wing / wing.sum()


def make_field(psf, mags, *, seed=1, size=900, sigma=0.25, saturation=None):
    """Stars on a grid with random sub-pixel positions on white noise, and the list of them."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(len(mags))))
    step = size / side
    image = np.zeros((size + 2 * BIG, size + 2 * BIG))
    rows = []
    for k, mag in enumerate(mags):
        x, y = (step * (c + 0.5) + rng.uniform(-5, 5) for c in (k % side, k // side))
        ix, iy = round(x), round(y)
        image[iy : iy + 2 * BIG + 1, ix : ix + 2 * BIG + 1] += flux_from_mag_ab(mag) * fourier_shift(
            psf, x - ix, y - iy
        )
        rows.append((k, x, y, mag, "core" if mag >= 25 else "wing"))
    image = image[BIG:-BIG, BIG:-BIG]
    sci = image + 0.8 + rng.normal(0, sigma, image.shape)
    ivar = np.full(sci.shape, sigma**-2)
    if saturation:
        ivar[image > saturation], sci[image > saturation] = 0.0, 0.0
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.crval = [size / 2, size / 2], [110.8, -73.4]
    wcs.wcs.cdelt, wcs.wcs.ctype = [-PIXEL / 3600, PIXEL / 3600], ["RA---TAN", "DEC--TAN"]
    stars = Table(rows=rows, names=("id", "x", "y", "mag_auto", "role"))
    stars["ra"], stars["dec"] = wcs.all_pix2world(stars["x"], stars["y"], 0)
    stars["half_light_radius"], stars["saturated"], stars["reason"] = 2.0, False, ""
    stars.meta |= {"pixel_scale_arcsec": PIXEL, "filter": "F356W", "field": "f1"}
    stars.meta["locus"] = {"ln_radius": 0.7, "slope": 0.0, "sigma": 0.03, "window": 0.12, "mag_pivot": 26.0}
    return Mosaic(sci, ivar, wcs, PIXEL, "F356W", "f1"), stars


MAGS = [*np.linspace(25.1, 26.5, 10), 20.0, 20.5, 21.0, 21.5, 22.0, 23.0]


@pytest.fixture(scope="module")
def reference():
    return read_encircled_energy(TABLE)


@pytest.fixture(scope="module")
def built(reference):
    psf = true_psf(0.3)
    mosaic, stars = make_field(psf, MAGS)
    return build_psf(mosaic, stars, reference), psf, stars


def flux_bias(psf, truth):
    """Flux that a fit with the PSF gives a source of unit total flux, minus 1."""
    half = psf.data.shape[0] // 2
    return flux_scale(crop(truth, half), psf.data * psf.ee_stamp, PIXEL) - 1.0


@pytest.mark.parametrize(("halo", "cut"), [(0.3, 4.0), (0.3, 1.0), (0.15, 4.0)])
def test_flux_scale_is_right_for_any_halo(reference, halo, cut):
    """Also for a PSF that ends at 1", which is unlike the reference."""
    truth = true_psf(halo, cut)
    mosaic, stars = make_field(truth, MAGS, seed=2)
    psf = build_psf(mosaic, stars, reference).psf
    # Six bright stars: 1 % noise of the wing; 3 sigma of the quoted error.
    assert abs(flux_bias(psf, truth)) < max(0.02, 3.0 * psf.sys_error)
    assert psf.sys_error < 0.03


def test_psf_is_centred_and_normalised(built):
    psf = built[0].psf
    assert psf.data.shape == (51, 51)
    assert psf.data.sum() == pytest.approx(1.0)
    assert np.hypot(*windowed_centroid(psf.data, 1.5)) < 0.01
    assert psf.n_stars == 10
    assert psf.fwhm_arcsec == pytest.approx(fwhm_px(built[1]) * PIXEL, rel=0.03)
    assert not psf.flags & PsfFlag.REFERENCE_TOTAL


def test_saturated_stars_are_used_around_their_holes(reference):
    truth = true_psf(0.3)
    mosaic, stars = make_field(truth, MAGS, saturation=400.0)
    result = build_psf(mosaic, stars, reference)
    assert abs(flux_bias(result.psf, truth)) < max(0.025, 3.0 * result.psf.sys_error)
    assert result.notes["saturated"].sum() >= 2


def test_few_faint_stars_fall_back_on_the_reference(reference):
    mosaic, stars = make_field(true_psf(0.3), [26.5, 26.7, 26.9, 26.8], sigma=0.6)
    psf = build_psf(mosaic, stars, reference).psf
    assert psf.flags & PsfFlag.REFERENCE_TOTAL and psf.flags & PsfFlag.FEW_STARS
    assert psf.sys_error > 0.01
    ee = encircled_energy(psf.data, psf.ee_stamp, np.array([0.2 / PIXEL]))[0]
    assert ee == pytest.approx(Reference.of(reference, "F356W", PIXEL).ee(0.2), abs=0.1)


def test_no_stars_is_an_error_with_a_way_out(reference):
    mosaic, stars = make_field(true_psf(0.3), [25.5, 26.0])
    with pytest.raises(DataError, match="psf: file"):
        build_psf(mosaic, stars, reference)


def test_ways_to_count_the_light_beyond_the_stamp(reference, built):
    mosaic, stars = make_field(true_psf(0.3), MAGS)
    none = build_psf(mosaic, stars, reference, PsfOptions(beyond_stamp="none")).psf
    table = build_psf(mosaic, stars, reference, PsfOptions(beyond_stamp="reference")).psf
    assert none.ee_stamp == 1.0
    assert table.flags & PsfFlag.REFERENCE_BEYOND
    assert 0.9 < table.ee_stamp < 0.97
    assert np.allclose(none.data, built[0].psf.data)
    with pytest.raises(ValueError, match="beyond_stamp"):
        build_psf(mosaic, stars, reference, PsfOptions(beyond_stamp="guess"))


def test_result_survives_the_file_and_is_drawn(built, tmp_path):
    result, _, stars = built
    mosaic, _ = make_field(true_psf(0.3), MAGS)
    path = tmp_path / "psf.fits"
    write_psf_result(path, result)
    back = read_psf(path)
    assert np.array_equal(back.data, result.psf.data)
    assert back.sys_error == result.psf.sys_error
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["STARS", "CURVE"]
        assert hdus[0].header["NBRIGHT"] == result.psf.meta["NBRIGHT"]
        check = check_psf(mosaic, back, stars, Table(hdus["STARS"].data), hdus[0].header)
    parts = dict(check.budget.iterrows("part", "error"))
    assert sum(value**2 for part, value in parts.items() if part != "flux scale") == pytest.approx(
        parts["flux scale"] ** 2, rel=1e-4
    )
    assert parts["core: scatter of its stars"] == pytest.approx(result.error_parts["core"], abs=1e-6)
    plot_psf(result, check, field="f1").draw_without_rendering()
    plot_stars(stars, [result], field="f1").draw_without_rendering()


def test_same_stars_in_another_order_give_the_same_psf(built, reference):
    mosaic, stars = make_field(true_psf(0.3), MAGS)
    other = build_psf(mosaic, stars[::-1], reference).psf
    assert np.allclose(other.data, built[0].psf.data, atol=1e-7)
    assert other.ee_stamp == pytest.approx(built[0].psf.ee_stamp, abs=1e-4)


# -- fits of single stars -----------------------------------------------------------------------------------


def test_fit_recovers_position_flux_and_sky():
    psf = gaussian(30, 1.6)
    data = 500.0 * crop(fourier_shift(psf, 0.37, -0.21), 12) + 3.0 + 2.0 * polynomial_terms(12, 1)[1]
    fit = fit_star(data, np.ones_like(data), psf, sky_order=2)
    assert (fit.dx, fit.dy) == pytest.approx((0.37, -0.21), abs=1e-6)
    assert fit.flux == pytest.approx(500.0, rel=1e-9)
    assert fit.sky[:3] == pytest.approx([3.0, 2.0, 0.0], abs=1e-8)


def test_errors_of_a_fit_are_those_of_its_scatter():
    rng = np.random.default_rng(4)
    psf = gaussian(30, 1.6)
    truth = 200.0 * crop(psf, 12)
    fits_ = [fit_star(truth + rng.normal(size=truth.shape), np.ones_like(truth), psf) for _ in range(200)]
    for name in ("flux", "dx", "dy"):
        values = np.array([getattr(fit, name) for fit in fits_])
        error = np.mean([getattr(fit, name + "_err") for fit in fits_])
        # 200 draws: the scatter itself is known to 5 %.
        assert np.std(values) == pytest.approx(error, rel=0.15)


def test_masked_and_hopeless_stamps():
    psf = gaussian(30, 1.6)
    data, ivar = 100.0 * crop(psf, 12), np.ones((25, 25))
    ivar[11:14, 11:14] = 0.0
    broken = data.copy()
    broken[12, 12] = np.nan
    assert fit_star(broken, ivar, psf).flux == pytest.approx(100.0, rel=1e-6)
    assert not fit_star(data, np.zeros_like(ivar), psf).ok
    assert not fit_star(-data, np.ones_like(ivar), psf).ok


# -- reference, user files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(51, 51), (50, 52)])
def test_user_psf_is_centred(tmp_path, shape):
    y, x = np.indices(shape)
    data = np.exp(-0.5 * ((x - 25.8) ** 2 + (y - 24.6) ** 2) / 1.7**2)
    fits.PrimaryHDU(7.0 * data).writeto(tmp_path / "p.fits")
    psf, notes = load_user_psf(tmp_path / "p.fits", PIXEL, "F356W")
    assert notes == []
    assert psf.data.shape[0] == psf.data.shape[1] and psf.data.shape[0] % 2 == 1
    assert psf.data.sum() == pytest.approx(1.0)
    assert np.hypot(*windowed_centroid(psf.data, 1.7)) < 1e-3
    assert psf.ee_stamp == 1.0


def test_user_psf_header_is_heard(tmp_path, reference):
    hdu = fits.ImageHDU(gaussian(20, 1.7))
    hdu.header["PIXSCALE"], hdu.header["EESTAMP"], hdu.header["SYSERR"] = PIXEL, 0.95, 0.01
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "p.fits")
    psf, notes = load_user_psf(tmp_path / "p.fits", PIXEL, "F356W")
    assert notes == []
    assert (psf.ee_stamp, psf.sys_error) == (0.95, 0.01)
    _, stars = make_field(true_psf(0.3), [25.5])
    assert use_psf(psf, stars, reference).psf is psf
    with pytest.raises(DataError, match="PIXSCALE"):
        load_user_psf(tmp_path / "p.fits", 0.02, "F356W")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (np.full((21, 21), np.nan), "NaN"),
        (-gaussian(10, 2.0), "positive sum"),
        (np.ones((3, 21, 21)), "2 dimensions"),
        (np.ones((5, 5)), "at least 7"),
        (np.eye(21)[::-1] * 0 + np.pad(np.ones((1, 1)), ((0, 20), (0, 20))), "peak"),
    ],
)
def test_bad_user_psfs(tmp_path, data, match):
    fits.PrimaryHDU(data).writeto(tmp_path / "p.fits")
    with pytest.raises(DataError, match=match):
        load_user_psf(tmp_path / "p.fits", PIXEL, "F356W")


# -- numbers known on paper ---------------------------------------------------------------------------------


def test_width_and_light_of_a_gaussian():
    psf = gaussian(25, 2.0)
    assert fwhm_px(psf) == pytest.approx(2.0 * 2.3548, rel=0.02)
    # 1 - exp(-r^2 / 2 sigma^2)
    assert encircled_energy(psf, 0.9, [4.0])[0] == pytest.approx(0.9 * (1 - np.exp(-2.0)), abs=0.006)


def test_light_of_the_power_law():
    # int 2 pi r r^-3 dr from 1 to infinity is 2 pi, per pixel of 0.1"
    assert power_law_light(0.1, 1.0, 1e9, power=3.0) == pytest.approx(2 * np.pi * 100)


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.array([1.0, 2.0, 4.0, 7.0])
    deleted = [np.delete(values, k).mean() for k in range(4)]
    assert jackknife(deleted) == pytest.approx(values.std(ddof=1) / 2)
    assert np.isnan(jackknife([1.0]))


def test_user_psf_without_reference_and_without_stars():
    """A PSF of an HST filter in a field without stars: no reference curve, and figures all the same."""
    y, x = np.mgrid[-25:26, -25:26]
    data = np.exp(-(x**2 + y**2) / 18.0)
    psf = Psf(data / data.sum(), 0.03, "acs_wfc_f814w")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    mosaic = Mosaic(np.zeros((9, 9)), np.ones((9, 9)), wcs, 0.03, "acs_wfc_f814w", "f")
    stars = select_stars(mosaic, required=False)
    assert len(stars) == 0
    result = use_psf(psf, stars, read_encircled_energy(TABLE))
    assert np.isnan(result.curve["ee_reference"]).all()
    assert result.curve["ee"][-1] > 0.99 and len(result.notes) == 0
    check = check_psf(mosaic, psf, stars, result.notes, {})
    assert check.constant and len(check.stars) == 0 and check.groups["n"].tolist() == [0] * 6
    assert len(plot_psf(result, check, field="f").axes) >= 12
    assert len(plot_stars(stars, [result], field="f").axes) == 3
