"""Bounded search for the positions of sources whose fluxes and sky are solved exactly at every step.

Variable projection (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, 413) with damped Gauss-Newton steps
(Levenberg 1944, Q. Appl. Math. 2, 164). Positions in cutout pixels, 0-based; images nJy/pixel.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.measure.linear import SkyTerms, normal_equations, solve
from clusterphot.measure.rendering import PsfRenderer

MAX_STEPS = 25
MAX_STEP_PX = 1.0
STEP_TOLERANCE_PX = 1e-3
START_HALF_PX = 6
START_GAIN = 9.0
"""Gain in chi-square (true noise) by which another pixel must beat the listed position as the start."""
CENTROID_SNR = 5.0


@dataclass(frozen=True)
class Block:
    """Cutouts of one filter with equally many components each.

    Attributes
    ----------
    data, weights : (n, p) float ndarray
        nJy/pixel and 1/(nJy/pixel)^2, flattened; both zero where a pixel must not be used.
    renderer : PsfRenderer
    terms : `clusterphot.measure.linear.SkyTerms`
    """

    data: np.ndarray
    weights: np.ndarray
    renderer: PsfRenderer
    terms: SkyTerms

    def take(self, rows):
        """The same for some of the cutouts."""
        return Block(self.data[rows], self.weights[rows], self.renderer, self.terms)

    def images(self, positions):
        """PSF images (n, c, p) at positions (n, c, 2), the last axis x, y."""
        n, c, _ = positions.shape
        flat = positions.reshape(n * c, 2)
        return self.renderer.render(flat[:, 0], flat[:, 1]).reshape(n, c, -1)

    def images_and_gradients(self, positions):
        """Columns (n, 3c, p): images, then derivatives by x, then by y."""
        n, c, _ = positions.shape
        flat = positions.reshape(n * c, 2)
        parts = self.renderer.render_with_gradient(flat[:, 0], flat[:, 1])
        return np.concatenate([part.reshape(n, c, -1) for part in parts], axis=1)

    def equations(self, columns):
        """Normal equations for own columns (n, q, p) and the sky, with the weighted columns."""
        weighted = columns * self.weights[:, None, :]
        return normal_equations(columns, weighted, self.terms, self.data, self.weights), weighted


@dataclass(frozen=True)
class PositionPrior:
    """What is known of the positions before the fit.

    Attributes
    ----------
    expected : (n, c, 2) float ndarray
        Listed positions, pixels.
    precision : (n, c) float ndarray
        Inverse variance of a listed coordinate in units of the white-noise chi-square; 0 for none.
    centre : (n, c, 2) float ndarray
        Middle of the box the positions are confined to.
    reach : float
        Half side of the box, pixels.
    free : (n, c) bool ndarray
        False for components held at their start.
    """

    expected: np.ndarray
    precision: np.ndarray
    centre: np.ndarray
    reach: float
    free: np.ndarray

    def take(self, rows):
        """The same for some of the cutouts."""
        parts = (self.expected[rows], self.precision[rows], self.centre[rows])
        return PositionPrior(*parts, self.reach, self.free[rows])

    def penalty(self, positions):
        """Chi-square of the positions, (n,)."""
        square = np.square(positions - self.expected).sum(axis=-1)
        return (self.precision * square).sum(axis=-1)


def search_positions(block, start, prior):
    """Positions of least chi-square inside their boxes.

    Parameters
    ----------
    block : Block
    start : (n, c, 2) float ndarray
    prior : PositionPrior

    Returns
    -------
    positions : (n, c, 2) float ndarray
    """
    n, c, _ = start.shape
    low, high = prior.centre - prior.reach, prior.centre + prior.reach
    best = np.where(prior.free[:, :, None], np.clip(start, low, high), start)
    equations, fluxes, objective = _profile(block, best, prior)
    damping = np.full(n, 1e-3)
    active = np.arange(n) if prior.free.any() else np.arange(0)
    for _ in range(MAX_STEPS):
        if len(active) == 0:
            break
        some = prior.take(active)
        step = _step(
            _rows(equations, active), fluxes[active], best[active], some, damping[active],
            (low[active], high[active]),
        )  # fmt: skip
        step *= np.minimum(1.0, MAX_STEP_PX / np.maximum(np.abs(step).max(axis=(1, 2)), 1e-300))[
            :, None, None
        ]
        trial = np.where(
            some.free[:, :, None], np.clip(best[active] + step, low[active], high[active]), best[active]
        )
        moved = np.abs(trial - best[active]).max(axis=(1, 2))
        trial_equations, trial_fluxes, trial_objective = _profile(block.take(active), trial, some)
        better = trial_objective < objective[active]
        rows = active[better]
        best[rows], fluxes[rows] = trial[better], trial_fluxes[better]
        objective[rows] = trial_objective[better]
        for kept, new in (
            (equations.matrix, trial_equations.matrix),
            (equations.vector, trial_equations.vector),
        ):
            kept[rows] = new[better]
        damping[active] = np.where(better, np.maximum(damping[active] * 0.1, 1e-9), damping[active] * 8.0)
        active = active[moved > STEP_TOLERANCE_PX]
    return best


def _rows(equations, rows):
    """Equations of some of the images."""
    return type(equations)(equations.matrix[rows], equations.vector[rows], equations.data_square[rows])


def _profile(block, positions, prior):
    """Equations with gradients at given positions, best fluxes there, and the objective."""
    c = positions.shape[1]
    equations, _ = block.equations(block.images_and_gradients(positions))
    size = equations.matrix.shape[1]
    linear = equations.subset(np.r_[0:c, 3 * c : size])
    solution, _ = solve(linear)
    chi2 = equations.data_square - (linear.vector * solution).sum(axis=-1)
    return equations, solution[:, :c], chi2 + prior.penalty(positions)


def _step(equations, fluxes, positions, prior, damping, box):
    """Damped Gauss-Newton step of the positions, (n, c, 2); along a bound where it would lead out of the box."""
    free = np.repeat(prior.free[:, :, None], 2, axis=2)
    step = _free_step(equations, fluxes, positions, prior, damping, free)
    low, high = box
    outward = ((positions <= low) & (step < 0)) | ((positions >= high) & (step > 0))
    if outward.any():
        step = _free_step(equations, fluxes, positions, prior, damping, free & ~outward)
    return step


def _free_step(equations, fluxes, positions, prior, damping, free):
    """Damped Gauss-Newton step of the free coordinates (n, c, 2), 0 of the others."""
    n, c, _ = positions.shape
    size = equations.matrix.shape[1]
    factors = np.ones((n, size))
    for axis in (0, 1):
        factors[:, (1 + axis) * c : (2 + axis) * c] = np.where(free[:, :, axis], fluxes, 0.0)
    scaled = equations.scaled(factors)
    precision, mean = np.zeros((n, size)), np.zeros((n, size))
    curvature = np.diagonal(scaled.matrix, axis1=1, axis2=2)
    for axis in (0, 1):
        own = np.s_[:, (1 + axis) * c : (2 + axis) * c]
        brake = damping[:, None] * (curvature[own] + prior.precision)
        precision[own] = prior.precision + brake
        offset = prior.expected[:, :, axis] - positions[:, :, axis]
        mean[own] = np.where(
            precision[own] > 0, prior.precision * offset / np.maximum(precision[own], 1e-300), 0.0
        )
    solution, _ = solve(scaled, precision=precision, prior=mean)
    step = np.stack([solution[:, c : 2 * c], solution[:, 2 * c : 3 * c]], axis=2)
    return np.where(free, step, 0.0)


def light_of_targets(block, fluxes_and_sky, images):
    """Images (n, m, m) less the fitted sky and all components but the first; 0 on bad pixels."""
    c = images.shape[1]
    others = (fluxes_and_sky[:, None, 1:c] @ images[:, 1:])[:, 0] if c > 1 else 0.0
    sky = block.terms.surface(fluxes_and_sky[:, c:])
    m = block.renderer.size_px
    return np.where(block.weights > 0, block.data - others - sky, 0.0).reshape(-1, m, m)


def best_pixel(block, light, images, prior, inflation):
    """Whole-pixel shift of the first component that fits clearly better than its listed position.

    Parameters
    ----------
    light : (n, m, m) float ndarray
        From `light_of_targets`.
    images : (n, c, p) float ndarray
        At the listed positions.
    prior : PositionPrior
    inflation : float
        Variance of a flux in the true noise over that in white noise.

    Returns
    -------
    shift : (n, 2) float ndarray
        x, y; zero unless the gain in chi-square exceeds `START_GAIN` times the inflation.
    """
    n, m = len(light), block.renderer.size_px
    reach = int(prior.reach)
    weights = block.weights.reshape(n, m, m)
    match_with = light * weights
    half = min(m // 2 - reach, START_HALF_PX)
    low, high = m // 2 - half, m // 2 + half + 1
    core = images[:, 0].reshape(n, m, m)[:, low:high, low:high]
    shifts, gains = [], []
    for j in range(-reach, reach + 1):
        for i in range(-reach, reach + 1):
            there = np.s_[:, low + j : high + j, low + i : high + i]
            match = (core * match_with[there]).reshape(n, -1).sum(axis=-1)
            square = (core**2 * weights[there]).reshape(n, -1).sum(axis=-1)
            gain = np.where(match > 0, match**2 / np.maximum(square, 1e-300), 0.0)
            shifts.append((i, j))
            gains.append(gain - prior.precision[:, 0] * (i * i + j * j))
    gains = np.stack(gains, axis=1)
    best = gains.argmax(axis=1)
    listed = gains[:, len(shifts) // 2]
    clear = gains[np.arange(n), best] > listed + START_GAIN * inflation
    return np.where(clear[:, None], np.array(shifts, dtype=float)[best], 0.0)


def zeroth_centroid(block, light, positions, *, radius_px, reach, inflation):
    """Flux-weighted mean position near the listed one, where there is flux enough.

    Parameters
    ----------
    light : (n, m, m) float ndarray
        From `light_of_targets`.
    positions : (n, 2) float ndarray
        Listed positions, cutout pixels.
    radius_px : float
        Of the aperture around the listed position.
    reach : float
        Largest shift in each axis, pixels.

    Returns
    -------
    centroids : (n, 2) float ndarray
        The listed positions themselves where the flux is below `CENTROID_SNR`.
    """
    n, m = len(light), block.renderer.size_px
    y, x = (grid.ravel() for grid in np.mgrid[:m, :m])
    dx, dy = x - positions[:, :1], y - positions[:, 1:]
    near = (block.weights > 0) & (np.hypot(dx, dy) <= radius_px)
    flux = np.where(near, light.reshape(n, -1), 0.0)
    total = flux.sum(axis=-1)
    variance = np.where(near, 1.0 / np.where(near, block.weights, 1.0), 0.0).sum(axis=-1) * inflation
    clear = total > CENTROID_SNR * np.sqrt(variance)
    safe = np.where(clear, total, 1.0)
    shift = np.stack([(flux * dx).sum(axis=-1) / safe, (flux * dy).sum(axis=-1) / safe], axis=1)
    return positions + np.where(clear[:, None], np.clip(shift, -reach, reach), 0.0)
