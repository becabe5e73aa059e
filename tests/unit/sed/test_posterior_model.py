"""From configuration keys to the models of a field's posteriors."""

import types

import numpy as np
import pytest
from clusterphot.base.errors import ConfigError
from clusterphot.sed import posterior_model as ps
from clusterphot.sed.shared_modes import DUST
from defaults import DEFAULTS

COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
OPTIONS = DEFAULTS["sed"]["posterior"]


def build(grid, **changes):
    """Model and fine grid with some keys changed."""
    params = types.SimpleNamespace(posterior=OPTIONS, redshift=0.39, cosmology=COSMOLOGY, r_v=3.1)
    return ps.field_model(
        grid, params, ps.expected_modes(grid.filters, OPTIONS, ebv=0.18, r_v=3.1), **changes
    )


def test_keys_arrive(projected_grid):
    model, fine = build(projected_grid)
    assert (fine.age_gyr[0], fine.age_gyr[-1]) == (0.5, pytest.approx(9.27, abs=0.005))
    modes = model.nuisance.modes
    assert modes.without(DUST).error.tolist() == [0.02] * 6
    # A / E(B-V) of Fitzpatrick (1999) with R_V = 3.1 at the pivots
    expected = [1.397, 0.592, 0.389, 0.250, 0.184, 0.145]
    dust = modes.of(DUST).effects[0] / (0.4 * np.log(10) * 0.16 * 0.18)
    assert np.allclose(dust, expected, rtol=0.02)
    assert model.priors.age_prior == "log-uniform"
    assert len(model.nuisance.levels()) == 5


def test_without_the_age_of_the_universe(projected_grid):
    assert build(projected_grid, age_of_universe="none")[1].age_gyr[-1] == 11.0


def test_ranges_end_with_the_library(projected_grid):
    """The grid of the test has ages from 0.5 Gyr and metallicities from 0.005."""
    fine = build(
        projected_grid, age_gyr={"min": 0.1, "max": 3.0}, metallicity_zsun={"min": 0.001, "max": 0.2}
    )[1]
    assert (fine.age_gyr[0], fine.age_gyr[-1]) == (0.5, 3.0)
    assert (fine.metallicity_zsun[0], fine.metallicity_zsun[-1]) == (0.005, 0.2)


@pytest.mark.parametrize(
    "changes",
    [{"age_gyr": {"min": 10.0, "max": 11.0}}, {"metallicity_zsun": {"min": 3.0, "max": 4.0}}],
)
def test_ranges_outside_the_library(projected_grid, changes):
    with pytest.raises(ConfigError, match="overlaps that of the library"):
        build(projected_grid, **changes)
