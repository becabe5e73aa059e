"""Files that appear whole or not at all, and a hint for those that are missing.

Apart from `clusterphot.base.products` because that imports astropy, which reading the rules must not wait for.
"""

import contextlib
import os


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


def near_hint(path):
    """Hint for a missing file: paths are relative to the working directory."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return (
            f"the folder {folder} does not exist; paths are relative to the working directory {os.getcwd()}."
        )
    return f"paths are relative to the working directory {os.getcwd()}."
