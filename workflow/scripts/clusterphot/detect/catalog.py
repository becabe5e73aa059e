"""Table of candidates of one box, from what the finder found: positions, fluxes, moments, masks around them.

Positions are pixels of the reference mosaic and ICRS degrees, fluxes nJy, moments mas2.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.detect import masks
from clusterphot.detect.finder import BoxFinder
from clusterphot.detect.kernels import ELONGATION_CROSS, ELONGATION_PLUS, FLUX, SIZE
from clusterphot.detect.selection import MOMENTS

MIN_SNR_SHAPE = 3.0
"""Signal to noise in a filter from which a source has a shape there: fainter ones are blobs of noise."""

MOMENT_ROWS = dict(zip(MOMENTS, (SIZE, ELONGATION_PLUS, ELONGATION_CROSS), strict=True))
"""Row of the shape filters of each moment."""


@dataclass(frozen=True)
class BoxResult:
    """Candidates of one box and its maps.

    Attributes
    ----------
    table : `astropy.table.Table`
    lost : dict of str to (ny, nx) bool ndarray
        Pixels of the box that were not searched, by reason.
    noise : (ny, nx) float32 ndarray, nJy
        Local noise of the reference filter's flux map, of the box alone; NaN where nothing was searched.
    light : (ny, nx) float32 ndarray, nJy/arcsec2
        Light without the point sources in the reference filter, of the box alone.
    negative : `astropy.table.Table` or None
        Candidates of the negative image.
    probed_noise, probed_light : (m, k) and (m,) float ndarray or None
        Noise of all bands and light at the positions asked for.
    """

    table: Table
    lost: dict
    noise: np.ndarray
    light: np.ndarray
    negative: Table | None = None
    probed_noise: np.ndarray | None = None
    probed_light: np.ndarray | None = None


def detect_box(
    bands, reference, box, options, selection, *, stars=None, extra=None, probe=None, negative=False
):
    """Candidates whose position lies in a box.

    Parameters
    ----------
    bands : list of `clusterphot.detect.planes.SearchBand`
    reference : int
    box : (y0, y1, x0, x1)
        Pixels of the reference mosaic.
    options : `clusterphot.detect.finder.FinderOptions`
    selection : `clusterphot.detect.selection.SelectionOptions`
        For the masks.
    stars : `clusterphot.detect.star_wings.BrightStars`, optional
        Those whose wings are masked.
    extra : function, optional
        See `BoxFinder`.
    probe : (x, y), optional
        Positions, pixels of the reference mosaic, at which noise and light are wanted.
    negative : bool, optional
        Search also the negative of what is left.

    Returns
    -------
    result : `BoxResult`
    """
    finder = BoxFinder(bands, reference, box, options, extra=extra)
    found = finder.run()
    plane, margin = finder.planes[reference], finder.margin
    light = masks.surface_brightness(plane.residual(), finder.scale)
    wings = np.zeros(light.shape, dtype=bool)
    if stars is not None:
        wings = stars.mask(plane, options.threshold_sigma)
    lost = masks.searchable(plane, light, selection, wings)
    inner = np.s_[margin : margin + box[1] - box[0], margin : margin + box[3] - box[2]]
    shares = {name: mask[inner] for name, mask in lost.items()}
    unusable = np.logical_or.reduce(list(shares.values()))
    values = {
        "table": _table(found, finder, light, lost, box),
        "lost": shares,
        "noise": np.where(unusable, np.float32(np.nan), found.maps[reference].noise[inner]),
        "light": light[inner],
    }
    if probe is not None:
        x, y = np.asarray(probe[0]) - box[2] + margin, np.asarray(probe[1]) - box[0] + margin
        values["probed_light"] = masks.at_pixels(light, x, y).astype(float)
        values["probed_noise"] = np.stack(
            [
                masks.at_pixels(maps.noise, *band_plane.position(x, y)).astype(float)
                for maps, band_plane in zip(found.maps, finder.planes, strict=True)
            ],
            axis=1,
        )
    if negative:
        values["negative"] = _table(finder.run_negative(), finder, light, lost, box)
    return BoxResult(**values)


def _table(found, finder, light, lost, box):
    """Rows of the candidates in the box, brightest first."""
    reference, planes, margin = finder.reference, finder.planes, finder.margin
    x, y = found.x + box[2] - margin, found.y + box[0] - margin
    inside = (y >= box[0] - 0.5) & (y < box[1] - 0.5) & (x >= box[2] - 0.5) & (x < box[3] - 0.5)
    rows = np.flatnonzero(inside)
    found = found.keep(rows)
    table = Table({"x": x[rows], "y": y[rows], "snr": found.snr, "found_in": found.found_in})
    sky = finder.bands[reference].mosaic.wcs.celestial.all_pix2world(table["x"], table["y"], 0)
    table["ra"], table["dec"] = np.asarray(sky[0], dtype=float), np.asarray(sky[1], dtype=float)
    for k, (band, plane) in enumerate(zip(finder.bands, planes, strict=True)):
        table[f"flux_{band.name}"] = found.flux[:, k]
        table[f"flux_err_{band.name}"] = found.error[:, k]
        table[f"noise_{band.name}"] = found.noise[:, k]
        for name, values in _moments(found, k, band, plane).items():
            table[f"{name}_{band.name}"] = values
    plane = planes[reference]
    missing = masks.missing_fraction(plane.bad, plane.band.kernels.radius)
    table["missing"] = masks.at_pixels(missing, found.x, found.y).astype(float)
    table["near_hole"] = masks.at_pixels(lost["saturated"], found.x, found.y)
    table["near_star"] = masks.at_pixels(lost["star"], found.x, found.y)
    table["surface_brightness"] = masks.at_pixels(light, found.x, found.y).astype(float)
    table["stands_out"] = _stands_out(found, finder)
    return table


def _moments(found, k, band, plane):
    """Moments beyond the PSF of one band and their errors, mas2, in the axes of the reference filter."""
    flux = found.shape[:, k, FLUX]
    good = np.isfinite(flux) & (flux > MIN_SNR_SHAPE * found.noise[:, k])
    flux = np.where(good, flux, np.nan)
    values = {
        name: band.moment_unit_mas2 * found.shape[:, k, row] / flux for name, row in MOMENT_ROWS.items()
    }
    values["plus"], values["cross"] = to_reference_axes(values["plus"], values["cross"], plane.matrix)
    # errors from the noise of the flux map around the source, which all filters see alike
    unit = band.moment_unit_mas2 * found.noise[:, k] / np.sqrt(band.kernels.flux_variance) / flux
    root = np.sqrt(np.diag(band.kernels.shape_variance))
    return values | {f"{name}_err": unit * root[row] for name, row in MOMENT_ROWS.items()}


def to_reference_axes(plus, cross, matrix):
    """Elongations in the axes of a plane, in those of the reference filter.

    Parameters
    ----------
    plus, cross : float ndarray
        Second moments xx - yy and 2 xy, any unit.
    matrix : (2, 2) float ndarray
        From positions in the reference filter to those in the plane: turned, and mirrored where its determinant
        is negative.

    Returns
    -------
    plus, cross : float ndarray

    Notes
    -----
    An angle p of the reference is a + p in a plane turned by a, and a - p in one that is mirrored too.
    """
    c, s = _double_angle(matrix)
    across = np.sign(np.linalg.det(matrix)) * (c * cross - s * plus)
    return c * plus + s * cross, across


def to_plane_axes(plus, cross, matrix):
    """The inverse of `to_reference_axes`."""
    c, s = _double_angle(matrix)
    cross = np.sign(np.linalg.det(matrix)) * cross
    return c * plus - s * cross, c * cross + s * plus


def _double_angle(matrix):
    """Cosine and sine of twice the angle of the reference's x axis in the plane."""
    angle = 2.0 * np.arctan2(matrix[1, 0], matrix[0, 0])
    return np.cos(angle), np.sin(angle)


def _stands_out(found, finder):
    """Whether a source is significant against what imperfect PSFs leave of its neighbours."""
    noise = np.hypot(found.noise, found.ring_noise)
    return finder.significance(found, noise) > finder.options.threshold_sigma
