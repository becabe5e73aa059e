"""Mosaics as others publish them, checked by their headers and converted once to nJy per pixel.

Conventions: DAWN JWST Archive (Valentino et al. 2023, ApJ 947, 20), MAST ``i2d`` (JWST pipeline) and any
BUNIT of flux per pixel or solid angle. Read by rows, never whole; nJy/pixel and 1/(nJy/pixel)^2 come out.
"""

import logging
import os
import warnings
from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales

from clusterphot import __version__
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.files import checksum_cards
from clusterphot.base.products import IVAR_UNIT, mosaic_header, pixel_scale, whole_file
from clusterphot.mosaics.fits_rows import ImageHdu, Rows, is_gzip, is_image, padded, walk

WEIGHT_EXTENSIONS = {"IVAR": "ivar", "ERR": "err", "WHT": "ivar"}
"""Extensions that can weight the image beside them, best first, and what they hold."""

PIXEL_AREA_TOLERANCE = 0.05
UNIT_HINT = (
    "set BUNIT in the header to what one count means, for example '10.0*nanoJansky' "
    "(DAWN JWST Archive), 'nJy', 'uJy', or 'MJy/sr' with PIXAR_SR."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MosaicInfo:
    """What the headers of a mosaic say.

    Attributes
    ----------
    sci, weight : `ImageHdu`
        ``weight`` is None only where it lies behind the image in the same .gz file and was not looked for.
    weight_kind : {"ivar", "err"} or None
        Inverse variance or 1-sigma error, in the unit of the image.
    convention : {"clusterphot", "dja", "mast_i2d", "generic"}
    unit_factor_njy : float
        nJy per pixel of one unit of the image.
    unit : str
        BUNIT as written.
    shape : (ny, nx)
    wcs : `astropy.wcs.WCS`
    pixel_scale_arcsec : float
    corners_deg : (4, 2) float ndarray
        RA and Dec of the outer corners, counter-clockwise from the first pixel.
    extensions : tuple of str
        Names of the extensions seen.
    gain_e_per_njy : float or None
        Gain stated by a mosaic of this workflow; foreign GAIN keys are e/ADU and are not used.
    """

    sci: ImageHdu
    weight: ImageHdu | None
    weight_kind: str | None
    convention: str
    unit_factor_njy: float
    unit: str
    shape: tuple
    wcs: WCS
    pixel_scale_arcsec: float
    corners_deg: np.ndarray
    extensions: tuple
    gain_e_per_njy: float | None = None


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of a converted mosaic: all, usable, and why others are not (some count in several)."""

    total: int = 0
    good: int = 0
    not_finite: int = 0
    weight_not_finite: int = 0
    weight_zero: int = 0
    weight_negative: int = 0
    sci_negative: int = 0

    def __add__(self, other):
        """Counts of two parts of an image together."""
        return PixelCounts(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self):
        """The counts in the order of the attributes."""
        return tuple(vars(self).values())


# ---------------------------------------------------------------------------------------------- headers


def inspect_mosaic(sci, wht=None, *, deep=False):
    """Check a mosaic by its headers and find out what its pixels mean.

    Parameters
    ----------
    sci : str
        Local file, .fits or .fits.gz (recognised by content). The image is the extension SCI, else the first.
    wht : str, optional
        File with the inverse variance in the unit of the image squared; without it, ``sci`` must hold an
        extension IVAR, ERR or WHT.
    deep : bool, optional
        Look for weights behind the image of a .gz file too, which takes decompressing the image
        (5 s per GB); without it that check is left to `convert_mosaic`.

    Returns
    -------
    info : MosaicInfo

    Raises
    ------
    DataError
        With file and key: missing or damaged file, no image plane, unknown unit, MJy/sr without
        PIXAR_SR, no celestial WCS, weights missing, of another shape, or of another place.

    Notes
    -----
    ``mast_i2d``: nJy/pixel = MJy/sr x PIXAR_SR x 1e15, and the weights are 1/ERR^2. ERR holds the read,
    Poisson (sky and source) and flat-field variances (JWST pipeline documentation, "Error propagation"),
    so no gain may be added to it. WHT there is a relative weight without sky noise; it is used, as inverse
    variance, only where there is no ERR. The weights of the DAWN archive hold sky and read noise, but not
    the Poisson noise of the sources.
    """
    sci, wht = os.fspath(sci), os.fspath(wht) if wht else None
    _check_not_swapped(sci, wht)
    hdu, seen = _find_image(sci)
    _check_plane(hdu)
    wcs = _celestial_wcs(hdu)
    weight, kind, names = _find_weight(hdu, wht, deep)
    convention, factor = _unit_factor(hdu, wcs, names)
    if weight is not None:
        _check_weight(hdu, weight, wcs)
    ny, nx = hdu.shape
    return MosaicInfo(
        sci=hdu,
        weight=weight,
        weight_kind=kind,
        convention=convention,
        unit_factor_njy=factor,
        unit=str(hdu.header["BUNIT"]),
        shape=hdu.shape,
        wcs=wcs,
        pixel_scale_arcsec=pixel_scale(wcs),
        corners_deg=wcs.calc_footprint(axes=(nx, ny), center=False),
        extensions=tuple(dict.fromkeys(seen + names)),
        gain_e_per_njy=hdu.header.get("GAIN") if convention == "clusterphot" else None,
    )


def check_overlap(info, ra, dec):
    """Which sources lie on a mosaic; none at all is an error.

    Parameters
    ----------
    info : MosaicInfo
    ra, dec : (n,) float ndarray, deg, ICRS

    Returns
    -------
    inside : (n,) bool ndarray
        Position within the outer edges of the image; its pixels there may still be bad.

    Raises
    ------
    DataError
        If no source lies on the image.
    """
    ra, dec = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
    x, y = sky_to_pixel(info.wcs, ra, dec)
    ny, nx = info.shape
    inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)  # NaN compares false
    if not inside.any():
        centre = np.ravel(info.wcs.all_pix2world((nx - 1) / 2, (ny - 1) / 2, 0))
        first = f" (the first at RA {ra[0]:.5f}, Dec {dec[0]:.5f})" if ra.size else ""
        raise DataError(
            info.sci.path,
            f"image around RA {centre[0]:.5f}, Dec {centre[1]:.5f}, none of {ra.size} sources in it{first}",
            "at least one source of the list on the image",
            "are mosaic and source list of the same field, and ra and dec in degrees (ICRS)?",
        )
    return inside


def check_gain(info, gain_e_per_njy):
    """Refuse a gain where the weights hold the sources' Poisson noise already."""
    if gain_e_per_njy is not None and info.weight_kind == "err":
        raise ConfigError(
            f"gain_e_per_njy for {info.sci.path}",
            gain_e_per_njy,
            "no gain, because the extension ERR includes the sources' Poisson noise",
            "remove gain_e_per_njy, or name a weight file without Poisson noise as wht.",
        )


def sky_to_pixel(wcs, ra, dec):
    """Pixels x, y (0-based, centre = integer) of ICRS positions in deg; NaN on the far side of the sky."""
    return wcs.all_world2pix(np.asarray(ra, float), np.asarray(dec, float), 0, quiet=True)


def _check_not_swapped(sci, wht):
    """Refuse files whose names say that sci and wht are exchanged, or that are one and the same."""
    if wht is None:
        return
    if os.path.abspath(sci) == os.path.abspath(wht):
        raise DataError(
            f"sci and wht, {sci}", "one file", "two files", "leave wht out for a file with extensions."
        )
    if "_wht" in os.path.basename(sci) and "_sci" in os.path.basename(wht):
        raise DataError(
            "sci and wht", f"sci: {sci}, wht: {wht}", "the image as sci, the weight as wht", "exchange them."
        )


def _find_image(path):
    """Image of a file, the extension SCI or else the first one, and the names of the extensions passed."""
    first, names = None, []
    for hdu in walk(path):
        names.append(hdu.name)
        if not is_image(hdu):
            continue
        if hdu.name in ("", "PRIMARY", "SCI"):
            return hdu, tuple(names)
        first = first or hdu
    if first is None:
        raise DataError(path, "no image", "an image in the primary HDU or in an extension")
    return first, tuple(names)


def _find_weight(sci, wht, deep):
    """Weight image, what it holds, and the names of the extensions seen on the way."""
    if wht is not None:
        weight = _find_weight_file(wht)
        return weight, WEIGHT_EXTENSIONS.get(weight.name, "ivar"), ()
    if is_gzip(sci.path) and not deep:
        return None, None, ()
    found, names = {}, []
    for hdu in walk(sci.path):
        names.append(hdu.name)
        if hdu.name in WEIGHT_EXTENSIONS and hdu.header["NAXIS"] == 2:
            found.setdefault(hdu.name, hdu)
        if "IVAR" in found or "ERR" in found:
            break
    for name, kind in WEIGHT_EXTENSIONS.items():
        if name in found:
            return found[name], kind, tuple(names)
    raise DataError(
        f"{sci.path}, extensions",
        ", ".join(name for name in names if name) or "none",
        "one of " + ", ".join(WEIGHT_EXTENSIONS),
        "name the file of the inverse variance as wht beside sci.",
    )


def _find_weight_file(path):
    """Weight of a file of its own: an extension named so, else its first image."""
    found = {}
    for hdu in walk(path):
        if not is_image(hdu):
            continue
        found.setdefault(hdu.name if hdu.name in WEIGHT_EXTENSIONS else "first", hdu)
        if hdu.name != "SCI" and is_gzip(path):
            break
    for name in (*WEIGHT_EXTENSIONS, "first"):
        if name in found:
            return found[name]
    raise DataError(path, "no image", "the inverse variance in the primary HDU or in an extension")


def _check_plane(hdu):
    """Refuse cubes, tables of pixels and images without pixels."""
    if len(hdu.shape) != 2 or min(hdu.shape) < 1:
        raise DataError(
            f"{hdu.path}, NAXIS of {hdu.label}",
            f"shape {' x '.join(map(str, hdu.shape))} ({len(hdu.shape)} axes)",
            "an image of 2 axes",
            "write the plane you want as an image of its own.",
        )


def _check_weight(sci, weight, wcs):
    """Refuse weights of another shape, or whose own WCS puts them elsewhere."""
    _check_plane(weight)
    place = f" ({weight.label})" if weight.name else ""
    if weight.shape != sci.shape:
        raise DataError(
            f"{weight.path}, shape of the weight{place}",
            " x ".join(map(str, weight.shape)),
            f"{' x '.join(map(str, sci.shape))} as {sci.path}",
            "image and weight share their pixels; a (binned) exposure map is not a weight.",
        )
    if "CTYPE1" not in weight.header or "CRVAL1" not in weight.header:
        return
    ny, nx = sci.shape
    x, y = np.array([0, nx - 1, 0, nx - 1]), np.array([0, 0, ny - 1, ny - 1])
    weight_x, weight_y = sky_to_pixel(wcs, *_celestial_wcs(weight).all_pix2world(x, y, 0))
    shift_px = np.max(np.hypot(weight_x - x, weight_y - y))
    if not shift_px < 0.5:
        raise DataError(
            f"{weight.path}, WCS of the weight{place}",
            f"pixels that lie up to {shift_px:.1f} px from those of the image",
            f"the WCS of {sci.path}",
            "is it the weight of another mosaic?",
        )


def _celestial_wcs(hdu):
    """WCS of an image, equatorial, with square pixels."""
    where = f"{hdu.path}, WCS of {hdu.label}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(hdu.header)
            wcs.wcs.set()
    except (ValueError, TypeError, AttributeError, AssertionError, MemoryError, fits.VerifyError) as exc:
        raise DataError(where, f"an unreadable one ({str(exc).strip()})", "a celestial WCS") from exc
    kinds = [str(name)[:4] for name in wcs.wcs.ctype]
    if not wcs.has_celestial or wcs.naxis != 2:
        raise DataError(
            where, f"CTYPE {list(wcs.wcs.ctype)}", "a celestial WCS, RA---TAN and DEC--TAN for example",
            "write one into the header, for example with astrometry.net or Scamp.",
        )  # fmt: skip
    frame, not_2000 = wcs.wcs.radesys.strip(), abs(wcs.wcs.equinox - 2000.0) > 0  # no EQUINOX is NaN
    if kinds != ["RA--", "DEC-"] or frame not in ("ICRS", "FK5", "") or not_2000:
        got = f"CTYPE {list(wcs.wcs.ctype)}, RADESYS {frame}, EQUINOX {wcs.wcs.equinox}"
        raise DataError(where, got, "axes RA and Dec, in that order, ICRS or FK5 J2000 (taken as ICRS)")
    scales = proj_plane_pixel_scales(wcs)
    if abs(scales[0] / scales[1] - 1) > 0.01:
        got = f"pixels of {scales[0] * 3600:.4f} x {scales[1] * 3600:.4f} arcsec"
        raise DataError(where, got, "square pixels", "resample the mosaic.")
    return wcs


# ------------------------------------------------------------------------------------------------ units


def _unit_factor(hdu, wcs, names):
    """Convention and nJy per pixel of one unit of the image."""
    where = f"{hdu.path}, BUNIT of {hdu.label}"
    text = str(hdu.header.get("BUNIT", "")).strip()
    if not text:
        hint = UNIT_HINT
        if "PHOTFNU" in hdu.header:
            hint += f" PHOTFNU = {hdu.header['PHOTFNU']} there suggests BUNIT = '{hdu.header['PHOTFNU']} Jy'."
        raise DataError(where, "no unit", "a flux unit per pixel or per solid angle", hint)
    try:
        unit = u.Unit(text)
    except (ValueError, TypeError) as exc:
        raise DataError(where, repr(text), "a unit that can be read", UNIT_HINT) from exc
    for per_pixel in (unit, unit * u.pix):
        if per_pixel.is_equivalent(u.nJy):
            factor = float(per_pixel.to(u.nJy))
            return _flux_convention(hdu, factor, text, names), factor
    if not unit.is_equivalent(u.MJy / u.sr):
        raise DataError(where, repr(text), "a flux unit per pixel or per solid angle", UNIT_HINT)
    area_sr = _pixel_area_sr(hdu, wcs)
    convention = "mast_i2d" if text.replace(" ", "") == "MJy/sr" else "generic"
    return convention, float(unit.to(u.MJy / u.sr)) * area_sr * 1e15


def _flux_convention(hdu, factor, text, names):
    """Convention of an image in flux per pixel; BUNIT and PHOTFNU (Jy) must agree."""
    photfnu_jy = hdu.header.get("PHOTFNU")
    if photfnu_jy is not None:
        if not isinstance(photfnu_jy, float | int) or abs(photfnu_jy * 1e9 / factor - 1) > 1e-3:
            raise DataError(
                f"{hdu.path}, PHOTFNU of {hdu.label}",
                f"{photfnu_jy} Jy",
                f"{factor * 1e-9:.6g} Jy, as BUNIT = {text!r} says",
                "one of the two is wrong; correct it or remove PHOTFNU.",
            )
        return "dja" if "nanojansky" in text.lower() else "generic"
    return "clusterphot" if "IVAR" in names and "PIXSCALE" in hdu.header and text == "nJy" else "generic"


def _pixel_area_sr(hdu, wcs):
    """PIXAR_SR of the image, checked against the area of its pixels."""
    where = f"{hdu.path}, PIXAR_SR of {hdu.label}"
    wcs_area_sr = (pixel_scale(wcs) * u.arcsec).to_value(u.rad) ** 2
    area_sr = hdu.header.get("PIXAR_SR")
    if not isinstance(area_sr, float | int) or not area_sr > 0:
        raise DataError(
            where,
            "no value" if area_sr is None else repr(area_sr),
            "the area of a pixel in steradian, since the image is per solid angle",
            f"the pixels of the WCS have {wcs_area_sr:.6e} sr.",
        )
    if abs(area_sr / wcs_area_sr - 1) > PIXEL_AREA_TOLERANCE:
        raise DataError(
            where,
            f"{area_sr:.4e} sr",
            f"{wcs_area_sr:.4e} sr within {PIXEL_AREA_TOLERANCE:.0%}, the area of the pixels of the WCS",
            "a resampled image keeps its surface brightness: correct PIXAR_SR to the new pixels.",
        )
    return float(area_sr)


# ------------------------------------------------------------------------------------------- conversion


def convert_mosaic(
    info, out_path, *, filter_name, field, zero_point_factor=1.0, gain_e_per_njy=None, inputs=None,
    rows_per_block=128,
):  # fmt: skip
    """Convert a mosaic to nJy/pixel and inverse variance, by rows.

    Parameters
    ----------
    info : MosaicInfo
        From `inspect_mosaic`.
    out_path : str
        File with the float32 extensions SCI and IVAR, as `clusterphot.base.products.read_mosaic` wants it.
    filter_name, field : str
    zero_point_factor : float, optional
        Fluxes are multiplied by it, > 0.
    gain_e_per_njy : float, optional
        Electrons per nJy of the *converted* image, written as GAIN so that the sources' Poisson noise
        can be added. No convention's header states it, so it comes from the config or is absent.
    inputs : dict of str to str, optional
        Files whose names and SHA-256 are kept in the header, by a word of three letters: SCI, WHT.
    rows_per_block : int, optional
        Rows in memory at a time; 128 rows of 24000 pixels take 170 MB.

    Returns
    -------
    counts : PixelCounts

    Raises
    ------
    DataError
        If a file is truncated or damaged, no pixel is usable, or sci and wht look exchanged.
    ConfigError
        If a gain is given although the weights include Poisson noise.

    Notes
    -----
    A pixel is bad, with sci 0 and ivar 0, where image or weight is not finite or the weight not positive.
    """
    if not (np.isfinite(zero_point_factor) and zero_point_factor > 0):
        raise ValueError(f"zero_point_factor must be positive, got {zero_point_factor}")
    if rows_per_block < 1:
        raise ValueError(f"rows_per_block must be at least 1, got {rows_per_block}")
    info = _with_weight(info)
    check_gain(info, gain_e_per_njy)
    if gain_e_per_njy is None and info.gain_e_per_njy is not None:
        gain_e_per_njy = info.gain_e_per_njy / zero_point_factor
    factor = info.unit_factor_njy * zero_point_factor
    headers = _output_headers(info, filter_name, field, factor, gain_e_per_njy, checksum_cards(inputs or {}))
    with whole_file(out_path) as temporary:
        with open(temporary, "wb") as out:
            counts = _convert_rows(info, out, headers, factor, rows_per_block)
        check_counts(info, counts)
    log.info(
        "%s %s: %d x %d px of %.4f arcsec, %s, 1 %s = %.6g nJy x zero-point factor %g",
        field, filter_name, *info.shape, info.pixel_scale_arcsec, info.convention, info.unit,
        info.unit_factor_njy, zero_point_factor,
    )  # fmt: skip
    log.info(
        "%s %s: %d of %d pixels usable (image not finite %d; weight not finite %d, zero %d, negative %d)",
        field, filter_name, counts.good, counts.total, counts.not_finite, counts.weight_not_finite,
        counts.weight_zero, counts.weight_negative,
    )  # fmt: skip
    return counts


def _with_weight(info):
    """The same mosaic with its weight found, if it lies unseen in the .gz file of the image."""
    if info.weight is not None:
        return info
    weight, kind, names = _find_weight(info.sci, None, True)
    _check_weight(info.sci, weight, info.wcs)
    convention, _ = _unit_factor(info.sci, info.wcs, names)
    gain = info.sci.header.get("GAIN") if convention == "clusterphot" else None
    return replace(info, weight=weight, weight_kind=kind, convention=convention, gain_e_per_njy=gain)


def _convert_rows(info, out, headers, factor, rows_per_block):
    """Write the headers and stream image and weights through them into ``out``."""
    ny, nx = info.shape
    plane_bytes = 4 * ny * nx
    sci_start = len(headers[0]) + len(headers[1])
    ivar_header_start = sci_start + padded(plane_bytes)
    ivar_start = ivar_header_start + len(headers[2])
    out.write(headers[0] + headers[1])
    out.seek(ivar_header_start)
    out.write(headers[2])
    out.truncate(ivar_start + padded(plane_bytes))
    counts = PixelCounts()
    with Rows(info.sci) as sci_rows, Rows(info.weight) as weight_rows:
        for y0 in range(0, ny, rows_per_block):
            n_rows = min(rows_per_block, ny - y0)
            sci, weight = sci_rows.read(n_rows), weight_rows.read(n_rows)
            flux, ivar = convert_pixels(sci, weight, factor, weight_kind=info.weight_kind)
            counts += count_pixels(sci, weight, ivar)
            for start, block in ((sci_start, flux), (ivar_start, ivar)):
                out.seek(start + 4 * y0 * nx)
                out.write(block.astype(">f4"))
        sci_rows.finish()
        weight_rows.finish()
    return counts


def convert_pixels(sci, weight, factor, *, weight_kind="ivar"):
    """Fluxes and inverse variances of pixels, 0 and 0 where they cannot be used.

    Parameters
    ----------
    sci, weight : float ndarray
        Image, and inverse variance ("ivar") or 1-sigma error ("err"), in the unit of the image.
    factor : float
        nJy/pixel of one unit of the image.
    weight_kind : {"ivar", "err"}

    Returns
    -------
    flux, ivar : float32 ndarray, nJy/pixel and 1/(nJy/pixel)^2
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        flux = (sci * factor).astype(np.float32)
        if weight_kind == "ivar":
            ivar = (weight / factor**2).astype(np.float32)
        elif weight_kind == "err":
            ivar = (1.0 / (weight * factor) ** 2).astype(np.float32)
        else:
            raise ValueError(f"weight_kind must be 'ivar' or 'err', got {weight_kind!r}")
        bad = ~(np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0) & (weight > 0))
    flux[bad] = 0.0
    ivar[bad] = 0.0
    return flux, ivar


def count_pixels(sci, weight, ivar):
    """`PixelCounts` of one block."""
    finite = np.isfinite(weight)
    return PixelCounts(
        total=sci.size,
        good=int(np.count_nonzero(ivar)),
        not_finite=int(np.count_nonzero(~np.isfinite(sci))),
        weight_not_finite=int(np.count_nonzero(~finite)),
        weight_zero=int(np.count_nonzero(weight == 0)),
        weight_negative=int(np.count_nonzero(finite & (weight < 0))),
        sci_negative=int(np.count_nonzero(sci < 0)),
    )


def check_counts(info, counts):
    """Refuse an image without usable pixels, and a weight that looks like an image."""
    if counts.sci_negative == 0 and counts.weight_negative > 0:
        raise DataError(
            f"sci: {info.sci.path}, wht: {info.weight.path}",
            f"no negative pixel in sci and {counts.weight_negative} in wht",
            "an image with noise around zero as sci, and positive weights as wht",
            "sci and wht look exchanged.",
        )
    if counts.good == 0:
        raise DataError(
            f"{info.sci.path}, weight {info.weight.path}",
            f"no usable pixel among {counts.total} (image not finite {counts.not_finite}; weight not finite "
            f"{counts.weight_not_finite}, zero {counts.weight_zero}, negative {counts.weight_negative})",
            "pixels with a finite value and a positive weight",
            _tell_reason(counts),
        )


def _tell_reason(counts):
    """What makes most pixels unusable, in words."""
    reasons = {
        "the image holds no numbers (NaN) in most pixels": counts.not_finite,
        "the weight holds no numbers (NaN) in most pixels": counts.weight_not_finite,
        "the weight is zero, that is no data, in most pixels": counts.weight_zero,
        "the weight is negative in most pixels": counts.weight_negative,
    }
    return f"{max(reasons, key=reasons.get)}; is it the right file, downloaded whole?"


def _output_headers(info, filter_name, field, factor, gain_e_per_njy, checksums):
    """Bytes of the primary header and of the headers of SCI and IVAR."""
    common = mosaic_header(info.wcs, info.pixel_scale_arcsec, filter_name, field)
    for key in list(common):  # dates and observatory only make astropy warn when it reads the WCS
        if key.startswith(("DATE", "MJD", "OBSGEO", "TIME")):
            del common[key]
    common["UNITFAC"] = (factor, "[nJy] of 1 input unit, with zero point")
    common["INCONV"] = (info.convention, "convention of the input")
    common["CPVERS"] = (__version__, "clusterphot version")
    if gain_e_per_njy is not None:
        common["GAIN"] = (gain_e_per_njy, "[electron/nJy]")
    common.update(checksums)
    ny, nx = info.shape
    out = [fits.PrimaryHDU().header.tostring().encode("ascii")]
    for name, unit in (("SCI", "nJy"), ("IVAR", IVAR_UNIT)):
        header = fits.Header()
        header["XTENSION"] = ("IMAGE", "image extension")
        for key, value in (("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", nx), ("NAXIS2", ny), ("PCOUNT", 0)):
            header[key] = value
        header["GCOUNT"] = 1
        header["EXTNAME"] = name
        header["BUNIT"] = unit
        header.extend(common, strip=True, unique=True)
        out.append(header.tostring().encode("ascii"))
    return out
