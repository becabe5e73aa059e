"""Small paletted PNG images as bytes, without an imaging library (PNG specification, W3C 2003).

Pixels are indices into a palette; no time or software is written, so equal pixels give equal bytes.
"""

import struct
import zlib

import numpy as np


def encode_palette_png(indices, palette):
    """PNG of an indexed image.

    Parameters
    ----------
    indices : (ny, nx) uint8 ndarray
        Row 0 is drawn at the top.
    palette : (n, 3) uint8 array_like
        RGB of each index, n at most 256.

    Returns
    -------
    data : bytes

    Raises
    ------
    ValueError
        If an index has no colour, or the image is not two-dimensional.
    """
    indices = np.asarray(indices, dtype=np.uint8)
    palette = np.asarray(palette, dtype=np.uint8)
    if indices.ndim != 2 or indices.size == 0:
        raise ValueError(f"indices have shape {indices.shape}, expected a non-empty image")
    if not 0 < len(palette) <= 256 or int(indices.max()) >= len(palette):
        raise ValueError(f"{len(palette)} colours for indices up to {int(indices.max())}")
    ny, nx = indices.shape
    lines = np.zeros((ny, nx + 1), dtype=np.uint8)  # each line begins with its filter type, 0: none
    lines[:, 1:] = indices
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", nx, ny, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind, body):
    """Length, type, body and checksum of one chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
