"""The measures of `make bench-detection`: matching, what sources are put down to, the test of predicted numbers."""

import numpy as np
import pytest
from astropy.table import Table

PLACE = "tests/bench"


@pytest.fixture
def measures(repo, monkeypatch):
    monkeypatch.syspath_prepend(repo / PLACE)
    return __import__("detection_measures")


@pytest.fixture
def tuning(measures):
    return __import__("detection_tuning")


def truth():
    """Two clusters, a bright star and a galaxy; the clusters have 28.1 and 29.0 mag."""
    return Table(
        {
            "kind": ["cluster", "cluster", "star", "galaxy"],
            "x_F200W": [100.0, 104.0, 300.0, 600.0],
            "y_F200W": [100.0, 100.0, 300.0, 600.0],
            "flux_F200W": [21.0, 9.1, 1e6, 100.0],
            "sb_F200W": [100.0, 100.0, np.nan, np.nan],
        }
    )


def selected(x, y, mag):
    return Table({"x": np.array(x, float), "y": np.array(y, float), "mag": np.array(mag, float)})


def test_a_source_is_one_cluster_only(measures):
    """A source between two clusters belongs to the nearer one; the other is not found."""
    table = selected([101.5], [100.0], [28.0])
    row = measures.nearest(table, truth()[:2], 0.02)
    assert list(row) == [0, -1]


def test_what_sources_are(measures):
    """A source 1" from a star of 16 mag is a piece of its wings, one 4" away is noise, as is one on nothing."""
    x, y = [100, 300, 605, 350, 500, 900], [100, 301, 600, 300, 300, 100]
    table = selected(x, y, [28.0, 28.0, 28.7, 28.0, 28.0, 28.0])
    row = measures.nearest(table, truth()[:2], 0.02)
    kinds = measures.mistaken(table, truth(), row, 0.02)
    assert kinds["kinds_28.5"] == {"cluster": 1, "star": 1, "galaxy": 0, "wing": 1, "noise": 2}
    assert kinds["kinds_29"]["galaxy"] == 1


def test_only_bright_stars_have_wings(measures):
    faint = truth()
    faint["flux_F200W"][2] = 1e4
    assert list(measures.kinds_of(selected([350], [300], [28.0]), faint, 0.02)) == ["noise"]


def test_clusters_are_counted_by_distance_to_a_galaxy(measures):
    """At 0.2", 0.5" and 4" of one galaxy; one of 29.6 mag is not counted, nor is what was not searched."""
    table = Table(
        {
            "kind": ["cluster"] * 4 + ["galaxy"],
            "x_F200W": [110.0, 125.0, 300.0, 111.0, 100.0],
            "y_F200W": [100.0] * 5,
            "flux_F200W": [21.0, 21.0, 21.0, 5.2, 100.0],
        }
    )
    put = Table(
        {
            "x": [110.0, 112.0, 113.0],
            "y": [100.0] * 3,
            "flux_in_F200W": [21.0] * 3,
            "selected": [True, False, True],
            "searched": [True, True, False],
        }
    )
    found = np.array([True, False, True, True])
    out = measures.beside_galaxies(table, found, put, 0.02)
    assert out == {"clusters": [[1, 1], [0, 1], [1, 1]], "artificial": [[1, 2], [0, 0], [0, 0]]}


def test_found_ones_stand_for_those_put_in(measures):
    """With fluxes that are right, counting for 1 / completeness gives back what was put in, bin by bin."""
    rng = np.random.default_rng(4)
    n = 5000
    mag = rng.uniform(27.0, 31.0, n)
    flux = 10 ** (-0.4 * (mag - 31.4))
    seen = rng.uniform(size=n) < 1.0 / (1.0 + np.exp((mag - 29.5) / 0.2))
    put = Table({"flux_in_F200W": flux, "flux_F200W": flux, "selected": seen, "searched": np.ones(n, bool)})
    put["noise_F200W"], put["surface_brightness"] = rng.uniform(1.0, 1.01, n), rng.uniform(1.0, 2.0, n)
    put["neighbour_light"] = 0.0
    for counted, error, wanted in measures.counted_for_missed(put, 29.5):
        assert counted == pytest.approx(wanted, abs=4 * error)
        assert error < 0.15 * wanted


def test_bins_of_closure_hold_all_clusters(measures):
    """Four of noise times four of magnitude; the faintest tenth is a bin of its own."""
    rng = np.random.default_rng(1)
    mag, noise = rng.uniform(26, 31, 800), rng.uniform(1, 2, 800)
    number = measures.bins_of(mag, noise)
    assert set(number) == set(range(16))
    assert np.isin(number, (3, 7, 11, 15)).mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.2, 0.8), (0.15, 0.0, 0.1)])
def test_p_value_of_predicted_numbers(measures, shift, low, high):
    """Uniform from 0 to 1 where the prediction holds, though most bins expect no loss; small where fewer are found."""
    rng = np.random.default_rng(3)
    mag, noise = rng.uniform(26, 31, 300), rng.uniform(1, 2, 300)
    middle = 29.5 + 0.05 * rng.standard_normal((41, 1))
    p = np.clip(1.0 / (1.0 + np.exp((mag - middle) / 0.3)), 5e-4, 1 - 5e-4)
    number = measures.bins_of(mag, noise)
    values, sigmas = [], []
    for k in range(40):
        # The truth differs from the prediction as the resampled predictions do.
        seen = rng.uniform(size=300) < np.clip(p[1 + k] - shift, 0, 1)
        out = measures.compare_numbers(seen, p[0], p[1:] - p[1:].mean(axis=0) + p[0], number, draws=10)
        values.append(out["p_value"])
        sigmas.append(out["sigma"])
    assert out["n_bins"] == 16
    assert low <= np.median(values) <= high
    assert (np.abs(np.mean(sigmas)) < 0.5) == (shift == 0.0)


@pytest.mark.parametrize("method", ["logistic", "table"])
def test_predictions_scatter_as_the_artificial_clusters_do(measures, method):
    """The error of a share of 0.5 from m trials is 0.5 / sqrt(m), by both methods; the method never changes."""
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Measured:
        share: float
        method: str

        def __call__(self, mag, noise, light):
            return np.full(len(mag), self.share if self.method == method else np.nan)

    calls = []

    def measure(mag, noise, light, selected):
        calls.append(len(mag))
        return Measured(float(np.mean(selected)), method if len(calls) == 1 else "other")

    selected = np.arange(400) % 2 == 0
    tried = (np.zeros(400), np.ones(400), np.ones(400), selected)
    p, resampled = measures.predictions(measure, tried, (np.zeros(3),) * 3, n_resamples=200)
    assert p == pytest.approx(0.5)
    assert resampled.shape == (200, 3)
    assert resampled[:, 0].std() == pytest.approx(0.5 / np.sqrt(400), rel=0.15)


def test_quality_of_a_cut_is_that_of_the_cut_catalogue(tuning, measures):
    """The fast way of `Judged` gives what counting the cut catalogue gives."""
    peers = __import__("detection_peers")
    rng = np.random.default_rng(5)
    n = 60
    sky = Table(
        {
            "kind": np.where(np.arange(n) < 50, "cluster", "galaxy"),
            "x_F200W": rng.uniform(0, 200, n),
            "y_F200W": rng.uniform(0, 200, n),
            "flux_F200W": rng.uniform(5, 60, n),
            "sb_F200W": np.zeros(n),
        }
    )
    near = rng.integers(n, size=150)
    table = selected(
        sky["x_F200W"][near] + rng.normal(0, 2, 150), sky["y_F200W"][near] + rng.normal(0, 2, 150),
        rng.uniform(25, 31, 150),
    )  # fmt: skip
    table["ratio"] = rng.uniform(0.5, 2, 150)
    values = set()
    for low, high in ((0.0, None), (0.7, 1.4), (0.0, 1.2), (5.0, 6.0)):
        setting = peers.Setting(0.32, 5.0, "local", "same", low, high)
        score = peers.scores(table[peers.concentrated(table["ratio"], setting)], sky, 0.02)
        kinds = score["kinds_28.5"]
        completeness = score["found_bright"] / score["n_bright"]
        wrong = sum(kinds[name] for name in measures.CONTAMINANTS)
        purity = kinds["cluster"] / max(kinds["cluster"] + wrong, 1)
        expected = 2 * completeness * purity / max(completeness + purity, 1e-9)
        assert tuning.Judged(table, sky, 0.02).quality(setting) == pytest.approx(expected)
        values.add(round(expected, 6))
    assert len(values) == 4


def test_climb_leaves_the_grid_until_neighbours_are_worse(tuning):
    """From a grid whose best lies on its corner to the top outside it."""
    best, tried = tuning.climb(
        lambda place: -((place[0] + 3) ** 2) - (place[1] - 14) ** 2,
        [(i, j) for i in (0, 2) for j in (4, 10)],
        lambda place: [(place[0] + i, place[1] + j) for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))],
    )
    assert best == (-3, 14)
    assert (-4, 14) in tried and (-3, 15) in tried


def test_edges_of_what_was_tried_are_named(tuning, monkeypatch):
    """A finder that gets better with ever larger cells ends on an edge, and it is said."""
    peers = __import__("detection_peers")

    def rising(field, finder, cell, threshold, noise):
        score = cell - abs(threshold - 5.0) + (noise == "field")
        return score, peers.Setting(cell, threshold, noise, "same", tuning.LOWS[-1], None)

    monkeypatch.setattr(tuning, "best_here", rising)
    entry = tuning.tune(None, None)
    assert entry["on_edge"] == ["cell_arcsec", "low"]
    assert entry["setting"]["cell_arcsec"] == 2.56 and entry["setting"]["noise"] == "field"
    assert "cell_arcsec, low" in tuning.edge_statement({"sep": entry})


@pytest.mark.parametrize("name", ["sep", "sep, kernel of the PSF", "photutils DAOStarFinder"])
def test_finders_threshold_in_real_sigma(measures, name):
    """On correlated noise alone few samples exceed 4.5 sigma of the thresholded image, and a source of 9 is seen."""
    from scipy import ndimage

    peers = __import__("detection_peers")
    finder, rng = peers.FINDERS[name], np.random.default_rng(7)
    light = ndimage.uniform_filter(rng.normal(size=(200, 200)), 3)
    y, x = np.mgrid[-10:11, -10:11]
    psf = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    kernel = finder.kernel(psf / psf.sum(), 3.53)
    sigma = peers.MAD_TO_SIGMA * np.median(np.abs(peers.filtered(light, kernel)))
    noise, bad = np.full(light.shape, sigma), np.zeros(light.shape, dtype=bool)
    assert len(finder.find(light, kernel, noise, bad, 3.53, 4.5)[0]) <= 1
    one = np.zeros_like(light)
    one[90:111, 90:111] = psf
    light += one * 9.0 * sigma / peers.filtered(one, kernel).max()
    found = finder.find(light, kernel, noise, bad, 3.53, 4.5)
    assert np.hypot(found[0] - 100, found[1] - 100).min() < 1.5


@pytest.fixture
def page(measures):
    return __import__("detection_page")


def test_shares_have_binomial_intervals(page):
    """Wilson: of 80 of 82 0.952 to 0.988; all of 10 reach 1."""
    assert page.interval(80, 82) == "0.976 (0.952-0.988) of 82"
    assert page.interval(10, 10) == "1.000 (0.909-1.000) of 10"
    assert page.interval(0, 0) == "-"


def test_wings_count_against_purity(page):
    kinds = {"cluster": 6, "star": 50, "galaxy": 1, "wing": 2, "noise": 3}
    assert page.purity(kinds) == "0.500"


def test_settings_are_told_with_their_units(page):
    setting = {
        "cell_arcsec": 0.113,
        "threshold": 5.86,
        "noise": "local",
        "bands": "sum",
        "low": 0.0,
        "high": 1.05,
    }
    assert page._said(setting) == (
        'cell 0.11", 5.86 sigma (local noise), in the sum with F150W, concentration < 1.05'
    )
    assert page._said(setting | {"low": 0.5}).endswith("concentration > 0.5 and < 1.05")
    assert page._said(setting | {"high": None}).endswith("F150W")


def test_rules_are_read_from_benchmark_files(measures, tmp_path):
    """Two jobs of one rule add up; a rule that was not asked for is left out."""
    bench_scale = __import__("bench_scale")
    for rule, job, cpu, memory in (
        ("search", "a", "2.5", "10.0"),
        ("search", "b", "-", "30.0"),
        ("page", "a", "1", "5"),
    ):
        path = tmp_path / "benchmarks" / rule / f"{job}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\tcpu_time\n1.0\t{memory}\t{cpu}\n", encoding="utf-8")
    rules = bench_scale.rules_of(tmp_path)
    assert set(rules) == {"search", "page"}
    assert (rules["search"]["n_jobs"], rules["search"]["cpu_s"], rules["search"]["memory_mb"]) == (
        2,
        2.5,
        30.0,
    )
    assert set(bench_scale.rules_of(tmp_path, {"page"})) == {"page"}
