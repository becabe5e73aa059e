"""Filters by name, and the messages for names that are none."""

import re

import numpy as np
import pytest
from clusterphot.base import filters
from clusterphot.base.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "sedpy"),
    [
        ("F150W", "jwst_f150w"),
        ("F162M", "jwst_f162m"),
        ("acs_wfc_f606w", "acs_wfc_f606w"),
        ("bessell_V", "bessell_V"),
    ],
)
def test_names(name, sedpy):
    assert filters.sedpy_name(name) == sedpy
    assert sedpy in filters.known_filters()


@pytest.mark.parametrize(
    ("name", "pivot_um"),
    # JWST User Documentation, NIRCam Filters, table 1
    [
        ("F090W", 0.901),
        ("F150W", 1.501),
        ("F200W", 1.990),
        ("F277W", 2.786),
        ("F356W", 3.563),
        ("F444W", 4.421),
    ],
)
def test_pivot_wavelengths(name, pivot_um):
    """The documentation's curves are a few years older: agreement to 0.5 %."""
    assert filters.load_filter(name).wave_pivot / 1e4 == pytest.approx(pivot_um, rel=5e-3)


@pytest.mark.parametrize("name", ["F090W", "F444W", "F162M", "wfc3_uvis_f336w", "acs_wfc_f814w", "bessell_V"])
def test_pivot_wavelength_is_that_of_sedpy(name):
    """Read without sedpy, whose own grid is logarithmic: to 1e-3. F336W is U, however far its curve is tabulated."""
    assert filters.pivot_wavelength(name) == pytest.approx(filters.load_filter(name).wave_pivot, rel=1e-3)


def test_curve_is_increasing_and_positive():
    curve = filters.load_filter("F444W")
    assert np.all(np.diff(curve.wavelength) > 0)
    assert curve.transmission.max() > 0


def test_curves_are_read_once():
    assert filters.load_filter("F150W") is filters.load_filter("F150W")


@pytest.mark.parametrize(
    ("typed", "meant"), [("F155W", "F150W"), ("f444", "F444W"), ("acs_wfc_f606", "acs_wfc_f606w")]
)
def test_unknown_filter_is_named_with_the_nearest(typed, meant):
    with pytest.raises(
        ConfigError, match=rf"my\.yaml, fields\.f: got the unknown filter '{typed}'"
    ) as caught:
        filters.check_filter_name(typed, "my.yaml, fields.f")
    assert re.search(rf"Hint: did you mean .*{meant}", str(caught.value))


def test_unknown_filter_without_a_neighbour():
    with pytest.raises(ConfigError, match="see the filter list of astro-sedpy"):
        filters.load_filter("%%%%")


def test_every_filter_can_be_part_of_a_column_name():
    """Columns such as flux_<filter> must be found in the dictionary of columns."""
    from clusterphot.base.columns import describe_column

    for name in filters.known_filters():
        assert describe_column(f"flux_err_{name}")[0] == "nJy"
