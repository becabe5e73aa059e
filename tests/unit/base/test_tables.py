"""Tables in and out: what users give, every mistake in it named, and what the workflow writes."""

import gzip
import re

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base import columns, tables, units, user_tables
from clusterphot.base.errors import DataError
from clusterphot.base.files import sha256
from clusterphot.base.filters import load_filter

IDS = ["SC 1", "é/2 ☆", "#3", 'a"b', "007", "nan"]
HEADER = "id,ra,dec,flux_F090W,flux_err_F090W,flux_F150W,flux_err_F150W"


@pytest.fixture
def write(tmp_path):
    """Function that writes a file and gives its path."""

    def make(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return str(path)

    return make


def photometry_rows(*rows):
    """A csv of photometry in two filters."""
    return "\n".join([HEADER, *rows]) + "\n"


# ------------------------------------------------------------------------------------------------ formats


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.ecsv", "t.fits", "t.fits.gz", "t.CSV", "t.csv.gz"])
def test_formats_give_the_same(tmp_path, name):
    """All formats hold the same ids, digits and gaps (astropy's ECSV takes #3 for a comment)."""
    path = str(tmp_path / name)
    wanted = ["3" if value == "#3" else value for value in IDS] if "ecsv" in name else IDS
    flux = np.array([1.25, 1 / 3, -2.0, 1e-30, 5.0, np.nan])
    table = Table({"id": wanted, "flux_F090W": flux, "flux_err_F090W": np.full(6, 0.1)})
    if "fits" in name:
        table["id"] = np.char.encode(np.array(IDS), "utf-8")
        table.write(path, format="fits")
    elif "ecsv" in name:
        table.write(path, format="ascii.ecsv")
    else:
        delimiter = "\t" if "tsv" in name else ","
        quoted = ['"' + name.replace('"', '""') + '"' for name in IDS]
        lines = [delimiter.join(table.colnames)]
        lines += [delimiter.join([i, repr(float(f)), "0.1"]) for i, f in zip(quoted, flux, strict=True)]
        content = ("\n".join(lines) + "\n").encode()
        with gzip.open(path, "wb") if name.endswith("gz") else open(path, "wb") as stream:
            stream.write(content)
    ids, filters, read, err, carried = user_tables.read_photometry(path, "key")
    assert ids == wanted
    assert filters == ["F090W"]
    np.testing.assert_array_equal(read[:, 0], flux)
    np.testing.assert_array_equal(err[:, 0], 0.1)
    assert carried == {}


def test_magnitudes_and_other_units_give_the_same_fluxes(write):
    """AB 30 is 3.631 nJy on paper; Vega by astro-sedpy's offset of the band; errors to first order."""
    band, flux, err = "wfc3_uvis_f275w", 3.631, 3.631 * 0.1 / (2.5 / float(np.log(10)))
    vega = 30 + float(load_filter(band).ab_to_vega)
    cases = [
        (f"mag_ab_{band},mag_ab_err_{band}", 30.0, 0.1, "nJy"),
        (f"mag_{band},mag_err_{band}", 30.0, 0.1, "ab"),
        (f"mag_vega_{band},mag_vega_err_{band}", vega, 0.1, "nJy"),
        (f"mag_{band},mag_err_{band}", vega, 0.1, "vega"),
        (f"flux_{band},flux_err_{band}", 1e-3 * flux, 1e-3 * err, "uJy"),
    ]
    for number, (header, value, error, unit) in enumerate(cases):
        path = write(f"{number}.csv", f"id,{header}\na,{value!r},{error!r}\nb,,\n")
        ids, filters, found, found_err, carried = user_tables.read_photometry(path, "key", unit)
        assert (ids, filters, carried) == (["a", "b"], [band], {})
        np.testing.assert_allclose(found[:, 0], [flux, np.nan], rtol=1e-9)
        np.testing.assert_allclose(found_err[:, 0], [err, np.nan], rtol=1e-9)


def test_a_magnitude_of_99_is_a_sentinel(write):
    path = write("t.csv", "id,mag_ab_F200W,mag_ab_err_F200W\na,99,99\nb,25,0.1\n")
    _, _, flux, err, _ = user_tables.read_photometry(path, "key")
    flux, err, odd = units.without_sentinels(flux, err)
    assert odd[:, 0].tolist() == [True, False]
    assert np.isnan(flux[0, 0]) and np.isnan(err[0, 0])


def test_magnitudes_beside_fluxes_are_carried(write):
    path = write("t.csv", "id,flux_F200W,flux_err_F200W,mag_F200W,mag_err_F200W\na,5,1,30,0.2\n")
    _, filters, flux, _, carried = user_tables.read_photometry(path, "key")
    assert (filters, flux.tolist()) == (["F200W"], [[5.0]])
    assert len(carried) == 2


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("id,mag_F200W,mag_err_F200W\na,25,0.1\n", "nJy", "photometry_unit: ab or vega of the field says it"),
        ("id,mag_F200W\na,25\n", "ab", "mag_F200W without its error"),
        ("id,mag_ab_F200W,mag_ab_err_F200W\na,25,-0.1\n", "ab", "column mag_ab_err_F200W: got -0.1"),
        ("id,flux_F200W,flux_err_F200W\na,25,1\n", "vega", "got no magnitude column"),
    ],
)
def test_mistakes_in_magnitudes(write, text, unit, words):
    with pytest.raises(DataError, match=words):
        user_tables.read_photometry(write("t.csv", text), "key", unit)


def test_byte_order_mark_and_windows_line_ends(write):
    """What Excel writes."""
    table = user_tables.read_user_table(write("t.csv", "id,ra\r\na,1\r\n", "utf-8-sig"), "key")
    assert (table.names, table.rows) == (("id", "ra"), (("a", "1"),))


def test_comments_and_blank_lines_are_skipped(write):
    """Comments may hold quotes and commas; a quoted id may open with the comment sign."""
    text = '# made "by, hand\n\nid, ra\n# half\na , 1\n,\n"#7",2\n'
    table = user_tables.read_user_table(write("t.csv", text), "key")
    assert (table.names, table.rows) == (("id", "ra"), (("a", "1"), ("#7", "2")))


def test_quoted_field_with_comma_and_line_break(write):
    text = 'id,note\n"a,b","two\nlines"\n'
    assert user_tables.read_user_table(write("t.csv", text), "key").rows == (("a,b", "two\nlines"),)


def test_stack_of_one_row_needs_no_id(write):
    ids, filters, flux, _, _ = user_tables.read_photometry(
        write("t.csv", "flux_F090W,flux_err_F090W\n1,0.1\n"), "key"
    )
    assert (ids, filters, flux.tolist()) == (["stack"], ["F090W"], [[1.0]])


@pytest.mark.parametrize("gap", ["", "nan", "NaN", "--", "null", "None", " "])
def test_missing_values(write, gap):
    path = write("t.csv", photometry_rows(f"a,1,2,{gap},{gap},3,0.1"))
    _, _, flux, err, _ = user_tables.read_photometry(path, "key")
    np.testing.assert_array_equal(flux, [[np.nan, 3.0]])
    np.testing.assert_array_equal(err, [[np.nan, 0.1]])


def test_zero_error_and_negative_flux_are_legal(write):
    _, _, flux, err, _ = user_tables.read_photometry(write("t.csv", photometry_rows("a,1,2,-3,0,3,0")), "key")
    assert (flux.tolist(), err.tolist()) == ([[-3.0, 3.0]], [[0.0, 0.0]])


def test_own_product_can_be_read_back(write):
    """The kinds of error beside flux_err_F are extra columns, not filters."""
    extra = ",flux_err_sys_F090W,flux_err_conditional_F090W,flux_err_marginal_F090W,flux_err_phase_F090W"
    path = write("t.csv", f"{HEADER}{extra}\na,1,2,1,1,1,1,7,8,9,6\n")
    _, filters, _, _, carried = user_tables.read_photometry(path, "key")
    assert filters == ["F090W", "F150W"]
    assert carried["flux_err_sys_F090W"] == ["7"]


def test_extra_columns_are_carried(write):
    path = write("t.csv", HEADER + ",note\na,1,2,1,1,1,1,hello\n")
    assert user_tables.read_photometry(path, "key")[4] == {"ra": [1.0], "dec": [2.0], "note": ["hello"]}


@pytest.mark.parametrize(
    ("values", "parsed"),
    [
        (["1.5", "", "-2"], np.array([1.5, np.nan, -2.0])),
        (["1", "20"], np.array([1, 20])),
        (["4295806720123456789", "1"], np.array([4295806720123456789, 1])),
        (["007", "1"], np.array(["007", "1"])),
        (["4295806720123456789", ""], np.array(["4295806720123456789", ""])),
        (["99999999999999999999", "1"], np.array(["99999999999999999999", "1"])),
        (["a", "1"], np.array(["a", "1"])),
        (["", ""], np.array([np.nan, np.nan])),
        (["1E2", "3E4"], np.array(["1E2", "3E4"])),
        (["101_2", "102_3"], np.array(["101_2", "102_3"])),
        (["1.5e-03", "1e+22"], np.array([1.5e-3, 1e22])),
    ],
    ids=[
        "floats",
        "integers",
        "19 digits",
        "leading zeros",
        "digits and a gap",
        "20 digits",
        "text",
        "empty",
        "names like numbers",
        "digits in groups",
        "powers of ten",
    ],
)
def test_carried_columns_keep_what_was_written(values, parsed):
    """Whole numbers and identifiers are not bent into floats."""
    found = user_tables.parse_carried(values)
    assert found.dtype.kind == parsed.dtype.kind
    np.testing.assert_array_equal(found, parsed)


# ------------------------------------------------------------------------------------------ users' mistakes

BAD_PHOTOMETRY = {
    "doubled id": (
        photometry_rows("a,1,2,1,1,1,1", "b,1,2,1,1,1,1", "a,3,4,1,1,1,1"),
        r"t\.csv, data rows 1 and 3, column id: got 'a' twice, expected each id once\.\n"
        r"Hint: .*rename or delete",
    ),
    "empty id": (
        photometry_rows("a,1,2,1,1,1,1", ",1,2,1,1,1,1"),
        r"t\.csv, data row 2, column id: got an empty value, expected an id",
    ),
    "no id column": (
        "name,flux_F090W,flux_err_F090W\na,1,1\nb,1,1\n",
        r"t\.csv, header: got no column 'id', expected one id per source\.\n"
        r"Hint: the columns are: name, flux_F090W, flux_err_F090W",
    ),
    "ids of two kinds": (
        "ID,Id,flux_F090W,flux_err_F090W\na,b,1,1\nb,c,1,1\n",
        r"t\.csv, header: got no column 'id'.*\nHint: rename one of 'ID', 'Id' to 'id'",
    ),
    "declared sentinel as an error": (
        photometry_rows("a,1,2,-99,-99,1,1"),
        r"column flux_err_F090W: got -99, expected an error in nJy.*\nHint: missing values are written as nan",
    ),
    "digits in groups": (
        photometry_rows("a,1,2,1_0.5,1,1,1"),
        r"t\.csv, data row 1, column flux_F090W: got '1_0\.5', expected a flux in nJy",
    ),
    "decimal commas": (
        photometry_rows("a,1,2,1,1,1,1").replace(",", ";").replace("a;1;2", "a;1,5;2"),
        r"t\.csv, data row 1, column ra: got '1,5', expected degrees.*\nHint: write the decimal point as a point",
    ),
    "decimal commas among commas": (
        photometry_rows("a,1,5,2,0,1,1,1,1"),
        r"t\.csv, line 2: got 9 values, expected 7.*\nHint: .* decimal comma, stands in quotes",
    ),
    "comment among the rows": (
        photometry_rows("a,1,2,1,1,1,1", "# bright, saturated"),
        r"t\.csv, line 3: got 2 values, expected 7.*\nHint: a comment stands above the header",
    ),
    "no line of names": (
        "a,110.8,-73.4\nb,110.9,-73.4\n",
        r"no flux column.*\nHint: the line of names is missing: the first line read is a, 110\.8, -73\.4",
    ),
    "spaces between columns": (
        "id ra dec\na 1 2\n",
        r"no flux column.*\nHint: the columns seem to be separated by spaces",
    ),
    "fluxes in capitals": (
        "ID,FLUX_F090W,FLUX_ERR_F090W\na,1,1\n",
        r"no flux column.*\nHint: rename one of 'FLUX_F090W', 'FLUX_ERR_F090W' to 'flux_\.\.\.'",
    ),
    "a radius for a filter": (
        "id,flux_F090W,flux_err_F090W,flux_radius\na,1,1,2\n",
        r"got flux_radius without its error.*\nHint: .*rename it if radius is none",
    ),
    "no flux": (
        "id,mag_F090W\na,1\n",
        r"t\.csv, header: got no flux column, expected flux_F090W, flux_err_F090W, \.\.\. in nJy",
    ),
    "flux without error": (
        "id,flux_F090W,flux_err_F090W,flux_F150W\na,1,1,1\n",
        r"t\.csv, header: got flux_F150W without its error, expected a column flux_err_F150W \(1 sigma",
    ),
    "error without flux": (
        "id,flux_F090W,flux_err_F090W,flux_err_F150W\na,1,1,1\n",
        r"t\.csv, header: got flux_err_F150W without flux_F150W, expected both columns",
    ),
    "negative error": (
        photometry_rows("a,1,2,1,1,1,1", "b,1,2,1,1,1,-1"),
        r"t\.csv, data row 2, column flux_err_F150W: got -1, expected an error in nJy, not negative",
    ),
    "text in a number": (
        photometry_rows("a,1,2,1,1,1,1", "b,1,2,bright,1,1,1"),
        r"t\.csv, data row 2, column flux_F090W: got 'bright', expected a flux in nJy\.\n"
        r"Hint: missing values are written as nan or left empty",
    ),
    "infinite flux": (
        photometry_rows("a,1,2,inf,1,1,1"),
        r"t\.csv, data row 1, column flux_F090W: got inf, expected a flux in nJy",
    ),
    "infinite error": (
        photometry_rows("a,1,2,1,Infinity,1,1"),
        r"t\.csv, data row 1, column flux_err_F090W: got Infinity, expected an error",
    ),
    "ragged row": (
        "# comment\n" + photometry_rows("a,1,2,1,1,1,1", "b,1,2,1,1"),
        r"t\.csv, line 4: got 5 values, expected 7, as in the header",
    ),
    "doubled column": (
        "id,flux_F090W,flux_F090W\na,1,1\n",
        r"t\.csv, header: got the column 'flux_F090W' twice, expected each column once",
    ),
    "column without name": (
        "id,flux_F090W,flux_err_F090W,\na,1,1,\n",
        r"t\.csv, header: got no name for column 4, expected a name for each column",
    ),
    "right ascension as text": (
        photometry_rows("a,07:23,2,1,1,1,1"),
        r"t\.csv, data row 1, column ra: got '07:23', expected degrees from 0 to 360",
    ),
    "hours beyond a day": (
        photometry_rows("a,110:23:18,2,1,1,1,1"),
        r"t\.csv, .*column ra: got .*expected degrees from 0 to 360",
    ),
    "declination out of range": (
        photometry_rows("a,1,-95,1,1,1,1"),
        r"t\.csv, data row 1, column dec: got -95, expected degrees from -90 to 90",
    ),
    "empty file": ("", r"t\.csv: got no rows, expected at least one source"),
    "header alone": (HEADER + "\n", r"t\.csv: got no rows, expected at least one source"),
    "open quote": (
        'id,note\n"a,b\n',
        r"key = .*t\.csv: got a file that cannot be read \(line 2: .*\), expected a table",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_PHOTOMETRY.values(), ids=BAD_PHOTOMETRY)
def test_mistake_is_named(write, text, message):
    with pytest.raises(DataError, match=message):
        user_tables.read_photometry(write("t.csv", text), "key")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ra", "361", "data row 1, column ra: got 361, expected degrees from 0 to 360"),
        ("dec", "-91", "data row 1, column dec: got -91, expected degrees from -90 to 90"),
        ("ra", "", "data row 1, column ra: got '', expected degrees"),
        ("dec", "nan", "data row 1, column dec: got nan, expected degrees"),
    ],
)
def test_positions_are_bounded(write, column, value, message):
    row = {"ra": "1", "dec": "2"} | {column: value}
    with pytest.raises(DataError, match=message):
        user_tables.read_positions(write("t.csv", f"id,ra,dec\na,{row['ra']},{row['dec']}\n"), "key")


def test_positions(write):
    ids, ra, dec = user_tables.read_positions(write("t.csv", "id,ra,dec\na,0,-90\nb,360,90\n"), "key")
    assert (ids, ra.tolist(), dec.tolist()) == (["a", "b"], [0, 360], [-90, 90])


def test_missing_position_column(write):
    with pytest.raises(
        DataError, match=r"no column 'dec', expected degrees.*\nHint: the columns are: id, ra, DE"
    ):
        user_tables.read_positions(write("t.csv", "id,ra,DE\na,1,2\n"), "key")


@pytest.mark.parametrize("header", ["ID,RA,DEC", "Id,Ra,Dec"])
def test_capitals_are_read(write, header):
    ids, ra, dec = user_tables.read_positions(write("t.csv", f"{header}\n01,1,2\n"), "key")
    assert (ids, ra.tolist(), dec.tolist()) == (["01"], [1], [2])


def test_small_letters_before_capitals(write):
    """As after joining two catalogues: id and ID, ra and RA."""
    path = write("t.csv", "ID,RA,DEC,id,ra,dec\nx,3,4,a,1,2\n")
    assert user_tables.read_positions(path, "key")[0] == ["a"]
    table, carried = user_tables.read_user_rows(path, ["a"])
    assert (carried, list(table["RA"]), table["ra"][0]) == (["ID", "RA", "DEC"], [3], 1.0)


def test_a_row_that_a_source_list_has_lost(write):
    """While the run went on that was planned with it."""
    path = write("t.csv", "id,ra,dec\na,1,2\n")
    with pytest.raises(DataError, match=r"t\.csv: got no row of 'b' any more.*\n.*same command again"):
        user_tables.read_user_rows(path, ["a", "b"])


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("07:23:18.0", "-73:27:18"),
        ("7h23m18s", "-73d27m18s"),
        ("07 23 18", "-73 27 18.00"),
        ("110.825", "-73.455"),
    ],
)
def test_sexagesimal_positions(write, ra, dec):
    """7h 23m 18s is 110.825 deg, 73 deg 27' 18" is 73.455 deg; a declination of -00:30 is below the equator."""
    path = write("t.csv", f"id,ra,dec\na,{ra},{dec}\nb,00:00:04,-00:30:00\n")
    _, ras, decs = user_tables.read_positions(path, "key")
    np.testing.assert_allclose(ras, [110.825, 1 / 60], rtol=1e-12)
    np.testing.assert_allclose(decs, [-73.455, -0.5], rtol=1e-12)


@pytest.mark.parametrize("name", ["t.ecsv", "t.fits"])
@pytest.mark.parametrize(
    ("unit", "factor"), [("nJy", 1.0), ("uJy", 1e-3), ("Jy", 1e-9), ("erg / (s cm2 Hz)", 1e-32), (None, 1.0)]
)
def test_declared_units_are_converted(tmp_path, name, unit, factor):
    """1 uJy is 1000 nJy, 1 Jy 1e9 nJy and 1e-23 erg/s/cm2/Hz; a table without units is in nJy."""
    flux = np.array([22.0, 13.0])
    table = Table({"id": ["a", "b"], "flux_F090W": flux * factor, "flux_err_F090W": flux * factor / 10})
    for column in ("flux_F090W", "flux_err_F090W"):
        table[column].unit = unit
    table.write(tmp_path / name)
    _, _, read, err, _ = user_tables.read_photometry(str(tmp_path / name), "key")
    np.testing.assert_allclose(read[:, 0], flux, rtol=1e-12)
    np.testing.assert_allclose(err[:, 0], flux / 10, rtol=1e-12)


@pytest.mark.parametrize("unit", ["mag", "mag(AB)", "ABMAG", "nJy2", "h", "erg / (Angstrom s cm2)"])
def test_units_of_another_kind_are_refused(tmp_path, unit):
    path = str(tmp_path / "t.ecsv")
    table = Table({"id": ["a"], "flux_F090W": [1.0], "flux_err_F090W": [0.1]})
    table.write(path)
    text = (tmp_path / "t.ecsv").read_text()
    text = text.replace("{name: flux_F090W, ", f"{{name: flux_F090W, unit: {unit}, ")
    (tmp_path / "t.ecsv").write_text(text)
    with pytest.raises(
        DataError, match=rf"column flux_F090W: got the unit {re.escape(unit)}, expected a flux"
    ):
        user_tables.read_photometry(path, "key")


def test_hours_of_right_ascension(tmp_path):
    """An hour is 15 degrees where the table says hours."""
    path = str(tmp_path / "t.ecsv")
    table = Table({"id": ["a"], "ra": [7.4], "dec": [-73.45]})
    table["ra"].unit, table["dec"].unit = "hourangle", "deg"
    table.write(path)
    _, ra, dec = user_tables.read_positions(path, "key")
    np.testing.assert_allclose([ra[0], dec[0]], [111.0, -73.45], rtol=1e-12)


def test_positions_of_a_skycoord_column(tmp_path):
    """The only SkyCoord column stands for ra and dec, in ICRS whatever its frame."""
    from astropy.coordinates import SkyCoord

    path = str(tmp_path / "t.ecsv")
    place = SkyCoord([110.83, 0.5], [-73.45, 1.5], unit="deg")
    Table({"id": ["01", "02"], "sky_centroid": place.galactic}).write(path)
    ids, ra, dec = user_tables.read_positions(path, "key")
    assert ids == ["01", "02"]
    np.testing.assert_allclose(ra, place.ra.deg, rtol=1e-9)
    np.testing.assert_allclose(dec, place.dec.deg, rtol=1e-9)


@pytest.mark.parametrize("above", ["# id,ra,dec\n", "# made by hand\n\n#id, ra , dec\n"])
def test_names_in_a_comment(write, above):
    """As numpy.savetxt and TOPCAT write them."""
    ids, ra, _ = user_tables.read_positions(write("t.csv", f"{above}007,1,2\n# y,3,4\n"), "key")
    assert (ids, ra.tolist()) == (["007", "# y"], [1, 3])


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_delimiters_of_spreadsheets(write, sign):
    ids, ra, _ = user_tables.read_positions(write("t.csv", f"id{sign}ra{sign}dec\na{sign}1{sign}2\n"), "key")
    assert (ids, ra.tolist()) == (["a"], [1])


@pytest.mark.parametrize("char", list("\t\n\r\v\f\x1c\x85\u2028\u2029\x01"))
def test_ids_on_more_than_a_line_are_named(write, char):
    path = write("t.csv", f'id,ra,dec\na,1,2\n"x{char}y",1,2\n')
    with pytest.raises(DataError, match=rf"data row 2, column id: got .* the character U\+{ord(char):04X}"):
        user_tables.read_positions(path, "key")


@pytest.mark.parametrize("char", list("\t\n\r\u2028\x07\uffff"))
def test_names_of_columns_on_more_than_a_line_are_named(write, char):
    """Carried into a table of text they would make a file that nobody reads, however often it is made anew."""
    path = write("t.csv", f'id,ra,dec,"a{char}b"\nx,1,2,3\n')
    with pytest.raises(DataError, match=rf"header, column 4: got .* the character U\+{ord(char):04X}"):
        user_tables.read_user_table(path, "key")


def test_odd_line_breaks_in_remarks_become_plain(write, tmp_path):
    """They would break the lines of a table of text; the rows and the words stay."""
    path = write("t.csv", 'id,ra,dec,note\n"#1",1,2,"two\u2028lines"\nb,1,2,"and\vtwo\r\nmore"\n')
    table, carried = user_tables.read_user_rows(path, ["#1", "b"])
    tables.write_table(str(tmp_path / "t.ecsv"), table, meta={}, carried=carried)
    read = tables.read_table(str(tmp_path / "t.ecsv"))
    assert list(read["note"]) == ["two\nlines", "and\ntwo\nmore"]
    assert list(read["id"]) == ["#1", "b"]


def test_columns_named_like_those_of_the_product(write):
    """None is lost, and none takes the place of ours."""
    path = write("t.csv", HEADER + ",A_F090W,flags,flags_listed,chi2\na,1,2,1,1,1,1,2,3,4,5\n")
    carried = user_tables.read_photometry(path, "key")[4]
    names = {
        "A_F090W_listed": ["2"],
        "flags_listed": ["3"],
        "flags_listed_listed": ["4"],
        "chi2_listed": ["5"],
    }
    assert {name: carried[name] for name in carried if name not in ("ra", "dec")} == names


@pytest.mark.parametrize(
    ("flux", "err", "odd"),
    [
        (-1e30, 1, True),
        (1e300, 1, True),
        (0, 1e99, True),
        (5, 1e160, True),
        (1e-300, 1e-300, True),
        (-1e-300, 1, True),
        (5, 1e-300, False),
        (0, 1e-300, False),
        (5, 0, False),
    ],
)
def test_sentinels_are_missing(flux, err, odd):
    """A band beyond any measurement is missing; an error that vanishes is zero, which the fits replace."""
    found_flux, found_err, found = units.without_sentinels(np.array([[flux, 3.0]]), np.array([[err, 0.1]]))
    assert found.tolist() == [[odd, False]]
    assert np.isnan(found_flux[0, 0]) == np.isnan(found_err[0, 0]) == odd
    assert odd or found_err[0, 0] == 0
    assert (found_flux[0, 1], found_err[0, 1]) == (3.0, 0.1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "no.csv",
            r"^fields\.f\.photometry = .*no\.csv: got no such file.*\nHint: paths are relative to",
        ),
        ("no/t.csv", r"got no such file.*\nHint: the folder .*no does not exist"),
    ],
)
def test_missing_file(tmp_path, name, message):
    with pytest.raises(DataError, match=message):
        user_tables.read_photometry(str(tmp_path / name), "fields.f.photometry")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.txt", "id\na\n", r"got the ending \.txt, expected \.csv, \.tsv, \.ecsv or \.fits"),
        ("t.fits", "id\na\n", "got a file that cannot be read .*expected a table"),
        ("t.ecsv", "id\na\n", "got a file that cannot be read .*expected a table"),
        ("t.csv.gz", "id\na\n", "got a file that cannot be read .*expected a table"),
    ],
)
def test_file_of_another_kind(write, name, text, message):
    with pytest.raises(DataError, match="key = .*" + message):
        user_tables.read_user_table(write(name, text), "key")


@pytest.mark.parametrize(
    ("name", "block"), [("NAXIS", 0), ("NAXIS", 2880), ("TFIELDS", 2880), ("NAXIS2", 2880)]
)
def test_numbers_that_no_fits_table_has(tmp_path, name, block):
    """One message at once, not minutes or hours of astropy."""
    path = tmp_path / "t.fits"
    Table({"id": ["a"], "ra": [1.0], "dec": [2.0]}).write(path)
    content = path.read_bytes()
    place = content.index(name.ljust(8).encode() + b"= ", block) + 10
    path.write_bytes(content[:place] + b"99999999".rjust(20) + content[place + 20 :])
    with pytest.raises(
        DataError, match=r"key = .*t\.fits: got a file that cannot be read .*expected a table"
    ):
        user_tables.read_positions(str(path), "key")


def test_file_in_another_encoding(write):
    with pytest.raises(DataError, match="got a file that cannot be read .*utf-8"):
        user_tables.read_user_table(write("t.csv", "id\né\n", "latin-1"), "key")


# ----------------------------------------------------------------------------------------------- writing


def test_columns_get_unit_and_description(tmp_path):
    path = str(tmp_path / "t.ecsv")
    table = Table({"id": IDS, "flux_F090W": np.arange(6.0), "note": ["x"] * 6, "flags": np.zeros(6, int)})
    tables.write_table(path, table, meta={"rule": "test"}, carried=["note"])
    read = tables.read_table(path)
    assert list(read["id"]) == IDS
    assert str(read["flux_F090W"].unit) == "nJy"
    assert read["flux_F090W"].description == "flux density in F090W"
    assert read["note"].description == "carried through from the source list"
    assert read.meta["rule"] == "test"
    assert read.meta["flag_bits"][1].startswith("EDGE: ")
    assert tables.carried_columns(read) == ["note"]


def test_awkward_ids_survive_the_file(tmp_path):
    """Ids come back exactly as given, whatever ECSV makes of such characters elsewhere."""
    path = str(tmp_path / "t.ecsv")
    ids = ["#", "#3", '#"', "# 4", "--", "N/A", "masked", "0", "1e5", "'", "a\\b", "%", "ü"]
    tables.write_table(path, Table({"id": ids, "n_bands": np.arange(len(ids))}), meta={})
    read = tables.read_table(path)
    assert [str(name) for name in read["id"]] == ids
    assert list(read["n_bands"]) == list(range(len(ids)))


def test_floats_survive_the_file(tmp_path):
    """Equal columns, bit for bit."""
    path = str(tmp_path / "t.ecsv")
    values = np.array([1 / 3, np.nan, 1e-300, -0.0, np.nextafter(1, 2)])
    tables.write_table(path, Table({"id": list("abcde"), "chi2": values}), meta={})
    np.testing.assert_array_equal(
        np.asarray(tables.read_table(path)["chi2"]).view(np.int64), values.view(np.int64)
    )


def test_unknown_column_is_refused(tmp_path):
    path = tmp_path / "t.ecsv"
    with pytest.raises(ValueError, match=r"column 'fluxx' has no unit and description in columns\.COLUMNS"):
        tables.write_table(str(path), Table({"id": ["a"], "fluxx": [1.0]}), meta={})
    assert not list(tmp_path.iterdir()), "nothing half-written is left"


@pytest.mark.parametrize(
    ("name", "unit", "words"),
    [
        ("log_mass", "dex(solMass)", "surviving mass"),
        ("ml_v", "solMass / solLum", "V luminosity"),
        ("flux_err_sys_F444W", "nJy", "common to all sources in F444W"),
        ("flux0_err_F444W", "nJy", "1-sigma error of flux0_F444W"),
        ("flux_err_acs_wfc_f606w", "nJy", "1-sigma random error of flux_acs_wfc_f606w"),
        ("A_F090W", "mag", "Milky Way extinction applied in F090W"),
        (
            "age_gyr_lo_3sigma",
            "Gyr",
            "lower end of the 3-sigma interval of age_gyr, age and metallicity jointly",
        ),
        (
            "metallicity_zsun_hi_5sigma_marginal",
            "",
            "upper end of the 5-sigma interval of metallicity_zsun alone",
        ),
    ],
)
def test_dictionary_of_columns(name, unit, words):
    found = columns.describe_column(name)
    assert found[0] == unit
    assert words in found[1]


def test_units_are_units_of_astropy():
    from astropy import units as u

    groups = [group for name, group in vars(columns).items() if name.endswith(("COLUMNS", "PATTERNS"))]
    assert len(groups) == 27
    for unit, words in [entry for group in groups for entry in group.values()]:
        assert words and not words.endswith(".")
        if "{" not in unit:
            u.Unit(unit)


@pytest.mark.parametrize("name", ["age_gyr_lo_6sigma", "flux", "F090W", "id_", "ml_v_err_"])
def test_not_in_the_dictionary(name):
    with pytest.raises(KeyError, match=name):
        columns.describe_column(name)


@pytest.fixture
def chunk_files(tmp_path):
    """Three chunk tables, dealt out of order, with ids of different lengths."""
    paths = []
    for number, names in enumerate((["long name é", "c"], ["a"], ["d", "b"])):
        path = str(tmp_path / f"c{number:03d}.ecsv")
        values = [float(ord(name[0])) for name in names]
        table = Table({"id": names, "chi2": values, "note": ["" if name == "a" else "x" for name in names]})
        tables.write_table(path, table, meta={"wildcards": {"chunk": number}}, carried=["note"])
        paths.append(path)
    return paths


@pytest.mark.parametrize("order", [["a", "b", "c", "d", "long name é"], ["long name é", "d", "c", "b", "a"]])
def test_merge_follows_the_source_list(chunk_files, order):
    merged = tables.merge_tables(chunk_files, order)
    assert list(merged["id"]) == order
    assert list(merged["chi2"]) == [float(ord(name[0])) for name in order]
    assert tables.carried_columns(merged) == ["note"]
    assert merged["chi2"].description == "chi-square of the best fit"


def test_merge_of_one_chunk(chunk_files):
    assert list(tables.merge_tables(chunk_files[:1], ["c", "long name é"])["id"]) == ["c", "long name é"]


@pytest.mark.parametrize("ids", [["a", "b", "c", "d"], ["a", "b", "c", "d", "long name é", "e"], ["a"] * 5])
def test_merge_refuses_other_sources(chunk_files, ids):
    with pytest.raises(ValueError, match=f"the chunks hold 5 sources, the source list {len(ids)}"):
        tables.merge_tables(chunk_files, ids)


def test_merge_refuses_a_source_twice(chunk_files):
    with pytest.raises(ValueError, match="the chunks hold 7 sources"):
        tables.merge_tables([*chunk_files, chunk_files[0]], ["a", "b", "c", "d", "long name é"])


def test_fits_table_beside_the_ecsv(tmp_path, chunk_files):
    merged = tables.merge_tables(chunk_files, ["a", "b", "c", "d", "long name é"])
    path = str(tmp_path / "t.fits")
    tables.write_fits_table(path, merged)
    read = user_tables.read_user_table(path, "key")
    assert read.names == ("id", "chi2", "note")
    assert [row[0] for row in read.rows] == ["a", "b", "c", "d", "long name é"]
    assert [row[2] for row in read.rows] == ["", "x", "x", "x", "x"]


def test_fits_table_of_columns_that_fits_cannot_name(tmp_path):
    """Letters, length and capitals that differ alone: the values are there, and the header says whose they are."""
    table = Table(
        {"id": ["a"], "Größe": [1.0], "Gr__e": [2.0], "ID": [3.0], "x" * 300: [4.0], "'" * 60: [5.0]}
    )
    path = str(tmp_path / "t.fits")
    tables.write_fits_table(path, table)
    found = Table.read(path)
    assert [float(found[name][0]) for name in found.colnames[1:]] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert found.colnames[:4] == ["id", "Gr__e_2", "Gr__e", "ID_2"]
    said = " ".join(found.meta["comments"])
    assert r"Gr__e_2 is the column 'Gr\xf6\xdfe'" in said and "ID_2 is the column 'ID'" in said


# ------------------------------------------------------------------------------------------------ pieces


def test_flux_arrays_and_columns_are_inverse():
    flux, err = np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[0.1, np.nan], [0.3, 0.4]])
    table = Table(tables.flux_columns(["F090W", "F150W"], flux, err))
    assert table.colnames == ["flux_F090W", "flux_err_F090W", "flux_F150W", "flux_err_F150W"]
    assert tables.flux_filters(table) == ["F090W", "F150W"]
    back = tables.flux_arrays(table, ["F150W", "F090W"])
    np.testing.assert_array_equal(back[0], flux[:, ::-1])
    np.testing.assert_array_equal(back[1], err[:, ::-1])


def test_masked_fluxes_are_nan():
    table = Table({"flux_F090W": np.ma.masked_equal([1.0, 9.0], 9), "flux_err_F090W": [1, 1]})
    np.testing.assert_array_equal(tables.flux_arrays(table, ["F090W"])[0], [[1.0], [np.nan]])


def test_checksum(write):
    """`printf abc | sha256sum` (FIPS 180-2, appendix B.1)."""
    path = write("t.csv", "abc")
    assert sha256(path).startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


def test_provenance():
    """What made a table: rule, wildcards, parameters but the sources, versions; plain enough for YAML."""
    params = {"ids": ["a"], "floor": np.float64(0.1), "nested": {"x": (1, np.int64(2))}}
    meta = tables.provenance("fit_sed", {"field": "f"}, params, ebv=0.18)
    assert meta["rule"] == "fit_sed"
    assert meta["wildcards"] == {"field": "f"}
    assert meta["parameters"] == {"floor": 0.1, "nested": {"x": [1, 2]}}
    assert type(meta["parameters"]["floor"]) is float
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", meta["versions"]["numpy"])
    assert meta["ebv"] == 0.18
