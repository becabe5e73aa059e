"""Quality bits: one bit, one name, one sentence each."""

import numpy as np
import pytest
from clusterphot.base.flags import SENTENCES, Flag, describe_flags


def test_every_bit_has_a_sentence():
    assert set(SENTENCES) == {flag for flag in Flag if flag}


def test_bits_are_distinct_powers_of_two():
    values = [int(flag) for flag in SENTENCES]
    assert sorted(values) == [1 << bit for bit in range(len(values))]


@pytest.mark.parametrize(
    ("name", "value"),
    [("EDGE", 1), ("MASKED", 2), ("AT_BOUND", 4), ("BLENDED", 8), ("SATURATED", 16), ("FAILED", 32)]
    + [("NO_DATA", 64), ("ERROR_REPLACED", 128), ("DOMINATED", 256), ("OLDER_THAN_UNIVERSE", 512)]
    + [("NEGATIVE_LUMINOSITY", 1024), ("TOO_FEW_BANDS", 2048)],
)
def test_values_do_not_change(name, value):
    """Tables already written are read with these numbers."""
    assert Flag[name] == value


def test_names_of_the_bits_that_are_set():
    """As they stand beside the bits in metadata and pages."""

    def names(value):
        return [flag.name for flag in SENTENCES if int(value) & flag]

    assert names(0) == []
    assert names(Flag.MASKED | Flag.EDGE) == ["EDGE", "MASKED"]
    assert names(np.int64(512)) == ["OLDER_THAN_UNIVERSE"]


def test_dictionary_for_metadata():
    described = describe_flags()
    assert described[64].startswith("NO_DATA: ")
    assert all(isinstance(bit, int) and not isinstance(bit, Flag) for bit in described)
