"""Table of the WCS of the exposures that a mosaic was made of, as grizli writes it beside the mosaics (``*_wcs.csv``).

One row per file and extension: ``file``, ``ext``, ``exptime`` and the header of its WCS, keywords in lower case
(grizli, `drizzle_from_visit`; the DAWN JWST Archive has it beside its mosaics). It drizzled with these WCS, distortion
(SIP) included, so that a place of the mosaic is known in detector pixels as well as the exposures were aligned.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from astropy.table import Table

from clusterphot.base.errors import DataError

if TYPE_CHECKING:
    from astropy.wcs import WCS

LINEAR = (
    *(f"{name}{axis}" for name in ("crval", "crpix", "naxis", "cdelt") for axis in (1, 2)),
    *(f"{name}{i}_{j}" for name in ("cd", "pc") for i in (1, 2) for j in (1, 2)),
)
"""Columns of the linear part of a WCS."""

NEEDED = ("crval1", "crval2", "crpix1", "crpix2", "ctype1", "ctype2", "naxis1", "naxis2")
"""Columns without which there is no footprint; the matrix is in cdI_J or pcI_J."""

STEP_PX = 10.0
"""Pixels of the mosaic over which the axes of the detector are told from its WCS."""


@dataclass(frozen=True)
class ExposureWcs:
    """One file of the table.

    Attributes
    ----------
    wcs : `astropy.wcs.WCS`
    shape : (ny, nx) ints
    weight : float
        ExposureWcs time, s; 1 where the table does not tell.
    """

    wcs: "WCS"
    shape: tuple
    weight: float


@dataclass(frozen=True)
class Sightings:
    """Sources on one exposure.

    Attributes
    ----------
    rows : (n,) int ndarray
        Which of the sources.
    places : (n, 2) float ndarray
        x and y in detector pixels.
    axes : (n, 2, 2) float ndarray
        Unit vectors of the detector's x and y in pixels of the mosaic, one a row.
    weight : float
    """

    rows: np.ndarray
    places: np.ndarray
    axes: np.ndarray
    weight: float


def read_wcs_table(path, *, near=None):
    """Exposures of a table.

    Parameters
    ----------
    path : str
        csv.
    near : (ra, dec) of (n,) float ndarrays, deg, optional
        Leave out exposures that hold none of these.

    Returns
    -------
    exposures : list of ExposureWcs

    Raises
    ------
    DataError
        If it is no table, lacks columns, or a row holds no WCS.
    """
    try:
        table = Table.read(path, format="ascii.csv")
        for name in table.colnames:
            table.rename_column(name, name.strip().lower())
    except (OSError, ValueError, LookupError, TypeError, OverflowError) as exc:
        raise DataError(
            path, f"no table ({type(exc).__name__})", "a row per exposure, *_wcs.csv of grizli"
        ) from exc
    missing = [name for name in NEEDED if name not in table.colnames]
    if not any(name in table.colnames for name in ("cd1_1", "pc1_1")):
        missing.append("cd1_1")
    if missing or len(table) == 0:
        got = f"no column {', '.join(missing)}" if missing else "no rows"
        raise DataError(path, got, "a row per exposure with its WCS, as *_wcs.csv of grizli")
    rows = np.arange(len(table)) if near is None else np.flatnonzero(_holds_any(table, path, *near))
    return [_exposure(table[row], path, row + 1) for row in rows]


def _holds_any(table, path, ra, dec):
    """Rows whose footprint holds one of the places or is within a diagonal of it, (n,) bool; without the distortion."""
    try:
        columns = {name: np.asarray(table[name], dtype=float) for name in table.colnames if name in LINEAR}
    except (ValueError, TypeError) as exc:
        raise DataError(path, f"words among the numbers of a WCS ({exc})", "numbers") from exc
    matrix = {
        name: columns.get(f"cd{name}", columns.get(f"pc{name}", 0.0)) for name in ("1_1", "1_2", "2_1", "2_2")
    }
    if "cd1_1" not in columns:
        scales = [columns.get(f"cdelt{axis}", 1.0) for axis in (1, 2)]
        matrix = {name: value * scales[int(name[0]) - 1] for name, value in matrix.items()}
    # the middle of each, and half its diagonal, deg
    dx, dy = ((columns[f"naxis{axis}"] + 1) / 2 - columns[f"crpix{axis}"] for axis in (1, 2))
    east, north = (matrix[f"{row}_1"] * dx + matrix[f"{row}_2"] * dy for row in (1, 2))
    area = np.abs(matrix["1_1"] * matrix["2_2"] - matrix["1_2"] * matrix["2_1"])
    half = 0.5 * np.hypot(columns["naxis1"], columns["naxis2"]) * np.sqrt(area)
    middles = np.stack([columns["crval1"], columns["crval2"], east, north])[:, :, None]
    return np.any(_distance_deg(ra, dec, *middles) < 2.0 * half[:, None], axis=1)


def _distance_deg(ra, dec, ra0, dec0, east=0.0, north=0.0):
    """Distance from a place and an offset from it, on the plane; right within a degree or two."""
    offset = np.mod(np.asarray(ra) - ra0 + 180.0, 360.0) - 180.0
    return np.hypot(offset * np.cos(np.radians(dec0)) - east, np.asarray(dec) - dec0 - north)


def sightings(exposures, mosaic_wcs, x, y):
    """Where sources lie on the exposures that hold them.

    Parameters
    ----------
    exposures : sequence of ExposureWcs
    mosaic_wcs : `astropy.wcs.WCS`
    x, y : (n,) float ndarray
        Places in the mosaic, pixels (0-based).

    Returns
    -------
    seen : list of Sightings
        One for each exposure that holds a source.
    """
    shifted = [mosaic_wcs.all_pix2world(x + dx, y + dy, 0) for dx, dy in ((0, 0), (STEP_PX, 0), (0, STEP_PX))]
    seen = []
    for exposure in exposures:
        rows = np.flatnonzero(_is_near(exposure.wcs, exposure.shape, *shifted[0]))
        if len(rows) == 0:
            continue
        here, along_x, along_y = (
            np.stack(exposure.wcs.all_world2pix(ra[rows], dec[rows], 0, quiet=True, adaptive=True), axis=1)
            for ra, dec in shifted
        )
        ny, nx = exposure.shape
        inside = (here >= -0.5).all(axis=1) & (here[:, 0] < nx - 0.5) & (here[:, 1] < ny - 0.5)
        # change of detector x (and y) along the mosaic's x and y: a row each
        axes = np.stack([along_x - here, along_y - here], axis=2)[inside]
        axes /= np.linalg.norm(axes, axis=2, keepdims=True)
        if inside.any():
            seen.append(Sightings(rows[inside], here[inside], axes, exposure.weight))
    return seen


def _exposure(row, path, number):
    """`ExposureWcs` of a row."""
    from astropy.wcs import WCS, FITSFixedWarning

    values = {name: row[name] for name in row.colnames if not np.ma.is_masked(row[name])}
    try:
        header = _header(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header, relax=True)
        shape = int(values["naxis2"]), int(values["naxis1"])
        usable = wcs.has_celestial and min(shape) > 0
        weight = float(values.get("exptime", 1.0))
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as exc:
        raise DataError(f"{path}, row {number}", f"no WCS ({exc})", "keywords of a celestial WCS") from exc
    if not usable:
        raise DataError(
            f"{path}, row {number}", "no celestial WCS, or no pixels", "keywords of a celestial WCS"
        )
    return ExposureWcs(wcs, shape, weight if 0 < weight < np.inf else 1.0)


def _header(values):
    """Header of the keywords in a row."""
    header = fits.Header()
    linear = "pc" if "cd1_1" in values else "cd"
    for name, value in values.items():
        # astropy writes cdelt of 1 beside a matrix, and would warn of both
        if (
            name in ("file", "ext", "exptime")
            or name.startswith(linear)
            or (name.startswith("cdelt") and linear == "pc")
        ):
            continue
        header[name.upper()[:8]] = value.item() if hasattr(value, "item") else value
    return header


def _is_near(wcs, shape, ra, dec):
    """Places nearer to the middle of an exposure than its diagonal, without inverting its distortion."""
    ny, nx = shape
    (ra0, dec0), (ra1, dec1) = wcs.wcs_pix2world([[(nx - 1) / 2, (ny - 1) / 2], [nx - 1.0, ny - 1.0]], 0)
    return _distance_deg(ra, dec, ra0, dec0) < 2.0 * _distance_deg(ra1, dec1, ra0, dec0)
