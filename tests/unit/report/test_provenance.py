"""What the page of origins shows."""

import yaml
from clusterphot.report.provenance import as_yaml


def test_paths_are_relative_to_the_run(tmp_path, monkeypatch):
    """A page that is passed on tells nothing of homes; texts that are no paths stay."""
    monkeypatch.chdir(tmp_path)
    config = {
        "fields": {"x": {"photometry": f"{tmp_path}/my.csv", "note": "a/b"}},
        f"{tmp_path}/x.fits": [str(tmp_path.parent)],
    }
    text = as_yaml(config)
    assert str(tmp_path) not in text and str(tmp_path.parent) not in text
    assert yaml.safe_load(text) == {
        "fields": {"x": {"photometry": "my.csv", "note": "a/b"}},
        "x.fits": [".."],
    }
