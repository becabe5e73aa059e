"""Milky Way dust: the curve of Fitzpatrick (1999), integrated through filters."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.filters import load_filter
from clusterphot.base.units import mag_ab
from clusterphot.foreground import dust

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
WAVE = np.linspace(5000, 60000, 5501)
# A / A_V with R_V = 3.1 at the pivot wavelengths, recorded when the curve was chosen
PIVOT_RATIOS = (0.4506, 0.1910, 0.1256, 0.0805, 0.0595, 0.0469)
# at E(B-V) = 0.18, A_V = 0.558
PIVOT_MAGS = (0.251, 0.107, 0.070, 0.045, 0.033, 0.026)


@pytest.fixture(scope="module")
def cluster_spectrum(embedded_grid):
    """1.5 Gyr at 0.2 Zsun and z = 0.39, the spectrum of the shipped configuration."""
    from clusterphot.ssp.grid import resample_ages, select_metallicities

    grid = resample_ages(select_metallicities(embedded_grid, [0.2]), [1.5])
    return grid.wave_rest * 1.39, grid.spectra[0, 0]


def narrow(filt):
    """Spectrum of 40 Angstrom around the pivot wavelength of a filter, on the filter's own range."""
    curve = load_filter(filt)
    wave = np.linspace(curve.wavelength[0] - 100, curve.wavelength[-1] + 100, 20001)
    return wave, np.exp(-0.5 * ((wave - curve.wave_pivot) / 40.0) ** 2)


@pytest.mark.parametrize(("filt", "ratio"), list(zip(SIX, PIVOT_RATIOS, strict=True)))
def test_line_at_the_pivot_sees_the_curve_there(filt, ratio):
    """All light at one wavelength: A / A_V is the table's, which has four digits."""
    a_mag = dust.extinction_through_filter(filt, *narrow(filt), 1 / 3.1)
    assert a_mag == pytest.approx(ratio, abs=2e-4)


@pytest.mark.parametrize(("filt", "wave", "anchor"), [("F115W", 12200, 0.829), ("F277W", 26500, 0.265)])
def test_line_at_an_anchor_of_the_curve(filt, wave, anchor):
    """A / E(B-V) for R_V = 3.1 in Fitzpatrick (1999, table 3), three digits; the spline holds them."""
    wave_obs, _ = narrow(filt)
    line = np.exp(-0.5 * ((wave_obs - wave) / 20.0) ** 2)
    assert dust.extinction_through_filter(filt, wave_obs, line, 1.0) == pytest.approx(anchor, rel=5e-3)


@pytest.mark.parametrize(("filt", "mag"), list(zip(SIX, PIVOT_MAGS, strict=True)))
def test_integrated_extinction_is_near_that_at_the_pivot(filt, mag, cluster_spectrum):
    """Through the bandpass A differs from the pivot's by up to 3 % of A; the table has 0.0005 mag."""
    a_mag = dust.extinction_through_filter(filt, *cluster_spectrum, 0.18)
    assert a_mag == pytest.approx(mag, rel=0.03, abs=5e-4)


def test_integrated_extinction_differs_from_the_pivot(cluster_spectrum):
    """Broad F090W under a curve that is steep and concave: the integral is not the pivot's value."""
    pivot = dust.extinction_through_filter("F090W", *narrow("F090W"), 0.18)
    through = dust.extinction_through_filter("F090W", *cluster_spectrum, 0.18)
    assert 1e-3 < abs(through / pivot - 1) < 0.03


def test_bluer_spectrum_is_dimmed_more():
    blue = dust.extinction_through_filter("F090W", WAVE, WAVE**-4.0, 0.18)
    red = dust.extinction_through_filter("F090W", WAVE, WAVE**4.0, 0.18)
    assert blue > red


def test_scale_of_the_spectrum_does_not_matter():
    one = dust.extinction_through_filter("F150W", WAVE, WAVE**-2.0, 0.3)
    assert dust.extinction_through_filter("F150W", WAVE, 1e30 * WAVE**-2.0, 0.3) == pytest.approx(
        one, rel=1e-12
    )


def test_no_dust_no_extinction():
    assert dust.extinction_through_filter("F150W", WAVE, WAVE**-2.0, 0.0) == 0.0


def test_thin_dust_is_linear():
    """A is linear in E(B-V) up to the change of effective wavelength: second order, 1e-3 of A here."""
    thin, thick = (dust.extinction_through_filter("F090W", WAVE, WAVE**-2.0, e) for e in (0.01, 0.1))
    assert thick == pytest.approx(10 * thin, rel=3e-3)
    assert thick < 10 * thin


def test_r_v_is_used():
    """In the near infrared A at fixed E(B-V) grows with R_V."""
    low, high = (dust.extinction_through_filter("F090W", WAVE, WAVE**-2.0, 0.2, r_v=r) for r in (2.5, 5.0))
    assert high > 1.5 * low


def test_spectrum_must_cover_the_filter():
    with pytest.raises(ValueError, match="the spectrum covers 5000-30000 A, not filter F444W"):
        dust.extinction_through_filter("F444W", WAVE[WAVE <= 30000], np.ones((WAVE <= 30000).sum()), 0.1)


def test_spectrum_must_have_light():
    with pytest.raises(ValueError, match="no light in filter F150W"):
        dust.extinction_through_filter("F150W", WAVE, np.zeros_like(WAVE), 0.1)


def test_deredden_is_a_difference_of_magnitudes():
    np.testing.assert_allclose(mag_ab(dust.deredden(10.0, 0.251)), mag_ab(10.0) - 0.251, rtol=1e-14)
    np.testing.assert_allclose(dust.deredden([-1.0, np.nan], 2.5), [-10.0, np.nan])


def test_sfd_maps_are_read_and_recalibrated(tmp_path):
    """Two small maps of constant E(B-V) 0.2: the result is 0.86 of it (Schlafly & Finkbeiner 2011)."""
    from astropy.io import fits

    for pole, sign in (("ngp", 1), ("sgp", -1)):
        header = fits.Header({"CRPIX1": 8.5, "CRPIX2": 8.5, "LAM_SCAL": 8, "LAM_NSGP": sign})
        data = np.full((16, 16), 0.2, dtype=np.float32)
        fits.PrimaryHDU(data, header).writeto(tmp_path / f"SFD_dust_4096_{pole}.fits")
    ebv = dust.sfd_ebv([110.8, 110.9], [-73.45, 40.0], str(tmp_path))
    assert ebv == pytest.approx(0.86 * 0.2, rel=1e-6)  # float32 map


@pytest.fixture
def measured():
    """Two sources in two filters with columns of a fit, of the user, and a systematic error."""
    return Table(
        {
            "id": ["a", "b"],
            "x_note": ["mine", "yours"],
            "flux_F090W": [10.0, -1.0],
            "flux_err_F090W": [1.0, 2.0],
            "flux_err_sys_F090W": [0.1, 0.2],
            "flux_err_conditional_F090W": [0.5, 0.5],
            "x_F090W": [3.0, 4.0],
            "flux_F150W": [20.0, np.nan],
            "flux_err_F150W": [1.0, np.nan],
        },
        meta={"carried": ["x_note"]},
    )


@pytest.fixture
def extinction():
    """Extinction of two filters whose factors are 10 and 100."""
    return Table({"filter": ["F150W", "F090W"], "extinction_mag": [5.0, 2.5]})


def test_deredden_table(measured, extinction):
    """2.5 mag are a factor of 10, 5 mag of 100, for fluxes and all their errors; filters found by name."""
    table = dust.deredden_table(measured, extinction, already_corrected=False, prefix="flux")
    np.testing.assert_allclose(table["flux_F090W"], [100.0, -10.0], rtol=1e-14)
    np.testing.assert_allclose(table["flux_err_F090W"], [10.0, 20.0], rtol=1e-14)
    np.testing.assert_allclose(table["flux_err_sys_F090W"], [1.0, 2.0], rtol=1e-14)
    np.testing.assert_allclose(table["flux_F150W"], [2000.0, np.nan], rtol=1e-14)
    np.testing.assert_array_equal(table["A_F090W"], [2.5, 2.5])
    assert measured["flux_F090W"][0] == 10.0, "the input is left as it was"


def test_deredden_table_keeps_the_users_columns_and_drops_the_fits(measured, extinction):
    table = dust.deredden_table(measured, extinction, already_corrected=False, prefix="flux")
    assert "x_note" in table.colnames
    assert not {"x_F090W", "flux_err_conditional_F090W"} & set(table.colnames)


def test_deredden_table_leaves_corrected_fluxes(measured, extinction):
    table = dust.deredden_table(measured, extinction, already_corrected=True, prefix="flux")
    np.testing.assert_array_equal(table["flux_F090W"], measured["flux_F090W"])
    np.testing.assert_array_equal(table["A_F150W"], [5.0, 5.0])


def test_deredden_table_beside_the_measured(measured, extinction):
    table = dust.deredden_table(measured, extinction, already_corrected=False, prefix="flux0")
    np.testing.assert_array_equal(table["flux_F090W"], [10.0, -1.0])
    np.testing.assert_allclose(table["flux0_F090W"], [100.0, -10.0], rtol=1e-14)
    np.testing.assert_allclose(table["flux0_err_F090W"], [10.0, 20.0], rtol=1e-14)
