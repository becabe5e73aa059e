"""Wings of the PSF from bright stars, solved together with the sky under every star.

Wing and sky are degenerate: what is constant under all stars may be either. The sky is therefore fitted out
to 2.5" and more, where the wing is a power law. Lengths in arcsec, fluxes nJy, the PSF in fractions of the
star's flux.

Constants without a paper were chosen on simulated fields, see `clusterphot.psf.build`.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.images import fourier_shift, polynomial_terms, radius_grid
from clusterphot.base.numerics import TINY
from clusterphot.base.robust import PRINTED_MAD_TO_SIGMA, mad_sigma

N_SECTORS = 12
"""Sectors of a ring, of 30 deg: two to each of the six diffraction spikes, so that every other one holds none."""

N_INNER_RINGS, N_OUTER_RINGS = 9, 5
"""Rings from the join to the stamp's radius, each with its own amplitude, and beyond, where all share one."""

POWER = 2.8
"""Index of the wing beyond 1", intensity ~ r^-POWER: 3 is diffraction by hard edges averaged over azimuth and
band, wavefront errors add light that falls less steeply. JDox' EE(0.4") and EE(1") correspond to 2.5-2.7."""

CELL_SCATTER = 0.05
"""Star-to-star scatter of the light of a cell as a fraction of the wing's: keeps one bright star from ruling
alone."""

SKY_LENGTH_ARCSEC = 0.4
"""Correlation length (sigma of a Gaussian) of what the sky holds beyond its polynomial: structure of halos,
unresolved sources, correlated noise."""

WHITE_SKY = 1e-6
"""Share of the sky's variance that is not correlated, which keeps its covariance invertible."""

MIN_SKY_SHARE = 0.1
"""Least variance of the sky's structure, as a share of that of pixel noise: none can be shown to be zero."""

INNER_CLIP, OUTER_CLIP = 4.0, 10.0
"""Pixels this many sigma off the median of their cell are left out, on the stamp and beyond. The model has no
diffraction spikes beyond the stamp, and clipping them would take light from the wing: there only what cannot be
a spike goes."""

PROBE_PX = 100
"""Pixels of a cell, about, of which its median is taken: enough for one, and quicker to rank than thousands."""

MIN_CELL_SHARE = 0.3
"""A cell counts with at least this share of its pixels."""

HUBER_SIGMA = 2.5
"""Cells farther off than this get weights that fall with the distance (Huber 1964)."""

N_ITERATIONS = 4
"""Solutions, each with the weights and the variances of the sky that follow from the one before."""

AGREEMENT_CHI2, AGREEMENT_STEPS = 2.0, 3
"""Reduced chi-square of a star against all others and the prior above which it loses weight, and how often the
weights are found anew."""

PINV_CELL, PINV_STAR = 1e-10, 1e-9
"""Singular values, as shares of the largest, that count as zero: of a star's sky terms, of its wing."""


@dataclass(frozen=True)
class WingGrid:
    """Cells (ring x sector) around a star on the big stamp, and the templates on it.

    ``edges_arcsec`` are ring borders; the first ``n_inner`` rings lie on the stamp and have a free amplitude
    each, the others share the amplitude of the power law. ``probe`` marks the pixels from which medians are
    taken.
    """

    half_px: int
    pixel_scale_arcsec: float
    edges_arcsec: np.ndarray
    n_inner: int
    cell: np.ndarray
    power: np.ndarray
    probe: np.ndarray

    @property
    def n_rings(self):
        """Number of rings."""
        return len(self.edges_arcsec) - 1

    @property
    def n_cells(self):
        """Number of cells."""
        return self.n_rings * N_SECTORS

    def ring(self):
        """Ring of every pixel, -1 outside all."""
        return np.where(self.cell >= 0, self.cell // N_SECTORS, -1)


def make_grid(pixel_scale_arcsec, join_arcsec, stamp_radius_arcsec, wing_radius_arcsec):
    """Build the `WingGrid` for a pixel scale: rings grow by a factor from the join outwards.

    Parameters
    ----------
    pixel_scale_arcsec : float
    join_arcsec, stamp_radius_arcsec, wing_radius_arcsec : float
        Inner border of the first ring, outer borders of the last with an amplitude of its own and of the last.

    Returns
    -------
    grid : WingGrid
    """
    half = int(round(wing_radius_arcsec / pixel_scale_arcsec)) + 1
    radius = radius_grid(half) * pixel_scale_arcsec
    inner = np.geomspace(join_arcsec, stamp_radius_arcsec, N_INNER_RINGS + 1)
    outer = np.geomspace(stamp_radius_arcsec, wing_radius_arcsec, N_OUTER_RINGS + 1)[1:]
    edges = np.concatenate([inner, outer])
    axis = np.arange(-half, half + 1)
    angle = np.arctan2(axis[:, None], axis[None, :])
    sector = np.floor((angle + np.pi) / (2 * np.pi) * N_SECTORS).astype(int) % N_SECTORS
    ring = np.digitize(radius, edges) - 1
    cell = np.where((ring >= 0) & (ring < len(edges) - 1), ring * N_SECTORS + sector, -1)
    power = np.maximum(radius, 0.5 * pixel_scale_arcsec) ** -POWER
    return WingGrid(half, pixel_scale_arcsec, edges, len(inner) - 1, cell, power, _probe(cell))


def _probe(cell):
    """About `PROBE_PX` pixels of every cell, evenly taken, as a mask."""
    flat = cell.ravel()
    order = np.argsort(flat, kind="stable")
    count = np.bincount(flat[flat >= 0], minlength=max(flat.max() + 1, 1))
    ranked = flat[order]
    place = np.arange(len(flat)) - np.searchsorted(ranked, ranked)
    stride = np.where(ranked >= 0, np.maximum(count[ranked] // PROBE_PX, 1), 1)
    probe = np.zeros(len(flat), dtype=bool)
    probe[order] = (ranked >= 0) & (place % stride == 0)
    return probe.reshape(cell.shape)


def power_law_light(pixel_scale_arcsec, inner_arcsec, outer_arcsec, power=POWER):
    """Light of the profile r^-power (r in arcsec, per pixel) between two radii.

    Examples
    --------
    Outside a radius an r^-3 wing holds light in proportion to 1/r:

    >>> inner, outer = (power_law_light(0.02, r, np.inf, power=3.0) for r in (1.0, 2.0))
    >>> round(inner / outer, 6)
    2.0
    """
    exponent = power - 2.0
    light = 2 * np.pi / exponent * (inner_arcsec**-exponent - outer_arcsec**-exponent)
    return light / pixel_scale_arcsec**2


@dataclass
class WingStar:
    """A star as the wing solution sees it.

    Attributes
    ----------
    data, ivar : (2h+1, 2h+1) float ndarray, nJy/pixel
        Less the light of other stars.
    dx, dy : float, px
        Position from the middle pixel.
    flux, flux_sigma : float
        Factor on the model, and the fractional error of it allowed for.
    saturated : bool
    residual : (2h+1, 2h+1) float ndarray
        ``data`` less ``flux`` times the model, from `prepare_cells`.
    cells : dict of str to ndarray
        Means of every cell, from `prepare_cells`.
    """

    data: np.ndarray
    ivar: np.ndarray
    dx: float
    dy: float
    flux: float
    flux_sigma: float
    saturated: bool = False
    residual: np.ndarray = None
    cells: dict = None


@dataclass(frozen=True)
class WingPrior:
    """Reference amplitudes of rings and power law with their covariance: what is believed before looking."""

    mean: np.ndarray
    covariance: np.ndarray

    def precision(self):
        """Inverse covariance, scaled first."""
        sigma = np.sqrt(np.diag(self.covariance))
        return np.linalg.inv(self.covariance / np.outer(sigma, sigma)) / np.outer(sigma, sigma)


@dataclass(frozen=True)
class WingSolution:
    """Corrections to the wing: amplitudes per ring and of the power law, with what each star said.

    ``amplitude`` (K+1): last entry the power law; ``normal`` (S, K+1, K+1) and ``right`` (S, K+1) are the
    stars' reduced normal equations, so that leaving a star out is a subtraction; ``prior_normal`` and
    ``prior_right`` those of the prior; ``skies`` in nJy/pixel; ``flux_factor`` multiplies the stars' fluxes;
    ``flux_response`` (S, K+1) is what ``right`` gains once it is known that the flux that a star was given is too high,
    per fraction of it;
    ``disagreement`` is the factor by which errors of the prior were enlarged, since the stars say otherwise.
    """

    amplitude: np.ndarray
    normal: np.ndarray
    right: np.ndarray
    prior_normal: np.ndarray
    prior_right: np.ndarray
    skies: list
    flux_factor: np.ndarray
    flux_response: np.ndarray
    disagreement: float = 1.0

    def without(self, star):
        """Amplitudes when one star is left out; NaN if the rest does not determine them."""
        normal = self.normal.sum(0) - self.normal[star] + self.prior_normal
        return solve_normal(normal, self.right.sum(0) - self.right[star] + self.prior_right)

    def flux_pulls(self):
        """Change (S, K+1) of the amplitudes that mends a flux of a star which is too high, per fraction of it."""
        total = self.normal.sum(0) + self.prior_normal
        return np.stack([solve_normal(total, response) for response in self.flux_response])

    def gain(self):
        """Matrix (K+1, K+1) that turns a change of the prior's mean into one of the amplitudes."""
        total = self.normal.sum(0) + self.prior_normal
        return np.stack([solve_normal(total, column) for column in self.prior_normal.T], axis=1)


def solve_normal(matrix, right):
    """Solve normal equations after scaling; NaN where singular."""
    norm = np.sqrt(np.maximum(np.diag(matrix), TINY))
    try:
        return np.linalg.solve(matrix / np.outer(norm, norm), right / norm) / norm
    except np.linalg.LinAlgError:
        return np.full(len(right), np.nan)


def prepare_cells(star, model, grid, *, sky_order):
    """Cell means of what is left of a star after ``flux`` times ``model``, with their regressors.

    Pixels far off the median of their cell (neighbours, bad pixels) are left out, see `INNER_CLIP`. Written into
    ``star.residual`` and ``star.cells``.

    Parameters
    ----------
    star : WingStar
    model : (2h+1, 2h+1) float ndarray
    grid : WingGrid
    sky_order : int
        Polynomial of the sky.
    """
    shifted = fourier_shift(model, star.dx, star.dy)
    star.residual = star.data - star.flux * shifted
    index, valid = grid.cell.ravel(), (star.ivar.ravel() > 0) & (grid.cell.ravel() >= 0)
    use = np.flatnonzero(valid)
    cells, values = index[use], star.residual.ravel()[use]
    keep = _clip_cells(cells, values, grid.probe.ravel()[use], grid)
    use, cells, values = use[keep], cells[keep], values[keep]
    count = np.bincount(cells, minlength=grid.n_cells).astype(float)
    safe = np.maximum(count, 1.0)

    def mean(image):
        return np.bincount(cells, weights=image.ravel()[use], minlength=grid.n_cells) / safe

    sky = np.stack([mean(term) for term in polynomial_terms(grid.half_px, sky_order)], axis=1)
    variance = np.median(1.0 / star.ivar.ravel()[use]) if len(use) else 1.0
    full = np.bincount(index[index >= 0], minlength=grid.n_cells)
    star.cells = {
        "mean": np.bincount(cells, weights=values, minlength=grid.n_cells) / safe,
        "good": count > MIN_CELL_SHARE * full,
        "count": safe,
        "sky": sky,
        "model": mean(shifted),
        "power": mean(grid.power),
        "variance": variance / safe,
    }


def _clip_cells(cells, values, probe, grid):
    """Whether each pixel is near the median of its cell; median and spread are those of the pixels of ``probe``."""
    sampled = cells[probe]
    median = _medians(sampled, values[probe], grid.n_cells)
    deviation = np.abs(values - median[cells])
    spread = _medians(sampled, deviation[probe], grid.n_cells)
    limit = np.where(np.arange(grid.n_cells) < grid.n_inner * N_SECTORS, INNER_CLIP, OUTER_CLIP)
    return deviation <= (limit * PRINTED_MAD_TO_SIGMA * np.maximum(spread, 1e-12))[cells]


def _medians(cells, values, n_cells):
    """Median of the values of every cell, 0 where there is none."""
    ranked = values[np.lexsort((values, cells))]
    start = np.searchsorted(np.sort(cells), np.arange(n_cells))
    count = np.bincount(cells, minlength=n_cells)
    if not len(ranked):
        return np.zeros(n_cells)
    return np.where(count > 0, ranked[np.minimum(start + count // 2, len(ranked) - 1)], 0.0)


def cell_centres(grid):
    """Mean position (n_cells, 2) of the pixels of every cell, arcsec."""
    axis = np.arange(-grid.half_px, grid.half_px + 1) * grid.pixel_scale_arcsec
    index = grid.cell.ravel()
    use = index >= 0
    y, x = np.meshgrid(axis, axis, indexing="ij")
    count = np.maximum(np.bincount(index[use], minlength=grid.n_cells), 1)
    return np.stack([np.bincount(index[use], c.ravel()[use], grid.n_cells) / count for c in (x, y)], axis=1)


def ring_amplitudes(image, tail, grid):
    """Amplitudes of the templates that the image has now: ring by ring, then the power law."""
    ring = grid.ring()
    inner = [image[ring == k].sum() / grid.power[ring == k].sum() for k in range(grid.n_inner)]
    return np.array([*inner, tail])


def solve_wings(stars, grid, prior, current):
    """Solve for the correction of the wing's rings and power law, with sky and flux of every star.

    Parameters
    ----------
    stars : list of WingStar
        With cells prepared for the same model.
    grid : WingGrid
    prior : WingPrior
    current : (K+1,) float array
        Amplitudes of the model that the cells are residuals of, from `ring_amplitudes`.

    Returns
    -------
    solution : WingSolution

    Notes
    -----
    For star i and cell c: mean = f_i sum_k a_k t_kc + f_i e_i m_c + sky, with the flux error e_i drawn to 0
    by its prior. The sky is a polynomial plus a Gaussian process of correlation length `SKY_LENGTH_ARCSEC`,
    whose variance is that of the star's own residuals: halo structure, unresolved sources and correlated
    noise, all of which matter in proportion to 1/f_i. Sky and e_i are eliminated per star (Schur complement).
    Cells that stand out are given larger variances (Huber). Errors of the prior grow until its chi-square per
    amplitude is 1.
    """
    # Every cell belongs to one amplitude: that of its ring, or beyond the stamp that of the power law.
    column = np.minimum(np.repeat(np.arange(grid.n_rings), N_SECTORS), grid.n_inner)
    for star in stars:
        # The model's azimuthal structure is noisy; as a template of the flux error it would dilute the flux.
        star.cells["smooth"] = current[column] * star.cells["power"]
        star.cells["scatter"] = CELL_SCATTER * star.flux * prior.mean[column] * star.cells["power"]
    kernel = _sky_kernel(grid)
    believed = prior.precision()
    precision, disagreement = believed, 1.0
    amplitude = np.zeros(len(current))
    huber = [np.ones(grid.n_cells) for _ in stars]
    sky_variance = [_sky_variance(star, star.cells["mean"] - np.median(star.cells["mean"])) for star in stars]
    for _ in range(N_ITERATIONS):
        # Each star's equations, less what its own sky and flux error can explain, then those of all and the prior.
        parts = [_reduce(*args, column, kernel) for args in zip(stars, huber, sky_variance, strict=True)]
        precision = believed / disagreement
        prior_right = precision @ (prior.mean - current)
        normal, right = np.stack([p[0] for p in parts]), np.stack([p[1] for p in parts])
        trust = _agreement(normal, right, precision, prior_right)
        normal, right = normal * trust[:, None, None], right * trust[:, None]
        response = np.stack([p[4] for p in parts]) * trust[:, None]
        amplitude = solve_normal(normal.sum(0) + precision, right.sum(0) + prior_right)
        if not np.all(np.isfinite(amplitude)):
            break
        # Where the stars are far from what was believed, they win: the belief counts for less.
        miss = current + amplitude - prior.mean
        disagreement = max(1.0, float(miss @ believed @ miss) / len(miss))
        # What is left of the cells says how rough the sky is, and which of them stand out.
        for i, (star, part) in enumerate(zip(stars, parts, strict=True)):
            left = _leftover(star, part[2] - part[3] @ amplitude, amplitude, column)
            sky_variance[i] = _sky_variance(star, left)
            pull = left / np.sqrt(_white_variance(star) + sky_variance[i])
            huber[i] = np.minimum(1.0, HUBER_SIGMA / np.maximum(np.abs(pull), 1e-9))
    nuisances = [part[2] - part[3] @ amplitude for part in parts]
    factors = np.array([1.0 + n[0] / star.flux for n, star in zip(nuisances, stars, strict=True)])
    skies = [n[1:] for n in nuisances]
    return WingSolution(
        amplitude,
        normal,
        right,
        precision,
        prior_right,
        skies,
        factors,
        response,
        float(np.sqrt(disagreement)),
    )


def _sky_kernel(grid):
    """Correlation (n_cells, n_cells) of the sky's structure between cells."""
    centres = cell_centres(grid)
    distance2 = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1)
    return np.exp(-0.5 * distance2 / SKY_LENGTH_ARCSEC**2)


def _agreement(normal, right, prior_normal, prior_right):
    """Weights below 1 for stars that contradict the others and the prior, see `AGREEMENT_CHI2`.

    A star beside something bright can be wrong everywhere at once, which no weighting of its cells will show.
    """
    trust = np.ones(len(normal))
    for _ in range(AGREEMENT_STEPS):
        # What the others and the prior say of each star's equations, and with which error.
        weighted, weighted_right = normal * trust[:, None, None], right * trust[:, None]
        others = weighted.sum(0) + prior_normal - weighted
        covariance = _scaled_inverse(others)
        rest = weighted_right.sum(0) + prior_right - weighted_right
        predicted = normal @ (covariance @ rest[:, :, None])
        miss = right - predicted[:, :, 0]
        inverse = _scaled_inverse(normal + normal @ covariance @ normal)
        chi2 = np.einsum("ki,kij,kj->k", miss, inverse, miss) / normal.shape[1]
        trust = np.minimum(1.0, AGREEMENT_CHI2 / np.maximum(chi2, 1e-9))
    return trust


def _scaled_inverse(matrices):
    """Pseudo-inverses of a stack of normal matrices, scaled to unit diagonal first."""
    norm = np.sqrt(np.maximum(np.einsum("kii->ki", matrices), TINY))
    outer = norm[:, :, None] * norm[:, None, :]
    return np.linalg.pinv(matrices / outer, rcond=PINV_STAR, hermitian=True) / outer


def _white_variance(star):
    """Variance of the cell means from pixel noise and from what differs between stars."""
    return star.cells["variance"] + star.cells["scatter"] ** 2


def _sky_variance(star, left):
    """Variance of the sky's structure from a star's residuals, with pixel noise taken off; never quite zero."""
    good = star.cells["good"]
    if not good.any():
        return 1.0
    scatter = mad_sigma(left[good], factor=PRINTED_MAD_TO_SIGMA)
    noise = np.median(_white_variance(star)[good])
    return max(scatter**2 - noise, MIN_SKY_SHARE * noise)


def _reduce(star, huber, sky_variance, column, kernel):
    """Normal equations of one star for the wing, and the maps that give its nuisance parameters back."""
    c = star.cells
    good = np.flatnonzero(c["good"])
    # Covariance of the cell means: correlated sky, white noise, and on the diagonal both grown by Huber's weights.
    covariance = sky_variance * kernel[np.ix_(good, good)]
    diagonal = np.diag_indices(len(good))
    covariance[diagonal] += (_white_variance(star) + sky_variance)[good] / huber[good] ** 2
    covariance[diagonal] -= sky_variance
    covariance[diagonal] += WHITE_SKY * sky_variance
    # Wanted: the amplitude of every ring. Nuisance: the star's flux error (drawn to 0) and its sky.
    design = np.zeros((len(good), column.max() + 1))
    design[np.arange(len(good)), column[good]] = star.flux * c["power"][good]
    nuisance = np.column_stack([c["smooth"], c["sky"]])[good]
    size = design.shape[1]
    columns = np.column_stack([design, nuisance, c["mean"][good]])
    product = columns.T @ np.linalg.solve(covariance, columns)
    inner = product[size:-1, size:-1].copy()
    inner[0, 0] += 1.0 / (star.flux_sigma * star.flux) ** 2
    # Eliminate the nuisance parameters (Schur complement).
    cross = product[:size, size:-1]
    norm = np.sqrt(np.maximum(np.diag(inner), TINY))
    inverse = np.linalg.pinv(inner / np.outer(norm, norm), rcond=PINV_CELL, hermitian=True) / np.outer(
        norm, norm
    )
    by_target = inverse @ product[size:-1, -1]
    normal = product[:size, :size] - cross @ inverse @ cross.T
    right = product[:size, -1] - cross @ by_target
    # The flux is drawn to what was fitted. Where that is too high by a fraction, the right side gains so much of it.
    response = cross @ inverse[:, 0] / (star.flux_sigma**2 * star.flux)
    return normal, right, by_target, inverse @ cross.T, response


def _leftover(star, nuisance, amplitude, column):
    """Cell means minus everything fitted."""
    c = star.cells
    fitted = star.flux * amplitude[column] * c["power"] + nuisance[0] * c["smooth"] + c["sky"] @ nuisance[1:]
    return c["mean"] - fitted
