"""Files that appear whole or not at all, checksums of those that enter, and a hint for those that are missing.

Apart from `clusterphot.base.products` because that imports astropy, which reading the rules must not wait for.
"""

import contextlib
import hashlib
import os
import shlex
from pathlib import Path

from clusterphot.base.errors import DataError, UserError

REMADE = "delete it and give the same command again: it is made anew."
"""The way out of damaged intermediates."""
PACKAGE = Path(__file__).resolve().parents[1]
REPO = PACKAGE.parents[2]
IS_INSTALLED = (PACKAGE / "resources").is_dir()
"""Whether the package was installed by `pip install .`, which puts the files of resources/ inside it."""
SHIPPED = (PACKAGE if IS_INSTALLED else REPO) / "resources"
"""Files that come with the workflow."""
FETCHED = Path("resources", "fetched")
"""Files that a run has downloaded, in its working directory."""
MAX_REASON = 200
"""Characters of the reason that are shown."""
N_SAMPLES, SAMPLE_BYTES = 16, 4096
"""Pieces of a file that `content_digest` reads, and their length."""
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
    except OSError as exc:
        if exc.filename in (None, temporary):  # a full disk, said in a write, has no name
            exc.filename = os.fspath(path)
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def is_shipped(path):
    """Whether a file came with the workflow, which cannot make it anew."""
    place = Path(path).resolve()
    return place.is_relative_to(SHIPPED) and not place.is_relative_to(REPO / FETCHED)


def is_fetched(path):
    """Whether a file was downloaded by a run in this working directory."""
    return Path(path).resolve().is_relative_to(FETCHED.resolve())


def way_out(path):
    """What to do about a file that is damaged or gone: the workflow makes it anew, or git or pip has it."""
    if not is_shipped(path):
        return REMADE
    if IS_INSTALLED:
        return "it comes with the package: pip install --force-reinstall --no-deps it."
    place = Path(path).resolve().relative_to(REPO)
    return (
        f"it comes with the workflow: git -C {shlex.quote(str(REPO))} checkout -- {shlex.quote(str(place))}"
    )


@contextlib.contextmanager
def own_file(path):
    """Name a file of this workflow that turns out damaged while it is read, and the way out.

    Those that are shipped in resources/ among them.

    Raises
    ------
    DataError
        For whatever the reader of its format raised; a message that is one already stays.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except FileNotFoundError as exc:
        raise DataError(path, "no such file", "a file of this workflow", way_out(path)) from exc
    except PermissionError as exc:
        raise DataError(
            path, "no permission to read it", "a file that you may read", "chmod u+r it."
        ) from exc
    except (
        Exception
    ) as exc:  # readers raise what they like: EOFError, struct.error, YAMLError, VerifyError, ...
        got = f"a damaged file ({' '.join(str(exc).split())[:MAX_REASON] or type(exc).__name__})"
        raise DataError(path, got, "a whole one, as this workflow writes it", way_out(path)) from exc


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


@contextlib.contextmanager
def open_hdf5(path):
    """Open an HDF5 file of this workflow for reading.

    Without the lock that HDF5 takes by itself: nobody writes into a file of ours, and where a file system refuses locks
    (NFS without lockd) a whole file would count as damaged.

    Raises
    ------
    DataError
        See `own_file`.
    """
    import h5py

    with own_file(path), h5py.File(path, "r", locking=False) as file:
        yield file


def sha256(path):
    """SHA-256 of a file as a hexadecimal string."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_digest(paths):
    """Digest of sizes and samples of files, for one replaced by another whose time tells nothing; milliseconds.

    Of a large file `N_SAMPLES` pieces from its first byte to its last are read: two images differ in their noise
    everywhere, and gzip files from the first difference on. Files that are not there count as such.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                digest.update(f"{size} ".encode())
                step = max(-(-(size - SAMPLE_BYTES) // (N_SAMPLES - 1)), SAMPLE_BYTES)
                for start in range(0, size, step):
                    stream.seek(start)
                    digest.update(stream.read(SAMPLE_BYTES))
        except OSError:
            digest.update(b"none ")
    return digest.hexdigest()[:12]


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
