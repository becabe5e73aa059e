"""Core of the PSF: stamps of the stars, their fits, and the clipped mean of their residuals.

Sub-pixel alignment by fitting the PSF and moving residuals in Fourier space (after Anderson & King 2000, PASP
112, 1360). Fluxes nJy, positions in pixels of the filter's mosaic.
"""

import numpy as np

from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, fourier_shift, polynomial_terms, radius_grid
from clusterphot.base.robust import mad_sigma
from clusterphot.psf.model import Model, PsfFlag, Star
from clusterphot.psf.reference import windowed_centroid
from clusterphot.psf.scale_errors import SATURATED_FIT_ARCSEC
from clusterphot.psf.star_fits import fit_star
from clusterphot.psf.stars import ROLE_CORE, ROLE_NONE
from clusterphot.psf.wings import POWER


def cut_stars(mosaic, stars, half_px):
    """Big stamps of all stars with a role, at the positions that the WCS of this filter gives."""
    x, y = mosaic.wcs.celestial.all_world2pix(np.asarray(stars["ra"]), np.asarray(stars["dec"]), 0)
    core_px, wide_px = 0.06 / mosaic.pixel_scale_arcsec, 1.0 / mosaic.pixel_scale_arcsec
    radius = radius_grid(half_px)
    sample = []
    for row in np.flatnonzero(np.asarray(stars["role"]) != ROLE_NONE):
        if not (np.isfinite(x[row]) and np.isfinite(y[row])):
            continue
        x0, y0 = int(np.rint(x[row])), int(np.rint(y[row]))
        data, ivar = mosaic.region(y0 - half_px, y0 + half_px + 1, x0 - half_px, x0 + half_px + 1)
        bad = ~(np.isfinite(data) & np.isfinite(ivar) & (ivar > 0))
        data[bad], ivar[bad] = 0.0, 0.0
        is_core = stars["role"][row] == ROLE_CORE
        holes = int(np.sum(bad & (radius <= max(core_px, 1.5))))
        star = Star(int(row), is_core, False, x0, y0, data, ivar, x[row] - x0, y[row] - y0)
        if np.mean(bad[radius <= wide_px]) > 0.2:
            star.ok, star.reason = False, "edge"
        elif holes >= 3:
            star.saturated = True
            _mask_rim(star)
            if is_core:
                star.ok, star.reason = False, "saturated"
        _mask_neighbours(star, x, y, stars, mosaic.pixel_scale_arcsec)
        sample.append(star)
    return sample


def _mask_neighbours(star, x, y, stars, scale):
    """Leave out discs around the other detections of the list, where they are more than lumps of the star's
    PSF."""
    half = star.data.shape[0] // 2
    # The magnitude of a saturated star lacks its core: about 1 mag.
    mag = np.asarray(stars["mag_auto"]) - np.asarray(stars["saturated"], dtype=float)
    own = mag[star.row]
    distance = np.hypot(x - x[star.row], y - y[star.row]) * scale
    lump = np.where(distance < 1.0, 5.0, 6.5)  # 1 % of the flux, and 0.25 % farther out
    near = (distance > 0.3) & (distance < 2.0 * half * scale) & (mag < own + lump)
    radius_arcsec = np.clip(
        2.5 * np.asarray(stars["half_light_radius"]) * stars.meta["pixel_scale_arcsec"], 0.15, 1.0
    )
    axis = np.arange(-half, half + 1)
    here = np.hypot(axis[:, None] + star.y0 - y[star.row], axis[None, :] + star.x0 - x[star.row]) * scale
    round_one = (np.asarray(stars["role"]) != ROLE_NONE) | np.asarray(stars["saturated"], dtype=bool)
    for other in np.flatnonzero(near):
        away = np.hypot(axis[:, None] + star.y0 - y[other], axis[None, :] + star.x0 - x[other]) * scale
        star.ivar[(away < radius_arcsec[other]) & (away < 0.8 * distance[other])] = 0.0
        if round_one[other]:
            # Where the wing of another star outshines a third of this one's.
            ratio = (3.0 * 10 ** (0.4 * (own - mag[other]))) ** (1.0 / POWER)
            star.ivar[(away < ratio * here) & (here > min(0.4, 0.4 * distance[other]))] = 0.0


def _mask_rim(star):
    """Leave out the pixels beside a saturated hole: they are often affected too."""
    bad = star.ivar <= 0
    near = bad.copy()
    near[1:] |= bad[:-1]
    near[:-1] |= bad[1:]
    near[:, 1:] |= near[:, :-1].copy()
    near[:, :-1] |= near[:, 1:].copy()
    middle = star.data.shape[0] // 2
    reach = min(middle, 12)
    part = np.s_[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    star.ivar[part] = np.where(near[part], 0.0, star.ivar[part])


def core_sample(sample, stars, options, mosaic):
    """Stars of the core; brighter unsaturated ones are added when there are too few."""
    core = [s for s in sample if s.ok and s.core]
    flags = PsfFlag(0)
    if len(core) < options.min_core:
        spare = [
            s for s in sample if s.ok and not s.core and not s.saturated and not stars["saturated"][s.row]
        ]
        spare.sort(key=lambda s: -float(stars["mag_auto"][s.row]))
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
    """Median of the stars, each moved by its windowed centroid and scaled by the light of its core."""
    scale = grid.pixel_scale_arcsec
    half = int(round(options.fit_radius_arcsec / scale))
    radius = radius_grid(half) * scale
    window = 1.0 / (1.0 + (radius / (0.8 * options.fit_radius_arcsec)) ** 8)
    stack = []
    for star in core:
        data, good = crop(star.data, half), crop(star.ivar, half) > 0
        rim = good & (radius > 0.6 * options.fit_radius_arcsec)
        data = np.where(good, data - np.median(data[rim]), 0.0)
        for _ in range(2):
            star.dx, star.dy = windowed_centroid(data * (radius < 0.3), max(1.5, 0.06 / scale))
        light = data[radius < 0.12].sum()
        if light > 0:
            stack.append(fourier_shift(data * window, -star.dx, -star.dy) / light)
    image = np.zeros((2 * grid.half_px + 1,) * 2)
    crop(image, half)[...] = np.maximum(np.median(stack, axis=0), 0.0) * window
    far = radius_grid(grid.half_px) * scale
    low, high = options.join_arcsec
    weight = np.clip((high - far) / (high - low), 0.0, 1.0)
    return Model(image, 0.0, grid, weight * weight * (3 - 2 * weight))


def fit_one(star, model, options, scale, *, fixed=False):
    """Fit one star in the flux window with a quadratic sky; writes the result into the star."""
    half = int(round(options.fit_radius_arcsec / scale))
    data, ivar = crop(star.data, half), crop(star.ivar, half)
    order = 2
    if star.saturated:
        # Only what the core stack knows: the flux must not hang on the wings that it is to scale.
        order, distance = -1, radius_grid(half) * scale
        ivar = np.where(distance < SATURATED_FIT_ARCSEC, ivar, 0.0)
        data = data - (star.level if np.isfinite(star.level) else _rim_level(star, model.grid))
    reach = min(model.grid.half_px, half + int(0.4 / scale))
    fit = fit_star(
        data, ivar, crop(model.image, reach), start=(star.dx, star.dy), sky_order=order, fixed=fixed
    )
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
    """Fit all stars of the core."""
    for star in core:
        fit_one(star, model, options, scale)
    core[:] = [star for star in core if star.ok]


def core_residual(star, model, half):
    """Residual of a star in units of its flux, moved onto the PSF's grid, and its valid pixels there."""
    window = crop(model.image, min(model.grid.half_px, half + 10))
    shifted = crop(fourier_shift(window, star.dx, star.dy), half)
    n_sky = (len(star.sky) == 6) * 2 or (len(star.sky) == 3) * 1
    sky = np.tensordot(star.sky, polynomial_terms(half, n_sky), axes=1)
    good = crop(star.ivar, half) > 0
    residual = np.where(good, crop(star.data, half) - star.flux * shifted - sky, 0.0)
    # A validity mask must not be Fourier-shifted: it rings. Invalid pixels hold zero residual and weight.
    return fourier_shift(residual, -star.dx, -star.dy) / star.flux, good


def update_core(core, model):
    """Add the clipped weighted mean residual of the core's stars; returns what the jackknife needs."""
    scale = model.grid.pixel_scale_arcsec
    half = int(round(0.4 / scale))
    parts = [core_residual(star, model, half) for star in core]
    values = np.stack([p[0] for p in parts])
    good = np.stack([p[1] for p in parts])
    present = crop(model.image, half)
    weight = np.zeros_like(values)
    for k, star in enumerate(core):
        ivar = np.median(crop(star.ivar, half)[good[k]])
        peak = np.max(present)
        # Equal weights for stars whose noise is below 2 % of the PSF's peak, else inverse variance.
        weight[k] = good[k] / (1.0 / (star.flux**2 * ivar) + (0.02 * peak) ** 2)
    if len(core) >= 4:
        centre = np.median(np.where(good, values, 0.0), axis=0)
        error = np.sqrt(1.0 / np.maximum(weight, 1e-300) + (0.03 * present) ** 2)
        spread = mad_sigma(values, centre=centre, axis=0)
        weight[np.abs(values - centre) > 4.0 * np.maximum(error, spread)] = 0.0
    total = weight.sum(axis=0)
    mean = np.where(total > 0, (weight * values).sum(axis=0) / np.maximum(total, 1e-300), 0.0)
    crop(model.image, half)[...] += mean * crop(model.core_weight, half)
    return values - mean, weight


def drop_misfits(core, model, scale, options):
    """Leave out stars whose core is unlike that of the others: pairs, galaxies, hidden neighbours."""
    if len(core) <= max(options.min_stars, 4):
        return core
    half = int(round(0.2 / scale))
    values = np.array([misfit(star, model, half) for star in core])
    limit = max(0.06, 4.0 * np.median(values))
    kept = [star for star, value in zip(core, values, strict=True) if value <= limit]
    if len(kept) < max(options.min_stars, len(core) // 2):
        return core
    for star, value in zip(core, values, strict=True):
        if value > limit:
            star.ok, star.reason = False, "unlike"
    return kept


def misfit(star, model, half):
    """Root mean square residual of the core, beyond the noise, over that of the PSF."""
    residual, good = core_residual(star, model, half)
    present = crop(model.image, half)
    ivar = np.median(crop(star.ivar, half)[good])
    noise = 1.0 / (star.flux**2 * ivar)
    power = np.mean(residual[good] ** 2) - noise
    return np.sqrt(max(power, 0.0) / np.mean(present**2))
