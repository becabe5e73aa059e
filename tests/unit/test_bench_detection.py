"""The measures of `make bench-detection`: matching, what sources are put down to, the test of predicted numbers."""

import numpy as np
import pytest
from astropy.table import Table

PLACE = "tests/bench"


@pytest.fixture
def measures(repo, monkeypatch):
    monkeypatch.syspath_prepend(repo / PLACE)
    return __import__("detection_measures")


def truth():
    """Two clusters, a star and a galaxy."""
    return Table(
        {
            "kind": ["cluster", "cluster", "star", "galaxy"],
            "x_F200W": [100.0, 104.0, 200.0, 300.0],
            "y_F200W": [100.0, 100.0, 200.0, 300.0],
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
    table = selected([100, 200, 305, 400], [100, 201, 300, 400], [28.0, 28.0, 28.7, 28.0])
    row = measures.nearest(table, truth()[:2], 0.02)
    kinds = measures.mistaken(table, truth(), row, 0.02)
    assert kinds["kinds_28.5"] == {"cluster": 1, "star": 1, "galaxy": 0, "noise": 1}
    assert kinds["kinds_29"]["galaxy"] == 1


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.85, 1.2), (0.15, 1.6, 99.0)])
def test_chi_square_of_predicted_numbers(measures, shift, low, high):
    """About one per bin where the prediction holds; more where fewer are found than predicted."""
    rng = np.random.default_rng(3)
    mag = rng.uniform(27, 31, 300)
    noise = rng.uniform(1, 2, 300)
    p = 1.0 / (1.0 + np.exp((mag - 29.5) / 0.3))
    share = []
    for _ in range(300):
        seen = rng.uniform(size=300) < np.clip(p - shift, 0, 1)
        chi2, dof = measures._binned(mag, noise, p, seen, np.diag(p * (1 - p)))
        share.append(chi2 / dof)
    assert dof >= 4 and low < np.mean(share) < high
