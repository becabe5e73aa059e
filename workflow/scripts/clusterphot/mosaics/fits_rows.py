"""Images of FITS files read row by row, from plain, gzipped and tile-compressed files alike, in bounded memory.

The layout is that of the FITS standard (Pence et al. 2010, A&A 524, A42): blocks of 2880 bytes.
Values are in the unit of the file, with BSCALE, BZERO and BLANK applied.
"""

import contextlib
import functools
import gzip
import math
from collections import ChainMap
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError
from clusterphot.base.fits_headers import (
    BLOCK_BYTES,
    PIXEL_TYPES,
    damage,
    open_bytes,
    read_headers,
    truncated,
)

FPACK_NAME = "COMPRESSED_IMAGE"
"""Extension that packing a primary image makes; a name that means nothing."""


@dataclass(frozen=True)
class ImageHdu:
    """One image of a FITS file and where its pixels start, in bytes of the decompressed file.

    Attributes
    ----------
    path, name : str
        Name of the extension, in capitals.
    header : `astropy.io.fits.Header`
        That of the image, also where the file holds it in compressed tiles.
    offset_bytes : int
    index : int
        Number of the HDU in the file.
    tiled : bool
        Whether the pixels lie in compressed tiles (``.fits.fz``).
    primary : `astropy.io.fits.Header` or None
        The primary header of the file, which holds what is common to its extensions.
    """

    path: str
    name: str
    header: fits.Header
    offset_bytes: int
    index: int = 0
    tiled: bool = False
    primary: fits.Header | None = None

    @property
    def label(self):
        """How messages call this image."""
        return f"extension {self.name}" if self.name else "the image"

    @property
    def shape(self):
        """Shape, [y, x] for a plane; further axes of one pixel do not count."""
        sizes = [int(self.header[f"NAXIS{axis}"]) for axis in range(int(self.header["NAXIS"]), 0, -1)]
        while len(sizes) > 2 and sizes[0] == 1:
            sizes.pop(0)
        return tuple(sizes)

    @functools.cached_property
    def cards(self):
        """Keywords of the image, and those of the primary header that it does not have itself."""
        return ChainMap(self.header, self.primary or {})


class Rows:
    """Rows of one image, read once from the first to the last, as float64; a context manager."""

    def __init__(self, hdu):
        self._hdu, self._pixels, self._next = hdu, None, 0

    def __enter__(self):
        if self._hdu.tiled:
            self._pixels = TiledPixels(self._hdu)
            return self
        self._file = open_bytes(self._hdu.path)
        with damage(self._hdu.path):
            self._file.seek(self._hdu.offset_bytes)
        return self

    def __exit__(self, *exc):
        (self._pixels or self._file).close()

    def read(self, n_rows):
        """The next ``n_rows`` rows."""
        first, nx = self._next, self._hdu.shape[1]
        self._next += n_rows
        if self._pixels is not None:
            return self._pixels.box(first, first + n_rows, 0, nx)
        dtype = stored_type(self._hdu)
        with damage(self._hdu.path):
            raw = _read_exactly(self._file, n_rows * nx * dtype.itemsize, self._hdu.path)
        return scaled(np.frombuffer(raw, dtype=dtype).reshape(n_rows, nx), self._hdu.header)

    def finish(self):
        """Check the checksum of a gzip file that ends after this image."""
        if (
            self._pixels is None
            and isinstance(self._file, gzip.GzipFile)
            and self._next == self._hdu.shape[0]
        ):
            with damage(self._hdu.path):
                self._file.read(BLOCK_BYTES + 1)


class PlainPixels:
    """Pixels anywhere in an uncompressed image, as float64."""

    def __init__(self, hdu):
        self._header = hdu.header
        self._stored = np.memmap(hdu.path, stored_type(hdu), "r", hdu.offset_bytes, hdu.shape)

    def box(self, y0, y1, x0, x1):
        """Pixels of a box inside the image."""
        return scaled(self._stored[y0:y1, x0:x1], self._header)

    def rows(self, numbers):
        """Whole rows, (n, nx)."""
        return scaled(self._stored[numbers], self._header)

    def points(self, y, x):
        """Single pixels, (n,)."""
        return scaled(self._stored[y, x], self._header)

    def close(self):
        """Let go of the file."""
        self._stored = None


class TiledPixels:
    """Pixels anywhere in an image of compressed tiles, as float64; only the tiles that are asked for are unpacked.

    Notes
    -----
    Tiles as in the FITS standard 4.0, sect. 10; by astropy, which applies BSCALE, BZERO and the null values.
    """

    def __init__(self, hdu):
        self._path = hdu.path
        with contextlib.ExitStack() as stack, _damaged_tiles(hdu.path):
            stream = stack.enter_context(open(hdu.path, "rb"))  # astropy leaves a path open where it fails
            self._hdus = stack.enter_context(fits.open(stream, memmap=True))
            self._section = self._hdus[hdu.index].section
            self._open = stack.pop_all()
        self._plane = (0,) * (int(hdu.header["NAXIS"]) - 2)

    def box(self, y0, y1, x0, x1):
        """Pixels of a box inside the image."""
        if y1 <= y0 or x1 <= x0:
            return np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)))
        with _damaged_tiles(self._path):
            return np.asarray(self._section[(*self._plane, slice(y0, y1), slice(x0, x1))], dtype=np.float64)

    def rows(self, numbers):
        """Whole rows, (n, nx)."""
        with _damaged_tiles(self._path):
            rows = [self._section[(*self._plane, slice(int(y), int(y) + 1))][0] for y in numbers]
        return np.array(rows, dtype=np.float64)

    def points(self, y, x):
        """Single pixels, (n,); a row of tiles is unpacked once for all of its points."""
        values = np.zeros(len(y))
        for row in np.unique(y):
            here = y == row
            values[here] = self.rows([row])[0][x[here]]
        return values

    def close(self):
        """Close the file."""
        self._section = None
        self._open.close()


def open_pixels(hdu):
    """Pixels of an image that can be read anywhere: `PlainPixels` or `TiledPixels`."""
    return TiledPixels(hdu) if hdu.tiled else PlainPixels(hdu)


def stored_type(hdu):
    """numpy type of the pixels as they lie in the file."""
    return np.dtype(PIXEL_TYPES[int(hdu.header["BITPIX"])])


def scaled(stored, header):
    """Values of stored pixels: BSCALE and BZERO applied, NaN where an integer is BLANK."""
    scale, zero = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
    values = stored.astype(np.float64)
    if (scale, zero) != (1.0, 0.0):
        values *= scale
        values += zero
    if header.get("BLANK") is not None and stored.dtype.kind in "iu":
        values[stored == header["BLANK"]] = np.nan
    return values


def is_image(hdu):
    """Whether an HDU holds pixels, in tiles or not."""
    with odd_cards(hdu.path):
        has_pixels = hdu.header["NAXIS"] > 0
        return has_pixels and (hdu.tiled or str(hdu.header.get("XTENSION", "IMAGE")).strip() == "IMAGE")


def walk(path):
    """Yield the HDUs of a FITS file in order, as `ImageHdu`.

    Pixels are skipped, those of a gzip file by decompressing them when the next HDU is asked for.

    Raises
    ------
    DataError
        If the file cannot be read, is not FITS, or is truncated (known at once for plain files, for gzip
        files only where it has been decompressed).
    """
    primary = None
    for index, (own, offset) in enumerate(read_headers(path)):
        with odd_cards(path):
            _check_scaling(own, path)
            tiled = bool(own.get("ZIMAGE", False))
            primary = primary or own
            if tiled:
                own = _tiled_header(path, index)
            name = str(own.get("EXTNAME", "")).strip().upper()
        name = "" if tiled and name == FPACK_NAME else name
        hdu = ImageHdu(path, name, own, offset, index, tiled, primary)
        if tiled:
            with odd_cards(path):
                _ = hdu.shape  # of plain images it was looked at as their headers were read
        yield hdu


def _tiled_header(path, index):
    """Header of the image that the tiles of an HDU make."""
    with _damaged_tiles(path), open(path, "rb") as stream, fits.open(stream, memmap=True) as hdus:
        return hdus[index].header.copy()


def _check_scaling(header, path):
    """Refuse a header by which stored numbers have no values."""
    for name in ("BSCALE", "BZERO"):
        value = header.get(name, 0)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise DataError(path, f"{name} that is {value!r}", "a number")


def _read_exactly(file, n_bytes, path):
    """Read ``n_bytes`` or say that the file is truncated."""
    raw = file.read(n_bytes)
    if len(raw) < n_bytes:
        raise truncated(path, "a file that ends within its pixels", "as many as its header says")
    return raw


@contextlib.contextmanager
def odd_cards(where):
    """Turn what astropy raises of single cards, wherever they are looked at, into a message for the user.

    Raises
    ------
    DataError
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, fits.VerifyError) as exc:
        hint = "compare its cards with those of a file that can be read."
        raise DataError(where, f"a header that cannot be read ({exc})", "one of a FITS image", hint) from exc


@contextlib.contextmanager
def _damaged_tiles(path):
    """Turn what astropy raises for damaged tiles into a message for the user."""
    try:
        yield
    except DataError:
        raise
    except Exception as exc:  # whatever astropy and cfitsio trip over in a damaged file
        raise truncated(path, f"damaged tiles ({exc})", "a whole tile-compressed image") from exc
