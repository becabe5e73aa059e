"""A user's catalogue: columns, units, sentinels, interpolation, relations, mistakes."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.filters import load_filter
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.comparisons.catalogue import (
    check_catalogue,
    check_field,
    in_region,
    interpolate_magnitudes,
    mass_light_relation,
    mass_size_relation,
    read_comparison,
    read_star_counts,
)

COLUMNS = {
    "id": "ID",
    "redshift": "z",
    "log_mass": "lmass",
    "radius_kpc": "re",
    "log_ssfr": "ssfr",
    "is_quiescent": None,
    "bands": {"1.0": "Y", "2.0": "K", "F444W": "ch2"},
}
OPTIONS = {"flux_unit": "mag", "redshift": 0.39, "redshift_width": 0.05, "log_ssfr_quiescent": -11.0}
ROWS = """ID,z,lmass,re,ssfr,Y,K,ch2
a,0.40,10.0,2.0,-12,22.0,21.0,21.5
b,0.36,9.0,,-9,23.0,-99,22.5
c,0.80,9.0,1.0,-9,23.0,22.0,22.5
d,0.41,-99,nan,,24.0,23.5,
"""


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "galaxies.csv"
    path.write_text(ROWS)
    return path


def test_galaxies_near_the_redshift_are_taken(catalogue):
    galaxies = read_comparison(str(catalogue), COLUMNS, **OPTIONS)
    assert galaxies.ids == ["a", "b", "d"]
    assert galaxies.is_quiescent.tolist() == [1, 0, -1]
    assert galaxies.flux[0] == pytest.approx(flux_from_mag_ab([22.0, 21.0, 21.5]))
    assert np.isnan(galaxies.flux[1, 1]) and np.isnan(galaxies.flux[2, 2])
    assert np.isnan(galaxies.log_mass[2]) and np.isnan(galaxies.radius_kpc[1])


@pytest.mark.parametrize("file", ["galaxies.fits", "galaxies.fits.gz"])
def test_fits_and_text_give_the_same(catalogue, tmp_path, file):
    """Column by column from FITS, where missing values are NaN."""
    table = Table.read(catalogue, format="ascii.csv")
    for name in table.colnames[1:]:
        table[name] = np.ma.filled(np.ma.asarray(table[name], float), np.nan)
    table.write(tmp_path / file)
    text, fits = (read_comparison(str(path), COLUMNS, **OPTIONS) for path in (catalogue, tmp_path / file))
    assert text.ids == fits.ids
    for name in ("flux", "log_mass", "radius_kpc", "is_quiescent"):
        np.testing.assert_array_equal(getattr(text, name), getattr(fits, name))


def changed(name, value):
    """Function that gives a card of a table's header another value."""

    def change(content):
        place = content.index(name.ljust(8).encode() + b"= ", 2880)
        return content[:place] + f"{name:8}= {value:>20}".encode() + content[place + 30 :]

    return change


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda content: b"", "got an empty file"),
        (lambda content: b"id,z\n1,2\n", "got other content, expected a FITS file"),
        (lambda content: content[:2880], "got no table"),
        (lambda content: content[:4000], "got a header without END"),
        (lambda content: content[:-2880], "got 5760 bytes, expected at least"),
        (changed("NAXIS2", "99999999"), "got 8640 bytes, expected at least"),
        (changed("TFIELDS", "99999999"), "got TFIELDS 99999999"),
        (changed("TFORM2", "'Q'"), "got a file that cannot be read"),
        (lambda content: content.replace(b"TTYPE1  ", b"XTYPE1  "), "no column 'z'"),
    ],
)
def test_a_damaged_fits_catalogue(tmp_path, damage, match):
    """One message at once: astropy would look at each of 10**8 columns for a minute."""
    path = tmp_path / "c.fits"
    Table({"z": [0.4], "Y": [1.0], "K": [2.0]}).write(path)
    path.write_bytes(damage(path.read_bytes()))
    columns = {"redshift": "z", "bands": {"1.0": "Y", "2.0": "K"}}
    section = {"catalogue": str(path), "columns": columns, "flux_unit": "mag"}
    with pytest.raises(DataError, match=rf"c\.fits.*{match}"):
        check_catalogue(section, lambda path: "my.yaml")


def test_a_column_of_texts_where_numbers_are_needed(tmp_path):
    path = tmp_path / "c.fits"
    Table({"z": ["near"], "Y": [1.0], "K": [2.0]}).write(path)
    columns = {"redshift": "z", "bands": {"1.0": "Y", "2.0": "K"}}
    with pytest.raises(
        DataError, match=r"c\.fits, column z: got a column that cannot be read.*expected numbers"
    ):
        read_comparison(str(path), columns, **OPTIONS)


@pytest.mark.parametrize(("unit", "factor"), [("uJy", 1e3), ("nJy", 1.0)])
def test_fluxes_in_their_unit(catalogue, unit, factor):
    galaxies = read_comparison(str(catalogue), COLUMNS, **OPTIONS | {"flux_unit": unit})
    assert galaxies.flux[0] == pytest.approx(factor * np.array([22.0, 21.0, 21.5]))
    assert np.isnan(galaxies.flux[1, 1])  # not positive


def test_a_flag_goes_before_the_star_formation_rate(catalogue):
    columns = COLUMNS | {"is_quiescent": "re"}
    assert read_comparison(str(catalogue), columns, **OPTIONS).is_quiescent.tolist() == [2, -1, -1]


def test_interpolation_is_linear_in_the_logarithms(catalogue):
    """Halfway in log wavelength between two bands a power law has the mean magnitude; beyond the bands nothing."""
    galaxies = read_comparison(str(catalogue), COLUMNS, **OPTIONS)
    pivot = load_filter("F150W").wave_pivot / 1e4
    share = np.log(pivot / 1.0) / np.log(2.0)
    magnitude = interpolate_magnitudes(galaxies, ["F150W", "F090W"])
    assert magnitude[0, 0] == pytest.approx(22.0 - share)
    assert np.isnan(magnitude[:, 1]).all()
    assert magnitude[1, 0] == pytest.approx(  # over the gap: from 1.0 micron straight to F444W
        23.0 - 0.5 * np.log(pivot) / np.log(load_filter("F444W").wave_pivot / 1e4)
    )


def test_relations_are_recovered_despite_outliers():
    rng = np.random.default_rng(3)
    mag = rng.uniform(20, 26, 200)
    mass = 9.0 - 0.4 * (mag - 25) + 0.1 * rng.standard_normal(200)
    mass[:15] += 3
    intercept, slope, scatter = mass_light_relation(mag, mass)
    assert (intercept, slope, scatter) == pytest.approx((9.0, -0.4, 0.1), abs=0.03)
    radius = 10 ** (0.5 + 0.7 * (mass - 10))
    assert mass_size_relation(mass, radius)[:2] == pytest.approx((0.5, 0.7), abs=1e-3)
    assert np.isnan(mass_light_relation(mag[:5], mass[:5])).all()


def test_no_galaxy_near_the_redshift(catalogue):
    with pytest.raises(DataError, match=r"no galaxy within 0.05 of z = 2"):
        read_comparison(str(catalogue), COLUMNS, **OPTIONS | {"redshift": 2.0})


def test_text_in_a_column(catalogue):
    catalogue.write_text(ROWS.replace("22.0,21.0", "22.0,bright"))
    with pytest.raises(DataError, match=r"data row 1, column K: got 'bright'"):
        read_comparison(str(catalogue), COLUMNS, **OPTIONS)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"redshift": None}, ConfigError, r"columns.redshift: got nothing"),
        ({"bands": {"1.0": "Y"}}, ConfigError, "two bands or more"),
        ({"bands": {"1.0": "Y", "Kband": "K"}}, ConfigError, "unknown filter 'Kband'"),
        ({"log_mass": "mass"}, DataError, "no column 'mass'"),
        ({"bands": {"1.0": "Y", "2.0": "Ks"}}, DataError, "no column 'Ks'"),
    ],
)
def test_mistakes_are_found_before_the_first_job(catalogue, change, error, match):
    section = {"catalogue": str(catalogue), "columns": COLUMNS | change, "flux_unit": "mag"}
    with pytest.raises(error, match=match):
        check_catalogue(section, lambda path: "my.yaml")


@pytest.mark.parametrize("name", ["c.fits", "c.ecsv"])
@pytest.mark.parametrize(
    ("unit", "asked", "fine"), [("uJy", "uJy", True), ("mag", "uJy", False), ("", "mag", True)]
)
def test_declared_units_of_bands(tmp_path, name, unit, asked, fine):
    """A catalogue that says its unit is not read in another one."""
    table = Table({"z": [0.4], "Y": [1.0], "K": [2.0]})
    table["Y"].unit = table["K"].unit = unit or None
    table.write(tmp_path / name)
    columns = {"redshift": "z", "bands": {"1.0": "Y", "2.0": "K"}}
    section = {"catalogue": str(tmp_path / name), "columns": columns, "flux_unit": asked}
    if fine:
        check_catalogue(section, lambda path: "my.yaml")
    else:
        with pytest.raises(ConfigError, match="flux_unit = uJy: got the unit mag of column Y"):
            check_catalogue(section, lambda path: "my.yaml")


def test_no_catalogue_is_no_mistake():
    check_catalogue({"catalogue": None, "columns": {}}, lambda path: "my.yaml")


@pytest.mark.parametrize("region", [{"ra": [1, 2]}, {"ra": [1, 2], "radius_arcsec": 3}, {"area_ratio": 1}])
def test_half_a_region_is_refused(region):
    field = SimpleNamespace(comparisons={"control_region": region}, center_deg=(1, 2))
    with pytest.raises(ConfigError, match="ra and dec, or center_deg and radius_arcsec"):
        check_field(field, "my.yaml, fields.a")


def test_a_region_needs_positions():
    region = {"ra": [1, 2], "dec": [3, 4]}
    with pytest.raises(ConfigError, match="a field whose table has ra and dec"):
        check_field(SimpleNamespace(comparisons={"control_region": region}, center_deg=None), "my.yaml")


def test_boxes_and_circles():
    ra, dec = np.array([359.9, 0.1, 10.0, np.nan]), np.array([0.0, 0.0, 60.0, 0.0])
    assert in_region(ra, dec, {"ra": [359.5, 0.5], "dec": [-1, 1]}).tolist() == [True, True, False, False]
    circle = {"center_deg": [10.002, 60.0], "radius_arcsec": 3.7}  # 7.2" in R.A. are 3.6" at 60 degrees
    assert in_region(ra, dec, circle).tolist() == [False, False, True, False]
    circle = {"center_deg": [0.0, 0.0], "radius_arcsec": 400}
    assert in_region(ra, dec, circle).tolist() == [True, True, False, False]


def test_star_counts_of_the_user(tmp_path):
    path = tmp_path / "stars.csv"
    path.write_text("mag,density\n20,1\n22,3\n")
    assert read_star_counts(str(path))[1].tolist() == [1, 3]
    wrong = tmp_path / "turned.csv"
    wrong.write_text("mag,density\n22,1\n20,3\n")
    with pytest.raises(DataError, match="do not increase"):
        read_star_counts(str(wrong))
