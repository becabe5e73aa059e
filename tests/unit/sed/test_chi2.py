"""The fit on the grid: closed forms, brute force, and independence from everything that must not matter."""

import numpy as np
import pytest
from clusterphot.base.flags import Flag
from clusterphot.sed import chi2 as sed
from scipy.optimize import lsq_linear

AGE = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
METALLICITY = np.array([0.02, 0.2, 1.0])


@pytest.fixture(scope="module")
def models():
    """Smooth toy models (5 ages, 3 metallicities, 6 bands), nJy per Msun; no two are proportional."""
    wave = np.array([0.9, 1.5, 2.0, 2.8, 3.6, 4.4])
    age, z = np.meshgrid(np.log10(AGE), np.log10(METALLICITY), indexing="ij")
    slope = 0.5 + 0.8 * age + 0.3 * z
    curve = 0.6 + 0.4 * age - 0.5 * z
    log_wave = np.log(wave / 2.0)
    return 1e-6 * np.exp(slope[..., None] * log_wave - curve[..., None] * log_wave**2 - age[..., None])


@pytest.fixture(scope="module")
def noisy(models):
    """40 sources with 5-30 % errors, bands missing here and there, some negative fluxes; seeded."""
    rng = np.random.default_rng(20220711)
    i, j = rng.integers(0, len(AGE), 40), rng.integers(0, len(METALLICITY), 40)
    flux = models[i, j] * 10 ** rng.uniform(5.5, 7.5, (40, 1))
    err = flux * rng.uniform(0.05, 0.3, flux.shape)
    flux = flux + err * rng.normal(size=flux.shape)
    flux[5, 0] = -err[5, 0]
    flux[rng.random(flux.shape) < 0.1] = np.nan
    return flux, err


def fit(flux, err, models, **options):
    """Photometry and fit in one step."""
    photometry = sed.prepare_photometry(flux, err, **options)
    return photometry, sed.fit_grid(photometry, models)


# ----------------------------------------------------------------------------------------------- levels


@pytest.mark.parametrize(
    ("n_sigma", "rise"),
    # Lampton, Margon & Bowyer (1976); two parameters: -2 ln(probability outside)
    [(1, 2.30), (2, 6.18), (3, 11.83), (4, 19.33), (5, 28.74)],
)
def test_levels_of_two_parameters(n_sigma, rise):
    assert sed.delta_chi2(n_sigma, 2) == pytest.approx(rise, abs=0.005)


@pytest.mark.parametrize("n_sigma", sed.SIGMA_LEVELS)
def test_level_of_one_parameter_is_the_square(n_sigma):
    assert sed.delta_chi2(n_sigma, 1) == pytest.approx(n_sigma**2, rel=1e-9)


# ---------------------------------------------------------------------------------------------- recovery


def test_noiseless_model_is_recovered_at_every_node(models):
    """Chi-square is zero but for rounding: a few times 1e-16 of sum(w f^2) = 6 / 0.05^2 = 2400."""
    mass = 3.3e6
    flux = mass * models.reshape(-1, 6)
    _, result = fit(flux, 0.05 * flux, models)
    i, j = sed.best_models(result.chi2)
    np.testing.assert_array_equal(i * len(METALLICITY) + j, np.arange(len(flux)))
    rows = np.arange(len(flux))
    np.testing.assert_allclose(result.mass[rows, i, j], mass, rtol=1e-13)
    assert result.chi2[rows, i, j].max() < 1e-10
    others = result.chi2.copy()
    others[rows, i, j] = np.inf
    assert others.min() > 0.01, "no other model fits as well, so the recovery says something"


def test_normalisation_and_chi2_equal_brute_force(models, noisy):
    """scipy's bounded linear least squares, source by source and model by model (mass >= 0)."""
    photometry, result = fit(*noisy, models)
    for row in range(0, 40, 4):
        used = np.isfinite(photometry.flux[row])
        err = photometry.err[row, used]
        for i in range(len(AGE)):
            for j in range(len(METALLICITY)):
                template = models[i, j, used] * 1e6  # in units that suit scipy's tolerances
                solved = lsq_linear((template / err)[:, None], photometry.flux[row, used] / err, (0, np.inf))
                assert result.mass[row, i, j] == pytest.approx(solved.x[0] * 1e6, rel=1e-8)
                assert result.chi2[row, i, j] == pytest.approx(2 * solved.cost, rel=1e-8)


def test_mass_error_is_that_of_a_linear_fit(models):
    """Equal signal-to-noise s in n bands: relative error 1 / (s sqrt(n))."""
    flux = 1e6 * models[1, 1][None]
    _, result = fit(flux, flux / 20, models)
    assert result.mass_err[0, 1, 1] == pytest.approx(1e6 / (20 * np.sqrt(6)), rel=1e-12)


def test_reduced_chi2_of_noise(models):
    """With the true model fixed, chi2 has 5 degrees of freedom: mean 5 +- sqrt(10 / n), 4 sigma."""
    rng = np.random.default_rng(7)
    flux = np.repeat(1e6 * models[2, 1][None], 4000, axis=0)
    err = 0.1 * flux
    _, result = fit(flux + err * rng.normal(size=flux.shape), err, models)
    assert result.chi2[:, 2, 1].mean() == pytest.approx(5, abs=4 * np.sqrt(10 / 4000))
    pulls = (result.mass[:, 2, 1] - 1e6) / result.mass_err[:, 2, 1]
    assert pulls.mean() == pytest.approx(0, abs=4 / np.sqrt(4000))
    assert pulls.std() == pytest.approx(1, abs=4 / np.sqrt(8000))


# ------------------------------------------------------------------------------------------- invariances


def equal(one, other):
    """Bit for bit, NaN equal to NaN."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in ("chi2", "mass", "mass_err")
    )


def part(result, rows):
    """Some sources of a fit."""
    return sed.GridFit(result.chi2[rows], result.mass[rows], result.mass_err[rows])


def test_source_alone_gives_the_same_bits(models, noisy):
    _, together = fit(*noisy, models)
    for row in range(40):
        _, alone = fit(noisy[0][row], noisy[1][row], models)
        assert equal(alone, part(together, [row]))


@pytest.mark.parametrize("block", [1, 15, 16, 50, 10_000])
def test_blocks_give_the_same_bits(models, noisy, monkeypatch, block):
    """15 models: blocks of one source, one, one, three, and all."""
    _, together = fit(*noisy, models)
    monkeypatch.setattr(sed, "BLOCK_MODELS", block)
    _, blocks = fit(*noisy, models)
    assert equal(blocks, together)


def test_order_of_sources_does_not_matter(models, noisy):
    _, forward = fit(*noisy, models)
    _, backward = fit(noisy[0][::-1], noisy[1][::-1], models)
    assert equal(part(backward, slice(None, None, -1)), forward)


def test_flux_scale(models, noisy):
    """Ten times the flux and error: ten times the mass, the same chi-square (rounding only)."""
    _, one = fit(*noisy, models)
    _, ten = fit(10 * noisy[0], 10 * noisy[1], models)
    np.testing.assert_allclose(ten.mass, 10 * one.mass, rtol=1e-12)
    np.testing.assert_allclose(ten.chi2, one.chi2, rtol=1e-9, atol=1e-10)


def test_power_of_two_in_error_scales_chi2_exactly(models, noisy):
    """Half the errors: four times chi-square, half the error of the mass, and no rounding at all."""
    _, one = fit(*noisy, models)
    _, half = fit(noisy[0], 0.5 * noisy[1], models)
    np.testing.assert_array_equal(half.chi2, 4 * one.chi2)
    np.testing.assert_array_equal(half.mass, one.mass)
    np.testing.assert_array_equal(half.mass_err, 0.5 * one.mass_err)


def test_inputs_are_left_alone(models, noisy):
    flux, err = noisy[0].copy(), noisy[1].copy()
    fit(flux, err, models, flux_floor_fraction=0.1)
    np.testing.assert_array_equal(flux, noisy[0])
    np.testing.assert_array_equal(err, noisy[1])


# ------------------------------------------------------------------------------------------- awkward data


def test_zero_error_is_replaced_by_the_median_of_the_others():
    photometry = sed.prepare_photometry([[10.0, 10.0, 10.0, 10.0]], [[0.0, 1.0, 2.0, 4.0]])
    np.testing.assert_array_equal(photometry.err, [[2.0, 1.0, 2.0, 4.0]])
    assert photometry.flags[0] == Flag.ERROR_REPLACED


@pytest.mark.parametrize(("err", "replaced"), [(0.0099, True), (0.01, True), (0.0101, False)])
def test_absurdly_small_error(err, replaced):
    """At or below 1e-3 of a flux of 10."""
    photometry = sed.prepare_photometry([[-10.0, 10.0, 10.0]], [[err, 1.0, 3.0]], min_relative_error=1e-3)
    assert photometry.err[0, 0] == (2.0 if replaced else err)
    assert bool(photometry.flags[0] & Flag.ERROR_REPLACED) == replaced


def test_zero_flux_with_zero_error_is_replaced_too():
    photometry = sed.prepare_photometry([[0.0, 1.0, 1.0]], [[0.0, 0.5, 0.5]])
    assert photometry.err[0, 0] == 0.5


def test_zero_errors_leave_chi2_finite(models):
    flux = 1e6 * models[1, 1][None] * [1.1, 0.9, 1, 1.1, 0.9, 1]
    for zeros in (1, 3, 5):
        err = np.where(np.arange(6) < zeros, 0.0, 0.1 * flux)
        photometry, result = fit(flux, err, models)
        assert np.isfinite(result.chi2).all() and np.isfinite(result.mass).all()
        assert photometry.flags[0] & Flag.ERROR_REPLACED


def test_all_errors_zero_is_no_data(models):
    photometry, result = fit(models[1, 1], np.zeros(6), models)
    assert photometry.flags[0] == Flag.ERROR_REPLACED | Flag.NO_DATA | Flag.TOO_FEW_BANDS
    assert np.isnan(result.chi2).all() and np.isnan(result.mass).all()


def test_flux_floor_is_added_in_quadrature():
    photometry = sed.prepare_photometry([[3.0, -4.0, 0.0]], [[0.4, 0.3, 0.5]], flux_floor_fraction=0.1)
    np.testing.assert_allclose(photometry.err, [[0.5, 0.5, 0.5]], rtol=1e-15)


def test_negative_error_is_refused():
    with pytest.raises(ValueError, match="err holds negative values"):
        sed.prepare_photometry([[1.0, 1.0]], [[1.0, -1.0]])


def test_shapes_must_agree(models):
    with pytest.raises(ValueError, match=r"flux has shape \(1, 2\), err \(1, 3\)"):
        sed.prepare_photometry([[1.0, 1.0]], [[1.0, 1.0, 1.0]])
    with pytest.raises(ValueError, match="2 bands observed, 6 in the models"):
        sed.fit_grid(sed.prepare_photometry([[1.0, 1.0]], [[1.0, 1.0]]), models)


def test_negative_fluxes_count_as_they_are(models):
    """One negative band lowers the mass; with negative ones alone it is 0 and chi2 is sum(f^2/e^2)."""
    flux = 1e6 * models[1, 1]
    lowered = flux.copy()
    lowered[0] = -flux[0]
    _, result = fit(np.array([flux, lowered, -flux]), np.repeat(0.1 * flux[None], 3, axis=0), models)
    assert result.mass[1, 1, 1] == pytest.approx(1e6 * 4 / 6, rel=1e-12)  # 5 bands of +1, one of -1
    assert (result.mass[2] == 0).all()
    np.testing.assert_allclose(result.chi2[2], 6 * 10**2, rtol=1e-12)


def test_missing_band_is_a_band_less(models, noisy):
    """NaN in flux or in error, and models without that band: the same bits."""
    flux, err = np.nan_to_num(noisy[0], nan=1.0), noisy[1]
    keep = [0, 1, 2, 4, 5]
    _, without = fit(flux[:, keep], err[:, keep], models[..., keep])
    for hole_in_flux in (True, False):
        holed = [flux.copy(), err.copy()]
        holed[0 if hole_in_flux else 1][:, 3] = np.nan
        _, result = fit(*holed, models)
        assert equal(result, without)


def test_infinite_error_is_a_missing_band(models):
    flux, err = 1e6 * models[1, 1], np.full(6, 0.1)
    err[2] = np.inf
    photometry, _ = fit(flux, err, models)
    assert np.isnan(photometry.flux[0, 2])


def test_all_bands_missing(models):
    photometry, result = fit(np.full((1, 6), np.nan), np.ones((1, 6)), models)
    assert photometry.flags[0] == Flag.NO_DATA | Flag.TOO_FEW_BANDS
    assert np.isnan(result.chi2).all() and np.isnan(result.mass).all()


@pytest.mark.parametrize(
    ("n_bands", "flags"), [(1, Flag.TOO_FEW_BANDS), (2, Flag.TOO_FEW_BANDS), (3, Flag.NONE)]
)
def test_few_bands(models, n_bands, flags):
    flux = np.where(np.arange(6) < n_bands, 1e6 * models[1, 1], np.nan)
    photometry, result = fit(flux, 0.1 * flux, models)
    assert photometry.flags[0] == flags
    assert result.mass[0, 1, 1] == pytest.approx(1e6, rel=1e-12)
    if n_bands == 1:  # any model passes through one point
        np.testing.assert_allclose(result.chi2[0], 0, atol=1e-11)


def test_no_sources(models):
    _, result = fit(np.empty((0, 6)), np.empty((0, 6)), models)
    assert result.chi2.shape == (0, 5, 3)


def test_dominated():
    """One band of signal-to-noise 30 against five of 4: 900 of 980 is 91.8 % of the weight."""
    flux = np.full((1, 6), 12.0)
    photometry = sed.prepare_photometry(flux, [[0.4, 3, 3, 3, 3, 3]])
    assert sed.dominated(photometry, flux, 0.9).tolist() == [True]
    assert sed.dominated(photometry, flux, 0.92).tolist() == [False]


def test_single_band_is_not_called_dominated():
    flux = np.array([[1.0, np.nan]])
    assert not sed.dominated(sed.prepare_photometry(flux, [[0.1, 0.1]]), flux, 0.9).any()


# --------------------------------------------------------------------------------------------- intervals


def parabola():
    """chi2 = 7 + 0.99 (age - 4)^2 at one metallicity, 100 at the others; no node is on a level."""
    age = np.arange(0, 8.5, 0.5)
    chi2 = np.full((1, len(age), 3), 100.0)
    chi2[0, :, 1] = 7 + 0.99 * (age - 4.0) ** 2
    return age, chi2


def test_intervals_of_a_parabola():
    """One parameter: 4 +- n to the node inside; two: sqrt(2.30, 6.18, 11.83, 19.33) = 1.5, 2.5, 3.4, 4.4."""
    age, chi2 = parabola()
    columns = sed.intervals(chi2, age, METALLICITY)
    for level, half in ((1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)):
        assert columns[f"age_gyr_lo_{level}sigma_marginal"] == 4 - half
        assert columns[f"age_gyr_hi_{level}sigma_marginal"] == 4 + half
    for level, half in ((1, 1.5), (2, 2.0), (3, 3.0), (4, 4.0)):
        assert columns[f"age_gyr_lo_{level}sigma"] == 4 - half
        assert columns[f"age_gyr_hi_{level}sigma"] == 4 + half
    assert columns["metallicity_zsun_lo_5sigma"] == columns["metallicity_zsun_hi_5sigma"] == METALLICITY[1]


def test_intervals_are_nested(models, noisy):
    """1 in 2 in ... 5 sigma; one parameter inside two; the best fit in all."""
    _, result = fit(*noisy, models)
    columns = sed.intervals(result.chi2, AGE, METALLICITY)
    i, j = sed.best_models(result.chi2)
    for quantity, best in (("age_gyr", AGE[i]), ("metallicity_zsun", METALLICITY[j])):
        for suffix in ("", "_marginal"):
            lows = np.array([columns[f"{quantity}_lo_{level}sigma{suffix}"] for level in sed.SIGMA_LEVELS])
            highs = np.array([columns[f"{quantity}_hi_{level}sigma{suffix}"] for level in sed.SIGMA_LEVELS])
            assert (np.diff(lows, axis=0) <= 0).all() and (np.diff(highs, axis=0) >= 0).all()
            assert (lows[0] <= best).all() and (best <= highs[0]).all()
        for level in sed.SIGMA_LEVELS:
            ends = {end: columns[f"{quantity}_{end}_{level}sigma"] for end in ("lo", "hi")}
            assert (ends["lo"] <= columns[f"{quantity}_lo_{level}sigma_marginal"]).all()
            assert (ends["hi"] >= columns[f"{quantity}_hi_{level}sigma_marginal"]).all()
    assert (columns["age_gyr_lo_1sigma"] < columns["age_gyr_hi_5sigma"]).any(), "not all are single nodes"


def test_interval_of_no_data_is_nan():
    low, high = sed.interval(np.array([[np.nan, np.nan], [0.0, 9.0]]), np.array([1.0, 2.0]), 1.0)
    np.testing.assert_array_equal(low, [np.nan, 1.0])
    np.testing.assert_array_equal(high, [np.nan, 1.0])


def test_log_range_of_one_model():
    """A single model of mass 100 +- 10: half of log10(110) - log10(90)."""
    result = sed.GridFit(np.array([[[3.0]]]), np.array([[[100.0]]]), np.array([[[10.0]]]))
    expected = 0.5 * np.log10(110 / 90)
    assert sed.log_range(result, np.zeros((1, 1)))[0] == pytest.approx(expected, rel=1e-12)


def test_log_range_over_models():
    """A second model 0.75 worse has half the room: 200 +- 10 * 0.5; the range is 90 to 205."""
    result = sed.GridFit(
        np.array([[[3.0], [3.75]]]), np.array([[[100.0], [200.0]]]), np.full((1, 2, 1), 10.0)
    )
    expected = 0.5 * np.log10(205 / 90)
    assert sed.log_range(result, np.zeros((2, 1)))[0] == pytest.approx(expected, rel=1e-12)


def test_log_range_without_mass_is_nan():
    result = sed.GridFit(
        np.array([[[3.0]], [[np.nan]]]), np.array([[[0.0]], [[np.nan]]]), np.full((2, 1, 1), 10.0)
    )
    assert np.isnan(sed.log_range(result, np.zeros((1, 1)))).all()


# ------------------------------------------------------------------------------------------ odd rows and poor fits


@pytest.mark.parametrize(
    ("flux", "err"), [(-1e30, 1.0), (1e300, 1.0), (5.0, 1e160), (0.0, 1e99), (0.0, 1e9), (1e-300, 1e-300)]
)
def test_an_odd_band_is_missing(flux, err):
    """Sentinels and bands that tell nothing leave the fit as it is without them, with a flag; none stops it."""
    models = np.array([[[1.0, 1, 1, 1, 1]], [[1.0, 2, 3, 4, 5]]])
    plain = sed.prepare_photometry([[2.0, 4.1, 5.9, 8.0, np.nan]], [[0.1, 0.1, 0.1, 0.1, np.nan]])
    odd = sed.prepare_photometry([[2.0, 4.1, 5.9, 8.0, flux]], [[0.1, 0.1, 0.1, 0.1, err]])
    fit = sed.fit_grid(odd, models)
    assert np.isfinite(fit.chi2).all()
    assert odd.flags[0] & (Flag.UNUSABLE_BAND | Flag.ERROR_REPLACED)
    if flux != 1e-300:
        np.testing.assert_array_equal(fit.chi2, sed.fit_grid(plain, models).chi2)


def test_faint_sources_keep_all_their_bands():
    """An error above every flux is no lack of information; only one far above those of the other bands is."""
    photometry = sed.prepare_photometry([[0.01, -0.02, 0.0]], [[1.0, 50.0, 0.5]])
    assert np.isfinite(photometry.flux).all()
    assert photometry.flags[0] == 0


@pytest.mark.parametrize(
    ("value", "dof", "poor"),
    [(198.0, 3, True), (84.0, 3, False), (85.0, 3, True), (1e6, 0, False), (np.nan, 3, False)],
)
def test_poor_fits(value, dof, poor):
    """Chi-square of 3 degrees of freedom exceeds 21.1 with probability 1e-4; errors half as large make it 84.4."""
    assert bool(sed.is_poor_sed_fit(np.array([value]), np.array([dof]))[0]) == poor
