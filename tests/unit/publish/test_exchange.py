"""Tables for other programs: read back equal to the ECSV, UCDs that the standard knows."""

from pathlib import Path

import convert_table
import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table
from clusterphot.base.columns import COLUMNS
from clusterphot.base.tables import read_table, write_table
from clusterphot.publish.exchange import FILTER_UCDS, UCDS, ucd_of, write_fits, write_votable

NAN = np.nan
DEX = {"log_mass", "log_mass_p50", "log_mass_err"}


@pytest.fixture
def made(tmp_path):
    """Path of an ECSV table with what tables of the workflow hold: text, gaps, flags, truth values, dex."""
    columns = {
        "id": ["SC_1", "é/2", "#3 b"],
        "ra": [110.83478, 110.1, 359.9],
        "dec": [-73.45518, -73.0, 0.5],
        "flags": [0, 32, 1 << 40],
        "flux_F090W": [9.4, NAN, -0.1 / 3],
        "flux_err_F090W": [1.2, NAN, 0.5],
        "flux_err_sys_F090W": [0.1, NAN, 0.2],
        "x_F090W": [10.5, 0.0, 3.3],
        "sky_F090W": [0.1, 0.2, NAN],
        "log_mass": [NAN, 6.734, 6.1],
        "log_mass_p50": [6.9, 6.734, 6.1],
        "log_mass_err": [NAN, 0.05, 0.2],
        "ml_v": [1.0, 2.0, 3.0],
        "radius_limit_pc": [np.inf, 20.0, NAN],
        "resolved": [True, False, False],
        "note": ["", "ünlike", "a, b\n<c>"],
        "flux_mine": [1.0, 2.0, 3.0],
    }
    path = str(tmp_path / "table.ecsv")
    write_table(path, Table(columns), meta={"rule": "r"}, carried=["note", "flux_mine"])
    return path


@pytest.fixture
def converted(made, job):
    """The same by the driver, and the path of the file, for an ending."""

    def convert(ending):
        path = made.replace("ecsv", ending)
        wildcards = {"field": "f", "table": "photometry", "ending": ending}
        convert_table.main(job(input={"table": made}, output={"table": path}, params={}, wildcards=wildcards))
        return Table.read(path), path

    return convert


def check_equal(back, table):
    """Same columns, rows and values."""
    assert back.colnames == table.colnames
    for name in table.colnames:
        values = table[name]
        if values.dtype.kind == "U":
            texts = np.ma.filled(back[name], "").tolist()  # bytes of UTF-8 in FITS
            assert [text.decode() if isinstance(text, bytes) else text for text in texts] == values.tolist()
        else:
            assert back[name].dtype.kind == values.dtype.kind
            read = np.ma.filled(back[name], np.nan) if values.dtype.kind == "f" else np.asarray(back[name])
            np.testing.assert_array_equal(
                read, np.ma.filled(values, np.nan) if values.dtype.kind == "f" else values
            )


@pytest.mark.parametrize("ending", ["vot", "fits"])
def test_round_trip(made, converted, ending):
    """Every value to the bit, every unit that the format has; dex is one of ECSV alone, and in VOTable a word."""
    back, _ = converted(ending)
    table = read_table(made)
    check_equal(back, table)
    for name in table.colnames:
        lost = ending == "fits" and name in DEX
        assert str(back[name].unit) == str(None if lost else table[name].unit), name


@pytest.mark.parametrize("ending", ["vot", "fits"])
def test_whatever_ids_and_remarks_hold(tmp_path, ending):
    """Characters beyond U+FFFF are read back in either format; those that XML has no place for become U+FFFD there."""
    path, ids = str(tmp_path / f"t.{ending}"), ["😀 1", "]]>&<b>"]
    table = Table({"id": ids, "ra": [0.1, 1 / 3], "dec": [1.0, NAN], "note é": ["a\x01b", "\uffff😀"]})
    write = {"vot": write_votable, "fits": write_fits}[ending]
    write(path, table, "title")
    found = Table.read(path, format={"vot": "votable", "fits": "fits"}[ending])
    texts = [[t.decode() if isinstance(t, bytes) else t for t in found.columns[n]] for n in (0, 3)]
    lost = ["a\ufffdb", "\ufffd😀"] if ending == "vot" else ["a\x01b", "\uffff😀"]
    assert texts == [ids, lost]
    np.testing.assert_array_equal(found["ra"], table["ra"])
    assert table["note é"][0] == "a\x01b"


def test_votable_says_what_columns_are(made, converted):
    """UCDs, descriptions, the frame of the positions, the meaning of the flags; nothing of a user's own column."""
    _, path = converted("vot")
    element = parse_single_table(path)
    fields = {field.name: field for field in element.fields}
    assert fields["flux_F090W"].ucd == "phot.flux.density;em.opt.I"
    assert fields["flux_err_F090W"].ucd == "stat.error;phot.flux.density;em.opt.I"
    assert (fields["ra"].ucd, fields["dec"].ucd) == ("pos.eq.ra;meta.main", "pos.eq.dec;meta.main")
    assert fields["log_mass_p50"].ucd == "phys.mass;stat.median"
    assert fields["note"].ucd is None and fields["flux_mine"].ucd is None
    assert fields["ra"].description == "right ascension, ICRS"
    assert fields["ra"].ref == fields["dec"].ref == "positions"
    assert b'<COOSYS ID="positions" system="ICRS"' in Path(path).read_bytes()
    assert element.description.startswith("f: photometry; flag 1: EDGE: ")


@pytest.mark.parametrize(
    ("name", "ucd"),
    [
        ("flux_err_phase_F444W", "stat.error;phot.flux.density;em.IR.4-8um"),
        ("flux0_err_sys_F356W", "stat.error.sys;phot.flux.density;em.IR.3-4um"),
        ("flux_acs_wfc_f606w", "phot.flux.density;em.opt.V"),
        ("flux_F770W", "phot.flux.density;em.IR.4-8um"),
        ("age_gyr_lo_3sigma_marginal", "time.age;stat.min"),
        ("abs_mag_ab_bessell_V_p84", "phys.magAbs;em.opt.V;stat.max"),
        ("flags_F200W", "meta.code.qual"),
        ("log_evidence", None),
        ("flux_of_nothing", None),
    ],
)
def test_ucds(name, ucd):
    assert ucd_of(name) == ucd


def test_every_ucd_is_of_the_standard():
    """Words and their order, in all bands, alone and with the ends of intervals."""
    names = [
        f"{start}{filt}" for start in FILTER_UCDS for filt in ("wfc3_uvis_f275w", "F090W", "F200W", "F2550W")
    ]
    names += [*UCDS, *(f"{name}_p16" for name in UCDS), *(f"{name}_p50" for name in UCDS), "flags"]
    for name in names:
        assert check_ucd(ucd_of(name), check_controlled_vocabulary=True, has_colon=False), (
            name,
            ucd_of(name),
        )
    assert {name for name in UCDS if name not in COLUMNS} <= {"log_lum_v"}
