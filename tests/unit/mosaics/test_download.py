"""Fetching by URL against a server on this machine: resumed, checked, refused."""

import base64
import contextlib
import gzip
import hashlib
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import fetch_mosaic
import numpy as np
import pytest
from astropy.io import fits
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.secrets import is_url
from clusterphot.mosaics import download
from clusterphot.mosaics.download import fetch, https_url

BODY = np.random.default_rng(3).bytes(300_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """A server of one file; its attributes say how badly it behaves."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag, self.date = BODY, '"v1"', None
        self.ranges, self.length, self.content_type = True, None, "application/octet-stream"
        self.cuts = []  # bytes after which the coming answers break off
        self.statuses = []  # statuses of the coming answers
        self.redirect, self.phrase, self.logins = None, None, []
        self.seen = []  # (Range, If-Range) of the requests
        self.url = f"http://127.0.0.1:{self.server_address[1]}/a/f090w sci.fits.gz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, body = self.server, self.server.body
        span, condition = self.headers.get("Range"), self.headers.get("If-Range")
        server.seen.append((span, condition))
        server.logins.append(self.headers.get("Authorization"))
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            server.redirect = None
            return self.end_headers()
        if server.statuses and (status := server.statuses.pop(0)) != 200:
            return self.send_error(status, server.phrase)
        start = int(span[6:-1]) if span and server.ranges else 0
        if condition is not None and condition not in (server.etag, server.date):
            start = 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if server.length != "none":
            self.send_header("Content-Length", str(server.length or len(body) - start))
        self.send_header("Content-Type", server.content_type)
        for key, value in (("ETag", server.etag), ("Last-Modified", server.date)):
            if value:
                self.send_header(key, value)
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(body)
        with contextlib.suppress(ConnectionError):  # the other side has heard enough
            self.wfile.write(body[start:end])
        return None

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch):
    for key in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "f090w_sci.fits.gz"


def get(server, out, **options):
    return fetch(server.url, out, **({"timeout": 5.0, "wait_s": 0.0, "retries": 2} | options))


def names(out):
    return sorted(path.name for path in out.parent.iterdir())


def test_file_and_checksum_appear(server, out):
    assert get(server, out, sha256=DIGEST.upper()) == DIGEST
    assert out.read_bytes() == BODY
    assert (out.parent / f"{out.name}.sha256").read_text() == f"{DIGEST}  {out.name}\n"
    assert names(out) == [out.name, f"{out.name}.sha256"]
    assert hashlib.sha256(out.read_bytes()).hexdigest() == DIGEST


def test_cut_connection_is_resumed_in_the_same_call(server, out):
    server.cuts = [100_000, 50_000]
    assert get(server, out) == DIGEST
    assert server.seen == [(None, None), ("bytes=100000-", '"v1"'), ("bytes=150000-", '"v1"')]


def test_a_later_call_goes_on_where_one_stopped(server, out):
    server.cuts, server.statuses = [120_000], [200, 503]
    with pytest.raises(DataError, match="503.*1 times in a row"):
        get(server, out, retries=0)  # bytes came, so the cut is forgiven; the 503 is not
    assert names(out) == [f"{out.name}.part", f"{out.name}.part.json"]
    assert get(server, out) == DIGEST
    assert server.seen[-1][0] == "bytes=120000-"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_is_begun_anew(server, out, ranges):
    server.cuts, server.statuses = [120_000], [200, 503]
    with pytest.raises(DataError, match="503"):
        get(server, out, retries=0)
    server.body, server.etag, server.ranges = BODY[::-1], '"v2"', ranges
    get(server, out)
    assert out.read_bytes() == BODY[::-1]


def test_without_validators_the_size_decides(server, out):
    server.etag, server.cuts = None, [1000]
    assert get(server, out) == DIGEST
    assert server.seen[-1] == ("bytes=1000-", None)
    out.unlink()
    server.cuts, server.statuses = [1000], [200, 503]
    with pytest.raises(DataError, match="503"):
        get(server, out, retries=0)
    server.body = BODY[:-7]  # another size: not the same file
    get(server, out)
    assert out.read_bytes() == BODY[:-7]


def test_weak_etag_gives_way_to_the_date(server, out):
    server.etag, server.date, server.cuts = 'W/"v1"', "Tue, 07 Jun 2022 00:00:00 GMT", [1000]
    assert get(server, out) == DIGEST
    assert server.seen[-1] == ("bytes=1000-", server.date)


def test_whole_part_left_by_a_killed_job(server, out):
    out.with_name(f"{out.name}.part").write_bytes(BODY)
    state = {"url": server.url.replace(" ", "%20"), "size": len(BODY), "etag": '"v1"', "last_modified": None}
    out.with_name(f"{out.name}.part.json").write_text(json.dumps(state))
    assert get(server, out) == DIGEST
    assert len(server.seen) == 1  # only the 416


def test_part_of_unknown_origin_is_not_used(server, out):
    out.with_name(f"{out.name}.part").write_bytes(b"something else")
    assert get(server, out) == DIGEST
    assert server.seen == [(None, None)]


@pytest.mark.parametrize(("status", "hint"), [(404, "spelling"), (403, "not public"), (401, "login")])
def test_refusals_are_final(server, out, status, hint):
    server.statuses = [status]
    with pytest.raises(DataError, match=f"HTTP status {status}") as caught:
        get(server, out)
    assert hint in caught.value.hint
    assert len(server.seen) == 1 and names(out) == []


def test_busy_server_is_asked_again(server, out):
    server.statuses = [503, 429]
    assert get(server, out) == DIGEST


def test_answer_shorter_than_announced(server, out):
    server.length, server.ranges = len(BODY) + 10, False
    with pytest.raises(DataError, match="ended after 300000 of 300010 bytes, 3 times in a row"):
        get(server, out)
    assert not out.exists()


def test_wrong_checksum_and_web_page_and_empty_file(server, out):
    with pytest.raises(DataError, match="sha256: got " + DIGEST):
        get(server, out, sha256="0" * 64)
    assert names(out) == []
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DataError, match="a web page"):
        get(server, out)
    server.body, server.content_type = b"", "application/fits"
    server.statuses = [200]
    server.ranges = False
    with pytest.raises(DataError, match="status 416|0 bytes"):
        get(server, out)
    assert not out.exists()


def test_no_network(out):
    with Server() as closed:
        url = closed.url  # nobody listens once it is closed
    with pytest.raises(DataError, match="no answer or a broken connection.*2 times") as caught:
        fetch(url, out, retries=1, timeout=2.0, wait_s=0.0)
    assert "local copy" in caught.value.hint


def test_full_disk_is_not_a_network_error(server, out, monkeypatch):
    def full(part, now):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_remember", full)
    with pytest.raises(OSError, match="No space left"):
        get(server, out)


def test_secrets_of_signed_addresses_are_not_shown(server, out):
    server.statuses = [404]
    with pytest.raises(DataError) as caught:
        fetch(f"{server.url}?X-Amz-Signature=secret", out, retries=0, timeout=5.0)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://grizli-v2/JwstMosaics/v7/a b.fits.gz", "https://grizli-v2.s3.amazonaws.com/JwstMosaics/v7/a%20b.fits.gz"),
        ("s3://my.bucket/x+y.fits", "https://s3.amazonaws.com/my.bucket/x%2By.fits"),
        ("https://host.org/a%20b.fits?token=1#top", "https://host.org/a%20b.fits?token=1"),
    ],
)  # fmt: skip
def test_addresses(url, expected):
    assert is_url(url)
    assert https_url(url) == expected


def test_what_is_no_address():
    assert not is_url("data/f090w_sci.fits") and not is_url("/data/x.fits") and not is_url(r"C:\x.fits")
    for url in ("gs://bucket/key", "ftp://host/x.fits", "s3://bucket", "https:///x.fits"):
        with pytest.raises(ConfigError, match="URL of a mosaic"):
            https_url(url)


def test_driver(server, out):
    smk = SimpleNamespace(
        output=SimpleNamespace(image=str(out)),
        params=SimpleNamespace(
            url=server.url, retries=1, timeout_s=5.0, sha256=None, max_gb=1.0, max_hours=1.0
        ),
    )
    fetch_mosaic.main(smk)
    assert out.read_bytes() == BODY


def gzipped(body):
    """Bytes in gzip, the same each time."""
    return gzip.compress(body, 1, mtime=0)


def fits_bytes(n=8):
    """A small FITS image."""
    with io.BytesIO() as stream:
        fits.HDUList([fits.PrimaryHDU(np.ones((n, n), np.float32))]).writeto(stream)
        return stream.getvalue()


@pytest.mark.parametrize("body", [fits_bytes(), gzipped(fits_bytes())])
def test_half_a_file_of_unknown_length(server, out, body):
    """The connection ends, the server did not say how long the file is: found by its own end."""
    server.length, server.etag, server.ranges = "none", None, False
    server.body, server.cuts = body, [len(body) // 2 + 10] * 3
    with pytest.raises(DataError, match="damaged or ends too early.*, 3 times in a row") as caught:
        get(server, out)
    assert "local copy" in caught.value.hint
    assert names(out) == []
    get(server, out)
    assert out.read_bytes() == body


def test_what_nobody_can_tell_to_be_whole(server, out):
    server.length = "none"
    with pytest.raises(DataError, match="neither a FITS nor a gzip file") as caught:
        get(server, out)
    assert "path of the local file" in caught.value.hint
    assert names(out) == []


def test_what_has_no_end_is_seen_by_its_beginning(server, out):
    """Before all of it has come, which of an endless answer would be the largest size allowed."""
    server.length, server.body = "none", bytes(50_000_000)
    with pytest.raises(DataError, match="neither a FITS nor a gzip file"):
        get(server, out, max_bytes=2e7)
    assert names(out) == []


@pytest.mark.parametrize("length", [None, "none"])
def test_too_large_a_file(server, out, length):
    """As announced, or as it comes: an endless one ends."""
    server.length, server.body = length, b"SIMPLE  =" + BODY
    with pytest.raises(DataError, match="more than 200000 bytes.*download_max_gb"):
        get(server, out, max_bytes=2e5)
    assert names(out) == []


def test_a_gzip_bomb(server, out):
    """50 MB of zeros are 200 kB."""
    server.body = gzipped(bytes(50_000_000))
    with pytest.raises(DataError, match="unpacked: got more than 20000000 bytes"):
        get(server, out, max_bytes=2e7)
    assert names(out) == []


def test_too_slow_a_server(server, out):
    with pytest.raises(DataError, match="no end within the time given.*download_max_hours") as caught:
        get(server, out, max_s=0.0)
    assert "the same command again goes on" in caught.value.hint


@pytest.mark.parametrize("place", ["ftp://host/x.fits", "file:///etc/passwd", "gopher://host/x"])
def test_redirects_stay_with_http(server, out, place):
    server.redirect = place
    with pytest.raises(DataError, match="a redirect to (ftp|file|gopher)://.*|HTTP status 302"):
        get(server, out)
    assert len(server.seen) == 1 and names(out) == []


def test_a_login_is_given_to_the_host_alone(server, out):
    """Not to the one that a redirect leads to, as curl does since its version 7.58; to the same one it is."""
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = server.url.replace("http://", "http://us%40er:wo%2Frd@")
        for place in (other.url.replace(" ", "%20").replace("127.0.0.1", "localhost"), "/b/x.fits"):
            server.redirect = place
            fetch(url, out, retries=0, timeout=5.0)
        other.shutdown()
        thread.join()
    basic = "Basic " + base64.b64encode(b"us@er:wo/rd").decode()
    assert server.logins == [basic, basic, basic]
    assert other.logins == [None]


def test_words_of_a_server_do_not_reach_the_terminal_raw(server, out):
    server.statuses, server.phrase = [404], "\x1b[31mred\x07 https://host/x?token=abc"
    with pytest.raises(DataError) as caught:
        get(server, out)
    assert (
        "\x1b" not in str(caught.value) and "\x07" not in str(caught.value) and "abc" not in str(caught.value)
    )


def test_a_host_that_is_no_name(out):
    with pytest.raises(DataError, match="no answer"):
        fetch(f"http://{'a' * 80}.org/x.fits", out, retries=0, timeout=1.0, wait_s=0.0)


def test_a_password_with_a_slash(out):
    with pytest.raises(ConfigError, match="URL of a mosaic") as caught:
        https_url("https://user:wo/rd@host/x.fits")
    assert "rd@" not in str(caught.value) and "%2F" in caught.value.hint
