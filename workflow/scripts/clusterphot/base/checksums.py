"""Checksums of the files that enter, taken once: SHA-256 as hexadecimal text, and as cards of a FITS header."""

import hashlib
from pathlib import Path

MAX_NAME = 60
"""Characters of a file's name that are kept in a card; its end is kept."""


def sha256(path):
    """SHA-256 of a file as a hexadecimal string."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checksum_cards(files):
    """Cards that keep name and checksum of each file.

    Parameters
    ----------
    files : dict of str to str
        Path by a word of three letters: ``SCI`` makes the cards SCIFILE and SCISHA.

    Returns
    -------
    cards : dict of str to (str, str)
        Value and comment.
    """
    cards = {}
    for kind, path in files.items():
        name = Path(path).name.encode("ascii", "backslashreplace").decode("ascii")
        cards[f"{kind}FILE"] = (name[-MAX_NAME:], "")
        cards[f"{kind}SHA"] = (sha256(path), "")
    return cards
