"""The joined catalogue: values of each table in the rows of their sources, and pandas reads it without options."""

import join_catalogue
import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from clusterphot.base.tables import read_table, write_table
from clusterphot.publish.catalogue import catalogue

NAN = np.nan
IDS = ["SC_1", "é, 2", "#3"]


def tables():
    """Tables of a field of three sources in one filter, the second not measured."""
    flux = np.array([9.4, NAN, -0.1 / 3])
    observed = {
        "id": IDS,
        "ra": [110.8, 110.9, 111.0],
        "dec": [-73.4, -73.5, -73.6],
        "flags": [0, 32, 4],
        "flux_F200W": flux,
        "flux_err_F200W": flux / 7,
        "flux_err_sys_F200W": flux / 90,
        "flags_F200W": [0, 32, 4],
        "chi2_F200W": [1.0, NAN, 2.0],
        "note": ["a", "", "b c"],
    }
    names = ("id", "ra", "dec", "flags", "flags_F200W", "note")
    dereddened = {name: observed[name] for name in names} | {"A_F200W": [0.07] * 3}
    dereddened |= {name: 1.1 * values for name, values in observed.items() if name.startswith("flux_")}
    clusters = {"id": IDS, "chi2": [3.0, NAN, 1 / 3], "dof": [3, 0, 3], "flags": [0, 64, 1]}
    clusters |= {"log_mass": [6.0] * 3, "log_mass_p50": [7.0, NAN, 6.1], "age_gyr_p16": [1.0, NAN, 0.9]}
    sizes = {
        "id": ["stack", *IDS],
        "is_stack": [True, False, False, False],
        "radius_pc": [9.0, 1.0, NAN, 3.0],
        "resolved": [False, True, False, False],
        "flags": [128, 0, 64, 2],
    }
    return {
        **{
            name: Table(columns, meta={"carried": ["note"]})
            for name, columns in {"observed": observed, "dereddened": dereddened}.items()
        },
        "clusters": Table(clusters),
        "sizes": Table(sizes),
    }


def test_each_value_from_its_table():
    given = tables()
    table, carried = catalogue(given.pop("dereddened"), given.pop("clusters"), **given)
    assert carried == ["note"] and list(table["id"]) == IDS
    np.testing.assert_array_equal(table["flux_F200W"], given["observed"]["flux_F200W"])
    np.testing.assert_array_equal(table["flux0_F200W"], 1.1 * given["observed"]["flux_F200W"])
    np.testing.assert_array_equal(table["radius_pc"], [1.0, NAN, 3.0])
    flags = {name: list(table[name]) for name in table.colnames if name.startswith("flags")}
    assert flags == {
        "flags_F200W": [0, 32, 4],
        "flags_photometry": [0, 32, 4],
        "flags_sed": [0, 64, 1],
        "flags_sizes": [0, 64, 2],
    }
    assert "log_mass" not in table.colnames and list(table["log_mass_p50"])[::2] == [7.0, 6.1]


def test_a_field_of_dereddened_fluxes():
    """It has no fluxes as observed and no sizes; flags of a user's own column are no flags of ours."""
    given = tables()
    given["dereddened"].meta["carried"] = ["note", "flags"]
    table, carried = catalogue(given["dereddened"], given["clusters"])
    assert "flux0_F200W" in table.colnames and "flux_F200W" not in table.colnames
    assert "flags_photometry" not in table.colnames and carried == ["note", "flags"]


def test_other_sources_are_refused():
    given = tables()
    with pytest.raises(ValueError, match="different sources"):
        catalogue(given["dereddened"], given["clusters"][::-1])


def test_pandas_reads_it_without_options(job, tmp_path):
    """As ECSV holds it: names, text, whole numbers and truth values, numbers to the bit."""
    given = {}
    for name, table in tables().items():
        given[name] = str(tmp_path / f"{name}.ecsv")
        write_table(given[name], table, meta={}, carried=table.meta.get("carried", ()))
    output = {ending: str(tmp_path / f"catalogue.{ending}") for ending in ("ecsv", "csv")}
    join_catalogue.main(job(input=given, output=output, params={}, wildcards={"field": "f"}))
    table, frame = read_table(output["ecsv"]), pd.read_csv(output["csv"])
    assert list(frame.columns) == table.colnames
    for name in table.colnames:
        values = table[name]
        if values.dtype.kind == "U":
            assert frame[name].fillna("").tolist() == list(values)
        else:
            assert frame[name].dtype.kind == values.dtype.kind, name
            values = np.ma.filled(values, NAN) if values.dtype.kind == "f" else values
            np.testing.assert_array_equal(frame[name], values)
