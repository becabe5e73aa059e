"""Point-source photometry on cutouts: fluxes and local sky solved exactly, positions by a bounded search.

The model of Faisst et al. 2022 (ApJL 941, L11), with neighbours fitted together, a curved sky, positions tied
between filters, and errors that carry the noise correlation. Fluxes nJy, positions mosaic pixels (0-based).
"""

import functools
import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from clusterphot.engines import open_engine
from clusterphot.fit_blocks import MISFIT_SIGMA, fit_free, fit_tied, sky_is_adequate
from clusterphot.fit_errors import NoiseOperator, PositionLoss
from clusterphot.flags import Flag
from clusterphot.linear import sky_terms, sky_values, solve
from clusterphot.positions import Block, PositionPrior
from clusterphot.rendering import PsfRenderer

BLOCK_PIXELS = 200_000
"""Pixels of column images held at once; a matter of cache, without influence on results."""

MASKED_FRACTION = 0.05
"""Share of the squared PSF (the information on the flux) on bad pixels above which a source is flagged."""

MIN_VALID_FRACTION = 0.2
"""Share of the squared PSF on valid pixels below which nothing is measured."""

MERGE_RADIUS_ARCSEC = 0.025
"""Pairs nearer than this are one source to the fit, which measures the sum of their fluxes."""

JOINT_MARGIN_ARCSEC = 0.12
"""Neighbours further outside the cutout than this are left to the sky terms."""

FREE_MARGIN_PX = 1.5
"""Neighbours nearer to the cutout's edge, or outside, are held at their listed position."""


EDGE_FRACTION = 0.1
"""Share of bad pixels on a cutout's outermost ring above which it is taken to leave the image."""

WINDOW_FRACTIONS = (0.8, 0.6, 0.5)
SATURATED_SNR = 200.0
SATURATED_PIXELS = 4
"""A source is saturated if the fit says that this many bad pixels are brighter than all valid ones."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitOptions:
    """Choices of the fit; the defaults are those of the workflow.

    Attributes
    ----------
    sky : {'quadratic', 'plane', 'constant'}
        Local sky of each cutout.
    position : {'tied', 'free'}
        In filters other than the reference: fixed to the position fitted there, or fitted anew.
    max_shift_px : float
        Half side of the box a fitted position is confined to, pixels of the filter.
    neighbours : bool
        Fit listed sources within ``joint_radius_arcsec`` together with the target.
    joint_radius_arcsec, blend_radius_arcsec : float
        Pairs nearer than the second are flagged as blended.
    position_sigma_arcsec : float
        1-sigma error of a listed coordinate, used as a Gaussian prior in the reference filter; 0 for no
        prior.
    debias : bool
        Correct fluxes for the mean gain of a maximum over positions, and for the loss by an erring tied
        position.
    conditional_errors : bool
        ``flux_err`` is the error with all else fixed and white noise.
    adaptive_window : bool
        Where the sky terms do not fit the whole cutout, fit circles of `WINDOW_FRACTIONS` of its half side,
        and inflate the error if the smallest is not fitted either.
    """

    sky: str = "quadratic"
    position: str = "tied"
    max_shift_px: float = 2.0
    neighbours: bool = True
    joint_radius_arcsec: float = 0.55
    blend_radius_arcsec: float = 0.08
    position_sigma_arcsec: float = 0.02
    debias: bool = True
    conditional_errors: bool = False
    adaptive_window: bool = True

    def with_preset(self, preset):
        """These options under a preset: ``default`` changes nothing, ``paper`` is Faisst et al. 2022."""
        if preset == "default":
            return self
        if preset == "paper":
            return replace(
                self,
                sky="constant",
                position="free",
                neighbours=False,
                position_sigma_arcsec=0.0,
                debias=False,
                conditional_errors=True,
                adaptive_window=False,
            )
        raise ValueError(f"preset is {preset!r}, expected 'default' or 'paper'")


FIT_KEYS = (
    "sky", "position", "max_shift_px", "joint_radius_arcsec", "blend_radius_arcsec", "position_sigma_arcsec",
)  # fmt: skip
"""Fields of `FitOptions` that are keys of the configuration."""


class FilterSetup:
    """What all sources of one filter share: rendered PSF, sky terms, noise.

    Parameters
    ----------
    psf : `clusterphot.io.Psf`
    noise : `clusterphot.io.Noise`
    size_px : int
        Side of the cutouts.
    pixel_scale_arcsec : float
    gain_e_per_njy : float or None
    options : FitOptions
    """

    def __init__(self, psf, noise, size_px, pixel_scale_arcsec, gain_e_per_njy, options):
        self.options = options
        self.size_px = size_px
        self.pixel_scale_arcsec = pixel_scale_arcsec
        self.renderer = PsfRenderer(psf.data * psf.ee_stamp, size_px)
        self.terms = sky_terms(options.sky, size_px)
        self.operator = NoiseOperator(noise.correlation, size_px)
        self.ivar_scale = noise.ivar_scale
        self.sys_error = psf.sys_error
        self.photon_variance = 0.0 if gain_e_per_njy is None else 1.0 / (gain_e_per_njy * noise.ivar_scale)
        self.inflation = self._inflation()
        self.clumping = float(np.square(noise.correlation).sum())
        self.windows = _windows(size_px, pixel_scale_arcsec, options)

    @functools.cached_property
    def loss(self):
        """Flux lost by erring positions; only fits that correct for it need it."""
        return PositionLoss(self.renderer, self.terms)

    def expected_chi2(self, n_pixels, n_parameters):
        """Mean chi-square of a perfect model, at least 1.

        A parameter takes up as much noise as it has in its estimate: 1 in white noise, else about the
        inflation.
        """
        return np.maximum(n_pixels - np.rint(n_parameters * self.inflation), 1.0)

    def excess(self, chi2, n_pixels, n_parameters):
        """Excess of a chi-square over that of noise, in units of its scatter."""
        expected = self.expected_chi2(n_pixels, n_parameters)
        return (chi2 - expected) / np.sqrt(2.0 * self.clumping * expected)

    def _inflation(self):
        """Variance of a central source's flux in the true noise over that in white noise."""
        middle = np.array([self.size_px // 2], dtype=float)
        image = self.renderer.render(middle, middle).reshape(1, 1, -1)
        block = Block(np.zeros_like(image[0]), np.ones_like(image[0]), self.renderer, self.terms)
        equations, weighted = block.equations(image)
        _, inverse = solve(equations)
        weight = inverse[:, 0, :1] @ weighted[0] + inverse[:, 0, 1:] @ self.terms
        return float(self.operator.variance(self.maps(weight))[0] / np.square(weight).sum())

    def maps(self, flat):
        """Flat images (n, p) as (n, m, m)."""
        return flat.reshape(-1, self.size_px, self.size_px)

    def pixel_variance(self, weights, model):
        """Variance of each valid pixel: background noise and photon noise of the fitted model."""
        valid = weights > 0
        background = np.where(valid, 1.0 / np.where(valid, weights, 1.0), 0.0)
        if self.photon_variance == 0.0:
            return background
        return background + np.where(valid, np.maximum(model, 0.0) * self.photon_variance, 0.0)


def _windows(size_px, pixel_scale_arcsec, options):
    """Masks (p,) of the pixels used: the whole cutout, then circles for sources it does not fit."""
    whole = np.ones(size_px**2)
    if not options.adaptive_window:
        return [whole]
    y, x = (grid.ravel() for grid in np.mgrid[:size_px, :size_px] - size_px // 2)
    distance = np.hypot(x, y) * pixel_scale_arcsec
    radii = [fraction * 0.5 * size_px * pixel_scale_arcsec for fraction in WINDOW_FRACTIONS]
    return [whole, *((distance <= radius).astype(float) for radius in radii)]


@dataclass(frozen=True)
class Scene:
    """One cutout and the sources fitted in it, the target first.

    Attributes
    ----------
    row : int
        Row of the cutout.
    ids : list of str
    expected, start : (c, 2) float ndarray
        Listed (or tied) positions and those the fit begins at, mosaic pixels.
    covariance : (3,) float ndarray
        Of the target's tied position: xx, yy, xy in pixels squared.
    blended, at_bound : bool
    """

    row: int
    ids: list
    expected: np.ndarray
    start: np.ndarray
    covariance: np.ndarray
    blended: bool
    at_bound: bool = False


def fit_sources(cutouts, psf, noise, wcs, options, *, reference=None, offset_px=(0.0, 0.0), engine="psf"):
    """Photometry of the sources of one chunk in one filter.

    Parameters
    ----------
    cutouts : `clusterphot.io.Cutouts`
    psf : `clusterphot.io.Psf`
    noise : `clusterphot.io.Noise`
    wcs : `astropy.wcs.WCS`
        Of the filter's mosaic.
    options : FitOptions
    reference : `astropy.table.Table` or None
        What this function made of the same chunk in the reference filter; None in the reference filter
        itself.
    offset_px : (dx, dy) floats
        Position of a source in this filter's image less that expected from the reference filter and the two
        WCS.
    engine : {'psf', 'tractor'}
        What finds positions, fluxes and sky, see `clusterphot.engines`.

    Returns
    -------
    table : `astropy.table.Table`
        One row per source and fitted neighbour, the target (``is_target``) first; columns end in the
        filter's name. Meta holds ``filter`` and ``pixel_scale_arcsec``.
    """
    setup = FilterSetup(
        psf, noise, cutouts.data.shape[-1], cutouts.pixel_scale_arcsec, cutouts.gain_e_per_njy, options
    )
    offset = np.asarray(offset_px, dtype=float)
    if reference is None:
        scenes = _listed_scenes(cutouts, setup)
    else:
        scenes = _tied_scenes(cutouts, setup, wcs, reference, offset)
    free = reference is None or options.position == "free"
    fitter = open_engine(engine, setup)
    results = [None] * len(scenes)
    for n_components in sorted({len(scene.ids) for scene in scenes}):
        group = [scene for scene in scenes if len(scene.ids) == n_components]
        step = max(BLOCK_PIXELS // (3 * n_components * setup.size_px**2), 1)
        for first in range(0, len(group), step):
            block = group[first : first + step]
            fits = _fit_block(fitter, cutouts, setup, block, free=free, recentre=reference is None)
            for scene, result in zip(block, fits, strict=True):
                results[scene.row] = result
    return _table(cutouts, setup, scenes, results, wcs)


def _listed_scenes(cutouts, setup):
    """Scenes of the reference filter: positions from the source list."""
    options = setup.options
    scale = cutouts.pixel_scale_arcsec
    scenes = []
    for row, name in enumerate(cutouts.ids):
        ids, places = [name], [(cutouts.x[row], cutouts.y[row])]
        blended = False
        for other, x, y in cutouts.neighbours[row]:
            distance = np.hypot(x - places[0][0], y - places[0][1]) * scale
            blended |= bool(distance < options.blend_radius_arcsec)
            if options.neighbours and _fits_jointly(cutouts, setup, row, (x, y), distance, places):
                ids.append(other)
                places.append((x, y))
        expected = np.array(places, dtype=float)
        scenes.append(Scene(row, ids, expected, expected, np.zeros(3), blended))
    return scenes


def _fits_jointly(cutouts, setup, row, place, distance_arcsec, places):
    """Whether a neighbour gets a component of its own."""
    scale = cutouts.pixel_scale_arcsec
    if distance_arcsec > setup.options.joint_radius_arcsec:
        return False
    if min(np.hypot(place[0] - x, place[1] - y) for x, y in places) * scale < MERGE_RADIUS_ARCSEC:
        return False
    half = 0.5 * setup.size_px + JOINT_MARGIN_ARCSEC / scale
    middle = setup.size_px // 2
    return max(abs(place[0] - cutouts.x0[row] - middle), abs(place[1] - cutouts.y0[row] - middle)) < half


def _tied_scenes(cutouts, setup, wcs, reference, offset):
    """Scenes of another filter: components and positions as fitted in the reference filter."""
    filt = reference.meta["filter"]
    ratio = reference.meta["pixel_scale_arcsec"] / cutouts.pixel_scale_arcsec
    rows_of = {}
    for row, target in enumerate(reference["target_id"]):
        rows_of.setdefault(str(target), []).append(row)
    x, y = wcs.world_to_pixel_values(np.asarray(reference["ra"]), np.asarray(reference["dec"]))
    variance_x, variance_y = (np.square(np.asarray(reference[f"{axis}_err_{filt}"])) for axis in "xy")
    covariance = np.nan_to_num(
        np.stack([variance_x, variance_y, np.asarray(reference[f"xy_cov_{filt}"])], axis=1) * ratio**2
    )
    flags = np.asarray(reference[f"flags_{filt}"])
    scenes = []
    for row, name in enumerate(cutouts.ids):
        rows = rows_of[name]
        expected = np.array([(cutouts.x[row], cutouts.y[row])] + [(x[k], y[k]) for k in rows[1:]]) + offset
        start = np.array([(x[k], y[k]) for k in rows]) + offset
        scenes.append(
            Scene(
                row,
                [str(reference["id"][k]) for k in rows],
                expected,
                start,
                covariance[rows[0]],
                blended=bool(flags[rows[0]] & Flag.BLENDED),
                at_bound=bool(flags[rows[0]] & Flag.AT_BOUND),
            )
        )
    return scenes


@dataclass(frozen=True)
class SourceFit:
    """Fit of one scene: the arrays of `clusterphot.fit_blocks.BlockFit` for it alone, and its flags."""

    values: dict
    flags: Flag


FIT_FIELDS = (
    "positions", "fluxes", "flux_errors", "sky", "position_covariance", "flux_err", "flux_err_marginal",
    "flux_err_conditional", "chi2",
)  # fmt: skip


def _fit_block(engine, cutouts, setup, scenes, *, free, recentre):
    """Fits of scenes with equally many components; one `SourceFit` each."""
    rows = [scene.row for scene in scenes]
    n = len(rows)
    ivar = cutouts.ivar[rows]
    data = cutouts.data[rows]
    valid = np.isfinite(data) & np.isfinite(ivar) & (ivar > 0)
    weights = np.where(valid, ivar, 0.0).reshape(n, -1) * setup.ivar_scale
    data = np.where(valid, data, 0.0).reshape(n, -1)
    corner = np.stack([cutouts.x0[rows], cutouts.y0[rows]], axis=1)[:, None, :]
    start = np.stack([scene.start for scene in scenes]) - corner
    placed = np.isfinite(start).all(axis=(1, 2))
    start = np.where(placed[:, None, None], start, setup.size_px // 2)
    weights[~placed] = 0.0
    given = np.stack([scene.covariance for scene in scenes])
    out = [None] * n
    remaining = np.arange(n)
    for level, window in enumerate(setup.windows):
        last = level == len(setup.windows) - 1
        rows = remaining
        if free and not last:
            rows = rows[sky_is_adequate(setup, data[rows], weights[rows] * window, start[rows])]
        if len(rows) == 0:
            continue
        part = weights[rows] * window
        if free:
            prior = _position_prior(setup, start[rows])
            fit, at_bound = fit_free(engine, setup, data[rows], part, prior, recentre=recentre)
        else:
            fit = fit_tied(engine, setup, data[rows], part, start[rows], given[rows])
            at_bound = np.array([scenes[k].at_bound for k in rows])
        excess = setup.excess(fit.misfit, fit.n_pixels, fit.n_parameters)
        flags = _flags(setup, data[rows], weights[rows], fit)
        sky = _sky_under_targets(setup, fit)
        for j in np.flatnonzero((excess < MISFIT_SIGMA) | last):
            k = rows[j]
            values = {name: getattr(fit, name)[j] for name in FIT_FIELDS}
            values["sky_under_target"] = sky[j]
            values["expected_chi2"] = setup.expected_chi2(fit.n_pixels[j], fit.n_parameters[j])
            if excess[j] >= MISFIT_SIGMA and setup.options.adaptive_window:
                values["flux_err"] = values["flux_err"] * np.sqrt(fit.misfit[j] / values["expected_chi2"])
            out[k] = SourceFit(values, _all_flags(flags[j], bool(at_bound[j]), scenes[k].blended))
        remaining = np.array([k for k in remaining if out[k] is None], dtype=np.int64)
        if len(remaining) == 0:
            break
    return out


def _all_flags(own, at_bound, blended):
    """Flags of the pixels with those of the position; a source that is not measured has no position."""
    if not own & (Flag.NO_DATA | Flag.FAILED):
        own |= Flag.AT_BOUND if at_bound else Flag.NONE
        own |= Flag.BLENDED if blended else Flag.NONE
    return own


def _sky_under_targets(setup, fit):
    """Value of the fitted sky at the positions of the targets, (n,)."""
    u, v = (fit.positions[:, 0] - setup.size_px // 2).T / (setup.size_px // 2)
    return (sky_values(setup.options.sky, v, u).T * fit.sky).sum(axis=-1)


def _position_prior(setup, start):
    """Prior and box of the positions, both around the start."""
    options = setup.options
    sigma = options.position_sigma_arcsec / setup.pixel_scale_arcsec
    free = np.abs(start - setup.size_px // 2).max(axis=2) <= 0.5 * setup.size_px - FREE_MARGIN_PX
    free[:, 0] = True
    precision = np.where(free, setup.inflation / sigma**2 if sigma > 0 else 0.0, 0.0)
    return PositionPrior(start, precision, start, options.max_shift_px, free)


def _flags(setup, data, weights, fit):
    """Flags of a block that follow from the pixels and the fitted values."""
    bad = setup.maps(weights) <= 0
    ring = np.ones(bad.shape[1:], dtype=bool)
    ring[1:-1, 1:-1] = False
    outside = bad[:, ring].sum(axis=1) / ring.sum()
    hidden = np.where(weights > 0, 0.0, fit.image)
    missing = np.square(hidden).sum(axis=-1) / np.maximum(np.square(fit.image).sum(axis=-1), 1e-300)
    brightest = np.where(weights > 0, data, -np.inf).max(axis=-1)
    above = (hidden * fit.fluxes[:, :1] > brightest[:, None]).sum(axis=-1)
    finite = (
        np.isfinite(fit.fluxes).all(axis=1) & np.isfinite(fit.sky).all(axis=1) & np.isfinite(fit.flux_err)
    )
    significance = fit.fluxes[:, 0] / np.where(fit.flux_err > 0, fit.flux_err, np.inf)
    no_data = (missing > 1.0 - MIN_VALID_FRACTION) | (fit.n_pixels < fit.n_parameters + 5)
    failed = ~no_data & ~(finite & (fit.flux_err > 0))
    measured = ~no_data & ~failed
    masked = measured & (missing > MASKED_FRACTION)
    seen = measured | (no_data & (fit.n_pixels >= fit.n_parameters + 5))
    saturated = seen & (above >= SATURATED_PIXELS) & (significance > SATURATED_SNR)
    flags = np.zeros(len(data), dtype=np.int64)
    for flag, where in (
        (Flag.EDGE, outside > EDGE_FRACTION),
        (Flag.NO_DATA, no_data),
        (Flag.FAILED, failed),
        (Flag.MASKED, masked),
        (Flag.SATURATED, saturated),
    ):
        flags[where] |= int(flag)
    return [Flag(int(value)) for value in flags]


def _table(cutouts, setup, scenes, results, wcs):
    """Table of all targets and neighbours of a chunk."""
    filt = cutouts.filter_name
    rows = [
        row
        for scene, result in zip(scenes, results, strict=True)
        for row in _rows(setup, cutouts, scene, result)
    ]
    table = Table()
    table["id"] = np.array([row["id"] for row in rows], dtype=str)
    table["target_id"] = np.array([row["target_id"] for row in rows], dtype=str)
    table["is_target"] = np.array([row["is_target"] for row in rows], dtype=bool)
    x, y = np.array([row["x"] for row in rows]), np.array([row["y"] for row in rows])
    placed = np.isfinite(x) & np.isfinite(y)
    ra, dec = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    ra[placed], dec[placed] = wcs.pixel_to_world_values(x[placed], y[placed])
    table["ra"], table["dec"] = ra, dec
    for name in TABLE_COLUMNS:
        table[f"{name}_{filt}"] = np.array([row[name] for row in rows])
    table.meta["filter"] = filt
    table.meta["pixel_scale_arcsec"] = cutouts.pixel_scale_arcsec
    return table


TABLE_COLUMNS = (
    "flux", "flux_err", "flux_err_conditional", "flux_err_marginal", "flux_err_sys", "x", "y", "dx", "dy",
    "x_err", "y_err", "xy_cov", "chi2", "dof", "flags", "sky",
)  # fmt: skip


def _rows(setup, cutouts, scene, result):
    """Rows of one scene, the target first."""
    values = result.values
    corner = np.array([cutouts.x0[scene.row], cutouts.y0[scene.row]], dtype=float)
    measured = not result.flags & (Flag.NO_DATA | Flag.FAILED)
    positions = values["positions"] + corner if measured else scene.start
    rows = []
    for k, name in enumerate(scene.ids):
        shift = positions[k] - scene.expected[k]
        variance = values["position_covariance"][k]
        row = dict.fromkeys(TABLE_COLUMNS, np.nan)
        row |= {
            "id": name,
            "target_id": scene.ids[0],
            "is_target": k == 0,
            "x": positions[k][0],
            "y": positions[k][1],
        }
        row |= {"dof": 0, "flags": int(result.flags if k == 0 else Flag.NONE)}
        if measured:
            flux = float(values["fluxes"][k])
            row |= {
                "dx": shift[0],
                "dy": shift[1],
                "flux": flux,
                "flux_err_marginal": values["flux_errors"][k],
            }
            row |= {"x_err": np.sqrt(max(variance[0], 0.0)), "y_err": np.sqrt(max(variance[1], 0.0))}
            row |= {"xy_cov": variance[2], "flux_err_sys": setup.sys_error * abs(flux)}
            row |= {"flux_err": values["flux_errors"][k] * np.sqrt(setup.inflation)}
        if measured and k == 0:
            row |= _target_values(setup, values)
        rows.append(row)
    return rows


def _target_values(setup, values):
    """Errors, goodness of fit and sky of a target."""
    conditional = values["flux_err_conditional"]
    return {
        "flux_err": conditional if setup.options.conditional_errors else values["flux_err"],
        "flux_err_conditional": conditional,
        "flux_err_marginal": values["flux_err_marginal"],
        "chi2": values["chi2"],
        "dof": int(values["expected_chi2"]),
        "sky": values["sky_under_target"],
    }
