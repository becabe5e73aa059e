"""PSFs given by users: plain images, files of STPSF, oversampled images, and grids that photutils reads.

All become an odd, centred stamp of sum 1 on the pixels of the mosaic, that in the middle of a grid, and grids a
`clusterphot.psf.grid.PsfGrid` beside it. Scales and widths arcsec, wavelengths Angstrom.
"""

import re
import warnings

import numpy as np
from astropy.io import fits

from clusterphot.base.detectors import APERTURE_M, DETECTORS, find_detector
from clusterphot.base.errors import DataError
from clusterphot.base.filters import pivot_wavelength
from clusterphot.base.images import fourier_shift
from clusterphot.base.products import Psf
from clusterphot.base.psf_field import MAX_PLACES
from clusterphot.mosaics.fits_rows import odd_cards, walk
from clusterphot.psf.grid import OVERSAMPLING, PsfGrid
from clusterphot.psf.shape import (
    RECENTRE_TOLERANCE_PX,
    core_radius_px,
    fwhm_px,
    recentre,
    windowed_centroid,
)

SCALE_KEYS = ("PIXSCALE", "PIXELSCL", "PIXSCL")
SAME_SCALE = 0.01
"""Fraction by which the header's pixel scale may differ from the mosaic's: rounding and distortion, no more."""
MIN_SIDE_PX = 7
"""Smallest side of a PSF: the core alone of the sharpest filter takes that much."""
CORE_ARCSEC = 0.08
"""Sigma of the Gaussian window that centres the core; users' PSFs may be broader than our own."""
CORE_FINE_PX = 1.5
"""The same of a finer image, in pixels of the mosaic."""
STPSF_PLANES = ("DET_DIST", "DET_SAMP", "OVERDIST", "OVERSAMP")
"""Extensions of STPSF, the better ones first: with distortion and charge diffusion, without; finer pixels after."""

LIMIT_TO_FWHM = 1.03
"""FWHM of an Airy pattern in units of wavelength over diameter."""
WRONG_WIDTH = (0.5, 2.0)
"""Ratios to the width expected on the mosaic's pixels beyond which a PSF is another's."""
WRONG_SCALE = (0.6, 1.9)
"""The same without the mosaic's pixel, for a file that does not say its pixel scale: real PSFs lie within 1.0 to 1.75
(the broadest, of Faisst et al. 2022 in F090W), and on pixels twice off below 0.56 or above 2.1."""
ODD_WIDTH = (0.75, 1.5)
"""Ratios to the expected width outside which a PSF is doubted."""
PARTIAL_SUM = (0.8, 0.995)
"""Sums that say which share of the light lies inside the stamp; below, a PSF is in other units than that of 1."""
COVERED_SHARE = 0.5
"""Share of a mosaic, along x and along y, that a grid of PSFs covers at least: positions of other pixels do not."""
LIKE_MIDDLE = (0.5, 2.0)
"""Ratios of light and of width between a PSF of a grid and that in its middle beyond which it is damaged; optics and
drizzling change them by far less."""
MAX_SHIFT_PX = 1.0
"""The same of places, in pixels of the mosaic."""
NEGATIVE_SHARE = 0.2
"""Negative pixels may sum to this share of the positive ones; noise and deconvolution leave less."""


def load_user_psf(path, pixel_scale_arcsec, filter_name, *, encircled_energy=None, error=None):
    """Read a PSF file given by the user and bring it to the form of our own.

    Parameters
    ----------
    path : str
        FITS: a two-dimensional image, with a pixel scale in its header or that of the mosaic; one of STPSF's files; or
        a grid of PSFs that `photutils.psf.GriddedPSFModel` reads. Even or odd sides, off-centre by a few pixels at
        most.
    pixel_scale_arcsec : float
        Of the mosaic.
    filter_name : str
    encircled_energy : float, optional
        Share of a point source's light inside the stamp; else the header's EESTAMP, else the sum of the image
        where that is between 0.8 and 0.995, else 1.
    error : float, optional
        Fractional 1-sigma error of the flux scale due to the PSF; else the header's SYSERR, else 0.

    Returns
    -------
    psf : `clusterphot.base.products.Psf`
        Odd stamp, centred (Gaussian-weighted centroid on the middle pixel), sum 1.
    notes : list of str
        What a careful user should know: a width that is odd, a share of light that was assumed.

    Raises
    ------
    DataError
        If there is no such image, it holds NaN or integers, its sum is not positive, or pixel scale, filter or width
        are those of another PSF.
    """
    where = f"{path}, psf of {filter_name}"
    with odd_cards(where):
        return _load(path, where, pixel_scale_arcsec, filter_name, encircled_energy, error)


def _load(path, where, pixel_scale_arcsec, filter_name, encircled_energy, error):
    """`load_user_psf` of a file that messages name ``where``."""
    data, header, notes = _read(path, where, pixel_scale_arcsec)
    _check_pixels(data, where)
    _check_filter(header, filter_name, where)
    total = float(data.sum())
    data = _centre(data, core_radius_px(pixel_scale_arcsec, CORE_ARCSEC), where)
    fwhm = fwhm_px(data) * pixel_scale_arcsec
    is_declared = _scale(header, pixel_scale_arcsec) is not None
    notes += _check_width(fwhm, pixel_scale_arcsec, filter_name, is_declared, where)
    share, origin = _share_inside(encircled_energy, header, total, where)
    if origin == "sum of the image":
        notes.append(
            f"the image sums to {total:.3f}, taken as the share of the light inside the stamp. Hint: "
            "psf_encircled_energy names that share (1: all of it), psf_error how well it is known."
        )
    return Psf(
        data=data / data.sum(),
        pixel_scale_arcsec=pixel_scale_arcsec,
        filter_name=filter_name,
        ee_stamp=share,
        sys_error=float(header.get("SYSERR", 0.0) if error is None else error),
        fwhm_arcsec=fwhm,
        meta={"ORIGIN": "user file", "BEYOND": origin},
    ), notes


def _read(path, where, pixel_scale_arcsec):
    """Image on the mosaic's pixels, its header, and notes on how it came there."""
    try:
        for _ in walk(path):  # within bounds, without which astropy is busy for hours
            pass
        with open(path, "rb") as stream, fits.open(stream, memmap=False) as hdus:
            planes = [
                (np.asarray(hdu.data), hdu.header)
                for hdu in hdus
                if hdu.data is not None and getattr(hdu.data, "ndim", 0) >= 2 and not hdu.data.dtype.names
            ]
            shared = hdus[0].header.copy()
    except Exception as exc:  # whatever astropy trips over in a damaged file
        raise DataError(where, f"a file that cannot be read ({exc})", "a FITS file with a 2-D image") from exc
    if not planes:
        raise DataError(where, "no image", "a FITS file with a 2-D image")
    data, header = planes[0]
    if data.ndim == 3 and "OVERSAMP" in shared:
        _check_type(data, where)
        return *_middle_of_grid(path, where, pixel_scale_arcsec), []
    scales = [_scale(own, pixel_scale_arcsec) for _, own in planes]
    order = sorted(
        range(len(planes)), key=lambda k: (_preference(scales[k], pixel_scale_arcsec), _rank(planes[k][1]))
    )
    data, header = planes[order[0]]
    both = _merged(shared, header)
    scale = scales[order[0]]
    if scale is None or abs(scale / pixel_scale_arcsec - 1.0) <= SAME_SCALE:
        return data, both, []
    if scale > pixel_scale_arcsec:
        key = next(name for name in (*SCALE_KEYS, "OVERSAMP") if name in header)
        raise DataError(
            f"{where}, header {key}",
            f'{scale:g}"',
            f'{pixel_scale_arcsec:g}", the pixel scale of the mosaic, or finer',
            "resample the PSF to the mosaic's pixels",
        )
    _check_pixels(data, where)
    note = f'pixels of {scale:.4g}" were summed to those of the mosaic; drizzling broadens PSFs further.'
    return _binned(data, pixel_scale_arcsec / scale, where), both, [note]


def _merged(shared, header):
    """Cards of the first header with those of an image's own over them."""
    both = shared.copy()
    both.update(header)
    return both


def _scale(header, pixel_scale_arcsec):
    """Pixel scale that a header declares (arcsec), or None."""
    for key in SCALE_KEYS:
        if isinstance(header.get(key), int | float) and header[key] > 0:
            return float(header[key])
    if isinstance(header.get("OVERSAMP"), int | float) and header["OVERSAMP"] > 1:
        return pixel_scale_arcsec / header["OVERSAMP"]
    return None


def _preference(scale, wanted):
    """Order of planes: on the mosaic's pixels, finer, of unknown scale, coarser."""
    if scale is None:
        return 2
    if abs(scale / wanted - 1.0) <= SAME_SCALE:
        return 0
    return 1 if scale < wanted else 3


def _rank(header):
    """Place of a plane among those of STPSF."""
    name = str(header.get("EXTNAME", "")).upper()
    return STPSF_PLANES.index(name) if name in STPSF_PLANES else len(STPSF_PLANES)


def load_user_grid(path, psf, shape):
    """PSFs over the field from a file given by the user.

    Parameters
    ----------
    path : str
        As of `load_user_psf`.
    psf : `clusterphot.base.products.Psf`
        What `load_user_psf` made of it.
    shape : (ny, nx)
        Of the mosaic.

    Returns
    -------
    grid : `clusterphot.psf.grid.PsfGrid` or None
        None where the file holds a single PSF. All PSFs are moved and scaled by what centres that of the middle and
        gives it the light inside its stamp.

    Raises
    ------
    DataError
        If it is no grid on the pixels of this mosaic, or its places are not on the mosaic.
    """
    where = f"{path}, psf of {psf.filter_name}"
    header = fits.getheader(path)
    if header.get("NAXIS") != 3 or "OVERSAMP" not in header:
        return None
    model = _read_grid(path, where, psf.pixel_scale_arcsec)
    places = np.asarray(model.grid_xypos, dtype=float)
    for axis, name, side in ((0, "x", shape[1]), (1, "y", shape[0])):
        low, high = places[:, axis].min(), places[:, axis].max()
        if min(high, side - 1) - max(low, 0) < COVERED_SHARE * (side - 1):
            raise DataError(
                where,
                f"a grid from {name} = {low:g} to {high:g} on a mosaic of {side} px",
                f"PSFs over {COVERED_SHARE:.0%} of it or more",
                "positions (DET_YX0, ...) are (x, y) in pixels of the mosaic, not of a detector; 0-based",
            )
    middle = _image_of_grid(model)
    _check_places(model, middle, psf, where)
    samples = _samples_of_grid(model) * (psf.ee_stamp / middle.sum())
    shift = windowed_centroid(middle, core_radius_px(psf.pixel_scale_arcsec, CORE_ARCSEC))
    if np.hypot(*shift) > RECENTRE_TOLERANCE_PX:
        dx, dy = (-OVERSAMPLING * value for value in shift)
        samples = np.array([fourier_shift(one, dx, dy) for one in samples])
    return PsfGrid(samples, places)


def _check_places(model, middle, psf, where):
    """Each PSF of a grid is one, and like that in its middle: a single one that is damaged spoils what is near it."""
    if len(model.grid_xypos) > MAX_PLACES:
        raise DataError(where, f"a grid of {len(model.grid_xypos)} places", f"at most {MAX_PLACES}")
    radius = core_radius_px(psf.pixel_scale_arcsec, CORE_ARCSEC)
    light, width, centre = middle.sum(), fwhm_px(middle), np.array(windowed_centroid(middle, radius))
    for number, (x0, y0) in enumerate(model.grid_xypos):
        place = f"{where}, DET_YX{number} at ({x0:g}, {y0:g})"
        image = _image_of_grid(model, (x0, y0))
        _check_pixels(image, place)
        for what, ratio, (low, high) in (
            ("the light", image.sum() / light, LIKE_MIDDLE),
            ("the FWHM", fwhm_px(image) / width, LIKE_MIDDLE),
        ):
            if not low <= ratio <= high:
                got = f"{ratio:.2g} times {what} of the PSF in the middle of the grid"
                raise DataError(place, got, f"{low:g} to {high:g} times", "is the file damaged?")
        shift = np.hypot(*(np.array(windowed_centroid(image, radius)) - centre))
        if not shift <= MAX_SHIFT_PX:
            got = f"a PSF {shift:.1f} px off that in the middle of the grid"
            raise DataError(place, got, f"at most {MAX_SHIFT_PX:g} px", "is the file damaged?")


def _samples_of_grid(model):
    """PSFs of a grid with `OVERSAMPLING` samples per pixel of the mosaic, (m, n, n)."""
    half = OVERSAMPLING * (min(model.data.shape[1:]) // 2 // int(np.max(model.oversampling)))
    if np.all(np.asarray(model.oversampling) == OVERSAMPLING):
        row, column = (side // 2 for side in model.data.shape[1:])
        inside = np.s_[:, row - half : row + half + 1, column - half : column + half + 1]
        return np.array(model.data[inside], dtype=float)
    axis = np.arange(-half, half + 1) / OVERSAMPLING
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.array([model.evaluate(x + x0, y + y0, 1.0, x0, y0) for x0, y0 in model.grid_xypos])


def _read_grid(path, where, pixel_scale_arcsec):
    """Grid of PSFs on the pixels of a mosaic as `photutils.psf.GriddedPSFModel`."""
    from photutils.psf import GriddedPSFModel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of astropy about cards
            model = GriddedPSFModel.read(path)
    except Exception as exc:  # whatever photutils trips over
        expected = "a grid that photutils.psf.GriddedPSFModel reads"
        raise DataError(where, f"a grid that cannot be read ({exc})", expected) from exc
    header = fits.getheader(path)
    scale = _scale({key: header[key] for key in SCALE_KEYS if key in header}, pixel_scale_arcsec)
    per_pixel = int(np.max(model.oversampling))
    if scale is not None and all(
        abs(scale * factor / pixel_scale_arcsec - 1.0) > SAME_SCALE for factor in (1, per_pixel)
    ):
        raise DataError(
            where,
            f'a grid for pixels of {scale:g}"',
            f'{pixel_scale_arcsec:g}", the pixel scale of the mosaic',
        )
    sides = model.data.shape[1:]
    if any(side % 2 == 0 for side in sides):
        got = f"a grid of PSFs of {sides[1]} x {sides[0]} samples"
        raise DataError(where, got, "odd sides, with the source on the middle sample")
    return model


def _image_of_grid(model, place=None):
    """PSF at a place of a grid, by default in its middle, on the pixels of the mosaic."""
    half = min(model.data.shape[1:]) // 2 // int(np.max(model.oversampling))
    x0, y0 = np.mean(model.grid_xypos, axis=0) if place is None else place
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return np.asarray(model.evaluate((x + x0).astype(float), (y + y0).astype(float), 1.0, x0, y0))


def _middle_of_grid(path, where, pixel_scale_arcsec):
    """PSF in the middle of a grid in photutils' format, on the mosaic's pixels, and the header."""
    return _image_of_grid(_read_grid(path, where, pixel_scale_arcsec)), fits.getheader(path)


def _binned(fine, ratio, where):
    """Light of a finer image in pixels ``ratio`` times as wide, its centroid in the middle of one.

    Sums up to the edges of the fine pixels are exact; between them a cubic spline is laid.
    """
    from scipy.interpolate import CubicSpline

    image = _centre(fine, CORE_FINE_PX * ratio, where)
    edges = np.arange(len(image) + 1) - 0.5 * len(image)
    half = int(0.5 * len(image) / ratio - 0.5)
    wanted = (np.arange(2 * half + 2) - half - 0.5) * ratio
    for axis in (0, 1):
        light = np.cumsum(image, axis=axis)
        light = np.concatenate([np.zeros_like(np.take(light, [0], axis)), light], axis=axis)
        image = np.diff(CubicSpline(edges, light, axis=axis)(wanted), axis=axis)
    return image


def _check_pixels(data, where):
    """Raise `DataError` for an image that cannot be a PSF."""
    if data.ndim != 2:
        raise DataError(where, f"an image of {data.ndim} dimensions", "2 dimensions")
    if min(data.shape) < MIN_SIDE_PX:
        side = f"at least {MIN_SIDE_PX} x {MIN_SIDE_PX} px"
        raise DataError(where, f"{data.shape[1]} x {data.shape[0]} px", side)
    _check_type(data, where)
    if not np.all(np.isfinite(data)):
        raise DataError(where, f"{np.sum(~np.isfinite(data))} pixels NaN or infinite", "finite pixels")
    data = np.asarray(data, dtype=float)
    positive, negative = data[data > 0].sum(), -data[data < 0].sum()
    if not (np.isfinite(positive) and data.sum() > 0):
        raise DataError(where, f"sum {data.sum():g}", "a positive sum")
    if negative > NEGATIVE_SHARE * positive:
        got = f"negative pixels that sum to {negative / positive:.0%} of the positive ones"
        raise DataError(where, got, "a PSF, positive but for noise", "is the file damaged, or no PSF?")


def _check_type(data, where):
    """Raise `DataError` for whole numbers, which decimal ones become where BITPIX is damaged."""
    if data.dtype.kind in "iub":
        got = f"whole numbers ({data.dtype.name})"
        raise DataError(where, got, "decimal numbers", "is the file damaged? Its header says BITPIX > 0.")


def _check_filter(header, filter_name, where):
    """Raise `DataError` for a PSF whose header names another filter."""
    for key in ("PUPIL", "FILTER"):
        card = str(header.get(key, "")).strip().upper()
        if re.fullmatch(r"F\d{3,4}(W2?|M|N|LP|X)", card):
            if not re.search(rf"(^|_){card}$", filter_name.upper()):
                raise DataError(f"{where}, header {key}", card, f"{filter_name}, or no such card")
            return


def expected_fwhm(filter_name, pixel_scale_arcsec):
    """FWHM of a drizzled point source by diffraction and pixels, arcsec; None for telescopes not known here.

    Diffraction limit, detector pixel and pixel of the mosaic in quadrature: within 10 % of PSFs of real NIRCam mosaics.
    """
    name = find_detector({}, filter_name)
    if name is None:
        return None
    detector = DETECTORS[name]
    diameter = APERTURE_M[detector.telescope]
    limit = np.rad2deg(LIMIT_TO_FWHM * pivot_wavelength(filter_name) * 1e-10 / diameter) * 3600.0
    return float(np.linalg.norm([limit, detector.pixel_arcsec, pixel_scale_arcsec]))


def _check_width(fwhm, pixel_scale_arcsec, filter_name, is_declared, where):
    """Notes on a width that is odd; `DataError` for one that another pixel scale explains."""
    expected = expected_fwhm(filter_name, pixel_scale_arcsec)
    if expected is None:
        return []
    ratio = fwhm / expected
    words = f'FWHM {fwhm:.3f}" on pixels of {pixel_scale_arcsec:g}", {ratio:.2f} times that of diffraction and pixels'
    on_detector = fwhm / expected_fwhm(filter_name, 0.0)
    is_possible = WRONG_SCALE[0] < on_detector < WRONG_SCALE[1]
    if not WRONG_WIDTH[0] < ratio < WRONG_WIDTH[1] or not (is_declared or is_possible):
        hint = "is it sampled on other pixels than those of the mosaic, or that of another filter?"
        raise DataError(where, words, f'about {expected:.3f}"', hint)
    if not ODD_WIDTH[0] <= ratio <= ODD_WIDTH[1]:
        return [f'{words} ({expected:.3f}"). Hint: is it that of these pixels and this filter?']
    return []


def _share_inside(encircled_energy, header, total, where):
    """Share of the light inside the stamp, and where it is from."""
    if encircled_energy is not None:
        return float(encircled_energy), "psf_encircled_energy"
    if "EESTAMP" in header:
        share = header["EESTAMP"]
        if not (isinstance(share, int | float) and 0.0 < share <= 1.0):
            raise DataError(f"{where}, header EESTAMP", share, "a fraction in (0, 1]")
        return float(share), "header EESTAMP"
    if PARTIAL_SUM[0] <= total <= PARTIAL_SUM[1]:
        return total, "sum of the image"
    return 1.0, "assumed none"


def _centre(data, sigma_px, where):
    """Odd square stamp whose windowed centroid is its middle pixel."""
    data = np.asarray(data, dtype=float)
    peak_y, peak_x = np.unravel_index(np.argmax(data), data.shape)
    half = min(peak_y, peak_x, data.shape[0] - 1 - peak_y, data.shape[1] - 1 - peak_x)
    if half < MIN_SIDE_PX // 2 or half < min(data.shape) / 4 - 1:
        raise DataError(where, f"peak at pixel x={peak_x}, y={peak_y}", "a peak near the middle of the image")
    stamp = data[peak_y - half : peak_y + half + 1, peak_x - half : peak_x + half + 1]
    return recentre(stamp, sigma_px)
