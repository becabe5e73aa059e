"""Core of the PSF: stamps of the stars, their fits, and the clipped mean of their residuals.

Sub-pixel alignment by fitting the PSF and moving residuals in Fourier space (after Anderson & King 2000, PASP
112, 1360). Fluxes nJy, positions in pixels of the filter's mosaic, lengths in arcsec or pixels as named.

Constants without a paper were chosen on simulated fields, see `clusterphot.psf.build`.
"""

import numpy as np
from scipy import ndimage

from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, fourier_shift, radius_grid
from clusterphot.base.numerics import TINY
from clusterphot.base.robust import mad_sigma
from clusterphot.psf.model import CORE_HALF_ARCSEC, PsfFlag, PsfModel, Star
from clusterphot.psf.reference import ANCHOR_ARCSEC
from clusterphot.psf.residuals import (
    CLIP_SIGMA,
    MIN_CLIPPED_STARS,
    core_residual,
    misfit,
    weighted_mean,
)
from clusterphot.psf.shape import core_radius_px, windowed_centroid
from clusterphot.psf.star_fits import SKY_ORDER, fit_star
from clusterphot.psf.stars import ROLE_CORE, ROLE_NONE
from clusterphot.psf.wings import POWER

WIDE_ARCSEC, MAX_BAD_SHARE = 1.0, 0.2
"""Radius of the stamp in which at most this share of the pixels may be bad, else the star is at an edge."""

SATURATED_HOLE_PX = 3
"""Bad pixels in the core from which on a star counts as saturated: one or two are cosmic rays or hot pixels."""

RIM_PX, RIM_REACH_ARCSEC = 3, 0.6
"""Pixels around the hole of a saturated star that are left out, and half side of the square in which holes have such a
rim. Exposures whose pixel is saturated are missing there, those that saw most light: as far as a diagonal of the
detector's pixel, 2.2 pixels of 20/40 mas mosaics, 3 of 30 mas ones. Drizzled stars lack 64, 18 and 2 % of the light
1, 2 and 3 pixels from the hole, and nothing beyond."""

SATURATED_DIM_MAG = 1.0
"""Magnitude that a saturated star's flux_auto lacks, since its core is filled from the rim: about 1 mag."""

OWN_LUMPS_ARCSEC = 0.3
"""Detections nearer than this are lumps of the star's own PSF: with a brighter source there it would not have been
chosen (`clusterphot.psf.stars.StarOptions.isolation_arcsec`)."""

NEAR_ARCSEC, NEAR_MAG, FAR_MAG = 1.0, 5.0, 6.5
"""Detections fainter than the star by these magnitudes are lumps of its PSF too: 1 % of the flux within the first
radius, 0.25 % beyond."""

NEIGHBOUR_RADII, NEIGHBOUR_RANGE_ARCSEC = 2.5, (0.15, 1.0)
"""Radius of the disc that masks a neighbour, in its half-light radii, and its least and largest."""

NEIGHBOUR_SHARE = 0.8
"""The disc ends at this share of the distance to the star, whose core stays."""

OUTSHINE = 3.0
"""Where the wing of another star exceeds this star's over this factor, pixels are masked."""

OUTSHINE_FROM_ARCSEC, OUTSHINE_FROM_SHARE = 0.4, 0.4
"""That mask begins at this radius, or at this share of the other's distance where that is nearer."""

FIRST_WINDOW_SHARE, FIRST_WINDOW_POWER = 0.8, 8
"""First model: a window 1 / (1 + (r / r0)^8) ends it smoothly at this share of the radius of the fits."""

FIRST_SKY_SHARE = 0.6
"""First model: the sky is the median beyond this share of that radius."""

FIRST_CENTRE_ARCSEC, FIRST_LIGHT_ARCSEC = 0.3, 0.12
"""First model: radius of the pixels that centre a star, and of those whose light scales it: most of its core."""

FIT_MARGIN_ARCSEC = 0.4
"""The PSF reaches this much beyond the window of a fit, so that a shift rings outside of it."""

PEAK_ERROR = 0.02
"""Error of every star's residual as a fraction of the PSF's peak: stars whose noise is below count alike, so that
no single bright one makes the core."""

PIXEL_ERROR = 0.03
"""Error of the model in each pixel, as a fraction of it, allowed for before a residual is clipped."""

MISFIT_ARCSEC = ANCHOR_ARCSEC
"""Half side of the core that tells a star from a pair or a galaxy."""

MISFIT_LIMIT, MISFIT_MEDIANS = 0.12, 4.0
"""Largest misfit of a star (fraction of the PSF, root mean square), or this many medians of all, if more. A FWHM 15 %
off, as in corners of the field, is a misfit of 0.1; `clusterphot.psf.variation` leaves out what it cannot foretell."""

MIN_COMPARED_STARS = 4
"""With so few stars or fewer none is left out: who is unlike whom cannot be told."""


def cut_stars(mosaic, stars, half_px):
    """Big stamps of all stars with a role, at the positions that the WCS of this filter gives.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`, made in the reference filter.
    half_px : int

    Returns
    -------
    sample : list of `clusterphot.psf.model.Star`
        Neighbours and the rims of saturated holes have ivar 0; not ``ok`` where the star is at an edge, or
        saturated though of the core.
    """
    scale = mosaic.pixel_scale_arcsec
    x, y = mosaic.wcs.celestial.all_world2pix(np.asarray(stars["ra"]), np.asarray(stars["dec"]), 0)
    radius = radius_grid(half_px)
    core, wide = radius <= core_radius_px(scale), radius <= WIDE_ARCSEC / scale
    sample = []
    for row in np.flatnonzero(np.asarray(stars["role"]) != ROLE_NONE):
        if not (np.isfinite(x[row]) and np.isfinite(y[row])):
            continue
        x0, y0 = int(np.rint(x[row])), int(np.rint(y[row]))
        data, ivar = mosaic.region(y0 - half_px, y0 + half_px + 1, x0 - half_px, x0 + half_px + 1)
        bad = ~(np.isfinite(data) & np.isfinite(ivar) & (ivar > 0))
        data[bad], ivar[bad] = 0.0, 0.0
        is_core = stars["role"][row] == ROLE_CORE
        star = Star(int(row), is_core, False, x0, y0, data, ivar, x[row] - x0, y[row] - y0)
        if np.mean(bad[wide]) > MAX_BAD_SHARE:
            star.ok, star.reason = False, "edge"
        elif np.sum(bad & core) >= SATURATED_HOLE_PX:
            star.saturated = True
            _mask_rim(star, scale)
            if is_core:
                star.ok, star.reason = False, "saturated"
        _mask_neighbours(star, x, y, stars, scale)
        sample.append(star)
    return sample


def _mask_neighbours(star, x, y, stars, scale):
    """Leave out discs around the other detections of the list, and where other stars outshine this one."""
    half = star.data.shape[0] // 2
    mag = np.asarray(stars["mag_auto"]) - SATURATED_DIM_MAG * np.asarray(stars["saturated"], dtype=float)
    own = mag[star.row]
    # Which detections are sources of their own: neither lumps of this star's PSF nor off its stamp.
    distance = np.hypot(x - x[star.row], y - y[star.row]) * scale
    fainter = np.where(distance < NEAR_ARCSEC, NEAR_MAG, FAR_MAG)
    near = (distance > OWN_LUMPS_ARCSEC) & (distance < 2.0 * half * scale) & (mag < own + fainter)
    radius_arcsec = np.clip(
        NEIGHBOUR_RADII * np.asarray(stars["half_light_radius"]) * stars.meta["pixel_scale_arcsec"],
        *NEIGHBOUR_RANGE_ARCSEC,
    )
    axis = np.arange(-half, half + 1)
    here = np.hypot(axis[:, None] + star.y0 - y[star.row], axis[None, :] + star.x0 - x[star.row]) * scale
    is_star = (np.asarray(stars["role"]) != ROLE_NONE) | np.asarray(stars["saturated"], dtype=bool)
    for other in np.flatnonzero(near):
        away = np.hypot(axis[:, None] + star.y0 - y[other], axis[None, :] + star.x0 - x[other]) * scale
        star.ivar[(away < radius_arcsec[other]) & (away < NEIGHBOUR_SHARE * distance[other])] = 0.0
        if is_star[other]:
            # Both wings fall as r^-POWER: their ratio is a ratio of distances to that power.
            ratio = (OUTSHINE * 10 ** (0.4 * (own - mag[other]))) ** (1.0 / POWER)
            outer = here > min(OUTSHINE_FROM_ARCSEC, OUTSHINE_FROM_SHARE * distance[other])
            star.ivar[(away < ratio * here) & outer] = 0.0


def _mask_rim(star, scale):
    """Leave out the pixels around a saturated hole, which lack the exposures that saw most light."""
    rim = ndimage.distance_transform_edt(star.ivar > 0) <= RIM_PX
    reach = min(star.data.shape[0] // 2, int(round(RIM_REACH_ARCSEC / scale)))
    crop(star.ivar, reach)[crop(rim, reach)] = 0.0


def core_sample(sample, stars, options, mosaic):
    """Stars of the core, faint ones as F22; brighter unsaturated ones are added when there are too few.

    Returns
    -------
    core : list of `clusterphot.psf.model.Star`
    flags : PsfFlag

    Raises
    ------
    DataError
        If there are fewer than ``options.min_stars`` in all.
    """
    core = [s for s in sample if s.ok and s.core]
    flags = PsfFlag(0)
    if len(core) < options.min_core:
        spare = [
            s for s in sample if s.ok and not s.core and not s.saturated and not stars["saturated"][s.row]
        ]
        spare.sort(key=lambda s: -float(stars["mag_auto"][s.row]))  # faintest first: most like the core's
        added = spare[: options.min_core - len(core)]
        if added:
            flags |= PsfFlag.CORE_FROM_BRIGHT
        core = core + added
    if len(core) < options.min_core:
        flags |= PsfFlag.FEW_STARS
    if len(core) < options.min_stars:
        raise DataError(
            f"{mosaic.field} {mosaic.filter_name}, PSF",
            f"{len(core)} usable stars of {len(sample)} selected in the reference filter",
            f"at least {options.min_stars} unsaturated, unmasked ones inside this mosaic",
            f"give `psf: file` for {mosaic.filter_name}, or widen psf.mag_min and psf.mag_max",
        )
    return core, flags


def first_model(core, grid, options):
    """Median of the stars, each moved by its windowed centroid and scaled by the light of its core.

    Returns
    -------
    model : `clusterphot.psf.model.PsfModel`
        Without wings yet; the weight of the core falls from 1 to 0 over the join.
    """
    scale = grid.pixel_scale_arcsec
    half = int(round(options.fit_radius_arcsec / scale))
    radius = radius_grid(half) * scale
    window = 1.0 / (1.0 + (radius / (FIRST_WINDOW_SHARE * options.fit_radius_arcsec)) ** FIRST_WINDOW_POWER)
    stack = []
    for star in core:
        data, good = crop(star.data, half), crop(star.ivar, half) > 0
        rim = good & (radius > FIRST_SKY_SHARE * options.fit_radius_arcsec)
        data = np.where(good, data - np.median(data[rim]), 0.0)
        star.dx, star.dy = windowed_centroid(data * (radius < FIRST_CENTRE_ARCSEC), core_radius_px(scale))
        light = data[radius < FIRST_LIGHT_ARCSEC].sum()
        if light > 0:
            stack.append(fourier_shift(data * window, -star.dx, -star.dy) / light)
    image = np.zeros((2 * grid.half_px + 1,) * 2)
    crop(image, half)[...] = np.maximum(np.median(stack, axis=0), 0.0) * window
    far = radius_grid(grid.half_px) * scale
    low, high = options.join_arcsec
    weight = np.clip((high - far) / (high - low), 0.0, 1.0)
    smooth_step = weight * weight * (3 - 2 * weight)
    return PsfModel(image, 0.0, grid, smooth_step)


def fit_one(star, model, options, scale):
    """Fit one star in the flux window; writes position, flux and sky into the star.

    Returns
    -------
    fit : `clusterphot.psf.star_fits.StarFit`
    """
    half = int(round(options.fit_radius_arcsec / scale))
    data, ivar, order = crop(star.data, half), crop(star.ivar, half), SKY_ORDER
    if star.saturated:
        # The ring around the hole leaves no room for a sky, which is taken from the solution of the wings.
        order = -1
        data = data - (star.level if np.isfinite(star.level) else _rim_level(star, model.grid))
    reach = min(model.grid.half_px, half + int(FIT_MARGIN_ARCSEC / scale))
    fit = fit_star(data, ivar, crop(model.image, reach), start=(star.dx, star.dy), sky_order=order)
    star.ok = fit.ok
    if fit.ok:
        star.dx, star.dy, star.flux, star.flux_err, star.sky = fit.dx, fit.dy, fit.flux, fit.flux_err, fit.sky
    else:
        star.reason = "no fit"
    return fit


def _rim_level(star, grid):
    """Median of the outer rings: a first guess of the sky under a bright star."""
    outer = (grid.ring() >= grid.n_inner) & (star.ivar > 0)
    return float(np.median(star.data[outer])) if outer.any() else 0.0


def fit_core(core, model, options, scale):
    """Fit all stars of the core; those without a fit leave the list."""
    for star in core:
        fit_one(star, model, options, scale)
    core[:] = [star for star in core if star.ok]


def update_core(core, model):
    """Add the clipped weighted mean residual of the core's stars to the model.

    Returns
    -------
    left : (n, m, m) float ndarray
        Residuals about that mean, in units of each star's flux.
    weight : (n, m, m) float ndarray
        Both are what the jackknife needs, see `clusterphot.psf.scale_errors.left_out_cores`.
    """
    half = int(round(CORE_HALF_ARCSEC / model.grid.pixel_scale_arcsec))
    parts = [core_residual(star, model, half) for star in core]
    values = np.stack([p[0] for p in parts])
    good = np.stack([p[1] for p in parts])
    present = crop(model.image, half)
    peak = np.max(present)
    weight = np.zeros_like(values)
    for k, star in enumerate(core):
        ivar = np.median(crop(star.ivar, half)[good[k]])
        weight[k] = good[k] / (1.0 / (star.flux**2 * ivar) + (PEAK_ERROR * peak) ** 2)
    if len(core) >= MIN_CLIPPED_STARS:
        centre = np.median(np.where(good, values, 0.0), axis=0)
        error = np.sqrt(1.0 / np.maximum(weight, TINY) + (PIXEL_ERROR * present) ** 2)
        spread = mad_sigma(values, centre=centre, axis=0)
        weight[np.abs(values - centre) > CLIP_SIGMA * np.maximum(error, spread)] = 0.0
    mean, _ = weighted_mean(values, weight)
    crop(model.image, half)[...] += mean * crop(model.core_weight, half)
    return values - mean, weight


def drop_misfits(core, model, scale, options):
    """Leave out stars whose core is unlike that of the others: pairs, galaxies, hidden neighbours."""
    if len(core) <= max(options.min_stars, MIN_COMPARED_STARS):
        return core
    half = int(round(MISFIT_ARCSEC / scale))
    values = np.array([misfit(star, model, half) for star in core])
    limit = max(MISFIT_LIMIT, MISFIT_MEDIANS * np.median(values))
    kept = [star for star, value in zip(core, values, strict=True) if value <= limit]
    if len(kept) < max(options.min_stars, len(core) // 2):
        return core  # the stars disagree altogether: no majority to side with
    for star, value in zip(core, values, strict=True):
        if value > limit:
            star.ok, star.reason = False, "unlike"
    return kept
