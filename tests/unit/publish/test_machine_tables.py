"""Machine-readable tables that astropy reads back, and the layout for RESCUE."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.columns import describe_column
from clusterphot.base.flags import Flag
from clusterphot.publish.machine_tables import LINE_WIDTH, mrt, rescue


@pytest.fixture
def table():
    """Three sources, one of them failed, with an awkward id."""
    nan = np.nan
    return Table(
        {
            "id": ["SC_1", "é/2", "#3 b"],
            "ra": [110.83478, 110.0, 359.9],
            "dec": [-73.45518, -73.0, 0.5],
            "flux_F090W": [9.4, nan, -0.25],
            "flux_err_F090W": [1.2, nan, 0.5],
            "flux_F444W": [nan, nan, nan],
            "flux_err_F444W": [nan, nan, nan],
            "log_mass": [nan, 6.734, 6.1],
            "log_mass_err": [nan, 0.05, 0.2],
            "flags": [0, int(Flag.FAILED), 0],
        }
    )


def read(text, tmp_path):
    """The table that astropy reads from the text."""
    path = tmp_path / "table.mrt"
    path.write_text(text, encoding="ascii")
    return Table.read(path, format="ascii.mrt")


def test_round_trip(table, tmp_path):
    """Values to the digits written, blanks for what is missing, units of the CDS."""
    back = read(mrt(table, title="Clusters of é"), tmp_path)
    assert back.colnames == ["ID", "RAdeg", "DEdeg", "F090W", "e_F090W", "logM", "e_logM", "Flags"]
    assert list(back["ID"]) == ["SC_1", r"\xe9/2", "#3 b"]
    np.testing.assert_allclose(back["RAdeg"], table["ra"], atol=5e-7)
    np.testing.assert_allclose(back["DEdeg"], table["dec"], atol=5e-7)
    assert list(back["F090W"].mask) == [False, True, False]
    assert list(back["logM"].mask) == [True, False, False]
    np.testing.assert_allclose(np.ma.filled(back["F090W"], np.nan), table["flux_F090W"], atol=5e-5)
    assert list(back["Flags"]) == list(table["flags"])
    assert str(back["F090W"].unit) == "nJy"
    assert str(back["logM"].unit) == "dex(solMass)"


def test_header(table):
    """Title and notes within the width; columns without values are named; only bits that occur are explained."""
    lines = mrt(table, title="Clusters of a field with a name " + "that is long " * 6).splitlines()
    assert lines[0].startswith("Title: Clusters of a field")
    rules = [number for number, line in enumerate(lines) if line.startswith("-----")]
    assert all(len(line) <= LINE_WIDTH for line in lines[: rules[-1] + 1])
    text = " ".join(lines)
    assert "Columns without any value are left out: F444W, e_F444W." in text
    assert "32 = the fit failed" in text and "saturated" not in text
    assert "Authors:" in lines


def test_explanations_name_the_labels(table):
    text = " ".join(mrt(table, title="t").split())
    assert "1-sigma random error of F090W" in text
    assert "flux_" not in text and "log_mass" not in text


def test_a_single_row_without_ids(tmp_path):
    """Table 2: fluxes of a stack alone."""
    stack = Table({"flux_F090W": [9.79], "flux_err_F090W": [0.12]})
    back = read(mrt(stack, title="Stack"), tmp_path)
    assert back["F090W"][0] == 9.79 and back["e_F090W"][0] == 0.12


@pytest.fixture
def photometry():
    """A source at 3 sigma in F200W, one much brighter, one with a negative flux, one without."""
    return Table(
        {
            "id": ["a", "b", "c", "d"],
            "ra": [1.0, 2.0, 3.0, 4.0],
            "dec": [5.0, 6.0, 7.0, 8.0],
            "x_F200W": [10.0, 11.0, 12.0, 13.0],
            "y_F200W": [20.0, 21.0, 22.0, 23.0],
            "flux_F090W": [1.0, 1.0, 1.0, 1.0],
            "flux_err_F090W": [1.0, 1.0, 1.0, 1.0],
            "flux_F200W": [3.0, 3631.0, -1.0, np.nan],
            "flux_err_F200W": [1.0, 36.31, 1.0, np.nan],
            "flags": [0, 0, 4, 32],
        }
    )


def test_rescue(photometry):
    """3631 nJy is 22.5 mag (3631 Jy is 0); 1 % is 0.010857 mag; half of the sources at the limit are found."""
    table, reference = rescue(photometry, reference_filter="F200W")
    assert reference == "F200W"
    assert list(table["x_px"]) == list(photometry["x_F200W"])
    assert table["p_detection"][0] == pytest.approx(0.5)
    assert table["p_detection"][1] == pytest.approx(1.0)
    assert table["p_detection"][2] == pytest.approx(3.17e-5, rel=0.01)  # Gaussian tail beyond 4 sigma
    assert np.isnan(table["p_detection"][3])
    assert table["mag_ab_F200W"][1] == pytest.approx(22.5)
    assert table["mag_ab_err_F200W"][1] == pytest.approx(0.0108574, rel=1e-5)
    assert np.isnan(table["mag_ab_F200W"][2]) and np.isnan(table["mag_ab_err_F200W"][2])
    assert list(table["flags"]) == [0, 0, 4, 32]
    for name in table.colnames:
        assert describe_column(name)[1]


def test_rescue_of_a_field_given_by_its_fluxes(photometry):
    """Without pixels these are NaN; the filter with the highest signal to noise stands in."""
    photometry.remove_columns(["x_F200W", "y_F200W", "flags", "ra", "dec"])
    photometry.meta["carried"] = []
    photometry["flux_F090W"] = [30.0] * 4
    table, reference = rescue(photometry)
    assert reference == "F090W"
    assert np.isnan(table["x_px"]).all() and np.isnan(table["ra"]).all()
    assert "flags" not in table.colnames
    assert list(table["id"]) == ["a", "b", "c", "d"]
