"""Offset of a filter's WCS from that of the reference filter, measured on the stars of the PSF.

Both positions are fitted with the filters' own PSFs, so that an error in the centring of a PSF cancels for
every source fitted with it. Offsets are in pixels of the filter, x to the right, errors 1 sigma.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from clusterphot.base.files import whole_file
from clusterphot.base.images import crop, fourier_shift, radius_grid
from clusterphot.base.robust import PRINTED_MAD_TO_SIGMA, mad_sigma
from clusterphot.psf.shape import core_radius_px
from clusterphot.psf.star_fits import fit_star
from clusterphot.psf.stars import ROLE_NONE

log = logging.getLogger(__name__)

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

COLUMNS = {
    "dx": ("pix", "fitted position minus the one expected from the reference filter, along x"),
    "dy": ("pix", "the same along y"),
    "dx_err": ("pix", "1-sigma error of dx"),
    "dy_err": ("pix", "1-sigma error of dy"),
    "n_stars": ("", "stars used"),
    "measured": ("", "false: no star could be used and the offset is taken as zero"),
}


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
    psf, reference_psf : `clusterphot.base.products.Psf`
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`.

    Returns
    -------
    offset : Offset
        Zero and not ``measured`` when no star serves; exactly zero for the reference filter itself.

    Notes
    -----
    Errors are 1.25 times the scatter (MAD) over the square root of the number of stars, as for a median, but
    never below the fits' own; with one star only the fit's own.
    """
    if mosaic.filter_name == reference_mosaic.filter_name:
        return Offset(0.0, 0.0, 0.0, 0.0, 0, True)
    rows = [
        row for row in range(len(stars)) if stars["role"][row] != ROLE_NONE and not stars["saturated"][row]
    ]
    guess = np.column_stack([stars["x"], stars["y"]]).astype(float)
    shifts, errors = [], []
    for row in rows:
        reference = fit_position(reference_mosaic, reference_psf, *guess[row])
        if reference is None:
            continue
        sky = reference_mosaic.wcs.celestial.all_pix2world(reference[0], reference[1], 0)
        expected = [float(value) for value in mosaic.wcs.celestial.all_world2pix(*sky, 0)]
        fitted = fit_position(mosaic, psf, *expected)
        if fitted is None:
            continue
        ratio = reference_mosaic.pixel_scale_arcsec / mosaic.pixel_scale_arcsec
        shifts.append([fitted[0] - expected[0], fitted[1] - expected[1]])
        errors.append([np.hypot(fitted[2], ratio * reference[2]), np.hypot(fitted[3], ratio * reference[3])])
    if not shifts:
        log.warning("%s: no star for the offset; taken as zero", mosaic.filter_name)
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
    log.info("%s: x %+.3f, y %+.3f px from %d stars", mosaic.filter_name, *middle, len(shifts))
    return Offset(float(middle[0]), float(middle[1]), float(error[0]), float(error[1]), len(shifts), True)


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
    """Fitted (x, y, x_err, y_err) of a star in mosaic pixels; None where the fit fails or its core is
    masked."""
    half = min(int(round(FIT_HALF_ARCSEC / mosaic.pixel_scale_arcsec)), psf.data.shape[0] // 2)
    x0, y0 = int(np.rint(x)), int(np.rint(y))
    data, ivar = mosaic.region(y0 - half, y0 + half + 1, x0 - half, x0 + half + 1)
    bad = ~(np.isfinite(data) & np.isfinite(ivar) & (ivar > 0))
    data[bad], ivar[bad] = 0.0, 0.0
    core = radius_grid(half) <= core_radius_px(mosaic.pixel_scale_arcsec, CORE_ARCSEC)
    if np.sum(bad & core) > 1 or np.mean(bad) > MAX_BAD_SHARE:
        return None
    reach = min(psf.data.shape[0] // 2, half + int(0.4 / mosaic.pixel_scale_arcsec))
    fit = fit_star(data, ivar, crop(psf.data, reach), start=(x - x0, y - y0), sky_order=2, max_shift_px=4.0)
    if not fit.ok or fit.flux < 10.0 * fit.flux_err:
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
    table = Table({name: [getattr(offset, name)] for name in COLUMNS})
    for name, (unit, description) in COLUMNS.items():
        table[name].unit, table[name].description = unit or None, description
    table.meta.update(meta or {})
    with whole_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def read_offset(path):
    """Read an `Offset` written by `write_offset`."""
    row = Table.read(path, format="ascii.ecsv")[0]
    kinds = {"n_stars": int, "measured": bool}
    return Offset(**{name: kinds.get(name, float)(row[name]) for name in COLUMNS})
