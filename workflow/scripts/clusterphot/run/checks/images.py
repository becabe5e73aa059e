"""Checks of the mosaics of one field: files and headers, source list, and a sample of their pixels.

Headers go through `clusterphot.mosaics.headers`; of gzip files only the first rows are looked at, unless deep.
Fluxes nJy per pixel, depths AB mag, angles arcsec.
"""

import difflib
import os
from dataclasses import dataclass

import numpy as np

from clusterphot.base.errors import ConfigError, DataError, UserError
from clusterphot.base.files import near_hint
from clusterphot.base.secrets import is_url
from clusterphot.mosaics.celestial import sky_to_pixel
from clusterphot.mosaics.convert import check_counts, check_depth, check_noise, depth_mag, doubts
from clusterphot.mosaics.drizzling import N_EXPOSURES
from clusterphot.mosaics.headers import check_gain, check_overlap, contradicting_filter, inspect_mosaic
from clusterphot.mosaics.naming import describe
from clusterphot.mosaics.weights import measure_scatter
from clusterphot.run import image_fields
from clusterphot.run.checks import compare, samples, sky
from clusterphot.run.checks.findings import ERROR, LATER, OK, UNSEEN, WARNING

N_STAMPS = 200


@dataclass(frozen=True)
class Band:
    """One filter of a field as far as it could be read.

    Attributes
    ----------
    info : `clusterphot.mosaics.headers.MosaicInfo`
    seen : `clusterphot.run.checks.samples.Seen` or None
    tile : `clusterphot.run.checks.sky.Tile` or None
        Around the densest place of the source list, on the grid common to all filters.
    depth_mag : float
        5-sigma limit (AB) in 0.1 arcsec radius, white noise; NaN if unknown.
    stamps : tuple of (sci, weight)
        Around listed sources, in the reference filter.
    """

    info: object
    seen: object = None
    tile: object = None
    depth_mag: float = float("nan")
    stamps: tuple = ()


def check_mosaics(settings, name, entry, positions, findings, *, deep=False, pixels=True):
    """All checks of a field's mosaics.

    Parameters
    ----------
    settings : `clusterphot.run.checks.settings.Settings`
    name : str
    entry : dict
        The field's section; what the schema refuses is skipped.
    positions : (ids, ra, dec) or None
        The source list.
    findings : `clusterphot.run.checks.findings.Findings`
    deep : bool, optional
        Read every pixel.
    pixels : bool, optional
        Whether to look at pixels at all, or at headers alone.

    Returns
    -------
    bands : dict of str to Band
        Empty without pixels.
    """
    mosaics, where, reference = entry["mosaics"], settings.where(name), text_of(entry, "reference_filter")
    _check_reference(reference, mosaics, where, findings.at(name))
    infos = {}
    for filt, values in mosaics.items():
        if isinstance(values, dict) and isinstance(values.get("sci"), str):
            key = f"{where}.mosaics.{filt}"
            infos[filt] = _check_headers(key, filt, values, findings.at(name, filt), deep)
            _check_exposures(key, values, positions, infos[filt], filt, findings.at(name, filt))
    infos = {filt: info for filt, info in infos.items() if info is not None}
    inside = _check_overlaps(name, infos, positions, findings)
    if not pixels:
        return {}
    middle = _densest_place(infos, inside, positions)
    bands = {}
    for filt, info in infos.items():
        listed = None if positions is None else [np.asarray(part)[inside[filt]] for part in positions]
        total = 0 if positions is None else len(positions[0])
        note, stamps = findings.at(name, filt), filt == reference
        bands[filt] = _look(info, listed, total, middle, stamps, note, deep)
    compare.compare_depths(name, bands, findings)
    compare.compare_tiles(name, reference, bands, findings)
    if reference in bands:
        compare.check_list_shift(entry.get("sources"), bands[reference], findings.at(name, reference))
    compare.find_forgotten(mosaics, bands, findings.at(name))
    return bands


# ---------------------------------------------------------------------------------------------- headers


def text_of(section, key):
    """Value of a key if it is text; None if it is missing or, as the schema says elsewhere, of another kind."""
    value = section.get(key)
    return value if isinstance(value, str) else None


def _check_reference(reference, mosaics, where, note):
    """The reference filter is one of the field's."""
    if reference not in mosaics:
        near = difflib.get_close_matches(str(reference), mosaics, n=1)
        got = "nothing" if reference is None else repr(reference)
        expected = f"one of the field's filters: {', '.join(map(str, mosaics))}"
        hint = f"did you mean {near[0]!r}?" if near else "sources are centred in this filter."
        note.add(ERROR, "reference", ConfigError(f"{where}.reference_filter", got, expected, hint))


def _check_headers(key, filt, values, note, deep):
    """Files and headers of one filter; the `MosaicInfo`, or None where it cannot be had."""
    here = True
    for kind in ("sci", "wht", "err"):
        path = text_of(values, kind)
        if is_url(path or ""):
            note.attempt("files", image_fields.check_url, path, f"{key}.{kind}")
            note.add(UNSEEN, "files", f"{path}: fetched by the run")
            here = False
        elif path is not None and not os.path.isfile(path):
            error = DataError(f"{key}.{kind} = {path}", "no such file", "a mosaic", near_hint(path))
            note.add(ERROR, "files", error)
            here = False
    info = None
    if here:
        wht, err = text_of(values, "wht"), text_of(values, "err")
        info = note.attempt("headers", inspect_mosaic, values["sci"], wht, err=err, deep=deep)
    error, source = contradicting_filter(info, filt) if info is not None else (None, "")
    psf = text_of(values, "psf")
    if psf is not None and not (error is not None and source == "header"):  # one wrong key is one mistake
        share = values.get("psf_encircled_energy")
        notes = note.attempt(
            "psf", image_fields.check_psf, psf, f"{key}.psf", filt, info, encircled_energy=share
        )
        for text in notes or ():
            note.add(WARNING, "psf", f"{psf}: {text}")
        if notes == []:
            note.add(OK, "psf", f"{psf}: a PSF on the pixels of the mosaic")
    if info is None:
        return None
    note.add(OK, "headers", describe(info))
    note.attempt("gain", check_gain, info, values.get("gain_e_per_njy"))
    for text in info.notes:
        note.add(WARNING, "headers", text)
    if error is not None:
        note.add(ERROR if source == "header" else WARNING, "filter", error)
    return info


def _check_exposures(key, values, positions, info, filt, note):
    """What the error of fluxes by dither phase will rest on."""
    path = text_of(values, "exposures")
    if path is not None:
        ra, dec = ([], []) if positions is None else positions[1:]
        text = note.attempt("exposures", image_fields.check_exposures, path, f"{key}.exposures", ra, dec)
        if text is not None:
            note.add(OK, "exposures", text)
    elif info is not None and values.get("phase_error") is None:
        said = info.drizzling(filt)
        if said.native_pixel_arcsec is None and values.get("native_pixel_arcsec") is None:
            text = "detector not known: fluxes get no error by dither phase; name native_pixel_arcsec or phase_error"
            note.add(WARNING, "exposures", text)
        elif values.get("n_exposures") is None and said.n_combined is None:
            text = f"number of exposures not known, {N_EXPOSURES} assumed for the error by dither phase (n_exposures)"
            note.add(OK, "exposures", text)


# ------------------------------------------------------------------------------------------ source list


def _check_overlaps(name, infos, positions, findings):
    """Listed sources on each image, by filter; a list that misses all images is said once."""
    inside, errors = {}, {}
    for filt, info in infos.items() if positions is not None else ():
        try:
            inside[filt] = check_overlap(info, *positions[1:])
        except UserError as error:
            inside[filt], errors[filt] = np.zeros(len(positions[0]), bool), error
    if errors and len(errors) == len(infos):
        filt, error = next(iter(errors.items()))
        hint = _why_outside(infos[filt], *positions[1:]) or error.hint
        findings.at(name).add(ERROR, "sources", DataError(error.where, error.got, error.expected, hint))
        return inside
    _check_outside(inside, positions, findings.at(name))
    for filt, error in errors.items():
        hint = "other filters hold sources: is the WCS of this mosaic right, and is it of this field?"
        error = DataError(error.where, error.got, error.expected, hint)
        findings.at(name, filt).add(ERROR, "overlap", error)
    return inside


def _check_outside(inside, positions, note):
    """Listed sources that lie on no image at all: they have no flux, in whatever filter."""
    nowhere = ~np.logical_or.reduce(list(inside.values())) if inside else np.zeros(0, bool)
    if not nowhere.any():
        return
    ids, ra, dec = (np.asarray(part)[nowhere] for part in positions)
    some = ", ".join(
        f"{str(own)!r} at RA {a:.5f}, Dec {d:.5f}" for own, a, d in list(zip(ids, ra, dec, strict=True))[:3]
    )
    note.add(
        WARNING,
        "sources",
        f"{nowhere.sum()} of {len(nowhere)} sources lie on none of the images ({some}); all their fluxes will be NaN.",
    )


def _why_outside(info, ra, dec):
    """Hint for a list of which no source lies on an image, if other units would bring it there."""
    guesses = {
        "ra is in hours: multiply it by 15.": (ra * 15.0, dec),
        "ra and dec are exchanged.": (dec, ra),
        "ra and dec are in radians: multiply them by 57.29578.": (np.rad2deg(ra), np.rad2deg(dec)),
        "ra counts the wrong way: take 360 - ra.": ((360.0 - ra) % 360.0, dec),
        "the sign of dec is wrong.": (ra, -dec),
    }
    for hint, (a, d) in guesses.items():
        if np.all(np.abs(d) <= 90) and np.all((a >= 0) & (a <= 360)):
            try:
                check_overlap(info, a, d)
            except UserError:
                continue
            return hint
    return ""


def _densest_place(infos, inside, positions):
    """Position (ra, dec) of the listed source with most others within 5 arcsec, of those on most images.

    The middle of the first image where no source lies on any; None without images.
    """
    if not infos:
        return None
    if positions is None or not any(flags.any() for flags in inside.values()):
        info = next(iter(infos.values()))
        ny, nx = info.shape
        return tuple(float(np.ravel(v)[0]) for v in info.wcs.all_pix2world((nx - 1) / 2, (ny - 1) / 2, 0))
    _, ra, dec = positions
    x, few = ra * np.cos(np.deg2rad(np.median(dec))), slice(0, 500)
    near = np.hypot(x[:, None] - x[None, few], dec[:, None] - dec[None, few]) < 5.0 / 3600.0
    best = int(np.lexsort((near.sum(axis=1), np.sum(list(inside.values()), axis=0)))[-1])
    return float(ra[best]), float(dec[best])


# ----------------------------------------------------------------------------------------------- pixels


def _look(info, listed, total, middle, with_stamps, note, deep):
    """Look at pixels of one filter, say what is wrong with them; a `Band`."""
    if info.weight is None:
        note.add(UNSEEN, "pixels", f"{info.sci.path}: weights lie behind the image in a .gz; {LATER}")
        return Band(info)
    points, boxes = None, [sky.tile_box(info, middle)]
    if listed is not None and len(listed[0]):
        x, y = sky_to_pixel(info.wcs, *listed[1:])
        points = np.clip(np.rint(np.column_stack([y, x])).astype(int), 0, np.array(info.shape) - 1)
        step = max(1, len(x) // N_STAMPS)
        boxes += sky.stamp_boxes(info, x[::step], y[::step]) if with_stamps else []
    seen = note.attempt("pixels", samples.look, info, boxes, points, deep=deep)
    if seen is None:
        return Band(info)
    depth = _check_pixels(info, seen, note)
    if points is not None and (seen.counts.good or not seen.complete):
        _check_points(listed[0], total, seen, note)
    tile, pixels = None, seen.boxes[0]
    if pixels is not None and pixels[0].size:
        tile = sky.make_tile(info, samples.clip_box(boxes[0], info.shape), *pixels, middle)
    return Band(info, seen, tile, depth, tuple(pair for pair in seen.boxes[1:] if pair is not None))


def _check_pixels(info, seen, note):
    """Values and weights of the rows that were looked at; returns the depth in AB mag."""
    counts, share = seen.counts, f"{seen.n_rows} of {info.shape[0]} rows"
    if counts.good == 0 and not seen.complete:
        note.add(UNSEEN, "pixels", f"{info.sci.path}: no data in the first {share}; {LATER}")
        return float("nan")
    usable = note.passes("pixels", check_counts, info, counts)
    depth = _check_noise(info, seen, note) if usable else float("nan")
    good = counts.good / counts.total
    if usable and np.isfinite(depth):
        note.add(OK, "pixels", f"{good:.0%} usable in {share}; 5 sigma in 0.1 arcsec radius: {depth:.1f} AB")
    return depth


def _check_noise(info, seen, note):
    """Scatter of the pixels against plausible depths and against the weights; returns the depth in AB mag."""
    scatter = measure_scatter(*seen.rows)
    if scatter is None:
        return float("nan")
    alike = not scatter.sigma > 0
    if not note.passes("pixels" if alike else "unit", check_depth, info, scatter) and alike:
        return float("nan")
    if note.passes("weights", check_noise, info, scatter):
        for doubt in doubts(info, seen.counts, scatter):
            note.add(WARNING, "weights" if doubt.where == info.weight.path else "pixels", doubt)
    return depth_mag(info, scatter)


def _check_points(ids, total, seen, note):
    """How many listed sources lie on the image, and on pixels with data."""
    known = seen.point_seen
    good = np.isfinite(seen.points[0]) & np.isfinite(seen.points[1]) & (seen.points[1] > 0)
    text = f"{len(ids)} of {total} sources on the image"
    if not known.any():
        note.add(UNSEEN, "sources", f"{text}; whether on data is not known, {LATER}")
        return
    text += f", {good.sum()} of {known.sum()} on pixels with data"
    lost = [name for name, is_lost in zip(ids, known & ~good, strict=True) if is_lost]
    some = f" (for example {', '.join(map(repr, lost[:3]))})" if lost else ""
    if known.all() and not good.any():
        note.add(ERROR, "sources", f"{text}. Hint: is it the list of this part of the field?")
    elif len(ids) < 0.5 * total or good.sum() < 0.5 * known.sum():
        note.add(WARNING, "sources", f"{text}{some}; the others will be NaN.")
    else:
        note.add(OK, "sources", text)
