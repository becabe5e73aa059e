"""Errors that all sources share, as modes: their squares are those of the filters' flux scales."""

import numpy as np
import pytest
from clusterphot.base.products import Psf
from clusterphot.psf.systematics import N_VARIATION, join_systematics

CARDS = {"ERRCORE": 0.003, "ERRWING": 0.006, "ERRPRIOR": 0.002, "ERRTAIL": 0.005, "ERRREF": 0.001}
FLOOR = 0.004


@pytest.fixture
def modes():
    """Two filters of the long channel that change alike, one of the short channel, and a PSF that the user gave."""
    rng = np.random.default_rng(1)
    shared = rng.normal(0.0, 0.002, (49, 10))
    effects = {"F277W": shared, "F356W": 1.1 * shared, "F200W": rng.normal(0.0, 0.003, (49, 10))}
    psfs = {}
    for filt, places in effects.items():
        vary = float(np.sqrt(np.square(places[24]).sum()))
        total = np.sqrt(sum(value**2 for value in CARDS.values()) + FLOOR**2 + vary**2)
        psfs[filt] = Psf(np.ones((1, 1)), 0.04, filt, sys_error=total, meta=CARDS | {"ERRVARY": vary})
    psfs["F444W"] = Psf(np.ones((1, 1)), 0.04, "F444W", sys_error=0.02)
    return join_systematics(psfs, effects, {"F200W": 0.01}), psfs


def test_squares_add_up_to_the_error_of_each_filter(modes):
    table, psfs = modes
    of_psf = table[table["kind"] != "zero point"]
    for filt, psf in psfs.items():
        assert np.sqrt(np.square(of_psf[f"effect_{filt}"]).sum()) == pytest.approx(psf.sys_error, rel=1e-6)


def test_what_filters_share_moves_them_together(modes):
    table = modes[0]
    long = table[["variation_long" in name for name in table["name"]]]
    assert len(long) == N_VARIATION
    assert np.allclose(long["effect_F356W"], 1.1 * long["effect_F277W"])
    assert not np.any(long["effect_F200W"]) and np.all(long["gradient_F277W"] > 0)
    common = table[table["name"] == "beyond"][0]
    assert common["effect_F200W"] == common["effect_F277W"] == CARDS["ERRTAIL"]


def test_each_has_its_kind(modes):
    table = modes[0]
    assert all(table[name].description for name in table.colnames)
    assert table[table["name"] == "zero_point_F200W"]["effect_F200W"][0] == 0.01
    assert table[table["name"] == "other_F444W"]["effect_F444W"][0] == pytest.approx(0.02)
    assert set(table["kind"]) == {
        "psf core", "psf wings", "psf reference", "psf beyond the stamp", "psf variation", "psf other", "zero point",
    }  # fmt: skip
