"""Gaussian luminosity function of incomplete, noisy samples: likelihood, posterior, numbers.

A likelihood of single sources conditional on their places (Loredo 2004; Kelly, Fan & Vestergaard 2008), so that
no model of where clusters lie is needed. Magnitudes AB, fluxes and noise nJy, light nJy/arcsec2.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import interpolate, special

from clusterphot.base.numerics import TINY
from clusterphot.base.robust import mad_sigma
from clusterphot.base.units import flux_from_mag_ab, mag_ab
from clusterphot.config.luminosity import FunctionKeys

STEP_MAG = 0.05
"""Step of the grids of magnitude and turnover."""

BRIGHTER_MAG, FAINTER_MAG = 1.5, 3.0
"""How far the grid of true magnitudes reaches beyond those found: as far as noise carries a source above its limit."""

MIN_SCATTER = 0.2
"""Least scatter of a found flux, in units of its noise: that of a bin of a few clusters may come out too small."""

RESOLVED_STEPS = 0.6
"""Width of a density, in steps, from which sums over the grid are its integral to 0.2 %."""

N_WIDTHS = 31
"""Widths of the Gaussian that are tried, between the ends of their prior."""

SLOPES = np.linspace(-0.4, 3.0, 86)
"""Slopes d ln(dN/dm) / dm of exponential luminosity functions, 1/mag; from falling to nearly a wall."""

BEYOND_LIMIT_MAG = 5.0
"""The turnover is sought down to so much beyond the 50 % limit."""

PER_BIN = 40
"""Selected artificial clusters per bin of the response."""

CONFIDENCE = 0.95
"""Posterior probability of a turnover within reach above which it is called identifiable."""

FINER, NEGLIGIBLE = 5, -50.0
"""Refinement of the grid of the posterior for its quantiles; log of densities below which there is nothing."""

RARE_SIGMA = 2.326
"""Distance in sigma from a border at which one estimate in a hundred is on its other side."""

ONE_SIGMA = (0.1587, 0.8413)
"""Ends of the central interval of 1 sigma of a Gaussian."""

LEVELS = {"p16": ONE_SIGMA[0], "p50": 0.5, "p84": ONE_SIGMA[1]}
"""Quantiles of tables, by the ends of their columns' names."""

TAIL = 0.05
"""Probability beyond the bright limit of a turnover that is not identifiable."""

FAR_SIGMA = 10.0
"""A border further away than this does not matter."""

BRIGHTEST_SIGMA = -1.5
"""True values further beyond an estimate than this, away from the border, are outside 1 sigma whatever the border
does."""

N_SIGMA = 2001
"""Points of grids in sigma, 0.005 and less apart; twice as many where both sides are searched."""

LEAST_WEIGHT = 1e-4
"""Weight of a cell of the posterior, in units of the largest, below which numbers are not drawn from it."""


@dataclass(frozen=True)
class Response:
    """Error of the found flux of selected clusters against their true signal to noise.

    Attributes
    ----------
    snr : (k,) float ndarray
        True flux over local noise, increasing.
    bias, scatter : (k,) float ndarray
        Of found less true flux, in units of the local noise; the bias of faint ones is Eddington's (1913).
    """

    snr: np.ndarray
    bias: np.ndarray
    scatter: np.ndarray

    def __call__(self, snr):
        """Bias and scatter at a signal to noise; constant beyond the ends."""
        at = np.log(np.clip(snr, self.snr[0], self.snr[-1]))
        return np.interp(at, np.log(self.snr), self.bias), np.interp(at, np.log(self.snr), self.scatter)


IDEAL = Response(np.array([1.0, 2.0]), np.zeros(2), np.ones(2))
"""Fluxes that scatter by the noise, unbiased."""


def measure_response(true, found, noise, selected):
    """Response of the search from artificial clusters.

    Parameters
    ----------
    true, found, noise : (n,) float ndarray, nJy
    selected : (n,) bool ndarray

    Returns
    -------
    response : `Response`
        `IDEAL` where fewer than two bins' worth were selected.
    """
    rows = np.flatnonzero(selected & np.isfinite(found) & (true > 0) & (noise > 0))
    if len(rows) < 2 * PER_BIN:
        return IDEAL
    snr = true[rows] / noise[rows]
    order = np.argsort(snr, kind="stable")
    snr, error = snr[order], ((found - true) / noise)[rows][order]
    parts = np.array_split(np.arange(len(rows)), len(rows) // PER_BIN)
    bias = np.array([np.median(error[part]) for part in parts])
    spread = [mad_sigma(error[part]) for part in parts]
    return Response(
        np.array([np.exp(np.mean(np.log(snr[part]))) for part in parts]),
        bias,
        np.maximum(spread, MIN_SCATTER),
    )


@dataclass(frozen=True)
class Sample:
    """Selected sources of a field.

    Attributes
    ----------
    flux, noise, light : (n,) float ndarray
        In the reference filter: found flux, local noise of a flux, light of galaxies.
    p_cluster : (n,) float ndarray
        Probability of being a cluster of the field; 1 where contaminants are left out of account.
    mag_min : float
        Bright end of the selection.
    neighbours : (n,) float ndarray, nJy, optional
        Light of neighbours, of `clusterphot.detect.crowding`; None where there are none.
    number_error : float
        Fractional 1-sigma error of the sum of ``p_cluster``, common to all sources.
    """

    flux: np.ndarray
    noise: np.ndarray
    light: np.ndarray
    p_cluster: np.ndarray
    mag_min: float = -np.inf
    neighbours: np.ndarray | None = None
    number_error: float = 0.0

    @property
    def mag(self):
        """Magnitudes of the found fluxes."""
        return mag_ab(self.flux)

    @property
    def place(self):
        """Noise, light and neighbours, as completeness takes them."""
        return self.noise, self.light, np.zeros(len(self)) if self.neighbours is None else self.neighbours

    def __len__(self):
        return len(self.flux)

    def __getitem__(self, rows):
        """Some of the sources."""
        noise, light, neighbours = (values[rows] for values in self.place)
        p = self.p_cluster[rows]
        return Sample(self.flux[rows], noise, light, p, self.mag_min, neighbours, self.number_error)


@dataclass(frozen=True)
class SampleKernels:
    """What the likelihood needs of each source, on a grid of true magnitude.

    Attributes
    ----------
    mag : (m,) float ndarray
    seen : (n, m) float ndarray
        Completeness at the place of each source.
    observed : (n, m) float ndarray, 1/mag
        The same times the density of its found magnitude.
    weight : (n,) float ndarray
        Its probability to be a cluster.
    """

    mag: np.ndarray
    seen: np.ndarray
    observed: np.ndarray
    weight: np.ndarray

    @property
    def mean_seen(self):
        """Completeness averaged over the places of the sources."""
        return self.seen.mean(axis=0)


def make_sample_kernels(sample, completeness, response=IDEAL):
    """Kernels of a sample.

    Parameters
    ----------
    sample : `Sample`
    completeness : function
        Of (mag, noise, light, neighbours), arrays that broadcast; of true magnitude.
    response : `Response`

    Returns
    -------
    kernels : `SampleKernels`
    """
    mag = np.arange(
        np.floor(sample.mag.min() - BRIGHTER_MAG), np.ceil(sample.mag.max() + FAINTER_MAG), STEP_MAG
    )
    true, noise = flux_from_mag_ab(mag), sample.noise[:, None]
    seen = completeness(mag[None, :], *(values[:, None] for values in sample.place))
    seen = np.where(mag >= sample.mag_min, seen, 0.0)
    bias, scatter = response(true / noise)
    pull = (sample.flux[:, None] - true - bias * noise) / (scatter * noise)
    per_mag = 0.4 * np.log(10) * sample.flux[:, None]
    density = np.exp(-0.5 * pull**2) / (np.sqrt(2 * np.pi) * scatter * noise) * per_mag
    density = _at_least_a_step(density, mag, sample.mag)
    return SampleKernels(mag, seen, seen * density, sample.p_cluster)


def _at_least_a_step(density, mag, seen_mag):
    """Densities whose integral over true magnitude a grid of this step resolves; else a triangle of unit area."""
    norm = density.sum(axis=1, keepdims=True).clip(TINY)
    middle = (density * mag).sum(axis=1, keepdims=True) / norm
    spread = np.sqrt((density * (mag - middle) ** 2).sum(axis=1) / norm[:, 0])
    narrow = ~(spread > RESOLVED_STEPS * STEP_MAG)
    triangle = np.clip(1 - np.abs(mag - seen_mag[:, None]) / STEP_MAG, 0, None) / STEP_MAG
    return np.where(narrow[:, None], triangle, density)


def gaussian_shapes(mag, turnover, width):
    """Natural log of Gaussian luminosity functions of unit integral at magnitudes.

    Parameters
    ----------
    mag : (m,) float ndarray
    turnover, width : (k,) float ndarray, mag

    Returns
    -------
    log_density : (k, m) float ndarray
    """
    pull = (mag - turnover[:, None]) / width[:, None]
    return -0.5 * pull**2 - np.log(width[:, None] * np.sqrt(2 * np.pi))


def log_likelihood(kernels, shapes):
    """Log-likelihood of luminosity functions given the places of the sources.

    Parameters
    ----------
    kernels : `SampleKernels`
    shapes : (k, m) float ndarray
        Natural log of the luminosity functions on the magnitudes of the kernels, of any normalisation.

    Returns
    -------
    log_likelihood : (k,) float ndarray

    Notes
    -----
    A cluster of found magnitude m_i at place i has the density

        f_i = int phi(m) c_i(m) p(m_i | m) dm / int phi(m) c_i(m) dm

    with the completeness c_i at its place and the response p of the search. The sum of p_i ln f_i is returned, with
    the probability p_i of the source to be a cluster: its mean over contaminated samples is that of the clusters
    alone. Here p_i knows the magnitude already, so that a mixture of f_i with a density of contaminants would use
    it twice.
    """
    phi = np.exp(shapes - shapes.max(axis=1, keepdims=True))
    # each integral is a product of matrices: sources by magnitudes, magnitudes by luminosity functions
    rows = kernels.weight > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        density = (kernels.observed[rows] @ phi.T) / (kernels.seen[rows] @ phi.T)
        return kernels.weight[rows] @ np.log(density)


@dataclass(frozen=True)
class Options:
    """Priors and what counts as seen; see the section ``luminosity`` of the configuration."""

    turnover_range: tuple
    width_range: tuple
    fall: float = FunctionKeys.fall
    reach: float = FunctionKeys.reach


@dataclass(frozen=True)
class TurnoverFit:
    """Posterior of turnover and width.

    Attributes
    ----------
    turnover, width : (a,), (b,) float ndarray, mag
        Axes.
    log_posterior : (a, b) float ndarray
        Largest value 0; priors flat in the turnover and in the log of the width.
    log_profile : (a,) float ndarray
        Profile likelihood of the turnover, largest value 0.
    faint_fall : float
        Twice the fall of the log-likelihood from its best to the best without a turnover in reach.
    reach_mag : float
        Faintest magnitude that the data see.
    identifiable : bool
    """

    turnover: np.ndarray
    width: np.ndarray
    log_posterior: np.ndarray
    log_profile: np.ndarray
    faint_fall: float
    reach_mag: float
    identifiable: bool

    @property
    def weights(self):
        """Posterior probabilities of the grid, (a, b)."""
        weight = np.exp(self.log_posterior)
        return weight / weight.sum()

    @property
    def best(self):
        """Turnover and width of the largest posterior, mag."""
        row, column = np.unravel_index(np.argmax(self.log_posterior), self.log_posterior.shape)
        return float(self.turnover[row]), float(self.width[column])

    @property
    def margin(self):
        """How many sigma the turnover lies on the bright side of the last that is called identifiable."""
        below = np.interp(self.reach_mag, *self._cumulative("turnover"))
        return float(special.ndtri(np.clip(below, 0, 1)) - special.ndtri(CONFIDENCE))

    @property
    def levels(self):
        """Posterior probabilities at the ends of the 68 % interval of the turnover given the verdict."""
        if np.isnan(self.margin) or self.identifiable != (self.margin > 0):
            return ONE_SIGMA
        low, high = levels_given_verdict(abs(self.margin))
        return (low, high) if self.identifiable else (1.0 - high, 1.0 - low)

    @property
    def interval(self):
        """Ends of the 68 % interval of the turnover given the verdict, mag; see `fit_turnover`."""
        return tuple(self.quantile(q) for q in self.levels)

    @property
    def brightest(self):
        """Magnitude that the turnover is fainter than, at 95 %; given the verdict if it is not identifiable."""
        if self.identifiable or not -np.inf < self.margin < 0:
            return self.quantile(TAIL)
        sigma = np.linspace(self.margin - RARE_SIGMA, 0.0, N_SIGMA)
        given = special.log_ndtr(sigma) - special.log_ndtr(sigma - self.margin)
        return self.quantile(special.ndtr(sigma[np.argmax(given > np.log(TAIL))]))

    def quantile(self, q, axis="turnover"):
        """Quantile of the marginal posterior of turnover or width."""
        if len(getattr(self, axis)) == 1:
            return float(getattr(self, axis)[0])
        edges, below = self._cumulative(axis)
        return float(np.interp(q, below, edges))

    def _cumulative(self, axis):
        """Edges of fine cells of turnover or width, and the posterior probabilities below them."""
        values, weight = _refined(self.turnover, np.log(self.width), self.log_posterior)
        number = 0 if axis == "turnover" else 1
        grid, marginal = values[number], weight.sum(axis=1 - number)
        grid = grid if number == 0 else np.exp(grid)
        # the cell of a grid value reaches half a step to both sides
        edges = np.concatenate([grid[:1], 0.5 * (grid[1:] + grid[:-1]), grid[-1:]])
        return edges, np.concatenate([[0.0], np.cumsum(marginal / marginal.sum())])


def _refined(x, y, log_density):
    """Axes and densities on a grid `FINER` times as fine, where they are not negligible; by bicubic splines."""
    rows, columns = (_around_the_peak(log_density.max(axis=axis)) for axis in (1, 0))
    x, y, part = x[rows], y[columns], log_density[rows, columns]
    part = np.maximum(part, np.min(part[np.isfinite(part)], initial=NEGLIGIBLE))
    if min(part.shape) > 3:
        fine = [np.linspace(values[0], values[-1], FINER * (len(values) - 1) + 1) for values in (x, y)]
        return fine, np.exp(interpolate.RectBivariateSpline(x, y, part)(*fine))
    if len(x) > 3 and len(y) == 1:
        fine = np.linspace(x[0], x[-1], FINER * (len(x) - 1) + 1)
        return [fine, y], np.exp(interpolate.CubicSpline(x, part)(fine))
    return [x, y], np.exp(part)


def _around_the_peak(log_density):
    """Slice of what is not negligible, and two values more at each end."""
    kept = np.flatnonzero(log_density > log_density.max() + NEGLIGIBLE)
    return slice(max(kept[0] - 2, 0), kept[-1] + 3)


def levels_given_verdict(margin):
    """Levels of the posterior between which a truth lies at 68 %, given that an estimate is within a border.

    Parameters
    ----------
    margin : float
        How many sigma the border is on the faint side of the estimate, 0 or more.

    Returns
    -------
    low, high : float

    Notes
    -----
    An estimate of a true value g (in sigma, fainter than the estimate) is a normal deviate below z = margin - g. The
    interval holds the g for which -g lies in the densest 68 % of this truncated distribution: symmetric about g
    as far as the border admits, else up to the border. Values g from which less than one estimate in a hundred
    is within the border (`RARE_SIGMA` beyond it) are left out; else the interval would have no end at the border.
    """
    content = ONE_SIGMA[1] - ONE_SIGMA[0]
    true = np.linspace(BRIGHTEST_SIGMA, min(margin, FAR_SIGMA) + RARE_SIGMA, 2 * N_SIGMA - 1)
    within = special.ndtr(margin - true)
    half = special.ndtri(0.5 * (1.0 + content * within))
    lowest = np.where(half < margin - true, -half, special.ndtri((1.0 - content) * within))
    inside = true[(-true >= lowest) & ((true >= 0) | (-true <= half))]
    return float(special.ndtr(inside[0])), float(special.ndtr(inside[-1]))


def fit_turnover(kernels, options):
    """Posterior of turnover and width, and whether the data see a turnover.

    Parameters
    ----------
    kernels : `SampleKernels` or list of them
        Of several draws of the completeness, the first its best estimate; their likelihoods are averaged.
    options : `Options`

    Returns
    -------
    fit : `TurnoverFit`

    Notes
    -----
    The turnover is identifiable if (1) twice the log-likelihood falls by ``options.fall`` from its maximum to the
    best of what shows none: the faint end of the prior and, with a free width, an exponential function, which
    is the limit of a turnover infinitely far away; and (2) it lies, with a probability of `CONFIDENCE`, within
    reach, brighter than where the mean completeness has fallen to ``options.reach``. Without (2) the bright tail of
    an exact Gaussian gives away a turnover that nobody has seen, by the assumed shape alone.

    Whatever the rule, of samples whose turnover lies near its border those that scatter bright are called
    identifiable and the others not, so that intervals that ignore the verdict miss the turnover too often or too
    seldom, on both sides. The interval is therefore conditional on the verdict, as in Fithian, Sun & Taylor (2014)
    and Lee et al. (2016): on the scale Phi^-1(Q), with Q the cumulative posterior, the estimate scatters by 1 around
    the truth and the border is ``margin`` away; see `levels_given_verdict`.
    """
    several = kernels if isinstance(kernels, list) else [kernels]
    first = several[0]
    low, high = options.turnover_range
    turnover = np.linspace(low, high, max(int(np.ceil((high - low) / STEP_MAG)), 1) + 1)
    bounds = np.log(options.width_range)
    width = np.exp(np.linspace(*bounds, N_WIDTHS if bounds[1] > bounds[0] else 1))
    at = [values.ravel() for values in np.meshgrid(turnover, width, indexing="ij")]
    grid = _averaged(several, lambda mag: gaussian_shapes(mag, *at)).reshape(len(turnover), len(width))
    profile = grid.max(axis=1)
    without = [profile[-1]]
    if len(width) > 1:
        without.append(_averaged(several, lambda mag: SLOPES[:, None] * mag).max())
    fall = 2.0 * (grid.max() - max(without))
    above = np.flatnonzero(first.mean_seen >= options.reach)
    reach = float(first.mag[above[-1]]) if len(above) else -np.inf
    fit = TurnoverFit(turnover, width, grid - grid.max(), profile - profile.max(), float(fall), reach, False)
    return replace(fit, identifiable=bool(fall >= options.fall and fit.margin > 0))


def _averaged(several, shapes):
    """Log of the likelihood averaged over kernels of several completenesses; ``shapes`` is a function of mag."""
    values = np.stack([log_likelihood(kernels, shapes(kernels.mag)) for kernels in several])
    return special.logsumexp(values, axis=0) - np.log(len(several))


def prior_range(kernels):
    """Range in which the turnover is sought: from the brightest source to well beyond the 50 % limit."""
    half = kernels.mag[kernels.mean_seen >= 0.5 * kernels.mean_seen.max()]
    return float(kernels.mag[0] + BRIGHTER_MAG), float(half[-1] + BEYOND_LIMIT_MAG)


def corrected_numbers(kernels, sample, fit, mag_limit, *, n_draws=4000, seed=1):
    """Numbers of clusters in the searched area, in all and brighter than a limit.

    Parameters
    ----------
    kernels : `SampleKernels` or list of them
    sample : `Sample`
    fit : `TurnoverFit`
    mag_limit : float
    n_draws, seed : int
        Draws from the posterior, each with the scatter of the counts.

    Returns
    -------
    total, to_limit : (3,) float ndarray
        50, 16 and 84 % quantiles. ``total`` is NaN where the turnover is not identifiable: it would extrapolate.

    Notes
    -----
    These are numbers of clusters that are there, not of an expectation: each source that is found stands for itself
    and for a geometrically distributed number of missed ones, (1 - C) / C on average with C = int phi c dm
    (Horvitz & Thompson 1952), of which the limit cuts a part. The error of the sum of probabilities scales them all.
    """
    drawn = draw_functions(fit, n_draws, seed)
    numbers = draw_numbers(kernels, sample, drawn, (np.inf, mag_limit), seed=seed)
    # the total follows the turnover, and so does what the verdict says of it
    total, to_limit = (
        np.quantile(row, [0.5, *levels]) for row, levels in zip(numbers, (fit.levels, ONE_SIGMA), strict=True)
    )
    return total if fit.identifiable else np.full(3, np.nan), to_limit


@dataclass(frozen=True)
class DrawnFunctions:
    """Draws from the posterior of a luminosity function.

    Attributes
    ----------
    turnover, width : (k,) float ndarray, mag
        The different ones.
    which : (n,) int ndarray
        Which of them each draw is.
    """

    turnover: np.ndarray
    width: np.ndarray
    which: np.ndarray


def draw_functions(fit, n_draws, seed=1):
    """`DrawnFunctions` of a `TurnoverFit`."""
    weight = fit.weights
    cells = np.flatnonzero(weight.ravel() > LEAST_WEIGHT * weight.max())
    at = [values.ravel()[cells] for values in np.meshgrid(fit.turnover, fit.width, indexing="ij")]
    p = weight.ravel()[cells] / weight.ravel()[cells].sum()
    return DrawnFunctions(*at, np.random.default_rng(seed).choice(len(cells), n_draws, p=p))


def draw_numbers(kernels, sample, drawn, limits, *, seed=1):
    """Draws of the numbers of clusters there in the searched area, (limits, n); see `corrected_numbers`.

    Parameters
    ----------
    kernels : `SampleKernels` or list of them
    sample : `Sample`
    drawn : `DrawnFunctions`
    limits : sequence of float
        Faintest magnitudes that are counted.
    seed : int
    """
    several = kernels if isinstance(kernels, list) else [kernels]
    rng, n_draws = np.random.default_rng([seed, 1]), len(drawn.which)
    of_kernel = np.arange(n_draws) % len(several)
    normal, draws = rng.standard_normal(n_draws), np.empty((len(limits), n_draws))
    for number, one in enumerate(several):
        mine = of_kernel == number
        for row, limit in enumerate(limits):
            mean, variance = _numbers_there(
                one, sample.p_cluster[:, None], (drawn.turnover, drawn.width), limit
            )
            at = drawn.which[mine]
            draws[row, mine] = mean[at] + np.sqrt(variance[at]) * normal[mine]
    return np.clip(draws * (1.0 + sample.number_error * rng.standard_normal(n_draws)), 0, None)


def _numbers_there(kernels, p, at, limit):
    """Mean and variance of the number of clusters brighter than a limit, for each (turnover, width)."""
    phi = np.exp(gaussian_shapes(kernels.mag, *at)).T * STEP_MAG
    bright = kernels.mag < limit
    share = np.clip(kernels.seen @ phi, 1e-12, None)
    own = (kernels.observed[:, bright] @ phi[bright]) / np.clip(kernels.observed @ phi, TINY, None)
    # those too faint for the grid are missed, all of them
    below = special.ndtr((limit - at[0]) / at[1])
    missed = np.clip(below - kernels.seen[:, bright] @ phi[bright], 0, None) / share
    variance = p * (own * (1 - own) + missed + missed**2) + p * (1 - p) * (own + missed) ** 2
    return (p * (own + missed)).sum(axis=0), variance.sum(axis=0)


def found_density(kernels, sample, response, fit, edges):
    """Expected number of selected sources per bin of found magnitude, contaminants included.

    Parameters
    ----------
    kernels : `SampleKernels`
    sample : `Sample`
    response : `Response`
    fit : `TurnoverFit`
        Its best turnover and width are used.
    edges : (b + 1,) float ndarray
        Of found magnitude.

    Returns
    -------
    expected : (b,) float ndarray
    """
    turnover, width = fit.best
    shape = np.exp(gaussian_shapes(kernels.mag, np.array([turnover]), np.array([width]))[0])
    expected = np.zeros(len(edges) - 1)
    true, limits = flux_from_mag_ab(kernels.mag), flux_from_mag_ab(edges)
    for row in range(len(sample)):
        weight = shape * kernels.seen[row]
        bias, scatter = response(true / sample.noise[row])
        below = special.ndtr(
            (limits[:, None] - true - bias * sample.noise[row]) / (scatter * sample.noise[row])
        )
        expected += sample.p_cluster[row] * (below[:-1] - below[1:]) @ weight / weight.sum()
    contaminants = np.histogram(sample.mag, edges, weights=1.0 - sample.p_cluster)[0]
    return expected + contaminants
