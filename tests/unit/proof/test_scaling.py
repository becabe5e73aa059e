"""Errors multiplied by what artificial clusters say of them, where that is known."""

import numpy as np
import pytest
import rescale_errors
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.base.tables import ERRORS_RESCALED, read_table, write_table
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.foreground.dust import deredden_table
from clusterphot.proof.scaling import KNOWN_TO, factors, fit_scaling, light_scale, rescale

FILT, SCALE = "F200W", {"F200W": 0.02}
LIGHT_MEAN, DEPTH_MEAN = 2.5, 28.5


def true_scatter(light, depth):
    """Of the pulls below: 1.5 in the mean, more under light, less where it is deep."""
    return 1.5 * np.exp(0.1 * (light_scale(light) - LIGHT_MEAN) - 0.2 * (depth - DEPTH_MEAN))


def made_outcome(n, *, seed=1):
    """Pulls of known scatter about +0.3; every twentieth is a flagged one of 50 sigma, every thirtieth an outlier."""
    rng = np.random.default_rng(seed)
    light, depth = 100.0 * np.sinh(rng.uniform(0, 5, n)), rng.uniform(28, 29, n)
    pull = 0.3 + true_scatter(light, depth) * rng.normal(size=n)
    pull[::30] = 40.0
    flags = np.where(np.arange(n) % 20 == 7, int(Flag.EDGE), 0)
    kind = np.where(np.arange(n) % 2, "blank", "injected")
    return Table(
        {
            "kind": kind,
            f"pull_{FILT}": np.where(flags > 0, 50.0, pull),
            f"light_{FILT}": light,
            f"depth_{FILT}": depth,
            f"flags_{FILT}": flags,
        }
    )


def test_scatter_is_found_against_light_and_depth():
    """Of 8,000 pulls the factor is known to 2-4 %; outliers are 3 % and raise it by 10 % (by 3.3 in ln, each)."""
    row = fit_scaling(made_outcome(8000), SCALE)[0]
    light, depth = np.array([50.0, 400.0, 4000.0]), np.array([28.2, 28.5, 28.8])
    factor = factors(row, light, depth)
    outliers = np.exp((np.log(40 / 1.5) + 0.635) / 30)
    np.testing.assert_allclose(factor.value, outliers * true_scatter(light, depth), rtol=0.1)
    assert np.all(factor.error < 0.04)


def test_errors_of_the_factor_are_right():
    """Of 200 samples of 300 pulls the factors scatter by the error quoted, to 20 %."""
    found = [
        factors(fit_scaling(made_outcome(300, seed=seed), SCALE)[0], [400.0], [28.5]) for seed in range(200)
    ]
    spread = np.std([np.log(one.value[0]) for one in found])
    assert spread == pytest.approx(np.median([one.error[0] for one in found]), rel=0.2)


def test_what_is_not_known_stays():
    """Few pulls, or a source without light or depth: factor 1; far out, the function stays as at its ends."""
    few = fit_scaling(made_outcome(20), SCALE)[0]
    assert factors(few, [400.0], [28.5]).value.tolist() == [1.0]
    some = factors(fit_scaling(made_outcome(60), SCALE)[0], [400.0], [28.5])
    assert some.error[0] > KNOWN_TO and some.value[0] == 1.0
    row = fit_scaling(made_outcome(8000), SCALE)[0]
    factor = factors(row, [np.nan, 400.0, 1e9, row["light_high"]], [28.5, np.nan, 28.5, 28.5]).value
    assert factor[:2].tolist() == [1.0, 1.0]
    assert factor[2] == factor[3]


def photometry():
    """Three sources: one with an error by phase, one without light known."""
    conditional = np.full(3, flux_from_mag_ab(28.5) / 5.0)
    return Table(
        {
            "id": ["a", "b", "c"],
            "flags": [0, 0, 0],
            f"flux_{FILT}": [100.0, 50.0, 20.0],
            f"flux_err_{FILT}": [5.0, 3.0, 2.0],
            f"flux_err_conditional_{FILT}": conditional,
            f"flux_err_phase_{FILT}": [4.0, 0.0, 0.0],
            f"flux_err_sys_{FILT}": [1.0, 1.0, 1.0],
            f"sky_{FILT}": [0.16, 0.16, np.nan],
            "note": ["x", "y", "z"],
        }
    )


def test_errors_are_multiplied_but_for_the_phase(job, tmp_path):
    """sqrt((3 f)^2 + 4^2) and 3 f; the columns say so, also after the correction for dust."""
    scaling = fit_scaling(made_outcome(8000), SCALE)
    factor = factors(scaling[0], [400.0], [28.5]).value[0]
    files = {name: str(tmp_path / f"{name}.ecsv") for name in ("photometry", "scaling", "rescaled")}
    write_table(files["photometry"], photometry(), meta={}, carried=["note"])
    write_table(files["scaling"], scaling, meta={})
    inputs = {name: files[name] for name in ("photometry", "scaling")}
    rescale_errors.main(
        job(input=inputs, output={"photometry": files["rescaled"]}, wildcards={"chunk": "c000"})
    )
    table = read_table(files["rescaled"])
    expected = [np.hypot(3.0 * factor, 4.0), 3.0 * factor, 2.0]
    np.testing.assert_allclose(table[f"flux_err_{FILT}"], expected, rtol=1e-6)
    np.testing.assert_allclose(table[f"error_factor_{FILT}"], [factor, factor, 1.0], rtol=1e-6)
    assert table.meta[ERRORS_RESCALED] and table.meta["carried"] == ["note"]
    assert "times error_factor" in table[f"flux_err_{FILT}"].description
    assert "times" not in table[f"flux_err_phase_{FILT}"].description
    extinction = Table({"filter": [FILT], "extinction_mag": [0.1]})
    corrected = deredden_table(table, extinction, already_corrected=False, prefix="flux")
    write_table(files["photometry"], corrected, meta={}, carried=["note"], dereddened=True)
    described = read_table(files["photometry"])[f"flux_err_{FILT}"].description
    assert "Milky Way dust" in described and "times error_factor" in described


def test_right_errors_stay_right():
    """Pulls of scatter 1: factors are 1 within their errors."""
    outcome = made_outcome(4000)
    outcome[f"pull_{FILT}"] = np.random.default_rng(3).normal(size=4000)
    table = rescale(photometry(), fit_scaling(outcome, SCALE))
    np.testing.assert_allclose(table[f"error_factor_{FILT}"], 1.0, atol=0.08)
