"""AB magnitudes: closed forms."""

import numpy as np
from clusterphot.base import units


def test_zero_point():
    """AB 0 is 3631 Jy (Oke & Gunn 1983); 1 nJy is 31.4 mag to a milli-magnitude."""
    assert units.mag_ab(3631e9) == 0
    np.testing.assert_allclose(units.mag_ab(1.0), 2.5 * np.log10(3631e9), rtol=1e-15)
    np.testing.assert_allclose(units.mag_ab(1.0), 31.4, atol=1e-3)


def test_archive_zero_point():
    """A unit of 10 nJy has zero point 28.9."""
    np.testing.assert_allclose(units.mag_ab(10.0), 28.9, atol=1e-3)


def test_five_magnitudes_are_a_factor_of_a_hundred():
    np.testing.assert_allclose(units.mag_ab(1.0) - units.mag_ab(100.0), 5.0, rtol=1e-14)


def test_round_trip():
    """Rounding of a logarithm near 30 mag: a few times 1e-15 relative, times 30 ln(10)/2.5."""
    mag = np.linspace(15, 35, 41)
    np.testing.assert_allclose(units.mag_ab(units.flux_from_mag_ab(mag)), mag, rtol=1e-14)


def test_flux_that_has_no_magnitude():
    """Zero, negative and missing fluxes give NaN and no warning (warnings are errors here)."""
    assert np.isnan(units.mag_ab([0.0, -3.0, np.nan])).all()
    assert units.mag_ab([[1.0, -1.0]]).shape == (1, 2)
