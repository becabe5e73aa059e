"""Point-source fits on simulated cutouts: values known on paper, true errors, and independence of company.

Sources are Gaussians integrated over pixels, so that nothing of the engine enters the simulation.
"""

from dataclasses import replace

import numpy as np
import pytest
from clusterphot.base.flags import Flag
from clusterphot.base.products import Psf
from clusterphot.base.psf_field import psf_over_field
from clusterphot.measure.fit import FitOptions, flag_unknown_offset
from clusterphot.measure.neighbours import pixels_between, turned_covariance
from gaussian_cutouts import (
    PITCH_PX,
    SCALE_ARCSEC,
    SIGMA_PX,
    SIZE_PX,
    WHITE,
    Field,
    correlated_noise,
    gaussian,
    make_psf,
    make_wcs,
    measure,
    targets,
)
from scipy.optimize import least_squares, minimize_scalar


def mad(values):
    """Robust standard deviation."""
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def pulls(table, flux, filt="F200W"):
    """Flux less truth over ``flux_err`` of unflagged targets."""
    rows = targets(table)
    good = np.asarray(rows[f"flags_{filt}"]) == 0
    return ((np.asarray(rows[f"flux_{filt}"]) - flux) / np.asarray(rows[f"flux_err_{filt}"]))[good]


def take(cutouts, rows):
    """Some of the cutouts, in the order given."""
    return replace(
        cutouts,
        ids=[cutouts.ids[k] for k in rows],
        neighbours=[cutouts.neighbours[k] for k in rows],
        **{name: getattr(cutouts, name)[rows] for name in ("data", "ivar", "x0", "y0", "x", "y")},
    )


# ---- values ------------------------------------------------------------------------------------------------


def test_without_noise_the_truth_comes_back():
    """Flux to 1e-4 (rendering), position to 2e-3 px, on a quadratic sky that is part of the model."""
    field = Field(20, 300.0, companion=(8.0, 0.7))
    table = targets(measure(field.cutouts(sigma=0.05)))
    np.testing.assert_allclose(table["flux_F200W"], 300.0, rtol=1e-4)
    np.testing.assert_allclose(table["x_F200W"] - PITCH_PX * np.arange(20), field.true[:, 0], atol=2e-3)
    np.testing.assert_allclose(table["y_F200W"], field.true[:, 1], atol=2e-3)
    np.testing.assert_allclose(table["dx_F200W"], (field.true - field.listed)[:, 0], atol=2e-3)


WIDTHS = np.linspace(1.3, 1.9, 12)


def changing_psf(filt):
    """A PSF whose width rises along x, known at the middles of the cutouts of 12 sources."""
    scale = SIGMA_PX[filt] / SIGMA_PX["F200W"]
    stamps = np.array([gaussian(61, 30, 30, scale * width) for width in WIDTHS] * 2)
    x = SIZE_PX // 2 + PITCH_PX * np.arange(len(WIDTHS))
    places = np.array([(place, y) for y in (0, SIZE_PX) for place in x])
    return psf_over_field(make_psf(filt), stamps, places)


def test_each_source_has_the_psf_of_its_place():
    """Free in the reference filter and tied in another one, with neighbours: to 1e-3; one PSF is over 10 % off."""
    field = Field(12, 300.0, companion=(8.0, 0.7), list_error_px=0.1)
    images = field.cutouts(sigma=0.05, widths=WIDTHS)
    reference = measure(images, psf=changing_psf("F200W"))
    np.testing.assert_allclose(targets(reference)["flux_F200W"], 300.0, rtol=1e-3)
    neighbours = reference[~np.asarray(reference["is_target"])]
    np.testing.assert_allclose(neighbours["flux_F200W"], 210.0, rtol=1e-3)
    other = field.cutouts("F090W", sigma=0.05, widths=0.75 * WIDTHS)
    tied = targets(measure(other, psf=changing_psf("F090W"), reference=reference))
    np.testing.assert_allclose(tied["flux_F090W"], 300.0, rtol=2e-3)
    with_one = np.asarray(targets(measure(images))["flux_F200W"])
    assert with_one.max() > 1.1 * 300 and with_one.min() < 0.9 * 300


def test_changing_psf_does_not_depend_on_company():
    """Bit for bit: all together, and each alone."""
    images, psf = Field(12, 300.0).cutouts(sigma=1.0, widths=WIDTHS), changing_psf("F200W")
    together = measure(images, psf=psf)
    for row in (0, 7):
        alone = measure(take(images, [row]), psf=psf)
        for name in ("flux_F200W", "flux_err_F200W", "x_F200W"):
            assert alone[name][0] == together[name][row]


def test_neighbours_are_rows_of_the_reference_table():
    """With target_id, position and flux, so that other filters need no other chunk."""
    field = Field(3, 300.0, companion=(8.0, 0.7))
    table = measure(field.cutouts(sigma=0.05))
    assert list(table["id"]) == ["s0", "n0", "s1", "n1", "s2", "n2"]
    assert list(table["target_id"]) == ["s0", "s0", "s1", "s1", "s2", "s2"]
    others = table[~np.asarray(table["is_target"])]
    np.testing.assert_allclose(others["flux_F200W"], 210.0, rtol=2e-4)


def test_other_filter_takes_position_and_offset():
    """The fitted position passes through the sky; the filter's offset is added, and dx, dy are without it."""
    field = Field(12, 300.0, companion=(8.0, 0.7))
    reference = measure(field.cutouts(sigma=0.05))
    cutouts = field.cutouts("F090W", sigma=0.05, flux=80.0, offset=(0.31, -0.22))
    table = targets(measure(cutouts, reference=reference, offset_px=(0.31, -0.22)))
    np.testing.assert_allclose(table["flux_F090W"], 80.0, rtol=2e-4)
    np.testing.assert_allclose(table["y_F090W"], field.true[:, 1] - 0.22, atol=2e-3)
    np.testing.assert_allclose(table["dy_F090W"], (field.true - field.listed)[:, 1], atol=2e-3)


def test_free_position_in_another_filter():
    """It finds an offset that nobody told."""
    field = Field(12, 300.0)
    options = FitOptions(position="free")
    reference = measure(field.cutouts(sigma=0.05), options=options)
    cutouts = field.cutouts("F090W", sigma=0.05, offset=(0.6, 0.4))
    table = targets(measure(cutouts, reference=reference, options=options))
    np.testing.assert_allclose(table["flux_F090W"], 300.0, rtol=2e-4)
    np.testing.assert_allclose(table["dx_F090W"], (field.true + [0.6, 0.4] - field.listed)[:, 0], atol=5e-3)


def test_stamp_holds_part_of_the_light():
    """Total flux is the amplitude over the encircled energy of the stamp, errors likewise."""
    field = Field(4, 300.0)
    whole = targets(measure(field.cutouts()))
    part = targets(measure(field.cutouts(), psf=make_psf(ee_stamp=0.8, sys_error=0.02)))
    np.testing.assert_allclose(part["flux_F200W"], whole["flux_F200W"] / 0.8, rtol=1e-9)
    np.testing.assert_allclose(part["flux_err_F200W"], whole["flux_err_F200W"] / 0.8, rtol=1e-9)
    np.testing.assert_allclose(part["flux_err_sys_F200W"], 0.02 * part["flux_F200W"], rtol=1e-12)


def test_flux_scale():
    """Ten times the image and its errors is ten times the flux."""
    field = Field(6, 60.0)
    noise = np.random.default_rng(2).normal(size=(6, SIZE_PX, SIZE_PX))
    cutouts = field.cutouts(noise=noise)
    scaled = replace(cutouts, data=10 * cutouts.data, ivar=cutouts.ivar / 100)
    one, ten = targets(measure(cutouts)), targets(measure(scaled))
    for name in ("flux_F200W", "flux_err_F200W", "sky_F200W"):
        np.testing.assert_allclose(ten[name], 10 * one[name], rtol=1e-6)


def test_conditional_error_is_that_of_the_tractor():
    """One over the root of the sum of ivar times the squared PSF: sqrt(4 pi) sigma_px without pixels."""
    table = targets(measure(Field(3, 500.0).cutouts()))
    expected = np.sqrt(4 * np.pi) * np.hypot(SIGMA_PX["F200W"], np.sqrt(1 / 12))
    np.testing.assert_allclose(table["flux_err_conditional_F200W"], expected, rtol=5e-3)
    assert np.all(table["flux_err_marginal_F200W"] > table["flux_err_conditional_F200W"])
    np.testing.assert_allclose(table["flux_err_F200W"], table["flux_err_marginal_F200W"], rtol=2e-3)


# ---- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("companion", [None, (7.0, 1.5)])
def test_pulls(correlated, companion):
    """600 sources: median 0 within 3 x 1.25 / sqrt(600) = 0.15, width 1 within 3 x 0.048 = 0.14."""
    rng = np.random.default_rng(11)
    field = Field(600, 120.0, seed=3, companion=companion)
    draw = [correlated_noise(rng, 600) if correlated else (rng.normal(size=(600, SIZE_PX, SIZE_PX)), WHITE)]
    draw += [correlated_noise(rng, 600) if correlated else (rng.normal(size=(600, SIZE_PX, SIZE_PX)), WHITE)]
    reference = measure(field.cutouts(noise=draw[0][0]), correlation=draw[0][1])
    tied = measure(field.cutouts("F090W", noise=draw[1][0]), correlation=draw[1][1], reference=reference)
    for table, filt in ((reference, "F200W"), (tied, "F090W")):
        pull = pulls(table, 120.0, filt)
        assert len(pull) > 0.98 * 600
        assert abs(np.median(pull)) < 0.15
        assert 0.86 < mad(pull) < 1.14
        assert np.abs(pull).max() < 5


@pytest.mark.parametrize("snr", [3.0, 6.0])
def test_faint_sources_are_not_biased_by_the_search(snr):
    """Left alone the search gains 1 / snr sigma and the tied filter loses more; 3 sigma of 1,000 is 0.1."""
    rng = np.random.default_rng(5)
    flux = snr * 6.0
    field = Field(1000, flux, seed=6)
    reference = measure(field.cutouts(noise=rng.normal(size=(1000, SIZE_PX, SIZE_PX))))
    tied = measure(
        field.cutouts("F090W", noise=rng.normal(size=(1000, SIZE_PX, SIZE_PX))), reference=reference
    )
    assert abs(pulls(reference, flux).mean()) < 0.12
    assert abs(pulls(tied, flux, "F090W").mean()) < 0.12
    assert np.mean(np.asarray(targets(reference)["flags_F200W"]) == 0) > 0.99


def test_photon_noise_enters_the_error():
    """At 1e5 nJy and 1 electron per nJy it is the sum of h^2 P flux, with h the PSF over its square."""
    field = Field(2, 1e5)
    field.sky[:, 1:] = 0
    options = FitOptions(sky="constant")
    quiet = targets(measure(field.cutouts(sigma=0.1), options=options))
    loud = targets(measure(replace(field.cutouts(sigma=0.1), gain_e_per_njy=1.0), options=options))
    image = gaussian(SIZE_PX, 20, 20, SIGMA_PX["F200W"])
    expected = np.sqrt(1e5 * (image**3).sum()) / (image**2).sum()
    np.testing.assert_allclose(loud["flux_err_F200W"], expected, rtol=0.05)
    np.testing.assert_allclose(loud["flux_F200W"], quiet["flux_F200W"], rtol=1e-4)


def test_photons_count_more_where_fewer_exposures_lie():
    """At a third of the weight a third of the electrons: errors of bright sources grow as the root of three."""
    field = Field(2, 1e5)
    field.sky[:, 1:] = 0
    options = FitOptions(sky="constant")
    errors = []
    for sigma in (0.1, 0.1 * np.sqrt(3)):
        cutouts = replace(field.cutouts(sigma=sigma), gain_e_per_njy=1.0)
        errors.append(targets(measure(cutouts, options=options, deep_ivar=100.0))["flux_err_F200W"][0])
    assert errors[1] / errors[0] == pytest.approx(np.sqrt(3), rel=1e-3)


def test_steep_halo_in_a_corner():
    """A galaxy's core that no quadratic fits, the same 300 times: window and error keep the pulls to size."""
    rng = np.random.default_rng(7)
    field = Field(300, 200.0, seed=8)
    cutouts = field.cutouts(noise=rng.normal(size=(300, SIZE_PX, SIZE_PX)))
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    halo = 2000.0 * np.exp(-np.hypot(x - 40, y - 38) / 4.0)
    table = measure(replace(cutouts, data=cutouts.data + halo))
    whole = measure(replace(cutouts, data=cutouts.data + halo), options=FitOptions(adaptive_window=False))
    assert 0.7 < np.sqrt(np.mean(pulls(table, 200.0) ** 2)) < 1.2
    assert np.abs(pulls(table, 200.0)).max() < 5
    assert np.mean(np.asarray(targets(whole)["flags_F200W"]) & Flag.AT_BOUND > 0) > 0.9


# ---- independence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["tied", "free"])
def test_results_do_not_depend_on_company(position):
    """Bit for bit: alone, among fifty, in reverse order; two filters; with and without neighbours."""
    rng = np.random.default_rng(9)
    field = Field(50, rng.uniform(20, 400, 50), seed=10, companion=(9.0, 0.5))
    options = FitOptions(position=position)
    first = field.cutouts(noise=rng.normal(size=(50, SIZE_PX, SIZE_PX)))
    first.neighbours[::2] = [[] for _ in first.neighbours[::2]]
    second = field.cutouts("F090W", noise=rng.normal(size=(50, SIZE_PX, SIZE_PX)))
    second.neighbours[:] = first.neighbours

    def run(rows):
        reference = measure(take(first, rows), options=options)
        other = measure(take(second, rows), options=options, reference=reference)
        return {row["id"]: [*row] for row in targets(reference)}, {
            row["id"]: [*row] for row in targets(other)
        }

    everyone = run(list(range(50)))
    backwards = run(list(range(49, -1, -1)))
    for rows in ([7], [24], [3, 40, 11]):
        for some, whole in zip(run(rows), everyone, strict=True):
            for name, row in some.items():
                assert np.array_equal(row[5:], whole[name][5:], equal_nan=True)
    for some, whole in zip(backwards, everyone, strict=True):
        for name, row in some.items():
            assert np.array_equal(row[3:], whole[name][3:], equal_nan=True)


def test_paper_preset_agrees_with_an_independent_fit():
    """Constant sky, one source, position within 2 px, by scipy: 0.05 sigma (median) and 0.15 sigma (95 %)."""
    rng = np.random.default_rng(12)
    field = Field(60, 100.0, seed=13, companion=(12.0, 0.5))
    cutouts = field.cutouts(noise=rng.normal(size=(60, SIZE_PX, SIZE_PX)))
    options = FitOptions().with_preset("paper")
    reference = measure(cutouts, options=options)
    other = field.cutouts("F090W", noise=rng.normal(size=(60, SIZE_PX, SIZE_PX)))
    free = measure(other, options=options, reference=reference)
    for table, images, filt in ((reference, cutouts, "F200W"), (free, other, "F090W")):
        table = targets(table)
        difference = []
        for k in range(60):
            start = [100.0, images.data[k].mean(), *field.listed[k]]
            box = ([-np.inf, -np.inf, *(field.listed[k] - 2)], [np.inf, np.inf, *(field.listed[k] + 2)])

            def residual(p, image=images.data[k], width=SIGMA_PX[filt]):
                return (p[0] * gaussian(SIZE_PX, p[2], p[3], width) + p[1] - image).ravel()

            fit = least_squares(residual, start, bounds=box, x_scale=[10, 1, 0.1, 0.1])
            difference.append((table[f"flux_{filt}"][k] - fit.x[0]) / table[f"flux_err_{filt}"][k])
        assert np.abs(np.median(difference)) < 0.05
        assert np.quantile(np.abs(difference), 0.95) < 0.15
        assert np.array_equal(table[f"flux_err_{filt}"], table[f"flux_err_conditional_{filt}"])


def test_unknown_preset_is_refused():
    """A typo is an error."""
    with pytest.raises(ValueError, match="expected 'default' or 'paper'"):
        FitOptions().with_preset("papers")


# ---- flags -------------------------------------------------------------------------------------------------


def test_flags():
    """One cutout per kind of trouble; every source keeps its row."""
    field = Field(8, 5000.0, list_error_px=0.0)
    rng = np.random.default_rng(14)
    cutouts = field.cutouts(noise=rng.normal(size=(8, SIZE_PX, SIZE_PX)))
    cutouts.ivar[1, :, :10] = 0
    cutouts.ivar[2, 20, 19:22] = 0
    cutouts.ivar[3] = 0
    cutouts.ivar[4, 19:22, 19:22] = 0
    cutouts.data[5, 3, 3] = np.nan
    cutouts.x[6] += 5.0
    cutouts.neighbours[7].append(("close", cutouts.x[7] + 3.0, cutouts.y[7]))
    table = targets(measure(cutouts))
    assert [Flag(int(value)) for value in table["flags_F200W"]] == [
        Flag.NONE,
        Flag.EDGE,
        Flag.MASKED,
        Flag.EDGE | Flag.NO_DATA,
        Flag.MASKED | Flag.SATURATED,
        Flag.NONE,
        Flag.AT_BOUND | Flag.POOR_FIT,
        Flag.BLENDED,
    ]
    assert list(np.isnan(table["flux_F200W"])) == [k == 3 for k in range(8)]
    np.testing.assert_allclose(table["flux_F200W"][[0, 1, 2, 5]], 5000.0, atol=5 * 8.0)


def test_source_without_data_in_the_reference_filter():
    """Other filters fall back on the listed position."""
    field = Field(2, 300.0, list_error_px=0.0)
    cutouts = field.cutouts()
    cutouts.ivar[0] = 0
    reference = measure(cutouts)
    other = targets(measure(field.cutouts("F090W"), reference=reference))
    np.testing.assert_allclose(other["flux_F090W"], 300.0, rtol=1e-3)


def test_identical_positions_measure_the_sum():
    """Two listed sources at one place are one source to the fit, and flagged."""
    field = Field(1, 300.0, list_error_px=0.0)
    cutouts = field.cutouts()
    cutouts.neighbours[0].append(("twin", cutouts.x[0], cutouts.y[0]))
    table = measure(cutouts)
    assert len(table) == 1
    assert table["flags_F200W"][0] == Flag.BLENDED
    assert table["flux_F200W"][0] == pytest.approx(300.0, rel=1e-3)


def test_search_goes_on_along_a_bound():
    """A PSF elongated along the diagonal, listed 3 px off in x: y where chi-square is least at x on its bound."""
    shape = np.linalg.inv([[4.0, 2.4], [2.4, 4.0]])

    def image(dx, dy, half=30):
        v, u = np.mgrid[-half : half + 1, -half : half + 1] - np.array([dy, dx])[:, None, None]
        return np.exp(-0.5 * (shape[0, 0] * u * u + 2 * shape[0, 1] * u * v + shape[1, 1] * v * v))

    field = Field(1, 0.0, list_error_px=0.0)
    field.sky[:] = 0
    field.true = field.listed = np.array([[20.0, 20.0]])
    cutouts = field.cutouts()
    cutouts.data[0] = 500 * image(3.0, 0.3, 20)
    options = replace(FitOptions().with_preset("paper"), max_shift_px=1.0)
    psf = Psf(image(0, 0) / image(0, 0).sum(), SCALE_ARCSEC, "F200W")
    table = measure(cutouts, psf=psf, options=options)
    assert table["flags_F200W"][0] == Flag.AT_BOUND | Flag.POOR_FIT
    bound = table["x_F200W"][0] - 20.0

    def chi2(dy):
        columns = np.stack([image(bound, dy, 20).ravel(), np.ones(SIZE_PX**2)], axis=1)
        return np.linalg.lstsq(columns, cutouts.data[0].ravel(), rcond=None)[1][0]

    best = minimize_scalar(chi2, bounds=(-3, 3), method="bounded", options={"xatol": 1e-6}).x
    assert table["y_F200W"][0] - 20.0 == pytest.approx(best, abs=5e-3)


@pytest.mark.parametrize(("list_error_px", "flagged"), [(0.5, False), (3.5, None), (6.0, True)])
def test_light_beyond_the_box_of_a_position_is_flagged(list_error_px, flagged):
    """A list beside its sources: what is fitted in the box (2 px) is not the source, whose light lies beyond."""
    field = Field(40, 200.0, list_error_px=0.0)
    angle = np.random.default_rng(5).uniform(0, 2 * np.pi, field.n)
    field.listed = field.true + list_error_px * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    noise = np.random.default_rng(6).normal(size=(field.n, SIZE_PX, SIZE_PX))
    rows = targets(measure(field.cutouts(noise=noise, sigma=0.5)))
    flags = np.asarray(rows["flags_F200W"])
    if flagged is not None:  # in between, the box follows the centroid of some
        assert np.all((flags & int(Flag.AT_BOUND) > 0) == flagged)
    off = np.abs(np.asarray(rows["flux_F200W"]) / 200.0 - 1.0) > 0.2
    assert np.all(flags[off] != 0)


def test_flag_of_an_unknown_offset():
    field = Field(3, 100.0)
    table = measure(field.cutouts())
    table["flags_F200W"][1] = int(Flag.NO_DATA)
    flag_unknown_offset(table)
    assert np.asarray(table["flags_F200W"]).tolist() == [
        Flag.OFFSET_UNKNOWN,
        Flag.NO_DATA,
        Flag.OFFSET_UNKNOWN,
    ]


@pytest.mark.parametrize(
    ("chi2", "dof", "significance", "poor"),
    [
        (568.0 * 1600, 1600, 30, True),
        (1.7 * 400, 400, 75, False),
        (20 * 1600, 1600, 2000, False),
        (np.nan, 9, 1, False),
    ],
)
def test_poor_fit(chi2, dof, significance, poor):
    """Noise twice as large and a PSF off by a tenth are allowed for: (0.1 x 2000)^2 is 25 per each of 1600 pixels."""
    from clusterphot.measure.fit_rows import is_poor_image_fit

    assert bool(is_poor_image_fit(np.array([chi2]), np.array([dof]), np.array([significance]))[0]) == poor


@pytest.mark.parametrize("mirror", [1, -1])
def test_covariance_of_a_tied_position_turns_with_the_pixels(mirror):
    """An ellipse of 1 x 0.2 px along x of the reference, on pixels turned by 90 deg and half as large: along y."""
    there, here = make_wcs(), make_wcs()
    scale = there.wcs.cdelt[1]
    here.wcs.cdelt = [1, 1]
    here.wcs.pc = 0.5 * scale * np.array([[0.0, 1.0], [-mirror, 0.0]])
    here.wcs.set()
    matrix = pixels_between({"pixel_matrix": there.pixel_scale_matrix.tolist()}, here, 2.0)
    xx, yy, xy = turned_covariance(np.array([1.0]), np.array([0.04]), np.array([0.0]), matrix)[0]
    assert (xx, yy, xy) == (pytest.approx(0.16), pytest.approx(4.0), pytest.approx(0.0, abs=1e-9))
    same = pixels_between({"pixel_matrix": there.pixel_scale_matrix.tolist()}, make_wcs(), 1.0)
    assert np.array_equal(same, np.eye(2))
