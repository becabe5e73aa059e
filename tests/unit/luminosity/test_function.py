"""Luminosity function on mocks of known turnover: intervals that hold, turnovers nobody can see, numbers."""

from dataclasses import replace

import numpy as np
import pytest
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.luminosity import function as lf
from clusterphot.luminosity.inputs import fit_smooth
from luminosity_mocks import LIMIT, NOISE, draw
from scipy import stats


def complete(mag, noise, light, neighbours=0.0):
    """Everything is found."""
    return np.ones(np.broadcast_shapes(np.shape(mag), np.shape(noise), np.shape(light)))


def cut(mag, noise, light, neighbours=0.0):
    """All brighter than 29 mag is found, nothing else."""
    return np.where(mag < 29.0, 1.0, 0.0) * complete(mag, noise, light)


def sample_of(mag, noise=1e-3):
    """Sample of these magnitudes, without errors to speak of."""
    n = len(mag)
    return lf.Sample(flux_from_mag_ab(mag), np.full(n, noise), np.zeros(n), np.ones(n))


class TestLikelihood:
    def test_complete_and_exact_is_that_of_a_normal_distribution(self):
        mag = np.random.default_rng(0).normal(28.0, 0.8, 300)
        kernels = lf.make_sample_kernels(sample_of(mag), complete)
        at = np.array([27.9, 28.0, 28.3]), np.array([0.8, 0.7, 1.0])
        value = lf.log_likelihood(kernels, lf.gaussian_shapes(kernels.mag, *at))
        expected = [stats.norm.logpdf(mag, m, s).sum() for m, s in zip(*at, strict=True)]
        # differences count; the grid of 0.05 mag interpolates the density to 1e-3 per source
        assert np.diff(value) == pytest.approx(np.diff(expected), abs=0.3)

    def test_cut_is_that_of_a_truncated_normal_distribution(self):
        mag = np.random.default_rng(1).normal(28.0, 0.8, 3000)
        mag = mag[mag < 28.97][:500]
        kernels = lf.make_sample_kernels(sample_of(mag), cut)
        at = np.array([27.9, 28.0, 28.3]), np.array([0.8, 0.7, 1.0])
        value = lf.log_likelihood(kernels, lf.gaussian_shapes(kernels.mag, *at))
        expected = [
            (stats.norm.logpdf(mag, m, s) - stats.norm.logcdf(29.0 - 0.025, m, s)).sum()
            for m, s in zip(*at, strict=True)
        ]
        assert np.diff(value) == pytest.approx(np.diff(expected), abs=1.0)

    def test_errors_widen_the_found_distribution_and_are_taken_out(self):
        """Noise of a third of the flux at 28 mag adds 0.33 mag in quadrature to a width of 0.3."""
        rng = np.random.default_rng(2)
        flux = flux_from_mag_ab(rng.normal(27.5, 0.3, 2000))
        noise = 0.2 * flux_from_mag_ab(27.5)
        found = flux + noise * rng.standard_normal(2000)
        good = found > 0
        n = int(good.sum())
        sample = lf.Sample(found[good], np.full(n, noise), np.zeros(n), np.ones(n))
        kernels = lf.make_sample_kernels(sample, complete)
        fit = lf.fit_turnover(kernels, lf.Options((26.0, 29.0), (0.1, 1.0)))
        # 2000 sources: error of the mean about 0.01, of the width about 0.012
        assert fit.quantile(0.5) == pytest.approx(27.5, abs=0.05)
        assert fit.quantile(0.5, "width") == pytest.approx(0.3, abs=0.05)

    def test_contaminants_are_taken_out_by_their_probability(self):
        rng = np.random.default_rng(3)
        mag = np.concatenate([rng.normal(27.0, 0.5, 400), rng.uniform(27, 30, 400)])
        p = 400 * stats.norm.pdf(mag, 27.0, 0.5)
        p /= p + 400 / 3 * ((mag > 27) & (mag < 30))
        clean = lf.Sample(flux_from_mag_ab(mag), np.full(800, 1e-3), np.zeros(800), p)
        options = lf.Options((25.0, 31.0), (0.2, 3.0))
        fit = lf.fit_turnover(lf.make_sample_kernels(clean, complete), options)
        taken = lf.fit_turnover(lf.make_sample_kernels(sample_of(mag), complete), options)
        assert fit.quantile(0.5) == pytest.approx(27.0, abs=0.12)
        assert fit.quantile(0.5, "width") == pytest.approx(0.5, abs=0.12)
        assert taken.quantile(0.5) > 27.4

    def test_a_source_counts_by_its_probability(self):
        """Twice as probable is as good as there twice; what is no cluster for sure leaves no trace."""
        one = draw(4, -1.0, 0.9, 60).sample
        columns = [getattr(one, name) for name in ("flux", "noise", "light")]
        half = lf.make_sample_kernels(lf.Sample(*columns, np.full(60, 0.5)), complete)
        some = lf.make_sample_kernels(lf.Sample(*columns, np.where(np.arange(60) < 40, 1.0, 0.0)), complete)
        first = lf.make_sample_kernels(lf.Sample(*(column[:40] for column in columns), np.ones(40)), complete)
        shapes = [
            lf.gaussian_shapes(k.mag, np.array([28.0, 29.0]), np.array([0.8, 1.2])) for k in (half, first)
        ]
        whole = lf.log_likelihood(lf.make_sample_kernels(one, complete), shapes[0])
        np.testing.assert_allclose(2 * lf.log_likelihood(half, shapes[0]), whole)
        gain = np.diff(lf.log_likelihood(some, shapes[0]))
        np.testing.assert_allclose(gain, np.diff(lf.log_likelihood(first, shapes[1])), rtol=1e-6)

    def test_order_of_sources_does_not_matter(self):
        one = draw(4, -1.0, 0.9, 60).sample
        back = lf.Sample(*(getattr(one, name)[::-1] for name in ("flux", "noise", "light", "p_cluster")))
        fits = [
            lf.fit_turnover(lf.make_sample_kernels(s, complete), lf.Options((26.0, 33.0), (0.3, 3.0)))
            for s in (one, back)
        ]
        assert fits[0].quantile(0.5) == pytest.approx(fits[1].quantile(0.5), abs=1e-8)


class TestResponse:
    def test_a_threshold_lets_faint_ones_through_too_bright(self):
        """At a true S/N of 4 and a threshold of 5 the found flux is 5.37 (median of a truncated normal)."""
        rng = np.random.default_rng(0)
        true = np.full(20000, 4.0)
        found = true + rng.standard_normal(20000)
        response = lf.measure_response(true, found, np.ones(20000), found > 5)
        expected = stats.norm.isf(0.5 * stats.norm.sf(1.0)) + 0.0
        assert np.median(response.bias) == pytest.approx(expected, abs=0.05)

    def test_few_injections_give_the_ideal_one(self):
        few = np.ones(10)
        assert lf.measure_response(few, few, few, few > 0) is lf.IDEAL


class TestSmoothCompleteness:
    def test_curve_of_a_threshold_is_met_where_a_logistic_is_not(self):
        rng = np.random.default_rng(5)
        mag = rng.uniform(26.5, 31, 5000)
        noise = np.full(5000, NOISE)
        seen = flux_from_mag_ab(mag) + noise * rng.standard_normal(5000) > 5 * noise
        smooth = fit_smooth(mag, noise, np.full(5000, 1000.0), np.zeros(5000), seen)
        at = np.array([28.5, 29.0, 29.3, 29.5, 29.7, 30.0])
        expected = stats.norm.sf(5 - flux_from_mag_ab(at) / NOISE)
        # 5000 injections: 0.015 per half magnitude; four terms bend to 0.03 of a normal distribution
        assert smooth(at, NOISE, 1000.0) == pytest.approx(expected, abs=0.05)

    def test_falls_with_magnitude_everywhere(self):
        mock = draw(6, -1.0, 0.9, 20)
        smooth = fit_smooth(*mock.injected)
        curve = smooth(np.arange(20.0, 40.0, 0.05), NOISE, 1000.0)
        assert np.all(np.diff(curve) < 1e-3) and curve[-1] < 1e-3 < 0.9 < curve[0]


REACH, SIGMA = 29.5, 0.2
TURNOVERS = np.arange(26.5, 34.51, 0.05)


def gaussian_fit(estimate):
    """Fit whose posterior is a Gaussian of 0.2 mag around an estimate, with its verdict."""
    log_posterior = -0.5 * ((TURNOVERS - estimate) / SIGMA) ** 2
    fit = lf.TurnoverFit(
        TURNOVERS, np.ones(1), log_posterior[:, None], log_posterior, np.inf, REACH, identifiable=False
    )
    return replace(fit, identifiable=fit.margin > 0)


class TestQuantiles:
    @pytest.mark.parametrize("shift", [0.0, 0.02, 0.025])
    def test_narrow_posteriors_between_grid_points(self, shift):
        """A Gaussian of 0.03 mag on a grid of 0.05 mag, in which cells would be half too wide."""
        log_posterior = -0.5 * ((TURNOVERS - 28.5 - shift) / 0.03) ** 2
        fit = lf.TurnoverFit(
            TURNOVERS, np.ones(1), log_posterior[:, None], log_posterior, np.inf, REACH, identifiable=True
        )
        expected = 28.5 + shift + 0.03 * stats.norm.ppf([0.05, 0.1587, 0.5, 0.8413])
        assert [fit.quantile(q) for q in (0.05, 0.1587, 0.5, 0.8413)] == pytest.approx(expected, abs=2e-3)

    def test_correlated_turnover_and_width(self):
        width = np.exp(np.linspace(np.log(0.3), np.log(3.0), lf.N_WIDTHS))
        pulls = np.broadcast_arrays((TURNOVERS[:, None] - 28.51) / 0.06, np.log(width / 0.83) / 0.07)
        pulls = np.stack(pulls, axis=-1)
        covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
        log_posterior = -0.5 * np.einsum("abi,ij,abj->ab", pulls, np.linalg.inv(covariance), pulls)
        fit = lf.TurnoverFit(TURNOVERS, width, log_posterior, log_posterior.max(axis=1), np.inf, REACH, True)
        expected = 28.51 + 0.06 * stats.norm.ppf([0.1587, 0.8413])
        assert [fit.quantile(q) for q in (0.1587, 0.8413)] == pytest.approx(expected, abs=3e-3)
        expected = 0.83 * np.exp(0.07 * stats.norm.ppf([0.1587, 0.8413]))
        assert [fit.quantile(q, "width") for q in (0.1587, 0.8413)] == pytest.approx(expected, abs=3e-3)


class TestVerdict:
    @pytest.mark.parametrize(
        "distance",
        [4.0, 1.645, -2.0, *(pytest.param(value, marks=pytest.mark.slow) for value in (2.5, 1.0, 0.5, 0.0))],
    )
    def test_intervals_hold_the_turnover_among_identifiable_ones_and_among_others(self, distance):
        """Estimates scatter by one sigma; the turnover is so many sigma brighter than the reach."""
        true = REACH - distance * SIGMA
        # the same quantiles of the estimates in each: no chance in it but in their steps
        fits = [gaussian_fit(true + SIGMA * e) for e in stats.norm.ppf((np.arange(400) + 0.5) / 400)]
        seen = np.array([fit.identifiable for fit in fits])
        assert seen.mean() == pytest.approx(stats.norm.sf(stats.norm.isf(0.05) - distance), abs=0.01)
        inside = np.array([fit.interval[0] <= true <= fit.interval[1] for fit in fits])
        below = np.array([fit.brightest <= true for fit in fits])
        for part, limits in ((inside[seen], below[:0]), (inside[~seen], below[~seen])):
            if len(part) > 10:
                assert part.mean() == pytest.approx(0.683, abs=0.02 + 1 / len(part))
            if len(limits) > 10:
                assert limits.mean() == pytest.approx(0.95, abs=0.01 + 1 / len(limits))

    def test_an_interval_that_ignores_the_verdict_misses_it(self):
        """A turnover at the reach: all that are called identifiable have estimates brighter by 1.6 sigma."""
        fits = [gaussian_fit(REACH + SIGMA * e) for e in stats.norm.ppf((np.arange(400) + 0.5) / 400)]
        seen = [fit for fit in fits if fit.identifiable]
        assert 10 < len(seen) < 30
        assert all(fit.quantile(0.8413) < REACH for fit in seen)
        assert np.mean([fit.interval[1] >= REACH for fit in seen]) > 0.5

    @pytest.mark.parametrize("distance", [8.0, -4.0])
    def test_far_from_the_border_the_verdict_changes_nothing(self, distance):
        estimate = REACH - distance * SIGMA
        fit = gaussian_fit(estimate)
        assert fit.interval == pytest.approx((estimate - SIGMA, estimate + SIGMA), abs=0.01)
        assert fit.brightest == pytest.approx(estimate - 1.645 * SIGMA, abs=0.01)

    def test_close_to_the_border_the_interval_reaches_farther_to_the_other_side(self):
        seen, unseen = (gaussian_fit(REACH - n * SIGMA) for n in (1.7, 1.6))
        assert seen.identifiable and not unseen.identifiable
        for fit, sign in ((seen, 1), (unseen, -1)):
            near, far = sorted(abs(end - fit.quantile(0.5)) / SIGMA for end in fit.interval)
            assert near < 0.8 and 2.2 < far < 2.6
            assert sign * (np.mean(fit.interval) - fit.quantile(0.5)) > 0

    def test_a_verdict_of_the_fall_alone_is_not_allowed_for(self):
        fit = replace(gaussian_fit(REACH - 3 * SIGMA), identifiable=False)
        assert fit.levels == lf.ONE_SIGMA and fit.brightest == fit.quantile(0.05)


def summarise(mocks, offset, n_draws=0):
    """Whether each turnover is identifiable and inside its interval, and its pull."""
    rows = []
    for mock in mocks:
        fit = mock.fit(mock.kernels(n_draws))
        (low, high), middle, true = fit.interval, fit.quantile(0.5), LIMIT + offset
        rows.append((fit.identifiable, low <= true <= high, (middle - true) / (0.5 * (high - low))))
    return np.array(rows, dtype=float).T


class TestTurnover:
    def test_intervals_hold_it_in_a_few_mocks(self):
        identifiable, inside, pull = summarise([draw(seed, -1.0, 0.9, 150) for seed in range(12)], -1.0)
        assert identifiable.all()
        # of 12 with a chance of 0.68: fewer than 4 is one in 5000
        assert inside.sum() >= 4
        # mean of 12 pulls: 0.29
        assert abs(pull.mean()) < 1.0 and 0.4 < pull.std() < 1.7

    def test_out_of_reach_is_called_not_identifiable(self):
        identifiable, _, _ = summarise([draw(seed, 3.0, 1.2, 250) for seed in range(8)], 3.0)
        assert not identifiable.any()

    def test_out_of_reach_with_the_width_assumed(self):
        """The assumed width gives a narrow interval, but where the data do not reach."""
        mock = draw(0, 3.0, 1.2, 250)
        fit = mock.fit(mock.kernels(), width_range=(1.2, 1.2))
        assert fit.quantile(0.84) - fit.quantile(0.16) < 2.0
        assert not fit.identifiable and fit.weights.shape[1] == 1

    def test_numbers_are_corrected(self):
        mock = draw(1, -1.0, 0.9, 400)
        kernels = mock.kernels(4)
        fit = mock.fit(kernels)
        total, to_limit = lf.corrected_numbers(kernels, mock.sample, fit, LIMIT)
        for (middle, low, high), true in ((total, mock.total), (to_limit, mock.to_limit)):
            assert low < middle < high and abs(middle - true) < 3 * 0.5 * (high - low)
        assert to_limit[0] < total[0] and total[0] > 400

    def test_no_total_without_a_turnover(self):
        mock = draw(2, 3.0, 1.2, 150)
        kernels = mock.kernels()
        total, to_limit = lf.corrected_numbers(kernels, mock.sample, mock.fit(kernels), LIMIT)
        assert np.isnan(total).all() and np.isfinite(to_limit).all()

    def test_expected_counts_are_those_found(self):
        mock = draw(3, -1.0, 0.9, 500)
        kernels = mock.kernels()
        edges = np.arange(25.0, 31.1, 0.5)
        expected = lf.found_density(kernels[0], mock.sample, mock.response, mock.fit(kernels), edges)
        found = np.histogram(mock.sample.mag, edges)[0]
        assert expected.sum() == pytest.approx(500, rel=0.01)
        good = expected > 5
        chi2 = ((found - expected)[good] ** 2 / expected[good]).sum()
        assert chi2 < stats.chi2.isf(1e-4, good.sum())

    @pytest.mark.slow
    def test_coverage_of_300_mocks(self):
        """pytest -m slow tests/unit/luminosity/test_function.py"""
        identifiable, inside, pull = summarise((draw(1000 + k, -1.0, 0.9, 250) for k in range(300)), -1.0)
        assert identifiable.mean() > 0.95
        assert 0.63 < inside[identifiable > 0].mean() < 0.73

    @pytest.mark.slow
    def test_coverage_where_half_of_300_mocks_are_identifiable(self):
        """Of those alone, and of the others: 0.68 +- 0.04 each, with three sigma to spare."""
        identifiable, inside, _ = summarise((draw(1000 + k, -0.5, 1.2, 250) for k in range(300)), -0.5)
        assert 0.3 < identifiable.mean() < 0.8
        assert 0.56 < inside[identifiable > 0].mean() < 0.8 and 0.54 < inside[identifiable == 0].mean() < 0.82

    @pytest.mark.slow
    def test_none_of_300_mocks_out_of_reach_is_identifiable(self):
        identifiable, _, _ = summarise((draw(1000 + k, 3.0, 1.2, 250) for k in range(300)), 3.0)
        assert not identifiable.any()
