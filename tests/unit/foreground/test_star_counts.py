"""Star counts: densities on paper, symmetry, bins, and what is known of real fields."""

from pathlib import Path

import numpy as np
import pytest
from clusterphot.base.literature import read_literature
from clusterphot.base.products import Mosaic
from clusterphot.foreground.star_counts import (
    ARCMIN2_SR,
    COMPONENTS,
    DISC_HEIGHT_PC,
    HALO_BREAK_PC,
    HALO_INDEX,
    HALO_OUTER_INDEX,
    SUN_HEIGHT_PC,
    SUN_RADIUS_PC,
    THICK_FRACTION,
    absolute_magnitudes,
    component_density,
    galactocentric,
    halo_densities,
    halo_mass_function,
    local_densities,
    mass_function,
    model_counts,
    tabulate_counts,
    user_counts,
    valid_area_arcmin2,
)

LITERATURE = Path(__file__).resolve().parents[3] / "resources" / "literature"
BINS = {"mag_min": 18.0, "mag_max": 30.0, "bin_mag": 1.0}


@pytest.fixture(scope="module")
def sequence():
    return read_literature(LITERATURE / "dwarf_sequence.ecsv")


def test_every_table_of_the_literature_names_its_sources():
    paths = sorted(LITERATURE.glob("*.ecsv"))
    assert len(paths) == 6
    for path in paths:
        read_literature(path)


def test_a_table_without_source_is_refused(tmp_path):
    (tmp_path / "a.ecsv").write_text(
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n1\n"
    )
    with pytest.raises(ValueError, match="names no source"):
        read_literature(tmp_path / "a.ecsv")


def test_densities_at_the_sun_are_the_local_ones():
    at_sun = (SUN_RADIUS_PC, 0.0, SUN_HEIGHT_PC)
    assert component_density("thin_disc", *at_sun) == pytest.approx(1.0)
    assert component_density("thick_disc", *at_sun) == pytest.approx(THICK_FRACTION)
    assert component_density("halo", SUN_RADIUS_PC, 0.0, 0.0) == pytest.approx(1.0)


def test_a_scale_height_above_the_plane_the_disc_is_e_times_thinner():
    for name, height in DISC_HEIGHT_PC.items():
        low, high = (component_density(name, SUN_RADIUS_PC, 0.0, z) for z in (100.0, 100.0 + height))
        assert low / high == pytest.approx(np.e)


def test_the_halo_steepens_at_its_break():
    inner, outer = (
        np.log(component_density("halo", r, 0.0, 0.0) / component_density("halo", 1.1 * r, 0.0, 0.0))
        / np.log(1.1)
        for r in (0.5 * HALO_BREAK_PC, 2 * HALO_BREAK_PC)
    )
    assert (inner, outer) == pytest.approx((HALO_INDEX, HALO_OUTER_INDEX))


def test_an_unknown_component_is_refused():
    with pytest.raises(ValueError, match="expected one of"):
        component_density("bar", 0.0, 0.0, 0.0)


def test_lines_of_sight():
    """To the centre x falls, at l = 90 y grows, at the pole z grows."""
    assert galactocentric(0, 0, 1000.0) == pytest.approx((SUN_RADIUS_PC - 1000, 0, SUN_HEIGHT_PC))
    assert galactocentric(90, 0, 1000.0) == pytest.approx((SUN_RADIUS_PC, 1000, SUN_HEIGHT_PC))
    assert galactocentric(0, 90, 1000.0) == pytest.approx((SUN_RADIUS_PC, 0, SUN_HEIGHT_PC + 1000))


def test_mass_functions_join():
    """Both forms of Chabrier (2003) agree where they meet: at 0.7 Msun in the halo to 1 %, at 1 Msun to a quarter."""
    assert halo_mass_function(0.7) == pytest.approx(halo_mass_function(0.7001), rel=0.01)
    assert mass_function(1.0) == pytest.approx(mass_function(1.0001), rel=0.25)


def test_local_densities_are_those_of_the_neighbourhood(sequence):
    """Some 0.07 systems of M dwarfs per pc3 and a halo of 6e-5 Msun/pc3 in stars (Gould et al. 1998: 6.4e-5)."""
    letter = np.array([name[0] for name in sequence["spectral_type"]])
    disc, halo = local_densities(sequence), halo_densities(sequence)
    assert disc[letter == "M"].sum() == pytest.approx(0.07, rel=0.1)
    assert disc[letter == "T"].sum() == pytest.approx(1.4e-3 + 5.3e-3 + 2.0e-3 / 3)
    assert np.nansum(halo * np.nan_to_num(np.asarray(sequence["mass_msun"], float))) == pytest.approx(
        6.4e-5, rel=0.3
    )
    assert np.all(disc > 0)


def test_absolute_magnitudes_in_bands_of_the_table(sequence):
    """Through 2MASS Ks the sequence gives M_J - (J-H) - (H-Ks) + 1.85: M0V has 5.97 - 0.627 - 0.190 + 1.85."""
    magnitude = absolute_magnitudes(sequence, "twomass_Ks")
    assert magnitude[list(sequence["spectral_type"]).index("M0V")] == pytest.approx(7.003, abs=0.01)
    assert np.all(np.isfinite(absolute_magnitudes(sequence, "F444W")))
    assert np.all(np.diff(absolute_magnitudes(sequence, "F200W")[:17]) > 0)


def test_counts_of_a_uniform_population(monkeypatch, sequence):
    """With density 1 everywhere, stars of one absolute magnitude number omega/3 (d2^3 - d1^3) between two distances."""
    monkeypatch.setattr(
        "clusterphot.foreground.star_counts.component_density",
        lambda name, x, y, z: np.where(name == "thin_disc", 1.0, 0.0) * np.ones_like(x),
    )
    model = model_counts(30.0, 40.0, sequence, "F200W")
    k = list(sequence["spectral_type"]).index("M5V")
    absolute = absolute_magnitudes(sequence, "F200W")[k]
    inside = (model.mag > 20) & (model.mag < 22)
    d1, d2 = (10 ** ((edge - absolute + 5) / 5) for edge in (20.0, 22.0))
    expected = local_densities(sequence)[k] * ARCMIN2_SR / 3 * (d2**3 - d1**3)
    assert model.total[k, inside].sum() * 0.1 == pytest.approx(expected, rel=5e-3)  # bins of 0.1 mag


def test_counts_are_symmetric_and_fall_off_the_plane(sequence):
    def number(l_deg, b_deg):
        columns = tabulate_counts(model_counts(l_deg, b_deg, sequence, "F200W"), 1.0, **BINS)
        return columns["n_stars"].sum()

    assert number(60, 30) == pytest.approx(number(300, 30))
    assert number(60, -30) > number(60, -60) > 0
    assert number(0, -10) > 5 * number(180, -30)


def test_binned_counts_add_up(sequence):
    model = model_counts(285.0, -23.7, sequence, "F200W")
    columns = tabulate_counts(model, 9.68, **BINS)
    assert sum(columns[f"n_{name}"] for name in COMPONENTS) == pytest.approx(columns["n_stars"])
    fine = tabulate_counts(model, 9.68, mag_min=18.0, mag_max=30.0, bin_mag=0.25)
    assert fine["n_stars"].sum() == pytest.approx(columns["n_stars"].sum())
    assert np.all(columns["n_m_dwarfs"] <= columns["n_stars"])


def test_counts_of_known_fields_within_a_factor_of_three(sequence):
    """Faisst et al. (2022) used 58 stars of 25-27 mag of 9.7 arcmin2 towards SMACS J0723: a lower limit, their
    isolated ones. Pirzkal et al. (2009) identified 203 dwarfs of M0 or later to z = 25 in nine ACS fields of some
    11 arcmin2 at |b| = 54: 1.9 per arcmin2 with unknown completeness."""
    model = model_counts(285.0, -23.7, sequence, "F200W")
    counts = tabulate_counts(model, 9.68, mag_min=25.0, mag_max=27.0, bin_mag=2.0)["n_stars"][0]
    assert 58 <= counts <= 3 * 58
    deep = tabulate_counts(
        model_counts(223.6, -54.4, sequence, "acs_wfc_f850lp"), 1.0, mag_min=18.0, mag_max=25.0, bin_mag=1.0
    )
    assert 1.9 / 3 <= deep["n_m_dwarfs"].sum() <= 1.9 * 3


def test_user_counts():
    columns = user_counts(
        np.array([20.0, 24.0]), np.array([1.0, 5.0]), 2.0, mag_min=21.0, mag_max=23.0, bin_mag=1.0
    )
    assert columns["n_stars"] == pytest.approx([2 * 2.5, 2 * 3.5])
    assert np.isnan(columns["n_halo"]).all()


def test_area_counts_pixels_with_weight():
    ivar = np.ones((60, 50))
    ivar[:30] = 0
    mosaic = Mosaic(sci=ivar, ivar=ivar, wcs=None, pixel_scale_arcsec=2.0)
    assert valid_area_arcmin2(mosaic, rows_per_block=7) == pytest.approx(30 * 50 * 4 / 3600)
