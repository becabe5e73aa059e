"""Numbers of the paper and ours: entries, differences in sigma, quantities on tables with known answers, the page."""

import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from clusterphot.base.columns import describe_column
from clusterphot.base.errors import DataError
from clusterphot.sed.v_light import luminosity_per_njy
from clusterphot.validation.compare import ROLES, compare, difference_sigma, paper_value, read_entries, tally
from clusterphot.validation.page import html_page, markdown, number_text, page_rows, paper_text, sigma_text
from clusterphot.validation.values import (
    QUANTITIES,
    Measured,
    NotAvailableError,
    Products,
    compute,
    quantile_of_sample,
    two_parameter_sigma,
)

RESOURCES = Path(__file__).resolve().parents[3] / "resources" / "faisst2022"
COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
SETTINGS = {
    "redshift": 0.39,
    "cosmology": COSMOLOGY,
    "reference_filter": "F200W",
    "v_filter": "auto",
    "mass_convention": "vband",
    "r_v": 3.1,
    **dict.fromkeys(("mag_min", "mag_max", "max_shift_px", "annulus_inner_px", "annulus_outer_px")),
    "cutout_size_arcsec": 0.8,
    "published_masses": {"a": 6.0, "b": 6.5},
}


@pytest.fixture(scope="module")
def entries():
    return read_entries(str(RESOURCES / "published_values.yaml"))


@pytest.fixture(scope="module")
def published():
    return {name: Table.read(RESOURCES / f"{name}.csv", format="ascii.csv") for name in ("table1", "table2")}


def test_entries(entries, published):
    """At least 30 numbers, each with a function; every function is used; each number can be read and has a place."""
    assert sum("quantity" in entry for entry in entries) >= 30
    assert {entry["quantity"] for entry in entries if "quantity" in entry} == set(QUANTITIES)
    numbers = [entry["number"] for entry in entries]
    assert len(numbers) == len(set(numbers))
    for entry in entries:
        assert entry["section"] in ("abstract", "2", "3", "Table 1", "Table 2")
        assert entry["checked"] in (True, False)
        assert paper_value(entry, published).rounding > 0


def test_the_abstract(entries, published):
    """Age, mass and redshifts of formation as the abstract gives them (arXiv:2208.05502)."""
    found = {entry["number"]: paper_value(entry, published) for entry in entries}
    age = found["age of the stack, posterior"]
    assert (age.low, age.value, age.high) == (1.0, 1.5, 2.0)
    mass = found["median mass of the clusters, in the convention of the paper"]
    assert (mass.low, mass.value, mass.high) == (0.9e6, 2.4e6, 5.4e6)
    assert mass.err_high == pytest.approx(3.0e6 * math.sqrt(math.pi / 2 / 178))
    formed = found["redshift of formation of the stack, posterior"]
    assert (formed.low, formed.high, formed.kind) == (0.5, 0.7, "range")
    flux = found["flux of the stack in F090W"]
    assert (flux.value, flux.err_low) == (9.79, 0.12)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("- {number: a, section: '2', value: 1, checked: true, rounding: 1, quantity: nothing}", "nothing"),
        ("- {number: a, section: '2', checked: true, rounding: 1, quantity: n_sources}", "none of value"),
        ("- {number: a, value: 1, below: 2, rounding: 1, quantity: n_sources}", "value.*below"),
        ("- {number: a, value: 1, rounding: 1, quantity: n_sources, typo: 3}", "typo"),
        ("- {number: a, value: 1, rounding: 1, quantity: n_sources, reason: {demo: x}}", "demo"),
    ],
)
def test_mistakes_in_entries(tmp_path, text, match):
    path = tmp_path / "values.yaml"
    path.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=match):
        read_entries(str(path))


def paper(**entry):
    """A number of the paper without rounding to speak of."""
    return paper_value({"rounding": 1e-9, **entry}, {})


@pytest.mark.parametrize(
    ("measured", "entry", "sigma"),
    [
        (Measured(5.0, 3.0, 9.0), {"value": 0.0, "err": [1.0, 4.0]}, 1.0),  # ours low, theirs high: 3-4-5
        (Measured(-5.0, 9.0, 3.0), {"value": 0.0, "err": [4.0, 1.0]}, -1.0),
        (Measured(0.25), {"range": [0.2, 0.3]}, 0.0),
        (Measured(0.5, 0.1, 0.1), {"range": [0.2, 0.3]}, 2.0),
        (Measured(0.1, 0.1, 0.05), {"range": [0.2, 0.3]}, -2.0),
        (Measured(40.0, 5.0, 5.0), {"below": 50.0}, 0.0),
        (Measured(60.0, 5.0, 7.0), {"below": 50.0}, 2.0),
        (Measured(math.inf), {"below": 50.0}, math.inf),
        (Measured(5.0), {"above": 4.0}, 0.0),
        (Measured(2.0, 1.0, 2.0), {"above": 4.0}, -1.0),
        (Measured(178.0), {"value": 178}, 0.0),
    ],
)
def test_difference(measured, entry, sigma):
    assert difference_sigma(measured, paper(**entry)) == pytest.approx(sigma)


def test_rounding_counts():
    """A value given as 1.5 is known to 0.1 / sqrt(12)."""
    found = difference_sigma(Measured(1.6), paper(value=1.5, rounding=0.1))
    assert found == pytest.approx(math.sqrt(12))


def test_median_of_a_spread():
    """The spread of n values is sqrt(n) / 1.2533 times the error of their median."""
    found = difference_sigma(Measured(1.0), paper(value=0.0, err=[1.0, 1.0], spread_of=157))
    assert found == pytest.approx(math.sqrt(157) / math.sqrt(math.pi / 2), rel=1e-6)


def test_significances_of_faisst_2022():
    """3, 4, 5 sigma for two parameters are rises of 11.83, 19.33, 28.74; far out there is no overflow."""
    np.testing.assert_allclose(
        [two_parameter_sigma(rise) for rise in (0.0, 2.2957, 11.829, 19.334, 28.744)],
        [0, 1, 3, 4, 5],
        atol=2e-4,
    )
    assert two_parameter_sigma(5000.0) == pytest.approx(math.sqrt(5000.0), rel=0.01)


def test_quantiles_of_a_sample_cover():
    """The interval of the median holds the truth in 68 % of 2000 samples of 178 (binomial error 1 %; 4 %)."""
    rng = np.random.default_rng(5)
    found = [quantile_of_sample(sample, 0.5) for sample in rng.normal(size=(2000, 178))]
    holds = [m.value - m.err_low <= 0 <= m.value + m.err_high for m in found]
    assert np.mean(holds) == pytest.approx(0.683, abs=0.04)
    with pytest.raises(NotAvailableError, match="no measured values"):
        quantile_of_sample([np.nan], 0.5)


@pytest.fixture
def products(tmp_path):
    """Tables of a field of two clusters and their stack."""
    tables = {
        "photometry": Table(
            {
                "id": ["a", "b"],
                "flux_F090W": [30.0, 1.0],
                "flux_err_F090W": [1.0, 1.0],
                "flux_F200W": [30.0, 30.0],
                "flux_err_F200W": [1.0, 1.0],
                "flux_F444W": [30.0, 30.0],
                "flux_err_F444W": [1.0, 1.0],
            }
        ),
        "clusters": Table({"id": ["a", "b"], "log_mass": [6.4, 6.9]}),
        "extinction": Table(
            {"filter": ["F090W", "F444W"], "wave_pivot": [9024.0, 44043.0], "extinction_mag": [0.25, 0.03]}
        ),
        "stack_photometry": Table(
            {"flux0_F090W": [10.0], "flux0_err_F090W": [0.3], "flux0_err_sys_F090W": [0.4]}
        ),
        "stars": Table({"role": ["core", "wing", "core", "none"], "half_light_radius": [2.0, 9.0, 2.5, 9.0]}),
    }
    paths = {}
    for name, table in tables.items():
        paths[name] = str(tmp_path / f"{name}.ecsv")
        table.write(paths[name], format="ascii.ecsv")
    chi2 = fits.PrimaryHDU(np.array([[30.0, 5.0, 60.0], [10.0, 0.0, 40.0], [25.0, 11.83, 50.0]]))
    age = fits.BinTableHDU(Table({"age_gyr": [0.5, 2.0, 9.0]}), name="AGE")
    metallicity = fits.BinTableHDU(Table({"metallicity_zsun": [0.02, 0.2, 1.0]}), name="METALLICITY")
    paths["chi2_map"] = str(tmp_path / "map.fits")
    fits.HDUList([chi2, age, metallicity]).writeto(paths["chi2_map"])
    return Products(paths, dict(SETTINGS))


@pytest.mark.parametrize(
    ("name", "of", "value"),
    [
        ("setting", "redshift", 0.39),
        ("n_sources", None, 2.0),
        ("seen_fraction", 2, 0.5),
        ("seen_fraction", 1, 1.0),
        ("rest_wavelength_um", "F090W", 0.9024 / 1.39),
        ("cell", {"table": "extinction", "where": {"filter": "F444W"}, "column": "extinction_mag"}, 0.03),
        ("milliarcsec", 10.0, 1.890),  # 5.290 kpc per arcsec at z = 0.39
        ("megaparsec", 180.0, 0.9522),
        ("setting", "r_v", 3.1),
        ("psf_stars", None, 2.0),
        ("largest_half_light_radius_px", None, 2.5),
        ("stack_flux_njy", "F090W", 10.0),
        ("exclusion_sigma", {"age_gyr": {"from": 9.0, "to": 9.0}}, 3.0),
        ("exclusion_sigma", {"age_gyr": {"above": 2.0}}, 3.0),
        ("exclusion_sigma", {"metallicity_zsun": {"below": 0.2}}, 2.7095),  # exp(-5) two-sided
        ("exclusion_sigma", {"metallicity_zsun": {"from": 0.2}}, 0.0),
        ("best_age_gyr", {"metallicity_zsun": {"from": 0.4, "to": 1.0}}, 2.0),
    ],
)
def test_quantities(products, name, of, value):
    assert compute(name, products, of).value == pytest.approx(value, rel=2e-4)


def test_a_cell_has_the_errors_of_its_table(products):
    """5 from 2 to 9 is 5 - 3 + 4; in the metadata, keys within keys."""
    table = Table({"age": [1.0, 5.0], "age_lo": [1.0, 2.0], "age_hi": [1.0, 9.0], "is_stack": [False, True]})
    table.meta["stack"] = {"scatter": 0.25}
    table.write(products.paths["stars"], format="ascii.ecsv", overwrite=True)
    of = {"table": "stars", "where": {"is_stack": True}, "column": "age", "low": "age_lo", "high": "age_hi"}
    assert compute("cell", products, of) == Measured(5.0, 3.0, 4.0)
    found = compute("metadata", products, {"table": "stars", "keys": ["stack", "scatter"]})
    assert found.value == 0.25 and np.isnan(found.err_low)


def test_systematic_errors_count(products):
    assert compute("stack_flux_njy", products, "F090W").err_low == pytest.approx(0.5)


def test_the_stack_beside_the_papers_is_a_median(products, tmp_path):
    """A mean of 10 and a median of 8 with 1.2 times its error."""
    methods = Table(
        {"method": ["clipped_mean", "median"], "flux_F090W": [5.0, 4.0], "flux_err_F090W": [1.0, 1.2]}
    )
    products.paths["stack_methods"] = str(tmp_path / "stack_methods.ecsv")
    methods.write(products.paths["stack_methods"], format="ascii.ecsv")
    found = compute("stack_flux_njy", products, "F090W")
    assert found.value == pytest.approx(8.0)
    assert found.err_low == pytest.approx(np.hypot(1.2 * 0.3, 0.8 * 0.4))


def test_masses_in_another_convention(products):
    """Bolometric Suns make every mass smaller by the ratio of the luminosities per nJy, 0.34 dex."""
    args = ("F090W", 0.39, COSMOLOGY)
    ratio = luminosity_per_njy(*args, convention="faisst2022") / luminosity_per_njy(*args, convention="vband")
    assert np.log10(ratio) == pytest.approx(-0.34, abs=0.01)
    mean = compute("log_mass_quantile", products, {"quantile": 0.5, "convention": "vband"}).value
    assert mean == pytest.approx(6.65)
    mass = compute("mass_quantile", products, {"quantile": 0.5, "convention": "faisst2022"}).value
    assert mass == pytest.approx(10**6.65 * ratio)
    offset = compute("mass_against_table1", products, "median").value
    assert offset == pytest.approx(0.4 + np.log10(ratio))


@pytest.mark.parametrize(
    ("name", "of", "match"),
    [
        ("cell", {"table": "size_limits", "column": "radius_limit_pc"}, "given by its fluxes"),
        ("cell", {"table": "stack", "column": "age_gyr"}, "no photometry of a stack"),
        ("metadata", {"table": "stars", "keys": ["a", "b"]}, "does not compute it"),
        ("setting", "mag_min", "given by its fluxes"),
        ("stack_flux_njy", "F277W", "no F277W"),
        (
            "cell",
            {"table": "extinction", "where": {"filter": "F277W"}, "column": "extinction_mag"},
            "no F277W",
        ),
        ("exclusion_sigma", {"metallicity_zsun": {"above": 2.0}}, "no such models"),
        ("expected_stars", [25.0, 27.0], "does not compute it"),
    ],
)
def test_what_a_field_cannot_have(products, name, of, match):
    with pytest.raises(NotAvailableError, match=match):
        compute(name, products, of)


@pytest.fixture
def compared(entries, products, published):
    """The comparison of that field in each role."""
    return {role: compare(entries, products, published=published, role=role) for role in ROLES}


def test_comparison(entries, compared):
    for table in compared.values():
        assert list(table["number"]) == [entry["number"] for entry in entries]
        for name in table.colnames:
            assert describe_column(name)[1]
        for row in table:
            missing = row["outcome"] in ("not available", "not applicable")
            assert np.isnan(row["our_value"]) == missing
            assert bool(row["remark"]) == (row["outcome"] not in ("agrees", "put in"))
        assert sum(tally(table).values()) == len(table)
    remarks = set(compared["other"]["remark"][compared["other"]["outcome"] == "differs"])
    assert remarks == {"This is another field than the paper's."}


def test_agreement_by_construction_is_no_result(compared, entries, products, published, monkeypatch):
    """The redshift is put in everywhere, the stack's fluxes where they are the published ones; stars and area of the
    observation are not asked of a simulation."""
    outcome = {
        role: dict(zip(table["number"], table["outcome"], strict=True)) for role, table in compared.items()
    }
    for found in outcome.values():
        assert found["redshift of the galaxy cluster"] == "put in"
    assert outcome["simulated"]["stars in the PSF"] == "not applicable"
    assert outcome["other"]["stars in the PSF"] != "not applicable"
    flux = [entry for entry in entries if entry["number"] == "flux of the stack in F150W"]
    same = paper_value(flux[0], published).value
    monkeypatch.setattr("clusterphot.validation.compare.compute", lambda *_: Measured(same))
    for role, expected in (("published", "put in"), ("simulated", "agrees"), ("other", "agrees")):
        assert compare(flux, products, published=published, role=role)["outcome"][0] == expected
    line = html_page([compared["simulated"]], ["sim"])
    assert "numbers were put in" in line and "of the observation alone" in line


def test_page(compared):
    """Both pages have each number, each field and each remark; nothing of Markdown or HTML gets through unescaped."""
    tables, names = [compared["published"], compared["simulated"]], ["pub_1", "<sim>"]
    text, page = markdown(tables, names), html_page(tables, names)
    assert text.startswith("# Reproduction") and "pub\\_1" in text and "\\<sim\\>" in text
    assert page.startswith("<!DOCTYPE html>") and "<sim>" not in page and "&lt;sim&gt;" in page
    for row in tables[0]:
        assert f"| {str(row['number']).replace('_', chr(92) + '_')} |" in text
    widths = {line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {8}
    assert page.count("<tr>") == page.count("</tr>")
    assert "http" not in page.replace("https://doi.org/", "")  # stands alone
    rows = page_rows(tables, names)
    assert list(rows) == ["abstract", "2", "3", "Table 1", "Table 2"]


def test_page_of_different_numbers(compared):
    with pytest.raises(ValueError, match="different numbers"):
        page_rows([compared["published"], compared["published"][1:]], ["a", "b"])


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((1.0, 1.5, 2.1), "1.50 (\N{MINUS SIGN}0.50, +0.60)"),
        ((1.0, 1.5, 2.0), "1.50 \N{PLUS-MINUS SIGN} 0.50"),
        ((math.nan, 0.39, math.nan), "0.39"),
        ((math.nan, 178.0, math.nan), "178"),
        ((math.nan, 3160.4, math.nan), "3160"),
        ((math.nan, -0.0001234, math.nan), "\N{MINUS SIGN}0.000123"),
        ((0.9e6, 2.4e6, 5.4e6), "2.4 (\N{MINUS SIGN}1.5, +3.0) \N{MULTIPLICATION SIGN} 10^6"),
        ((0.6, 0.9, math.inf), "0.90 (\N{MINUS SIGN}0.30, unbounded above)"),
        ((math.nan, math.inf, math.nan), "unbounded"),
        ((2.0, 2.0, 2.0), "2"),
    ],
)
def test_numbers_in_words(numbers, text):
    assert number_text(*numbers) == text


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            {"value": 1.5, "err": [0.5, 0.5], "rounding": 0.5, "unit": "Gyr"},
            "1.5 \N{PLUS-MINUS SIGN} 0.5 Gyr",
        ),
        (
            {"value": 2.4e6, "err": [1.5e6, 3.0e6], "rounding": 1e5},
            "2.4 (\N{MINUS SIGN}1.5, +3.0) \N{MULTIPLICATION SIGN} 10^6",
        ),
        ({"value": 9.0e5, "rounding": 1e5}, "9 \N{MULTIPLICATION SIGN} 10^5"),
        ({"value": 0.0, "rounding": 0.01}, "0.00"),
        ({"value": 58, "rounding": 1}, "58"),
        ({"value": 0.005, "rounding": 0.001}, "0.005"),
        ({"range": [0.2, 0.3], "rounding": 0.1}, "0.2\N{EN DASH}0.3"),
        ({"below": 50.0, "rounding": 10.0, "unit": "pc"}, "< 50 pc"),
        ({"above": 4.0, "rounding": 1.0}, "> 4"),
    ],
)
def test_the_papers_numbers_in_words(entry, text):
    """With the digits that the paper gives."""
    found = paper_value(entry, {})
    row = {f"paper_{name}": getattr(found, name) for name in ("low", "value", "high", "kind", "rounding")}
    assert paper_text(row | {"unit_of_number": entry.get("unit", "")}) == text


@pytest.mark.parametrize(
    ("difference", "kind", "text"),
    [
        (0.0, "range", "in range"),
        (0.0, "below", "holds"),
        (0.0, "value", "0.0"),
        (1.24, "value", "+1.2"),
        (-0.04, "value", "0.0"),
        (-250.0, "value", "beyond \N{MINUS SIGN}100"),
        (math.inf, "below", "beyond +100"),
        (math.nan, "value", ""),
    ],
)
def test_differences_in_words(difference, kind, text):
    row = {"sigma_from_paper": difference, "paper_kind": kind, "outcome": "agrees"}
    assert sigma_text(row) == text
    assert sigma_text(row | {"outcome": "put in"}) == "="
