"""Addresses without what must not be seen: logins (``user:password@``) and queries, which hold tokens.

What is shown, recorded or logged of an address is its `label`. The whole address stands in the user's configuration
file, and goes from there to the job that fetches it through the environment of the processes, never through a file.
"""

import hashlib
import json
import os
import re
from urllib.parse import unquote, urlsplit, urlunsplit

ADDRESSES = "CLUSTERPHOT_ADDRESSES"
"""Variable of the environment with the whole addresses by their labels, as JSON."""
CREDENTIALS = re.compile(
    r"token|sig|signature|expir|credential|passw|secret|key|auth|policy|session|hash|login|^x-|^s[etpvr]$|^sk",
    re.I,
)
"""Names of parts of a query that sign it: they change while the file stays the same (AWS, Azure, Google, archives)."""
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s'\"<>`]*?)([:;,.)\]]*)(?=[\s'\"<>`]|$)")
"""An address within a text; what follows the scheme goes to the next blank or quote, but for marks at its end."""


def is_url(text):
    """Whether a path of the config is a URL rather than a local file."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", str(text)) is not None


def label(url):
    """An address as it may be seen, the same as long as it is the same file.

    Parameters
    ----------
    url : str

    Returns
    -------
    label : str
        Without login, query and fragment. Of a query that says which file it is, a digest is kept:
        ``https://host/get?query-0a1b2c3d4e``; parts that only sign it (`CREDENTIALS`) do not enter.

    Examples
    --------
    >>> label("https://me:word@host.org/f200w.fits?token=abc")
    'https://host.org/f200w.fits'
    """
    named = [
        part
        for part in urlsplit(str(url)).query.split("&")
        if part and not CREDENTIALS.search(part.split("=")[0])
    ]
    digest = hashlib.sha256("&".join(named).encode()).hexdigest()[:10]
    return without_secrets(url) + (f"?query-{digest}" if named else "")


def without_secrets(text):
    """A text in which every address has lost its login, query and fragment.

    Examples
    --------
    >>> without_secrets("no answer of 'https://me:word@host.org/x?token=abc'")
    "no answer of 'https://host.org/x'"
    """
    return ADDRESS.sub(lambda found: found[1] + _bare(found[2]) + found[3], str(text))


def _bare(rest):
    """What follows the scheme of an address, without login, query and fragment."""
    end = re.search(r"[/?#]|$", rest).start()
    authority = rest[:end]
    if "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    elif "@" in rest and re.search(
        r":(?!\d*$)", authority
    ):  # a password with / ? or #, which nobody can fetch
        rest = rest.rpartition("@")[2]
    return re.split(r"[?#]", rest, maxsplit=1)[0]


def hide_addresses(config):
    """Put labels in the place of addresses in a configuration, and hand the whole ones to jobs by the environment.

    Snakemake keeps the configuration in the scripts of its jobs, and the report shows it.

    Parameters
    ----------
    config : dict
        Changed in place.
    """
    whole = {}

    def hidden(value):
        if isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                value[key] = hidden(item)
        elif isinstance(value, str) and is_url(value.strip()):
            shown = label(value.strip())
            if shown != value.strip():
                whole[shown] = value.strip()
            return shown
        return value

    hidden(config)
    if whole:
        os.environ[ADDRESSES] = json.dumps(whole)


def whole_address(shown):
    """The address behind a label; one without secrets is its own."""
    return json.loads(os.environ.get(ADDRESSES, "{}")).get(shown, shown)


def login_of(url):
    """Address without the login, and the login as ``(user, password)``, or None.

    Parameters
    ----------
    url : str
    """
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password))


def secret_words(url):
    """Parts of an address that must not be seen, the longest first, as they are written and as they are meant."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    found = [parts.query, login, *login.split(":"), *re.split("[&=]", parts.query)[1::2]]
    return sorted(
        {word for text in found for word in (text, unquote(text)) if len(word) > 2}, key=len, reverse=True
    )


def printable(text):
    """A text whose control characters, which a terminal would obey, are written as escapes; line ends stay."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in str(text)
    )
