"""Neighbours: which listed sources are near one another, and which of them are fitted together in each cutout.

A neighbour's flux enters the fit of a target as a component of its own; `Scenes` lists the components of every
cutout, for `clusterphot.measure.blocks`. The search of the list runs while the rules are read, so nothing heavy is
imported. Positions mosaic pixels (0-based) or deg (ICRS), distances arcsec.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from clusterphot.base.flags import Flag

MERGE_RADIUS_ARCSEC = 0.025
"""Pairs nearer than this are one source to the fit, which measures the sum of their fluxes: at 0.4 of the FWHM of F200W
each flux alone would be little but noise, anticorrelated with the other's. Chosen."""

JOINT_MARGIN_ARCSEC = 0.12
"""Neighbours further outside the cutout than this are left to the sky terms: their cores do not reach in, and what
does is as smooth as sky. Chosen."""


SEARCH_MARGIN_ARCSEC = 0.1
"""Added to the reach of cutouts where neighbours are looked for: more than are needed do no harm."""


def search_radius(cutout_size_arcsec, joint_radius_arcsec):
    """Radius (arcsec) that holds a source's neighbours: to the corners of its cutout, and what is fitted jointly."""
    return max(0.75 * cutout_size_arcsec, joint_radius_arcsec) + SEARCH_MARGIN_ARCSEC


def neighbours_of(sources, *, radius_arcsec):
    """Every source's neighbours among all listed ones.

    Parameters
    ----------
    sources : list of (id, ra, dec), deg
    radius_arcsec : float

    Returns
    -------
    neighbours : dict of str to list of (id, ra, dec)
        In the order of their ids; sources without any are left out.

    Notes
    -----
    In the order of declination, each source is compared with the next one, the next but one, and so on until no
    pair is near enough in declination: for a list of any length a few steps of arithmetic with whole arrays.
    """
    unit = unit_vectors([(ra, dec) for _, ra, dec in sources])
    limit = 2.0 * np.sin(np.deg2rad(radius_arcsec / 3600.0) / 2.0)
    order = np.argsort(unit[:, 2], kind="stable")
    unit, found = unit[order], []
    for step in range(1, len(order)):
        near = np.flatnonzero(unit[step:, 2] - unit[:-step, 2] <= limit)
        if len(near) == 0:
            break
        distance = np.sqrt(((unit[near + step] - unit[near]) ** 2).sum(axis=1))
        found += [(order[i], order[i + step]) for i in near[distance <= limit]]
    neighbours = {}
    for one, other in found:
        neighbours.setdefault(sources[one][0], []).append(tuple(sources[other]))
        neighbours.setdefault(sources[other][0], []).append(tuple(sources[one]))
    return {name: sorted(entries) for name, entries in neighbours.items()}


def unit_vectors(positions):
    """Unit vectors (n, 3) of (ra, dec) pairs in degrees."""
    ra, dec = np.deg2rad(np.array(positions, dtype=float)).T
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


SAME_AXES = 1e-3
"""Turns and scales below which two filters' pixels have the same axes."""


@dataclass(frozen=True)
class Scenes:
    """Sources fitted together in n cutouts, a row each: cutout after cutout, in each the target first, then neighbours.

    Every row has a flux of its own in the fit of its cutout, so that a neighbour's light is not taken for the target's.

    Attributes
    ----------
    counts : (n,) int ndarray
        Sources of each cutout.
    ids : list of str
        Of all rows.
    expected, start : (rows, 2) float ndarray
        Listed (or tied) positions and those the fit begins at.
    covariance : (n, 3) float ndarray
        Of the target's tied position: xx, yy, xy in pixels squared.
    blended, at_bound : (n,) bool ndarray
    """

    counts: np.ndarray
    ids: list
    expected: np.ndarray
    start: np.ndarray
    covariance: np.ndarray
    blended: np.ndarray
    at_bound: np.ndarray

    @functools.cached_property
    def first(self):
        """Row of each target, (n,)."""
        return np.cumsum(self.counts) - self.counts

    def rows(self, cutouts):
        """Rows (k, c) of some cutouts with equally many sources."""
        return self.first[cutouts][:, None] + np.arange(self.counts[cutouts[0]])


def listed_scenes(cutouts, options):
    """Scenes of the reference filter: positions from the source list.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    options : `clusterphot.measure.fit.FitOptions`
    """
    scale = cutouts.pixel_scale_arcsec
    counts, ids, places, blended = [], [], [], []
    for row, name in enumerate(cutouts.ids):
        own_ids, own = [name], [(float(cutouts.x[row]), float(cutouts.y[row]))]
        near = False
        for other, x, y in cutouts.neighbours[row]:
            distance = math.hypot(x - own[0][0], y - own[0][1]) * scale
            # a pair that is too close to be told apart is flagged, whether or not it is fitted jointly
            near |= distance < options.blend_radius_arcsec
            if (
                options.neighbours
                and distance <= options.joint_radius_arcsec
                and _fits_jointly(cutouts, row, (x, y), own)
            ):
                own_ids.append(other)
                own.append((x, y))
        counts.append(len(own))
        ids += own_ids
        places += own
        blended.append(near)
    expected = np.array(places, dtype=float).reshape(-1, 2)
    n = len(counts)
    return Scenes(
        np.array(counts, dtype=np.int64),
        ids,
        expected,
        expected,
        np.zeros((n, 3)),
        np.array(blended, dtype=bool),
        np.zeros(n, dtype=bool),
    )


def _fits_jointly(cutouts, row, place, places):
    """Whether a neighbour within the radius gets a component of its own."""
    scale = cutouts.pixel_scale_arcsec
    if min(math.hypot(place[0] - x, place[1] - y) for x, y in places) * scale < MERGE_RADIUS_ARCSEC:
        return False
    size_px = cutouts.data.shape[-1]
    half = 0.5 * size_px + JOINT_MARGIN_ARCSEC / scale
    middle = size_px // 2
    return max(abs(place[0] - cutouts.x0[row] - middle), abs(place[1] - cutouts.y0[row] - middle)) < half


def tied_scenes(cutouts, wcs, reference, offset):
    """Scenes of another filter: sources and positions as fitted in the reference filter.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    wcs : `astropy.wcs.WCS`
        Of the filter's mosaic.
    reference : `astropy.table.Table`
        Fits of the same chunk, from `clusterphot.measure.fit.fit_sources`.
    offset : (2,) float ndarray
        Of this filter's positions from those of the reference filter, pixels.
    """
    filt = reference.meta["filter"]
    ratio = reference.meta["pixel_scale_arcsec"] / cutouts.pixel_scale_arcsec
    rows_of = {}
    for row, target in enumerate(reference["target_id"].tolist()):
        rows_of.setdefault(target, []).append(row)
    own = [rows_of[name] for name in cutouts.ids]
    counts = np.array([len(rows) for rows in own], dtype=np.int64)
    rows = np.array([row for some in own for row in some], dtype=np.int64)
    targets = np.cumsum(counts) - counts  # rows of the first source of each cutout
    # the fit begins at the place of the reference filter; shifts dx, dy are told from the list, as they are there
    places = wcs.world_to_pixel_values(np.asarray(reference["ra"])[rows], np.asarray(reference["dec"])[rows])
    start = np.stack(places, axis=1)
    expected = start.copy()
    expected[targets] = np.stack([cutouts.x, cutouts.y], axis=1)
    first = rows[targets]
    x_err, y_err, xy_cov, flags = (
        np.asarray(reference[f"{name}_{filt}"])[first] for name in ("x_err", "y_err", "xy_cov", "flags")
    )
    names = reference["id"].tolist()
    return Scenes(
        counts,
        [names[row] for row in rows.tolist()],
        expected + offset,
        start + offset,
        np.nan_to_num(
            turned_covariance(
                np.square(x_err), np.square(y_err), xy_cov, pixels_between(reference.meta, wcs, ratio)
            )
        ),
        (flags & int(Flag.BLENDED)) > 0,
        (flags & int(Flag.AT_BOUND)) > 0,
    )


def pixels_between(meta, wcs, ratio):
    """Matrix (2, 2) from shifts in pixels of the reference filter to those of another one.

    ``ratio`` times the unit matrix where axes agree to `SAME_AXES`, as on mosaics of one archive.
    """
    plain = ratio * np.eye(2)
    if "pixel_matrix" not in meta:
        return plain
    matrix = np.linalg.inv(wcs.pixel_scale_matrix) @ np.array(meta["pixel_matrix"])
    return plain if np.allclose(matrix, plain, rtol=0, atol=SAME_AXES * ratio) else matrix


def turned_covariance(xx, yy, xy, matrix):
    """Covariances (n, 3) as xx, yy, xy in other axes: M C M^T."""
    (a, b), (c, d) = matrix
    return np.stack(
        [
            a * a * xx + 2 * a * b * xy + b * b * yy,
            c * c * xx + 2 * c * d * xy + d * d * yy,
            a * c * xx + (a * d + b * c) * xy + b * d * yy,
        ],
        axis=1,
    )
