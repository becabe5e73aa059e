"""Runs that are unfinished, damaged or not ours, opened from Python: one message."""

import pytest
from astropy.table import Table
from clusterphot.api.runs import open_run
from clusterphot.base.errors import DataError
from clusterphot.base.tables import write_table


@pytest.fixture
def folder(tmp_path):
    """A run with nothing but fluxes."""
    place = tmp_path / "results" / "f"
    (place / "sed" / "bc03").mkdir(parents=True)
    photometry = Table({"id": ["a"], "flux_F200W": [9.1], "flux_err_F200W": [0.3]})
    write_table(str(place / "photometry_dereddened.ecsv"), photometry, meta={})
    return place


@pytest.mark.parametrize("asked", [lambda field: field.posteriors(), lambda field: field.shared_modes])
def test_nothing_fitted_yet(folder, asked):
    with pytest.raises(DataError, match="no fitted library.*\\nHint: ask the workflow for the target `seds`"):
        asked(open_run(folder.parent)["f"])


@pytest.mark.parametrize("asked", [lambda field: field.posteriors(), lambda field: field.shared_modes])
def test_fits_of_another_program(folder, asked):
    Table({"id": ["a"]}).write(folder / "sed" / "bc03" / "clusters.ecsv")
    with pytest.raises(DataError, match=r"sed/bc03/clusters.ecsv: got a table without them"):
        asked(open_run(folder.parent)["f"])


def test_tables_of_chunks_are_left_out(folder):
    """Those of sources at other redshifts too; they stand in the merged tables."""
    for name in ("c000", "z1.378c000", "src-a%20b"):
        (folder / "sed" / "bc03" / f"{name}.ecsv").write_text("")
    assert list(open_run(folder.parent)["f"].tables) == ["photometry_dereddened"]


def test_cut_tables_are_named(folder):
    path = folder / "photometry_dereddened.ecsv"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"photometry_dereddened.ecsv: got a damaged file"):
        open_run(folder.parent)["f"].tables["photometry_dereddened"]
