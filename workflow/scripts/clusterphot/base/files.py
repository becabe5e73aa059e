"""Files that appear whole or not at all.

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
