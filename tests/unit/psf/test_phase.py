"""Error of fluxes by dither phase, against stars that STScI's drizzle combined from exposures."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS, Sip
from clusterphot.base.errors import DataError
from clusterphot.base.products import Mosaic, Noise, Psf
from clusterphot.measure.fit import FitOptions, fit_sources
from clusterphot.mosaics.drizzling import Drizzling, read_drizzling
from clusterphot.mosaics.wcs_table import read_wcs_table, sightings
from clusterphot.psf.phase import (
    make_phase_error,
    phase_errors,
    phase_harmonics,
    read_harmonics,
    single_exposure_variance,
)
from drizzled_stars import Camera, Dithers, make_cutouts, make_wcs

WHITE = np.zeros((17, 17))
WHITE[8, 8] = 1.0
EXACT = FitOptions(position_sigma_arcsec=0.0, neighbours=False, debias=False, adaptive_window=False)


@pytest.fixture(scope="module", params=["F150W", "F277W"])
def camera(request):
    """A short and a long filter, detector along the mosaic's axes, where the error is largest."""
    return Camera(request.param)


@pytest.fixture(scope="module")
def harmonics(camera):
    """Of the mean PSF as a mosaic samples it."""
    return phase_harmonics(camera.psf(), camera.native, 0.75)


def fitted(camera, places, images, weights, psf=None):
    """Fluxes of stars at exactly known places."""
    cutouts = make_cutouts(camera, places, images, weights)
    wcs = make_wcs(camera.scale)
    reference = Table(
        {"id": cutouts.ids, "target_id": cutouts.ids, "is_target": np.ones(len(places), bool)},
        meta={"filter": "R", "pixel_scale_arcsec": camera.scale},
    )
    reference["ra"], reference["dec"] = wcs.pixel_to_world_values(*np.transpose(places))
    for name in ("x_err_R", "y_err_R", "xy_cov_R"):
        reference[name] = 0.0
    reference["flags_R"] = 0
    noise = Noise(WHITE, 1.0, camera.filter_name)
    return fit_sources(cutouts, psf or camera.psf(), noise, wcs, EXACT, reference=reference)


def stars(camera, rng, n_places, n_exposures):
    """Stars whose exposures have random phases, each exposure by itself."""
    offsets = rng.uniform(-0.5, 0.5, (n_places, 2))
    drawn = [camera.drizzled(offset, rng.uniform(-0.5, 0.5, (n_exposures, 2))) for offset in offsets]
    places = offsets + 100.0 * (1 + np.arange(n_places))[:, None]
    return places, *(np.array(part) for part in zip(*drawn, strict=True))


def scatter(camera, places, images, weights, n):
    """Scatter of the fluxes where ``n`` exposures at a time are combined."""
    groups, m = images.shape[1] // n, camera.size_px
    total, weight = (part[:, : groups * n].reshape(-1, n, m, m).sum(axis=1) for part in (images, weights))
    table = fitted(camera, np.repeat(places, groups, axis=0), total / weight, weight)
    return np.std(table[f"flux_{camera.filter_name}"])


def test_formula_is_that_of_drizzled_stars(camera, harmonics):
    """Noiseless stars fitted with their mean PSF: 288 single exposures and 72 sums of four scatter as computed.

    A scatter of 72 is known to 8 %.
    """
    drawn = stars(camera, np.random.default_rng(1), 12, 24)
    expected = np.sqrt(single_exposure_variance(harmonics, 0.0))
    assert scatter(camera, *drawn, 1) == pytest.approx(expected, rel=0.10)
    assert scatter(camera, *drawn, 4) == pytest.approx(expected / 2, rel=0.16)


def test_the_error_of_whole_pixel_dithers_is_that_of_one_exposure_and_that_of_half_pixels_less(
    camera, harmonics, tmp_path
):
    """Dithers by whole pixels repeat one phase; on a 2 x 2 grid of half pixels odd harmonics cancel."""
    rng = np.random.default_rng(2)
    whole = Dithers(camera, rng.uniform(0, 1, 2) + rng.integers(0, 9, (4, 2)))
    halves = Dithers(camera, np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [0.5, 0.5]]) + 3.2)
    wcs = make_wcs(camera.scale)
    places = rng.uniform(300, 600, (40, 2))
    one = np.sqrt(single_exposure_variance(harmonics, 0.0))
    found = {}
    for name, dithers in (("whole", whole), ("halves", halves)):
        path = tmp_path / f"{name}_wcs.csv"
        dithers.wcs_table(wcs, (2048, 2048)).write(path)
        seen = sightings(read_wcs_table(str(path)), wcs, *places.T)
        found[name], number = phase_errors(harmonics, seen, len(places))
        assert number.tolist() == [4] * 40
        np.testing.assert_allclose(found[name], found[name][0], rtol=1e-3)
        drawn = [camera.drizzled(place - np.rint(place), dithers.phases(*place)) for place in places]
        images, weights = (
            np.array([part.sum(axis=0) for part in parts]) for parts in zip(*drawn, strict=True)
        )
        table = fitted(camera, places, images / weights, weights)
        found[f"{name}, stars"] = np.std(table[f"flux_{camera.filter_name}"])
    # places on the detector are known to 3 mas, which takes a third of the power of cross terms at 31 mas
    aligned = harmonics[harmonics["angle_deg"] == 0]
    power, order = aligned["power"], aligned["kx"] ** 2 + aligned["ky"] ** 2
    known = np.exp(-order * (2 * np.pi * 0.003 / camera.native) ** 2)
    assert found["whole"][0] == pytest.approx(np.sqrt(np.sum(power * (1 + 3 * known) / 4)), rel=1e-3)
    assert found["whole, stars"] == pytest.approx(one, rel=0.2)
    even = (aligned["kx"] % 2 == 0) & (aligned["ky"] % 2 == 0)
    left = np.sqrt(np.sum(power[even]))
    assert 0.2 < left / one < 0.4
    assert found["halves, stars"] == pytest.approx(left, rel=0.2)
    expected = np.sum(power * np.where(even, 1 + 3 * known, 1 - known) / 4)
    assert found["halves"][0] == pytest.approx(np.sqrt(expected), rel=1e-3)


def test_turned_and_mirrored_detectors_have_the_lattice_of_their_pixels(camera, harmonics):
    """An exposure on a detector turned by right angles or mirrored adds up with the others, at 10 degrees not."""
    angle = np.radians(10.0)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def error(axes, place):
        seen = [
            SimpleNamespace(rows=np.array([0]), places=np.array([p]), axes=np.array([a]), weight=1.0)
            for p, a in ((np.array([0.0, 0.0]), np.eye(2)), (place, axes))
        ]
        return phase_errors(harmonics, seen, 1)[0][0]

    same = error(np.eye(2), np.array([0.0, 0.0]))
    for axes in ([[0, 1], [-1, 0]], [[-1, 0], [0, 1]], [[-1, 0], [0, -1]]):
        assert error(np.array(axes, dtype=float), np.array([0.0, 0.0])) == pytest.approx(same, rel=1e-6)
        # half a pixel along the detector's own x: along the other's x or y
        moved = error(np.array(axes, dtype=float), np.array([0.5, 0.0]))
        assert moved < 0.9 * same
    independent = error(turned, np.array([0.0, 0.0]))
    one, other = (single_exposure_variance(harmonics, a) for a in (0.0, 10.0))
    assert independent == pytest.approx(np.sqrt(one + other) / 2, rel=0.02)


def test_error_grows_with_the_flux_and_is_part_of_the_random_error(camera):
    """A quadrature sum; the preset of the paper has no such term."""
    rng = np.random.default_rng(3)
    psf = camera.psf()
    images, weights = (part.sum(axis=0) for part in camera.drizzled((0.2, -0.1), rng.uniform(0, 1, (9, 2))))
    image = np.stack([images / weights, 10 * images / weights, -images / weights])
    places = np.array([[100.2, 99.9], [300.2, 99.9], [500.2, 99.9]])
    with_phase = Psf(psf.data, psf.pixel_scale_arcsec, psf.filter_name, psf.ee_stamp, phase_error=0.02)
    plain, full = (fitted(camera, places, image, np.stack([weights] * 3), p) for p in (psf, with_phase))
    filt = camera.filter_name
    np.testing.assert_allclose(full[f"flux_err_phase_{filt}"], 0.02 * np.abs(full[f"flux_{filt}"]))
    assert not np.any(plain[f"flux_err_phase_{filt}"])
    np.testing.assert_allclose(
        full[f"flux_err_{filt}"], np.hypot(plain[f"flux_err_{filt}"], full[f"flux_err_phase_{filt}"])
    )
    np.testing.assert_array_equal(full[f"flux_{filt}"], plain[f"flux_{filt}"])
    cutouts = make_cutouts(camera, places, image, np.stack([weights] * 3))
    paper = fit_sources(
        cutouts,
        with_phase,
        Noise(WHITE, 1.0, filt),
        make_wcs(camera.scale),
        FitOptions().with_preset("paper"),
        phase_error=np.full(3, 0.03),
    )
    assert not np.any(paper[f"flux_err_phase_{filt}"])
    own = fit_sources(
        cutouts,
        with_phase,
        Noise(WHITE, 1.0, filt),
        make_wcs(camera.scale),
        EXACT,
        phase_error=[0.01, np.nan, 0],
    )
    np.testing.assert_allclose(own[f"flux_err_phase_{filt}"] / np.abs(own[f"flux_{filt}"]), [0.01, 0.02, 0])


@pytest.mark.slow  # make test-slow
def test_pulls_of_bright_stars_of_whole_fields():
    """361 stars of S/N 30 to 300 in noise, on dithers that all share: as `make bench-phase` measures, for one field.

    There the clipped rms is 0.93 to 1.10 with the error by phase, and 1.8 (F090W), 1.3 (F277W) without it.
    """
    import bench_phase

    found = bench_phase.pulls(1, 0.0, "drizzle", "all pixels", ("F200W", "F090W", "F277W"))
    for filt, without in (("F090W", 1.4), ("F277W", 1.1)):
        by_table, _, plain, *_ = (bench_phase.clipped_rms(row) for row in found[filt])
        assert found[filt].shape[1] > 300
        assert 0.88 < by_table < 1.12
        assert plain > without


# ---- where the number of exposures is from ----------------------------------------------------------------------


def gaussian(scale=0.04, filt="F277W"):
    """Any PSF."""
    y, x = np.mgrid[-15:16, -15:16]
    data = np.exp(-0.5 * (x**2 + y**2) / 1.2**2)
    return Psf(data / data.sum(), scale, filt)


def mosaic(drizzling=None, *, filt="F277W", covered=1.0):
    """Mosaic of 400 px, of which the lower part has data."""
    ivar = np.zeros((400, 400))
    ivar[: round(400 * covered)] = 1.0
    cards = {card: value for card, (value, _) in (drizzling or Drizzling()).cards().items()}
    return Mosaic(ivar, ivar, None, 0.04, filt, "f", cards=cards)


LONG = Drizzling("NIRCam long", 0.063, 0.75, "square")


def test_number_of_exposures_comes_from_the_key_then_the_header_then_a_guess():
    """N exposures have 1/sqrt(N) of the error of one."""
    one = make_phase_error(gaussian(), mosaic(LONG), {"n_exposures": 1})
    assert 0.005 < one.error < 0.05
    for number in (4, 16):
        error = make_phase_error(gaussian(), mosaic(LONG), {"n_exposures": number})
        assert (error.error, error.origin) == (pytest.approx(one.error / number**0.5), "n_exposures")
    assumed = make_phase_error(gaussian(), mosaic(LONG), {})
    assert (assumed.error, assumed.origin) == (pytest.approx(one.error / 3), "assumed")
    said = Drizzling("NIRCam long", 0.063, 0.75, "square", n_combined=8, area_arcmin2=4.6)
    header = make_phase_error(gaussian(), mosaic(said), {"n_exposures": None})
    assert (header.n_exposures, header.origin) == (8, "header")  # a small part of each exposure
    assert header.cards() == {"PHASESRC": "header", "NEXPOS": 8.0, "DETPIX": 0.063, "PIXFRAC": 0.75}


def test_files_all_over_a_mosaic_are_not_all_at_one_place():
    """Eight files of a hundredth of the area each, on the half of the mosaic that has data: at most one at a place."""
    area = (400 * 0.04 / 60) ** 2
    said = Drizzling("NIRCam long", 0.063, 0.75, "square", n_combined=100, area_arcmin2=0.05 * area)
    assert make_phase_error(gaussian(), mosaic(said), {}).n_exposures == pytest.approx(5)
    assert make_phase_error(gaussian(), mosaic(said, covered=0.5), {}).n_exposures == pytest.approx(
        10, rel=0.05
    )


def test_parallel_axes_have_the_largest_error_and_unknown_ones_that_of_all():
    """Beats of the lattices shrink with the angle; angles are alike by right angles and mirrored."""
    errors = {
        angle: make_phase_error(gaussian(), mosaic(LONG), {"detector_angle_deg": angle}).error
        for angle in (0.0, 10.0, 90.0, -10.0, 170.0, None)
    }
    assert errors[0.0] == errors[90.0] > errors[10.0] == pytest.approx(errors[170.0])
    assert errors[10.0] == pytest.approx(errors[-10.0])
    assert errors[10.0] > errors[None]


def test_the_users_error_goes_before_all_and_unknown_detectors_have_none(caplog):
    """A number is taken as it is; without a detector's pixel, or with another kernel, nothing is computed."""
    given = make_phase_error(gaussian(), mosaic(), {"phase_error": 0.012})
    assert (given.error, given.harmonics, given.cards()) == (0.012, None, {"PHASESRC": "phase_error"})
    assert make_phase_error(gaussian(), mosaic(LONG), {"phase_error": 0.0}).error == 0.0
    unknown = make_phase_error(gaussian(), mosaic(), {})
    assert unknown.error == 0.0
    assert "detector not known (key native_pixel_arcsec)" in caplog.text
    assert make_phase_error(gaussian(), mosaic(), {"native_pixel_arcsec": 0.05}).error > 0
    lanczos = Drizzling("NIRCam long", 0.063, 1.0, "lanczos3", n_combined=4)
    assert make_phase_error(gaussian(), mosaic(lanczos), {}).error == 0.0
    assert "kernel 'lanczos3'" in caplog.text


HEADERS = {
    "grizli": (
        {"NDRIZIM": 36, "PIXFRAC": 0.75, "KERNEL": "square", "PSCALER": 1.575},
        "F277W",
        Drizzling("NIRCam long", 0.063, 0.75, "square", 36, 4.6),
    ),
    "i2d": (
        {"INSTRUME": "NIRCAM", "NDRIZ": 4, "PIXFRAC": 1.0, "KERNEL": "square"},
        "F090W",
        Drizzling("NIRCam short", 0.031, 1.0, "square", 4, 8.9, 0.0),
    ),
    "AstroDrizzle": (
        {"INSTRUME": "ACS", "DETECTOR": "WFC", "NDRIZIM": 8, "D001PIXF": 0.8, "D001KERN": "square"},
        "acs_wfc_f606w",
        Drizzling("ACS WFC", 0.05, 0.8, "square", 8, 11.3),
    ),
    "nothing": ({}, "F444W", Drizzling("NIRCam long", 0.063)),
    "MIRI": ({}, "F770W", Drizzling("MIRI", 0.11)),
    "another telescope": ({"INSTRUME": "HSC"}, "F200W", Drizzling()),
}


@pytest.mark.parametrize(("cards", "filt", "expected"), HEADERS.values(), ids=HEADERS)
def test_headers_of_all_kinds_are_read_and_kept(cards, filt, expected):
    """Keywords as grizli, the JWST pipeline and AstroDrizzle write them; our own cards give the same back."""
    found = read_drizzling(cards, filt, 0.04)
    if expected.native_pixel_arcsec is not None:
        assert found.native_pixel_arcsec == pytest.approx(expected.native_pixel_arcsec)
        found = Drizzling(**vars(found) | {"native_pixel_arcsec": expected.native_pixel_arcsec})
    assert found == expected
    header = {card: value for card, (value, _) in found.cards().items()}
    assert Drizzling.from_cards(header) == found


# ---- the table of exposures -------------------------------------------------------------------------------------

TABLES = {
    "empty": ("", "no column crval1"),
    "no rows": ("file,crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1\n", "no rows"),
    "another table": ("id,ra,dec\n1,2,3\n", "no column crval1"),
    "no WCS": (
        "crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1\n1,2,1,1,LINEAR,LINEAR,10,10,1\n",
        "row 1.*no celestial WCS",
    ),
    "infinite": (
        "crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1\n1,inf,1,1,RA---TAN,DEC--TAN,10,10,1\n",
        "row 1: got no WCS",
    ),
    "control character": (
        "crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1\n1,2,1,1,RA---TAN,DEC\x06-TAN,10,10,1\n",
        "row 1: got no WCS",
    ),
    "a word for a time": (
        "crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1,cd1_2,cd2_1,cd2_2,exptime\n"
        "1,2,1,1,RA---TAN,DEC--TAN,10,10,1e-5,0,0,1e-5,900w\n",
        "row 1: got no WCS .*900w",
    ),
    "a column twice": (
        "crval1,CRVAL1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2,cd1_1\n1,1,2,1,1,a,b,10,10,1\n",
        "no table",
    ),
    "no matrix": (
        "crval1,crval2,crpix1,crpix2,ctype1,ctype2,naxis1,naxis2\n1,2,3,4,a,b,5,6\n",
        "no column cd1_1",
    ),
}


@pytest.mark.parametrize(("text", "message"), TABLES.values(), ids=TABLES)
def test_a_table_that_is_none_is_refused_by_name(tmp_path, text, message):
    """One message with the file."""
    path = tmp_path / "f200w_wcs.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read_wcs_table(str(path))
    assert "f200w_wcs.csv" in str(error.value)


def test_a_table_as_grizli_writes_it_has_the_distortion(tmp_path):
    """Header of astropy with the matrix as CD, CDELT of 1 beside it, SIP both ways, sizes; keywords in lower case."""
    wcs, like = WCS(naxis=2), make_wcs(0.063)
    wcs.wcs.ctype, wcs.wcs.crpix = ["RA---TAN-SIP", "DEC--TAN-SIP"], [1024.5, 1024.5]
    wcs.wcs.crval, wcs.wcs.cd = like.wcs.crval, like.pixel_scale_matrix
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[2, 0], b[0, 2] = 3e-6, -2e-6
    wcs.sip = Sip(a, b, -a, -b, [1024.5, 1024.5])
    header = wcs.to_header(relax=True)
    for key in [key for key in header if key.startswith("PC")]:
        header.rename_keyword(key, key.replace("PC", "CD"))
    for i in (1, 2):
        for j in (1, 2):
            header[f"CD{i}_{j}"] = wcs.wcs.cd[i - 1, j - 1]
    header["CDELT1"] = header["CDELT2"] = 1.0
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, 2048, 2048
    header["SIPCRPX1"], header["SIPCRPX2"] = wcs.sip.crpix
    assert {"A_2_0", "CDELT1", "LONPOLE", "RADESYS"} <= set(header)
    row = {"file": "jw01_nrcblong_rate.fits", "ext": 1, "exptime": 837.4} | {
        k.lower(): v for k, v in header.items()
    }
    Table(rows=[row]).write(tmp_path / "f444w_wcs.csv")
    (exposure,) = read_wcs_table(str(tmp_path / "f444w_wcs.csv"))
    assert (exposure.shape, exposure.weight) == ((2048, 2048), 837.4)
    place = np.array([[1900.0, 200.0]])
    mosaic_wcs = make_wcs(0.04)
    x, y = mosaic_wcs.all_world2pix(*wcs.all_pix2world(place, 0).T, 0)
    (seen,) = sightings([exposure], mosaic_wcs, x, y)
    # bit for bit, whatever other sources are asked about
    several = np.random.default_rng(3).uniform(100, 1900, size=(20, 2))
    xs, ys = mosaic_wcs.all_world2pix(*wcs.all_pix2world(several, 0).T, 0)
    (together,) = sightings([exposure], mosaic_wcs, xs, ys)
    for i in range(len(several)):
        (alone,) = sightings([exposure], mosaic_wcs, xs[i : i + 1], ys[i : i + 1])
        np.testing.assert_array_equal(alone.places[0], together.places[i])
    np.testing.assert_allclose(seen.places, place, atol=2e-3)
    # 2.3 px of distortion there, in x
    linear = Table(rows=[{k: v for k, v in row.items() if not k.startswith(("a_", "b_", "ap_", "bp_"))}])
    linear["ctype1"], linear["ctype2"] = "RA---TAN", "DEC--TAN"
    linear.write(tmp_path / "linear_wcs.csv")
    (plain,) = sightings(read_wcs_table(str(tmp_path / "linear_wcs.csv")), mosaic_wcs, x, y)
    assert plain.places[0, 0] - place[0, 0] == pytest.approx(3e-6 * (1900 - 1023.5) ** 2, abs=0.05)


def test_exposures_that_hold_no_source_are_not_counted(tmp_path):
    """A source on two of three footprints, one off all of them, which has no error of its own."""
    camera = SimpleNamespace(angle=0.3, scale=0.04, native=0.063)
    wcs = make_wcs(0.04)
    table = Dithers(camera, np.array([[10.0, 10.0], [12.3, 11.1], [900.0, 10.0]])).wcs_table(wcs, (800, 800))
    table.write(tmp_path / "x.csv")
    exposures = read_wcs_table(str(tmp_path / "x.csv"))
    seen = sightings(exposures, wcs, np.array([300.0, -4000.0]), np.array([200.0, 0.0]))
    assert [one.rows.tolist() for one in seen] == [[0], [0]]
    expected = Dithers(camera, np.array([[12.3, 11.1]])).phases(300.0, 200.0)
    np.testing.assert_allclose(seen[1].places, expected, atol=1e-3)
    errors, number = phase_errors(phase_harmonics(gaussian(), 0.063, 0.75), seen, 2)
    assert number.tolist() == [2, 0]
    assert np.isfinite(errors[0])
    assert np.isnan(errors[1])
    near = wcs.all_pix2world([300.0], [200.0], 0)
    assert len(read_wcs_table(str(tmp_path / "x.csv"), near=near)) >= 2
    assert read_wcs_table(str(tmp_path / "x.csv"), near=(np.array([200.0]), np.array([10.0]))) == []


def test_a_psf_without_harmonics_has_none(tmp_path):
    """PSFs of runs before this, and of an error given by the user."""
    from clusterphot.base.products import read_psf, write_psf

    path = tmp_path / "psf.fits"
    write_psf(path, gaussian())
    assert read_harmonics(path) is None
    assert read_psf(path).phase_error == 0.0


def test_the_error_of_a_filter_is_the_rms_over_its_mosaic_where_the_exposures_are_known(tmp_path):
    """Nine exposures at all places count as nine; a table of another place is refused by name."""
    camera = SimpleNamespace(angle=np.radians(30.0), scale=0.04, native=0.063)
    wcs = make_wcs(0.04)
    rng = np.random.default_rng(4)
    Dithers(camera, rng.uniform(300, 400, (9, 2))).wcs_table(wcs, (2048, 2048)).write(tmp_path / "a.csv")
    here = mosaic(LONG)
    here = Mosaic(here.sci, here.ivar, wcs, 0.04, "F277W", "f", cards=here.cards)
    known = make_phase_error(gaussian(), here, {}, str(tmp_path / "a.csv"))
    ensemble = make_phase_error(gaussian(), here, {"n_exposures": 9, "detector_angle_deg": 30.0})
    assert (known.n_exposures, known.origin) == (9, "exposures")
    assert known.error == pytest.approx(ensemble.error, rel=0.5)
    Dithers(camera, np.array([[1e5, 1e5]])).wcs_table(wcs, (2048, 2048)).write(tmp_path / "b.csv")
    with pytest.raises(DataError, match="no exposure on it"):
        make_phase_error(gaussian(), here, {}, str(tmp_path / "b.csv"))
