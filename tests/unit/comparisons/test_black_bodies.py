"""Black bodies: Planck's law through filters, and recovery of a temperature."""

import numpy as np
import pytest
from clusterphot.base.filters import load_filter
from clusterphot.comparisons.black_bodies import (
    band_planck,
    fit_black_bodies,
    tabulate_black_bodies,
    temperature_range,
)

FILTERS = ["F090W", "F150W", "F200W", "F277W", "F444W"]


def test_narrow_bands_follow_plancks_law():
    """Through medium bands, B_nu ~ nu^3 / (exp(h nu / k T) - 1) at the pivot to 2 %."""
    names = ["F182M", "F210M", "F410M"]
    nu = 2.99792458e18 / np.array([load_filter(name).wave_pivot for name in names])
    law = nu**3 / np.expm1(6.62607015e-27 * nu / (1.380649e-16 * 3200))
    assert band_planck(3200.0, names)[0] == pytest.approx(law / law.mean(), rel=0.02)


def test_temperature_is_recovered_with_its_error():
    truth = 20 * band_planck(3200.0, FILTERS)[0]
    rng = np.random.default_rng(4)
    found = []
    for _ in range(60):
        flux = truth + 0.5 * rng.standard_normal(5)
        fit = fit_black_bodies(flux, 0.25 * np.eye(5), FILTERS, np.geomspace(2000, 5000, 150))
        best, low, high = temperature_range(fit)
        found.append((best, low, high))
    best, low, high = np.array(found).T
    assert np.median(best) == pytest.approx(3200, rel=0.01)
    assert np.mean((low <= 3200) & (high >= 3200)) == pytest.approx(0.68, abs=0.18)  # 3 sigma of 60 trials


def test_amplitude_is_not_negative_and_missing_bands_do_not_count():
    fit = fit_black_bodies(-np.ones(5), np.eye(5), FILTERS, np.array([3000.0]))
    assert fit.amplitude[0] == 0 and fit.chi2[0] == pytest.approx(5)
    flux = 10 * band_planck(3000.0, FILTERS)[0]
    flux[2] = np.nan
    assert fit_black_bodies(flux, np.eye(5), FILTERS, np.array([3000.0])).dof == 3


def test_correlated_errors_enter():
    """A common error of all bands allows a common shift: chi-square of a shifted flux falls."""
    flux = 10 * band_planck(3000.0, FILTERS)[0] + 1.0
    alone, common = (
        fit_black_bodies(flux, np.eye(5) + shared, FILTERS, np.array([3000.0])).chi2[0]
        for shared in (0.0, 4.0)
    )
    assert common < alone


def test_one_band_is_refused():
    with pytest.raises(ValueError, match="expected at least 2"):
        fit_black_bodies(np.array([1.0]), np.eye(1), ["F200W"], np.array([3000.0]))


def test_table_marks_the_best():
    columns = tabulate_black_bodies(
        10 * band_planck(3100.0, FILTERS)[0], 0.01 * np.eye(5), FILTERS, [3000, 3400]
    )
    assert columns["is_best"].tolist() == [False, False, True]
    assert columns["chi2"][2] <= columns["chi2"][:2].min()
    assert columns["temperature_lo_k"][2] <= 3100 * 1.003 and columns["temperature_hi_k"][2] >= 3100 / 1.003
