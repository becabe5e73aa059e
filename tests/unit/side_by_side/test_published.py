"""Ours beside what sources were published with: units of their columns, offsets, scatter, coverage."""

import re

import compare_published
import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.flags import Flag
from clusterphot.base.tables import read_table, write_table
from clusterphot.side_by_side.published import check_columns, read_published

IDS = [f"c{k}" for k in range(1000)]


def our_tables(tmp_path, age_gyr, log_mass, flags):
    """Posteriors 0.1 dex wide about these medians, best fits 0.05 dex higher; and photometry."""
    steps = {"p16": -0.1, "p50": 0.0, "p84": 0.1}
    columns = {"id": IDS, "flags": flags, "age_gyr": age_gyr * 10**0.05, "log_mass": log_mass + 0.05}
    columns |= {f"age_gyr_{name}": age_gyr * 10**step for name, step in steps.items()}
    columns |= {f"log_mass_{name}": log_mass + step for name, step in steps.items()}
    paths = {name: str(tmp_path / f"{name}.ecsv") for name in ("clusters", "photometry")}
    write_table(paths["clusters"], Table(columns), meta={})
    write_table(paths["photometry"], Table({"id": IDS, "flags": np.zeros(len(IDS), int)}), meta={})
    return paths


def test_offset_scatter_and_coverage(job, plot, tmp_path):
    """Theirs are lower by 0.05 and 0.02 dex and scatter by our own errors: found, with 68 % within; flagged are out."""
    rng = np.random.default_rng(628)
    age, mass = 10 ** rng.uniform(-2, 1, 1000), rng.uniform(4, 6, 1000)
    flags = np.where(np.arange(1000) < 10, int(Flag.MASS_PRIOR), 0)
    paths = our_tables(tmp_path, age, mass, flags)
    theirs = {"age_yr": age * 1e9 * 10 ** (-0.05 + 0.1 * rng.standard_normal(1000))}
    theirs["lm"] = mass - 0.02 + 0.1 * rng.standard_normal(1000)
    theirs["lm"][20:30] = np.nan
    paths["listed"] = str(tmp_path / "list.csv")
    Table({"id": IDS[::-1], **{name: values[::-1] for name, values in theirs.items()}}).write(
        paths["listed"], format="ascii.csv"
    )
    output = {name: str(tmp_path / f"{name}_out.ecsv") for name in ("sources", "summary")}
    params = {"compare_with": {"age_yr": "age_yr", "log_mass": "lm", "label": "theirs"}}
    where = {"field": "f", "grid": "g"}
    compare_published.main(job(input=paths, output=output, params=params, wildcards=where))
    summary = read_table(output["summary"])
    for quantity, offset, n in (("age_gyr", 0.05, 990), ("log_mass", 0.02, 980)):
        median, best = (
            summary[(summary["quantity"] == quantity) & (summary["estimate"] == estimate)][0]
            for estimate in ("median", "best_fit")
        )
        assert (median["n"], median["n_left_out"]) == (n, 10)
        assert median["offset_dex"] == pytest.approx(offset, abs=4 * median["offset_dex_err"])
        assert median["offset_dex_err"] == pytest.approx(0.1253 / np.sqrt(n), rel=0.1)
        assert median["scatter_dex"] == pytest.approx(0.1, rel=0.1)
        assert median["share_68"] == pytest.approx(0.68 if quantity == "log_mass" else 0.625, abs=0.05)
        assert best["offset_dex"] - median["offset_dex"] == pytest.approx(0.05, abs=1e-6)
    sources = read_table(output["sources"])
    assert list(sources["id"]) == IDS
    np.testing.assert_allclose(sources["published_age_gyr"], theirs["age_yr"] / 1e9)
    figure = {kind: str(tmp_path / f"published.{kind}") for kind in ("png", "pdf")}
    plot("published", input=output, output=figure, params=params, wildcards=where)
    assert (tmp_path / "published.png").read_bytes().startswith(b"\x89PNG")


def test_units_of_columns(tmp_path):
    """1 Gyr and 10^5 Msun however they are written; a missing or impossible value is NaN."""
    path = tmp_path / "t.csv"
    path.write_text("id,g,y,l,m,lm,z\na,1,1e9,9,1e5,5,0.2\nb,0,-1,,nan,,\n")
    for key, column, quantity, value in (
        ("age_gyr", "g", "age_gyr", 0), ("age_yr", "y", "age_gyr", 0), ("log_age", "l", "age_gyr", 0),
        ("mass", "m", "log_mass", 5), ("log_mass", "lm", "log_mass", 5),
        ("metallicity_zsun", "z", "metallicity_zsun", np.log10(0.2)),
    ):  # fmt: skip
        found = read_published({key: column}, str(path), ["b", "a", "c"])
        np.testing.assert_allclose(found[quantity], [np.nan, value, np.nan], atol=1e-12)


def test_sentinels_are_missing(tmp_path):
    """What no cluster has is neither compared nor drawn: 10^390 yr would be infinite."""
    path = tmp_path / "t.csv"
    path.write_text("id,l,m,z\na,9.3,5,0.1\nb,-99,1e300,-99\nc,400,-99,99\n")
    found = read_published(
        {"log_age": "l", "log_mass": "m", "log_metallicity": "z"}, str(path), ["a", "b", "c"]
    )
    for quantity, value in (("age_gyr", 0.3), ("log_mass", 5.0), ("metallicity_zsun", 0.1)):
        np.testing.assert_allclose(found[quantity], [value, np.nan, np.nan])


def test_a_column_that_went_while_the_run_went_on(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,other\na,1\n")
    with pytest.raises(DataError, match="no column 'l', expected a number for log_age"):
        read_published({"log_age": "l"}, str(path), ["a"])


@pytest.mark.parametrize(
    ("entry", "kind", "words"),
    [
        ({"label": "x"}, ConfigError, "got no quantity, expected columns by quantity: age_gyr"),
        ({"age_gyr": "g", "age_yr": "y"}, ConfigError, "got age_gyr and age_yr, expected one of them"),
        ({"age_gyr": "ages"}, ConfigError, "compare_with.age_gyr: got 'ages', expected a column of"),
        ({"age_gyr": "word"}, DataError, "column word"),
        ({"age_gyr": "empty"}, DataError, "no value in any of the columns"),
    ],
)
def test_mistakes(tmp_path, entry, kind, words):
    path = tmp_path / "t.csv"
    path.write_text("id,g,y,word,empty\na,1,1,old,\n")
    with pytest.raises(kind, match=re.escape(words)):
        check_columns(entry, str(path), "my.yaml, fields.f.compare_with")


def test_a_table_of_other_sources(tmp_path):
    ours, other = tmp_path / "ours.csv", tmp_path / "other.csv"
    ours.write_text("id\na\n")
    other.write_text("id,age\nb,1\n")
    with pytest.raises(DataError, match="no id of the field's sources"):
        check_columns({"table": str(other), "age_gyr": "age"}, str(ours), "compare_with")
