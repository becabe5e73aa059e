"""Wings joined to the core: which stars serve, the reference they are drawn to, and the model brought up to date.

The wings' own equations are solved in `clusterphot.psf.wings`. Fluxes nJy, lengths in arcsec or pixels as named.

Constants without a paper were chosen on simulated fields, see `clusterphot.psf.build`.
"""

import numpy as np

from clusterphot.base.images import crop, fourier_shift, polynomial_terms, radius_grid
from clusterphot.base.numerics import TINY
from clusterphot.base.robust import mad_sigma
from clusterphot.psf.core import fit_one
from clusterphot.psf.model import anchor_light
from clusterphot.psf.reference import ANCHOR_ARCSEC, MODEL_ERROR
from clusterphot.psf.residuals import CLIP_SIGMA, MIN_CLIPPED_STARS, core_residual, misfit, weighted_mean
from clusterphot.psf.wings import (
    WingPrior,
    WingStar,
    power_law_light,
    prepare_cells,
    ring_amplitudes,
    solve_wings,
)

AIRY_ARCSEC = 0.35
"""Radius within which Airy rings, spikes and the pixels make the reference, which is round, rough."""

RING_ERROR, WING_ERROR = 0.2, 0.1
"""Fractional errors of the reference's light in single rings within `AIRY_ARCSEC`, and of rings and power law
beyond; what all have in common is the scatter of its draws and `clusterphot.psf.reference.MODEL_ERROR`."""

BRIGHT_CORE_ARCSEC, FLAT_ARCSEC, FLAT_MASK_ARCSEC = 0.2, 0.06, 0.1
"""Half side of the core that tells whether a bright star is one, radius within which it may be flat without a mask,
and radius that is then masked."""

FLAT_LACK, FLAT_ROUGH = -0.04, 0.08
"""A core is flat, saturated though no mask says so, where it lacks this fraction of the PSF's light and differs from
the PSF by more than this (root mean square, fraction): the first alone may be a neighbour's doing."""

UNLIKE = 0.15
"""Misfit (the same) above which a bright star is a pair or a galaxy: more than of core stars (`core.MISFIT_LIMIT`),
since bright ones show the PSF's own variation over the field."""

FLUX_SIGMAS, FLUX_FLOOR = 2.0, 0.03
"""Error of a bright star's flux in the solution: so many of the fit's own, since neighbours and halos add to it, and
never below this fraction: by dither phases (0.5-3 %) and by a PSF that is not that of the star's place."""

SATURATED_FLUX_SIGMA = 0.3
"""The same of a saturated star, whose flux is as good as free: it tells how the wings fall, not how bright they are
beside the core. What is left of the star is fitted with the wings that it would be to scale."""

FAINT_NEIGHBOUR = 0.01
"""Stars of the sample with less than this share of a star's flux are not subtracted from its stamp."""

STAR_SCATTER = 0.1
"""Scatter of the PSF's structure from star to star, as a fraction of it: keeps one bright star from ruling alone."""

DETAIL_SPREAD = 0.5
"""Share of the stars' own spread that counts in clipping structure beside its error: bright stars are few, and a
neighbour on one of them must not hide in its own spread."""

DETAIL_DAMPING = 1.5
"""Factor on the noise of a ring's structure when the structure is damped by its share of signal (as a Wiener filter;
above 1 since noise of fitted skies and neighbours comes on top)."""

BORDER_PX = 2
"""Pixels beyond the last inner ring that take part in shifts of its structure."""


def wing_sample(sample, core, model, options, scale, *, saturated):
    """Stars that the wings are made of: the brightest with a good fit, core stars among them.

    Parameters
    ----------
    sample, core : list of `clusterphot.psf.model.Star`
    model : `clusterphot.psf.model.PsfModel`
    options : `clusterphot.psf.model.PsfOptions`
    scale : float
        Pixel, arcsec.
    saturated : bool
        Whether saturated stars take part, and flat cores that no mask tells are looked for: once the wing stands on
        which the flux of a saturated star hangs.

    Returns
    -------
    stars : list of `clusterphot.psf.model.Star`
        Those with a core first, brightest first.
    """
    used = {star.row for star in core}
    candidates = [s for s in sample if (not s.core and s.reason in ("", "no fit")) or s.row in used]
    wings = []
    for star in candidates:
        if star.row not in used:
            fit = fit_one(star, model, options, scale)
            if not fit.ok:
                continue
            if saturated and not star.saturated:
                _mask_flat_core(star, model, options, scale)
        if star.ok:
            star.reason = ""
            wings.append(star)
    wings.sort(key=lambda s: (-s.flux, s.row))
    whole = [star for star in wings if not star.saturated][: options.max_wing_stars]
    blots = [star for star in wings if star.saturated][: options.max_wing_stars // 2] if saturated else []
    return whole + blots


def _mask_flat_core(star, model, options, scale):
    """Mask the core of a star whose centre is fainter than its surroundings say; leave out one that is no star."""
    half = int(round(BRIGHT_CORE_ARCSEC / scale))
    radius = radius_grid(half) * scale
    residual, good = core_residual(star, model, half)
    inner = good & (radius < FLAT_ARCSEC)
    lack = np.sum(residual[inner]) / np.sum(crop(model.image, half)[inner])
    rough = misfit(star, model, half)
    if lack < FLAT_LACK and rough > FLAT_ROUGH:
        star.saturated = True
        crop(star.ivar, half)[radius < FLAT_MASK_ARCSEC] = 0.0
        fit_one(star, model, options, scale)
    elif rough > UNLIKE:
        star.ok, star.reason = False, "unlike"


def join_wings(sample, model, options, reference):
    """Solve the wings of the bright stars and join them to the core of the model.

    Parameters
    ----------
    sample : list of `clusterphot.psf.model.Star`
        From `wing_sample`; the sky of the solution is written into their ``level``.
    model : `clusterphot.psf.model.PsfModel`
        Changed in place.
    options : `clusterphot.psf.model.PsfOptions`
    reference : `clusterphot.psf.reference.Reference`

    Returns
    -------
    solution : `clusterphot.psf.wings.WingSolution` or None
        None, with the model left alone, where the equations are singular.
    """
    grid = model.grid
    wings = []
    for star in sample:
        floor = SATURATED_FLUX_SIGMA if star.saturated else FLUX_FLOOR
        sigma = np.hypot(FLUX_SIGMAS * star.flux_err / star.flux, floor)
        data = star.data - _light_of_others(star, sample, model)
        wing = WingStar(data, star.ivar, star.dx, star.dy, star.flux, sigma, star.saturated)
        prepare_cells(wing, model.image, grid, sky_order=options.sky_order)
        wings.append(wing)
    current = ring_amplitudes(model.image, model.tail, grid)
    solution = solve_wings(wings, grid, wing_prior(model, reference, options), current)
    if not np.all(np.isfinite(solution.amplitude)):
        return None
    _add_wings(wings, solution, model, options)
    for star, sky in zip(sample, solution.skies, strict=True):
        star.level = float(sky[0])
    return solution


def _light_of_others(star, sample, model):
    """Model of the other stars of the sample on the big stamp of one."""
    half = model.grid.half_px
    light = np.zeros_like(star.data)
    for other in sample:
        # The other star's stamp, moved by whole pixels: where the two overlap.
        step_x, step_y = other.x0 - star.x0, other.y0 - star.y0
        if (
            other is star
            or max(abs(step_x), abs(step_y)) > 2 * half
            or other.flux < FAINT_NEIGHBOUR * star.flux
        ):
            continue
        image = other.flux * fourier_shift(model.image, other.dx, other.dy)
        ya, xa = max(step_y, 0), max(step_x, 0)
        yb, xb = min(step_y, 0) + 2 * half + 1, min(step_x, 0) + 2 * half + 1
        light[ya:yb, xa:xb] += image[ya - step_y : yb - step_y, xa - step_x : xb - step_x]
    return light


def wing_prior(model, reference, options):
    """Wing of the reference encircled energy in the model's scale, and how far it is trusted.

    Parameters
    ----------
    model : `clusterphot.psf.model.PsfModel`
    reference : `clusterphot.psf.reference.Reference`
    options : `clusterphot.psf.model.PsfOptions`

    Returns
    -------
    prior : `clusterphot.psf.wings.WingPrior`
        Scaled so that the reference has the model's light within `ANCHOR_ARCSEC`.
    """
    grid, edges = model.grid, model.grid.edges_arcsec[: model.grid.n_inner + 1]
    # Light of the rings and beyond, of every draw, relative to that within the anchor.
    light = np.diff(reference.draws([*edges, options.total_radius_arcsec]), axis=1)
    light *= anchor_light(model) / reference.draws([ANCHOR_ARCSEC])
    # Over exact rings, like their light: of thin ones the pixels have an area of their own.
    outer = [*edges[1:], options.total_radius_arcsec]
    template = [power_law_light(grid.pixel_scale_arcsec, *ring) for ring in zip(edges, outer, strict=True)]
    amplitude = light / np.array(template)
    mean = amplitude.mean(axis=0)
    own = np.where(edges < AIRY_ARCSEC, RING_ERROR, WING_ERROR)
    covariance = np.cov(amplitude.T) + MODEL_ERROR**2 * np.outer(mean, mean) + np.diag((own * mean) ** 2)
    return WingPrior(mean, covariance)


def _add_wings(wings, solution, model, options):
    """Put the solved rings and power law, and the pixel-by-pixel departures from them, into the model."""
    grid = model.grid
    ring = grid.ring()
    inside = (ring >= 0) & (ring < grid.n_inner)
    column = np.where(inside, ring, 0)
    # Round part: the solved amplitudes. Then the structure around it, and a smooth passage into the core.
    monopole = np.where(inside, solution.amplitude[column] * grid.power, 0.0)
    model.tail += solution.amplitude[-1]
    border = int(np.ceil(grid.edges_arcsec[grid.n_inner] / grid.pixel_scale_arcsec)) + BORDER_PX
    detail = _wing_detail(wings, solution, model, options.sky_order, min(border, grid.half_px))
    update = (monopole + detail) * (1.0 - model.core_weight)
    model.image = np.where(inside, model.image + update, model.image)
    # Beyond the stamp the model is the power law itself.
    outside = radius_grid(grid.half_px) * grid.pixel_scale_arcsec >= grid.edges_arcsec[grid.n_inner]
    model.image = np.where(outside, model.tail * grid.power, model.image)


def _wing_detail(wings, solution, model, sky_order, reach):
    """Structure of the wings around their rings' means: what the stars have in common pixel by pixel."""
    grid = model.grid
    values, weights = _wing_residuals(wings, solution, model, sky_order, reach)
    if len(wings) >= MIN_CLIPPED_STARS:
        centre = np.median(values, axis=0)
        spread = mad_sigma(values, centre=centre, axis=0)
        error = np.sqrt(1.0 / np.maximum(weights, TINY))
        weights[np.abs(values - centre) > CLIP_SIGMA * np.maximum(error, DETAIL_SPREAD * spread)] = 0.0
    mean, total = weighted_mean(values, weights)
    noise = np.where(total > 0, 1.0 / np.maximum(total, TINY), 0.0)
    ring = crop(grid.ring(), reach)
    for k in range(grid.n_inner):
        # The mean of a ring is the solution's; of the rest, the part that exceeds the noise.
        part = ring == k
        mean[part] -= mean[part].mean()
        power = np.mean(mean[part] ** 2)
        mean[part] *= max(0.0, 1.0 - DETAIL_DAMPING * np.mean(noise[part]) / max(power, TINY))
    mean[(ring < 0) | (ring >= grid.n_inner)] = 0.0
    full = np.zeros_like(model.image)
    crop(full, reach)[...] = mean
    return full


def _wing_residuals(wings, solution, model, sky_order, reach):
    """Residuals of the stars less their skies, in units of their corrected fluxes, and weights, (n, m, m) each."""
    terms = np.stack([crop(term, reach) for term in polynomial_terms(model.grid.half_px, sky_order)])
    present = crop(model.image, reach)
    values, weights = [], []
    for wing, sky, factor in zip(wings, solution.skies, solution.flux_factor, strict=True):
        flux = wing.flux * factor
        good = crop(wing.ivar, reach) > 0
        left = crop(wing.residual, reach) - np.tensordot(sky, terms, axes=1)
        left = np.where(good, left, 0.0)
        # The residual is that of the flux before its correction: what the correction adds goes.
        values.append(fourier_shift(left, -wing.dx, -wing.dy) / flux - (1.0 - 1.0 / factor) * present * good)
        noise = 1.0 / (flux**2 * np.median(crop(wing.ivar, reach)[good]))
        weights.append(good / (noise + (STAR_SCATTER * present) ** 2))
    return np.stack(values), np.stack(weights)
