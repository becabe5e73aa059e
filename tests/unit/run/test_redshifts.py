"""Redshifts of single sources: read from a list, grouped, and dealt into chunks of one redshift."""

import re

import pytest
from clusterphot.base.errors import DataError
from clusterphot.run.chunks import NAME, deal
from clusterphot.run.redshifts import group_redshifts, read_redshifts


def test_alike_redshifts_share_a_grid():
    """The middle of a group, at most half a step off; alone, a value is its own; near the field's, the field's."""
    listed = {"a": 1.378, "b": 1.380, "c": 1.45, "d": 0.392, "e": 0.398}
    grouped = group_redshifts(listed, field_redshift=0.39, step=0.01)
    assert grouped == {"a": 1.379, "b": 1.379, "c": 1.45, "e": 0.398}
    assert group_redshifts(listed, field_redshift=0.39, step=0.0) == listed


def test_no_redshift_is_more_than_half_a_step_off():
    """A run of values without gaps is cut into groups, not chained into one."""
    listed = {str(k): 1.0 + 0.001 * k for k in range(100)}
    grouped = group_redshifts(listed, field_redshift=0.39, step=0.01)
    assert max(abs(grouped[name] - z) for name, z in listed.items()) <= 0.005 + 1e-6
    assert len(set(grouped.values())) == 10


def test_chunks_hold_one_redshift():
    """Chunks of the field's redshift keep their names; the others are named by theirs."""
    ids = ["a", "b", "c", "d"]
    assert deal(ids, 1, {"b": 1.379, "d": 2.0}) == {"c000": ["a", "c"], "z1.379c000": ["b"], "z2c000": ["d"]}
    assert deal(ids, 1, {}) == deal(ids, 1)


def test_every_redshift_has_chunks_of_its_own():
    """Names that the rules take, however small the redshift, and none for two redshifts that are nearly the same."""
    redshifts = {"a": 5e-5, "b": 1e-6, "c": 0.5, "d": 0.5000000001, "e": 10.0}
    dealt = deal(list(redshifts), 1, redshifts)
    assert sorted(name for names in dealt.values() for name in names) == list(redshifts)
    assert all(re.fullmatch(NAME, chunk) for chunk in dealt)
    assert {"z0.00005c000", "z0.000001c000", "z10c000"} < set(dealt)


def test_reading(tmp_path):
    """Empty cells are the field's; a value that is none is one message."""
    path = tmp_path / "s.csv"
    path.write_text("id,ra,dec,redshift\na,1,1,1.378\nb,1,1,\n")
    assert read_redshifts(str(path), "sources") == {"a": 1.378}
    path.write_text("id,ra,dec\na,1,1\n")
    assert read_redshifts(str(path), "sources") == {}
    path.write_text("id,ra,dec,redshift\na,1,1,-99\n")
    with pytest.raises(DataError, match="data row 1, column redshift: got -99, expected a redshift above 0"):
        read_redshifts(str(path), "sources")
