"""The same sources in two fields: a factor in one filter is found to 0.3 %, and goes away where it is applied."""

import compare_calibrations
import import_photometry
import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.errors import DataError
from clusterphot.base.flags import Flag
from clusterphot.base.tables import read_table, write_table
from clusterphot.mosaics.calibration import calibration_cards, factor_of, field_factor, read_factors
from clusterphot.side_by_side.calibration import flux_ratio

FILTERS = ["F150W", "F200W"]
N = 200


def versions(rng, factor, *, shared=0.9, snr=(8.0, 80.0)):
    """Fluxes of one filter in two versions of a mosaic, most of whose noise is the same, and their errors."""
    true = 10.0 ** rng.uniform(0.5, 2, N)
    err = true / rng.uniform(*snr, N)
    common, first, second = err * rng.standard_normal((3, N))
    rest = np.sqrt(1 - shared**2)
    return (
        factor * (true + shared * common + rest * first),
        factor * err,
        true + shared * common + rest * second,
        err,
    )


def write_versions(folder, seed=23):
    """Tables of both versions in two filters, of which F200W is brighter by 1.03 in the first."""
    rng, tables = np.random.default_rng(seed), [Table({"id": [f"c{k}" for k in range(N)]}) for _ in range(2)]
    for filt, factor in zip(FILTERS, (1.0, 1.03), strict=True):
        values = versions(rng, factor)
        values[0][:3] *= 3  # blended in one version
        for table, flux, err in zip(tables, values[::2], values[1::2], strict=True):
            table[f"flux_{filt}"], table[f"flux_err_{filt}"] = flux, err
    tables[1] = tables[1][::-1]
    paths = [str(folder / f"{name}.ecsv") for name in ("first", "second")]
    for table, path in zip(tables, paths, strict=True):
        table["flags"] = np.where(np.asarray(table["id"]) == "c9", int(Flag.BLENDED), 0)
        write_table(path, table, meta={})
    return paths


def compared(job, folder, first, second):
    output = {name: str(folder / f"{name}.ecsv") for name in ("sources", "factors")}
    given = {"photometry": first, "other": second, "mosaics": [], "other_mosaics": []}
    params = {"other": "second", "filters": FILTERS}
    compare_calibrations.main(job(input=given, output=output, params=params, wildcards={"field": "first"}))
    return output


def test_a_factor_is_found_and_applied(job, plot, tmp_path):
    """1.03 in F200W to 0.3 %, 1 in F150W; with the table of factors on demand both are 1."""
    first, second = write_versions(tmp_path)
    output = compared(job, tmp_path, first, second)
    factors = read_table(output["factors"])
    assert list(factors["filter"]) == FILTERS
    np.testing.assert_allclose(factors["ratio"], [1.0, 1.03], atol=0.003)
    assert (np.abs(factors["ratio"] - [1.0, 1.03]) < 3.5 * factors["ratio_err"]).all()
    assert (factors["ratio_err"] < 0.002).all()
    np.testing.assert_allclose(factors["factor"] * factors["ratio"], 1)
    assert (factors["pull_scatter"] < 0.6).all()  # most of the noise is common
    sources = read_table(output["sources"])
    assert len(sources) == 2 * N
    left_out = set(sources["id"][~sources["used"]])
    assert left_out == {"c0", "c1", "c2", "c9"}
    figure = {kind: str(tmp_path / f"calibration.{kind}") for kind in ("png", "pdf")}
    plot("calibration", input=output, output=figure, params={"other": "second"}, wildcards={"field": "first"})
    assert (tmp_path / "calibration.png").read_bytes().startswith(b"\x89PNG")

    given = read_table(first)
    given.write(tmp_path / "first.csv", format="ascii.csv")
    corrected = str(tmp_path / "corrected.ecsv")
    params = {"ids": list(given["id"]), "filters": FILTERS, "calibration": {"factors": output["factors"]}}
    import_photometry.main(
        job(input={"table": str(tmp_path / "first.csv")}, output={"photometry": corrected}, params=params)
    )
    again = read_table(compared(job, tmp_path, corrected, second)["factors"])
    np.testing.assert_allclose(again["ratio"], 1, atol=1e-6)


def test_the_ratio_is_not_biased_by_noise():
    """Of sources of 6 sigma, where a mean of quotients is off by 3 %; errors cover over 60 draws."""
    found = []
    for seed in range(60):
        values = versions(np.random.default_rng(seed), 1.03, shared=0.0, snr=(11.0, 13.0))
        ratio, error, _, used = flux_ratio(*values)
        assert used.sum() > 190
        found.append((ratio, error))
    ratio, error = np.array(found).T
    assert ratio.mean() == pytest.approx(1.03, abs=3 * ratio.std() / np.sqrt(60))
    assert np.std((ratio - 1.03) / error) == pytest.approx(1, abs=0.3)


def test_too_few_sources():
    few = np.array([10.0, 20.0])
    ratio, error, _, used = flux_ratio(few, 0.1 * few, few, 0.1 * few)
    assert np.isnan(ratio) and np.isnan(error) and used.sum() == 2


def test_the_row_that_says_most(tmp_path):
    """Filter, then module, then context; an empty cell stands for all, and what fits none is refused."""
    path = tmp_path / "f.csv"
    path.write_text(
        "filter,module,context,factor\nF200W,,,1.1\nF200W,A,,1.2\nF200W,,jwst_1.pmap,1.3\nF150W,B,,0.9\nF090W,,,\n"
    )
    rows = read_factors(str(path), "calibration.factors")
    assert factor_of(rows, "F200W") == 1.1
    assert factor_of(rows, "F200W", module="a") == 1.2
    assert factor_of(rows, "F200W", module="A", context="jwst_1.pmap") == 1.3
    assert factor_of(rows, "F444W") == factor_of(rows, "F090W") == 1.0
    with pytest.raises(
        DataError, match="no row for module unknown and context unknown.*module B, context any"
    ):
        factor_of(rows, "F150W", where=str(path))
    entry = {"factors": str(path)}
    assert field_factor(entry, "F150W", {"MODULE": "B"}) == 0.9
    assert field_factor({**entry, "module": "B"}, "F150W") == 0.9
    assert field_factor(None, "F150W") == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("filter,value\nF200W,1\n", "no column 'factor'"),
        ("filter,factor\nF200W,20\n", "column factor: got 20, expected a factor from 0.1 to 10"),
        ("filter,factor\nF200W,1\nF200W,1.1\n", "data rows 1 and 2: got the same filter, module and context"),
    ],
)
def test_mistakes_in_factors(tmp_path, text, words):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_factors(str(tmp_path / "f.csv"), "calibration.factors")


def test_cards_of_the_calibration():
    header = {
        "CRDS_CTX": "jwst_1100.pmap",
        "PHOTMJSR": 1.5,
        "PHOTFNU": float("nan"),
        "MODULE": True,
        "OTHER": 1,
    }
    found = calibration_cards(header)
    assert {name: value for name, (value, _) in found.items()} == {
        "CRDS_CTX": "jwst_1100.pmap",
        "PHOTMJSR": 1.5,
    }
