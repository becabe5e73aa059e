"""The PSF of one filter from its own stars: core, wings, total light, and the error of the flux scale.

Core from the 25-27 mag stars as in Faisst et al. 2022 (ApJL 941, L11), wings from brighter ones, total light
from both and the reference encircled energy. Fluxes nJy; the PSF is dimensionless with sum 1 on its stamp.
"""

import dataclasses
import logging
from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits
from astropy.table import Table

from clusterphot.base.errors import DataError
from clusterphot.base.images import crop, radius_grid
from clusterphot.base.products import Psf, read_psf, write_psf
from clusterphot.psf import wings as psf_wings
from clusterphot.psf.core import core_sample, cut_stars, drop_misfits, first_model, fit_core, update_core
from clusterphot.psf.join import saturated_share, update_wings, wing_sample
from clusterphot.psf.model import PSF_FLAG_SENTENCES, PsfFlag, PsfOptions, model_light, normalise
from clusterphot.psf.reference import encircled_energy, fwhm_px, reference_ee, reference_scatter
from clusterphot.psf.scale_errors import core_error, wing_errors
from clusterphot.psf.stars import ROLE_NONE

log = logging.getLogger(__name__)

ANCHOR_ARCSEC = 0.2
"""Radius at which the share of light in the core is compared with the reference (a radius of its table)."""
REFERENCE_BEYOND_ERROR = 0.6
"""Fractional 1-sigma error of the reference light beyond the stamp, wide enough for a PSF without any."""
TAIL_ERROR = 0.15
"""Fractional 1-sigma error of the measured light beyond the stamp: index of the power law and where it
ends."""
FLOOR_ERROR = 0.004
"""Pixelation and interpolation, and what the jackknife cannot see."""
FEW_BRIGHT_ERROR = 0.01
"""Added when fewer than ``min_bright`` bright stars carry the wings: the jackknife of so few is
unreliable."""
CURVE_RADII_ARCSEC = np.round(np.arange(0.02, 1.001, 0.02), 3)
MAX_STEPS = 8


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
    """

    psf: Psf
    notes: Table
    curve: Table
    error_parts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class _Scale:
    """Total light in the model's scale, the factor for the wings, the error parts and how it came about."""

    total: float
    wing_factor: float
    parts: dict
    flags: PsfFlag
    reference_weight: float


def build_psf(mosaic, stars, reference_table, options=None):
    """Build the PSF of one filter.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`, made in the reference filter.
    reference_table : dict
        From `clusterphot.psf.reference.read_encircled_energy`.
    options : PsfOptions, optional

    Returns
    -------
    result : PsfResult

    Raises
    ------
    DataError
        If fewer than ``min_stars`` stars can be used in this filter.
    """
    options = options or PsfOptions()
    scale = mosaic.pixel_scale_arcsec
    n_half = int(round(options.size_arcsec / scale)) // 2
    grid = psf_wings.make_grid(scale, options.join_arcsec[0], n_half * scale, options.wing_radius_arcsec)
    reference = {"table": reference_table, "filter": mosaic.filter_name}
    sample = cut_stars(mosaic, stars, grid.half_px)
    core, flags = core_sample(sample, stars, options, mosaic)
    model = first_model(core, grid, options)
    wings, solution, total = [], None, np.inf
    for step in range(MAX_STEPS):
        for _ in range(2 if step < 3 else 1):
            fit_core(core, model, options, scale)
            core = drop_misfits(core, model, scale, options) if step in (1, 2) else core
            core_stack = update_core(core, model)
        bright = wing_sample(sample, core, model, options, scale, check=step > 1)
        if bright:
            wings, solution = update_wings(bright, core_stack, model, options, reference)
        normalise(model, scale)
        total, before = model_light(model.image, model.tail, grid, options).total, total
        if step > 4 and abs(total - before) < 3e-4 * total:
            break
    n_bright = sum(not star.core for star in bright)
    settled = _settle(model, core_stack, wings, solution, n_bright, flags, options, reference)
    psf = _make_psf(model, settled, options, mosaic, len(core), n_bright)
    log.info(
        "%s: %d core and %d bright stars, FWHM %.3f\", %.1f %% of the light on its stamp, flux scale to %.2f %%%s",
        mosaic.filter_name, len(core), n_bright, psf.fwhm_arcsec, 100 * psf.ee_stamp,
        100 * psf.sys_error,
        "".join(f"; {PSF_FLAG_SENTENCES[flag]}" for flag in PsfFlag if psf.flags & flag),
    )  # fmt: skip
    notes = _notes(stars, sample, core, bright)
    return PsfResult(psf, notes, _curve(psf, reference), dict(settled.parts))


def _settle(model, core_stack, wings, solution, n_bright, flags, options, reference):
    """Total light from the stars and the reference encircled energy, weighted by their errors."""
    light = model_light(model.image, model.tail, model.grid, options)

    def ee(radius):
        return float(reference_ee(reference["table"], reference["filter"], radius))

    def total_of(image, tail):
        return _total(model_light(image, tail, model.grid, options), options, ee)

    total = total_of(model.image, model.tail)
    parts = {"floor": FLOOR_ERROR}
    parts["core"] = core_error(core_stack, model, total, saturated_share(wings, solution))
    if n_bright < options.min_bright:
        parts["few_bright"] = FEW_BRIGHT_ERROR
    prior_share = 1.0
    if solution is not None:
        parts["wings"], parts["prior"], prior_share = wing_errors(solution, model, total_of)
    if options.beyond_stamp == "measured":
        parts["beyond"] = TAIL_ERROR * abs(light.tail) / total
    elif options.beyond_stamp == "reference":
        flags |= PsfFlag.REFERENCE_BEYOND
        parts["beyond"] = REFERENCE_BEYOND_ERROR * (1.0 - ee(1.0))
    measured_error = float(np.sqrt(sum(value**2 for value in parts.values())))
    reference_error = reference_scatter(reference["table"], reference["filter"]) * (1.0 - ee(ANCHOR_ARCSEC))
    # The wing solution has drawn on the reference already; where that does not suffice, its core is used too.
    if solution is None or not np.isfinite(measured_error):
        weight = 1.0
    elif measured_error > options.max_error:
        weight = measured_error**2 / (measured_error**2 + reference_error**2)
    else:
        weight = 0.0
    if weight > 0.0 or prior_share > 0.5:
        flags |= PsfFlag.REFERENCE_TOTAL
    inner = model.image[radius_grid(model.grid.half_px) * model.grid.pixel_scale_arcsec < ANCHOR_ARCSEC].sum()
    expected = inner * (ee(1.0) if options.beyond_stamp == "none" else 1.0) / ee(ANCHOR_ARCSEC)
    settled = float(total ** (1.0 - weight) * expected**weight) if total > 0 else float(expected)
    factor = (settled - inner) / max(total - inner, 1e-6 * inner)
    parts = {
        name: (1.0 - weight) * value for name, value in parts.items() if name != "floor" and weight < 1.0
    }
    parts |= {"floor": FLOOR_ERROR, "reference": weight * reference_error}
    if np.sqrt(sum(value**2 for value in parts.values())) > options.max_error:
        flags |= PsfFlag.POOR_ERROR
    return _Scale(settled, float(np.clip(factor, 0.0, 5.0)), parts, flags, float(max(weight, prior_share)))


def _total(light, options, ee):
    """Total light by the way chosen for what lies beyond the stamp."""
    if options.beyond_stamp == "measured":
        return light.total
    if options.beyond_stamp == "reference":
        return light.inside / ee(1.0)
    if options.beyond_stamp == "none":
        return light.inside
    raise ValueError(f"beyond_stamp: {options.beyond_stamp!r}, expected measured, reference or none")


def _make_psf(model, settled, options, mosaic, n_core, n_bright):
    """Stamp with the settled share of light in its core."""
    scale = mosaic.pixel_scale_arcsec
    half = int(round(options.size_arcsec / scale)) // 2
    radius = radius_grid(half) * scale
    rise = np.clip((radius - 0.8 * ANCHOR_ARCSEC) / (0.4 * ANCHOR_ARCSEC), 0.0, 1.0)
    stamp = crop(model.image, half) * (1.0 + (settled.wing_factor - 1.0) * rise)
    ee_stamp = 1.0 if options.beyond_stamp == "none" else min(float(stamp.sum() / settled.total), 1.0)
    error = float(np.sqrt(sum(value**2 for value in settled.parts.values())))
    cards = {
        "core": "ERRCORE",
        "wings": "ERRWING",
        "prior": "ERRPRIOR",
        "beyond": "ERRTAIL",
        "reference": "ERRREF",
    }
    meta = {card: round(settled.parts.get(name, 0.0), 6) for name, card in cards.items()}
    meta |= {"NBRIGHT": n_bright, "BEYOND": options.beyond_stamp, "REFWT": round(settled.reference_weight, 4)}
    meta |= {"TOTRAD": options.total_radius_arcsec, "FIELD": mosaic.field}
    return Psf(
        data=stamp / stamp.sum(),
        pixel_scale_arcsec=scale,
        filter_name=mosaic.filter_name,
        ee_stamp=ee_stamp,
        sys_error=error,
        fwhm_arcsec=fwhm_px(stamp) * scale,
        n_stars=n_core,
        flags=int(settled.flags),
        meta=meta,
    )


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
    names = ("id", "x", "y", "core_flux", "saturated", "used", "reason")
    kinds = (np.int64, float, float, float, bool, "U9", "U12")
    table = Table(rows=rows or None, names=names, dtype=kinds)
    for name, unit in (("x", "pix"), ("y", "pix"), ("core_flux", "nJy")):
        table[name].unit = unit
    return table


def _curve(psf, reference):
    """Encircled energy of the PSF and of the reference against radius."""
    radius = CURVE_RADII_ARCSEC[0.5 * psf.data.shape[0] * psf.pixel_scale_arcsec >= CURVE_RADII_ARCSEC]
    measured = encircled_energy(psf.data, psf.ee_stamp, radius / psf.pixel_scale_arcsec)
    expected = np.full(len(radius), np.nan)
    if reference is not None:
        expected = reference_ee(reference["table"], reference["filter"], radius)
    return Table({"radius_arcsec": radius, "ee": measured, "ee_reference": expected})


def use_psf(psf, stars, reference_table):
    """`PsfResult` of a PSF that the user gave; no star is used, and a filter without reference has none drawn."""
    reference = {"table": reference_table, "filter": psf.filter_name}
    try:
        curve = _curve(psf, reference)
    except DataError:
        curve = _curve(psf, None)
    return PsfResult(psf, _notes(stars, [], [], []), curve, {"user": psf.sys_error})


def write_psf_result(path, result):
    """Write the PSF with its stars and encircled-energy curve as further extensions STARS and CURVE."""
    extra = [fits.BinTableHDU(result.notes, name="STARS"), fits.BinTableHDU(result.curve, name="CURVE")]
    write_psf(path, result.psf, extra_hdus=extra)


def read_psf_result(path):
    """Read what `write_psf_result` wrote; the parts of the error are in the header only."""
    with fits.open(path) as hdus:
        notes, curve = Table(hdus["STARS"].data), Table(hdus["CURVE"].data)
        meta = {key: hdus[0].header[key] for key in ("FIELD",) if key in hdus[0].header}
    psf = dataclasses.replace(read_psf(path), meta=meta)
    return PsfResult(psf, notes, curve, {})
