"""Stars for the PSF: found with SExtractor's quantities, told from galaxies by the stellar locus.

Follows Faisst et al. 2022 (ApJL 941, L11): half-light radius (flux_radius) against magnitude (flux_auto), in
the reference filter only. Magnitudes AB, radii in pixels of that filter, positions 0-based with ICRS in
degrees.
"""

import logging
from dataclasses import dataclass

import numpy as np
import sep
from astropy.table import Table
from scipy import ndimage

from clusterphot.base.columns import STAR_COLUMNS
from clusterphot.base.errors import DataError
from clusterphot.base.tables import read_ecsv, write_ecsv
from clusterphot.base.units import mag_ab
from clusterphot.config.psf import StarKeys
from clusterphot.psf.locus import fit_locus, locus_distance
from clusterphot.psf.shape import core_radius_px

logger = logging.getLogger(__name__)

# What a detection can be, and why a star is not used. Written in the column ``reason``.
REASONS = {
    "": "used",
    "locus": "no stellar locus was found: whether it is a star is not known",
    "galaxy": "half-light radius off the stellar locus, or elongated",
    "faint": "fainter than psf.mag_max",
    "bright": "so bright that nothing but a saturated blot is left",
    "neighbour": "another source too close",
    "edge": "too near the edge of the exposed area",
    "masked": "bad pixels in the core that saturation does not explain",
    "saturated": "saturated, and too faint or too distorted to serve for the wings",
}
ROLE_CORE, ROLE_WING, ROLE_NONE = "core", "wing", "none"

# ---- detection, with SExtractor's own defaults where it has one ----------------------------------------------

MESH_ARCSEC, MIN_MESH_PX = 2.56, 16
"""Side of the meshes of the background: larger than any star that is not saturated, 64 and 128 px of the mosaics."""

SMOOTHING = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
"""Kernel before the threshold (SExtractor's default.conv)."""

SMOOTHING_GAIN = 2.5
"""Factor by which the threshold is lower after it: white noise falls by 16/6."""

MIN_AREA_PX, DEBLEND_LEVELS, DEBLEND_CONTRAST = 5, 32, 0.005
"""SExtractor's DETECT_MINAREA, DEBLEND_NTHRESH and DEBLEND_MINCONT."""

MAX_SUB_OBJECTS = 8192
"""Parts that one detection may be split into: a galaxy cluster's light is one detection with very many."""

KRON_WINDOW, KRON_FACTOR, MIN_KRON_PX = 6.0, 2.5, 3.5
"""Radius (isophotal) in which Kron's is measured, and SExtractor's PHOT_AUTOPARAMS."""

HOLE_ARCSEC = 0.5
"""Radius of the largest hole that is filled from its rim, as the core of a saturated star."""

MIN_HOLE_PX = 4
"""Pixels from which a filled hole is a candidate for saturation: fewer are cosmic rays or hot pixels."""

FLAT_SNR, FLAT_SHARE, FLAT_PX = 300, 0.98, 9
"""A core is flat where a bright source (signal to noise) has so many pixels above this share of its maximum: a
PSF has one or two."""

# ---- what is a star ------------------------------------------------------------------------------------------

LISTED_SNR = 5.0
"""Detections above it are listed where there is no locus, whatever their magnitude: offsets need what there is."""
LISTED_FAINTER_MAG = 0.5
"""Detections this much fainter than ``mag_max`` are still listed, with their reason."""

BLOT_AXIS_RATIO, BLOT_RADII = 0.5, 4.0
"""A saturated star is rounder than this, and smaller than so many of the largest radii of stars."""

ROUNDNESS = 0.6
"""A star's axis ratio is above this share of that of the stars."""

MAX_UNEXPOSED, MAX_BAD_CORE = 0.1, 0.15
"""Shares of unexposed pixels near a star, and of bad ones in its core, up to which it is used."""

SATURATED_BRIGHTER_MAG = 1.0
"""A saturated star serves for the wings if it is this much brighter than those of the core: fainter ones are not
saturated, but broken."""


@dataclass(frozen=True)
class StarOptions(StarKeys):
    """How stars are chosen: keys of the configuration, and what has not needed one.

    Attributes
    ----------
    neighbour_fraction : float
        A detection of more than this fraction of the star's flux disturbs it, within ``isolation_arcsec``.
    edge_arcsec : float
        Radius in which at most a tenth of the pixels may be unexposed.
    detection_sigma : float
        Threshold in units of the background noise.
    tile_px, overlap_px : int
        Tiles in which the image is read.
    """

    neighbour_fraction: float = 0.05
    edge_arcsec: float = 1.0
    detection_sigma: float = 5.0
    tile_px: int = 2048
    overlap_px: int = 256


def select_stars(mosaic, options=None, *, required=True):
    """Find and class the stars of one mosaic.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
        Reference filter; read tile by tile.
    options : StarOptions, optional
    required : bool, optional
        Whether PSFs are to be made of the stars; else a field without a stellar locus has its detections listed,
        none of them as a star.

    Returns
    -------
    stars : `astropy.table.Table`
        One row per detection down to ``mag_max`` + `LISTED_FAINTER_MAG`, columns of `STAR_COLUMNS`; rejected ones with
        their reason. ``meta`` holds the locus and the count of every reason.

    Raises
    ------
    DataError
        If stars are required and no detection lies on a stellar locus.

    Examples
    --------
    Nine stars of 20.6 to 25.8 mag, and a galaxy in their midst:

    >>> from astropy.wcs import WCS
    >>> from clusterphot.base.products import Mosaic
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.04 / 3600, 0.04 / 3600]
    >>> sci = np.random.default_rng(1).normal(0.0, 0.2, (400, 400))
    >>> y, x = np.indices(sci.shape)
    >>> for k in range(10):
    ...     radius = np.hypot(x - 60 - 93 * (k % 4), y - 80 - 120 * (k // 4))
    ...     sci += (10.0 if k == 5 else 10.0 * 1.7**k) * np.exp(-0.5 * (radius / (6.0 if k == 5 else 1.7)) ** 2)
    >>> stars = select_stars(Mosaic(sci, np.full(sci.shape, 25.0), wcs, 0.04, "F356W", "example"))
    >>> stars.meta["n_core"], stars.meta["n_wing"], stars.meta["n_rejected"]["galaxy"]
    (2, 7, 1)
    """
    options = options or StarOptions()
    found = detect(mosaic, options)
    locus = fit_locus(found["mag_auto"], found["half_light_radius"], ~found["saturated"], options)
    if locus is None and required:
        raise DataError(
            f"{mosaic.label}, stars",
            f"{len(found)} detections, none of them on a stellar locus",
            f"stars of {options.mag_min:g}-{options.mag_max:g} mag "
            f"with half-light radius < {options.half_light_radius_max_px:g} px",
            "give `psf: file` for each filter, or widen psf.mag_min and psf.mag_max",
        )
    if locus is None:
        logger.warning("%s: no stellar locus among %d detections", mosaic.label, len(found))
        role, reason = (np.full(len(found), word, dtype="U10") for word in (ROLE_NONE, "locus"))
    else:
        role, reason = classify(found, locus, options, mosaic.pixel_scale_arcsec)
    found["role"], found["reason"] = role, reason
    found.remove_columns(["bad_core", "bad_outer"])
    if locus is None:
        found = found[found["snr"] > LISTED_SNR]
    else:
        found = found[found["mag_auto"] < options.mag_max + LISTED_FAINTER_MAG]
    found["id"] = np.arange(len(found))
    found = found[list(STAR_COLUMNS)]
    for name, (unit, description) in STAR_COLUMNS.items():
        found[name].description = description
        if unit:
            found[name].unit = unit
    counts = {name: int(np.sum(found["reason"] == name)) for name in REASONS if name}
    n_core, n_wing = (int(np.sum(found["role"] == name)) for name in (ROLE_CORE, ROLE_WING))
    found.meta.update(
        {"filter": mosaic.filter_name, "field": mosaic.field, "pixel_scale_arcsec": mosaic.pixel_scale_arcsec}
    )
    found.meta.update({"n_core": n_core, "n_wing": n_wing, "n_rejected": counts, "reasons": dict(REASONS)})
    if locus is not None:
        found.meta["locus"] = dict(locus)
    said = ", ".join(f"{n} {name}" for name, n in counts.items())
    logger.info("%d core and %d bright stars in %s; rejected: %s", n_core, n_wing, mosaic.filter_name, said)
    return found


def detect(mosaic, options):
    """Detections of all tiles with magnitude, half-light radius and flags; order does not depend on tiles."""
    ny, nx = mosaic.shape
    tiles = []
    for y0 in range(0, ny, options.tile_px):
        for x0 in range(0, nx, options.tile_px):
            box = (y0, min(y0 + options.tile_px, ny), x0, min(x0 + options.tile_px, nx))
            tiles.append(_detect_tile(mosaic, box, options))
    rows = {name: np.concatenate([tile[name] for tile in tiles]) for name in tiles[0]}
    order = np.lexsort((rows["x"], rows["y"]))
    table = Table({name: values[order] for name, values in rows.items()})
    ra, dec = mosaic.wcs.celestial.all_pix2world(table["x"], table["y"], 0)
    table["ra"], table["dec"] = ra, dec
    table["id"] = np.arange(len(table))
    return table


def _detect_tile(mosaic, box, options):
    """Detections whose centre lies in ``box`` (y0, y1, x0, x1), measured on the box with its overlap."""
    mesh = max(MIN_MESH_PX, int(round(MESH_ARCSEC / mosaic.pixel_scale_arcsec)))
    pad = -(-options.overlap_px // mesh) * mesh  # meshes of neighbouring tiles coincide
    ny, nx = mosaic.shape
    y0, y1 = max(box[0] - pad, 0), min(box[1] + pad, ny)
    x0, x1 = max(box[2] - pad, 0), min(box[3] + pad, nx)
    y0, x0 = y0 - y0 % mesh, x0 - x0 % mesh
    sci, ivar = mosaic.region(y0, y1, x0, x1)
    bad = ~((ivar > 0) & np.isfinite(sci) & np.isfinite(ivar))
    if bad.all():
        return _empty_rows()
    max_hole_px = HOLE_ARCSEC / mosaic.pixel_scale_arcsec
    sci, holes, missing = fill_holes(sci, bad, max_hole_px)
    ivar = np.where(bad, np.median(ivar[~bad]), ivar)
    found = _extract(sci, _of_meshes(1.0 / np.sqrt(ivar), mesh), missing, mesh, options, mosaic.label)
    if found is None:
        return _empty_rows()
    x, y = found["x"], found["y"]
    keep = (
        (y + y0 >= box[0] - 0.5)
        & (y + y0 < box[1] - 0.5)
        & (x + x0 >= box[2] - 0.5)
        & (x + x0 < box[3] - 0.5)
    )
    keep &= (found["flux"] > 0) & (found["half_light_radius"] > 0)
    core_px = core_radius_px(mosaic.pixel_scale_arcsec)
    outer_px = options.edge_arcsec / mosaic.pixel_scale_arcsec
    bad_core = _fraction_within(bad, x, y, core_px, keep, outside=1.0)
    unexposed = _fraction_within(missing, x, y, outer_px, keep, outside=1.0)
    flat = _flat_top(sci, found, core_px)
    return {
        "x": (x + x0)[keep],
        "y": (y + y0)[keep],
        "mag_auto": mag_ab(found["flux"][keep]),
        "snr": found["snr"][keep],
        "half_light_radius": found["half_light_radius"][keep],
        "axis_ratio": found["axis_ratio"][keep],
        "saturated": (_touches(holes, x, y, core_px, keep) | flat)[keep],
        "bad_core": bad_core[keep],
        "bad_outer": unexposed[keep],
    }


def _empty_rows():
    """The columns of a tile without detections."""
    names = ("x", "y", "mag_auto", "snr", "half_light_radius", "axis_ratio", "bad_core", "bad_outer")
    return {name: np.zeros(0) for name in names} | {"saturated": np.zeros(0, dtype=bool)}


DRIZZLED = 1.6
"""Noise of sums over several pixels over that of independent ones of the same scatter, on drizzled mosaics (Fruchter &
Hook 2002, PASP 114, 144, sect. 7): the search smooths."""


DOME_SLOPE = 0.1
"""Rise of what fills a saturated hole, per pixel from its rim: a tenth of the rim. Chosen; only the order counts."""


def fill_holes(sci, bad, max_hole_px):
    """Fill small groups of bad pixels from their rim, so that a saturated star is one detection.

    Parameters
    ----------
    sci : (ny, nx) float ndarray, nJy/pixel
    bad : (ny, nx) bool ndarray
    max_hole_px : float
        Groups of up to pi ``max_hole_px``**2 pixels are filled.

    Returns
    -------
    filled : (ny, nx) float ndarray
    holes : (ny, nx) bool ndarray
        Filled groups of at least four pixels: the candidates for saturation.
    missing : (ny, nx) bool ndarray
        Bad pixels that were not filled.
    """
    if not bad.any():
        return sci, bad, bad
    filled = np.where(bad, -np.inf, sci)
    labels, n_groups = ndimage.label(bad, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=n_groups + 1)
    sizes[0] = 0
    small = (sizes > 0) & (sizes <= np.pi * max_hole_px**2)
    fill = small[labels]
    holes = (small & (sizes >= MIN_HOLE_PX))[labels]
    for _ in range(int(2 * max_hole_px) + 2):
        todo = fill & ~np.isfinite(filled)
        if not todo.any():
            break
        rim = ndimage.maximum_filter(filled, size=3, mode="constant", cval=-np.inf)
        filled = np.where(todo, rim, filled)
    missing = bad & ~np.isfinite(filled)
    filled[missing] = 0.0
    # A plateau with several highest pixels is torn apart when sources are told from one another: a dome is not.
    domed = holes & ~missing
    filled[domed] *= 1.0 + DOME_SLOPE * ndimage.distance_transform_edt(domed)[domed]
    return filled, holes, missing


def _of_meshes(values, mesh):
    """Median of the values (ny, nx) in each square of ``mesh`` pixels, at each pixel: without the photons of stars."""
    ny, nx = values.shape
    padded = np.pad(values, ((0, -ny % mesh), (0, -nx % mesh)), mode="edge")
    squares = padded.reshape(padded.shape[0] // mesh, mesh, padded.shape[1] // mesh, mesh)
    return np.kron(np.median(squares, axis=(1, 3)), np.ones((mesh, mesh)))[:ny, :nx]


def _extract(sci, sigma, missing, mesh, options, label):
    """SExtractor's quantities of all detections of an array; None if there are none."""
    data = np.ascontiguousarray(sci)
    background = sep.Background(data, mask=missing, bw=mesh, bh=mesh, fw=3, fh=3)
    data = data - background.back()
    # Weights are of many kinds: how they differ over the image counts, and the scatter of the background for the rest.
    scatter = max(float(np.median(background.rms())), 1e-30)
    noise = DRIZZLED * scatter * sigma / np.median(sigma)
    limit = sep.get_sub_object_limit()
    sep.set_sub_object_limit(MAX_SUB_OBJECTS)
    sep.set_extract_pixstack(max(1_000_000, data.size // 4))
    try:
        found = sep.extract(
            data,
            options.detection_sigma / SMOOTHING_GAIN,
            err=noise,
            mask=missing,
            minarea=MIN_AREA_PX,
            filter_kernel=SMOOTHING,
            deblend_nthresh=DEBLEND_LEVELS,
            deblend_cont=DEBLEND_CONTRAST,
        )
    except Exception as exc:
        if type(exc) is not Exception:  # sep raises bare ones where its limits are exceeded
            raise
        raise DataError(
            f"{label}, detection of stars",
            f"more than can be told apart ({exc})",
            "sources that stand out from the noise",
            "is the noise that the weights say far too small, or the image full of structure that is no source?",
        ) from exc
    finally:
        sep.set_sub_object_limit(limit)
    found = found[has_shape(found, data.shape)]
    if len(found) == 0:
        return None
    return _measure_detections(found, data, noise, missing)


def _measure_detections(found, data, noise, missing):
    """Positions, Kron fluxes, half-light radii and shapes of detections in an image less its background."""
    x, y, a, b, theta = (found[name] for name in ("x", "y", "a", "b", "theta"))
    theta = np.clip(theta, -np.pi / 2, np.pi / 2)
    kron, _ = sep.kron_radius(data, x, y, a, b, theta, KRON_WINDOW, mask=missing)
    kron = np.where(np.isfinite(kron) & (kron > 0), kron, 1.0)
    scale = np.maximum(KRON_FACTOR * kron, MIN_KRON_PX / np.sqrt(np.maximum(a * b, 1e-6)))
    flux, error, _ = sep.sum_ellipse(data, x, y, a, b, theta, scale, err=noise, mask=missing, subpix=5)
    good = flux > 0
    norm = np.where(good, flux, 1.0)
    radius, _ = sep.flux_radius(data, x, y, KRON_WINDOW * a, 0.5, normflux=norm, mask=missing, subpix=5)
    return {
        "x": x,
        "y": y,
        "flux": np.where(good, flux, 0.0),
        "snr": flux / np.maximum(error, 1e-30),
        "half_light_radius": np.where(good & np.isfinite(radius), radius, 0.0),
        "axis_ratio": b / np.maximum(a, 1e-6),
        "peak": found["peak"],
    }


def has_shape(found, shape):
    """Which detections of `sep.extract` can be measured: centre inside the image, axes finite and above zero.

    Next to masked pixels and in noise-free wedges the second moments come out as NaN or zero; such a detection
    is a sliver of something, never a star.

    Parameters
    ----------
    found : structured ndarray
        With x, y, a, b, theta.
    shape : (ny, nx)

    Returns
    -------
    usable : (n,) bool ndarray
    """
    numbers = np.array([found[name] for name in ("x", "y", "a", "b", "theta")], dtype=float)
    x, y, a, b, _ = numbers
    inside = (x > -0.5) & (x < shape[1] - 0.5) & (y > -0.5) & (y < shape[0] - 0.5)
    return np.isfinite(numbers).all(axis=0) & inside & (a > 0) & (b > 0)


def _discs(shape, x, y, radius_px, use):
    """For every position in use: its index and the slices and boolean disc around it."""
    reach = int(np.ceil(radius_px))
    for i in np.flatnonzero(use):
        cy, cx = int(round(y[i])), int(round(x[i]))
        ya, yb, xa, xb = cy - reach, cy + reach + 1, cx - reach, cx + reach + 1
        inside = np.s_[max(ya, 0) : min(yb, shape[0]), max(xa, 0) : min(xb, shape[1])]
        grid_y, grid_x = np.ogrid[inside]
        yield i, inside, (grid_y - y[i]) ** 2 + (grid_x - x[i]) ** 2 <= radius_px**2


def _near_true(mask, x, y, radius_px):
    """Whether the square around each position holds a true pixel: most do not, and need no closer look."""
    if not mask.any():
        return np.zeros(len(x), dtype=bool)
    reach = int(np.ceil(radius_px))
    spread = ndimage.maximum_filter(mask, size=2 * reach + 1, mode="constant", cval=False)
    row, column = (
        np.clip(np.round(v).astype(int), 0, n - 1) for v, n in zip((y, x), mask.shape, strict=True)
    )
    return spread[row, column]


def _near_edge(shape, x, y, radius_px):
    """Whether the square around each position reaches beyond the array."""
    reach = np.ceil(radius_px) + 1
    return (x < reach) | (y < reach) | (x > shape[1] - 1 - reach) | (y > shape[0] - 1 - reach)


def _fraction_within(mask, x, y, radius_px, use, *, outside):
    """Fraction of true pixels of ``mask`` within a radius; pixels off the array count as ``outside``."""
    fraction = np.zeros(len(x))
    full = np.pi * radius_px**2
    use = use & (_near_true(mask, x, y, radius_px) | _near_edge(mask.shape, x, y, radius_px))
    for i, inside, disc in _discs(mask.shape, x, y, radius_px, use):
        lost = max(full - disc.sum(), 0.0) if disc.sum() < 0.9 * full else 0.0
        fraction[i] = (np.sum(mask[inside] & disc) + outside * lost) / max(full, 1.0)
    return fraction


def _touches(mask, x, y, radius_px, use):
    """Whether any pixel of ``mask`` lies within a radius of each position."""
    touched = np.zeros(len(x), dtype=bool)
    use = use & _near_true(mask, x, y, radius_px)
    for i, inside, disc in _discs(mask.shape, x, y, radius_px, use):
        touched[i] = np.any(mask[inside] & disc)
    return touched


def _flat_top(sci, found, radius_px):
    """Whether the core of a bright source has many pixels at one and the same maximum, see `FLAT_PX`."""
    flat = np.zeros(len(found["x"]), dtype=bool)
    bright = found["snr"] > FLAT_SNR
    for i, inside, disc in _discs(sci.shape, found["x"], found["y"], 2 * radius_px, bright):
        values = sci[inside][disc]
        top = values.max()
        flat[i] = np.sum(values > FLAT_SHARE * top) >= FLAT_PX
    return flat


def classify(found, locus, options, pixel_scale_arcsec):
    """Role and reason of every detection; the first reason that applies is the one given."""
    mag, radius = np.array(found["mag_auto"]), np.array(found["half_light_radius"])
    saturated = np.array(found["saturated"])
    distance = locus_distance(locus, mag, radius)
    on_locus = (np.abs(distance) < locus["window"]) & (radius < options.half_light_radius_max_px)
    # A saturated core is flat, so that the half-light radius is too large; the shape must decide.
    round_blot = saturated & (found["axis_ratio"] > BLOT_AXIS_RATIO)
    round_blot &= radius < BLOT_RADII * options.half_light_radius_max_px
    # Noise and lobes of the PSF make isophotes of stars oblong; compare with the stars themselves.
    typical = np.median(found["axis_ratio"][on_locus & ~saturated]) if np.any(on_locus & ~saturated) else 1.0
    star = np.where(saturated, round_blot, on_locus & (found["axis_ratio"] > ROUNDNESS * typical))
    core = (mag >= options.mag_min) & (mag <= options.mag_max)
    crowded = _crowded(found, options, pixel_scale_arcsec)
    reason = np.full(len(found), "", dtype="U10")
    tests = (
        ("galaxy", ~star),
        ("faint", mag > options.mag_max),
        ("bright", mag < options.mag_bright),
        ("edge", np.array(found["bad_outer"]) > MAX_UNEXPOSED),
        ("neighbour", crowded),
        ("saturated", saturated & (mag >= options.mag_min - SATURATED_BRIGHTER_MAG)),
        ("masked", ~saturated & (np.array(found["bad_core"]) > MAX_BAD_CORE)),
    )
    for name, failed in tests:
        reason[(reason == "") & failed] = name
    role = np.where(reason != "", ROLE_NONE, np.where(core, ROLE_CORE, ROLE_WING))
    return role, reason


def _crowded(found, options, pixel_scale_arcsec):
    """Whether another detection of enough flux lies within the isolation radius."""
    from scipy.spatial import cKDTree

    position = np.column_stack([found["x"], found["y"]])
    flux = 10 ** (-0.4 * np.array(found["mag_auto"]))
    crowded = np.zeros(len(found), dtype=bool)
    if len(found) < 2:
        return crowded
    reach = options.isolation_arcsec / pixel_scale_arcsec
    pairs = cKDTree(position).query_pairs(reach, output_type="ndarray")
    for a, b in ((pairs[:, 0], pairs[:, 1]), (pairs[:, 1], pairs[:, 0])):
        np.logical_or.at(crowded, a, flux[b] > options.neighbour_fraction * flux[a])
    return crowded


def write_stars(path, stars, *, meta=None):
    """Write the star list as an ECSV table."""
    stars.meta.update(meta or {})
    write_ecsv(path, stars)


def read_stars(path):
    """Read a star list written by `write_stars`; empty reasons are empty strings again."""
    stars = read_ecsv(path)
    for name in ("role", "reason"):
        stars[name] = [("" if value is np.ma.masked else str(value)) for value in stars[name]]
    return stars
