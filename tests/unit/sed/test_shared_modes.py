"""Shared modes: each error once, the covariance that they give between filters, and what is read from tables."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.products import Psf
from clusterphot.psf.systematics import join_systematics
from clusterphot.sed import shared_modes as sm

FILTERS = ("F090W", "F200W", "F444W")
OPTIONS = {"zero_point_error": 0.02, "ebv_relative_error": 0.16}
A_MAG = (0.25, 0.07, 0.03)
EXTINCTION = Table({"filter": FILTERS, "extinction_mag": A_MAG})
PSF = Table(
    {
        "name": ["core_F200W", "beyond"],
        "kind": ["psf core", "psf beyond the stamp"],
        **{f"effect_{filt}": [0.01 if filt == "F200W" else 0.0, 0.005] for filt in FILTERS},
        **{f"gradient_{filt}": [0.0, 0.0 if filt == "F090W" else 0.003] for filt in FILTERS},
    }
)


def test_covariance_on_paper():
    """Independent zero points on the diagonal, one common factor everywhere, E(B-V) as the outer product of A."""
    modes = sm.field_modes(FILTERS, EXTINCTION, OPTIONS, PSF)
    dust = 0.4 * np.log(10) * 0.16 * np.array(A_MAG)
    expected = np.diag([0.02**2, 0.02**2 + 0.01**2, 0.02**2]) + 0.005**2 + np.outer(dust, dust)
    assert np.allclose(modes.covariance, expected, rtol=1e-12)
    assert np.allclose(modes.error**2, np.diag(expected))
    assert modes.kinds.count(sm.DUST) == 1 and modes.kinds.count(sm.ZERO_POINT) == 3


def test_a_field_of_photometry_has_zero_points_and_dust():
    modes = sm.field_modes(FILTERS, EXTINCTION, OPTIONS)
    assert modes.names == (*(f"zero_point_{filt}" for filt in FILTERS), "ebv")
    assert not np.any(modes.gradients)


def test_a_named_zero_point_counts_once_even_where_it_is_zero():
    psfs = {filt: Psf(np.ones((1, 1)), 0.04, filt, sys_error=0.01) for filt in FILTERS}
    table = join_systematics(psfs, {}, {"F090W": 0.0, "F200W": 0.05})
    modes = sm.field_modes(FILTERS, EXTINCTION, OPTIONS, table)
    of_zero_points = modes.without("psf", sm.DUST)
    assert of_zero_points.error == pytest.approx([0.0, 0.05, 0.02])
    assert modes.without(sm.ZERO_POINT, sm.DUST).error == pytest.approx([0.01] * 3)


def test_a_single_source_has_the_gradients_too():
    modes = sm.field_modes(FILTERS, EXTINCTION, OPTIONS, PSF)
    one = modes.at_one_place()
    further = one.covariance - modes.covariance
    assert np.allclose(further, np.outer([0, 0.003, 0.003], [0, 0.003, 0.003]))
    assert "beyond over the field" in one.names and not np.any(one.gradients)
    assert np.array_equal(one.at_one_place().covariance, one.covariance)


def test_without_effects_there_are_no_modes():
    modes = sm.field_modes(FILTERS, EXTINCTION, {"zero_point_error": 0.0, "ebv_relative_error": 0.0})
    assert modes.effects.shape == (0, 3) and np.array_equal(modes.covariance, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="modes of the filters"):
        modes.and_also(sm.zero_point_modes(FILTERS[:2], 0.1))
