"""Fields beside one another: one row each, what differs beyond errors and what does not, the page."""

import json

import compare_fields
import numpy as np
import plot_fields
import pytest
from astropy.table import Table
from clusterphot.base.tables import read_table, write_table
from clusterphot.report.fields_page import difference_rows, table_rows, write_fields_page
from clusterphot.side_by_side.fields import differences, sentences

COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
META = {
    "posterior_model": {"shared_error": [0.02]},
    "k_correction_from": {"bessell_B": "F200W", "bessell_I": "F200W"},
}
STEPS = {"p16": -1.0, "p50": 0.0, "p84": 1.0}


def quantiles(name, middle, width, *, log):
    """Columns of the quantiles of a Gaussian posterior, in dex where ``log``."""
    return {
        f"{name}_{q}": middle * 10 ** (s * width) if log else middle + s * width for q, s in STEPS.items()
    }


def write_field(folder, name, age_gyr, *, redshift=0.4, n=60, width_dex=0.05, stack=True):
    """Tables of a field whose clusters scatter by 0.1 dex about an age; returns what compare_fields takes of it."""
    rng = np.random.default_rng(sum(map(ord, name)))
    ids = [f"c{k}" for k in range(n)]
    age = age_gyr * 10 ** (0.1 * rng.standard_normal(n))
    no_flags, ones = np.zeros(n, int), np.ones(n)
    fits = {"id": ids, "flags": no_flags} | quantiles("age_gyr", age, 0.2, log=True)
    fits |= quantiles("metallicity_zsun", 0.4 * ones, 0.2, log=True)
    fits |= quantiles("log_mass", 6.5 + 0.3 * rng.standard_normal(n), 0.1, log=False)
    rest = {"id": ids}
    for band, magnitude in (("B", -11.0), ("V", -11.8), ("I", -12.5)):
        rest |= quantiles(f"abs_mag_vega_bessell_{band}", magnitude * ones, 0.1, log=False)
    formed = {"id": ["stack", *ids], "is_stack": [True, *[False] * n]}
    formed |= quantiles("lookback_gyr", np.full(n + 1, 4.0 + age_gyr), 0.3, log=False)
    formed |= quantiles("z_form", np.full(n + 1, 0.6), 0.05, log=False)
    fluxes = {
        "id": ids,
        "flags": np.where(np.arange(n) < 3, 1, 0),
        "flux_F200W": 10 * ones,
        "flux_err_F200W": ones,
    }
    of_stack = {"id": ["stack"]} | quantiles("age_gyr", np.array([age_gyr]), width_dex, log=True)
    of_stack |= quantiles("metallicity_zsun", np.array([0.4]), 0.1, log=True)
    tables = {"photometry": fluxes, "clusters": fits, "formation": formed, "rest_frame": rest}
    if stack:
        tables |= {"stack": of_stack, "stack_rest_frame": {key: value[:1] for key, value in rest.items()}}
    else:
        tables["formation"] = {key: value[1:] for key, value in formed.items()}
    about = {"name": name, "redshift": redshift, "filters": ["F200W"]}
    for kind, columns in tables.items():
        about[kind] = str(folder / f"{name}_{kind}.ecsv")
        write_table(about[kind], Table(columns), meta=META if kind == "rest_frame" else {})
    return about


@pytest.fixture(scope="module")
def compared(tmp_path_factory, job, repo):
    """Two fields of 2.0 Gyr, one of 0.5 Gyr at another redshift, one without a stack and with a population."""
    folder = tmp_path_factory.mktemp("fields")
    fields = [
        write_field(folder, "one", 2.0),
        write_field(folder, "other_$name", 2.05),
        write_field(folder, "young", 0.5, redshift=0.8),
        write_field(folder, "no stack", 2.0, stack=False),
    ]
    parameters = quantiles("x", np.array([2.0]), 0.03, log=True)
    row = {"model": "burst", "parameter": "median_age_gyr", "score": 1.0}
    row |= {name.removeprefix("x_"): values[0] for name, values in parameters.items()}
    fields[0]["population"] = str(folder / "population.ecsv")
    Table(rows=[row]).write(fields[0]["population"], format="ascii.ecsv")
    output = {name: str(folder / f"{name}.ecsv") for name in ("fields", "differences")}
    output |= {kind: str(folder / f"fields.{kind}") for kind in ("png", "pdf")}
    params = {"fields": fields, "cosmology": COSMOLOGY, "dpi": 50}
    given = {
        "lensed": str(repo / "resources" / "literature" / "lensed_clusters.ecsv"),
        "fields": output["fields"],
    }
    compare_fields.main(job(input={}, output=output, params=params, wildcards={}))
    plot_fields.main(job(input=given, output=output, params=params))
    return read_table(output["fields"]), read_table(output["differences"]), folder


def test_one_row_a_field(compared):
    fields, _, folder = compared
    assert list(fields["field"]) == ["one", "other_$name", "young", "no stack"]
    assert fields["n_used"].tolist() == [57] * 4
    assert fields["stack_age_gyr_p50"][2] == pytest.approx(0.5)
    assert np.isnan(fields["stack_age_gyr_p50"][3])
    assert fields["depth_mag"][0] == pytest.approx(31.4 - 2.5 * np.log10(3), abs=0.01)
    assert fields["population_model"].tolist() == ["burst", "", "", ""]
    noise = 1.2533 * 0.1 / np.sqrt(57)
    assert fields["sample_age_gyr_noise_dex"][0] == pytest.approx(noise, rel=0.3)
    assert fields["sample_age_gyr_shared_dex"][0] == pytest.approx(0.05)
    np.testing.assert_allclose(fields["sample_b_minus_i_shared"], 1.0857 * 0.02 * np.sqrt(2), rtol=1e-3)
    assert (folder / "fields.png").read_bytes().startswith(b"\x89PNG")


def test_those_that_differ_are_told_apart_and_those_that_agree_are_not(compared):
    _, table, _ = compared

    def outcome(one, other, quantity):
        rows = (table["field"] == one) & (table["other_field"] == other) & (table["quantity"] == quantity)
        return table[rows][0]

    same, apart = (outcome("one", name, "stack_age_gyr") for name in ("other_$name", "young"))
    assert (same["outcome"], apart["outcome"]) == ("agree", "differ")
    assert apart["difference"] == pytest.approx(np.log10(4), abs=1e-6)
    assert apart["difference_err"] == pytest.approx(np.hypot(0.05, 0.05), rel=1e-6)
    assert outcome("one", "young", "sample_age_gyr")["outcome"] == "differ"
    assert outcome("one", "other_$name", "sample_age_gyr")["outcome"] == "agree"
    assert "no stack has no stack" in outcome("one", "no stack", "sample_age_gyr")["remark"]
    assert not np.any(table["quantity"] == "population_age_gyr")  # only one field has it
    said = sentences(table)
    assert said[0].startswith("one and other_$name: agree within their errors")
    assert "differ in age of the stack (2 and 0.5 Gyr: +0.60 ± 0.07 dex, 8.5 sigma)" in said[1]


def test_the_page(compared):
    fields, table, _ = compared
    rows = {row["words"]: row["cells"] for row in table_rows(fields)}
    assert rows["age of the stack (Gyr)"][0] == {"value": "2", "range": "1.8 to 2.2"}
    assert rows["age of the stack (Gyr)"][3] is None
    assert "turnover of the luminosity function (AB)" not in rows
    assert {row["outcome"] for row in difference_rows(table)} >= {"agree", "differ"}


def test_the_page_is_written_with_ways_to_the_fields(compared, tmp_path):
    """Names of users are text, not markup; the figure lies beside the page."""
    fields, table, folder = compared
    names = ["one", "other_$name", "young"]  # one field without pages
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps({"name": name, "role": "other"}))
    page = tmp_path / "fields.html"
    folders = [str(tmp_path / name) for name in names]
    write_fields_page(page, fields, table, folder / "fields.png", folders, reproduction="r.html")
    text = page.read_text(encoding="utf-8")
    assert 'href="other_%24name/index.html"' in text and "no stack" in text
    assert "differ in age of the stack" in text and 'src="fields.png"' in text
    assert "r.html" not in text  # no field of the paper is among them
    assert (tmp_path / "fields.png").read_bytes() == (folder / "fields.png").read_bytes()


def test_fields_without_anything_in_common():
    """Nothing is said where nothing was measured."""
    nothing = {"field": "a"}
    from clusterphot.side_by_side.fields import COMPARED, QUANTILES

    nothing |= {f"{quantity}_{q}": np.nan for quantity in COMPARED for q in QUANTILES}
    for name in ("age_gyr", "metallicity_zsun"):
        nothing |= {f"sample_{name}_noise_dex": np.nan, f"sample_{name}_shared_dex": np.nan}
    nothing |= {"sample_b_minus_i_noise": np.nan, "sample_b_minus_i_shared": np.nan}
    table = differences([nothing, nothing | {"field": "b"}])
    assert len(table) == 0
    assert sentences(table) == []
