"""The PSF of one filter from its own stars: core, wings, total light, and the error of the flux scale.

Core from the 25-27 mag stars as in Faisst et al. 2022 (ApJL 941, L11), wings from brighter ones, total light
from both and the reference encircled energy. Fluxes nJy; the PSF is dimensionless with sum 1 on its stamp.

Constants of this room that have no paper were chosen on simulated fields. On eight fields not used for that (4 to
36 core stars, 0 to 10 bright ones, white and drizzled noise) flux scales were off by 2.4 1.0 1.1 1.3 1.0 2.2 % rms
(F090W F150W F200W F277W F356W F444W), and the rms of bias over quoted error was 0.95.
"""

import dataclasses
import logging
from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits
from astropy.table import Table

from clusterphot.base.columns import PSF_STAR_COLUMNS
from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, radius_grid
from clusterphot.base.products import Psf, open_fits, read_psf, write_psf
from clusterphot.mosaics.drizzling import Drizzling
from clusterphot.psf.core import core_sample, cut_stars, drop_misfits, first_model, fit_core, update_core
from clusterphot.psf.grid import exposed_box, varying_psf
from clusterphot.psf.join import join_wings, wing_sample
from clusterphot.psf.model import (
    PSF_FLAG_SENTENCES,
    PsfFlag,
    PsfModel,
    PsfOptions,
    anchor_light,
    model_light,
    normalise,
)
from clusterphot.psf.reference import ANCHOR_ARCSEC, STAMP_RADIUS_ARCSEC, Reference
from clusterphot.psf.residuals import core_residual
from clusterphot.psf.scale_errors import core_error, wing_errors
from clusterphot.psf.shape import encircled_energy, fwhm_px
from clusterphot.psf.stars import ROLE_NONE
from clusterphot.psf.variation import HALF_ARCSEC, Frame, Leftover, fit_variations
from clusterphot.psf.wings import WingSolution, make_grid

logger = logging.getLogger(__name__)

# ---- when what happens ---------------------------------------------------------------------------------------

MAX_STEPS = 8
"""Turns of core and wings at most; six or seven are the rule, the total light moving by 1-2 % in the first."""

EARLY_STEPS = 3
"""Turns in which the core is fitted and updated twice: positions and image improve by turns, and the first model
is but a median of stars moved by their centroids."""

MISFIT_STEPS = (1, 2)
"""Turns in which stars unlike the others are left out: not in the first, whose model is too rough to judge by, nor
later, when a change of the sample would keep the total from settling."""

SATURATED_FROM_STEP = 2
"""Turn from which saturated stars take part: their flux hangs on the wing, which must stand first."""

SETTLED_FROM_STEP, SETTLED_FRACTION = 5, 3e-4
"""First turn that may be the last, and the change of the total light, as a fraction, at which it is: a thirteenth of
`FLOOR_ERROR`, the least error of a flux scale."""

# ---- errors of the flux scale --------------------------------------------------------------------------------

REFERENCE_BEYOND_ERROR = 0.6
"""Fractional 1-sigma error of the reference light beyond the stamp, wide enough for a PSF without any."""

TAIL_ERROR = 0.15
"""Fractional 1-sigma error of the measured light beyond the stamp: index of the power law and where it ends."""

FLOOR_ERROR = 0.004
"""Pixelation and interpolation, and what the jackknife cannot see."""

FEW_BRIGHT_ERROR = 0.01
"""Added when fewer than ``min_bright`` bright stars carry the wings: the jackknife of so few is unreliable."""

PRIOR_RULES = 0.5
"""Share of the reference in the flux scale from which on the PSF is flagged as resting on it."""

UNLIKE_FACTOR = 2.0
"""Factor on the errors of the reference from which on it is said to be unlike the stars."""

# ---- the stamp -----------------------------------------------------------------------------------------------

WING_FACTOR_RANGE = (0.0, 5.0)
"""Factor on the wings by which the stamp meets the settled total: outside it something else is wrong."""

RISE_FROM, RISE_OVER = 0.8, 0.4
"""Radius from which that factor sets in, and over which it does, in units of `ANCHOR_ARCSEC`: centred on it."""

CURVE_RADII_ARCSEC = np.round(np.arange(0.02, 1.001, 0.02), 3)
"""Radii at which the encircled energy is tabulated, up to the edge of the stamp."""


ERROR_CARDS = {
    "core": "ERRCORE",
    "wings": "ERRWING",
    "prior": "ERRPRIOR",
    "beyond": "ERRTAIL",
    "reference": "ERRREF",
}
"""Header of a PSF: parts of the error of its flux scale."""

FRAME_CARDS = {"ra": "FIELDRA", "dec": "FIELDDEC", "half_arcsec": "FIELDHAL"}
"""Header of the table LEFT of a mean PSF: the `Frame` of its mosaic."""

OTHER_CARDS = ("NBRIGHT", "BEYOND", "REFWT", "TOTRAD", "FIELD")
"""And what else it tells: see `_make_psf`."""


@dataclass(frozen=True)
class PsfResult:
    """What `build_psf` returns.

    Attributes
    ----------
    psf : `clusterphot.base.products.Psf`
    notes : `astropy.table.Table`
        One row per star with a role: what it was used for in this filter, or why not.
    curve : `astropy.table.Table`
        Encircled energy against radius, measured and reference.
    error_parts : dict
        Fractional errors of the flux scale that make up ``psf.sys_error``.
    harmonics : `astropy.table.Table` or None
        Of the error by dither phase, see `clusterphot.psf.phase`.
    leftover : `clusterphot.psf.variation.Leftover` or None
        What the stars leave, for the variation over the field; None for a PSF that the user gave.
    effects : (m, q) float ndarray or None
        Fractional errors of fluxes at the places of the grid, of each of q independent errors of that variation.
    """

    psf: Psf
    notes: Table
    curve: Table
    error_parts: dict = field(default_factory=dict)
    harmonics: Table | None = None
    leftover: Leftover | None = None
    effects: np.ndarray | None = None


@dataclass(frozen=True)
class _Joined:
    """Core and wings when the total light has settled, with the stars behind them.

    ``core``, ``bright`` are lists of `Star`; ``core_stack`` is what `update_core` returns;
    ``solution`` is None where there are no bright stars.
    """

    model: PsfModel
    core: list
    core_stack: tuple
    bright: list
    solution: WingSolution | None

    @property
    def n_bright(self):
        """Stars of the wings that are not stars of the core."""
        return sum(not star.core for star in self.bright)


@dataclass(frozen=True)
class _Scale:
    """Total light in the model's scale, the factor for the wings, the error parts and how it came about.

    ``pulls`` are the fractional changes of the flux scale by star, where the flux it was given is too high.
    """

    total: float
    wing_factor: float
    parts: dict
    flags: PsfFlag
    reference_weight: float
    pulls: dict

    @property
    def error(self):
        """Fractional 1-sigma error of the flux scale."""
        return _quadrature(self.parts)


def _quadrature(parts):
    """Root of the sum of squares of the values of a dict."""
    return float(np.sqrt(sum(value**2 for value in parts.values())))


def build_psf(mosaic, stars, reference_table, options=None, *, native_pixel_arcsec=None, pixfrac=None):
    """Build the PSF of one filter.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`, made in the reference filter.
    reference_table : dict
        From `clusterphot.psf.reference.read_encircled_energy`.
    options : PsfOptions, optional
    native_pixel_arcsec, pixfrac : float, optional
        Pixel of the detector and side of its drop over it, for the reference; by default what the header of the mosaic
        tells, or those of the filter.

    Returns
    -------
    result : PsfResult

    Raises
    ------
    DataError
        If fewer than ``min_stars`` stars can be used in this filter, or the reference table knows nothing like it.

    Examples
    --------
    A PSF whose wings are known, in a mosaic of seven stars on noise (a filter of the long channel, 0.04"):

    >>> from astropy.wcs import WCS
    >>> from clusterphot.base.images import fourier_shift
    >>> from clusterphot.base.products import Mosaic
    >>> rng, scale = np.random.default_rng(1), 0.04
    >>> radius = radius_grid(75) * scale
    >>> true = np.exp(-0.5 * (radius / 0.06) ** 2) + 0.02 * (1.0 + (radius / 0.12) ** 2) ** -1.4
    >>> true /= true.sum()
    >>> sci, rows = rng.normal(0.0, 0.2, (300, 500)), []
    >>> for k, mag in enumerate((20.0, 21.0, 25.5, 25.6, 25.7, 25.8)):
    ...     x, y = 80 + 170 * (k % 3), 80 + 140 * (k // 3)
    ...     stamp = 10 ** (-0.4 * (mag - 31.4)) * fourier_shift(true, 0.1 * k, 0.2)
    ...     sci[y - 75 : y + 76, x - 75 : x + 76] += stamp
    ...     rows.append((k, x + 0.1 * k, y + 0.2, mag, "core" if mag > 25 else "wing", 2.0, False))
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-scale / 3600, scale / 3600]
    >>> names = ("id", "x", "y", "mag_auto", "role", "half_light_radius", "saturated")
    >>> stars = Table(rows=rows, names=names, meta={"pixel_scale_arcsec": scale})
    >>> stars["ra"], stars["dec"] = wcs.all_pix2world(stars["x"], stars["y"], 0)
    >>> mosaic = Mosaic(sci, np.full(sci.shape, 0.2**-2), wcs, scale, "F356W", "example")
    >>> radii = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 1.0, 6.0])
    >>> optics = np.array([0.06, 0.27, 0.62, 0.77, 0.88, 0.95, 1.0])
    >>> table = {"F356W": (radii, optics ** np.array([[0.95], [1.0], [1.05]]))}
    >>> result = build_psf(mosaic, stars, table, PsfOptions(wing_radius_arcsec=2.0))
    >>> psf = result.psf
    >>> psf.data.shape, psf.n_stars, round(float(psf.data.sum()), 6)
    ((51, 51), 6, 1.0)
    >>> [round(float(value), 3) for value in (psf.fwhm_arcsec, fwhm_px(true) * scale)]
    [0.143, 0.141]
    >>> [round(float(value), 2) for value in (psf.ee_stamp, crop(true, 25).sum())]
    [0.99, 0.99]
    >>> round(psf.sys_error, 3)
    0.012
    """
    options = options or PsfOptions()
    scale = mosaic.pixel_scale_arcsec
    # A grid of cells for the wings, out to where the stamps of the stars end.
    stamp_radius = int(round(options.size_arcsec / scale)) // 2 * scale
    grid = make_grid(scale, options.join_arcsec[0], stamp_radius, options.wing_radius_arcsec)
    said = Drizzling.from_cards(mosaic.cards or {})
    reference = Reference.of(
        reference_table,
        mosaic.filter_name,
        scale,
        native_pixel_arcsec=native_pixel_arcsec or said.native_pixel_arcsec,
        pixfrac=pixfrac or said.pixfrac,
    )
    # The stars of the list that this filter can use, and a first model from those of the core.
    sample = cut_stars(mosaic, stars, grid.half_px)
    core, flags = core_sample(sample, stars, options, mosaic)
    model = first_model(core, grid, options)
    # Core and wings by turns until the total light stands; then the scale, its error, and the stamp.
    joined = _alternate(sample, core, model, options, reference)
    settled = _settle(joined, flags, options, reference)
    psf = _make_psf(joined, settled, options, mosaic)
    logger.info(
        "%s: %d core and %d bright stars, FWHM %.3f\", %.1f %% of the light on its stamp, flux scale to %.2f %%%s",
        mosaic.filter_name, len(joined.core), joined.n_bright, psf.fwhm_arcsec, 100 * psf.ee_stamp,
        100 * psf.sys_error,
        "".join(f"; {PSF_FLAG_SENTENCES[flag]}" for flag in PsfFlag if psf.flags & flag),
    )  # fmt: skip
    notes = _notes(stars, sample, joined.core, joined.bright)
    leftover = _leftover(joined, settled, mosaic)
    return PsfResult(psf, notes, _curve(psf, reference), dict(settled.parts), leftover=leftover)


def _alternate(sample, core, model, options, reference):
    """Fit and update core and wings by turns until the total light of the model stands.

    Parameters
    ----------
    sample, core : list of `clusterphot.psf.model.Star`
        All stars of the filter, and those of the core.
    model : `clusterphot.psf.model.PsfModel`
        Changed in place.
    options : PsfOptions
    reference : `clusterphot.psf.reference.Reference`

    Returns
    -------
    joined : _Joined
    """
    scale = model.grid.pixel_scale_arcsec
    solution, total = None, np.inf
    for step in range(MAX_STEPS):
        # Core: positions and fluxes of its stars, then the mean of what they leave.
        for _ in range(2 if step < EARLY_STEPS else 1):
            fit_core(core, model, options, scale)
            core = drop_misfits(core, model, scale, options) if step in MISFIT_STEPS else core
            core_stack = update_core(core, model)
        # Wings: fluxes of the bright stars from the core just made, then rings, power law and skies together.
        saturated = step >= SATURATED_FROM_STEP
        bright = wing_sample(sample, core, model, options, scale, saturated=saturated)
        if bright:
            solution = join_wings(bright, model, options, reference)
        # One scale and one centre for the next turn, and the total light in it.
        normalise(model, scale)
        total, before = model_light(model.image, model.tail, model.grid, options).total, total
        if step >= SETTLED_FROM_STEP and abs(total - before) < SETTLED_FRACTION * total:
            break
    return _Joined(model, core, core_stack, bright, solution)


def _settle(joined, flags, options, reference):
    """Total light from the stars and the reference encircled energy, weighted by their errors."""
    model = joined.model
    light = model_light(model.image, model.tail, model.grid, options)

    def total_of(image, tail):
        """Total light of a model changed by a star or a prior."""
        return _total(model_light(image, tail, model.grid, options), options, reference)

    total = total_of(model.image, model.tail)
    parts, prior_share, pulls = _measured_errors(joined, light, total, total_of, options, reference)
    if options.beyond_stamp == "reference":
        flags |= PsfFlag.REFERENCE_BEYOND
    weight, reference_error = _reference_weight(joined, _quadrature(parts), options, reference)
    if joined.solution is not None and joined.solution.disagreement > UNLIKE_FACTOR:
        flags |= PsfFlag.UNLIKE_REFERENCE
    if weight > 0.0 or prior_share > PRIOR_RULES:
        flags |= PsfFlag.REFERENCE_TOTAL
    # The light in the core is what stars measure best: what the reference says of the total follows from it.
    inner = anchor_light(model)
    stamp_share = reference.ee(STAMP_RADIUS_ARCSEC) if options.beyond_stamp == "none" else 1.0
    expected = inner * float(stamp_share) / float(reference.ee(ANCHOR_ARCSEC))
    settled = float(total ** (1.0 - weight) * expected**weight) if total > 0 else float(expected)
    factor = (settled - inner) / max(total - inner, 1e-6 * inner)
    # Errors of what was measured shrink as the reference takes over, but for the floor.
    parts = {
        name: (1.0 - weight) * value for name, value in parts.items() if name != "floor" and weight < 1.0
    }
    parts |= {"floor": FLOOR_ERROR, "reference": weight * reference_error}
    if _quadrature(parts) > options.max_error:
        flags |= PsfFlag.POOR_ERROR
    factor = float(np.clip(factor, *WING_FACTOR_RANGE))
    pulls = {star.row: (1.0 - weight) * pull for star, pull in zip(joined.bright, pulls, strict=False)}
    return _Scale(settled, factor, parts, flags, float(max(weight, prior_share)), pulls)


def _measured_errors(joined, light, total, total_of, options, reference):
    """Fractional errors of the measured total by their source, share of the prior in it, and pulls of bright stars."""
    model, solution = joined.model, joined.solution
    parts = {"floor": FLOOR_ERROR}
    parts["core"] = core_error(joined.core_stack, model, total)
    if joined.n_bright < options.min_bright:
        parts["few_bright"] = FEW_BRIGHT_ERROR
    prior_share, pulls = 1.0, []
    if solution is not None:
        parts["wings"], parts["prior"], prior_share, pulls = wing_errors(solution, model, total_of)
    if options.beyond_stamp == "measured":
        parts["beyond"] = TAIL_ERROR * abs(light.tail) / total
    elif options.beyond_stamp == "reference":
        parts["beyond"] = REFERENCE_BEYOND_ERROR * (1.0 - float(reference.ee(STAMP_RADIUS_ARCSEC)))
    return parts, prior_share, pulls


def _reference_weight(joined, measured_error, options, reference):
    """Weight of the reference in the total light, 0 to 1, and the error of what it says.

    The wing solution has drawn on the reference already; where that does not suffice, its core is used too.
    """
    reference_error = reference.scatter() * (1.0 - float(reference.ee(ANCHOR_ARCSEC)))
    if joined.solution is None or not np.isfinite(measured_error):
        return 1.0, reference_error
    if measured_error > options.max_error:
        return measured_error**2 / (measured_error**2 + reference_error**2), reference_error
    return 0.0, reference_error


def _total(light, options, reference):
    """Total light by the way chosen for what lies beyond the stamp."""
    if options.beyond_stamp == "measured":
        return light.total
    if options.beyond_stamp == "reference":
        return light.inside / float(reference.ee(STAMP_RADIUS_ARCSEC))
    return light.inside


def _make_psf(joined, settled, options, mosaic):
    """Stamp with the settled share of light in its core."""
    scale = mosaic.pixel_scale_arcsec
    half = int(round(options.size_arcsec / scale)) // 2
    # The wings are scaled to the settled total, from around the anchor on; the core stays.
    radius = radius_grid(half) * scale
    rise = np.clip((radius - RISE_FROM * ANCHOR_ARCSEC) / (RISE_OVER * ANCHOR_ARCSEC), 0.0, 1.0)
    stamp = crop(joined.model.image, half) * (1.0 + (settled.wing_factor - 1.0) * rise)
    ee_stamp = 1.0 if options.beyond_stamp == "none" else min(float(stamp.sum() / settled.total), 1.0)
    meta = {card: round(settled.parts.get(name, 0.0), 6) for name, card in ERROR_CARDS.items()}
    meta |= {"NBRIGHT": joined.n_bright, "BEYOND": options.beyond_stamp}
    meta |= {"REFWT": round(settled.reference_weight, 4)}
    meta |= {"TOTRAD": options.total_radius_arcsec, "FIELD": mosaic.field}
    return Psf(
        data=stamp / stamp.sum(),
        pixel_scale_arcsec=scale,
        filter_name=mosaic.filter_name,
        ee_stamp=ee_stamp,
        sys_error=settled.error,
        fwhm_arcsec=fwhm_px(stamp) * scale,
        n_stars=len(joined.core),
        flags=int(settled.flags),
        meta=meta,
    )


def _leftover(joined, settled, mosaic):
    """`Leftover` of the stars of the core and of brighter whole ones."""
    model, core = joined.model, {star.row for star in joined.core}
    half = int(round(HALF_ARCSEC / mosaic.pixel_scale_arcsec))
    stars = joined.core + [star for star in joined.bright if star.row not in core and not star.saturated]
    images, variance = [], []
    for star in stars:
        residual, good = core_residual(star, model, half)
        images.append(np.where(good, residual / settled.total, np.nan))
        ivar = crop(star.ivar, half)[good]
        light = star.flux * settled.total
        variance.append(1.0 / (light**2 * np.median(ivar)) if len(ivar) else np.nan)
    weight = joined.core_stack[1].sum(axis=(1, 2))
    share = np.concatenate([weight / weight.sum(), np.zeros(len(stars) - len(core))])
    places = [(star.x0 + star.dx, star.y0 + star.dy) for star in stars]
    ra, dec = mosaic.wcs.celestial.all_pix2world(np.array(places), 0).T
    pulls = np.array([settled.pulls.get(star.row, 0.0) for star in stars])
    x0, x1, y0, y1 = exposed_box(mosaic.ivar)
    middle = mosaic.wcs.celestial.all_pix2world((x0 + x1) / 2, (y0 + y1) / 2, 0)
    frame = Frame(*map(float, middle), 0.5 * max(x1 - x0, y1 - y0, 1) * mosaic.pixel_scale_arcsec)
    return Leftover(ra, dec, np.array(images), np.array(variance), share, pulls, frame)


def _notes(stars, sample, core, bright):
    """Table of what every star with a role was used for in this filter."""
    core_rows, bright_rows = {s.row for s in core}, {s.row for s in bright}
    rows = []
    cut = {star.row: star for star in sample}
    for row in np.flatnonzero(np.asarray(stars["role"]) != ROLE_NONE):
        star = cut.get(int(row))
        used = " ".join(name for name, group in (("core", core_rows), ("wing", bright_rows)) if row in group)
        reason = "" if used else (star.reason if star is not None else "outside") or "not needed"
        flux = star.flux if star is not None else np.nan
        position = (star.x0 + star.dx, star.y0 + star.dy) if star is not None else (np.nan, np.nan)
        rows.append(
            (int(stars["id"][row]), *position, flux, star is not None and star.saturated, used, reason)
        )
    kinds = (np.int64, float, float, float, bool, "U9", "U12")
    table = Table(rows=rows or None, names=list(PSF_STAR_COLUMNS), dtype=kinds)
    for name, (unit, _) in PSF_STAR_COLUMNS.items():
        table[name].unit = unit or None
    return table


def _curve(psf, reference):
    """Encircled energy of the PSF and of the reference (None: not known) against radius."""
    radius = CURVE_RADII_ARCSEC[0.5 * psf.data.shape[0] * psf.pixel_scale_arcsec >= CURVE_RADII_ARCSEC]
    measured = encircled_energy(psf.data, psf.ee_stamp, radius / psf.pixel_scale_arcsec)
    expected = np.full(len(radius), np.nan) if reference is None else reference.ee(radius)
    return Table({"radius_arcsec": radius, "ee": measured, "ee_reference": expected})


def use_psf(psf, stars, reference_table):
    """`PsfResult` of a PSF that the user gave; no star is used, and a filter without reference has none drawn."""
    try:
        curve = _curve(psf, Reference.of(reference_table, psf.filter_name, psf.pixel_scale_arcsec))
    except DataError:
        curve = _curve(psf, None)
    return PsfResult(psf, _notes(stars, [], [], []), curve, {"user": psf.sys_error})


def with_variation(stars, mosaic):
    """The PSF of one filter over its field, from the stars of all filters of its channel.

    Parameters
    ----------
    stars : dict of str to (PsfResult, (s, m, m) ndarray)
        By filter, from `read_star_psf`.
    mosaic : `clusterphot.base.products.Mosaic`
        Of the filter that is wanted.

    Returns
    -------
    result : PsfResult
        In the middle of the mosaic.
    grid : `clusterphot.psf.grid.PsfGrid`
    """
    name = mosaic.filter_name
    variation = fit_variations(
        {filt: result.leftover for filt, (result, _) in stars.items()},
        {filt: states for filt, (_, states) in stars.items()},
        {filt: result.psf.data * result.psf.ee_stamp for filt, (result, _) in stars.items()},
        Frame.around([result.leftover.frame for result, _ in stars.values()]),
    )[name]
    result = stars[name][0]
    psf, grid, effects = varying_psf(result.psf, variation, mosaic.wcs, exposed_box(mosaic.ivar))
    if psf.sys_error > PsfOptions.max_error:
        psf = dataclasses.replace(psf, flags=psf.flags | int(PsfFlag.POOR_ERROR))
    logger.info(
        "%s: a PSF that changes over the field with a probability of %.2f (%d stars in %s), error by that %.2f %%",
        name, variation.evidence, variation.n_stars, ", ".join(stars), 100 * psf.meta["ERRVARY"],
    )  # fmt: skip
    curve = result.curve.copy()
    radius = np.asarray(curve["radius_arcsec"]) / psf.pixel_scale_arcsec
    curve["ee"] = encircled_energy(psf.data, psf.ee_stamp, radius)
    return dataclasses.replace(result, psf=psf, curve=curve, effects=effects), grid


def with_phase_error(result, phase):
    """The result with a `clusterphot.psf.phase.PhaseError` in its PSF and header."""
    psf = dataclasses.replace(result.psf, phase_error=phase.error, meta=result.psf.meta | phase.cards())
    return dataclasses.replace(result, psf=psf, harmonics=phase.harmonics)


def write_psf_result(path, result, *, extra_hdus=()):
    """Write the PSF with further extensions: its STARS, its CURVE of encircled energy and harmonics of its PHASE."""
    extra = [fits.BinTableHDU(result.notes, name="STARS"), fits.BinTableHDU(result.curve, name="CURVE")]
    if result.harmonics is not None:
        extra.append(fits.BinTableHDU(Table(result.harmonics, meta={}), name="PHASE"))
    if result.effects is not None:
        extra.append(fits.ImageHDU(result.effects.astype(np.float32), name="EFFECTS"))
    write_psf(path, result.psf, extra_hdus=[*extra, *extra_hdus])


def read_psf_result(path):
    """Read what `write_psf_result` wrote; the parts of the error are in the header only."""
    with open_fits(path) as hdus:
        notes, curve = Table(hdus["STARS"].data), Table(hdus["CURVE"].data)
        header = hdus[0].header
        meta = {key: header[key] for key in (*ERROR_CARDS.values(), "ERRVARY", *OTHER_CARDS) if key in header}
    psf = dataclasses.replace(read_psf(path), meta=meta)
    return PsfResult(psf, notes, curve, {})


def write_star_psf(path, result, states):
    """Write the mean PSF of a filter's stars, what they leave, and the images that may be in it.

    Parameters
    ----------
    path : str
    result : PsfResult
        From `build_psf`.
    states : (s, m, m) float ndarray
        From `clusterphot.psf.variation.state_images`.
    """
    left = result.leftover
    table = Table(
        {"ra": left.ra, "dec": left.dec, "variance": left.variance, "share": left.share, "pull": left.pull}
    )
    table.meta |= {card: getattr(left.frame, name) for name, card in FRAME_CARDS.items()}
    extra = [
        fits.BinTableHDU(table, name="LEFT"),
        fits.ImageHDU(left.images.astype(np.float32), name="IMAGES"),
        fits.ImageHDU(np.asarray(states, dtype=np.float32), name="STATES"),
    ]
    write_psf_result(path, result, extra_hdus=extra)


def read_effects(path):
    """What errors of the change of the PSF do to fluxes at the places of its grid (m, q); None where there are none."""
    with open_fits(path) as hdus:
        return np.array(hdus["EFFECTS"].data, dtype=float) if "EFFECTS" in hdus else None


def read_star_psf(path):
    """Read what `write_star_psf` wrote.

    Returns
    -------
    result : PsfResult
    states : (s, m, m) float ndarray
    """
    result = read_psf_result(path)
    with open_fits(path) as hdus:
        table, images = hdus["LEFT"].data, np.array(hdus["IMAGES"].data, dtype=float)
        frame = Frame(**{name: hdus["LEFT"].header[card] for name, card in FRAME_CARDS.items()})
        columns = [np.array(table[name], dtype=float) for name in ("ra", "dec", "variance", "share", "pull")]
        states = np.array(hdus["STATES"].data, dtype=float)
    left = Leftover(*columns[:2], images, *columns[2:], frame)
    return dataclasses.replace(result, leftover=left), states
