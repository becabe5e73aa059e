"""Headers of FITS files, plain or gzipped, read within bounds before astropy looks at what they count.

A damaged number of axes or columns keeps astropy busy for minutes or hours; a truncated file is noticed by its length.
The layout is that of the FITS standard (Pence et al. 2010, A&A 524, A42): blocks of 2880 bytes.
"""

import contextlib
import gzip
import math
import os
import zlib

import numpy as np

from clusterphot.base.errors import DataError
from clusterphot.base.files import REMADE, is_fetched

BLOCK_BYTES = 2880
MAX_HEADER_BLOCKS = 5000
MAX_COLUMNS = 999
"""Columns of a FITS table (standard 4.0, section 7.3.1)."""
PIXEL_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""numpy types of BITPIX."""


def read_headers(path):
    """Yield the header of each HDU of a FITS file in order, and where its data begin.

    Data are skipped, those of a gzip file by decompressing them when the next HDU is asked for.

    Yields
    ------
    header : `astropy.io.fits.Header`
    offset_bytes : int
        In the decompressed file.

    Raises
    ------
    DataError
        If the file cannot be read, is not FITS, or is truncated (known at once for plain files, for gzip
        files only where it has been decompressed).
    """
    with open_bytes(path) as file, damage(path):
        start = file.read(9)
        if start[:9] != b"SIMPLE  =":
            raise DataError(
                path,
                "a web page" if start[:1] == b"<" else "an empty file" if not start else "other content",
                "a FITS file (its first word is SIMPLE)",
                "download it again." if start[:1] == b"<" or not start else "",
            )
        file.seek(0)
        size = None if isinstance(file, gzip.GzipFile) else os.path.getsize(path)
        offset = 0
        while (found := _read_header(file, path)) is not None:
            header, header_bytes = found
            offset += header_bytes
            n_bytes = _data_bytes(header, path)
            if size is not None and size < offset + n_bytes:
                expected = f"at least {offset + n_bytes} bytes, as its header says"
                raise truncated(path, f"{size} bytes", expected)
            yield header, offset
            offset += padded(n_bytes)
            file.seek(offset)


def _read_header(file, path):
    """Next header and its length in bytes, or None at the end of the file."""
    blocks = []
    while True:
        block = file.read(BLOCK_BYTES)
        if not blocks and not block.startswith((b"SIMPLE  =", b"XTENSION=")):
            return None  # the end, or special records that belong to no HDU
        if len(block) < BLOCK_BYTES or len(blocks) > MAX_HEADER_BLOCKS:
            raise truncated(path, "a header without END", "a whole FITS file")
        blocks.append(block)
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK_BYTES, 80)):
            break
    from astropy.io import fits

    text = b"".join(blocks).decode("ascii", "replace").replace("\ufffd", "?")
    return fits.Header.fromstring(text), len(text)


def _data_bytes(header, path):
    """Bytes of the pixels (or table) behind a header, without padding."""
    from astropy.io import fits

    try:
        axes = [_whole_number(header, f"NAXIS{axis}") for axis in range(1, int(header["NAXIS"]) + 1)]
        pixel_bytes = np.dtype(PIXEL_TYPES[int(header["BITPIX"])]).itemsize
        n_groups, n_extra = int(header.get("GCOUNT", 1)), int(header.get("PCOUNT", 0))
        n_columns = int(header.get("TFIELDS", 0))
        if min(*axes, n_groups, n_extra, 0) < 0:
            raise ValueError("a number below zero")
    except (KeyError, ValueError, TypeError, OverflowError, fits.VerifyError) as exc:  # 1e400 overflows
        raise DataError(path, f"a header without proper BITPIX and NAXIS ({exc})", "a FITS file") from exc
    if not 0 <= n_columns <= MAX_COLUMNS:  # astropy would look at each of them
        raise DataError(path, f"TFIELDS {n_columns}", f"a number of columns up to {MAX_COLUMNS}")
    return pixel_bytes * n_groups * (n_extra + (math.prod(axes) if axes else 0))


def _whole_number(header, name):
    """Value of a card that counts something."""
    if not isinstance(header[name], int):
        raise ValueError(f"{name} is {header[name]!r}")
    return header[name]


def open_bytes(path):
    """Open a file for reading bytes, through gzip where its first two bytes say so."""
    try:
        return gzip.open(path, "rb") if is_gzip(path) else open(path, "rb")
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def is_gzip(path):
    """Whether a file starts as gzip files do."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError as exc:
        raise _unreadable(path, exc) from exc


@contextlib.contextmanager
def damage(path):
    """Turn what gzip raises for damaged files into a message for the user."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise truncated(path, f"a damaged gzip file ({exc})", "a whole gzip file") from exc


def truncated(path, got, expected):
    """Error for a file that ends too early."""
    hint = REMADE if is_fetched(path) else "the file is truncated or damaged: copy or download it again."
    return DataError(path, got, expected, hint)


def _unreadable(path, exc):
    """Error for a file that cannot be opened."""
    return DataError(path, exc.strerror or str(exc), "a readable FITS file", "check the path of this mosaic.")


def padded(n_bytes):
    """``n_bytes`` rounded up to whole FITS blocks."""
    return -(-n_bytes // BLOCK_BYTES) * BLOCK_BYTES
