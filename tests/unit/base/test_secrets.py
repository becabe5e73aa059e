"""Addresses without logins and tokens."""

import json

import pytest
from clusterphot.base import secrets
from clusterphot.base.errors import DataError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:word@host.org:8080/a/x.fits?token=abc#top", "https://host.org:8080/a/x.fits"),
        ("https://host.org/a@2/x.fits", "https://host.org/a@2/x.fits"),
        ("http://us@er:wo@rd@host/x", "http://host/x"),
        ("s3://key:word@bucket/x.fits", "s3://bucket/x.fits"),
    ],
)
def test_what_is_shown(url, shown):
    assert secrets.without_secrets(url) == shown
    assert secrets.label(url) == shown


def test_what_is_no_proper_address():
    assert secrets.without_secrets("https://user:wo/rd?x@host/x") == "https://host/x"
    assert secrets.without_secrets("data/x?y.fits") == "data/x?y.fits"


def test_a_query_that_names_the_file():
    """Another file has another label, a renewed token has not."""
    first, second, signed = (
        secrets.label(f"https://host/get?uri=mast:{query}")
        for query in ("a.fits", "b.fits", "a.fits&token=1")
    )
    assert first.startswith("https://host/get?query-") and "mast" not in first
    assert first == signed != second


def test_addresses_leave_the_configuration(monkeypatch):
    """And come back to the job that asks for them."""
    monkeypatch.setenv(secrets.ADDRESSES, "{}")
    whole = "https://user:word@host/x.fits?token=abc"
    config = {
        "fields": {"x": {"mosaics": {"F200W": {"sci": whole, "wht": "https://host/w.fits"}}}},
        "n": [1, whole],
    }
    secrets.hide_addresses(config)
    assert not any(word in json.dumps(config) for word in ("word", "abc", "user"))
    shown = config["fields"]["x"]["mosaics"]["F200W"]
    assert secrets.whole_address(shown["sci"]) == whole
    assert secrets.whole_address(shown["wht"]) == shown["wht"] == "https://host/w.fits"


def test_messages_hold_no_secrets_and_no_control_characters():
    error = DataError(
        "https://user:word@host/x?token=abc", "red \x1b[31m\x07\r\u202e", "a file\n", "line\nline"
    )
    assert str(error) == (
        "https://host/x: got red \\x1b[31m\\x07\\r\\u202e, expected a file\n.\nHint: line\nline"
    )


def test_findings_of_the_check_hold_none():
    from clusterphot.run.checks.findings import one_line

    assert one_line("https://user:word@host/x.fits?token=abc: fetched by\nthe run\x1b[0m") == (
        "https://host/x.fits: fetched by the run\\x1b[0m"
    )
