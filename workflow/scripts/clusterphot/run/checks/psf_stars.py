"""Will there be stars for the PSFs? A count on a few tiles of the reference filter.

Stars are found and told from galaxies as the run does it (`clusterphot.psf.stars`), on part of the image only, so
that the number is an estimate unless the mosaic is small. Magnitudes AB, radii in pixels.
"""

import numpy as np
from astropy.table import Table, vstack

from clusterphot.base.errors import DataError
from clusterphot.base.fits_headers import is_gzip
from clusterphot.base.products import Mosaic
from clusterphot.config.keys import keys_of
from clusterphot.config.psf import StarKeys
from clusterphot.mosaics.convert import convert_pixels
from clusterphot.psf.locus import fit_locus
from clusterphot.psf.stars import ROLE_CORE, ROLE_WING, StarOptions, classify, detect
from clusterphot.run.checks import samples
from clusterphot.run.checks.findings import ERROR, LATER, OK, UNSEEN, WARNING
from clusterphot.run.checks.images import text_of

TILE_PX = 1024
N_TILES, N_TILES_DEEP = 3, 16
MIN_CORE_STARS = 8
"""With fewer the error of the PSF grows beyond that of the photometry."""


def check_stars(settings, name, entry, bands, findings, *, deep=False):
    """Count PSF stars in a field's reference filter, unless all PSFs are the user's own.

    Parameters
    ----------
    settings : `clusterphot.run.checks.settings.Settings`
    name : str
    entry : dict
        The field's section.
    bands : dict of str to `clusterphot.run.checks.images.Band`
    findings : `clusterphot.run.checks.findings.Findings`
    deep : bool, optional
        Look at more tiles.
    """
    reference, mosaics = text_of(entry, "reference_filter"), entry["mosaics"]
    note, band = findings.at(name, str(reference or "")), bands.get(reference)
    without = [filt for filt, values in mosaics.items() if isinstance(values, dict) and not values.get("psf")]
    if not without:
        note.add(OK, "PSF stars", "none needed: every filter has a PSF of the user")
        return
    if band is None or band.seen is None:
        return
    if not band.seen.complete:
        note.add(UNSEEN, "PSF stars", f"{band.info.sci.path}: not counted; {LATER}")
        return
    options = star_options(settings.config["psf"], overlap_px=0)
    row_weights = band.seen.rows[1]
    boxes = choose_tiles(band.info.shape, row_weights, N_TILES_DEEP if deep else N_TILES)
    if boxes:
        factor = mosaics[reference].get("zero_point_factor", 1.0)
        factor = factor if isinstance(factor, int | float) and factor > 0 else 1.0  # the schema named it
        counts = _count(band.info, boxes, options, factor)
        exposed = float(np.mean(np.isfinite(row_weights) & (row_weights > 0)))
        _judge(counts, band.info, boxes, exposed, options, without, note)


def star_options(psf, **more):
    """`StarOptions` from the section psf of a configuration."""
    return StarOptions(**{name: psf[name] for name in keys_of(StarKeys)}, **more)


def choose_tiles(shape, row_weights, n_tiles):
    """Tiles that hold most exposed pixels, far from one another among those.

    Parameters
    ----------
    shape : (ny, nx)
    row_weights : (n, nx) float ndarray
        Weights of rows spread evenly over the image.
    n_tiles : int

    Returns
    -------
    boxes : list of (y0, y1, x0, x1)
    """
    ny, nx = shape
    rows = np.linspace(0, len(row_weights), max(1, round(ny / TILE_PX)) + 1).astype(int)
    edges = [np.linspace(0, size, max(1, round(size / TILE_PX)) + 1).astype(int) for size in (ny, nx)]
    tiles = []
    for j, (y0, y1) in enumerate(zip(edges[0][:-1], edges[0][1:], strict=True)):
        for x0, x1 in zip(edges[1][:-1], edges[1][1:], strict=True):
            part = row_weights[rows[j] : max(rows[j + 1], rows[j] + 1), x0:x1]
            tiles.append(
                (float(np.mean(np.isfinite(part) & (part > 0))), (int(y0), int(y1), int(x0), int(x1)))
            )
    best = max((share for share, _ in tiles), default=0.0)
    good = [box for share, box in tiles if share > max(0.1, 0.8 * best)]
    chosen = good[:1]
    while good and len(chosen) < min(n_tiles, len(good)):
        centre = np.array([[b[0] + b[1], b[2] + b[3]] for b in good], float)
        taken = np.array([[b[0] + b[1], b[2] + b[3]] for b in chosen], float)
        distance = np.min(np.hypot(*(centre[:, None] - taken[None]).transpose(2, 0, 1)), axis=1)
        chosen.append(good[int(np.argmax(distance))])
    return chosen


def _count(info, boxes, options, factor):
    """Numbers of core and wing stars in the boxes, or None where nothing lies on a stellar locus."""
    seen, found = samples.look(info, boxes, deep=is_gzip(info.sci.path) or is_gzip(info.weight.path)), []
    for sci, weight in seen.boxes:
        flux, ivar = convert_pixels(sci, weight, info.unit_factor_njy * factor, weight_kind=info.weight_kind)
        mosaic = Mosaic(flux, ivar, info.wcs, info.pixel_scale_arcsec)
        found.append(detect(mosaic, options))
        found[-1]["x"] += len(found) * 1e6  # tiles are no neighbours
    found = vstack(found) if found else Table()
    if len(found) == 0:
        return None
    locus = fit_locus(found["mag_auto"], found["half_light_radius"], ~found["saturated"], options)
    if locus is None:
        return None
    role, _ = classify(found, locus, options, info.pixel_scale_arcsec)
    return int(np.sum(role == ROLE_CORE)), int(np.sum(role == ROLE_WING))


def _judge(counts, info, boxes, exposed, options, without, note):
    """Say whether the stars that were found will do."""
    area = sum((b[1] - b[0]) * (b[3] - b[2]) for b in boxes)
    scale = max(1.0, exposed * info.shape[0] * info.shape[1] / area)
    whole = scale < 1.2
    looked = "the whole image" if whole else f"{len(boxes)} tiles, {1 / scale:.0%} of the image"
    limits = f"{options.mag_min:g}-{options.mag_max:g} AB, half-light radius < {options.half_light_radius_max_px:g} px"
    hint = f"give `psf: file` for {', '.join(without)}, or widen psf.mag_min and psf.mag_max."
    core, wing = counts or (0, 0)
    many = core if whole else round(core * scale)
    if core == 0:
        error = DataError(info.sci.path, f"no PSF star in {looked}", f"stars of {limits}", hint)
        note.add(ERROR if whole else WARNING, "PSF stars", error)
    elif many < MIN_CORE_STARS:
        error = DataError(
            info.sci.path,
            f"about {many} PSF stars ({core} in {looked})",
            f"{MIN_CORE_STARS} of {limits}",
            hint,
        )
        note.add(WARNING, "PSF stars", error)
    else:
        note.add(OK, "PSF stars", f"about {many}: {core} for the core and {wing} brighter ones in {looked}")
