"""From configuration keys to the models of a field's posteriors."""

import numpy as np
import pytest
from clusterphot.base.errors import ConfigError
from clusterphot.sed import posterior_model as ps
from defaults import DEFAULTS

OPTIONS = DEFAULTS["sed"]["posterior"]


def build(grid, **changes):
    """Model and fine grid with some keys changed."""
    return ps.build_model(
        grid, OPTIONS | changes, age_of_universe_gyr=9.27, ebv=0.18, zero_point_error={"F200W": 0.05}
    )


def test_keys_arrive(projected_grid):
    model, fine = build(projected_grid)
    assert (fine.age_gyr[0], fine.age_gyr[-1]) == (0.5, 9.27)
    assert model.nuisance.zero_point_error.tolist() == [0.02, 0.02, 0.05, 0.02, 0.02, 0.02]
    assert model.nuisance.ebv_error_mag == pytest.approx(0.0288)
    # A / E(B-V) of Fitzpatrick (1999) with R_V = 3.1 at the pivots
    expected = [1.397, 0.592, 0.389, 0.250, 0.184, 0.145]
    assert np.allclose(model.nuisance.extinction_per_ebv, expected, rtol=0.02)
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
