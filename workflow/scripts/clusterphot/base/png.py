"""Small PNG images as bytes; no time or software is written, so that equal pixels give equal bytes."""

import io

from PIL import Image


def encode_png(image, palette=None):
    """PNG of an image.

    Parameters
    ----------
    image : (ny, nx) uint8 ndarray
        Row 0 is drawn at the top.
    palette : (n, 3) uint8 ndarray, optional
        RGB of each value of ``image``; grey without.

    Returns
    -------
    data : bytes
    """
    picture, data = Image.fromarray(image), io.BytesIO()
    if palette is not None:
        picture.putpalette(palette.tobytes())
    picture.save(data, "PNG", compress_level=9)
    return data.getvalue()
