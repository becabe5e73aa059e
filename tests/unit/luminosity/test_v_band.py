"""Luminosity function: magnitudes, Gaussian fractions, numbers of clusters, intervals, on paper."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.luminosity.v_band import (
    DISPERSION_MAG,
    TURNOVER_V,
    absolute_v,
    binomial_interval,
    cluster_luminosities,
    cluster_number,
    fraction_brighter,
    summarise_luminosities,
    turnover_at,
)


def test_the_sun_and_a_hundred_suns():
    assert absolute_v([1.0, 100.0, -1.0]) == pytest.approx([4.81, -0.19, np.nan], nan_ok=True)


def test_clusters_of_half_the_mass_to_light_ratio_are_brighter():
    assert turnover_at(2.0) == TURNOVER_V
    assert turnover_at(1.0) == pytest.approx(TURNOVER_V - 0.7526, abs=1e-4)


def test_fractions_of_a_gaussian():
    turnover = -8.0
    assert fraction_brighter(turnover, turnover) == pytest.approx(0.5)
    assert fraction_brighter(turnover - DISPERSION_MAG, turnover) == pytest.approx(0.158655, abs=1e-5)


def test_numbers_of_clusters():
    """A galaxy of M_V = -22.5 with S_N = 5 has 5 x 10^3 clusters."""
    assert cluster_number(-22.5, 5.0) == pytest.approx(5000)


def test_wilson_interval():
    """10 of 20: 0.5 +- sqrt(0.25/20 + 1/1600) / 1.05; none of n is not certain to be none."""
    low, high = binomial_interval(10, 20)
    assert (low, high) == pytest.approx((0.5 - 0.10911, 0.5 + 0.10911), abs=1e-4)
    assert binomial_interval(0, 20)[1] > 0 and binomial_interval(0, 20)[0] == 0
    assert np.isnan(binomial_interval(0, 0)).all()


def test_luminosity_of_one_nanojansky():
    """10^5.865 V-band Suns per nJy in F090W at z = 0.39, from D_L = 2108 Mpc and M_V = 4.80 AB less 5.523 of 0.453."""
    table = Table({"flux_F090W": [1.0, np.nan], "flux_err_F090W": [0.1, 1.0]})
    band, luminosity, err = cluster_luminosities(
        table, ["F090W", "F200W"], "auto", 0.39, {"h0": 70.0, "omega_m": 0.3}
    )
    assert band == "F090W"
    assert np.log10(luminosity[0]) == pytest.approx(5.865, abs=0.003)
    assert err[0] == pytest.approx(0.1 * luminosity[0]) and np.isnan(luminosity[1])


def test_summary():
    luminosity = np.array([1e6, 6e6, 2e7, -1e5, np.nan])
    err = np.full(5, 2e5)
    rows = summarise_luminosities(
        luminosity,
        err,
        np.array([0.4, 0.5, 0.6, 0.7, np.nan]),
        galaxy_v=(-24.0, 0.1),
        specific_frequency=(4.0, 9.0),
    )
    found = {name: values for name, *values in rows}
    assert found["clusters with a V luminosity"][0] == 3
    assert found["super-luminous clusters, log L_V > 6.7"][0] == 2
    assert found["super-luminous fraction"][0] == pytest.approx(2 / 3)
    assert found["median M/L_V"][0] == 0.5
    assert found["limiting M_V"][0] == pytest.approx(float(absolute_v(6e5)))
    assert found["clusters brighter than the limit"][0] == 3
    low, high = found["clusters of the whole system of that galaxy, brighter than the limit"][1:]
    assert high / low == pytest.approx(9 / 4)
    share = fraction_brighter(absolute_v(6e5), turnover_at(0.5))
    assert low == pytest.approx(4 * 10**3.6 * share)


def test_summary_of_nothing():
    rows = summarise_luminosities(np.array([np.nan]), np.array([np.nan]), np.array([np.nan]))
    assert {name: value for name, value, *_ in rows}["clusters with a V luminosity"] == 0
