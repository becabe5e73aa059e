"""What one count of an image is worth in nJy per pixel, from BUNIT and the cards that its convention adds.

Conventions: DAWN JWST Archive (Valentino et al. 2023, ApJ 947, 20), MAST ``i2d`` (JWST pipeline), HST drizzle products
(electrons per second with PHOTFNU, or PHOTFLAM and PHOTPLAM), and any BUNIT of flux per pixel or solid angle.
"""

import re

from astropy import constants
from astropy import units as u

from clusterphot.base.errors import DataError
from clusterphot.base.products import pixel_scale

AREA_WARNING, AREA_ERROR = 0.01, 0.05
"""Difference between PIXAR_SR and the pixels of the WCS that is told, and that is refused: zero points are known to
1-2 %, and no two conventions of one pixel's area differ by 5 %."""
PHOTFNU_TOLERANCE = 1e-3
HST_TOLERANCE = 0.02
"""PHOTFNU and PHOTFLAM of one header round their last digits and the pivot."""
COUNT_RATE = re.compile(r"(e-?|el|electrons?|counts?|cts?|cps)(/(s|sec|second|seconds))?")
"""BUNIT of detector counts, without blanks and in lower case."""
UNIT_HINT = (
    "set BUNIT in the header to what one count means, for example '10.0*nanoJansky' "
    "(DAWN JWST Archive), 'nJy', 'uJy', or 'MJy/sr' with PIXAR_SR."
)


def unit_factor(hdu, wcs, names):
    """Convention and nJy per pixel of one unit of an image.

    Parameters
    ----------
    hdu : `clusterphot.mosaics.fits_rows.ImageHdu`
    wcs : `astropy.wcs.WCS`
    names : tuple of str
        Extensions of the file, by which a mosaic of this workflow is known.

    Returns
    -------
    convention : {"clusterphot", "dja", "mast_i2d", "hst", "generic"}
    factor : float
        nJy/pixel of one unit.
    notes : tuple of str
        Contradictions that are not large enough to be refused.

    Raises
    ------
    DataError
        Without a unit, with an unknown one, or with cards that contradict it.
    """
    where = f"{hdu.path}, BUNIT of {hdu.label}"
    text = str(hdu.cards.get("BUNIT", "")).strip()
    if not text:
        hint = UNIT_HINT
        if "PHOTFNU" in hdu.cards:
            hint += f" PHOTFNU = {hdu.cards['PHOTFNU']} there suggests BUNIT = '{hdu.cards['PHOTFNU']} Jy'."
        raise DataError(where, "no unit", "a flux unit per pixel or per solid angle", hint)
    if COUNT_RATE.fullmatch(text.lower().replace(" ", "")):
        return "hst", _count_rate_factor(hdu, text), ()
    unit = parse_unit(text)
    if unit is None:
        raise DataError(where, repr(text), "a unit that can be read", UNIT_HINT)
    per_pixel = flux_per_pixel(unit)
    if per_pixel is not None:
        return _flux_convention(hdu, per_pixel, text, names), per_pixel, ()
    if not unit.is_equivalent(u.MJy / u.sr):
        raise DataError(where, repr(text), "a flux unit per pixel or per solid angle", UNIT_HINT)
    area_sr, notes = _pixel_area_sr(hdu, wcs)
    convention = "mast_i2d" if text.replace(" ", "") == "MJy/sr" else "generic"
    return convention, float(unit.to(u.MJy / u.sr)) * area_sr * 1e15, notes


def parse_unit(text):
    """Unit of a BUNIT, None if astropy cannot read it."""
    try:
        return u.Unit(text)
    except (ValueError, TypeError):
        return None


def flux_per_pixel(unit):
    """nJy per pixel of a flux unit, with or without '/pixel'; None for another kind of unit."""
    for per_pixel in (unit, unit * u.pix):
        if per_pixel.is_equivalent(u.nJy):
            return float(per_pixel.to(u.nJy))
    return None


def _flux_convention(hdu, factor, text, names):
    """Convention of an image in flux per pixel; BUNIT and PHOTFNU (Jy) must agree."""
    photfnu_jy = hdu.cards.get("PHOTFNU")
    if photfnu_jy is not None:
        if not isinstance(photfnu_jy, float | int) or abs(photfnu_jy * 1e9 / factor - 1) > PHOTFNU_TOLERANCE:
            raise DataError(
                f"{hdu.path}, PHOTFNU of {hdu.label}",
                f"{photfnu_jy} Jy",
                f"{factor * 1e-9:.6g} Jy, as BUNIT = {text!r} says",
                "one of the two is wrong; correct it or remove PHOTFNU.",
            )
        return "dja" if "nanojansky" in text.lower() else "generic"
    return "clusterphot" if "IVAR" in names and "PIXSCALE" in hdu.header and text == "nJy" else "generic"


def _count_rate_factor(hdu, text):
    """nJy of one electron (or count) per second of an HST product.

    Notes
    -----
    PHOTFNU is in Jy s per electron; PHOTFLAM in erg/s/cm2/A per electron/s, and f_nu = f_lambda pivot^2 / c
    with PHOTPLAM in A (WFC3 Data Handbook, sect. 9.1).
    """
    where = f"{hdu.path}, BUNIT of {hdu.label}"
    if "/" not in text and text.lower() != "cps":
        raise DataError(
            where, repr(text), "a rate or a flux", "divide the image by its exposure time: BUNIT 'electrons/s'."
        )  # fmt: skip
    found = {}
    photfnu, photflam, photplam = (hdu.cards.get(key) for key in ("PHOTFNU", "PHOTFLAM", "PHOTPLAM"))
    if _is_positive(photfnu):
        found["PHOTFNU"] = photfnu * 1e9
    if _is_positive(photflam) and _is_positive(photplam):
        flux = photflam * u.erg / u.s / u.cm**2 / u.AA * (photplam * u.AA) ** 2 / constants.c
        found["PHOTFLAM and PHOTPLAM"] = float(flux.to_value(u.nJy))
    if not found:
        raise DataError(
            where,
            f"{text!r} without PHOTFNU, or PHOTFLAM and PHOTPLAM",
            "the flux of one electron per second, as the HST pipelines write it",
            UNIT_HINT,
        )
    values = list(found.values())
    if max(values) / min(values) - 1 > HST_TOLERANCE:
        got = ", ".join(f"{value:.5g} nJy from {name}" for name, value in found.items())
        raise DataError(where, got, "one and the same flux", "one of the cards is wrong; remove it.")
    return values[-1]


def _is_positive(value):
    """Whether the value of a card is a number above zero."""
    return isinstance(value, float | int) and not isinstance(value, bool) and 0 < value < float("inf")


def _pixel_area_sr(hdu, wcs):
    """PIXAR_SR of the image, checked against the area of its pixels, and notes."""
    where = f"{hdu.path}, PIXAR_SR of {hdu.label}"
    scale_arcsec = pixel_scale(wcs)
    wcs_area_sr = (scale_arcsec * u.arcsec).to_value(u.rad) ** 2
    area_sr = hdu.cards.get("PIXAR_SR")
    if not _is_positive(area_sr):
        raise DataError(
            where,
            "no value" if area_sr is None else repr(area_sr),
            "the area of a pixel in steradian, since the image is per solid angle",
            f"the pixels of the WCS have {wcs_area_sr:.6e} sr.",
        )
    excess = area_sr / wcs_area_sr - 1
    if abs(excess) <= AREA_WARNING:
        return float(area_sr), ()
    header_arcsec = (area_sr**0.5 * u.rad).to_value(u.arcsec)
    error = DataError(
        where,
        f"{area_sr:.4e} sr (pixels of {header_arcsec:.4f} arcsec), {excess:+.1%} from the WCS",
        f"{wcs_area_sr:.4e} sr within {AREA_WARNING:.0%}, that of the pixels of the WCS ({scale_arcsec:.4f} arcsec)",
        "fluxes go with this area: correct PIXAR_SR if it is that of other pixels (before a resampling, which keeps "
        "the surface brightness), or the WCS (CD, CDELT) if that is wrong.",
    )
    if abs(excess) > AREA_ERROR:
        raise error
    return float(area_sr), (str(error).replace("\n", " "),)
