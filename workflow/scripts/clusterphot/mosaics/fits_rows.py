"""Images of FITS files read row by row, from plain and gzipped files alike, in bounded memory.

The layout is that of the FITS standard (Pence et al. 2010, A&A 524, A42): blocks of 2880 bytes.
Values are in the unit of the file, with BSCALE, BZERO and BLANK applied.
"""

import contextlib
import gzip
import math
import os
import zlib
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError

BLOCK_BYTES = 2880
MAX_HEADER_BLOCKS = 5000
PIXEL_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""numpy types of BITPIX."""


@dataclass(frozen=True)
class ImageHdu:
    """One image of a FITS file and where its pixels start, in bytes of the decompressed file."""

    path: str
    name: str
    header: fits.Header
    offset_bytes: int

    @property
    def label(self):
        """How messages call this image."""
        return f"extension {self.name}" if self.name else "the image"

    @property
    def shape(self):
        """Shape, [y, x] for a plane."""
        naxis = int(self.header["NAXIS"])
        return tuple(int(self.header[f"NAXIS{axis}"]) for axis in range(naxis, 0, -1))


class Rows:
    """Rows of one image, read once from the first to the last, as float64; a context manager."""

    def __init__(self, hdu):
        self._hdu = hdu
        header = hdu.header
        bitpix = int(header["BITPIX"])
        self._dtype = np.dtype(PIXEL_TYPES[bitpix])
        self._scale, self._zero = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
        self._blank = header.get("BLANK") if bitpix > 0 else None
        self._left = hdu.shape[0]

    def __enter__(self):
        self._file = _open(self._hdu.path)
        with _damage(self._hdu.path):
            self._file.seek(self._hdu.offset_bytes)
        return self

    def __exit__(self, *exc):
        self._file.close()

    def read(self, n_rows):
        """The next ``n_rows`` rows."""
        n_pixels = n_rows * self._hdu.shape[1]
        with _damage(self._hdu.path):
            raw = _read_exactly(self._file, n_pixels * self._dtype.itemsize, self._hdu.path)
        self._left -= n_rows
        stored = np.frombuffer(raw, dtype=self._dtype).reshape(n_rows, self._hdu.shape[1])
        values = stored.astype(np.float64)
        if (self._scale, self._zero) != (1.0, 0.0):
            values *= self._scale
            values += self._zero
        if self._blank is not None:
            values[stored == self._blank] = np.nan
        return values

    def finish(self):
        """Check the checksum of a gzip file that ends after this image."""
        if isinstance(self._file, gzip.GzipFile) and self._left == 0:
            with _damage(self._hdu.path):
                self._file.read(BLOCK_BYTES + 1)


def is_image(hdu):
    """Whether an HDU holds pixels; tile-compressed ones cannot be read by rows and are refused."""
    if hdu.header.get("ZIMAGE", False):
        raise DataError(
            hdu.path, "a tile-compressed image", "a plain or gzipped one", "decompress it with funpack."
        )
    return hdu.header["NAXIS"] > 0 and str(hdu.header.get("XTENSION", "IMAGE")).strip() == "IMAGE"


def walk(path):
    """Yield the HDUs of a FITS file in order, as `ImageHdu`.

    Pixels are skipped, those of a gzip file by decompressing them when the next HDU is asked for.

    Raises
    ------
    DataError
        If the file cannot be read, is not FITS, or is truncated (known at once for plain files, for gzip
        files only where it has been decompressed).
    """
    with _open(path) as file, _damage(path):
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
        while (header := _read_header(file, path)) is not None:
            offset += header[1]
            n_bytes = _data_bytes(header[0], path)
            if size is not None and size < offset + n_bytes:
                expected = f"at least {offset + n_bytes} bytes, as its header says"
                raise _truncated(path, f"{size} bytes", expected)
            name = str(header[0].get("EXTNAME", "")).strip().upper()
            yield ImageHdu(path, name, header[0], offset)
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
            raise _truncated(path, "a header without END", "a whole FITS file")
        blocks.append(block)
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK_BYTES, 80)):
            break
    text = b"".join(blocks).decode("ascii", "replace").replace("\ufffd", "?")
    return fits.Header.fromstring(text), len(text)


def _data_bytes(header, path):
    """Bytes of the pixels (or table) behind a header, without padding."""
    try:
        axes = [int(header[f"NAXIS{axis}"]) for axis in range(1, int(header["NAXIS"]) + 1)]
        pixel_bytes = np.dtype(PIXEL_TYPES[int(header["BITPIX"])]).itemsize
        n_groups, n_extra = int(header.get("GCOUNT", 1)), int(header.get("PCOUNT", 0))
    except (KeyError, ValueError, TypeError, fits.VerifyError) as exc:
        raise DataError(path, f"a header without proper BITPIX and NAXIS ({exc})", "a FITS file") from exc
    return pixel_bytes * n_groups * (n_extra + (math.prod(axes) if axes else 0))


def _open(path):
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


def _read_exactly(file, n_bytes, path):
    """Read ``n_bytes`` or say that the file is truncated."""
    raw = file.read(n_bytes)
    if len(raw) < n_bytes:
        raise _truncated(path, "a file that ends within its pixels", "as many as its header says")
    return raw


@contextlib.contextmanager
def _damage(path):
    """Turn what gzip raises for damaged files into a message for the user."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise _truncated(path, f"a damaged gzip file ({exc})", "a whole gzip file") from exc


def _truncated(path, got, expected):
    """Error for a file that ends too early."""
    return DataError(path, got, expected, "the file is truncated or damaged: copy or download it again.")


def _unreadable(path, exc):
    """Error for a file that cannot be opened."""
    return DataError(path, exc.strerror or str(exc), "a readable FITS file", "check the path of this mosaic.")


def padded(n_bytes):
    """``n_bytes`` rounded up to whole FITS blocks."""
    return -(-n_bytes // BLOCK_BYTES) * BLOCK_BYTES
