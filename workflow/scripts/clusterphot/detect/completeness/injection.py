"""Artificial star clusters put into the real images and searched for by the very same code.

A run (r000, r001, ...) has its own seed and a fixed number of clusters, so that more runs add to those that
exist. Magnitudes AB in the reference filter, fluxes nJy, pixels of the reference filter.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack
from scipy.spatial import cKDTree

from clusterphot.base.numerics import TINY
from clusterphot.base.units import flux_from_mag_ab
from clusterphot.config.detection import InjectionKeys
from clusterphot.detect.catalog import MOMENT_ROWS, detect_box, to_plane_axes
from clusterphot.detect.crowding import SAME_ARCSEC, neighbour_light
from clusterphot.detect.field import apply_selection
from clusterphot.detect.kernels import derivatives
from clusterphot.detect.masks import at_pixels
from clusterphot.detect.planes import ModelDrawer
from clusterphot.detect.selection import MOMENTS
from clusterphot.detect.tiles import CELL_PX
from clusterphot.optics.extended import broadened

PATCH_PX = 512
"""Side of the boxes that are searched again, pixels of the reference filter."""

PER_PATCH = 12
"""Fewest clusters per patch when a run does not cover the whole field."""

APART_ARCSEC = 1.0
"""Artificial clusters do not see one another."""

TRIES = 200
"""Places tried for an artificial cluster before it is given up: the field has no room left."""

BORDER_PX = 20
"""Artificial clusters this far outside a plane still reach into it: half of the stamp that they are drawn on, F200W."""

SEARCHED_SHARE = 0.5
"""Cells of which less was searched get no artificial clusters."""

LEAST_LIGHT_QUANTILE = 0.25
"""Cells darker than this quantile of the light count with it: without it nothing would be injected into the dark
quarter."""


@dataclass(frozen=True)
class InjectionOptions(InjectionKeys):
    """What is injected: keys of the configuration."""


def run_injections(run, field, maps, found, locus, finder_options, selection, options, populations=None):
    """Inject one run of clusters and search for them.

    Parameters
    ----------
    run : str
        Name of the run; its seed with ``options.seed``.
    field : `clusterphot.detect.field.FieldBands`
    maps : `clusterphot.detect.tiles.CoarseMaps`
    found : `astropy.table.Table`
        All candidates of the field (x, y): nothing is put on them.
    locus : `clusterphot.detect.selection.PointLocus`
    finder_options, selection
        As in the search of the field.
    options : `InjectionOptions`
    populations : `clusterphot.detect.completeness.masses.Populations`, optional
        Gives the clusters masses, spectra and radii; without it they are points of a typical spectrum.

    Returns
    -------
    table : `astropy.table.Table`
        One row per cluster: what was put in, where, and what was found.

    Raises
    ------
    ValueError
        If no cell of the field was searched, or there is no room for a single cluster.
    """
    rng = np.random.default_rng([options.seed, zlib.crc32(run.encode())])
    shape = field.bands[field.reference].mosaic.shape
    injected = draw_clusters(rng, field, maps, found, shape, options)
    radii_arcsec = None
    if populations is not None:
        populations.assign(injected, field.names[field.reference])
        radii_arcsec = populations.arcsec_per_pc * np.asarray(injected["half_light_radius_pc"])
    injected["id"] = [f"{run}-{number:04d}" for number in range(len(injected))]
    scale = field.bands[field.reference].mosaic.pixel_scale_arcsec
    brightness = found[f"flux_{field.names[field.reference]}"]
    injected["neighbour_light"] = neighbour_light(injected["x"], injected["y"], found, brightness, scale)
    patch = patch_number(injected["x"], injected["y"], shape)
    artist = Artist(field, locus, injected, rng, radii_arcsec)
    parts = []
    for number in np.unique(patch):
        rows = np.flatnonzero(patch == number)
        box = patch_box(number, shape)
        result = detect_box(
            field.bands, field.reference, box, finder_options, selection,
            stars=field.bright_stars,
            extra=artist.painter(box), probe=(injected["x"][rows], injected["y"][rows]),
        )  # fmt: skip
        apply_selection(result.table, locus, field, selection)
        parts.append(_matched(injected[rows], result, field, box))
    if not parts:
        raise ValueError(
            "found: no room for an artificial cluster; a smaller completeness.clearance_arcsec may help"
        )
    return vstack(parts, metadata_conflicts="silent")


def patch_number(x, y, shape):
    """Number of the patch of each position."""
    across = -(-shape[1] // PATCH_PX)
    return (np.asarray(y) + 0.5).astype(int) // PATCH_PX * across + (np.asarray(x) + 0.5).astype(
        int
    ) // PATCH_PX


def patch_box(number, shape):
    """Box (y0, y1, x0, x1) of a patch."""
    row, column = divmod(int(number), -(-shape[1] // PATCH_PX))
    y0, x0 = row * PATCH_PX, column * PATCH_PX
    return y0, min(y0 + PATCH_PX, shape[0]), x0, min(x0 + PATCH_PX, shape[1])


def draw_clusters(rng, field, maps, found, shape, options):
    """Positions, magnitudes and fluxes of the clusters of a run.

    Returns
    -------
    injected : `astropy.table.Table`
        x, y, mag_in, flux_in_F; fewer rows than asked for where the field has no room.

    Notes
    -----
    Positions follow the light of galaxies to the power ``light_exponent``, in searched cells only; magnitudes
    are uniform; colours scatter log-normally around the typical spectrum.
    """
    scale = field.bands[field.reference].mosaic.pixel_scale_arcsec
    weight = _cell_weights(maps, options.light_exponent)
    weight = _few_patches(rng, weight, shape, options.n_per_run)
    total = np.cumsum(weight.ravel())
    taken = np.empty((0, 2))
    tree = cKDTree(np.stack([found["x"], found["y"]], axis=1)) if len(found) else None
    for _ in range(options.n_per_run):
        for _ in range(TRIES):
            cell = int(np.searchsorted(total, rng.uniform() * total[-1]))
            row, column = divmod(cell, weight.shape[1])
            place = np.array([column, row]) * CELL_PX - 0.5 + CELL_PX * rng.uniform(size=2)
            inside = -0.5 <= place[0] < shape[1] - 0.5 and -0.5 <= place[1] < shape[0] - 0.5
            free = tree is None or tree.query(place)[0] * scale > options.clearance_arcsec
            lonely = not len(taken) or np.hypot(*(taken - place).T).min() * scale > APART_ARCSEC
            if inside and free and lonely:
                taken = np.vstack([taken, place])
                break
    n = len(taken)
    injected = Table({"x": taken[:, 0], "y": taken[:, 1]})
    injected["mag_in"] = rng.uniform(*options.mag_range, n)
    for band in field.bands:
        spread = 0.0 if band.name == field.names[field.reference] else options.colour_scatter
        colour = np.exp(spread * rng.standard_normal(n))
        injected[f"flux_in_{band.name}"] = band.relative_flux * flux_from_mag_ab(injected["mag_in"]) * colour
    return injected


def _cell_weights(maps, exponent):
    """Chance of each cell to hold a cluster, not normalised."""
    good = (maps.searched > SEARCHED_SHARE) & np.isfinite(maps.light) & np.isfinite(maps.noise)
    if not good.any():
        raise ValueError("maps: no cell was searched")
    floor = max(float(np.quantile(maps.light[good], LEAST_LIGHT_QUANTILE)), 1e-3)
    light = np.where(good, np.maximum(maps.light, floor), 0.0)
    return np.where(good, light**exponent * maps.searched, 0.0)


def _few_patches(rng, weight, shape, n_clusters):
    """Weights of the cells of some patches only, where the field is larger than a run needs."""
    rows, columns = np.indices(weight.shape)
    number = patch_number(columns * CELL_PX, rows * CELL_PX, shape)
    total = np.bincount(number.ravel(), weight.ravel())
    wanted = max(n_clusters // PER_PATCH, 1)
    if np.count_nonzero(total) <= wanted:
        return weight
    chosen = rng.choice(len(total), size=wanted, replace=False, p=total / total.sum())
    # a patch is chosen by its light already: all that are get as many clusters
    return np.where(np.isin(number, chosen), weight / np.maximum(total[number], TINY), 0.0)


class Artist:
    """Draws the clusters of a run, with the moments of the field's stars, scatter included, and own photon noise.

    Parameters
    ----------
    field : `clusterphot.detect.field.FieldBands`
    locus : `clusterphot.detect.selection.PointLocus`
    injected : `astropy.table.Table`
    rng : `numpy.random.Generator`
    radii_arcsec : (n,) float ndarray, optional
        Half-light radii; 0, and the default, is a point.
    """

    def __init__(self, field, locus, injected, rng, radii_arcsec=None):
        self.field, self.injected = field, injected
        self.radii_arcsec = np.zeros(len(injected)) if radii_arcsec is None else radii_arcsec
        self.seed = int(rng.integers(2**31))
        radii = np.unique(self.radii_arcsec).tolist()
        self.drawers = [{radius: _drawers(band, radius) for radius in radii} for band in field.bands]
        self.moments = {}
        for band in field.names:
            for moment in MOMENTS:
                mean, scatter = locus.expected(band, moment, injected["x"], injected["y"])
                self.moments[band, moment] = mean + scatter * rng.standard_normal(len(injected))

    def painter(self, box):
        """Function that adds the clusters to the planes of a box."""

        def paint(planes):
            origin = planes[self.field.reference].origin
            x, y = np.asarray(self.injected["x"]) - origin[0], np.asarray(self.injected["y"]) - origin[1]
            ny, nx = planes[self.field.reference].sci.shape
            rows = np.flatnonzero(
                (x > -BORDER_PX) & (y > -BORDER_PX) & (x < nx + BORDER_PX) & (y < ny + BORDER_PX)
            )
            for number, plane in enumerate(planes):
                self._paint(plane, number, x[rows], y[rows], rows, box)

        return paint

    def _paint(self, plane, number, x, y, rows, box):
        """Add the clusters to one plane."""
        band = plane.band
        flux = np.asarray(self.injected[f"flux_in_{band.name}"])[rows]
        size, plus, cross = (self.moments[band.name, moment][rows] for moment in MOMENTS)
        plus, cross = to_plane_axes(plus, cross, plane.matrix)
        plane.model[:] = 0.0
        place = plane.position(x, y)
        for radius, (cluster, *slopes) in self.drawers[number].items():
            own = self.radii_arcsec[rows] == radius
            x_own, y_own = (axis[own] for axis in place)
            cluster.add(plane, x_own, y_own, flux[own])
            for drawer, moment in zip(slopes, (size, plus, cross), strict=True):
                drawer.add(plane, x_own, y_own, (flux * moment / band.moment_unit_mas2)[own])
        light = plane.model.copy()
        plane.model[:] = 0.0
        if band.mosaic.gain_e_per_njy is not None:
            rng = np.random.default_rng([self.seed, number, box[0], box[2]])
            photons = np.sqrt(np.clip(light, 0.0, None) / band.mosaic.gain_e_per_njy)
            light += (photons * rng.standard_normal(light.shape)).astype(np.float32)
        light[plane.bad] = 0.0
        plane.sci = plane.sci + light


def _drawers(band, radius_arcsec):
    """`ModelDrawer` of clusters of this radius, and of what each moment of the field's stars adds to them."""
    terms, cluster = band.terms, band.drawer
    if radius_arcsec > 0:
        terms = broadened(terms, band.mosaic.pixel_scale_arcsec, radius_arcsec)
        cluster = ModelDrawer(band, terms)
    # a cluster as wide as a star is the PSF and, to first order, its second derivatives times moments
    slopes = np.array([derivatives(term, 0.0, 0.0) for term in terms])
    return [cluster, *(ModelDrawer(band, slopes[:, row]) for row in MOMENT_ROWS.values())]


def _matched(injected, result, field, box):
    """What was found of each cluster."""
    table, scale = result.table, field.bands[field.reference].mosaic.pixel_scale_arcsec
    out = injected.copy()
    n = len(out)
    row = np.full(n, -1)
    if len(table):
        tree = cKDTree(np.stack([table["x"], table["y"]], axis=1))
        distance, nearest = tree.query(np.stack([out["x"], out["y"]], axis=1))
        row = np.where(distance * scale < SAME_ARCSEC, nearest, -1)
    hit = row >= 0
    out["found"] = hit
    out["selected"], out["reason"] = np.zeros(n, dtype=bool), np.full(n, "not_found", dtype="U11")
    if hit.any():
        out["selected"][hit] = table["selected"][row[hit]]
        out["reason"][hit] = table["reason"][row[hit]]
    for number, name in enumerate(field.names):
        for kind in ("flux", "flux_err"):
            values = np.full(n, np.nan)
            if hit.any():
                values[hit] = table[f"{kind}_{name}"][row[hit]]
            out[f"{kind}_{name}"] = values
        out[f"noise_{name}"] = result.probed_noise[:, number]
    out["surface_brightness"] = result.probed_light
    out["searched"] = np.isfinite(at_pixels(result.noise, out["x"] - box[2], out["y"] - box[0]))
    return out
