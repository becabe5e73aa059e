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

NEEDED = ("crval1", "crval2", "crpix1", "crpix2", "ctype1", "ctype2", "naxis1", "naxis2")
"""Columns without which there is no footprint; the matrix is in cdI_J or pcI_J."""

STEP_PX = 10.0
"""Pixels of the mosaic over which the axes of the detector are told from its WCS."""


@dataclass(frozen=True)
class Exposure:
    """One file of the table.

    Attributes
    ----------
    wcs : `astropy.wcs.WCS`
    shape : (ny, nx) ints
    weight : float
        Exposure time, s; 1 where the table does not tell.
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
    exposures : list of Exposure

    Raises
    ------
    DataError
        If it is no table, lacks columns, or a row holds no WCS.
    """
    try:
        table = Table.read(path, format="ascii.csv")
    except (OSError, ValueError, LookupError, TypeError, OverflowError) as exc:
        raise DataError(
            path, f"no table ({type(exc).__name__})", "a row per exposure, *_wcs.csv of grizli"
        ) from exc
    for name in table.colnames:
        table.rename_column(name, name.strip().lower())
    missing = [name for name in NEEDED if name not in table.colnames]
    if not any(name in table.colnames for name in ("cd1_1", "pc1_1")):
        missing.append("cd1_1")
    if missing or len(table) == 0:
        got = f"no column {', '.join(missing)}" if missing else "no rows"
        raise DataError(path, got, "a row per exposure with its WCS, as *_wcs.csv of grizli")
    exposures = [_exposure(row, path, number, near) for number, row in enumerate(table, start=1)]
    return [exposure for exposure in exposures if exposure is not None]


def sightings(exposures, mosaic_wcs, x, y):
    """Where sources lie on the exposures that hold them.

    Parameters
    ----------
    exposures : sequence of Exposure
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
            np.stack(exposure.wcs.all_world2pix(ra[rows], dec[rows], 0, quiet=True), axis=1)
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


def _exposure(row, path, number, near):
    """`Exposure` of a row; None where it holds none of the places."""
    from astropy.wcs import WCS, FITSFixedWarning

    values = {name: row[name] for name in row.colnames if not np.ma.is_masked(row[name])}
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header, relax=True)
        shape = int(values["naxis2"]), int(values["naxis1"])
        usable = wcs.has_celestial and min(shape) > 0
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as exc:
        raise DataError(f"{path}, row {number}", f"no WCS ({exc})", "keywords of a celestial WCS") from exc
    if not usable:
        raise DataError(
            f"{path}, row {number}", "no celestial WCS, or no pixels", "keywords of a celestial WCS"
        )
    weight = float(values.get("exptime", 1.0))
    if near is not None and not _is_near(wcs, shape, *near).any():
        return None
    return Exposure(wcs, shape, weight if weight > 0 else 1.0)


def _is_near(wcs, shape, ra, dec):
    """Places nearer to the middle of an exposure than twice half its diagonal, without inverting its distortion."""
    ny, nx = shape
    middle = wcs.wcs_pix2world([[(nx - 1) / 2, (ny - 1) / 2], [nx - 1.0, ny - 1.0]], 0)
    cos = np.cos(np.radians(middle[0, 1]))
    half_deg = np.hypot((middle[1, 0] - middle[0, 0]) * cos, middle[1, 1] - middle[0, 1])
    offset = np.mod(ra - middle[0, 0] + 180.0, 360.0) - 180.0
    return np.hypot(offset * cos, dec - middle[0, 1]) < 2.0 * half_deg
