"""Magnifications of sources: a number for the field, a map on the sky, or columns of the source list.

A source's own value goes before the map or number of its field. Magnifications are absolute: the sign of a map, which
tells the parity of an image, is dropped. Errors are 1 sigma, in units of the magnification.
"""

import os
from dataclasses import dataclass

import numpy as np

from clusterphot.base import user_tables
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.files import near_hint

MAX_MAGNIFICATION = 1e4
"""Of a source larger than a star; what is beyond it is no magnification."""
MAP = "a FITS image of the magnification with celestial coordinates"
BLOCK_ROWS = 256
"""Rows of a map in memory at a time."""


@dataclass(frozen=True)
class Listed:
    """Magnifications in a source list, by id; NaN where a cell is empty.

    Attributes
    ----------
    value, error : dict of str to float
    """

    value: dict
    error: dict


def read_listed(path, where):
    """Columns ``magnification`` and ``magnification_err`` of a user's table.

    Parameters
    ----------
    path : str
    where : str
        Key that names the file, for messages.

    Returns
    -------
    listed : `Listed`
        Empty where the table has no such column.

    Raises
    ------
    DataError
        For values that are none, or an error without its value.
    """
    table = user_tables.read_user_table(path, where)
    if not table.find("magnification"):
        if table.find("magnification_err"):
            raise DataError(
                f"{path}, header",
                "magnification_err without magnification",
                "both columns, or only the latter",
            )
        return Listed({}, {})
    expected = f"a magnification above 0, at most {MAX_MAGNIFICATION:g}, or an empty cell"
    value = table.floats("magnification", low=1e-6, high=MAX_MAGNIFICATION, missing=True, expected=expected)
    error = np.full(len(value), np.nan)
    if table.find("magnification_err"):
        error = table.floats("magnification_err", low=0, missing=True, expected="an error, not negative")
    ids = table.ids()
    return Listed(dict(zip(ids, value.tolist(), strict=True)), dict(zip(ids, error.tolist(), strict=True)))


def check_entry(entry, where, positions):
    """Check the key ``magnification`` of a field before the run.

    Parameters
    ----------
    entry : dict
        ``value`` or ``map``, and ``error`` or ``error_fraction``, as the user gave them.
    where : str
        File and key, for messages.
    positions : (ra, dec) of float array_like, deg, or None
        Of the sources, where they have any; NaN where not known.

    Raises
    ------
    ConfigError, DataError
    """
    both, errors = (
        [key for key in keys if key in entry] for keys in (("value", "map"), ("error", "error_fraction"))
    )
    if len(both) != 1:
        got = " and ".join(both) or "neither value nor map"
        raise ConfigError(
            where, got, "either value (a number) or map (an image)", "for example {value: 5, error: 0.8}"
        )
    if len(errors) > 1:
        raise ConfigError(where, "error and error_fraction", "one of them")
    if isinstance(entry.get("error"), str) and "map" not in entry:
        raise ConfigError(
            f"{where}.error", f"{entry['error']!r}", "a number, beside a magnification that is one"
        )
    for key in ("map", "error"):
        if isinstance(entry.get(key), str):
            _check_map(entry[key], f"{where}.{key}", positions)


def _check_map(path, where, positions):
    """A map is there, can be read, and has a source in it."""
    if positions is None:
        hint = "give the table columns ra and dec, or the field one number, or the sources a column magnification."
        raise ConfigError(where, "a map for sources without positions", "sources with ra and dec", hint)
    if not os.path.isfile(path):
        raise DataError(f"{where} = {path}", "no such file", MAP, near_hint(path))
    hdu, wcs = _open_map(path)
    x, y = _pixels(wcs, *positions)
    if not _inside(x, y, hdu.shape).any():
        raise DataError(
            f"{where} = {path}", "a map beside the field", "one that covers at least one of its sources"
        )


def magnify(entry, listed, ids, ra=None, dec=None, *, in_lens=None):
    """Magnification and error of each source.

    Parameters
    ----------
    entry : dict or None
        Key ``magnification`` of the field; see `check_entry`.
    listed : `Listed`
    ids : sequence of str
    ra, dec : (n,) float array_like, deg, optional
        Needed for a map.
    in_lens : (n,) bool array_like, optional
        Of a list that names sources at other redshifts than the field's: those that are at the field's, and are taken
        to be in the lens. Without a value of their own their magnification is 1.

    Returns
    -------
    magnification, error : (n,) float ndarray
        NaN outside the map or without a value; errors NaN where none is given.
    """
    n = len(ids)
    value, error = np.full(n, np.nan), np.full(n, np.nan)
    entry = entry or {}
    if "map" in entry:
        value = np.abs(sample_map(entry["map"], ra, dec))
    elif "value" in entry:
        value = np.full(n, float(entry["value"]))
    value = np.where((value > 0) & (value <= MAX_MAGNIFICATION), value, np.nan)
    if isinstance(entry.get("error"), str):
        error = np.abs(sample_map(entry["error"], ra, dec))
    elif "error" in entry:
        error = np.full(n, float(entry["error"]))
    elif "error_fraction" in entry:
        error = entry["error_fraction"] * value
    if in_lens is not None:
        value, error = np.where(in_lens, 1.0, value), np.where(in_lens, 0.0, error)
    own = np.array([listed.value.get(name, np.nan) for name in ids], dtype=float)
    own_error = np.array([listed.error.get(name, np.nan) for name in ids], dtype=float)
    has_own = np.isfinite(own)
    value, error = np.where(has_own, own, value), np.where(has_own, own_error, error)
    return value, np.where(np.isfinite(value), error, np.nan)


def sample_map(path, ra, dec):
    """Values of a map at positions, bilinear between its pixels.

    Parameters
    ----------
    path : str
    ra, dec : (n,) float array_like, deg

    Returns
    -------
    values : (n,) float ndarray
        NaN outside the map, and beside a pixel that is NaN.
    """
    hdu, wcs = _open_map(path)
    x, y = _pixels(wcs, ra, dec)
    inside = _inside(x, y, hdu.shape)
    ny, nx = hdu.shape
    x, y = np.clip(np.where(inside, x, 0), 0, nx - 1), np.clip(np.where(inside, y, 0), 0, ny - 1)
    x0, y0 = np.minimum(x.astype(int), max(nx - 2, 0)), np.minimum(y.astype(int), max(ny - 2, 0))
    x1, y1 = np.minimum(x0 + 1, nx - 1), np.minimum(y0 + 1, ny - 1)
    fx, fy = x - x0, y - y0
    low, high = _points(hdu, (y0, y1), (x0, x1))
    rows = [left * (1 - fx) + np.where(fx > 0, right, 0) * fx for left, right in (low, high)]
    values = rows[0] * (1 - fy) + np.where(fy > 0, rows[1], 0) * fy
    return np.where(inside, values, np.nan)


def _points(hdu, pair_y, pair_x):
    """Pixels at two rows and two columns of each source, [row][column] of (n,); the image is read once, by blocks."""
    from clusterphot.mosaics.fits_rows import Rows

    values = [[np.full(len(y), np.nan) for _ in pair_x] for y in pair_y]
    with Rows(hdu) as rows:
        for first in range(0, hdu.shape[0], BLOCK_ROWS):
            block = rows.read(min(BLOCK_ROWS, hdu.shape[0] - first))
            for y, of_row in zip(pair_y, values, strict=True):
                here = (y >= first) & (y < first + len(block))
                for x, found in zip(pair_x, of_row, strict=True):
                    found[here] = block[y[here] - first, x[here]]
    return values


def _open_map(path):
    """First image of two axes of a file, and its WCS."""
    from clusterphot.mosaics.celestial import celestial_wcs
    from clusterphot.mosaics.fits_rows import is_image, walk

    for hdu in walk(path):
        if is_image(hdu) and len(hdu.shape) == 2:
            return hdu, celestial_wcs(hdu)[0]
    raise DataError(path, "no image of two axes", MAP)


def _pixels(wcs, ra, dec):
    """Pixels of positions; NaN where these are."""
    from clusterphot.mosaics.celestial import sky_to_pixel

    ra, dec = (np.asarray(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)) for values in (ra, dec))
    known = np.isfinite(ra) & np.isfinite(dec)
    x, y = np.full(len(ra), np.nan), np.full(len(ra), np.nan)
    if known.any():
        x[known], y[known] = sky_to_pixel(wcs, ra[known], dec[known])
    return x, y


def _inside(x, y, shape):
    """Positions on the pixels of an image of a shape, half pixels at its edges included."""
    with np.errstate(invalid="ignore"):
        return (x >= -0.5) & (x <= shape[1] - 0.5) & (y >= -0.5) & (y <= shape[0] - 0.5)
