"""WCS of an image: equatorial, of square pixels, without contradictions in the header that defines it.

Keywords as in Greisen & Calabretta (2002, A&A 395, 1061), Calabretta & Greisen (2002, A&A 395, 1077) and, for SIP,
Shupe et al. (2005, ASPC 347, 491). Degrees, pixels 0-based.
"""

import re
import warnings

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales

from clusterphot.base.errors import DataError
from clusterphot.mosaics.fits_rows import odd_cards

WCS_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    MemoryError,
    TypeError,
    ValueError,
    fits.VerifyError,
)
"""What astropy raises of headers."""
MAX_AXES = 9
"""Axes of an image; a mosaic has two, a cube three or four."""
SIP_KEYWORD = re.compile(r"(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)")


def celestial_wcs(hdu):
    """WCS of an image.

    Parameters
    ----------
    hdu : `clusterphot.mosaics.fits_rows.ImageHdu`

    Returns
    -------
    wcs : `astropy.wcs.WCS`
        Of two axes, RA and Dec.
    notes : tuple of str
        What in the header contradicts itself, and how it was read.

    Raises
    ------
    DataError
        If there is none, it cannot be read, it is not equatorial J2000, or its pixels are not square.
    """
    where = f"{hdu.path}, WCS of {hdu.label}"
    with odd_cards(where):
        header, notes = _without_leftovers(hdu)
    check_axes(header, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header)
            wcs.wcs.set()
            full = list(wcs.wcs.ctype)
            wcs = wcs.celestial if wcs.has_celestial and wcs.naxis > 2 else wcs
            wcs.wcs.set()
    except WCS_ERRORS as exc:
        raise DataError(where, f"an unreadable one ({str(exc).strip()})", "a celestial WCS") from exc
    if not wcs.has_celestial:
        raise DataError(
            where, f"CTYPE {full}", "a celestial WCS, RA---TAN and DEC--TAN for example",
            "write one into the header, for example with astrometry.net or Scamp.",
        )  # fmt: skip
    kinds = [str(name)[:4] for name in full[:2]]
    frame, not_2000 = wcs.wcs.radesys.strip(), abs(wcs.wcs.equinox - 2000.0) > 0  # no EQUINOX is NaN
    if kinds != ["RA--", "DEC-"] or frame not in ("ICRS", "FK5", "") or not_2000:
        got = f"CTYPE {full}, RADESYS {frame}, EQUINOX {wcs.wcs.equinox}"
        raise DataError(where, got, "axes RA and Dec, in that order, ICRS or FK5 J2000 (taken as ICRS)")
    scales = proj_plane_pixel_scales(wcs)
    if abs(scales[0] / scales[1] - 1) > 0.01:
        got = f"pixels of {scales[0] * 3600:.4f} x {scales[1] * 3600:.4f} arcsec"
        raise DataError(where, got, "square pixels", "resample the mosaic.")
    return wcs, notes


def check_axes(header, where):
    """Refuse a number of axes that wcslib takes room for, all that there is, before it looks at them.

    Raises
    ------
    DataError
    """
    try:
        found = header.get("WCSAXES", 2)
        usable = 0 <= float(found) <= MAX_AXES
    except (ValueError, TypeError, fits.VerifyError):
        found, usable = "that is no number", False
    if not usable:
        raise DataError(where, f"WCSAXES {found}", f"a number of axes up to {MAX_AXES}")


def _without_leftovers(hdu):
    """Header without the SIP terms that its CTYPE does not ask for, and what was left out in words."""
    header = hdu.header
    ctype = str(header.get("CTYPE1", ""))
    terms = [key for key in header if SIP_KEYWORD.fullmatch(key)]
    if not terms or "-SIP" in ctype:
        return header, ()
    header = header.copy()
    for key in terms:
        del header[key]
    note = (
        f"{hdu.path}, WCS of {hdu.label}: SIP terms (A_ORDER, B_ORDER, ...) are left out, since CTYPE1 = {ctype!r} "
        "is without -SIP; a resampled mosaic has no distortion, and keeps them from its exposures"
    )
    return header, (note,)


def sky_to_pixel(wcs, ra, dec):
    """Pixels x, y (0-based, centre = integer) of ICRS positions in deg; NaN on the far side of the sky."""
    return wcs.all_world2pix(np.asarray(ra, float), np.asarray(dec, float), 0, quiet=True, adaptive=True)
