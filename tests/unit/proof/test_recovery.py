"""Recovery: pulls, biases, colours and stacks of made-up measurements whose errors are known."""

import types
from dataclasses import replace

import numpy as np
import pytest
import recover_truth
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base import products
from clusterphot.base.flags import Flag
from clusterphot.base.tables import read_table, write_table
from clusterphot.figures import magnitudes, overview
from clusterphot.proof import recovery
from clusterphot.sed.best_fit import Models, SedOptions
from clusterphot.ssp.four_color import MassToLight
from clusterphot.stack.build import Stack
from written_mosaic import write_mosaic

FILTERS = ["F090W", "F200W"]
N = 4000


def measured_and_true(n=N, *, scale=1.0, seed=2):
    """Photometry with normal errors of 1 nJy, times a common factor, and its truth in another order."""
    rng = np.random.default_rng(seed)
    ids = [f"c{k}" for k in range(n)]
    table, truth = Table({"id": ids}), Table({"id": ids})
    for filt in FILTERS:
        flux = rng.lognormal(3.0, 0.8, n)
        truth[f"flux_{filt}"] = flux
        truth[f"x_{filt}"], truth[f"y_{filt}"] = rng.uniform(0, 100, (2, n))
        truth[f"sb_{filt}"] = rng.lognormal(6, 1.5, n)
        table[f"flux_{filt}"] = scale * flux + rng.normal(size=n)
        table[f"flux_err_{filt}"] = 1.0
        table[f"flux_err_sys_{filt}"] = 0.02 * table[f"flux_{filt}"]
        table[f"flags_{filt}"] = 0
        table[f"x_{filt}"], table[f"y_{filt}"] = truth[f"x_{filt}"] + 0.1, truth[f"y_{filt}"] - 0.2
    return table, truth[::-1]


def row(summary, quantity, band, binned_by="all"):
    return rows(summary, quantity, band, binned_by)[0]


def rows(summary, quantity, band, binned_by):
    chosen = (
        (summary["quantity"] == quantity) & (summary["band"] == band) & (summary["binned_by"] == binned_by)
    )
    return summary[chosen]


def test_true_errors_give_unit_pulls():
    matched = recovery.match_truth(*measured_and_true(), FILTERS)
    summary = recovery.summarise(matched, FILTERS)
    found = row(summary, "flux", "F200W")
    # the median and scatter of 4000 normal deviates are known to 0.020 and 0.018
    assert abs(found["median_pull"]) < 0.07 and found["pull_scatter"] == pytest.approx(1, abs=0.06)
    assert found["n"] == N and found["n_flagged"] == 0 and found["beyond_5_sigma"] == 0
    assert found["dx_px"] == pytest.approx(0.1) and found["dy_px"] == pytest.approx(-0.2)
    colour = row(summary, "colour", "F090W-F200W")
    assert abs(colour["bias"]) < 0.01 and colour["pull_scatter"] == pytest.approx(1, abs=0.1)
    assert colour["sys_error"] == pytest.approx(np.hypot(0.02, 0.02) * 1.0857, rel=0.01)
    for name in recovery.BINS:
        assert rows(summary, "flux", "F200W", name)["n"].sum() == N


def test_common_factor_is_told_apart_from_random_errors():
    matched = recovery.match_truth(*measured_and_true(scale=1.05), FILTERS)
    summary = recovery.summarise(matched, FILTERS)
    scale = row(summary, "flux_scale", "F200W")
    assert scale["bias"] == pytest.approx(0.05, abs=4 * scale["bias_err"])
    assert scale["sys_error"] == pytest.approx(0.02) and scale["median_pull"] == pytest.approx(2.5, abs=0.3)
    assert row(summary, "flux", "F200W")["median_pull"] > 0.5
    assert abs(row(summary, "flux_rescaled", "F200W")["median_pull"]) < 0.1


def test_flagged_and_unknown_sources():
    table, truth = measured_and_true(10)
    table["flags_F200W"][3] = int(Flag.EDGE)
    table["flux_F200W"][4] = np.nan
    matched = recovery.match_truth(table, truth[truth["id"] != "c7"], FILTERS)
    assert np.isnan(matched["true_flux_F200W"][7]) and list(matched["id"]) == list(table["id"])
    found = row(recovery.summarise(matched, FILTERS), "flux", "F200W")
    assert found["n"] == 7 and found["n_flagged"] == 1 and found["flagged_fraction"] == pytest.approx(1 / 9)


def test_truth_may_hold_fluxes_alone(tmp_path):
    table, truth = measured_and_true(10)
    truth["id", "flux_F090W", "flux_F200W"].write(tmp_path / "t.csv", format="ascii.csv")
    matched = recovery.match_truth(table, recovery.read_truth(tmp_path / "t.csv"), FILTERS)
    np.testing.assert_allclose(matched["true_flux_F200W"], truth["flux_F200W"][::-1])
    assert np.isnan(matched["halo_F200W"]).all() and np.isnan(matched["offset_x_F200W"]).all()
    summary = recovery.summarise(matched, FILTERS)
    assert np.isnan(row(summary, "flux", "F200W")["dx_px"])


def test_true_populations_are_fits_of_the_true_fluxes():
    """A model seen without noise gets its own age and mass; given populations go first."""
    ages, metallicities = np.array([1.0, 5.0]), np.array([0.2, 1.0])
    flux = np.array([[[1.0, 2.0, 3.0], [1.0, 3.0, 3.0]], [[0.5, 2.0, 4.0], [0.3, 2.0, 5.0]]]) * 1e-5
    filters = ["F090W", "F150W", "F200W"]
    ml = MassToLight(np.full((2, 2), 0.5), np.full((2, 2), 0.6), "made up")
    models = Models(ages, metallicities, flux, filters, ml, {})
    options = SedOptions(0.0, 1e-3, 0.9, "F090W", 1e6, 9.0)
    truth, dereddened = Table({"id": ["b", "a"]}), Table({"id": ["a", "b"]})
    for band, filt in enumerate(filters):
        truth[f"flux_{filt}"] = [1e6 * flux[1, 0, band] * 0.8, 1e6 * flux[0, 1, band] * 0.8]
        dereddened[f"flux_{filt}"], dereddened[f"flux_err_{filt}"] = [0.0, 0.0], [0.1, 0.1]
        dereddened[f"A_{filt}"] = -2.5 * np.log10(0.8)
    fitted = Table({"id": ["b", "a"], "flags": [0, 1]})
    for name in (*recovery.POPULATION, "log_mass_err"):
        fitted[name] = [1.0, 2.0]
    matched = Table({"id": ["a", "b"]})
    recovery.add_populations(matched, truth, dereddened, fitted, models, options)
    assert matched["true_age_gyr"].tolist() == [1.0, 5.0]
    assert matched["true_metallicity_zsun"].tolist() == [1.0, 0.2]
    assert matched["age_gyr"].tolist() == [2.0, 1.0] and matched["flags_sed"].tolist() == [1, 0]
    truth["true_age_gyr"] = [3.0, np.nan]
    recovery.add_populations(matched, truth, dereddened, fitted, models, options)
    assert matched["true_age_gyr"].tolist() == [1.0, 3.0]
    found = {entry["quantity"]: entry for entry in recovery.population_rows(matched)}
    assert found["age_gyr"]["n"] == 1 and found["age_gyr"]["bias"] == pytest.approx(-2.0)


def test_stack_is_compared_with_the_median_of_its_sources():
    table, truth = measured_and_true(60)
    matched = recovery.match_truth(table, truth, FILTERS)
    ids = [f"c{k}" for k in range(50)]
    median = float(np.median(matched["true_flux_F200W"][:50]))
    image = np.zeros((3, 3))
    fit = {"flux": 1.1 * median, "flux_err": 1.0, "flux_err_sys": 0.0}
    resampled = np.full(100, 1.1 * median)
    everyone = np.ones(50, dtype=bool)
    made = Stack(
        image, image, image, fit, ids, everyone, np.zeros(50), resampled, {}, 0.02, "F200W", "median", 1
    )
    found = {entry["quantity"]: entry for entry in recovery.stack_rows(matched, made)}
    assert found["stack"]["bias"] == pytest.approx(0.1) and found["stack"]["n"] == 50
    assert found["stack"]["bias_err"] > 0 and "stack_measured" in found
    some = replace(made, method="clipped_mean", is_in=np.arange(50) < 30)
    found = {entry["quantity"]: entry for entry in recovery.stack_rows(matched, some)}
    mean = float(np.mean(matched["true_flux_F200W"][:30]))
    assert found["stack"]["bias"] == pytest.approx(1.1 * median / mean - 1) and found["stack"]["n"] == 30


def test_drivers(tmp_path, plot):
    """Comparison and figures by the drivers, without SED fits; figures of nothing say so."""
    space = types.SimpleNamespace
    table, truth = measured_and_true(200)
    table["flags"] = 0
    table["ra"], table["dec"] = 10.0, -20.0
    write_table(tmp_path / "p.ecsv", table, meta={})
    truth.write(tmp_path / "t.ecsv", format="ascii.ecsv")

    class Files(types.SimpleNamespace):
        def get(self, name, default=None):
            return getattr(self, name, default)

    class Params(dict):
        __getattr__ = dict.__getitem__

    params = Params(filters=FILTERS, dpi=40, reference_filter="F200W", redshift=0.39)
    params["cosmology"] = {"h0": 70, "omega_m": 0.3}
    wildcards = Params(field="f")
    outputs = space(sources=tmp_path / "s.ecsv", summary=tmp_path / "m.ecsv")
    files = Files(truth=tmp_path / "t.ecsv", photometry=tmp_path / "p.ecsv")
    recover_truth.main(space(input=files, output=outputs, params=params, wildcards=wildcards))
    assert "true_flux_F090W" in read_table(outputs.sources).colnames
    paths = [small_mosaic(tmp_path / f"{filt}.fits", filt) for filt in FILTERS]
    photometry, params["is_dereddened"] = tmp_path / "p.ecsv", False
    for name, given in {
        "recovery_pulls": vars(outputs),
        "recovery_trends": {"summary": outputs.summary},
        "recovery_populations": {"sources": outputs.sources},
        "magnitudes": {"photometry": photometry, "star_counts": []},
        "overview": {"mosaics": paths, "photometry": photometry},
    }.items():
        output = {kind: tmp_path / f"x.{kind}" for kind in ("png", "pdf")}
        plot(name, input=given, output=output, params=params, wildcards=wildcards)
        assert output["png"].stat().st_size > 1000


def small_mosaic(path, filt):
    """Mosaic of 90 x 70 pixels whose left third has no data."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [10.0, -20.0], [35.5, 45.5], [-1e-5, 1e-5]
    sci = np.random.default_rng(1).normal(size=(90, 70))
    sci[:, :20] = 0.0
    write_mosaic(path, products.Mosaic(sci, (sci != 0) * 1.0, wcs, 0.036, filt, "f"))
    return path


def test_mosaic_is_averaged_by_blocks(tmp_path):
    path = small_mosaic(tmp_path / "m.fits", "F200W")
    small = overview.read_small(path, max_side_px=30)
    sci = fits.getdata(path, "SCI")
    assert small.factor == 3 and small.image.shape == (30, 23)
    assert np.isnan(small.image[:, :6]).all()
    assert small.image[4, 10] == pytest.approx(sci[12:15, 30:33].mean() / 0.036**2, rel=1e-5)
    x, y = small.place(10.0, -20.0)
    assert (float(x), float(y)) == pytest.approx(((34.5 + 0.5) / 3 - 0.5, (44.5 + 0.5) / 3 - 0.5), abs=1e-6)
    ra, dec = small.sky(x, y)
    assert (float(ra), float(dec)) == pytest.approx((10.0, -20.0), abs=1e-9)
    again = overview.on_grid(small, overview.read_small(path, max_side_px=30))
    np.testing.assert_allclose(again, small.image, atol=1e-6)


def test_depth_is_that_of_the_median_error():
    table = Table({"flux_err_F200W": [1.0, 2.0, 30.0, np.nan], "flags_F200W": [0, 0, 0, 1]})
    # 3 x 2 nJy is 31.4 - 2.5 log10(6) mag
    assert magnitudes.depth_mag(table, "F200W") == pytest.approx(31.4 - 2.5 * np.log10(6), abs=0.001)
