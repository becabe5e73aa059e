"""Distances and ages of a flat universe with H0 = 70, Om = 0.3, against closed forms and quadrature."""

import numpy as np
import pytest
from clusterphot.base import cosmology
from scipy.integrate import quad

SHIPPED = {"h0": 70.0, "omega_m": 0.3}
MPC_CM = 3.0856775814913673e24


def test_age_of_the_universe_at_the_cluster():
    """9.27 Gyr, given to 0.005; radiation and neutrinos would change it by 0.003."""
    assert cosmology.age_of_universe_gyr(0.39, **SHIPPED) == pytest.approx(9.27, abs=0.006)


def test_age_in_closed_form():
    """t = 2 / (3 H0 sqrt(OL)) asinh(sqrt(OL / Om) (1+z)^-1.5) without radiation; 977.79 Gyr km/s/Mpc."""
    lam = 0.7
    z = np.array([0.1, 0.39, 1.0])
    closed = 977.7922 / 70 * 2 / (3 * np.sqrt(lam)) * np.arcsinh(np.sqrt(lam / 0.3) * (1 + z) ** -1.5)
    ages = [cosmology.age_of_universe_gyr(value, **SHIPPED) for value in z]
    np.testing.assert_allclose(ages, closed, rtol=1e-5)  # astropy adds no radiation when Tcmb0 = 0


def test_luminosity_distance_of_the_cluster():
    """D_L = (1 + z) c / H0 int dz / E(z), by quadrature good to 1e-8; 2108.3 Mpc."""
    integral, _ = quad(lambda z: (0.3 * (1 + z) ** 3 + 0.7) ** -0.5, 0, 0.39)
    distance = cosmology.luminosity_distance_cm(0.39, **SHIPPED) / MPC_CM
    assert distance == pytest.approx(1.39 * 299792.458 / 70 * integral, rel=1e-7)
    assert distance == pytest.approx(2108.3, abs=0.05)


def test_scale_of_the_cluster():
    """5.290 kpc per arcsec, so that 10 pc are 1.89 mas."""
    scale = cosmology.kpc_per_arcsec(0.39, **SHIPPED)
    assert scale == pytest.approx(5.290, abs=0.0005)
    assert 0.010 / scale * 1e3 == pytest.approx(1.89, abs=0.005)


def test_distances_are_related():
    """D_L = (1 + z)^2 D_A (Etherington 1933), D_A from the transverse scale."""
    d_a = cosmology.kpc_per_arcsec(0.39, **SHIPPED) * 180 * 3600 / np.pi / 1e3
    assert cosmology.luminosity_distance_cm(0.39, **SHIPPED) / MPC_CM == pytest.approx(
        1.39**2 * d_a, rel=1e-9
    )


def test_distances_scale_with_the_hubble_constant():
    half = cosmology.luminosity_distance_cm(0.39, 35.0, 0.3)
    assert half == pytest.approx(2 * cosmology.luminosity_distance_cm(0.39, **SHIPPED), rel=1e-12)
