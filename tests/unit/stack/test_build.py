"""Stacks: alignment, medians, background, the fit, and independence of chunking and order."""

import types
from dataclasses import replace

import join_stacks as join_stacks_driver
import numpy as np
import pytest
import stack_sources
from astropy.table import Table
from clusterphot.base import products
from clusterphot.base.flags import Flag
from clusterphot.base.psf_field import psf_over_field
from clusterphot.base.tables import read_table, write_table
from clusterphot.psf.grid import constant_grid
from clusterphot.stack import build, combine
from clusterphot.stack.build import StackOptions

FILTER = "F200W"
SIZE = 25
SIGMA_PX = 1.4
NOISE = 0.05


class Parameters(dict):
    """Parameters of a rule: keys that can be read as attributes, as Snakemake's can."""

    __getattr__ = dict.__getitem__


def gaussian(x, y, size=SIZE, sigma=SIGMA_PX):
    """Images of unit Gaussian sources, sampled: the sum over all pixels is 1 to 1e-4 for sigma above 1."""
    pixel = np.arange(size)
    by = np.exp(-0.5 * ((pixel - np.atleast_1d(y)[:, None]) / sigma) ** 2)
    bx = np.exp(-0.5 * ((pixel - np.atleast_1d(x)[:, None]) / sigma) ** 2)
    return by[:, :, None] * bx[:, None, :] / (2 * np.pi * sigma**2)


def psf():
    return products.Psf(gaussian(20, 20, 41)[0], 0.04, FILTER, ee_stamp=0.98, sys_error=0.01)


def noise():
    correlation = np.zeros((5, 5))
    correlation[2, 2] = 1.0
    return products.Noise(correlation, 1.0, FILTER)


def field(n=40, *, sky=0.3, seed=3, flux=None):
    """Cutouts of n sources of 20 nJy, or of given fluxes, and their photometry."""
    rng = np.random.default_rng(seed)
    x, y = SIZE // 2 + rng.uniform(-0.9, 0.9, (2, n))
    flux = np.full(n, 20.0) if flux is None else flux
    images = 0.98 * flux[:, None, None] * gaussian(x, y) + sky + NOISE * rng.normal(size=(n, SIZE, SIZE))
    ivar = np.full(images.shape, NOISE**-2)
    ids = [f"s{k:02d}" for k in range(n)]
    x0, y0 = rng.integers(0, 100, (2, n))
    cutouts = products.Cutouts(ids, images, ivar, x0, y0, x0 + x, y0 + y, [[] for _ in ids], 0.04, FILTER)
    table = Table({"id": ids, f"x_{FILTER}": x0 + x, f"y_{FILTER}": y0 + y, f"flux_{FILTER}": flux})
    table[f"flags_{FILTER}"] = 0
    return cutouts, table


def test_alignment_moves_a_source_to_the_middle():
    x, y = np.array([12.3, 11.1, 14.2]), np.array([12.0, 13.45, 10.7])
    images = gaussian(x, y)
    shifted, ivar = combine.align(images, np.ones_like(images), x, y)
    wanted = gaussian(SIZE // 2, SIZE // 2)[0]
    good = ivar > 0
    # the spectrum of a Gaussian of sigma 1.4 px is down to exp(-(1.4 pi)^2 / 2) = 6e-5 where it ends
    inner = np.s_[:, 3:-3, 3:-3]
    assert np.abs(shifted - wanted)[inner].max() < 1e-4 * wanted.max()
    assert good[0].all(axis=0)[2:-2].all()
    assert not good[2][:, -2:].any() and good[2][5:-5, 5:-5].all()


def test_psf_of_a_stack_is_the_mean_over_its_sources():
    """Bright sources where the PSF is wide: the PSF in the middle of the field is 4 % off."""
    rng, side = np.random.default_rng(5), 124.0
    cutouts, table = field(40, seed=5)
    right = table[f"x_{FILTER}"] > side / 2
    flux = np.where(right, 40.0, 10.0)
    table[f"flux_{FILTER}"] = flux
    share = (np.asarray(table[f"x_{FILTER}"]) / side)[:, None, None]
    x, y = np.asarray(table[f"x_{FILTER}"]) - cutouts.x0, np.asarray(table[f"y_{FILTER}"]) - cutouts.y0
    light = (1 - share) * gaussian(x, y, sigma=1.1) + share * gaussian(x, y, sigma=1.7)
    noise_free = 0.98 * flux[:, None, None] * light + 0.3
    cutouts = replace(cutouts, data=noise_free + 0.01 * rng.normal(size=light.shape))
    stamps = np.array([0.98 * gaussian(20, 20, 41, sigma)[0] for sigma in (1.1, 1.7)] * 2)
    changing = psf_over_field(psf(), stamps, [(x, y) for y in (0.0, side) for x in (0.0, side)])
    middle = changing.at(side / 2, side / 2)
    options = StackOptions(method="mean", annulus_px=(8, 12), n_resamples=20, sky="constant")
    sample = build.aligned_sample(cutouts, table, changing, noise(), [FILTER], options)
    expected = np.average(share[:, 0, 0], weights=flux)
    mixed = (1 - expected) * stamps[0] + expected * stamps[1]
    np.testing.assert_allclose(sample.psf.data * sample.psf.ee_stamp, mixed, atol=1e-3 * mixed.max())
    found = build.make_stack(cutouts, table, changing, noise(), [FILTER], options).row["flux"]
    with_middle = build.make_stack(cutouts, table, middle, noise(), [FILTER], options).row["flux"]
    assert found == pytest.approx(flux.mean(), rel=5e-3)
    assert abs(with_middle / flux.mean() - 1) > 0.03


def test_bad_pixel_spreads_to_its_neighbours_only():
    images = np.zeros((1, SIZE, SIZE))
    ivar = np.ones_like(images)
    ivar[0, 7, 9] = 0
    _, shifted = combine.align(images, ivar, np.array([12.5]), np.array([12.5]))
    bad = np.argwhere(shifted[0, 2:-2, 2:-2] == 0) + 2
    assert {tuple(row) for row in bad.tolist()} == {(6, 8), (6, 9), (7, 8), (7, 9)}
    assert shifted[shifted > 0] == pytest.approx(1.0)


def test_medians_are_those_of_repeated_values():
    rng = np.random.default_rng(1)
    values, good = rng.normal(size=(6, 9)), rng.uniform(size=(6, 9)) > 0.3
    good[5] = False
    counts = np.concatenate([np.ones((1, 9), int), combine.bootstrap_counts(9, 4, 7)])
    medians = combine.weighted_medians(values, good, counts)
    assert np.isnan(medians[:, 5]).all()
    for k, count in enumerate(counts):
        for p in range(5):
            repeated = np.repeat(values[p][good[p]], count[good[p]])
            expected = np.median(repeated) if len(repeated) else np.nan
            assert medians[k, p] == pytest.approx(expected, abs=1e-15, nan_ok=True)


def test_local_background_ignores_core_and_bad_pixels():
    data = np.full((2, SIZE, SIZE), 3.0)
    data[:, 10:15, 10:15] = 100.0
    good = np.ones(data.shape, dtype=bool)
    data[0, 12, 18], good[0, 12, 18] = np.nan, False
    good[1] = False
    found = combine.local_background(data, good, np.full(2, 12.0), np.full(2, 12.0), (5, 10))
    assert found[0] == 3.0 and np.isnan(found[1])


@pytest.mark.parametrize("method", ["clipped_mean", "median", "mean"])
def test_flux_of_equal_sources(method):
    cutouts, table = field()
    result = build.make_stack(cutouts, table, psf(), noise(), [FILTER], StackOptions(method=method))
    # 40 sources of 5e-2 nJy/px noise: 20 nJy to 0.05 nJy; the median is noisier by 1.25
    assert result.row["flux"] == pytest.approx(20.0, abs=4 * result.row["flux_err_noise"])
    assert result.row["flux_err_noise"] == pytest.approx(result.row["flux_err"], rel=0.35)
    assert result.row["flux_err_sys"] == pytest.approx(0.01 * result.row["flux"])
    assert abs(result.row["dx"]) < 0.03 and abs(result.row["dy"]) < 0.03
    assert result.row["chi2"] / result.row["dof"] == pytest.approx(1.0, abs=0.25)
    assert result.background == pytest.approx(np.full(40, 0.3), abs=0.1)


def test_dither_phases_are_averaged_over_the_sources():
    """40 sources of 6 % each: 1 % of the stack's flux, in quadrature."""
    cutouts, table = field()
    options = StackOptions(n_resamples=3)
    plain, full = (
        build.make_stack(cutouts, table, replace(psf(), phase_error=error), noise(), [FILTER], options).row
        for error in (0.0, 0.06)
    )
    expected = np.hypot(plain["flux_err_noise"], 0.06 / np.sqrt(40) * plain["flux"])
    assert full["flux_err_noise"] == pytest.approx(expected, rel=1e-6)
    assert full["flux"] == plain["flux"]


def test_bad_pixels_are_filled_with_the_source():
    cutouts, table = field()
    clean = build.make_stack(cutouts, table, psf(), noise(), [FILTER], StackOptions(n_resamples=3))
    data, ivar = cutouts.data.copy(), cutouts.ivar.copy()
    data[:, 12, 13] = ivar[:, 12, 13] = 0.0
    spoiled = products.Cutouts(**{**vars(cutouts), "data": data, "ivar": ivar})
    holed = build.make_stack(spoiled, table, psf(), noise(), [FILTER], StackOptions(n_resamples=3))
    assert holed.row["flux"] == pytest.approx(clean.row["flux"], abs=3 * clean.row["flux_err_noise"])


def test_independent_of_chunks_and_order():
    cutouts, table = field()
    turned = [build.take(cutouts, range(39, 19, -1)), build.take(cutouts, range(20))]
    one = build.make_stack(build.join_cutouts([cutouts]), table, psf(), noise(), [FILTER], StackOptions())
    other = build.make_stack(
        build.join_cutouts(turned), table[::-1], psf(), noise(), [FILTER], StackOptions()
    )
    assert one.ids == other.ids and one.row == other.row
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.resampled_flux, other.resampled_flux)


def test_flagged_sources_are_left_out_of_all_filters():
    _, table = field(6)
    table["flags_F444W"], table["x_F444W"], table["y_F444W"] = 0, 1.0, 1.0
    table["flags_F444W"][1] = int(Flag.AT_BOUND)
    table[f"x_{FILTER}"][2] = np.nan
    assert build.common_sample(table, [FILTER, "F444W"]).tolist() == [True, False, False, True, True, True]
    table["flags_F444W"] = int(Flag.NO_DATA)
    assert build.common_sample(table, [FILTER, "F444W"]).sum() == 5


def test_nothing_to_stack_is_flagged():
    cutouts, table = field(5)
    table[f"flags_{FILTER}"] = int(Flag.EDGE)
    result = build.make_stack(cutouts, table, psf(), noise(), [FILTER], StackOptions())
    assert (
        np.isnan(result.row["flux"]) and result.row["flags"] == Flag.NO_DATA and result.row["n_sources"] == 0
    )


def test_options_refuse_nonsense():
    with pytest.raises(ValueError, match="method is 'mode'"):
        StackOptions(method="mode")
    with pytest.raises(ValueError, match="two growing radii"):
        StackOptions(annulus_px=(10, 5))


def test_drivers_and_files(tmp_path, plot):
    """Stack, join and plot by the drivers, with an id that is not ASCII."""
    cutouts, table = field(30)
    cutouts.ids[4] = table["id"][4] = "é4"
    products.write_cutouts(tmp_path / "c.fits", cutouts)
    products.write_psf(tmp_path / "psf.fits", psf())
    constant_grid(psf(), (300, 300)).write(tmp_path / "psf_grid.fits", psf())
    products.write_noise(tmp_path / "noise.fits", noise())
    write_table(tmp_path / "p.ecsv", table, meta={})
    space = types.SimpleNamespace
    params = space(
        method="median", annulus_px=[5, 10], sky="quadratic", max_shift_px=1.0, n_resamples=20, seed=1
    )
    params.filters, params.reference_filter, params.engine, params.dpi = [FILTER], FILTER, "psf", 50
    wildcards = space(field="f", filter=FILTER)
    stack_sources.main(
        space(
            input=space(
                cutouts=[tmp_path / "c.fits"], photometry=tmp_path / "p.ecsv", psf=tmp_path / "psf.fits",
                psf_grid=tmp_path / "psf_grid.fits", noise=tmp_path / "noise.fits",
            ),
            output=space(stack=tmp_path / "s.fits"), params=params, wildcards=wildcards,
        )
    )  # fmt: skip
    again = build.read_stack(tmp_path / "s.fits")
    assert again.ids[-1] == "é4" and again.method == "median" and len(again.resampled_flux) == 20
    join_stacks_driver.main(
        space(
            input=space(stacks=[tmp_path / "s.fits"] * 2),
            output=space(photometry=tmp_path / "j.ecsv", methods=tmp_path / "m.ecsv"),
            params=Parameters(zero_point_errors={FILTER: 0.02}, reference_filter=FILTER),
            wildcards=Parameters(field="f"),
        )
    )
    joined = read_table(tmp_path / "j.ecsv")
    assert joined["id"][0] == "stack" and joined[f"n_sources_{FILTER}"][0] == 30
    assert joined[f"flux_err_sys_{FILTER}"][0] >= 0.02 * abs(joined[f"flux_{FILTER}"][0])
    assert joined.meta["flux_err_correlation"][0][1] == pytest.approx(1.0)
    methods = read_table(tmp_path / "m.ecsv")
    assert methods["method"].tolist() == ["median", "clipped_mean", "mean"]
    assert methods[f"flux_{FILTER}"][0] == joined[f"flux_{FILTER}"][0]
    output = {kind: tmp_path / f"s.{kind}" for kind in ("png", "pdf")}
    plot("stacks", input={"stacks": [tmp_path / "s.fits"]}, output=output, wildcards={"field": "f"})
    assert output["png"].stat().st_size > 1000
