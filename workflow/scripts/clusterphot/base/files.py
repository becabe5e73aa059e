"""Files that appear whole or not at all, checksums of those that enter, and a hint for those that are missing.

Apart from `clusterphot.base.products` because that imports astropy, which reading the rules must not wait for.
"""

import contextlib
import hashlib
import os
from pathlib import Path

MAX_NAME = 60
"""Characters of a file's name that are kept in a card; its end is kept."""


@contextlib.contextmanager
def whole_file(path):
    """Temporary name beside ``path`` that takes its place when the block ends without an error."""
    directory, name = os.path.split(os.fspath(path))
    temporary = os.path.join(directory, f".{os.getpid()}.{name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


@contextlib.contextmanager
def whole_hdf5(path):
    """HDF5 file to write into, made in memory and put in its place when the block ends without an error.

    On a full disk HDF5 does not raise an error that could be told: it crashes.
    """
    import h5py

    with h5py.File(path, "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    with whole_file(path) as temporary, open(temporary, "wb") as out:
        out.write(image)


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


def near_hint(path):
    """Hint for a missing file: paths are relative to the working directory."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return (
            f"the folder {folder} does not exist; paths are relative to the working directory {os.getcwd()}."
        )
    return f"paths are relative to the working directory {os.getcwd()}."
