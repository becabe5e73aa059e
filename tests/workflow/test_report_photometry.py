"""The report of a field given by its photometry; one file, so that the completed run is shared (tests/conftest.py)."""

from test_report import check_clusters, given


def test_fields_given_by_photometry_have_pages(completed):
    """The completed run of the small configuration made its report: cards without cutouts, odd ids."""
    report = completed.cwd / "results" / "report"
    cards = given(report / "small" / "data" / "cards-000.js")
    assert all(card["stamps"] is None for card in cards)
    assert any(card["band"] for card in cards)
    assert not (report / "small" / "sky.jpg").exists()


def test_sort_search_cards_marks_and_export(completed, opened):
    check_clusters(opened(completed.cwd / "results" / "report" / "small"))
