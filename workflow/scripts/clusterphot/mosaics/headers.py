"""What the headers of a mosaic say: image, weights, unit, WCS; refused where they contradict one another.

Conventions: DAWN JWST Archive (Valentino et al. 2023, ApJ 947, 20), MAST ``i2d`` (JWST pipeline), HST drizzle products
and any BUNIT of flux per pixel or solid angle. nJy per pixel, arcsec, degrees.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs import WCS

from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.products import pixel_scale
from clusterphot.mosaics.celestial import celestial_wcs, sky_to_pixel
from clusterphot.mosaics.drizzling import Drizzling, read_drizzling
from clusterphot.mosaics.fits_rows import ImageHdu, is_image, odd_cards, walk
from clusterphot.mosaics.image_units import unit_factor
from clusterphot.mosaics.naming import header_filter
from clusterphot.mosaics.weights import ERR, IVAR, find_weight, weight_factor


@dataclass(frozen=True)
class MosaicInfo:
    """What the headers of a mosaic say.

    Attributes
    ----------
    sci, weight : `ImageHdu`
        ``weight`` is None only where it lies behind the image in the same .gz file and was not looked for.
    weight_kind : {"ivar", "err"} or None
        Inverse variance or 1-sigma error, in the unit of the image.
    convention : {"clusterphot", "dja", "mast_i2d", "hst", "generic"}
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
    weight_factor : float
        Brings the weights to the unit of the image, where they have a unit of their own.
    notes : tuple of str
        Contradictions in the headers that a user should know of, and how they were read.
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
    weight_factor: float = 1.0
    notes: tuple = ()

    def drizzling(self, filter_name):
        """How exposures were combined, as the header tells: a `clusterphot.mosaics.drizzling.Drizzling`."""
        if self.convention == "clusterphot":
            return Drizzling.from_cards(self.sci.cards)
        return read_drizzling(self.sci.cards, filter_name, self.pixel_scale_arcsec)


def inspect_mosaic(sci, wht=None, *, err=None, deep=False):
    """Check a mosaic by its headers and find out what its pixels mean.

    Parameters
    ----------
    sci : str
        Local file, .fits, .fits.gz or .fits.fz (recognised by content). The image is the extension SCI, else the
        first.
    wht : str, optional
        File with the inverse variance in the unit of the image squared; without it and ``err``, ``sci`` must hold an
        extension IVAR, ERR or WHT.
    err : str, optional
        File with 1-sigma errors in the unit of the image, in place of ``wht``.
    deep : bool, optional
        Look for weights behind the image of a .gz file too, which takes decompressing the image
        (5 s per GB); without it that check is left to `clusterphot.mosaics.convert.convert_mosaic`.

    Returns
    -------
    info : MosaicInfo

    Raises
    ------
    DataError
        With file and key: missing or damaged file, no image plane, unknown unit, MJy/sr without
        PIXAR_SR, no celestial WCS, weights missing, of another kind, shape, or place.
    ConfigError
        If both ``wht`` and ``err`` are given.

    Notes
    -----
    ``mast_i2d``: nJy/pixel = MJy/sr x PIXAR_SR x 1e15, and the weights are 1/ERR^2. ERR holds the read,
    Poisson (sky and source) and flat-field variances (JWST pipeline documentation, "Error propagation"),
    so no gain may be added to it. WHT there is a relative weight without sky noise; it is used, as inverse
    variance, only where there is no ERR. The weights of the DAWN archive hold sky and read noise, but not
    the Poisson noise of the sources.
    """
    sci = os.fspath(sci)
    wht, err = (os.fspath(path) if path else None for path in (wht, err))
    if wht and err:
        raise ConfigError(
            f"mosaic {sci}", f"wht: {wht} and err: {err}", "one of the two", "remove the one that is less trusted."
        )  # fmt: skip
    with odd_cards(", ".join(filter(None, (sci, wht, err)))):
        return _inspect(sci, wht, err, deep)


def _inspect(sci, wht, err, deep):
    """`inspect_mosaic` of paths, of which one of ``wht`` and ``err`` is None."""
    for path in (wht, err):
        _check_not_swapped(sci, path)
    hdu, seen = _find_image(sci)
    _check_plane(hdu)
    wcs, notes = celestial_wcs(hdu)
    weight, kind, names = find_weight(hdu, wht or err, deep, ERR if err else IVAR)
    convention, factor, more = unit_factor(hdu, wcs, names)
    if weight is not None:
        _check_weight(hdu, weight, wcs)
    ny, nx = hdu.shape
    return MosaicInfo(
        sci=hdu,
        weight=weight,
        weight_kind=kind,
        convention=convention,
        unit_factor_njy=factor,
        unit=str(hdu.cards["BUNIT"]),
        shape=hdu.shape,
        wcs=wcs,
        pixel_scale_arcsec=pixel_scale(wcs),
        corners_deg=wcs.calc_footprint(axes=(nx, ny), center=False),
        extensions=tuple(dict.fromkeys(seen + names)),
        gain_e_per_njy=_own_gain(hdu, convention),
        weight_factor=weight_factor(hdu, weight, kind) if weight is not None else 1.0,
        notes=notes + more,
    )


def with_weight(info):
    """The same mosaic with its weight found, if it lies unseen in the .gz file of the image."""
    if info.weight is not None:
        return info
    weight, kind, names = find_weight(info.sci, None, True)
    _check_weight(info.sci, weight, info.wcs)
    convention, _, _ = unit_factor(info.sci, info.wcs, names)
    return replace(
        info,
        weight=weight,
        weight_kind=kind,
        weight_factor=weight_factor(info.sci, weight, kind),
        convention=convention,
        gain_e_per_njy=_own_gain(info.sci, convention),
    )


def _own_gain(hdu, convention):
    """Gain of a mosaic of this workflow, e/nJy."""
    return hdu.header.get("GAIN") if convention == "clusterphot" else None


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
    if gain_e_per_njy is not None and info.weight is not None and info.weight.name == "ERR":
        raise ConfigError(
            f"gain_e_per_njy for {info.sci.path}",
            gain_e_per_njy,
            "no gain, because the extension ERR includes the sources' Poisson noise",
            "remove gain_e_per_njy, or name a weight file without Poisson noise as wht.",
        )


def contradicting_filter(info, filt):
    """A `DataError` where header or name of image or weight speak of another filter than ``filt``, and its source.

    Returns
    -------
    error : DataError or None
    source : {"header", "name", ""}
    """
    for hdu in (info.sci, info.weight):
        said, source = header_filter(hdu.cards, hdu.path) if hdu is not None else ("", "")
        if said and said not in filt.upper():
            expected = f"{filt}, under which it is given"
            hint = "a typo in the key, or the wrong file?"
            return DataError(f"{hdu.path}, {source}", said, expected, hint), source
    return None, ""


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


def _check_plane(hdu):
    """Refuse cubes, tables of pixels and images without pixels."""
    if len(hdu.shape) == 2 and min(hdu.shape) > 0:
        return
    axes = [
        f"{hdu.header.get(f'CTYPE{axis}', '') or f'axis {axis}'} of {hdu.header[f'NAXIS{axis}']}"
        for axis in range(1, int(hdu.header["NAXIS"]) + 1)
    ]
    raise DataError(
        f"{hdu.path}, NAXIS of {hdu.label}",
        f"shape {' x '.join(map(str, hdu.shape))} ({', '.join(axes)})",
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
    of_weight, _ = celestial_wcs(weight)
    weight_x, weight_y = sky_to_pixel(wcs, *of_weight.all_pix2world(x, y, 0))
    shift_px = np.max(np.hypot(weight_x - x, weight_y - y))
    if not shift_px < 0.5:
        raise DataError(
            f"{weight.path}, WCS of the weight{place}",
            f"pixels that lie up to {shift_px:.1f} px from those of the image",
            f"the WCS of {sci.path}",
            "is it the weight of another mosaic?",
        )
