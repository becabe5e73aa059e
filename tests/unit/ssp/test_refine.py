"""The fine grid: exact where it can be, never outside, and an error that is the one on paper."""

import dataclasses

import numpy as np
import pytest
from clusterphot.ssp import refine as gr
from clusterphot.ssp.grid import ProjectedGrid
from grid_interpolation import interpolation_error

AGE = np.array([0.5, 0.8, 2.0, 4.0, 9.0])
METALLICITY = np.array([0.02, 0.2, 0.4, 1.0])


def make_grid(log_flux, *, living=True):
    """A grid of two filters whose log flux is a function of log10 age and log10 metallicity."""
    age, z = np.meshgrid(np.log10(AGE), np.log10(METALLICITY), indexing="ij")
    flux = np.exp(np.stack([log_flux(age, z), log_flux(age, z) - 0.3 * age], axis=-1))
    return ProjectedGrid(
        age_gyr=AGE,
        metallicity_zsun=METALLICITY,
        filters=("F150W", "F200W"),
        flux_njy=flux,
        lum_v_lsun=10.0 ** (-0.7 * age),
        mass_remaining=0.7 - 0.1 * age,
        mass_living=0.6 - 0.1 * age if living else None,
        redshift=0.39,
        luminosity_distance_mpc=2108.0,
        h0=70.0,
        omega_m=0.3,
    )


@pytest.fixture(scope="module")
def power_law():
    """Fluxes that are power laws of age and metallicity: straight lines in the logarithms."""
    return make_grid(lambda age, z: -13 - 1.6 * age + 0.4 * z)


@pytest.mark.parametrize(("low", "high", "step"), [(0.5, 9.27, 0.03), (0.005, 2.5, 0.05), (1.0, 1.001, 0.05)])
def test_nodes_are_equal_steps_between_the_ends(low, high, step):
    nodes = gr.log_nodes(low, high, step)
    steps = np.diff(np.log10(nodes))
    assert (nodes[0], nodes[-1]) == (low, high)
    assert np.allclose(steps, steps[0], rtol=1e-9)
    assert steps[0] <= step * (1 + 1e-9)


def test_one_node_where_the_ends_agree():
    assert gr.log_nodes(0.2, 0.2, 0.05).tolist() == [0.2]


def test_nodes_need_an_interval():
    with pytest.raises(ValueError, match="0 < low <= high"):
        gr.log_nodes(2.0, 1.0, 0.03)


@pytest.mark.parametrize("living", [True, False])
def test_power_laws_are_exact(living):
    grid = make_grid(lambda age, z: -13 - 1.6 * age + 0.4 * z, living=living)
    fine = gr.refine_grid(grid, age_range_gyr=(0.6, 7.0))
    x, z = np.log10(fine.age_gyr)[:, None], np.log10(fine.metallicity_zsun)
    assert np.allclose(np.log(fine.flux_njy[..., 0]), -13 - 1.6 * x + 0.4 * z, atol=1e-12)
    assert np.allclose(fine.lum_v_lsun, 10 ** (-0.7 * x) + 0 * z, rtol=1e-12)
    assert np.allclose(fine.mass_remaining, 0.7 - 0.1 * x + 0 * z, rtol=1e-12)
    assert (fine.mass_living is None) == (not living)
    assert (fine.age_gyr[0], fine.age_gyr[-1]) == (0.6, 7.0)
    assert (fine.redshift, fine.filters) == (grid.redshift, grid.filters)


def test_steps_are_those_asked_for(power_law):
    fine = gr.refine_grid(power_law)
    assert np.diff(np.log10(fine.age_gyr)).max() <= 0.03 + 1e-9
    assert np.diff(np.log10(fine.metallicity_zsun)).max() <= 0.05 + 1e-9


def test_nodes_of_the_grid_keep_their_values():
    grid = make_grid(lambda age, z: -13 - age**2 + 0.5 * z**2)
    places = [gr._places(AGE, AGE), gr._places(METALLICITY, METALLICITY)]
    assert np.allclose(gr._bilinear(grid.flux_njy, places), grid.flux_njy, rtol=1e-14)


@pytest.mark.parametrize(
    "ranges",
    [{"age_range_gyr": (0.4, 5)}, {"age_range_gyr": (1, 9.1)}, {"metallicity_range_zsun": (0.02, 1.5)}],
)
def test_never_outside_the_grid(power_law, ranges):
    with pytest.raises(ValueError, match="not inside the grid"):
        gr.refine_grid(power_law, **ranges)


def test_single_metallicity():
    grid = make_grid(lambda age, z: -13 - age)
    one = dataclasses.replace(
        grid,
        metallicity_zsun=METALLICITY[:1],
        **{
            name: getattr(grid, name)[:, :1]
            for name in ("flux_njy", "lum_v_lsun", "mass_remaining", "mass_living")
        },
    )
    fine = gr.refine_grid(one)
    assert fine.flux_njy.shape[1:] == (1, 2)
    assert set(interpolation_error(one)["axis"]) == {"age_gyr"}


def test_error_of_a_straight_line_is_zero(power_law):
    errors = interpolation_error(power_law)
    assert len(errors) == 3 + 2
    assert max(errors["flux_max"].max(), errors["colour_max"].max()) < 1e-12


def test_error_of_a_parabola_is_the_one_on_paper():
    """The chord of c x^2 over x1..x2 lies c (x - x1)(x2 - x) above it: a fraction of the flux in the log."""
    errors = interpolation_error(make_grid(lambda age, z: -13 + 0.8 * age**2))
    rows = errors[errors["axis"] == "age_gyr"]
    assert np.allclose(rows["flux_max"], 0.8 * rows["step_low_dex"] * rows["step_high_dex"], rtol=1e-9)
    assert np.allclose(rows["flux_rms"], rows["flux_max"], rtol=1e-9)
    assert np.allclose(rows["colour_max"], 0, atol=1e-12)  # the same in both filters


def test_error_of_the_shipped_models(projected_grid):
    """Leave-one-out on the coarse BC03 grid: some per cent in flux; colours, which decide ages, better."""
    errors = interpolation_error(projected_grid)
    for axis, flux, colour in (("age_gyr", 0.05, 0.02), ("metallicity_zsun", 0.12, 0.06)):
        rows = errors[errors["axis"] == axis]
        assert np.sqrt(np.mean(rows["flux_rms"] ** 2)) < flux
        assert np.sqrt(np.mean(rows["colour_rms"] ** 2)) < colour
