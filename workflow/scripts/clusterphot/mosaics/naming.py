"""What names and headers of mosaic files say: image or weight, filter, unit.

Names: those of the DAWN JWST Archive (Valentino et al. 2023, ApJ 947, 20; ``*-f150w-clear_drc_sci.fits``) and
of the JWST and HST pipelines (``*_i2d.fits``, ``*_drz.fits``). Zero points AB mag, pixels arcsec.
"""

import os
import re

from clusterphot.base.units import mag_ab

IMAGE, WEIGHT, OTHER = "image", "weight", "other"
IMAGE_WORDS = ("sci", "i2d", "drz", "drc")
WEIGHT_WORDS = ("wht", "wgt", "weight", "ivar", "invvar")
ERROR_WORDS = ("err", "error", "rms", "sig", "sigma", "unc")
OTHER_WORDS = (
    *(
        "err",
        "rms",
        "var",
        "sig",
        "ctx",
        "con",
        "exp",
        "exptime",
        "dq",
        "mask",
        "msk",
        "seg",
        "segm",
        "psf",
        "cat",
    ),
    *("catalog", "epsf", "phot", "bkg", "truth", "cutout", "model", "residual"),
)


def words_of(path):
    """Words of a file name between _ - and dots, lower case, without .fits, .gz and .fz."""
    name = re.sub(r"\.fits?(\.gz|\.fz)?$", "", os.path.basename(path).lower())
    return [word for word in re.split(r"[-_.\s]+", name) if word]


def role_of(path):
    """Whether a file is an image, a weight or something else, by its name; empty if the name does not say."""
    words = words_of(path)
    if not re.search(r"\.fits?(\.gz|\.fz)?$", path.lower()):
        return OTHER
    for role, known in ((OTHER, OTHER_WORDS), (WEIGHT, WEIGHT_WORDS), (IMAGE, IMAGE_WORDS)):
        if any(word in known for word in words[1:] or words):
            return role
    return ""


def pair_key(path):
    """What image and weight of one mosaic have in common: folder and words, without those of their roles."""
    words = tuple(word for word in words_of(path) if word not in (*WEIGHT_WORDS, *ERROR_WORDS, "sci"))
    return os.path.dirname(path), words


def is_weight(path):
    """Whether a file's name calls it a map of weights."""
    return role_of(path) == WEIGHT


def is_error_map(path):
    """Whether a file's name calls it a map of errors."""
    return any(word in ERROR_WORDS for word in words_of(path)[1:])


def header_filter(header, path):
    """Filter that a header or, failing that, a file's name speaks of.

    Parameters
    ----------
    header : mapping
    path : str

    Returns
    -------
    filt : str
        Such as F150W; empty if neither does, or the name speaks of several.
    source : {"header", "name", ""}
    """
    for key in ("PUPIL", "FILTER", "FILTER1", "FILTER2"):  # NIRCam's narrow filters sit in the pupil wheel
        word = str(header.get(key, "")).strip().upper()
        if re.fullmatch(r"F\d{3}(W|M|N|LP)", word):
            return word, "header"
    found = {word for word in words_of(path) if re.fullmatch(r"f\d{3}(w|m|n|lp)", word)}
    return (found.pop().upper(), "name") if len(found) == 1 else ("", "")


def describe(info):
    """A `clusterphot.mosaics.headers.MosaicInfo` in words: size, pixels, unit and zero point."""
    ny, nx = info.shape
    return f"{info.sci.path}: {nx} x {ny} px of {info.pixel_scale_arcsec:.4f} arcsec, {describe_unit(info)}"


def describe_unit(info):
    """Unit, zero point and convention of a mosaic in words."""
    zero_point = float(mag_ab(info.unit_factor_njy))
    factor = f"{info.unit_factor_njy:.6g}"
    return f"{info.unit}: 1 count = {factor} nJy, zero point {zero_point:.2f} AB ({info.convention})"
