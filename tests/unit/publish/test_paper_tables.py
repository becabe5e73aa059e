"""Tables for papers: columns, and LaTeX that LaTeX would take."""

import types

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.tables import read_table
from clusterphot.publish import paper_tables


@pytest.fixture
def photometry():
    """Two de-reddened sources with a flag from their photometry and a column of the user."""
    return Table(
        {
            "id": ["A_1", "b#2"],
            "note": ["x", "y"],
            "ra": [110.83478, 110.0],
            "dec": [-73.45518, -73.0],
            "flux_F090W": [9.4, np.nan],
            "flux_err_F090W": [1.2, np.nan],
            "flux_F150W": [22.7, -3.25],
            "flux_err_F150W": [0.03, 0.0],
            "flux_err_sys_F150W": [1.0, 1.0],
            "flags": [1, 0],
        },
        meta={"carried": ["note"]},
    )


@pytest.fixture
def clusters():
    """Their masses; the second failed."""
    return Table(
        {
            "id": ["A_1", "b#2"],
            "log_mass": [6.734, np.nan],
            "log_mass_err": [0.05, np.nan],
            "flags": [512, 64],
        }
    )


def test_table1(photometry, clusters):
    table = paper_tables.table1(photometry, clusters)
    assert table.colnames == [
        "id",
        "ra",
        "dec",
        "flux_F090W",
        "flux_err_F090W",
        "flux_F150W",
        "flux_err_F150W",
    ] + [
        "log_mass",
        "log_mass_err",
        "flags",
    ]
    np.testing.assert_array_equal(table["flags"], [1 | 512, 64])
    np.testing.assert_array_equal(table["log_mass"], clusters["log_mass"])


def test_flags_that_the_user_brought_are_not_ours(photometry, clusters):
    photometry.meta["carried"] = ["note", "flags"]
    np.testing.assert_array_equal(paper_tables.table1(photometry, clusters)["flags"], [512, 64])


def test_table1_needs_the_same_sources(photometry, clusters):
    with pytest.raises(ValueError, match="photometry and clusters hold different ids"):
        paper_tables.table1(photometry, clusters[::-1])


def test_table2():
    stack = Table(
        {
            "id": ["stack"],
            "flux_F090W": [1.0],
            "flux_err_F090W": [0.1],
            "flux0_F090W": [2.0],
            "flux0_err_F090W": [0.2],
        }
    )
    table = paper_tables.table2(stack)
    assert table.colnames == ["flux_F090W", "flux_err_F090W"]
    assert list(table[0]) == [2.0, 0.2]


def test_latex(photometry, clusters):
    """Value and error in one cell; two significant digits of the error; an ellipsis for what is missing."""
    lines = paper_tables.latex(paper_tables.table1(photometry, clusters)).splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrrr}"
    assert lines[2] == r"ID & R.A. & Decl. & F090W & F150W & $\log M$ & Flags \\"
    assert lines[3] == r" & (deg) & (deg) & (nJy) & (nJy) & ($M_\odot$) &  \\"
    assert lines[5] == (
        r"A\_1 & 110.834780 & -73.455180 & $9.4 \pm 1.2$ & $22.700 \pm 0.030$ & $6.734 \pm 0.050$ & 513 \\"
    )
    assert lines[6] == r"b\#2 & 110.000000 & -73.000000 & \ldots & $-3.2 \pm 0.0$ & \ldots & 64 \\"
    assert lines[-1] == r"\end{tabular}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("50%", r"50\%"),
        ("a&b", r"a\&b"),
        ("a_b", r"a\_b"),
        ("#1", r"\#1"),
        ("$x$", r"\$x\$"),
        ("{x}", r"\{x\}"),
        ("a\\b", r"a\textbackslash{}b"),
        ("a^b~c", r"a\textasciicircum{}b\textasciitilde{}c"),
        ("é ☆", "é ☆"),
    ],
)
def test_ids_in_latex(text, cell):
    assert paper_tables.latex(Table({"id": [text]})).splitlines()[5] == cell + r" \\"


def test_formats(tmp_path, photometry, clusters):
    """ECSV with units and metadata, csv that reads back, LaTeX."""
    table = paper_tables.table1(photometry, clusters)
    paths = types.SimpleNamespace(
        **{ending: str(tmp_path / f"t.{ending}") for ending in ("ecsv", "csv", "tex", "mrt")}
    )
    paper_tables.write_formats(paths, table, {"rule": "write_table1"}, title="Clusters")
    read = read_table(paths.ecsv)
    assert str(read["flux_F090W"].unit) == "nJy"
    assert read.meta["rule"] == "write_table1"
    plain = Table.read(paths.csv, format="ascii.csv")
    assert plain.colnames == table.colnames
    np.testing.assert_array_equal(plain["flux_F150W"], table["flux_F150W"])
    assert (tmp_path / "t.tex").read_text(encoding="utf-8") == paper_tables.latex(table)
