"""Bounded search for the positions of sources whose fluxes and sky are solved exactly at every step.

Variable projection (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, 413) with damped Gauss-Newton steps
(Levenberg 1944, Q. Appl. Math. 2, 164). Positions in cutout pixels, 0-based; images nJy/pixel.
"""

from dataclasses import dataclass, replace

import numpy as np

from clusterphot.base.numerics import TINY
from clusterphot.measure.linear import SkyTerms, normal_equations, solve
from clusterphot.measure.rendering import PsfRenderer

MAX_STEPS = 25
"""Steps after which a position counts as found; on the demonstration field all but one of 150 sources are there
after 3 to 8."""

MAX_STEP_PX = 1.0
"""Longest step, which no PSF that is sampled at all is linear beyond."""

STEP_TOLERANCE_PX = 1e-3
"""A source whose step is shorter has its position: 1e-3 px is 2 % of the error at a signal to noise of 30."""

FIRST_DAMPING, LEAST_DAMPING = 1e-3, 1e-9
DAMPING_FALL, DAMPING_RISE = 0.1, 8.0
"""Damping of a step, in units of the curvature, and its factors after a step that lowered chi-square and one that
did not (Levenberg 1944; Press et al. 2007, Numerical Recipes, section 15.5, with 0.1 and 10)."""

START_HALF_PX = 6
"""Half side of the core of the PSF that is matched in the search for a start, pixels; its light is nearly all of the
signal."""

START_GAIN = 9.0
"""Gain in chi-square (true noise) by which another pixel must beat the listed position as the start: 3 sigma."""

BEYOND_ARCSEC = 0.2
"""Light this far beyond the box of a position is looked for: lists of other frames are off by as much."""
BEYOND_SNR = 5.0
BEYOND_RATIO = 2.0
"""Signal to noise of such light, and its gain in chi-square over the best one inside the box, from which the listed
source is not what was fitted: wings of the source itself have a gain below its own."""

CENTROID_SNR = 5.0
"""Signal to noise of an aperture below which its centroid is noise, and the list's position better."""


@dataclass(frozen=True)
class CutoutBlock:
    """Cutouts of one filter with equally many components each.

    Attributes
    ----------
    data, weights : (n, p) float ndarray
        nJy/pixel and 1/(nJy/pixel)^2, flattened; both zero where a pixel must not be used.
    renderer : PsfRenderer
    terms : `clusterphot.measure.linear.SkyTerms`
    cores : (n, c, r, s) float ndarray, optional
        The PSF of each component's place, from `PsfRenderer.cores`; None where it is the same everywhere. Positions
        move by two pixels at most in a fit, over which it does not change.
    corners : (n, 2) float ndarray, optional
        Pixel x, y of the mosaic of the first pixel of each cutout, for engines with a PSF model of their own.
    """

    data: np.ndarray
    weights: np.ndarray
    renderer: PsfRenderer
    terms: SkyTerms
    cores: np.ndarray | None = None
    corners: np.ndarray | None = None

    def take(self, rows):
        """The same for some of the cutouts."""
        known = {
            name: getattr(self, name)[rows]
            for name in ("cores", "corners")
            if getattr(self, name) is not None
        }
        return replace(self, data=self.data[rows], weights=self.weights[rows], **known)

    def windowed(self, window):
        """The same with the weights of pixels times a mask (p,)."""
        return replace(self, weights=self.weights * window)

    def images(self, positions):
        """PSF images (n, c, p) at positions (n, c, 2), the last axis x, y."""
        n, c, _ = positions.shape
        return self.renderer.render(*self._sources(positions)).reshape(n, c, -1)

    def _sources(self, positions):
        """Positions x, y (n * c,) and cores of all components."""
        x, y = positions.reshape(-1, 2).T
        return x, y, None if self.cores is None else self.cores.reshape(-1, *self.cores.shape[2:])

    def images_and_gradients(self, positions):
        """Columns (n, 3c, p): images, then derivatives by x, then by y."""
        n, c, _ = positions.shape
        parts = self.renderer.render_with_gradient(*self._sources(positions))
        return np.concatenate([part.reshape(n, c, -1) for part in parts], axis=1)

    def equations(self, columns):
        """Normal equations for own columns (n, q, p) and the sky, with the weighted columns."""
        weighted = columns * self.weights[:, None, :]
        return normal_equations(columns, weighted, self.terms, self.data, self.weights), weighted


@dataclass(frozen=True)
class Layout:
    """Which parameter of equations with gradients is which: fluxes, x and y of c components, then k terms of the sky.

    Columns of `CutoutBlock.images_and_gradients` and rows of the matrices made of them come in this order.

    Attributes
    ----------
    n_components : int
        c; the target is the first.
    size : int
        3 c + k.
    """

    n_components: int
    size: int

    @classmethod
    def of(cls, equations, n_components):
        """Layout of `clusterphot.measure.linear.NormalEquations` for this many components."""
        return cls(n_components, equations.matrix.shape[1])

    @property
    def flux(self):
        """Fluxes of all components."""
        return slice(0, self.n_components)

    @property
    def x(self):
        """Shifts of all components along x."""
        return slice(self.n_components, 2 * self.n_components)

    @property
    def y(self):
        """Shifts of all components along y."""
        return slice(2 * self.n_components, 3 * self.n_components)

    @property
    def sky(self):
        """Coefficients of the terms of the sky."""
        return slice(3 * self.n_components, self.size)

    @property
    def linear(self):
        """Indices of what a fit at fixed positions solves for: fluxes, then sky."""
        return np.r_[self.flux, self.sky]

    @property
    def target(self):
        """Indices of flux, x and y of the target."""
        return [0, self.n_components, 2 * self.n_components]


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
    block : CutoutBlock
    start : (n, c, 2) float ndarray
    prior : PositionPrior

    Returns
    -------
    positions : (n, c, 2) float ndarray
    """
    low, high = prior.centre - prior.reach, prior.centre + prior.reach
    best = np.where(prior.free[:, :, None], np.clip(start, low, high), start)
    equations, fluxes, objective = _profile(block, best, prior)
    damping = np.full(len(start), FIRST_DAMPING)
    active = np.arange(len(start)) if prior.free.any() else np.arange(0)
    for _ in range(MAX_STEPS):
        if len(active) == 0:
            break
        # a step for every source still on its way, no longer than a pixel and inside its box
        some, box = prior.take(active), (low[active], high[active])
        step = _step(_rows(equations, active), fluxes[active], best[active], some, damping[active], box)
        longest = np.maximum(np.abs(step).max(axis=(1, 2)), TINY)
        step *= np.minimum(1.0, MAX_STEP_PX / longest)[:, None, None]
        trial = np.where(some.free[:, :, None], np.clip(best[active] + step, *box), best[active])
        moved = np.abs(trial - best[active]).max(axis=(1, 2))
        # kept where the objective fell; elsewhere the next step from the same place is shorter
        trial_equations, trial_fluxes, trial_objective = _profile(block.take(active), trial, some)
        better = trial_objective < objective[active]
        rows = active[better]
        best[rows], fluxes[rows], objective[rows] = (
            trial[better],
            trial_fluxes[better],
            trial_objective[better],
        )
        equations.matrix[rows] = trial_equations.matrix[better]
        equations.vector[rows] = trial_equations.vector[better]
        eased = np.maximum(damping[active] * DAMPING_FALL, LEAST_DAMPING)
        damping[active] = np.where(better, eased, damping[active] * DAMPING_RISE)
        active = active[moved > STEP_TOLERANCE_PX]
    return best


def _rows(equations, rows):
    """Equations of some of the images."""
    return type(equations)(equations.matrix[rows], equations.vector[rows], equations.data_square[rows])


def _profile(block, positions, prior):
    """Equations with gradients at given positions, best fluxes there, and the objective: chi-square and the prior's."""
    equations, _ = block.equations(block.images_and_gradients(positions))
    layout = Layout.of(equations, positions.shape[1])
    linear = equations.subset(layout.linear)
    solution, _ = solve(linear)
    chi2 = equations.data_square - (linear.vector * solution).sum(axis=-1)
    return equations, solution[:, layout.flux], chi2 + prior.penalty(positions)


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
    """Damped Gauss-Newton step of the free coordinates (n, c, 2), 0 of the others.

    Fluxes, shifts and sky are solved for at once from the equations linearised at ``positions``. The image changes
    by the flux times the gradient: columns of gradients are scaled by the fluxes found there, and by 0 where a
    coordinate is held.
    """
    n, c, _ = positions.shape
    layout = Layout.of(equations, c)
    shifts = (layout.x, layout.y)
    factors = np.ones((n, layout.size))
    for axis, own in enumerate(shifts):
        factors[:, own] = np.where(free[:, :, axis], fluxes, 0.0)
    scaled = equations.scaled(factors)
    # The prior pulls a shift towards the listed position, the damping towards zero: both are Gaussian priors of the
    # shift, with their precisions added and a mean weighted by them.
    precision, mean = np.zeros((n, layout.size)), np.zeros((n, layout.size))
    curvature = np.diagonal(scaled.matrix, axis1=1, axis2=2)
    for axis, own in enumerate(shifts):
        brake = damping[:, None] * (curvature[:, own] + prior.precision)
        total = precision[:, own] = prior.precision + brake
        to_listed = prior.expected[:, :, axis] - positions[:, :, axis]
        mean[:, own] = np.where(total > 0, prior.precision * to_listed / np.maximum(total, TINY), 0.0)
    solution, _ = solve(scaled, precision=precision, prior=mean)
    step = np.stack([solution[:, own] for own in shifts], axis=2)
    return np.where(free, step, 0.0)


def light_of_targets(block, fluxes_and_sky, images):
    """Images (n, m, m) less the fitted sky and all neighbours: what is left is the target; 0 on bad pixels."""
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

    Notes
    -----
    The PSF's core is moved over the box pixel by pixel. With d the light, w the weights and P the core, the best
    flux there lowers chi-square by (sum w d P)^2 / sum w P^2; what the prior takes for the way is subtracted.
    """
    shifts, gains = _pixel_gains(block, light, images, int(prior.reach))
    gains = gains - prior.precision[:, :1] * np.square(shifts).sum(axis=1)
    best = gains.argmax(axis=1)
    listed = gains[:, len(shifts) // 2]
    clear = gains[np.arange(len(light)), best] > listed + START_GAIN * inflation
    return np.where(clear[:, None], shifts[best], 0.0)


def _pixel_gains(block, light, images, reach):
    """Whole-pixel shifts (k, 2) of the first component up to ``reach`` in x and y, and gains (n, k) in chi-square."""
    n, m = len(light), block.renderer.size_px
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
            shifts.append((i, j))
            gains.append(np.where(match > 0, match**2 / np.maximum(square, TINY), 0.0))
    return np.array(shifts, dtype=float), np.stack(gains, axis=1)


def light_beyond(block, light, images, prior, pixel_scale_arcsec, inflation):
    """Whether clearly more light than inside the box of the first component lies just beyond it, (n,) bool.

    Parameters
    ----------
    light, images, prior, inflation
        As in `best_pixel`.
    pixel_scale_arcsec : float
    """
    inside = int(prior.reach)
    reach = min(
        inside + max(2, int(round(BEYOND_ARCSEC / pixel_scale_arcsec))), block.renderer.size_px // 2 - 2
    )
    if reach <= inside:
        return np.zeros(len(light), dtype=bool)
    shifts, gains = _pixel_gains(block, light, images, reach)
    near = np.abs(shifts).max(axis=1) <= inside
    beyond = gains[:, ~near].max(axis=1)
    return (beyond > BEYOND_SNR**2 * inflation) & (beyond > BEYOND_RATIO * gains[:, near].max(axis=1))


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
