"""A PSF held against stars: shapes over the field, mean residuals, who counts, the parts of the error."""

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.images import fourier_shift
from clusterphot.base.products import Mosaic, Psf
from clusterphot.base.psf_field import psf_over_field
from clusterphot.psf.check import GROUPS, check_psf, error_budget, read_psf_check, write_psf_check
from clusterphot.psf.shape import core_shape

SCALE, SIZE, HALF = 0.02, 480, 50
GAUSSIAN_FWHM = 2.3548
COLUMNS = ("id", "x", "y", "mag_auto", "half_light_radius", "saturated", "role")


def gauss(sigma, stretch=0.0, angle_deg=0.0):
    """A Gaussian of sum 1, this much longer along an angle from x towards y and shorter across."""
    axis, angle = np.arange(-HALF, HALF + 1), np.deg2rad(angle_deg)
    x, y = axis[None, :], axis[:, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    image = np.exp(-0.5 * ((along / (1 + stretch)) ** 2 + (across / (1 - stretch)) ** 2) / sigma**2)
    return image / image.sum()


def sigma_at(x):
    """Width (px) of the true PSF, 10 % larger at the right edge than at the left one."""
    return 1.5 * (1.0 + 0.1 * (x / SIZE - 0.5))


@pytest.fixture(scope="module")
def field():
    """Mosaic and list of 5 by 5 stars, two of them bright ones; number 7 is saturated, 12 has a companion."""
    rng, rows = np.random.default_rng(1), []
    sci = rng.normal(0.0, 0.05, (SIZE, SIZE))
    for k in range(25):
        x0, y0, dx, dy = 60 + 90 * (k % 5), 60 + 90 * (k // 5), *rng.uniform(-0.5, 0.5, 2)
        flux = 3000.0 if k in (3, 21) else 300.0
        light = flux * fourier_shift(gauss(sigma_at(x0)), dx, dy)
        if k == 12:
            light = light + 0.3 * fourier_shift(light, 4.0, 0.0)
        sci[y0 - HALF : y0 + HALF + 1, x0 - HALF : x0 + HALF + 1] += light
        role = "wing" if flux > 1000 else "core"
        rows.append((k, x0 + dx, y0 + dy, 22.7 if flux > 1000 else 25.2, 2.0, k == 7, role))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-SCALE / 3600, SCALE / 3600]
    stars = Table(rows=rows, names=COLUMNS, meta={"pixel_scale_arcsec": SCALE, "filter": "F200W"})
    stars["reason"] = np.full(len(stars), "", dtype="U10")
    stars["ra"], stars["dec"] = wcs.all_pix2world(stars["x"], stars["y"], 0)
    return Mosaic(sci, np.full(sci.shape, 400.0), wcs, SCALE, "F200W", "f"), stars


MIDDLE = Psf(
    gauss(1.5), SCALE, "F200W", fwhm_arcsec=GAUSSIAN_FWHM * 1.5 * SCALE, sys_error=0.02, phase_error=0.004
)
NOTES = Table(
    {"id": np.arange(25), "used": ["core"] * 25, "reason": [""] * 12 + ["unlike"] + [""] * 12},
)


@pytest.fixture(scope="module")
def varying(field):
    """Held against the true PSF at a grid of 3 by 2 places."""
    places = np.array([(x, y) for y in (0.0, SIZE - 1.0) for x in (0.0, 240.0, SIZE - 1.0)])
    psf = psf_over_field(MIDDLE, np.array([gauss(sigma_at(x)) for x, _ in places]), places)
    return check_psf(*(field[0], psf, field[1]), NOTES, {"ERRCORE": 0.012})


@pytest.fixture(scope="module")
def constant(field):
    return check_psf(field[0], MIDDLE, field[1], NOTES, {})


def test_the_model_is_measured_over_the_field(varying):
    """The widths that the grid was made with; Gaussians, whose moments are exact."""
    assert not varying.constant and len(varying.model) == 15 * 15
    true = GAUSSIAN_FWHM * SCALE * sigma_at(np.asarray(varying.model["x"]))
    assert np.asarray(varying.model["fwhm"]) == pytest.approx(true, rel=2e-3)
    assert np.abs(varying.model["e1"]).max() < 1e-3 and np.abs(varying.model["e2"]).max() < 1e-3
    light = 1 - np.exp(-0.5 * (0.1 / SCALE / sigma_at(np.asarray(varying.model["x"]))) ** 2)
    assert np.asarray(varying.model["ee"]) == pytest.approx(light, abs=0.003)


def test_a_saturated_star_is_not_measured(varying):
    assert sorted(varying.stars["id"]) == [k for k in range(25) if k != 7]


def test_stars_have_the_shape_of_the_true_psf(varying, constant):
    """Within their errors, whichever PSF they were fitted with: 12 has a companion."""
    for check, slack in ((varying, 0.0), (constant, 0.003)):
        stars = check.stars[np.asarray(check.stars["id"]) != 12]
        true = GAUSSIAN_FWHM * SCALE * sigma_at(np.asarray(stars["x"]))
        fwhm, error = np.asarray(stars["fwhm"]), np.asarray(stars["fwhm_err"])
        assert np.max(np.abs(fwhm - true) / np.hypot(error, slack * true)) < 4.0
        assert np.max(np.hypot(stars["e1"], stars["e2"]) / stars["e_err"]) < 4.5
    pulls = np.asarray(varying.stars["ee"] - varying.stars["ee_model"]) / np.asarray(varying.stars["ee_err"])
    assert 0.5 < np.std(pulls[np.asarray(varying.stars["id"]) != 12]) < 1.6


def test_residuals_tell_a_constant_psf_from_the_true_one(varying, constant):
    """Where stars are 4 % wider their centres are below the PSF and its flanks above; the true one leaves noise."""
    names = list(constant.groups["name"])
    assert names == list(GROUPS) and constant.groups["n"].tolist() == varying.groups["n"].tolist()
    assert constant.groups["n"].tolist()[:2] == [2, 21] and sum(constant.groups["n"][2:]) == 23
    middle = constant.residuals.shape[-1] // 2
    for side, sign in (("left", 1), ("right", -1)):
        for row in ("upper", "lower"):
            k = names.index(f"{row} {side}")
            assert sign * constant.residuals[k, middle, middle] > 0.005
            assert constant.groups["rms"][k] > 3 * varying.groups["rms"][k]
    assert np.all(varying.groups["rms"] < 2.5 * varying.groups["chance"])


def test_light_of_stars_is_that_of_the_true_psf(varying, field):
    """And 8 % less at 0.04 arcsec than that of a PSF 4 % too narrow; both are tied at 0.2 arcsec."""
    growth = varying.growth
    pulls = np.asarray(growth["excess"])[:8] / np.asarray(growth["excess_err"])[:8]
    assert (
        np.abs(pulls).max() < 3
        and set(growth["n"]) == {23}
        and growth["excess"][8] == pytest.approx(0, abs=1e-9)
    )
    narrow = Psf(gauss(1.5 / 1.04), SCALE, "F200W", fwhm_arcsec=MIDDLE.fwhm_arcsec / 1.04)
    growth = check_psf(field[0], narrow, field[1], NOTES, {}).growth
    light = 1 - np.exp(-0.5 * (0.04 / SCALE / np.array([1.5, 1.5 / 1.04])) ** 2)
    assert growth["excess"][0] == pytest.approx(light[0] / light[1] - 1, abs=0.012)


def test_one_unlike_the_others_is_shown_but_in_no_mean(constant):
    row = constant.stars[np.asarray(constant.stars["id"]) == 12][0]
    assert row["reason"] == "unlike" and row["fwhm"] > 1.05 * row["fwhm_model"] and row["misfit"] > 0.03


def test_a_constant_psf_has_one_place(constant):
    assert constant.constant and len(constant.model) == 1
    assert constant.model["fwhm"][0] == pytest.approx(MIDDLE.fwhm_arcsec)


def test_holes_are_filled_with_the_psf(field):
    """A dead pixel beside the centre of a star costs precision only."""
    mosaic, stars = field
    ivar = mosaic.ivar.copy()
    x, y = round(float(stars["x"][0])), round(float(stars["y"][0]))
    ivar[y, x + 1] = 0.0
    sci = np.where(ivar > 0, mosaic.sci, 1e5)
    check = check_psf(Mosaic(sci, ivar, mosaic.wcs, SCALE, "F200W", "f"), MIDDLE, stars[:1], NOTES, {})
    assert check.stars["fwhm"][0] == pytest.approx(GAUSSIAN_FWHM * SCALE * sigma_at(60), rel=0.03)
    assert check.stars["ee"][0] == pytest.approx(check.stars["ee_model"][0], abs=0.01)


def test_parts_of_the_error():
    """Those of the header and the rest add up to the whole in squares, the largest first; the phase stands apart."""
    header = {"ERRCORE": 0.008, "ERRWING": 0.016, "ERRREF": 0.0, "NBRIGHT": 4}
    budget = error_budget(MIDDLE, header)
    assert budget["part"].tolist() == [
        "wings: scatter of bright stars",
        "other",
        "core: scatter of its stars",
        "flux scale",
        "single source: dither phase",
    ]
    assert budget["error"].tolist() == pytest.approx(
        [0.016, np.sqrt(0.02**2 - 0.016**2 - 0.008**2), 0.008, 0.02, 0.004]
    )
    assert error_budget(MIDDLE, {})["part"].tolist() == [
        "flux scale, as given",
        "single source: dither phase",
    ]


@pytest.mark.parametrize("kind", ["varying", "constant"])
def test_a_check_survives_its_file(request, kind, tmp_path):
    check = request.getfixturevalue(kind)
    write_psf_check(tmp_path / "check.fits", check)
    back = read_psf_check(tmp_path / "check.fits")
    assert back.meta == check.meta and back.constant == check.constant
    for name in ("stars", "model", "groups", "growth", "budget"):
        ours, theirs = getattr(check, name), getattr(back, name)
        assert ours.colnames == theirs.colnames
        assert all(np.array_equal(ours[column], theirs[column]) for column in ours.colnames)
    assert back.residuals == pytest.approx(check.residuals, abs=1e-7)


# ---- shapes of cores


def test_moments_of_an_oblong_gaussian():
    """(a - b) / (a + b) is the stretch, at any angle and any position in the pixel."""
    for angle in (10.0, 90.0, 120.0):
        image = fourier_shift(gauss(2.0, 0.08, angle), 0.3, -0.4)
        shape = core_shape(image, 1.4, dx=0.3, dy=-0.4)
        assert np.hypot(shape.e1, shape.e2) == pytest.approx(0.08, abs=1e-4)
        assert 0.5 * np.rad2deg(np.arctan2(shape.e2, shape.e1)) % 180 == pytest.approx(angle, abs=0.1)
        assert shape.sigma_px == pytest.approx(2.0 * np.sqrt(1 - 0.08**2), abs=1e-3)


def test_errors_of_moments_are_those_of_noise():
    rng, noise = np.random.default_rng(2), 1e-3
    image, ivar = gauss(1.6), np.full((2 * HALF + 1,) * 2, noise**-2)
    shapes = [core_shape(image + rng.normal(0, noise, image.shape), 1.2, ivar=ivar) for _ in range(300)]
    sigma = np.array([shape.sigma_px for shape in shapes])
    assert np.std(np.log(sigma)) == pytest.approx(shapes[0].sigma_err, rel=0.15)
    for name in ("e1", "e2"):
        assert np.std([getattr(shape, name) for shape in shapes]) == pytest.approx(shapes[0].e_err, rel=0.15)


def test_no_peak_has_no_shape():
    bowl = np.hypot(*np.mgrid[-4:5, -4:5]) ** 2
    for image in (np.zeros((9, 9)), -gauss(1.5), bowl):
        assert np.isnan(core_shape(image, 1.2).sigma_px)
