"""Offset of a filter's WCS from that of the reference filter, measured on the stars of the PSF.

Both positions are fitted with the filters' own PSFs, so that an error in the centring of a PSF cancels for
every source fitted with it. Offsets are in pixels of the filter, x to the right, errors 1 sigma.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table
from scipy import ndimage

from clusterphot.base.columns import OFFSET_COLUMNS
from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, fourier_shift, radius_grid
from clusterphot.base.robust import PRINTED_MAD_TO_SIGMA, STACK_SOFTENING, mad_sigma
from clusterphot.base.tables import read_ecsv, write_ecsv
from clusterphot.psf.shape import core_radius_px
from clusterphot.psf.star_fits import SKY_ORDER, fit_star
from clusterphot.psf.stars import ROLE_NONE

logger = logging.getLogger(__name__)

FIT_HALF_ARCSEC = 0.4
"""Half side of the window in which a star is fitted, that of the PSF's own stars."""

CORE_ARCSEC = 0.08
"""Radius of the core in which at most one pixel may be bad."""

MAX_BAD_SHARE = 0.2
"""Share of the window's pixels that may be."""

CLIP_SIGMA, MIN_CLIPPED_STARS = 5.0, 4
"""Stars farther than this from the median are left out, where there are so many: moved ones and blends."""

MEDIAN_ERROR = 1.25
"""Standard error of a median over that of a mean of Gaussian values, sqrt(pi / 2), to two decimals."""

NO_STAR_ERROR_PX = 0.3
"""Error given to the offset when no star measures it: mosaics of one field are aligned to a fraction of a
pixel."""

FIT_MARGIN_ARCSEC, MIN_FIT_SNR = 0.4, 10.0
"""How far the PSF reaches beyond the window, so that a shift rings outside of it, and signal to noise of a star."""

MAX_OFFSET_PX = 4.0
"""Fits follow a star this far, and cutouts hold their sources when the offset is no larger."""

SEARCH_ARCSEC = 1.5
"""Where no star lies within reach of a fit, the sky is looked for this far off: two guide stars' worth."""

MIN_SEARCH_SIGMA = 8.0
"""Height of the peak of stacked stamps, over their scatter, from which it is the sky of the reference filter."""

MAX_OTHERS, MIN_STACKED = 50, 3
"""Detections that are tried where no star serves, and stamps without which a stack shows a neighbour, not the sky."""

MIN_STACKED_SHARE, STACK_SMOOTHING_PX = 0.5, 1.0
"""Share of good pixels from which a stamp is stacked, and sigma of its smoothing."""

FAINT_SNR, MAX_FAINT = 5.0, 300
"""Detections whose stamps are averaged where no single one has a position."""
CORRELATED_NOISE = 2.0
"""Errors of fluxes and positions in drizzled noise over those in white noise: 1.5-2 on real mosaics."""
USABLE_REASONS = ("", "locus", "galaxy", "faint", "neighbour")
"""Reasons of a rejection that leave a detection good enough for a position."""


@dataclass(frozen=True)
class Offset:
    """Offset (dx, dy) of one filter in its pixels, to be added to positions expected from the WCS."""

    dx: float
    dy: float
    dx_err: float
    dy_err: float
    n_stars: int
    measured: bool


def measure_offset(mosaic, psf, reference_mosaic, reference_psf, stars):
    """Median difference between fitted positions and those predicted from the reference filter.

    Parameters
    ----------
    mosaic, reference_mosaic : `clusterphot.base.products.Mosaic`
    psf, reference_psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
        Each star is fitted with that of its place, like the sources.
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`.

    Returns
    -------
    offset : Offset
        Zero and not ``measured`` when neither star nor other compact detection serves; exactly zero for the
        reference filter itself.

    Raises
    ------
    DataError
        If the sky of the two images differs by more than `MAX_OFFSET_PX`.

    Notes
    -----
    Where no star serves, other compact detections do, and where each of them is too faint, the mean of their stamps.
    Where none of them has light within `MAX_OFFSET_PX` in this
    filter, stamps around the expected positions are stacked to see whether it lies further off.
    Errors are 1.25 times the scatter (MAD) over the square root of the number of stars, as for a median, but
    never below the fits' own; with one star only the fit's own.

    Examples
    --------
    Four stars in two filters with one WCS, the second filter's light moved by (0.3, -0.2) px:

    >>> from astropy.wcs import WCS
    >>> from clusterphot.base.products import Mosaic, Psf
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.02 / 3600, 0.02 / 3600]
    >>> gauss = np.exp(-0.5 * (radius_grid(40) / 1.5) ** 2)
    >>> rng, places = np.random.default_rng(1), [(60, 60), (180, 70), (70, 180), (190, 170)]
    >>> def mosaic(dx, dy, name):
    ...     sci = rng.normal(0.0, 0.1, (240, 240))
    ...     for x, y in places:
    ...         sci[y - 40 : y + 41, x - 40 : x + 41] += 20.0 * fourier_shift(gauss, dx, dy)
    ...     return Mosaic(sci, np.full(sci.shape, 100.0), wcs, 0.02, name, "example")
    >>> psf = Psf(gauss / gauss.sum(), 0.02, "F200W")
    >>> stars = Table(rows=places, names=("x", "y"))
    >>> stars["role"], stars["saturated"] = "core", False
    >>> reference = mosaic(0.0, 0.0, "F200W")
    >>> offset = measure_offset(mosaic(0.3, -0.2, "F150W"), psf, reference, psf, stars)
    >>> round(offset.dx, 2), round(offset.dy, 2), offset.n_stars
    (0.3, -0.2, 4)
    """
    if mosaic.filter_name == reference_mosaic.filter_name:
        return Offset(0.0, 0.0, 0.0, 0.0, 0, True)
    expected_of_all = []
    for rows in _choices(stars):
        expected, shifts, errors = _measure_shifts(mosaic, psf, reference_mosaic, reference_psf, stars[rows])
        expected_of_all += expected
        if shifts:
            break
    else:
        _check_further_off(mosaic, reference_mosaic, expected_of_all)
        together = _measure_together(mosaic, psf, reference_mosaic, reference_psf, stars)
        if together is not None:
            return together
        logger.warning(
            "%s: nothing to measure the offset with; sources are flagged OFFSET_UNKNOWN", mosaic.filter_name
        )
        return Offset(0.0, 0.0, NO_STAR_ERROR_PX, NO_STAR_ERROR_PX, 0, False)
    shifts, errors = np.array(shifts), np.array(errors)
    keep = _inliers(shifts, errors)
    shifts, errors = shifts[keep], errors[keep]
    middle = np.median(shifts, axis=0)
    own = MEDIAN_ERROR / np.sqrt(np.sum(1.0 / errors**2, axis=0))
    spread = mad_sigma(shifts, centre=middle, axis=0, factor=MEDIAN_ERROR * PRINTED_MAD_TO_SIGMA) / np.sqrt(
        len(shifts)
    )
    error = np.maximum(own, spread if len(shifts) > 2 else 0.0)
    logger.info("%s: x %+.3f, y %+.3f px from %d stars", mosaic.filter_name, *middle, len(shifts))
    return Offset(float(middle[0]), float(middle[1]), float(error[0]), float(error[1]), len(shifts), True)


def _choices(stars):
    """Rows of the star list to measure with: stars, then the brightest of the other compact detections."""
    sound = ~np.asarray(stars["saturated"], dtype=bool)
    is_star = np.asarray(stars["role"]) != ROLE_NONE
    yield np.flatnonzero(is_star & sound)
    if "reason" in stars.colnames:
        others = np.flatnonzero(
            ~is_star & sound & np.isin(np.asarray(stars["reason"], dtype=str), USABLE_REASONS)
        )
        brightest = np.argsort(np.asarray(stars["mag_auto"])[others], kind="stable")
        yield others[brightest[:MAX_OTHERS]]


def _measure_shifts(mosaic, psf, reference_mosaic, reference_psf, stars):
    """Positions expected of the stars that the reference filter shows, and shifts and errors (x, y) of those seen."""
    ratio = reference_mosaic.pixel_scale_arcsec / mosaic.pixel_scale_arcsec
    everywhere, shifts, errors = [], [], []
    for x, y in zip(stars["x"], stars["y"], strict=True):
        reference = fit_position(reference_mosaic, reference_psf, float(x), float(y))
        if reference is None:
            continue
        sky = reference_mosaic.wcs.celestial.all_pix2world(reference[0], reference[1], 0)
        expected = [float(value) for value in mosaic.wcs.celestial.all_world2pix(*sky, 0)]
        everywhere.append(expected)
        fitted = fit_position(mosaic, psf, *expected)
        if fitted is None:
            continue
        shifts.append([fitted[0] - expected[0], fitted[1] - expected[1]])
        errors.append([np.hypot(fitted[2], ratio * reference[2]), np.hypot(fitted[3], ratio * reference[3])])
    return everywhere, shifts, errors


def _measure_together(mosaic, psf, reference_mosaic, reference_psf, stars):
    """Offset from the mean stamps of detections that are too faint for a position each; None where it is too.

    The mean stamp in the reference filter tells how far the detections are off their sources, and where these are to
    be expected in the other filter.
    """
    if "reason" not in stars.colnames or "snr" not in stars.colnames:
        return None
    sound = ~np.asarray(stars["saturated"], dtype=bool) & (np.asarray(stars["snr"]) > FAINT_SNR)
    rows = np.flatnonzero(sound & np.isin(np.asarray(stars["reason"], dtype=str), USABLE_REASONS))[:MAX_FAINT]
    x, y = (np.asarray(stars[name], dtype=float)[rows] for name in ("x", "y"))
    seen, _ = _fit_mean_stamp(reference_mosaic, reference_psf, x, y)
    if seen is None:
        return None
    sky = reference_mosaic.wcs.celestial.all_pix2world(x + seen.dx, y + seen.dy, 0)
    found, n = _fit_mean_stamp(mosaic, psf, *mosaic.wcs.celestial.all_world2pix(*sky, 0))
    if found is None:
        return None
    ratio = reference_mosaic.pixel_scale_arcsec / mosaic.pixel_scale_arcsec
    errors = [
        CORRELATED_NOISE * np.hypot(getattr(found, name), ratio * getattr(seen, name))
        for name in ("dx_err", "dy_err")
    ]
    share = _signal_share((found.dx, found.dy), errors)
    logger.info(
        "%s: x %+.3f, y %+.3f px from %d faint sources together, of which %.2f is taken for real",
        mosaic.filter_name,
        found.dx,
        found.dy,
        n,
        share,
    )
    return Offset(float(share * found.dx), float(share * found.dy), *map(float, errors), n, True)


def _signal_share(shift, errors):
    """Share of a noisy shift that is likely real: 1 - (noise / shift)^2, or 0.

    Mosaics of one field are aligned to a fraction of a pixel, so that a shift no larger than its error says little,
    and following it loses light of every source. This is the positive-part shrinkage of James & Stein (1961) towards
    the WCS.
    """
    square = float(np.sum(np.square(shift)))
    return max(0.0, 1.0 - float(np.sum(np.square(errors))) / square) if square > 0 else 0.0


def _fit_mean_stamp(mosaic, psf, x, y):
    """Fit of the weighted mean of stamps centred on positions, None where it is faint, and the number of stamps."""
    psf = psf.mean(x, y)
    half = min(int(round(FIT_HALF_ARCSEC / mosaic.pixel_scale_arcsec)), psf.data.shape[0] // 2)
    total, weight, n = np.zeros((2 * half + 1, 2 * half + 1)), 0.0, 0
    for place in zip(x, y, strict=True):
        x0, y0 = (int(np.rint(value)) for value in place)
        data, ivar = mosaic.region(y0 - half, y0 + half + 1, x0 - half, x0 + half + 1)
        if not np.all((ivar > 0) & np.isfinite(data)):
            continue
        level = np.median(ivar)
        total += level * fourier_shift(data - np.median(data), x0 - place[0], y0 - place[1])
        weight, n = weight + level, n + 1
    if n == 0:
        return None, 0
    reach = min(psf.data.shape[0] // 2, half + int(0.4 / mosaic.pixel_scale_arcsec))
    options = {"sky_order": 2, "max_shift_px": MAX_OFFSET_PX}
    fit = fit_star(total / weight, np.full(total.shape, weight), crop(psf.data, reach), **options)
    clear = fit.ok and fit.flux > 10.0 * CORRELATED_NOISE * fit.flux_err
    return (fit if clear else None), n


def _check_further_off(mosaic, reference_mosaic, expected):
    """Refuse an image whose light lies beyond the reach of the fits, as a stack of stamps shows it."""
    half = int(np.ceil(SEARCH_ARCSEC / mosaic.pixel_scale_arcsec))
    stack, n = np.zeros((2 * half + 1, 2 * half + 1)), 0
    for x, y in expected:
        x0, y0 = int(np.rint(x)), int(np.rint(y))
        data, ivar = mosaic.region(y0 - half, y0 + half + 1, x0 - half, x0 + half + 1)
        good = (ivar > 0) & np.isfinite(data)
        if good.mean() < MIN_STACKED_SHARE:
            continue
        signal = ndimage.gaussian_filter(
            np.where(good, data - np.median(data[good]), 0.0), STACK_SMOOTHING_PX
        )
        signal /= max(mad_sigma(signal[good]), 1e-30)
        stack += np.arcsinh(signal / STACK_SOFTENING)
        n += 1
    if n == 0:
        return
    y, x = np.unravel_index(np.argmax(stack), stack.shape)
    height = (stack[y, x] - np.median(stack)) / max(mad_sigma(stack), 1e-30)
    shift = float(np.hypot(x - half, y - half))
    if height < MIN_SEARCH_SIGMA or shift <= MAX_OFFSET_PX or n < MIN_STACKED:
        return
    raise DataError(
        f"{mosaic.label}, WCS",
        f"a sky {shift * mosaic.pixel_scale_arcsec:.2f} arcsec from that of {reference_mosaic.label} (x {x - half:+d}, "
        f"y {y - half:+d} px, from {n} sources)",
        f"less than {MAX_OFFSET_PX:g} px",
        "align the mosaics, or correct CRVAL1 and CRVAL2.",
    )


def with_offset_error(psf, offset):
    """PSF whose ``sys_error`` holds the flux lost where sources are fitted a 1-sigma offset error away.

    The loss of a fit with the shifted PSF is 1 - sum(P P') / sum(P P); it is common to all sources of the filter.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    offset : Offset

    Returns
    -------
    psf : `clusterphot.base.products.Psf`

    Examples
    --------
    An offset known to 0.3 px in x costs a Gaussian PSF of 1.5 px sigma 1 %:

    >>> from clusterphot.base.products import Psf
    >>> gauss = np.exp(-0.5 * (radius_grid(12) / 1.5) ** 2)
    >>> psf = Psf(gauss / gauss.sum(), 0.02, "F200W")
    >>> round(with_offset_error(psf, Offset(0.1, 0.0, 0.3, 0.0, 0, False)).sys_error, 3)
    0.01
    """
    moved = fourier_shift(psf.data, offset.dx_err, offset.dy_err)
    loss = 1.0 - float(np.sum(psf.data * moved) / np.sum(psf.data**2))
    return replace(psf, sys_error=float(np.hypot(psf.sys_error, loss)))


def fit_position(mosaic, psf, x, y):
    """Fitted (x, y, x_err, y_err) of a star in mosaic pixels; None where the fit fails or its core is masked."""
    psf = psf.at(x, y)
    half = min(int(round(FIT_HALF_ARCSEC / mosaic.pixel_scale_arcsec)), psf.data.shape[0] // 2)
    x0, y0 = int(np.rint(x)), int(np.rint(y))
    data, ivar = mosaic.region(y0 - half, y0 + half + 1, x0 - half, x0 + half + 1)
    bad = ~(np.isfinite(data) & np.isfinite(ivar) & (ivar > 0))
    data[bad], ivar[bad] = 0.0, 0.0
    core = radius_grid(half) <= core_radius_px(mosaic.pixel_scale_arcsec, CORE_ARCSEC)
    if np.sum(bad & core) > 1 or np.mean(bad) > MAX_BAD_SHARE:
        return None
    reach = min(psf.data.shape[0] // 2, half + int(FIT_MARGIN_ARCSEC / mosaic.pixel_scale_arcsec))
    fit = fit_star(
        data,
        ivar,
        crop(psf.data, reach),
        start=(x - x0, y - y0),
        sky_order=SKY_ORDER,
        max_shift_px=MAX_OFFSET_PX,
    )
    if not fit.ok or fit.flux < MIN_FIT_SNR * fit.flux_err:
        return None
    # The PSF's own misfit counts for bright stars.
    inflate = np.sqrt(max(fit.chi2_dof, 1.0))
    return x0 + fit.dx, y0 + fit.dy, fit.dx_err * inflate, fit.dy_err * inflate


def _inliers(shifts, errors):
    """Stars within `CLIP_SIGMA` robust sigma of the median; all where there are few."""
    if len(shifts) < MIN_CLIPPED_STARS:
        return np.ones(len(shifts), dtype=bool)
    middle = np.median(shifts, axis=0)
    spread = np.maximum(mad_sigma(shifts, centre=middle, axis=0), np.median(errors, axis=0))
    return np.all(np.abs(shifts - middle) < CLIP_SIGMA * spread, axis=1)


def write_offset(path, offset, *, meta=None):
    """Write an `Offset` as an ECSV table of one row."""
    table = Table({name: [getattr(offset, name)] for name in OFFSET_COLUMNS})
    for name, (unit, description) in OFFSET_COLUMNS.items():
        table[name].unit, table[name].description = unit or None, description
    table.meta.update(meta or {})
    write_ecsv(path, table)


def read_offset(path):
    """Read an `Offset` written by `write_offset`."""
    row = read_ecsv(path)[0]
    kinds = {"n_stars": int, "measured": bool}
    return Offset(**{name: kinds.get(name, float)(row[name]) for name in OFFSET_COLUMNS})
