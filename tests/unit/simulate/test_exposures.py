"""Closure of the simulator of exposures: what comes out of the drizzled mosaics is what was put in."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import simulate_exposures
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base.products import read_psf
from clusterphot.mosaics.convert import convert_mosaic
from clusterphot.mosaics.headers import inspect_mosaic
from clusterphot.optics.drizzle import mosaic_samples
from clusterphot.optics.pupil import pupil, write_pupil
from clusterphot.simulate import exposures, files
from clusterphot.simulate import truth as scene
from clusterphot.simulate.drizzled import drizzle_filter, mosaic_psf
from clusterphot.simulate.truth import ExposureOptions, FieldConfig, draw_scene
from photutils.aperture import CircularAperture, aperture_photometry
from photutils.psf import GriddedPSFModel

FILTERS = ("F150W", "F277W")
STARS = FieldConfig(
    size_arcsec=20, filters=FILTERS, reference_filter="F150W", seed=7, noise="none", halo=1e-9, n_members=0,
    n_stars=40, n_bright_stars=0, galaxies_per_arcsec2=0, n_clusters=1, draw_clusters=True,
    exposures={"zero_point_scatter": 0.0, "layout": "i2d"},
)  # fmt: skip
WHOLE = {"gap_arcsec": 0.0, "n_partial": 0, "bad_pixel_share": 0.0, "cosmic_ray_share": 0.0}
"""No pixel without weight."""
FLUX_NJY, SIDE, STEP_ARCSEC = 1000.0, 3, 6.2
APERTURE_ARCSEC = 1.0


def with_exposures(config, **values):
    """A configuration with other options of the exposures."""
    return dataclasses.replace(config, exposures=dataclasses.replace(config.exposures, **values))


@pytest.fixture(scope="module")
def telescope():
    return pupil(STARS.optics())


@pytest.fixture(scope="module")
def grid():
    """Truth of equal stars near the knots of a grid, at all pixel phases, none in the wings of another."""
    clusters = Table({"id": ["a"], "flux_F150W": [1.0], "flux_F277W": [1.0]})
    truth = draw_scene(with_exposures(STARS, **WHOLE), clusters)
    truth = truth[truth["kind"] == "star"][: SIDE**2]
    knots = (np.arange(SIDE) - SIDE // 2) * STEP_ARCSEC
    moved = np.random.default_rng(5).uniform(-0.3, 0.3, size=(2, SIDE**2))
    truth["u"], truth["v"] = np.repeat(knots, SIDE) + moved[0], np.tile(knots, SIDE) + moved[1]
    for filt in FILTERS:
        scale, middle = scene.pixel_scale_arcsec(filt), (scene.size_px(STARS, filt) - 1) / 2
        dx, dy = scene.wcs_offset_px(STARS, filt)
        truth[f"x_{filt}"], truth[f"y_{filt}"] = (
            truth["u"] / scale + middle + dx,
            truth["v"] / scale + middle + dy,
        )
        truth[f"flux_{filt}"] = FLUX_NJY
    return truth


@pytest.fixture(scope="module", params=FILTERS)
def stars(request, grid, telescope):
    """Noise-free image, and the pixels of its stars."""
    image = drizzle_filter(grid, request.param, telescope=telescope)
    return image, np.asarray(grid[f"x_{request.param}"]), np.asarray(grid[f"y_{request.param}"])


# ---- light -------------------------------------------------------------------------------------------------


def share_within(samples, sample_arcsec, radius_arcsec):
    """Sum of an image (n, n) within a radius of its middle."""
    square = (np.arange(len(samples)) - len(samples) // 2) ** 2
    return samples[(square + square[:, None]) * sample_arcsec**2 <= radius_arcsec**2].sum()


def test_fluxes_in_apertures(stars, grid):
    """Within 0.3 %, median over stars, of the light that the true PSF of each place has there."""
    image, x, y = stars
    aperture = CircularAperture(np.stack([x, y], axis=1), APERTURE_ARCSEC / image.pixel_scale_arcsec)
    measured = np.array(aperture_photometry(image.sci, aperture)["aperture_sum"])
    psf, options = image.psf, image.config.exposures
    # Linear in the terms, so that one look at each is enough.
    shares = [
        share_within(
            mosaic_samples(
                samples, psf, image.pixel_scale_arcsec, angle_deg=options.position_angle_deg, oversampling=3
            ),
            image.pixel_scale_arcsec / 3,
            APERTURE_ARCSEC,
        )
        for samples in (psf.mean, *psf.terms)
    ]
    weights = exposures.psf_weights(psf, grid["u"], grid["v"], image.config)
    ratio = measured / (FLUX_NJY * (shares[0] + weights @ shares[1:]))
    assert np.median(ratio) == pytest.approx(1, abs=3e-3)
    assert ratio.std() < 6e-3


def test_positions(stars):
    """Windowed centroids of stars are within 2 mas of the truth."""
    image, x, y = stars
    half, width = round(0.15 / image.pixel_scale_arcsec), 0.08 / image.pixel_scale_arcsec
    axis = np.arange(-half, half + 1)
    offsets = []
    for xi, yi in zip(x, y, strict=True):
        ix, iy = round(xi), round(yi)
        dx, dy = axis - (xi - ix), axis[:, None] - (yi - iy)
        stamp = image.sci[iy - half : iy + half + 1, ix - half : ix + half + 1]
        weight = stamp * np.exp(-4 * np.log(2) * (dx**2 + dy**2) / width**2)
        offsets.append([2 * (weight * dx).sum() / weight.sum(), 2 * (weight * dy).sum() / weight.sum()])
    offsets = 1e3 * image.pixel_scale_arcsec * np.array(offsets)
    assert np.abs(np.median(offsets, axis=0)).max() < 1.0
    assert np.sqrt(np.mean(offsets**2)) < 1.0
    assert np.abs(offsets).max() < 2.0


def test_mosaics_repeat(grid, telescope):
    first, again = (drizzle_filter(grid, "F277W", telescope=telescope) for _ in range(2))
    np.testing.assert_array_equal(first.sci, again.sci)
    np.testing.assert_array_equal(first.wht, again.wht)
    with pytest.raises(ValueError, match="F444W"):
        drizzle_filter(grid, "F444W")


# ---- noise -------------------------------------------------------------------------------------------------


def noise_ratio(filt, angle_deg):
    """1/sqrt(wht) over the scatter of pixels in theory: the autocorrelation at no lag of drop and pixel.

    The value of a mosaic pixel is a mean of detector pixels weighted with the overlap of their drops with it; over
    random dithers the sum of squared weights is the mean square of the overlap over its squared mean (Fruchter & Hook
    2002, sect. 7, for drops that may be turned).
    """
    native, scale = exposures.NATIVE_PIXEL_ARCSEC[exposures.channel(filt)], scene.pixel_scale_arcsec(filt)
    drop, step = ExposureOptions.pixfrac * native, scale / 40
    axis = np.arange(-2 * scale, 2 * scale, step) + step / 2
    x, y, angle = axis, axis[:, None], np.radians(angle_deg)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    of_drop = (np.abs(along) < drop / 2) & (np.abs(across) < drop / 2)
    of_pixel = (np.abs(x) < scale / 2) & (np.abs(y) < scale / 2)
    overlap = np.fft.ifft2(np.fft.fft2(of_drop) * np.fft.fft2(of_pixel)).real * step**2
    mean = overlap.sum() * step**2 / native**2
    square = (overlap**2).sum() * step**2 / native**2
    # Variance of a pixel over that of a detector pixel, times exposures; the weights say native^2 / scale^2.
    return np.sqrt((native / scale) ** 2 / (square / mean**2))


@pytest.mark.parametrize("filt", FILTERS)
def test_noise_of_pixels_against_theory(filt, grid, telescope):
    """The errors of i2d are the scatter of pixels; the weights conserve information; both as theory has them."""
    plain = {"stripe_sigma": 0.0, "interpixel_coupling": 0.0, "n_exposures": 16, "fwhm_variation": 0.0}
    config = with_exposures(dataclasses.replace(STARS, noise="drizzle", size_arcsec=12), **WHOLE, **plain)
    truth = grid[:1]
    truth.meta["simulation"] = config.to_dict()
    truth[f"flux_{filt}"] = 0.0
    image = drizzle_filter(truth, filt, telescope=telescope)
    inner = np.s_[100:-100, 100:-100]
    good = image.wht[inner] > 0
    pull = (image.sci[inner] / image.err[inner])[good]
    assert pull.std() == pytest.approx(1, abs=0.02)
    ratio = np.median((image.wht[inner][good] * image.err[inner][good] ** 2) ** -0.5)
    assert ratio == pytest.approx(noise_ratio(filt, config.exposures.position_angle_deg), rel=0.05)


def test_depth_is_that_asked_for(grid, telescope):
    """The weights' information about a point source is that of isolated ones, 0.95 nJy in F150W."""
    config = with_exposures(dataclasses.replace(STARS, noise="drizzle", size_arcsec=8), **WHOLE)
    truth = grid[:1]
    truth.meta["simulation"] = config.to_dict()
    image = drizzle_filter(truth, "F150W", telescope=telescope)
    psf = mosaic_psf(image).data
    sigma = 1 / np.sqrt(np.median(image.wht) * (psf**2).sum())
    assert 0.90 < sigma < 1.10  # the mosaic's PSF is broader than the detector's


def test_cosmic_rays_bad_and_saturated_pixels_have_no_weight(grid, telescope):
    config = with_exposures(STARS, bad_pixel_share=0.02, cosmic_ray_share=0.03, gap_arcsec=0.0, n_partial=0)
    detectors = exposures.make_detectors(config, "F277W")
    (first, *_), n = exposures.draw_pointings(config, "F277W"), detectors.n_px
    light = exposures.Light(np.zeros((2101, 2101), dtype=np.float32), 0.021)
    one = exposures.expose(light, detectors, first, 1.0, config, "F277W")
    middle = np.s_[n // 4 : -n // 4, n // 4 : -n // 4]
    assert np.mean(one.weight[middle] == 0) == pytest.approx(0.05, abs=0.012)
    bright = exposures.Light(np.full((2101, 2101), 1e7, dtype=np.float32), 0.021)
    assert exposures.expose(bright, detectors, first, 1.0, config, "F277W").weight.max() == 0


def test_gap_and_partial_exposures_make_steps_of_depth(grid, telescope):
    truth = grid[:1]
    truth.meta["simulation"] = with_exposures(
        STARS, gap_arcsec=3.0, n_partial=4, bad_pixel_share=0.0
    ).to_dict()
    wht = drizzle_filter(truth, "F277W", telescope=telescope).wht
    full = np.quantile(wht, 0.9)
    half = wht[(wht > 0.35 * full) & (wht < 0.7 * full)]
    assert 0.3 < half.size / wht.size < 0.6
    assert np.median(half) == pytest.approx(5 / 9 * full, rel=0.1)
    assert np.mean(wht < 0.35 * full) > 0.02  # in the gap


# ---- pointings and detectors -------------------------------------------------------------------------------


def test_pointings_repeat_and_their_errors_do_not_move_the_field():
    pointings = exposures.draw_pointings(STARS, "F150W")
    again = exposures.draw_pointings(STARS, "F150W")
    assert len(pointings) == 9 and sum(p.partial for p in pointings) == 2
    np.testing.assert_array_equal(pointings[3].shift_arcsec, again[3].shift_arcsec)
    errors = np.array([p.error_arcsec for p in pointings])
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=1e-12)
    assert 1e-3 < errors.std() < 6e-3
    (alone,) = exposures.draw_pointings(with_exposures(STARS, n_exposures=1), "F150W")
    np.testing.assert_array_equal(alone.error_arcsec, 0)


def test_distortion_is_as_large_as_asked():
    straight = exposures.make_detectors(with_exposures(STARS, distortion_px=0.0), "F150W")
    bent = exposures.make_detectors(with_exposures(STARS, distortion_px=3.0), "F150W")
    pointing = exposures.Pointing(0, np.zeros(2), np.zeros(2), 0.0, False)
    own = dataclasses.replace(straight, n_px=bent.n_px)
    moved = np.hypot(*np.subtract(bent.scene(pointing), own.scene(pointing))) / bent.pixel_arcsec
    assert moved.max() == pytest.approx(3.0, rel=0.02)
    assert own.scene(pointing)[0][0, 1] - own.scene(pointing)[0][0, 0] == pytest.approx(0.031)


@pytest.mark.parametrize("filt", FILTERS)
def test_headers_of_exposures_have_the_pixels_where_the_drizzling_has_them(filt):
    """To 0.1 mas, over the whole of a distorted and rotated detector."""
    config = with_exposures(STARS, distortion_px=3.0, roll_deg=1.0, n_partial=3)
    headers, detectors = exposures.exposure_headers(config, filt), exposures.make_detectors(config, filt)
    pointings, mosaic = exposures.draw_pointings(config, filt), scene.field_wcs(config, filt)
    assert len(headers) == 2 * len(pointings)
    half = (detectors.n_px - 1) / 2
    for header in headers[:2] + headers[-2:]:
        first = round(half + 1 - header["CRPIX1"]), round(half + 1 - header["CRPIX2"])
        assert first[1] == (0 if header["EXPNUM"] < 6 else int(detectors.n_px / 2) + 1)
        x, y = np.meshgrid(np.arange(0, header["NAXIS1"], 97), np.arange(0, header["NAXIS2"], 89))
        cards = fits.Header({name: value for name, value in header.items() if name != "EXPNUM"})
        at = np.stack(mosaic.all_world2pix(*WCS(cards).all_pix2world(x, y, 0), 0))
        pixels = np.s_[y + first[1], x + first[0]]
        xi, eta = detectors.scene(pointings[header["EXPNUM"]])
        expected = np.stack(exposures.to_mosaic(xi[pixels], eta[pixels], config, filt))
        assert np.abs(at - expected).max() * scene.pixel_scale_arcsec(filt) < 1e-4
    on_gap = detectors.module(np.arange(detectors.n_px))[1]
    assert headers[0]["NAXIS1"] + headers[1]["NAXIS1"] == np.sum(~on_gap)


# ---- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["archive", "i2d"])
def test_files_are_read_as_those_of_archive_and_mast(tmp_path, grid, telescope, layout):
    """Both layouts of a noisy field give the same fluxes per pixel, in nJy."""
    truth = grid[:4]
    truth.meta["simulation"] = with_exposures(
        dataclasses.replace(STARS, noise="drizzle"), layout=layout
    ).to_dict()
    truth.write(tmp_path / "truth.ecsv", format="ascii.ecsv")
    write_pupil(tmp_path / "pupil.fits", telescope)
    names = ("sci", "wht", "psf", "psf_grid") if layout == "archive" else ("i2d", "psf", "psf_grid")
    out = {name: str(tmp_path / f"{name}.fits") for name in names} | {"exposures": str(tmp_path / "wcs.csv")}
    simulate_exposures.main(
        SimpleNamespace(
            wildcards=SimpleNamespace(filter="F277W"),
            input=SimpleNamespace(truth=str(tmp_path / "truth.ecsv"), pupil=str(tmp_path / "pupil.fits")),
            output=SimpleNamespace(**out),
        )
    )
    image = drizzle_filter(truth, "F277W", telescope=telescope)
    info = inspect_mosaic(out.get("sci", out.get("i2d")), out.get("wht"))
    convert_mosaic(info, str(tmp_path / "mosaic.fits"), filter_name="F277W", field="f")
    with fits.open(tmp_path / "mosaic.fits") as hdus:
        sci, ivar = hdus["SCI"].data, hdus["IVAR"].data
    good = image.wht > 0
    np.testing.assert_allclose(sci[good], image.sci[good], rtol=1e-5, atol=1e-6)
    wanted = image.wht if layout == "archive" else np.where(good, image.err, 1) ** -2.0 * good
    np.testing.assert_allclose(ivar[good], wanted[good], rtol=1e-4)
    psf = read_psf(out["psf"])
    assert 0.10 < psf.fwhm_arcsec < 0.16 and psf.ee_stamp > 0.95
    model = GriddedPSFModel.read(out["psf_grid"])
    assert model.data.shape == (49, 201, 201) and tuple(model.oversampling) == (4, 4)
    middle = image.sci.shape
    x = (middle[1] - 1) / 2 + scene.wcs_offset_px(image.config, "F277W")[0]
    y = (middle[0] - 1) / 2 + scene.wcs_offset_px(image.config, "F277W")[1]
    pixels = np.arange(-15, 16)
    stamp = model.evaluate(x + pixels, y + pixels[:, None], 1.0, x, y)
    true = mosaic_psf(image).data[35:66, 35:66] * psf.ee_stamp
    np.testing.assert_allclose(stamp, true, atol=3e-4 * true.max())


def test_correlation_is_read_and_others_are_refused(tmp_path):
    from clusterphot.base.errors import DataError

    good, even = np.diag([1.0, 4.0, 1.0])[:, ::-1], np.ones((4, 4))
    for name, image in (("good", good), ("even", even)):
        fits.PrimaryHDU(image).writeto(tmp_path / f"{name}.fits")
    np.testing.assert_allclose(files.read_correlation(str(tmp_path / "good.fits")), good / 4)
    with pytest.raises(DataError, match="odd and equal sides"):
        files.read_correlation(str(tmp_path / "even.fits"))
