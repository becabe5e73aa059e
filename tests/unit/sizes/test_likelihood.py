"""Likelihood of sizes: fluxes and positions recovered, limits that cover, resolved where it should be."""

import dataclasses

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.base.products import Mosaic, Noise
from clusterphot.base.psf_field import psf_over_field
from clusterphot.sizes import blank_sky, limits, profiles, star_widths
from clusterphot.sizes import trials as size_simulation
from clusterphot.sizes.likelihood import MARGIN_PX, SizeGrid
from clusterphot.stack.build import StackOptions
from size_field import NOISE, OPTIONS, PC_PER_ARCSEC, PSF, SCALE, SIGMA_PX, WINDOW, context, field, gaussian


@pytest.fixture(scope="module")
def stamps():
    return blank_sky.synthetic_stamps(NOISE, WINDOW + 2 * MARGIN_PX, 500, np.random.default_rng(2))


def test_synthetic_noise_has_the_correlation_asked_for(stamps):
    assert stamps.std() == pytest.approx(1.0, abs=0.01)
    neighbours = np.mean(stamps[:, :, 1:] * stamps[:, :, :-1])
    assert neighbours == pytest.approx(4.0 / 6.0, abs=0.01)


def test_templates_are_the_images_in_few_numbers():
    grid = SizeGrid(PSF, NOISE, WINDOW, PC_PER_ARCSEC, OPTIONS, scatter_fraction=0.1)
    image = grid.spectrum.images(grid.spectra(120.0, grid.fraction[20]), WINDOW)
    index = int(np.argmin(np.abs(grid.radius_pc - 120.0)))
    templates = grid.templates.reshape(len(grid.radius_pc), len(grid.fraction), -1)
    assert templates[index, 20] == pytest.approx(grid.project(image)[0], rel=1e-6)
    # nothing is lost: modes hold all of the image up to the tolerance, 3e-4 of the norm
    assert np.square(grid.project(image)).sum() == pytest.approx(np.square(image).sum(), rel=1e-5)


def test_flux_position_and_size_without_noise():
    """A 100 pc source off the middle on a curved sky: all found to the steps of the grid."""
    grid = context().grid(41, 0.0)
    image = 30.0 * grid.spectrum.images(grid.spectra(100.0), 41, 0.42, -0.31)
    axis = np.linspace(-1, 1, 41)
    image = image + 0.2 + 0.1 * axis + 0.05 * axis[:, None] ** 2
    modes, x, y = grid.centre(image, np.zeros(1), np.zeros(1))
    likelihood = grid.likelihood(modes, np.array([1e-4]))
    assert (x[0], y[0]) == (pytest.approx(0.42, abs=2e-3), pytest.approx(-0.31, abs=2e-3))
    assert likelihood.rise()[1][0] == pytest.approx(100.0, abs=1.0)
    assert likelihood.best()[1][0] == pytest.approx(30.0, rel=5e-3)


def test_limits_cover_and_sizes_are_told_apart(stamps):
    """Binomial errors: 0.95 of 400 is +-0.011, three of them are allowed."""
    trials = size_simulation.Trials((20.0, 100.0, 300.0), 60, 400, 0.1, 3)
    setting = size_simulation.Setting("stack", 15.0, 0.0046, 100)
    table, summary = size_simulation.simulate_sizes(context(0.1), stamps, [setting], trials)
    row = {(row["psf"], str(row["true_radius_pc"])): row for row in table}
    for psf in ("known", "varied"):
        assert row[psf, "nan"]["coverage"] > 0.95 - 0.033
        assert row[psf, "0.0"]["coverage"] == 1.0 and row[psf, "0.0"]["p_resolved"] < 0.05
    assert row["known", "nan"]["coverage"] < 0.95 + 0.033
    assert row["known", "20.0"]["p_resolved"] < 0.05
    assert row["known", "100.0"]["p_resolved"] > 0.95
    assert row["varied", "300.0"]["p_resolved"] > 0.95
    # what the PSF may do, no limit excludes: 10 % in the width is 0.46 PSF sigma, as a half-light radius 86 pc
    assert summary["stack_known"]["limit_of_point_pc"] < 30
    assert 35 < summary["stack_varied"]["limit_of_point_pc"] < 110


def test_sources_at_a_peak_have_that_peak(stamps):
    grid = context().grid(41, 0.0)
    rng = np.random.default_rng(1)
    _, flux = size_simulation._inject(
        grid, stamps, size_simulation.Setting("peak", 20.0, 0.0), np.array([0.0, 200.0]), rng
    )
    # a point source's brightest pixel holds 0.98 / (2 pi 1.5^2) of its flux
    assert flux[0] == pytest.approx(20.0 * 2 * np.pi * SIGMA_PX**2 / 0.98, rel=1e-3)
    assert flux[1] > 1.5 * flux[0]


def test_seeds_make_the_trials(stamps):
    setting = size_simulation.Setting("flux", 20.0, 0.05)
    trials = size_simulation.Trials((20.0, 100.0), 20, 20, 0.0, 3)
    first, again, other = (
        size_simulation.simulate_sizes(context(), stamps, [setting], t)[0]["limit_median_pc"]
        for t in (trials, trials, dataclasses.replace(trials, seed=4))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("share", "expected"), [([0, 0.4, 0.6, 1], 15.0), ([0, 0, 0, 0.2], np.nan), ([0.9, 0.9, 1, 1], 0.0)]
)
def test_radius_where_half_are_resolved(share, expected):
    radius = np.array([0.0, 10.0, 20.0, 30.0])
    assert size_simulation._crossing(radius, np.array(share), 0.5) == pytest.approx(expected, nan_ok=True)


def test_blank_stamps_avoid_sources():
    rng = np.random.default_rng(5)
    image = 0.05 * rng.normal(size=(400, 400))
    image[200:206, 200:206] += 5.0
    mosaic = Mosaic(image, np.full(image.shape, 400.0), None, SCALE, "F150W")
    white = Noise(np.pad([[1.0]], 2), 1.0, "F150W")
    cut, sigma = blank_sky.blank_stamps(mosaic, white, 33)
    assert len(cut) > 20 and sigma == pytest.approx(0.05)
    assert cut.std() == pytest.approx(1.0, abs=0.03) and np.abs(cut).max() < 6


def test_patches():
    assert limits.effective_patches(np.array([[1.0, 1.0], [2.0, 3.0]]), 20.0) == 1.0
    assert limits.effective_patches(np.array([[1.0, 1.0], [2.0, 3.0], [30.0, 1.0], [31.0, 2.0]]), 20.0) == 2.0
    assert limits.effective_patches(np.array([[1.0, 1.0]] * 3 + [[30.0, 1.0]]), 20.0) == pytest.approx(1.6)


def test_widths_of_stars():
    """Stars of a PSF that is 5 % broader or narrower at random: their mean is the PSF, their scatter 5 %."""
    rng = np.random.default_rng(7)
    image = 0.05 * rng.normal(size=(120, 60 * 12))
    places = np.array([[60.0 * k + 30.3, 60.4] for k in range(12)])
    for k, (x, y) in enumerate(places):
        width = SIGMA_PX * (1.05 if k % 2 else 0.95)
        star = 300.0 * gaussian(41, width, x - np.rint(x), y - np.rint(y))
        image[40:81, round(x) - 20 : round(x) + 21] += star
    mosaic = Mosaic(image, np.full(image.shape, 400.0), None, SCALE, "F150W")
    white = dataclasses.replace(context(), noise=Noise(np.pad([[1.0]], 2), 1.0, "F150W"))
    fraction, error = star_widths.star_widths(mosaic, places, white, 41)
    # S/N of 300 / 0.05 / sqrt(4 pi) / 1.5 = 1100: widths to 0.1 %
    assert fraction[1::2] == pytest.approx(np.full(6, 0.05), abs=0.006)
    assert fraction[::2] == pytest.approx(np.full(6, -0.05), abs=0.006)
    assert np.all((error > 2e-4) & (error < 2e-3))
    facts = star_widths.describe_widths(fraction, error)
    assert facts["n_stars"] == 12 and facts["star_fwhm_scatter"] == pytest.approx(1.4826 * 0.05, rel=0.1)
    assert np.isnan(star_widths.describe_widths(fraction[:3], error[:3])["star_fwhm_scatter"])


# ---- clusters and stack ----------------------------------------------------------------------------------


def test_limits_of_clusters():
    cutouts, table, _ = field(12, 0.0)
    table["flux_F150W"][3], table["flags_F150W"][5] = 2.0, int(Flag.BLENDED)
    measured, facts = limits.limit_clusters(cutouts, table, context(0.12), min_snr=10.0)
    assert list(measured["id"]) == cutouts.ids and facts["dof"] > 0
    assert measured["flags"][3] == Flag.LOW_SNR and measured["flags"][5] == Flag.BLENDED
    good = measured["flags"] == 0
    assert np.isnan(measured["radius_limit_pc"][~good]).all() and good.sum() == 10
    assert np.all(measured["radius_limit_pc"][good] >= measured["radius_limit_psf_known_pc"][good])
    assert not measured["resolved"].any()
    large, _ = limits.limit_clusters(*field(12, 250.0)[:2], context(0.12), min_snr=10.0)
    assert large["resolved"].all() and np.median(large["radius_pc"]) == pytest.approx(250.0, rel=0.1)


def test_points_are_held_against_the_psf_of_their_place():
    """On the left of the field as wide as ever, on the right by a quarter more: all are points."""
    n, reach, wide = 8, 3000, 1.25 * SIGMA_PX
    cutouts, table, _ = field(n, 0.0, flux=60.0)
    right = np.arange(n) % 2 == 1
    x, y = cutouts.x - cutouts.x0, cutouts.y - cutouts.y0
    for i in np.flatnonzero(right):
        moved = gaussian(41, wide, x[i] - 20, y[i] - 20) - gaussian(41, SIGMA_PX, x[i] - 20, y[i] - 20)
        cutouts.data[i] += 60.0 * 0.98 * moved
    corner = np.where(right, reach, 0)
    cutouts = dataclasses.replace(cutouts, x0=corner, x=x + corner)
    table["x_F150W"] = cutouts.x
    stamps = 0.98 * np.array([gaussian(101, sigma) for sigma in (SIGMA_PX, wide)] * 2)
    places = [(x, y) for y in (0.0, 3000.0) for x in (20.0, reach + 20.0)]
    one = context()
    changing = dataclasses.replace(one, psf=psf_over_field(PSF, stamps, places))
    found, _ = limits.limit_clusters(cutouts, table, changing, min_snr=20.0)
    assert not found["resolved"].any()
    alone, _ = limits.limit_clusters(cutouts, table, one, min_snr=20.0)
    np.testing.assert_array_equal(alone["resolved"], right)
    np.testing.assert_allclose(found["radius_limit_pc"][~right], alone["radius_limit_pc"][~right], rtol=0.01)


def test_widths_of_stars_are_those_against_the_psf_of_their_place():
    """A narrow star on the left, one wider by a quarter on the right."""
    wide, x = 1.25 * SIGMA_PX, np.array([30.0, 230.0])
    stamps = 0.98 * np.array([gaussian(101, sigma) for sigma in (SIGMA_PX, wide)] * 2)
    one, places = context(), [(place, y) for y in (0.0, 60.0) for place in x]
    changing = dataclasses.replace(one, psf=psf_over_field(PSF, stamps, places))
    image = np.zeros((61, 261))
    image[10:51, 10:51], image[10:51, 210:251] = 300 * gaussian(41, SIGMA_PX), 300 * gaussian(41, wide)
    mosaic = Mosaic(image, np.full(image.shape, 400.0), None, SCALE, "F150W", "mine")
    stars = np.stack([x, [30.0, 30.0]], axis=1)
    np.testing.assert_allclose(star_widths.star_widths(mosaic, stars, changing, 41)[0], 0.0, atol=5e-3)
    np.testing.assert_allclose(star_widths.star_widths(mosaic, stars, one, 41)[0], [0.0, 0.25], atol=0.01)


def test_a_cluster_does_not_depend_on_its_chunk():
    cutouts, table, _ = field(6, 50.0)
    whole, _ = limits.limit_clusters(cutouts, table, context(0.12), min_snr=10.0)
    rows = [4, 1]
    part = dataclasses.replace(
        cutouts,
        ids=[cutouts.ids[i] for i in rows],
        neighbours=[[], []],
        **{name: getattr(cutouts, name)[rows] for name in ("data", "ivar", "x0", "y0", "x", "y")},
    )
    alone, _ = limits.limit_clusters(part, table[rows], context(0.12), min_snr=10.0)
    for name in whole.colnames:
        np.testing.assert_array_equal(alone[name], whole[name][rows], err_msg=name)


def test_neighbour_and_bad_pixels_do_no_harm():
    cutouts, table, _ = field(1, 0.0, flux=60.0)
    grid = context().grid(41, 0.0)
    cutouts.data[0] += 40.0 * grid.spectrum.images(grid.spectra(0.0), 41, 7.0, 3.0)[0]
    neighbour = Table(table[0])
    neighbour["id"], neighbour["is_target"] = "near", False
    for axis, corner, place in (("x", cutouts.x0, 27.0), ("y", cutouts.y0, 23.0)):
        neighbour[f"{axis}_F150W"] = corner[0] + place
    neighbour["flux_F150W"] = 40.0
    cutouts.data[0, 20, 26], cutouts.ivar[0, 20, 26] = 1e3, 0.0
    fits = Table(rows=[*table, *neighbour], names=table.colnames)
    measured, _ = limits.limit_clusters(cutouts, fits, context(0.0), min_snr=10.0)
    assert measured["radius_limit_pc"][0] < 60.0
    assert measured["flux_size"][0] == pytest.approx(60.0, abs=3.0)


def stack_of(cutouts, table, reference, scatter=0.0, method="mean", **changes):
    options = StackOptions(method, (8.0, 15.0), n_resamples=200, seed=1)
    return limits.limit_stack(
        cutouts, table, reference, context(scatter, **changes), options, filters=["F150W"],
        reference_filter="F200W", stars=np.array([[100.0, 100.0], [2000.0, 2000.0]]), coherence_arcsec=20.0,
    )  # fmt: skip


def test_stack_of_points_with_known_errors_of_position_is_a_point():
    """Errors of 0.4 px per axis blur a stack by sigma 8 mas, as a source of 50 pc would."""
    cutouts, table, reference = field(100, 0.0, position_error_px=0.4)
    size = stack_of(cutouts, table, reference)
    assert size.facts["alignment_mas"] == pytest.approx(8.0, rel=1e-6)
    assert size.table["radius_limit_pc"][0] < 45.0 and not size.table["resolved"][0]
    reference["x_err_F200W"] = reference["y_err_F200W"] = 1e-6
    ignorant = stack_of(cutouts, table, reference)
    assert ignorant.table["radius_pc"][0] == pytest.approx(50.0, abs=12.0)


def test_stack_of_large_clusters_is_resolved_and_a_wide_prior_widens_the_limit():
    fields = field(100, 100.0, flux_scatter=0.5)
    known, varied = stack_of(*fields), stack_of(*fields, scatter=0.12)
    assert known.table["resolved"][0]
    assert known.table["radius_pc"][0] == pytest.approx(100.0, abs=6.0)
    assert varied.table["radius_limit_pc"][0] > known.table["radius_limit_pc"][0]
    # 100 sources over 60" and two stars in two cells of 20"
    assert varied.facts["psf_scatter_fraction"] == pytest.approx(
        0.12 * np.sqrt(0.5 + 1 / varied.facts["n_patches"])
    )


def test_few_sources_use_the_noise_and_one_is_no_stack():
    cutouts, table, reference = field(8, 0.0)
    assert np.isfinite(stack_of(cutouts, table, reference).table["radius_limit_pc"][0])
    table["flags_F150W"][1:] = int(Flag.FAILED)
    empty = stack_of(cutouts, table, reference)
    assert empty.table["flags"][0] == Flag.NO_DATA and np.isnan(empty.table["radius_limit_pc"][0])
    assert len(size_simulation.make_settings(20.0, 0.05, empty.facts)) == 2


# ---- profiles --------------------------------------------------------------------------------------------


def profile_of(radius_pc, **changes):
    options = StackOptions("mean", (8.0, 15.0), n_resamples=200, seed=1)
    return profiles.measure_profile(
        *field(100, radius_pc, flux_scatter=0.5, position_error_px=0.2), context(**changes), options,
        filters=["F150W"], reference_filter="F200W",
    )  # fmt: skip


def test_profile_of_points_is_that_of_the_psf():
    profile, facts = profile_of(0.0)
    assert facts["p_value"] > 0.01 and facts["n_sources"] == 100
    pull = (profile["intensity"] - profile["intensity_psf"]) / profile["intensity_err"]
    assert np.abs(pull).max() < 4
    # the middle of a Gaussian of 1.5 px blurred by 0.2 px of errors of position
    peak = 0.98 * facts["flux"] / (2 * np.pi * (SIGMA_PX**2 + 0.2**2)) / SCALE**2
    assert profile["intensity_psf"][0] == pytest.approx(peak, rel=2e-3)


def test_profile_of_large_clusters_is_not():
    _, facts = profile_of(120.0)
    assert facts["p_value"] < 1e-6


def test_rings_average():
    rings = profiles.make_rings(33, 16)
    flat = np.full(33 * 33, 3.0)
    assert rings.matrix @ flat == pytest.approx(np.full(len(rings.radius_px), 3.0))
    assert rings.radius_px[0] == 0.0 and np.all(np.diff(rings.radius_px) > 0)


def test_model_profiles_widen():
    radius, models = profiles.model_profiles(
        PSF, [50.0, 200.0], PC_PER_ARCSEC, model="king", king_concentration=1.5, reach_arcsec=0.3
    )
    assert list(models) == [0.0, 50.0, 200.0] and len(radius) == len(models[0.0])
    assert models[0.0][2] < models[50.0][2] < models[200.0][2] < 1
