"""Files fetched by URL (http, https, s3): resumed when cut, checked, and with their SHA-256 beside them.

Unfinished bytes wait in ``<file>.part`` with the server's validators in ``<file>.part.json``; a later call
goes on from there with a Range request (RFC 9110, sections 13.1.5 and 14.2). Sizes are in bytes. Logins and queries of
addresses go to the server and nowhere else: see `clusterphot.base.secrets`.
"""

import base64
import contextlib
import gzip
import http.client
import json
import logging
import os
import re
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import asdict, dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from clusterphot.base import files
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.secrets import label, login_of, printable, secret_words, without_secrets

CHUNK_BYTES = 1 << 20
UNPACKED_BYTES = 16 * CHUNK_BYTES
BEGINNINGS = (b"SIMPLE  =", b"\x1f\x8b")
"""Of FITS and gzip files, which tell where they end."""
HEAD_BYTES = len(BEGINNINGS[0])
LOG_EVERY_S = 30.0
MAX_BYTES, MAX_S = 200e9, 48 * 3600.0
"""Largest file, packed or unpacked, and longest time of one call: an endless answer ends."""
BY_HAND = "download it yourself and give the path of the local file in the configuration."
SCHEMES = ("http", "https", "s3")
HINTS = {
    401: "the address needs a login; download the file yourself and give its path.",
    403: "not public, or (in S3 stores) no such file; check the address.",
    404: "no such file at that address; check its spelling in a browser.",
    410: "the file was removed from that address.",
}
MAX_REDIRECTS = 10
TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Validators:
    """What tells whether a file is still the one that was begun; None where the server is silent.

    ``url`` is the label of the address: its query may be a secret, and changes.
    """

    url: str
    size: int | None = None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def if_range(self):
        """Value of If-Range: a strong ETag, else the date; None if the server gave neither."""
        strong = self.etag and not self.etag.startswith("W/")
        return self.etag if strong else self.last_modified


class _Interrupted(Exception):
    """A transfer that may succeed when tried again."""


def https_url(url):
    """The http(s) address of a URL; ``s3://bucket/key`` becomes that of the public bucket.

    Raises
    ------
    ConfigError
        If the scheme is not http, https or s3, or a part is missing.
    """
    expected = "http://, https:// or s3://, a host or bucket, and a file"
    try:
        parts = urlsplit(str(url).strip())
        parts.port  # noqa: B018 - a port that is no number, for example a password with a slash
    except ValueError as exc:
        hint = "characters other than letters and digits of a login are written as %40 for @, %2F for /."
        raise ConfigError("URL of a mosaic", repr(without_secrets(url)), expected, hint) from exc
    if parts.scheme.lower() not in SCHEMES or not parts.netloc or parts.path in ("", "/"):
        raise ConfigError("URL of a mosaic", repr(without_secrets(url)), expected)
    if parts.scheme.lower() == "s3":
        key = quote(parts.path, safe="/~")
        if "." in parts.netloc:  # a dotted bucket does not match the wildcard certificate
            return f"https://s3.amazonaws.com/{parts.netloc}{key}"
        return f"https://{parts.netloc}.s3.amazonaws.com{key}"
    return urlunsplit(parts._replace(path=quote(parts.path, safe="/%~+,;=:@!$&'()*"), fragment=""))


def fetch(
    url, out_path, *, retries=5, timeout=60.0, sha256=None, wait_s=2.0, max_bytes=MAX_BYTES, max_s=MAX_S
):
    """Fetch a file, going on where an earlier call or a cut connection stopped.

    Parameters
    ----------
    url : str
        http(s) or s3 address of a public file.
    out_path : str
        Appears when the file is whole, with ``<out_path>.sha256`` beside it in the format of sha256sum.
    retries : int, optional
        Failed attempts in a row without a new byte that are forgiven, >= 0.
    timeout : float, optional
        Seconds without a byte after which an attempt has failed, > 0.
    sha256 : str, optional
        Expected checksum, 64 hexadecimal digits.
    wait_s : float, optional
        Seconds before the second attempt; doubled each time, up to 60.
    max_bytes : float, optional
        Largest size, packed or unpacked.
    max_s : float, optional
        Longest time of the call in seconds; what came until then is kept.

    Returns
    -------
    digest : str
        SHA-256 of the file.

    Raises
    ------
    DataError
        No such file, no network, a file of another length or checksum than announced, one that ends too early, is too
        large or takes too long, a web page.

    Notes
    -----
    An unfinished part is used again only if the server confirms that the file is unchanged:
    by If-Range with a strong ETag or a date, and by the total size.
    """
    out_path, part = os.fspath(out_path), f"{os.fspath(out_path)}.part"
    address = https_url(url)
    shown, limits = label(address), _Limits(max_bytes, time.monotonic() + max_s)
    total = _persist(address, shown, part, limits, retries=retries, timeout=timeout, wait_s=wait_s)
    digest = _verified(part, shown, total, sha256)
    os.replace(part, out_path)
    _forget(part)
    with files.whole_file(f"{out_path}.sha256") as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(f"{digest}  {os.path.basename(out_path)}\n")
    logger.info("%s: %d bytes, sha256 %s", shown, total, digest)
    return digest


@dataclass(frozen=True)
class _Limits:
    """Largest size in bytes, and the end of the time on the clock of `time.monotonic`."""

    max_bytes: float
    deadline: float

    def check(self, part, shown, size=0):
        """Refuse a size, which ends with the part, and what takes too long, whose part is kept."""
        if size > self.max_bytes:
            _forget(part, also_part=True)
            expected = f"at most {self.max_bytes / 1e9:g} GB (mosaics.download_max_gb)"
            raise DataError(
                shown, f"more than {self.max_bytes:.0f} bytes", expected, f"raise it, or {BY_HAND}"
            )
        if time.monotonic() > self.deadline:
            raise DataError(
                shown,
                f"no end within the time given, {_size(part)} bytes so far",
                "a faster server, or more time (mosaics.download_max_hours)",
                f"the same command again goes on from there, or {BY_HAND}",
            )


def _persist(address, shown, part, limits, *, retries, timeout, wait_s):
    """Attempts until ``part`` is whole; returns its size."""
    failures, best = 0, _size(part)
    while True:
        try:
            size = _transfer(address, shown, part, timeout, limits)
            _check_end(part, shown, limits)
            return size
        except _Interrupted as exc:
            failures = 0 if _size(part) > best else failures + 1
            best = max(best, _size(part))
            limits.check(part, shown)
            if failures > retries:
                raise DataError(
                    shown,
                    f"{exc}, {failures} times in a row",
                    "the file",
                    "check the network and the address; the same command again goes on from the bytes that came "
                    f"({_size(part)}). Without a network, give the path of a local copy.",
                ) from exc
            pause_s = min(wait_s * 2 ** max(failures - 1, 0), 60.0)
            logger.warning("%s: %s; trying again in %.0f s", shown, exc, pause_s)
            time.sleep(pause_s)


def _transfer(address, shown, part, timeout, limits):
    """One attempt; returns the size of the whole file once ``part`` has it."""
    hidden = secret_words(address)
    address, login = login_of(address)
    begun, start = _begun(part, shown)
    headers = {"Accept-Encoding": "identity", "User-Agent": "clusterphot"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if begun.if_range:
            headers["If-Range"] = begun.if_range
    try:
        with _network():
            request = urllib.request.Request(address, headers=headers)
            if login:
                words = base64.b64encode(":".join(login).encode()).decode()
                request.add_unredirected_header("Authorization", f"Basic {words}")
            response = urllib.request.build_opener(_Redirects).open(request, timeout=timeout)
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code == 416 and start:  # nothing behind the part: it is whole, or the file has changed
                if _total(exc.headers) == start == begun.size:
                    return start
                raise _changed(part) from exc
            if exc.code in TRY_AGAIN:
                raise _Interrupted(f"HTTP status {exc.code} {_phrase(exc, hidden)}") from None
            hint = HINTS.get(exc.code, f"check the address in a browser, or {BY_HAND}")
            raise DataError(
                shown, f"HTTP status {exc.code} {_phrase(exc, hidden)}", "the file", hint
            ) from None
    with response:
        start, now = _accept(response, shown, part, begun, start)
        limits.check(part, shown, now.size or 0)
        return _receive(response, part, start, now, limits)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects from http or https to http or https; a login goes to the host that it is for, encrypted."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """The request to make instead, or an error."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme.lower() not in ("http", "https"):
            fp.close()
            raise DataError(
                label(req.full_url),
                f"a redirect to {new.scheme}://",
                "one to http:// or https://",
                f"give the address of the file itself, or {BY_HAND}",
            )
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        login = req.unredirected_hdrs.get("Authorization")
        if (
            request
            and login
            and old.hostname == new.hostname
            and (old.scheme, new.scheme) != ("https", "http")
        ):
            request.add_unredirected_header("Authorization", login)
        return request


def _phrase(exc, hidden):
    """Words of a server, short and in one line, as they may be shown on a terminal; it may repeat what it was sent."""
    words = printable(without_secrets(exc.reason))
    for word in hidden:
        words = words.replace(word, "...")
    return " ".join(words.split())[:80]


@contextlib.contextmanager
def _network():
    """Errors of the connection, but not of the local disk, end only this attempt."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException, UnicodeError) as exc:
        said = printable(without_secrets(getattr(exc, "reason", exc)))
        raise _Interrupted(f"no answer or a broken connection ({said})") from None


def _accept(response, shown, part, begun, start):
    """Where the bytes of an answer begin in the file, and the file's validators."""
    headers = response.headers
    if headers.get_content_type() == "text/html":
        hint = "is it the address of a page that leads to the file?"
        raise DataError(shown, "a web page", "a FITS file", hint)
    length, etag, date = (headers.get(key) for key in ("Content-Length", "ETag", "Last-Modified"))
    if response.status != 206:
        return 0, Validators(shown, int(length) if length and length.isdigit() else None, etag, date)
    now = Validators(shown, _total(headers), etag, date)
    changed = begun.size != now.size or (begun.etag and etag and begun.etag != etag)
    confirmed = begun.if_range or begun.size is not None
    if changed or not confirmed or _first(headers) != start:
        raise _changed(part)
    return start, now


def _receive(response, part, start, now, limits):
    """Write the bytes of an answer to ``part`` from ``start`` to the end; returns the file's size."""
    _remember(part, now)
    done, logged = start, time.monotonic()
    size_text = "an unknown number" if now.size is None else now.size
    logger.info("%s: from byte %d of %s", now.url, start, size_text)
    with open(part, "r+b" if start else "w+b") as file:
        head = file.read(min(start, HEAD_BYTES))
        file.seek(start)
        file.truncate()
        while True:
            with _network():
                chunk = response.read1(
                    CHUNK_BYTES
                )  # what is there, lest a server that trickles is waited for
            if not chunk:
                break
            file.write(chunk)
            done += len(chunk)
            head += chunk[: HEAD_BYTES - len(head)]
            if now.size is None and len(head) == HEAD_BYTES and not head.startswith(BEGINNINGS):
                raise _no_end(part, now.url)
            limits.check(part, now.url, done)
            if time.monotonic() - logged > LOG_EVERY_S:
                logged = time.monotonic()
                logger.info("%s: %d of %s bytes", now.url, done, size_text)
    if now.size is not None and done < now.size:
        raise _Interrupted(f"the connection ended after {done} of {now.size} bytes")
    return done


def _check_end(part, shown, limits):
    """Refuse a file that ends too early although the server says it is whole, and one that unpacks without end.

    A gzip file is unpacked to its end mark, a plain FITS file has its sizes in its headers; of others nobody can tell
    where the server does not say how long they are.
    """
    from clusterphot.base.fits_headers import is_gzip
    from clusterphot.mosaics.fits_rows import walk

    if _size(part) == 0:
        return
    try:
        if is_gzip(part):
            with gzip.open(part) as file:
                unpacked = 0
                while chunk := file.read(UNPACKED_BYTES):
                    unpacked += len(chunk)
                    limits.check(part, f"{shown}, unpacked", unpacked)
            return
        with open(part, "rb") as file:
            is_fits = file.read(9) == b"SIMPLE  ="
        if is_fits:
            for _ in walk(part):
                pass
            return
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        _forget(part, also_part=True)
        raise _Interrupted(f"a gzip file that is damaged or ends too early ({exc})") from None
    except DataError as exc:
        if exc.where != part:
            raise
        _forget(part, also_part=True)
        raise _Interrupted(
            f"a FITS file that is damaged or ends too early ({exc.got}, not {exc.expected})"
        ) from None
    if _begun(part, shown)[0].size is None:
        raise _no_end(part, shown)


def _no_end(part, shown):
    """The error of a file whose end nothing tells; it is not kept."""
    _forget(part, also_part=True)
    return DataError(
        shown,
        "neither a FITS nor a gzip file, from a server that does not say how long it is",
        "a FITS file",
        f"is it the address of the file itself? Else {BY_HAND}",
    )


def _verified(part, shown, total, expected):
    """SHA-256 of the finished part; a wrong size or checksum removes it."""
    size, digest = _size(part), files.sha256(part)
    if size != total or size == 0:
        _forget(part, also_part=True)
        raise DataError(shown, f"{size} bytes", f"{total or 'some'} bytes", "run again to download it anew.")
    if expected and digest != expected.strip().lower():
        _forget(part, also_part=True)
        raise DataError(
            f"{shown}, sha256",
            digest,
            expected,
            "the file there is not the one the config means, or was damaged on its way.",
        )
    return digest


def _begun(part, shown):
    """Validators of an unfinished part of this URL and its size; 0 where it cannot be used again."""
    try:
        with open(f"{part}.json", encoding="utf-8") as file:
            begun = Validators(**json.load(file))
    except (FileNotFoundError, ValueError, TypeError):
        return Validators(shown), 0
    usable = begun.url == shown and (begun.if_range or begun.size is not None)
    return begun, _size(part) if usable else 0


def _remember(part, now):
    """Keep the validators beside the part."""
    with files.whole_file(f"{part}.json") as temporary, open(temporary, "w", encoding="utf-8") as file:
        json.dump(asdict(now), file)


def _changed(part):
    """Drop a part whose file is another one now; the next attempt starts anew."""
    _forget(part, also_part=True)
    return _Interrupted("the file there has changed since its first bytes came")


def _forget(part, *, also_part=False):
    """Remove the validators, and the part itself on demand."""
    for path in (f"{part}.json", part) if also_part else (f"{part}.json",):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _size(path):
    """Size of a file, 0 if there is none."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def _first(headers):
    """First byte of a partial answer, None if it does not say."""
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _total(headers):
    """Size of the whole file according to Content-Range, None if it does not say."""
    found = re.search(r"/(\d+)$", headers.get("Content-Range", ""))
    return int(found[1]) if found else None
