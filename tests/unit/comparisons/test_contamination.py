"""Classification: simulated mixtures with known members, leave-one-out, order, missing bands."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.units import flux_from_mag_ab, mag_ab
from clusterphot.comparisons.contamination import (
    MAG_GRID,
    Population,
    classify,
    cluster_population,
    control_population,
    mag_density,
    mix,
    power_laws,
    star_population,
    star_share,
    template_likelihoods,
)

REFERENCE = 1
CLUSTER = np.array([[[0.6, 1.0, 0.8, 0.5]], [[0.5, 1.0, 0.9, 0.6]]])
GALAXY = np.array([0.7, 1.0, 1.6, 1.9])
STAR = np.array([[22.0, 20.0, 20.6, 21.2]])


def draw(rng, shape, n, scatter, error):
    """Fluxes of n sources of 27.5-29 mag with an intrinsic scatter and noise."""
    amplitude = flux_from_mag_ab(rng.uniform(27.5, 29, n))[:, None]
    true = amplitude * shape * (1 + scatter * rng.standard_normal((n, 4)))
    return true + error * rng.standard_normal((n, 4))


@pytest.fixture(scope="module")
def mixture():
    """120 clusters, 15 galaxies and 15 stars in the cluster's region, 30 galaxies off it; 0.6 nJy errors."""
    rng = np.random.default_rng(11)
    star = flux_from_mag_ab(STAR) / flux_from_mag_ab(STAR)[0, REFERENCE]
    parts = [
        draw(rng, CLUSTER[0, 0], 120, 0.1, 0.6),
        draw(rng, GALAXY, 15, 0.25, 0.6),
        draw(rng, star, 15, 0.05, 0.6),
        draw(rng, GALAXY, 30, 0.25, 0.6),
        draw(rng, star, 20, 0.05, 0.6),
    ]
    kind = np.repeat([0, 1, 2, 1, 2], [len(part) for part in parts])
    control = np.repeat([False, True], [150, 50])
    return np.vstack(parts), np.full((200, 4), 0.6), kind, control


def run(flux, err, control, area_ratio=0.6, galaxies=None, shares=None):
    magnitude = mag_ab(flux[:, REFERENCE])
    counts = np.ones((1, len(MAG_GRID)))
    return classify(
        flux,
        err,
        cluster_population(CLUSTER, magnitude[~control], REFERENCE),
        star_population(STAR, counts, MAG_GRID, REFERENCE, magnitude),
        control_population(flux, err, np.flatnonzero(control), REFERENCE) if galaxies is None else galaxies,
        reference=REFERENCE,
        control=control,
        area_ratio=area_ratio,
        shares=shares,
    )


@pytest.fixture(scope="module")
def classes(mixture):
    flux, err, _, control = mixture
    return run(flux, err, control)


def test_members_are_recognised(mixture, classes):
    """Populations 0.5 mag apart at S/N above 15 are told apart; the galaxies' scatter leaves some ambiguous."""
    _, _, kind, control = mixture
    found = np.argmax(classes.probability, axis=1)
    for target, least in ((0, 0.95), (1, 0.8), (2, 0.8)):
        chosen = (kind == target) & ~control
        assert np.mean(found[chosen] == target) >= least


def test_rows_of_the_control_sample_judged_by_the_others_are_no_clusters(mixture, classes):
    _, _, _, control = mixture
    assert np.mean(classes.probability[control, 0] < 0.5) > 0.9
    assert np.all(np.isfinite(classes.cluster_err))


def test_probabilities_are_calibrated(mixture, classes):
    """Expected members add up to the true ones within the Poisson error of the field objects."""
    _, _, kind, control = mixture
    assert np.allclose(classes.probability.sum(axis=1), 1)
    assert classes.probability[~control, 0].sum() == pytest.approx(
        np.sum(kind[~control] == 0), abs=2 * np.sqrt(30)
    )
    assert sum(classes.shares.values()) == pytest.approx(1)


def test_order_of_the_sources_does_not_matter(mixture, classes):
    flux, err, _, control = mixture
    order = np.random.default_rng(2).permutation(len(flux))
    again = run(flux[order], err[order], control[order])
    assert again.probability == pytest.approx(classes.probability[order], abs=1e-8)


def test_a_scale_of_all_magnitudes_does_not_matter_to_the_ratio(mixture, classes):
    flux, err, _, control = mixture
    again = run(2 * flux, 2 * err, control)
    assert again.log_ratio == pytest.approx(
        classes.log_ratio, abs=0.2
    )  # the grid of magnitudes has steps of 0.1


def test_a_missing_band_counts_for_nothing(mixture):
    flux, err, _, control = mixture
    flux = flux.copy()
    flux[0, 3] = np.nan
    flux[1] = np.nan
    classes = run(flux, err, control)
    assert np.isfinite(classes.probability[0]).all()
    assert np.isnan(classes.probability[1]).all()


def test_a_lone_source_matches_itself_not(mixture):
    """A template made from a row has no likelihood for that row."""
    flux, err, _, control = mixture
    population = control_population(flux, err, np.flatnonzero(control), REFERENCE)
    matrix = template_likelihoods(flux, err, population, REFERENCE)
    assert np.isneginf(matrix[population.row, np.arange(len(population.row))]).all()
    assert np.isfinite(matrix).sum() == matrix.size - len(population.row)


def test_likelihood_of_one_template_on_paper():
    """One band, no scatter, all magnitudes alike: the integral over magnitude of a narrow Gaussian in flux is
    p(m) dm/df = p 1.0857 / f."""
    flat = np.full((1, len(MAG_GRID)), np.log(0.1))
    population = Population(np.ones((1, 1)), np.zeros((1, 1)), flat, 0.0)
    value = template_likelihoods(np.array([[20.0]]), np.array([[4.0]]), population, 0)[0, 0]
    grid = np.linspace(1, 60, 20000)
    exact = np.trapezoid(
        0.1 * 1.0857 / grid * np.exp(-0.5 * ((grid - 20) / 4) ** 2) / (4 * np.sqrt(2 * np.pi)), grid
    )
    assert np.exp(value) == pytest.approx(exact, rel=0.01)


def test_mix_of_nothing_is_nothing():
    assert np.isneginf(mix(np.full((1, 2), -np.inf), 0.0))[0]


def test_density_of_magnitudes_has_integral_one():
    assert mag_density(np.array([28.0, 28.5, np.nan])).sum() * 0.1 == pytest.approx(1)
    assert mag_density(np.array([])).sum() * 0.1 == pytest.approx(1)


def test_without_control_sample_clusters_stay_clusters(mixture):
    flux, err, kind, control = mixture
    flux, err, kind = flux[~control], err[~control], kind[~control]
    galaxies = power_laws(
        np.array([9000.0, 20000.0, 28000.0, 36000.0]), mag_ab(flux[:, REFERENCE]), REFERENCE
    )
    classes = run(flux, err, np.zeros(len(flux), bool), galaxies=galaxies, shares=(0.1, 0.1))
    assert np.mean(classes.probability[kind == 0, 0] > 0.5) > 0.9
    assert np.isnan(classes.cluster_err).all()


def test_share_of_stars_over_the_range_of_the_sources():
    counts = Table({"mag_low": [27.0, 28.0], "mag_high": [28.0, 29.0], "n_stars": [4.0, 2.0]})
    magnitude = np.concatenate([np.linspace(27.5, 28.5, 59), [np.nan]])
    assert star_share(counts, magnitude) == pytest.approx(3 / 60)
    assert star_share(counts, np.array([np.nan])) == 0
