"""HDF5 files that appear whole or not at all."""

import contextlib

from clusterphot.base.files import whole_file


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
