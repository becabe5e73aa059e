"""Artificial clusters and blank places: in noise and with a PSF that are known, biases are 0 and pulls scatter by 1."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.proof import summary
from clusterphot.proof.blank import draw_blank, inflation
from clusterphot.proof.donors import choose_donors
from clusterphot.proof.draw import DrawOptions, draw_injections
from clusterphot.proof.outcome import prove_blank, prove_injections, stack_outcomes
from clusterphot.proof.paint import correlated_noise
from clusterphot.psf.noise import measure_noise
from clusterphot.report import quality
from gaussian_cutouts import KERNEL, WHITE, gaussian
from proof_field import FILTERS, MANNER, REACH_ARCSEC, SIZE_PX, made_field, made_outcome
from scipy import ndimage

OPTIONS = DrawOptions()
LIST_ERROR_ARCSEC = 0.006
N = 300


def injections(field, numbers, options=OPTIONS):
    """Outcome of some artificial clusters."""
    bands, listed = field
    drawn = draw_injections(numbers, listed, options, LIST_ERROR_ARCSEC)
    return prove_injections(drawn, bands, listed, MANNER, seed=options.seed, reach_arcsec=REACH_ARCSEC)


def blanks(field, numbers):
    """Outcome of some blank places."""
    bands, listed = field
    return prove_blank(
        draw_blank(numbers, bands, listed, MANNER, OPTIONS, REACH_ARCSEC), bands, listed, MANNER
    )


KINDS = {
    "white": {},
    "correlated": {"correlated": True},
    "photons": {"gain": 5.0},
    "correlated_photons": {"correlated": True, "gain": 5.0},
    "weights_off": {"ivar_factor": 4.0, "gain": 20.0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_bias_is_zero_and_pulls_scatter_by_one(kind):
    """Within 4 sigma of 300; with a gain of 5 e/nJy photons of 100 nJy double the variance in the peak."""
    field = made_field(**KINDS[kind])
    outcome, _ = injections(field, range(N))
    table = summary.summarise(stack_outcomes([outcome, blanks(field, range(N))]), FILTERS)
    whole = table[np.isnan(table["mag_low"]) & np.isnan(table["light_low"])]
    whole = whole[np.isnan(whole["depth_low"]) & np.isnan(whole["neighbour_low"])]
    assert list(zip(whole["kind"], whole["filter"], strict=True)) == [
        ("injected", "F090W"), ("injected", "F200W"), ("injected", "F090W-F200W"), ("blank", "F090W"),
        ("blank", "F200W"),
    ]  # fmt: skip
    for row in whole:
        assert row["n"] > 0.75 * N or "-" in row["filter"]
        if row["n"] == 0:
            continue
        assert row["pull_scatter"] == pytest.approx(1.0, abs=4 * summary.SCATTER_ERROR / np.sqrt(row["n"]))
        assert abs(row["pull_median"]) < 4 * summary.MEDIAN_ERROR / np.sqrt(row["n"])
        assert np.isnan(row["bias"]) if row["kind"] == "blank" else abs(row["bias"]) < 4 * row["bias_err"]


def test_wrong_errors_are_found():
    """Noise as of the kernel taken for white: errors are 2.4 times too small, and places are as blank as before.

    The factor is that of the errors which the right correlation gives.
    """
    bands, listed = made_field(correlated=True)
    right = blanks((bands, listed), range(N))
    blind = [replace(band, noise=replace(band.noise, correlation=WHITE)) for band in bands]
    wrong = blanks((blind, listed), range(N))
    row = summary.summarise(wrong, FILTERS)[0]
    assert row["n"] > 0.75 * N
    factor = np.median(right["flux_err_F090W"]) / np.median(wrong["flux_err_F090W"])
    assert factor > 2
    assert row["pull_scatter"] == pytest.approx(factor, abs=4 * row["pull_scatter_err"])


def test_chunks_change_nothing_and_more_add():
    """To the last bit, whatever they are measured with."""
    field = made_field(gain=5.0)
    whole, photometry = injections(field, range(12))
    parts = [injections(field, numbers) for numbers in (range(5), range(5, 12))]
    again = stack_outcomes([part for part, _ in parts[::-1]])
    places, first = blanks(field, range(12)), blanks(field, range(4))
    for table, other in ((whole, again), (places[:4], first)):
        assert table.colnames == other.colnames
        for name in table.colnames:
            np.testing.assert_array_equal(table[name], other[name], err_msg=name)
    np.testing.assert_array_equal(photometry["flux_F200W"][:5], parts[0][1]["flux_F200W"])


def test_extended_clusters_lose_flux_to_the_sky():
    """Points of a list in which every other cluster is wide: those alone are low, by what a fit of a point misses.

    A Plummer profile of 0.05" behind a Gaussian of 0.032" (sigma).
    """
    field = made_field()
    bands, listed = field
    drawn = draw_injections(range(40), listed, DrawOptions(sizes_pc=(0.0, 50.0)), 0.0)
    assert drawn["size_pc"].tolist() == [0.0, 50.0] * 20
    outcome, _ = prove_injections(
        drawn, bands, listed, MANNER, seed=1, reach_arcsec=REACH_ARCSEC, arcsec_per_pc=0.001
    )
    ratio = np.asarray(outcome["flux_F200W"]) / np.asarray(outcome["true_flux_F200W"])
    assert np.median(ratio[::2]) == pytest.approx(1.0, abs=0.08)
    assert 0.3 < np.median(ratio[1::2]) < 0.8


def test_places_follow_the_list_and_keep_clear():
    """Within reach of a listed source, and not within the clearance of any."""
    _, listed = made_field()
    drawn = draw_injections(range(200), listed, OPTIONS, LIST_ERROR_ARCSEC)
    distance = np.asarray(drawn["neighbour_arcsec"])
    assert np.all((distance >= OPTIONS.clearance_arcsec) & (distance <= OPTIONS.reach_arcsec))
    # uniform over the disc: half of them within 1 / sqrt(2) of its radius
    assert np.mean(distance < np.sqrt(0.5)) == pytest.approx(0.5, abs=0.14)
    north = 3600 * (np.asarray(drawn["dec_listed"]) - np.asarray(drawn["dec"]))
    assert north.std() == pytest.approx(LIST_ERROR_ARCSEC, rel=0.2)


def test_neighbours_are_fitted_with_them():
    """0.15" from a source of the same flux: 0.6 % of its light are in the aperture of none, the flux is right."""
    field = made_field()
    bands, listed = field
    drawn = draw_injections(range(60), listed, DrawOptions(reach_arcsec=0.15, clearance_arcsec=0.14), 0.0)
    outcome, _ = prove_injections(drawn, bands, listed, MANNER, seed=1, reach_arcsec=REACH_ARCSEC)
    pull = np.asarray(outcome["pull_F200W"])
    assert abs(np.median(pull)) < 4 * summary.MEDIAN_ERROR / np.sqrt(60)
    assert np.all(np.asarray(outcome["flags_F200W"]) & Flag.BLENDED == 0)


def test_blank_places_avoid_what_no_list_names():
    """The lower half is full of bright sources, the last ones at y = 225 in one band: places lie above it."""
    bands, listed = made_field(n_listed=1)
    for x in range(15, SIZE_PX - 15, 30):
        for y in range(15, SIZE_PX // 2, 30):
            bands[1].mosaic.sci[y - 15 : y + 16, x - 15 : x + 16] += 300 * gaussian(31, 15, 15, 1.2)
    places = draw_blank(range(0, 80, 2), bands, listed, MANNER, OPTIONS, REACH_ARCSEC)
    x, y = bands[0].mosaic.wcs.world_to_pixel_values(places["ra"], places["dec"])
    assert len(places) == 40
    assert np.all((y > SIZE_PX / 2 - 10) | (x > SIZE_PX - 30))


def test_no_blank_place_is_no_row():
    bands, listed = made_field()
    bands[0].mosaic.ivar[:] = 0.0
    assert len(draw_blank(range(5), bands, listed, MANNER, OPTIONS, REACH_ARCSEC)) == 0
    assert len(prove_blank(draw_blank([], bands, listed, MANNER, OPTIONS, 0.7), bands, listed, MANNER)) == 0


def test_donors_have_no_flag_and_fluxes_above_zero():
    """Fainter than 3 sigma in a filter, a donor has the median colour of the bright; the faint and flagged are none."""
    table = Table(
        {"id": list("abcde"), "ra": np.zeros(5), "dec": np.zeros(5), "flags": [0, 0, 0, 1, 1 << 16]}
    )
    table["flux_F200W"], table["flux_err_F200W"] = [100.0, 50.0, 2.0, 80.0, 20.0], np.full(5, 1.0)
    table["flux_F090W"], table["flux_err_F090W"] = [50.0, -1.0, 1.0, 40.0, np.nan], np.full(5, 1.0)
    table["dx_F200W"] = table["dy_F200W"] = np.zeros(5)
    donors = choose_donors(table, FILTERS, "F200W")
    assert donors["is_donor"].tolist() == [True, True, False, False, True]
    typical = np.median([0.5, -1 / 50])
    assert donors["flux_F090W"][[0, 1, 4]].tolist() == [50.0, 50 * typical, 20 * typical]
    assert donors.meta["list_error_px"] is None


def test_list_error_is_that_of_bright_sources():
    """Shifts of 0.3 px, to a third with 18 of them."""
    _, listed = made_field(n_listed=16)
    assert listed.table.meta["list_error_px"] == pytest.approx(0.3, abs=0.12)


def test_field_without_donors():
    """Nothing is injected, and tables have their columns."""
    bands, listed = made_field()
    listed.table["is_donor"] = False
    outcome, photometry = injections((bands, listed), range(5))
    assert len(outcome) == len(photometry) == 0
    table = summary.summarise(stack_outcomes([outcome, blanks((bands, listed), range(3))]), FILTERS)
    assert set(table["kind"]) == {"blank"}


def test_noise_has_the_correlation_asked_for():
    """Of 200 images: variance 1, the correlation of a measured kernel at lags 1 and 2, none beyond."""
    profile = np.array([0.1, 0.4, 1.0, 0.4, 0.1])
    noise = correlated_noise(np.outer(profile, profile), 41, [np.random.default_rng(k) for k in range(200)])
    assert noise.var() == pytest.approx(1.0, abs=0.02)
    for lag, expected in ((1, 0.4), (2, 0.1), (3, 0.0), (38, 0.0)):
        assert (noise[:, :, lag:] * noise[:, :, :-lag]).mean() == pytest.approx(expected, abs=0.02)


def test_inflation_of_white_noise_is_one():
    """And of noise that is the same in all pixels of a square of 3 x 3, where the image is flat: 3 x the white one."""
    assert inflation(WHITE, gaussian(21, 10, 10, 1.6)) == pytest.approx(1.0)
    triangle = np.array([1 / 3, 2 / 3, 1.0, 2 / 3, 1 / 3])
    correlation = np.outer(triangle, triangle)
    assert inflation(correlation, gaussian(121, 60, 60, 12.0)) == pytest.approx(3.0, rel=0.02)


# ---- summary ---------------------------------------------------------------------------------------------


def test_summary_tells_bias_and_scatter():
    outcome = made_outcome(scale=1.0)
    table = summary.summarise(outcome, FILTERS)
    row = table[0]
    assert (row["kind"], row["filter"], row["n"], row["n_flagged"]) == ("injected", "F090W", 3600, 400)
    assert row["pull_scatter"] == pytest.approx(1.3, abs=4 * row["pull_scatter_err"])
    assert row["pull_scatter_err"] == pytest.approx(1.3 * 1.167 / 60, rel=0.05)
    biased = summary.summarise(made_outcome(factor=0.1), FILTERS)[0]
    assert biased["bias"] == pytest.approx(0.02, abs=1e-3)
    assert biased["bias_err"] < 1e-3
    for name in summary.QUANTITIES:
        some = table[(table["filter"] == "F090W") & ~np.isnan(table[f"{name}_low"])]
        assert some["n"].sum() == 3600, name
        assert np.all(some[f"{name}_low"] < some[f"{name}_high"])
    assert sum(~np.isnan(table["depth_low"]) & (table["filter"] == "F090W")) == 3


def test_a_bias_beyond_its_error_is_told():
    told = summary.describe(summary.summarise(made_outcome(factor=0.1), FILTERS))
    assert "beyond 3 times its error" in told[0]
    fine = summary.describe(summary.summarise(made_outcome(scale=1.0), FILTERS))
    assert not any("beyond 3" in line for line in fine)
    assert told[-1].startswith("pulls scatter by ") and "bias beyond its error in F090W, F200W" in told[-1]
    assert fine[-1].endswith("no bias beyond its error")
    assert summary.describe(summary.summarise(made_outcome()[:0], FILTERS)) == ["nothing was put in"]


def test_flagged_shares():
    assert summary.flagged_shares(made_outcome(), FILTERS) == {filt: {"EDGE": 0.1} for filt in FILTERS}


def test_error_of_a_scatter():
    """1.167 sigma / sqrt(n): of 3,000 samples of 100 normal deviates, to 4 %."""
    samples = np.random.default_rng(1).normal(size=(3000, 100))
    scatter = [summary.robust_scatter(sample) for sample in samples]
    assert np.std(scatter) * 10 == pytest.approx(summary.SCATTER_ERROR, rel=0.04)


def test_the_table_of_filters_tells_what_is_proven():
    """Scatter and bias of what was put in, and of blank places where there are any."""
    table = summary.summarise(made_outcome(scale=1.02, factor=0.5), FILTERS)
    row = table[0]
    assert quality.proven_values(table, "F090W") == {
        "proven": row["pull_scatter"],
        "proven_bias": pytest.approx(2.0, abs=0.3),
    }
    assert quality.proven_values(table, "F999W") == quality.proven_values(None, "F090W") == {}


def test_two_depths_need_two_noises():
    """Blank places in white noise and in smoothed noise of twice the depth: each half scatters by 1.

    With one noise for all, the shallow half scatters by 0.8 and the deep one by 1.6; the field is small, so that each
    of these is known to 0.14. Of 1,300 places in each half of 2400 px: 1.00 and 1.06, with one noise 0.77 and 2.00.
    """
    (mine, _), listed = made_field(n_listed=1)
    half, rng = SIZE_PX // 2, np.random.default_rng(5)
    smooth = rng.normal(size=(SIZE_PX, half))
    for axis in (0, 1):
        smooth = ndimage.convolve1d(smooth, KERNEL, axis=axis, mode="wrap")
    sci = np.concatenate([rng.normal(size=(SIZE_PX, half)), 0.5 * smooth / 0.375], axis=1)
    ivar = np.where(np.arange(SIZE_PX) < half, 1.0, 4.0) * np.ones((SIZE_PX, 1))
    mosaic = replace(mine.mosaic, sci=sci, ivar=ivar)
    listed = replace(listed, filters=["F200W"])
    noise = measure_noise(mosaic, tile_px=64)
    scatter = {}
    for name, used in (("parts", noise), ("one", replace(noise, parts=(), edges=()))):
        band = replace(mine, mosaic=mosaic, noise=used)
        places = draw_blank(range(0, 800, 2), [band], listed, MANNER, OPTIONS, REACH_ARCSEC)
        outcome = prove_blank(places, [band], listed, MANNER)
        good = np.asarray(outcome["flags_F200W"]) == 0
        x = band.mosaic.wcs.world_to_pixel_values(outcome["ra"], outcome["dec"])[0]
        pull = np.asarray(outcome["pull_F200W"])
        sides = (x < half - 25) & good, (x > half + 25) & good
        assert min(side.sum() for side in sides) > 100
        scatter[name] = [summary.robust_scatter(pull[side]) for side in sides]
    assert scatter["parts"] == pytest.approx([1.0, 1.0], abs=0.3)
    assert scatter["one"][0] < 0.85 and scatter["one"][1] > 1.2
