"""V luminosities against closed forms."""

import numpy as np
import pytest
from clusterphot.sed import v_light

COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}

# ------------------------------------------------------------------------------------------ luminosities


@pytest.mark.parametrize(
    ("convention", "constant"),
    # log10 L_V of 1 nJy in F090W at z = 0.39: 5.865 in V-band Suns from D_L = 2108.3 Mpc and M_V,sun = 4.80;
    # 5.523 is the constant that reproduces the masses of Faisst et al. (2022, Table 1), good to 0.003
    [("vband", 5.865), ("faisst2022", 5.523)],
)
def test_constants(convention, constant):
    luminosity = v_light.luminosity_per_njy("F090W", 0.39, COSMOLOGY, convention=convention)
    assert np.log10(luminosity) == pytest.approx(constant, abs=0.003)


def test_sun_has_the_luminosity_of_the_sun():
    """A source of M_V = 4.80 AB at z: m = M + 5 log10(D_L / 10 pc) - 2.5 log10(1 + z) has L_V = 1."""
    d_l_pc = 2108.3e6
    mag = 4.80 + 5 * np.log10(d_l_pc / 10) - 2.5 * np.log10(1.39)
    flux_njy = 3631e9 * 10 ** (-0.4 * mag)
    luminosity = v_light.luminosity_per_njy("F090W", 0.39, COSMOLOGY, convention="vband") * flux_njy
    assert luminosity == pytest.approx(1, rel=1e-4)  # 2108.3 has five digits, squared


def test_vband_luminosity_does_not_depend_on_the_filter():
    one, other = (
        v_light.luminosity_per_njy(f, 0.39, COSMOLOGY, convention="vband") for f in ("F090W", "F150W")
    )
    assert one == other


def test_published_convention_goes_as_frequency():
    one, other = (
        v_light.luminosity_per_njy(f, 0.39, COSMOLOGY, convention="faisst2022") for f in ("F090W", "F150W")
    )
    assert one / other == pytest.approx(1.501 / 0.901, rel=5e-3)  # pivots of the JWST documentation


def test_unknown_convention():
    with pytest.raises(ValueError, match="mass convention 'salpeter', expected vband or faisst2022"):
        v_light.luminosity_per_njy("F090W", 0.39, COSMOLOGY, convention="salpeter")


@pytest.mark.parametrize(("redshift", "filt"), [(0.39, "F090W"), (1.7, "F150W"), (2.6, "F200W")])
def test_v_filter_is_nearest_to_v(redshift, filt):
    """5500 A x (1 + z) is 0.76, 1.49 and 1.98 um."""
    assert v_light.v_filter(["F444W", "F200W", "F150W", "F090W"], redshift) == filt
