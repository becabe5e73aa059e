"""Wings joined to the core: which stars serve, the reference they are drawn to, and the model brought up to
date.

The solution itself is in psf_wings.py. Fluxes nJy, lengths in arcsec or pixels as named.
"""

import numpy as np

from clusterphot.base.images import crop, fourier_shift, polynomial_terms, radius_grid
from clusterphot.base.robust import mad_sigma
from clusterphot.psf import wings as psf_wings
from clusterphot.psf.core import core_residual, fit_one, misfit
from clusterphot.psf.reference import reference_ee, reference_scatter
from clusterphot.psf.scale_errors import saturated_flux_error

RING_ERROR, WING_ERROR = 0.6, 0.15
"""Fractional errors of single rings of the reference within 0.35", and of rings and power law beyond; the
error that all have in common is that of `clusterphot.psf.reference.reference_scatter`."""


def wing_sample(sample, core, model, options, scale, *, check):
    """Brightest stars with a good fit; flat cores that no mask tells are masked here."""
    used = {star.row for star in core}
    stars = [s for s in sample if (not s.core and s.reason in ("", "no fit")) or s.row in used]
    wings = []
    for star in stars:
        if star.row not in used:
            fit = fit_one(star, model, options, scale)
            if not fit.ok:
                continue
            if check and not star.saturated:
                _mask_flat_core(star, model, options, scale)
        if star.ok:
            star.reason = ""
            wings.append(star)
    wings.sort(key=lambda s: (-s.flux, s.row))
    whole = [star for star in wings if not star.saturated][: options.max_wing_stars]
    # The flux of a saturated star hangs on the wing itself: it comes in once that stands.
    blots = [star for star in wings if star.saturated][: options.max_wing_stars // 2] if check else []
    return whole + blots


def _mask_flat_core(star, model, options, scale):
    """Mask the core of a star whose centre is fainter than its surroundings say (saturation without a
    flag)."""
    half = int(round(0.2 / scale))
    radius = radius_grid(half) * scale
    residual, good = core_residual(star, model, half)
    inner = good & (radius < 0.06)
    lack = np.sum(residual[inner]) / np.sum(crop(model.image, half)[inner])
    rough = misfit(star, model, half)
    if lack < -0.04 and rough > 0.08:
        star.saturated = True
        crop(star.ivar, half)[radius < 0.1] = 0.0
        fit_one(star, model, options, scale)
    elif rough > 0.15:
        star.ok, star.reason = False, "unlike"


def update_wings(sample, core_stack, model, options, reference):
    """Solve rings, power law and skies, then add what the stars have in common pixel by pixel."""
    grid = model.grid
    wings = []
    n_saturated = sum(star.saturated for star in sample)
    for star in sample:
        sigma = np.hypot(2.0 * star.flux_err / star.flux, 0.003)
        if star.saturated:
            # The error of the core stack is common to all of them and must not average out.
            sigma = np.hypot(sigma, np.sqrt(n_saturated) * saturated_flux_error(star, core_stack, model))
        data = star.data - _light_of_others(star, sample, model)
        wing = psf_wings.WingStar(data, star.ivar, star.dx, star.dy, star.flux, sigma, star.saturated)
        psf_wings.prepare_cells(wing, model.image, grid, sky_order=options.sky_order)
        wings.append(wing)
    current = psf_wings.ring_amplitudes(model.image, model.tail, grid)
    solution = psf_wings.solve_wings(wings, grid, wing_prior(model, reference, options), current)
    if not np.all(np.isfinite(solution.amplitude)):
        return wings, None
    _add_wings(wings, solution, model, options)
    for star, sky in zip(sample, solution.skies, strict=True):
        star.level = float(sky[0])
    return wings, solution


def _light_of_others(star, sample, model):
    """Model of the other stars of the sample on the big stamp of one."""
    half = model.grid.half_px
    light = np.zeros_like(star.data)
    for other in sample:
        step_x, step_y = other.x0 - star.x0, other.y0 - star.y0
        if other is star or max(abs(step_x), abs(step_y)) > 2 * half or other.flux < 0.01 * star.flux:
            continue
        image = other.flux * fourier_shift(model.image, other.dx, other.dy)
        ya, xa = max(step_y, 0), max(step_x, 0)
        yb, xb = min(step_y, 0) + 2 * half + 1, min(step_x, 0) + 2 * half + 1
        light[ya:yb, xa:xb] += image[ya - step_y : yb - step_y, xa - step_x : xb - step_x]
    return light


def wing_prior(model, reference, options):
    """Wing of the reference encircled energy, scaled to the model's light within 0.2", and how far it is
    trusted."""
    grid, edges = model.grid, model.grid.edges_arcsec
    scale = grid.pixel_scale_arcsec
    anchor = 0.2
    inside = model.image[radius_grid(grid.half_px) * scale < anchor].sum()

    def ee(radius):
        return reference_ee(reference["table"], reference["filter"], radius)

    total = inside / ee(anchor)
    ring = grid.ring()
    mean = np.empty(grid.n_inner + 1)
    for k in range(grid.n_inner):
        mean[k] = total * (ee(edges[k + 1]) - ee(edges[k])) / grid.power[ring == k].sum()
    border = edges[grid.n_inner]
    light = psf_wings.power_law_light(scale, border, options.total_radius_arcsec)
    mean[-1] = total * (ee(options.total_radius_arcsec) - ee(border)) / light
    # Airy rings make the reference, known at four radii only, rough near the core.
    own = np.where(np.append(edges[: grid.n_inner], border) < 0.35, RING_ERROR, WING_ERROR)
    common = reference_scatter(reference["table"], reference["filter"])
    covariance = common**2 * np.outer(mean, mean) + np.diag((own * mean) ** 2)
    return psf_wings.WingPrior(mean, covariance)


def _add_wings(wings, solution, model, options):
    """Put the solved rings and power law, and the pixel-by-pixel departures from them, into the model."""
    grid = model.grid
    ring = grid.ring()
    inside = (ring >= 0) & (ring < grid.n_inner)
    column = np.where(inside, ring, 0)
    monopole = np.where(inside, solution.amplitude[column] * grid.power, 0.0)
    model.tail += solution.amplitude[-1]
    border = int(np.ceil(grid.edges_arcsec[grid.n_inner] / grid.pixel_scale_arcsec)) + 2
    order = options.sky_order
    detail = _wing_detail(wings, solution, model, order, min(border, grid.half_px))
    update = (monopole + detail) * (1.0 - model.core_weight)
    model.image = np.where(inside, model.image + update, model.image)
    outside = radius_grid(grid.half_px) * grid.pixel_scale_arcsec >= grid.edges_arcsec[grid.n_inner]
    model.image = np.where(outside, model.tail * grid.power, model.image)


def _wing_detail(wings, solution, model, sky_order, reach):
    """Weighted mean residual of the stars on the stamp, zero mean per ring, damped where it is noise."""
    grid = model.grid
    terms = np.stack([crop(term, reach) for term in polynomial_terms(grid.half_px, sky_order)])
    present = crop(model.image, reach)
    ring = crop(grid.ring(), reach)
    values, weights = [], []
    for wing, sky, factor in zip(wings, solution.skies, solution.flux_factor, strict=True):
        flux = wing.flux * factor
        good = crop(wing.ivar, reach) > 0
        left = crop(wing.residual, reach) - np.tensordot(sky, terms, axes=1)
        left = np.where(good, left, 0.0)
        values.append(fourier_shift(left, -wing.dx, -wing.dy) / flux - (1.0 - 1.0 / factor) * present * good)
        noise = 1.0 / (flux**2 * np.median(crop(wing.ivar, reach)[good]))
        weights.append(good / (noise + (0.1 * present) ** 2))
    values, weights = np.stack(values), np.stack(weights)
    if len(wings) >= 4:
        centre = np.median(values, axis=0)
        spread = mad_sigma(values, centre=centre, axis=0)
        error = np.sqrt(1.0 / np.maximum(weights, 1e-300))
        weights[np.abs(values - centre) > 4.0 * np.maximum(error, 0.5 * spread)] = 0.0
    total = weights.sum(axis=0)
    mean = np.where(total > 0, (weights * values).sum(axis=0) / np.maximum(total, 1e-300), 0.0)
    noise = np.where(total > 0, 1.0 / np.maximum(total, 1e-300), 0.0)
    for k in range(grid.n_inner):
        part = ring == k
        mean[part] -= mean[part].mean()
        power = np.mean(mean[part] ** 2)
        mean[part] *= max(0.0, 1.0 - 1.5 * np.mean(noise[part]) / max(power, 1e-300))
    mean[(ring < 0) | (ring >= grid.n_inner)] = 0.0
    full = np.zeros_like(model.image)
    crop(full, reach)[...] = mean
    return full


def saturated_share(wings, solution):
    """Share of the saturated stars in what is known of the wings, and their typical valid pixels."""
    if solution is None:
        return 0.0, None
    weight = np.array([normal[-1, -1] for normal in solution.normal])
    blots = [k for k, wing in enumerate(wings) if wing.saturated]
    if not blots or not weight.sum() > 0:
        return 0.0, None
    heaviest = max(blots, key=lambda k: weight[k])
    return float(weight[blots].sum() / weight.sum()), wings[heaviest].ivar
