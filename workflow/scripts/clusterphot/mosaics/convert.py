"""Mosaics as others publish them, converted once to nJy per pixel and inverse variance.

What their pixels mean is found by `clusterphot.mosaics.headers`. Read by rows, never whole; nJy/pixel and
1/(nJy/pixel)^2 come out.
"""

import logging
import zlib
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from clusterphot import __version__
from clusterphot.base.errors import DataError
from clusterphot.base.files import checksum_cards
from clusterphot.base.fits_headers import padded
from clusterphot.base.products import IVAR_UNIT, PIXEL_CHECK, mosaic_header, pixel_check, whole_file
from clusterphot.base.units import mag_ab
from clusterphot.mosaics.calibration import calibration_cards
from clusterphot.mosaics.fits_rows import Rows
from clusterphot.mosaics.headers import check_gain, with_weight
from clusterphot.mosaics.weights import check_scatter, doubt_scatter, doubt_unit, measure_scatter

NEGATIVE_SHARE = 0.01
"""Share of negative weights that resampling leaves along edges; more is no weight map."""
BLANK_SHARE, CONSTANT_SHARE = 0.05, 0.01
"""Shares of exposed pixels without a value, and with one that repeats itself, from which a user is told."""
DEPTH_MAG = (21.0, 34.0)
"""5-sigma limits (AB) outside which a unit must be wrong: no mosaic from space is that shallow or deep."""
RUN_PX = 5
"""Neighbours in a row with one and the same value: noise in floating point does not repeat itself."""
N_SAMPLED_ROWS = 48

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of a converted mosaic: all, usable, and why others are not (some count in several).

    ``constant`` are exact zeros and runs of one value in an image of floating-point numbers, ``blank`` are pixels
    that are not finite; both only where the weight is above zero.
    """

    total: int = 0
    good: int = 0
    not_finite: int = 0
    weight_not_finite: int = 0
    weight_zero: int = 0
    weight_negative: int = 0
    sci_negative: int = 0
    constant: int = 0
    blank: int = 0

    def __add__(self, other):
        """Counts of two parts of an image together."""
        return PixelCounts(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self):
        """The counts in the order of the attributes."""
        return tuple(vars(self).values())


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
        If a file is truncated or damaged, no pixel is usable, sci and wht look exchanged, or the pixels show that
        the weights are of another kind.
    ConfigError
        If a gain is given although the weights include Poisson noise.

    Notes
    -----
    A pixel is bad, with sci 0 and ivar 0, where image or weight is not finite, the weight is not positive, or the
    image is constant (`find_constant`), whatever the weight says.
    """
    if not (np.isfinite(zero_point_factor) and zero_point_factor > 0):
        raise ValueError(f"zero_point_factor must be positive, got {zero_point_factor}")
    if rows_per_block < 1:
        raise ValueError(f"rows_per_block must be at least 1, got {rows_per_block}")
    info = with_weight(info)
    check_gain(info, gain_e_per_njy)
    if gain_e_per_njy is None and info.gain_e_per_njy is not None:
        gain_e_per_njy = info.gain_e_per_njy / zero_point_factor
    factor = info.unit_factor_njy * zero_point_factor
    checksums = checksum_cards(inputs or {})
    headers = _output_headers(
        info, filter_name, field, factor, gain_e_per_njy, checksums, zero_point_factor=zero_point_factor
    )
    with whole_file(out_path) as temporary:
        with open(temporary, "wb") as out:
            counts, scatter = _convert_rows(info, out, headers, factor, rows_per_block)
        check_counts(info, counts)
        check_depth(info, scatter)
        check_noise(info, scatter)
    for note in (*info.notes, *doubts(info, counts, scatter)):
        logger.warning("%s %s: %s", field, filter_name, note)
    logger.info(
        "%s %s: %d x %d px of %.4f arcsec, %s, 1 %s = %.6g nJy x zero-point factor %g",
        field, filter_name, *info.shape, info.pixel_scale_arcsec, info.convention, info.unit,
        info.unit_factor_njy, zero_point_factor,
    )  # fmt: skip
    logger.info(
        "%s %s: %d of %d pixels usable (image not finite %d, constant %d; weight not finite %d, zero %d, negative %d)",
        field, filter_name, counts.good, counts.total, counts.not_finite, counts.constant,
        counts.weight_not_finite, counts.weight_zero, counts.weight_negative,
    )  # fmt: skip
    return counts


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
    counts, sampled, sums = PixelCounts(), [], [0, 0]
    step = max(1, ny // N_SAMPLED_ROWS)
    with Rows(info.sci) as sci_rows, Rows(info.weight) as weight_rows:
        for y0 in range(0, ny, rows_per_block):
            n_rows = min(rows_per_block, ny - y0)
            sci, weight = sci_rows.read(n_rows), weight_rows.read(n_rows)
            block = convert_block(info, sci, weight, factor)
            counts += block.counts
            rows = np.arange(-y0 % step, n_rows, step)
            sampled.append((block.sci[rows], block.weight[rows]))
            for k, (start, plane) in enumerate(((sci_start, block.flux), (ivar_start, block.ivar))):
                content = plane.astype(">f4").tobytes()
                out.seek(start + 4 * y0 * nx)
                out.write(content)
                sums[k] = zlib.crc32(content, sums[k])
        sci_rows.finish()
        weight_rows.finish()
    # The header went ahead of the pixels: what is now known of them takes the place kept for it.
    out.seek(headers[0].index(pixel_check(0, 0).encode("ascii")))
    out.write(pixel_check(*sums).encode("ascii"))
    return counts, measure_scatter(*(np.concatenate(planes) for planes in zip(*sampled, strict=True)))


@dataclass(frozen=True)
class Block:
    """Part of a mosaic as a run takes it.

    Attributes
    ----------
    sci, weight : float64 ndarray
        In the unit of the image; the image NaN where it is constant.
    flux, ivar : float32 ndarray, nJy/pixel and 1/(nJy/pixel)^2
        0 and 0 where they cannot be used.
    counts : PixelCounts
    """

    sci: np.ndarray
    weight: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    counts: PixelCounts


def convert_block(info, sci, weight, factor):
    """Judge and convert whole rows, or a box, as they were read; `make check` looks through the same function.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    sci, weight : (n, m) float ndarray
        In the units of the files.
    factor : float
        nJy/pixel of one unit of the image.

    Returns
    -------
    block : `Block`
    """
    constant = find_constant(sci, info.sci)
    usable, weight = np.where(constant, np.nan, sci), weight * info.weight_factor
    flux, ivar = convert_pixels(usable, weight, factor, weight_kind=info.weight_kind)
    return Block(usable, weight, flux, ivar, count_pixels(sci, weight, ivar, constant))


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


def find_constant(sci, hdu):
    """Pixels of an image in floating point that hold no measurement: exact zeros, and runs of one value in a row.

    Parameters
    ----------
    sci : (n, nx) float ndarray
        Whole rows.
    hdu : `clusterphot.mosaics.fits_rows.ImageHdu`
        Tells whether the pixels were stored as integers, among which values do repeat themselves.

    Returns
    -------
    constant : (n, nx) bool ndarray
        Where nothing was observed, or a saturated core was clipped.
    """
    constant = np.zeros(sci.shape, dtype=bool)
    if int(hdu.header["BITPIX"]) > 0:
        return constant
    constant[:] = sci == 0
    if sci.shape[1] >= RUN_PX:
        same = sci[:, 1:] == sci[:, :-1]
        n_runs = sci.shape[1] - RUN_PX + 1
        run = np.ones((len(sci), n_runs), dtype=bool)
        for shift in range(RUN_PX - 1):
            run &= same[:, shift : shift + n_runs]
        for shift in range(RUN_PX):
            constant[:, shift : shift + n_runs] |= run
    return constant


def count_pixels(sci, weight, ivar, constant=None):
    """`PixelCounts` of one block; ``constant`` as from `find_constant`."""
    finite = np.isfinite(weight)
    exposed = finite & (weight > 0)
    return PixelCounts(
        total=sci.size,
        good=int(np.count_nonzero(ivar)),
        not_finite=int(np.count_nonzero(~np.isfinite(sci))),
        weight_not_finite=int(np.count_nonzero(~finite)),
        weight_zero=int(np.count_nonzero(weight == 0)),
        weight_negative=int(np.count_nonzero(finite & (weight < 0))),
        sci_negative=int(np.count_nonzero(sci < 0)),
        constant=0 if constant is None else int(np.count_nonzero(constant & exposed)),
        blank=int(np.count_nonzero(~np.isfinite(sci) & exposed)),
    )


def check_counts(info, counts):
    """Refuse an image without usable pixels, and a weight that looks like an image."""
    many = counts.weight_negative > NEGATIVE_SHARE * counts.total
    if many and counts.sci_negative == 0:
        raise DataError(
            f"sci: {info.sci.path}, wht: {info.weight.path}",
            f"no negative pixel in sci and {counts.weight_negative} in wht",
            "an image with noise around zero as sci, and positive weights as wht",
            "sci and wht look exchanged.",
        )
    if counts.good == 0:
        raise DataError(
            f"{info.sci.path}, weight {info.weight.path}",
            f"no usable pixel among {counts.total} (image not finite {counts.not_finite}, constant "
            f"{counts.constant}; weight not finite {counts.weight_not_finite}, zero {counts.weight_zero}, negative "
            f"{counts.weight_negative})",
            "pixels with a finite value and a positive weight",
            _tell_reason(counts),
        )
    if many:
        raise _negative_weights(info, counts)


def _negative_weights(info, counts):
    """`DataError` about weights below zero."""
    return DataError(
        info.weight.path,
        f"{counts.weight_negative} of {counts.total} weights below zero",
        "weights > 0, and 0 where there is no data",
        "such pixels are left out; is it the weight of this image?",
    )


def depth_mag(info, scatter):
    """5-sigma limit (AB) in a radius of 0.1 arcsec, for white noise of the scatter of the pixels; NaN if unknown."""
    if scatter is None or not scatter.sigma > 0:
        return float("nan")
    n_pixels = np.pi * (0.1 / info.pixel_scale_arcsec) ** 2
    return float(mag_ab(5.0 * scatter.sigma * info.unit_factor_njy * np.sqrt(n_pixels)))


def check_depth(info, scatter):
    """Refuse an image whose pixels are alike, or whose noise is that of no telescope: its unit is wrong.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    scatter : `clusterphot.mosaics.weights.Scatter` or None
        None where there were too few pixels to tell.

    Raises
    ------
    DataError
    """
    if scatter is None:
        return
    if not scatter.sigma > 0:
        raise DataError(info.sci.path, "one and the same value in most pixels", "an image with noise")
    depth = depth_mag(info, scatter)
    if not DEPTH_MAG[0] < depth < DEPTH_MAG[1]:
        raise DataError(
            f"{info.sci.path}, BUNIT {info.unit!r}",
            f"noise of {scatter.sigma * info.unit_factor_njy:.3g} nJy per pixel, which is {depth:.1f} AB at 5 sigma",
            f"{DEPTH_MAG[0]:g} to {DEPTH_MAG[1]:g} AB",
            "is the unit right?",
        )


def check_noise(info, scatter):
    """Refuse weights that the scatter of the pixels shows to be of another kind.

    Parameters
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    scatter : `clusterphot.mosaics.weights.Scatter` or None
        None where there were too few pixels to tell.

    Raises
    ------
    DataError
    """
    if scatter is not None and scatter.sigma > 0:
        check_scatter(info.weight.path, info.weight_kind, scatter)


def doubts(info, counts, scatter):
    """What a user should look at though it does not stop a run: one `DataError` each."""
    said = [_negative_weights(info, counts)] if counts.weight_negative else []
    if counts.blank > BLANK_SHARE * counts.total:
        got = f"no finite value in {counts.blank / counts.total:.0%} of the pixels, with weights above zero"
        said.append(DataError(info.sci.path, got, "finite values there", "these pixels are left out."))
    if counts.constant > CONSTANT_SHARE * counts.total:
        said.append(
            DataError(
                info.sci.path,
                f"exact zeros or runs of one value in {counts.constant / counts.total:.0%} of the pixels, with weights "
                "above zero",
                "noise wherever there is data",
                "these pixels are left out, as without data; give them the weight 0.",
            )
        )
    said.append(doubt_unit(info.sci, info.weight))
    if scatter and scatter.sigma > 0:
        said.append(doubt_scatter(info.weight.path, info.weight_kind, scatter))
    return [doubt for doubt in said if doubt]


def _tell_reason(counts):
    """What makes most pixels unusable, in words."""
    reasons = {
        "the image holds no numbers (NaN) in most pixels": counts.not_finite,
        "the image is constant, that is without data, in most pixels": counts.constant,
        "the weight holds no numbers (NaN) in most pixels": counts.weight_not_finite,
        "the weight is zero, that is no data, in most pixels": counts.weight_zero,
        "the weight is negative in most pixels": counts.weight_negative,
    }
    return f"{max(reasons, key=reasons.get)}; is it the right file, downloaded whole?"


def _output_headers(info, filter_name, field, factor, gain_e_per_njy, checksums, zero_point_factor=1.0):
    """Bytes of the primary header and of the headers of SCI and IVAR."""
    common = mosaic_header(info.wcs, info.pixel_scale_arcsec, filter_name, field)
    for key in list(common):  # dates and observatory only make astropy warn when it reads the WCS
        if key.startswith(("DATE", "MJD", "OBSGEO", "TIME")):
            del common[key]
    common["UNITFAC"] = (factor, "[nJy] of 1 input unit, with zero point")
    common["ZPFACTOR"] = (zero_point_factor, "factor of the user on fluxes, within UNITFAC")
    common.update(calibration_cards(info.sci.cards))
    common["INCONV"] = (info.convention, "convention of the input")
    common["CPVERS"] = (__version__, "clusterphot version")
    common.update(info.drizzling(filter_name).cards())
    if gain_e_per_njy is not None:
        common["GAIN"] = (gain_e_per_njy, "[electron/nJy]")
    common.update(checksums)
    ny, nx = info.shape
    primary = fits.PrimaryHDU().header
    primary[PIXEL_CHECK] = (pixel_check(0, 0), "CRC-32 of the bytes of SCI and IVAR")
    out = [primary.tostring().encode("ascii")]
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
