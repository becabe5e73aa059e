"""Formation times: the inverse of the age of the Universe, tables, figure."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.cosmology import age_of_universe_gyr
from clusterphot.base.flags import Flag
from clusterphot.figures.formation import plot_formation, prior_of_age
from clusterphot.figures.recommended import Values
from clusterphot.sed.formation import QUANTILES, formation, formation_table, redshift_at_age, summary

COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}


@pytest.mark.parametrize("omega_m", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("redshift", [0.0, 0.39, 2.0, 20.0])
def test_inverse_of_astropys_age(omega_m, redshift):
    """Exact but for rounding: astropy has the age by the same closed form or by quadrature to 1e-8."""
    age = age_of_universe_gyr(redshift, 67.0, omega_m)
    assert redshift_at_age(age, h0=67.0, omega_m=omega_m) == pytest.approx(redshift, rel=1e-6, abs=1e-6)


def test_einstein_de_sitter_on_paper():
    """Omega_m = 1: t = 2 / (3 H0) (1 + z)^-1.5, so that an eighth of today's age is z = 3."""
    today = 2.0 / 3.0 * 977.7922216807892 / 50.0
    assert redshift_at_age(today / 8.0, h0=50.0, omega_m=1.0) == pytest.approx(3.0, rel=1e-12)


def test_faisst_2022():
    """1 to 2 Gyr before z = 0.39 is z = 0.5 to 0.7 to one digit (their abstract, 1.5 +- 0.5 Gyr)."""
    _, z = formation([1.0, 1.5, 2.0], redshift=0.39, cosmology=COSMOLOGY)
    assert 0.45 < z[0] < 0.55 < z[1] < 0.65
    assert z[2] == pytest.approx(0.65, abs=0.05)


def test_the_lookback_time_is_that_of_the_redshift():
    lookback, z = formation([0.0, 3.0], redshift=0.39, cosmology=COSMOLOGY)
    assert z[0] == pytest.approx(0.39, abs=1e-6)
    today = age_of_universe_gyr(0.0, **COSMOLOGY)
    for time, redshift in zip(lookback, z, strict=True):
        assert today - age_of_universe_gyr(redshift, **COSMOLOGY) == pytest.approx(time, rel=1e-8)


def test_ages_of_the_universe_and_none():
    then = age_of_universe_gyr(0.39, **COSMOLOGY)
    lookback, z = formation([then, then + 2.0, np.nan], redshift=0.39, cosmology=COSMOLOGY)
    assert np.isinf(z[:2]).all()
    assert np.isnan([z[2], lookback[2]]).all()
    assert lookback[1] == pytest.approx(age_of_universe_gyr(0.0, **COSMOLOGY) + 2.0)


def fits(ids, ages, flags):
    """Table of fits whose quantiles are 0.5 to 1.5 times the age."""
    columns = {"id": ids, "age_gyr": ages, "flags": flags, "log_mass": np.full(len(ids), 6.5)}
    for name, factor in zip(QUANTILES, (0.5, 0.8, 1.0, 1.2, 1.5), strict=True):
        columns[f"age_gyr_{name}"] = factor * np.asarray(ages)
    return Table(columns)


@pytest.fixture
def table():
    clusters = fits(["a", "b", "c"], [2.0, 11.0, np.nan], [0, 0, int(Flag.FAILED)])
    stack = fits(["stack"], [1.5], [0])
    return formation_table(clusters, stack, redshift=0.39, cosmology=COSMOLOGY)


def test_table(table):
    assert list(table["id"]) == ["stack", "a", "b", "c"]
    assert list(table["is_stack"]) == [True, False, False, False]
    assert (np.diff([table[f"z_form_{name}"][1] for name in QUANTILES]) > 0).all()
    np.testing.assert_allclose(table["lookback_gyr_p50"][:2], table["lookback_gyr"][:2])
    assert np.isinf(table["z_form"][2]) and np.isnan(table["z_form"][3])
    assert list(table["flags"]) == [0, 0, int(Flag.OLDER_THAN_UNIVERSE), int(Flag.FAILED)]


def test_table_without_stack():
    table = formation_table(fits(["a"], [2.0], [0]), None, redshift=0.39, cosmology=COSMOLOGY)
    assert list(table["is_stack"]) == [False]


def test_summary_is_of_the_clusters(table):
    found = summary(table)
    assert found["n"] == 1
    assert found["z_form"] == pytest.approx([table["z_form_p50"][1]] * 3)
    assert summary(table[:1]) == {"n": 0, "lookback_gyr": [], "z_form": []}


@pytest.mark.parametrize("rows", [slice(0, 4), slice(1, 3), slice(0, 1), slice(3, 4)])
def test_figure(table, rows):
    """With and without stack, without clusters, without values."""
    part = table[rows]
    mass = np.full(int(np.sum(~part["is_stack"])), 6.5)
    masses = Values(mass, mass - 0.2, mass + 0.2, "medians of posteriors")
    prior = ((0.5, 9.3), "log-uniform")
    figure = plot_formation(
        part, masses, redshift=0.39, cosmology=COSMOLOGY, field="f", grid="bc03", prior=prior
    )
    assert len(figure.axes) >= 2
    figure.canvas.draw()


def test_prior_of_ages_is_read_from_the_table_of_fits():
    model = {"age_gyr": [0.5, 9.3, 44], "age_prior": "log-uniform"}
    assert prior_of_age({"rows_from": {"posterior_model": model}}) == ((0.5, 9.3), "log-uniform")
    assert prior_of_age({"posterior_model": model}) == ((0.5, 9.3), "log-uniform")
    assert prior_of_age({}) is None
