"""Elliptical profiles, maps that are followed, and their table."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.detect.tiles import CELL_PX
from clusterphot.luminosity import density, ellipse
from clusterphot.luminosity.importance import sample_posterior, weighted_quantiles
from clusterphot.luminosity.light import COLUMNS
from clusterphot.luminosity.spatial import Surroundings, describe_field
from scipy import special, stats
from spatial_mocks import CELL, CENTRE, Truth, density_of, draw_field, survey_of


def test_importance_sampling_of_a_gaussian_knows_its_moments_and_its_evidence():
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    target = stats.multivariate_normal([3.0, -1.0], covariance)
    draws = sample_posterior(
        lambda x: np.atleast_1d(target.logpdf(x)) + np.log(7.0), [0.0, 0.0], [1.0, 1.0], n_draws=6000
    )
    mean = draws.weight @ draws.values
    np.testing.assert_allclose(mean, [3.0, -1.0], atol=0.08)
    np.testing.assert_allclose(np.cov(draws.values.T, aweights=draws.weight), covariance, atol=0.15)
    assert draws.log_evidence == pytest.approx(np.log(7.0), abs=0.03)
    assert draws.n_effective > 2000
    low, high = weighted_quantiles(draws.resampled(2000)[:, 0], np.ones(2000), [0.1587, 0.8413])
    assert high - low == pytest.approx(2.0, abs=0.15)


def test_a_posterior_that_ends_at_a_prior_keeps_its_mass():
    def exponential(x):
        return np.where(x[:, 0] >= 0, -x[:, 0], -np.inf)

    draws = sample_posterior(exponential, [0.5], [1.0], n_draws=6000)
    assert draws.log_evidence == pytest.approx(0.0, abs=0.05)
    assert weighted_quantiles(draws.values[:, 0], draws.weight, [0.5])[0] == pytest.approx(
        np.log(2), abs=0.05
    )


def test_no_place_to_begin_is_said():
    with pytest.raises(ValueError, match="not finite where"):
        sample_posterior(lambda x: np.full(len(x), -np.inf), [0.0], [1.0])


def test_profile_of_many_clusters_is_found_though_few_are_seen_at_the_centre():
    truth = Truth(flattening=0.4)
    fit = ellipse.fit_ellipse(survey_of(density_of(truth), 2500, 3), CENTRE)
    weight = fit.draws.weight
    for values, true, tolerance in ((fit.core, 4.0, 0.8), (fit.slope, 2.2, 0.2), (fit.flattening, 0.4, 0.06)):
        assert weight @ values == pytest.approx(true, abs=tolerance)
    mean, error = ellipse.mean_angle(fit.angle, weight)
    assert mean == pytest.approx(truth.angle, abs=3 * error)
    assert error < 0.1


def test_nodes_stand_for_the_cells():
    survey = survey_of(density_of(Truth()), 10, 1)
    assert (survey.area > 0).sum() > ellipse.MOST_NODES
    nodes = ellipse.make_nodes(survey, CENTRE)
    assert len(nodes.x) < 0.3 * survey.area.size
    assert nodes.area.sum() == pytest.approx(survey.area.sum())
    rows, columns = np.indices(survey.area.shape)
    x, y = (columns.ravel() - CENTRE[1]) * CELL, (rows.ravel() - CENTRE[0]) * CELL
    for core, slope in ((1.0, 2.0), (3.0, 2.2), (8.0, 5.0)):
        parameters = np.array([[np.log(core), slope, 0.3, 0.2]])
        exact = np.exp(ellipse.profile_log_density(x, y, parameters))[0] @ survey.area.ravel()
        joined = np.exp(ellipse.profile_log_density(nodes.x, nodes.y, parameters))[0] @ nodes.area
        assert joined == pytest.approx(exact, rel=1e-3)


def test_the_map_that_is_followed_has_the_evidence_and_a_sharp_one_its_smoothing():
    followed = density_of(Truth(core=2.0, slope=3.0))
    wide = density_of(Truth(core=6.0, slope=2.0, flattening=0.0))
    survey = survey_of(followed, 600, 5)
    good = survey.area > 0
    lengths = (0.0, 0.5, 1.0, 2.0, 4.0)
    first, second = (density.follow_map(survey, values, good, lengths) for values in (followed, wide))
    assert first.exponent[1] == pytest.approx(1.0, abs=0.2)
    assert first.log_evidence > second.log_evidence + 5
    blurred = survey_of(density.smoothed(followed, 2.0 / CELL), 2000, 6)
    smooth = density.follow_map(blurred, followed, good, lengths)
    assert smooth.smoothing_arcsec[1] == pytest.approx(2.0, abs=1.0)
    assert smooth.log_evidence_smoothed > smooth.log_evidence + 5
    assert smooth.exponent_smoothed[1] == pytest.approx(1.0, abs=0.25)


def test_evidence_is_the_mean_likelihood_over_exponents():
    survey = survey_of(density_of(Truth()), 100, 8)
    values, good = density_of(Truth()), survey.area > 0
    log_l = density.exponent_log_likelihood(survey, values, good)
    even = np.interp(0.0, density.EXPONENTS, log_l)
    expected = special.logsumexp(log_l) - np.log(len(log_l)) - even
    assert density.follow_map(survey, values, good, (0.0,)).log_evidence == pytest.approx(expected)


def surroundings(maps, *, mirrored=False):
    """Cells with north up and east left, or mirrored."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [(1 if mirrored else -1) * CELL / 3600, CELL / 3600]
    wcs.wcs.crpix, wcs.wcs.crval = [CENTRE[1] + 1, CENTRE[0] + 1], [110.0, -73.0]
    followed = density_of(Truth())
    compared = {"followed.fits": followed, "wide.fits": density_of(Truth(core=12.0, flattening=0.0))}
    return Surroundings(maps, wcs, CENTRE, compared, Table(names=COLUMNS, dtype=[float] * len(COLUMNS)))


OPTIONS = SimpleNamespace(
    mag_limit=29.5, mag_min=25.0, turnover=30.0, width=1.2, colour=("A", "B"), smoothings=(1.0, 3.0), seed=1
)


def sources(field, rng):
    flux = field.sample.flux
    table = Table(
        {"x": field.column * CELL_PX + 8.0, "y": field.row * CELL_PX + 8.0, "mag": field.sample.mag}
    )
    table["p_cluster"] = np.ones(len(flux))
    table["flux_A"], table["flux_B"] = flux * np.exp(0.2 * rng.standard_normal(len(flux))), flux
    return table


def test_table_of_a_field():
    field = draw_field(11, 2500, Truth())
    table = sources(field, np.random.default_rng(0))
    around = surroundings(field.maps)
    spatial, draws = describe_field(table, field.injections.completeness, around, OPTIONS)
    assert list(dict.fromkeys(spatial["sample"])) == ["all", "bright", "faint", "blue", "red", "light"]
    whole = spatial[spatial["sample"] == "all"]
    assert whole["rank_evidence"].tolist() == [1, 2, 3] and whole["ln_evidence_below"][0] == 0
    assert whole["compared"][-1] == "wide.fits"
    profile = whole[whole["compared"] == "profile"][0]
    assert profile["slope_p16"] < profile["slope_p50"] < profile["slope_p84"]
    assert profile["slope_p50"] == pytest.approx(2.2, abs=0.5)
    # x to the west: 34 deg from x to y are 34 deg from west to north, 56 west of north, 180 - 56 east of it
    assert profile["angle_deg"] == pytest.approx(180 - (90 - np.degrees(0.6)), abs=25)
    followed = whole[whole["compared"] == "followed.fits"][0]
    assert followed["exponent_p16"] - 0.2 < 1.0 < followed["exponent_p84"] + 0.2
    assert followed["alpha_p50"] == pytest.approx(1 / followed["exponent_p50"])
    assert followed["alpha_p16"] == pytest.approx(1 / followed["exponent_p84"])
    parts = {
        name: int(spatial["n_in_sample"][spatial["sample"] == name][0])
        for name in ("bright", "faint", "blue", "red")
    }
    assert parts["bright"] + parts["faint"] == parts["blue"] + parts["red"] == whole["n_in_sample"][0]
    assert np.isnan(spatial["slope_p50"][-1])  # no isophotes
    assert len(draws) == 2000


def test_angles_on_a_mirrored_sky_turn_the_other_way():
    field = draw_field(11, 50, Truth())
    assert surroundings(field.maps).position_angle(0.6) == pytest.approx(
        180 - (90 - np.degrees(0.6)), abs=0.1
    )
    assert surroundings(field.maps, mirrored=True).position_angle(0.6) == pytest.approx(
        90 - np.degrees(0.6), abs=0.1
    )


def test_few_sources_are_not_described():
    field = draw_field(12, 30, Truth())
    table = sources(field, np.random.default_rng(0))
    spatial, draws = describe_field(table, field.injections.completeness, surroundings(field.maps), OPTIONS)
    assert list(spatial["sample"]) == ["all", "light"]
    assert np.isnan(spatial["slope_p50"]).all() and len(draws) == 0
