"""Point sources in one box of a field: two passes of detection and joint fluxes in all bands.

Flux maps of the bands, blind to quadratic light, are combined with the spectrum of a typical cluster; what is
found is subtracted, the noise measured again and the residual searched again. nJy; pixels of the reference.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from clusterphot.config.detection import SearchKeys
from clusterphot.detect.crowding import first_come
from clusterphot.detect.kernels import (
    FLUX,
    N_SHAPE,
    POINT_FLUX,
    SHIFT_X,
    SHIFT_Y,
    flux_map,
    response_at,
    shape_coefficients,
)
from clusterphot.detect.noisemap import model_noise, noise_map
from clusterphot.detect.planes import load_planes

MARGIN_ARCSEC = 2.2
"""Light within this distance of a box can change what is found in it: half a PSF of 2 arcsec, the window of the
noise, and a group of linked sources. Boxes cut differently give the same candidates
(tests/unit/detect/test_search.py)."""

LINK_ARCSEC = 0.9
"""Sources closer than this are solved for together: two radii of the filter's disc in F444W (2.9 FWHM of 0.145
arcsec)."""

MIN_RESPONSE = 0.004
"""Responses weaker than this do not link two sources: PSFs made of stars are not known better. Chosen."""

RING_REACH_PX = 2
"""Positions of features around an imperfectly known PSF are uncertain by this."""

RING_SNR = 10.0
"""Sources fainter than this leave rings below a third of the noise, where the PSF errs by `FinderOptions.psf_error`."""

BORDER_PX = 3
"""Peaks nearer to the border of a region are none: their neighbours are not seen."""

SETTLE_ROUNDS, FINAL_ROUNDS = 3, 2
"""Rounds of joint fluxes and new positions, for new sources and for all of them at last. Chosen."""

FLUX_ROUNDS = 2
"""Times that joint fluxes are corrected by what the residual shows, in the last round; once in those before it."""

MAX_MOVE_PX = 0.5
"""Largest shift of a position in a round: beyond it a PSF is not linear in the shift."""

KEPT_SEPARATION = 0.8
"""Share of `FinderOptions.separation_arcsec` below which the fainter of two sources goes: they have moved since they
were found."""

SPLINE_BOX_PX = 16
"""Side of the box around a position in which a cubic spline is made: the spline of a whole image differs by 1e-4."""


@dataclass(frozen=True)
class FinderOptions(SearchKeys):
    """How sources are found: keys of the configuration, and what follows from the field.

    Attributes
    ----------
    combined : tuple of str
        Bands of the combined significance.
    """

    combined: tuple = ()


@dataclass
class BandMaps:
    """Flux map of the residual of one band in its own pixels, and its noise."""

    flux: np.ndarray
    noise: np.ndarray
    model_noise: np.ndarray


@dataclass
class Detections:
    """Sources of a box, and the maps behind them.

    Attributes
    ----------
    x, y : (n,) float ndarray
        Position in the reference region (box with margin), pixels.
    flux, noise, error : (n, k) float ndarray, nJy
        Per band: joint flux, local noise of the flux map and error with the neighbours free.
    snr : (n,) float ndarray
        Combined significance.
    found_in : (n,) int ndarray
        Pass, from 1.
    shape : (n, k, 6) float ndarray
        Coefficients of the shape filters with the flux of the source in the first.
    ring_noise : (n, k) float ndarray, nJy
        Noise of a source's flux because the PSF of its neighbours is not perfect.
    maps : list of `BandMaps`
    planes : list of `clusterphot.detect.planes.Plane`
    """

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    found_in: np.ndarray
    noise: np.ndarray = None
    error: np.ndarray = None
    snr: np.ndarray = None
    shape: np.ndarray = None
    ring_noise: np.ndarray = None
    maps: list = field(default_factory=list)
    planes: list = field(default_factory=list)

    def keep(self, rows):
        """The same with some rows only."""
        parts = ("x", "y", "flux", "found_in", "noise", "error", "snr", "shape", "ring_noise")
        values = {name: getattr(self, name) for name in parts}
        values = {name: value if value is None else value[rows] for name, value in values.items()}
        return Detections(**values, maps=self.maps, planes=self.planes)


class BoxFinder:
    """Search of one box.

    Parameters
    ----------
    bands : list of `clusterphot.detect.planes.SearchBand`
    reference : int
        Index of the reference filter.
    box : (y0, y1, x0, x1)
        Pixels of the reference mosaic.
    options : `FinderOptions`
    extra : function, optional
        Called with the planes before the search: puts artificial sources in.
    """

    def __init__(self, bands, reference, box, options, *, extra=None):
        self.bands, self.reference, self.options = bands, reference, options
        self.scale = bands[reference].mosaic.pixel_scale_arcsec
        self.margin = int(round(MARGIN_ARCSEC / self.scale))
        self.planes = load_planes(bands, reference, box, self.margin)
        if extra is not None:
            extra(self.planes)
        for plane in self.planes:
            plane.subtract_background()
        self.shape = self.planes[reference].sci.shape
        self.combined = [k for k, band in enumerate(bands) if band.name in options.combined]

    def run(self):
        """Find all sources of the box and its margin.

        Returns
        -------
        found : `Detections`
        """
        found = Detections(np.zeros(0), np.zeros(0), np.zeros((0, len(self.bands))), np.zeros(0, dtype=int))
        for number in range(1, self.options.n_passes + 1):
            maps = self._maps(only=self.combined)
            found = self._with_new(found, maps, number)
            found = self._settle(found, n_iter=SETTLE_ROUNDS)
        found = self._without_faint(found)
        found = self._settle(found, n_iter=FINAL_ROUNDS, all_bands=True)
        return self._measured(found)

    def run_negative(self):
        """Find what noise alone gives: sources of the negative image that `run` has left.

        Returns
        -------
        found : `Detections`
        """
        for plane in self.planes:
            plane.sci = -plane.residual()
            plane.model = np.zeros_like(plane.sci)
        self.options = replace(self.options, n_passes=1)
        return self.run()

    # ---- maps ----------------------------------------------------------------------------------------------

    def _maps(self, *, only=None):
        """Maps of the residual, for the bands whose index is in ``only`` (all by default), else None."""
        wanted = range(len(self.planes)) if only is None else only
        return [self._band_maps(plane) if k in wanted else None for k, plane in enumerate(self.planes)]

    def _band_maps(self, plane):
        """Maps of one band."""
        kernels, scale = plane.band.kernels, plane.band.mosaic.pixel_scale_arcsec
        flux = flux_map(plane.residual(), kernels)
        noise = noise_map(flux, plane.filler.missing, scale, plane.origin, floor=plane.sigma)
        total = noise
        if plane.model.any():
            # a share of the light that is subtracted nearby, over two thirds of the disc of the filter
            width = 2 * kernels.radius // 3 * 2 + 1
            total = model_noise(noise, flux_map(plane.model, kernels), self.options.psf_error, width)
        return BandMaps(flux, noise, total)

    def _combination(self, maps):
        """Significance map of the typical spectrum on the reference pixels."""
        # matched filter over bands: flux of the spectrum, sum s f / n^2 / sum s^2 / n^2, over its error
        amplitude = np.zeros(self.shape, dtype=np.float32)
        weight = np.zeros(self.shape, dtype=np.float32)
        for k in self.combined:
            plane, spectrum = self.planes[k], np.float32(self.bands[k].relative_flux)
            flux = plane.to_reference(maps[k].flux, self.shape)
            noise = plane.to_reference(maps[k].model_noise, self.shape, order=1)
            amplitude += spectrum * flux / noise**2
            weight += spectrum**2 / noise**2
        return amplitude / np.sqrt(weight)

    def _with_new(self, found, maps, number):
        """Sources found so far and the peaks of the residual."""
        significance = self._combination(maps)
        peak = ndimage.maximum_filter(significance, 3) == significance
        rows, columns = np.nonzero(peak & (significance > self.options.threshold_sigma))
        inside = (rows >= BORDER_PX) & (rows < self.shape[0] - BORDER_PX)
        inside &= (columns >= BORDER_PX) & (columns < self.shape[1] - BORDER_PX)
        rows, columns = rows[inside], columns[inside]
        order = np.argsort(-significance[rows, columns], kind="stable")
        x, y = _refined(significance, rows[order], columns[order])
        # the more significant first, and none too near to a source of an earlier pass
        x, y = np.concatenate([found.x, x]), np.concatenate([found.y, y])
        keep = first_come(x, y, self.options.separation_arcsec / self.scale, n_fixed=len(found.x))
        x, y = x[keep], y[keep]
        n_new = len(x) - len(found.x)
        return Detections(
            x,
            y,
            np.concatenate([found.flux, np.zeros((n_new, len(self.bands)))]),
            np.concatenate([found.found_in, np.full(n_new, number)]),
        )

    # ---- joint fluxes and positions ------------------------------------------------------------------------

    def _settle(self, found, *, n_iter, all_bands=False):
        """Joint fluxes, then positions, in turn; the models of the planes are drawn anew."""
        if not len(found.x):
            return found
        bands = range(len(self.bands)) if all_bands else self.combined
        for iteration in range(n_iter):
            last = iteration == n_iter - 1
            residuals = {k: self._solve(found, k, FLUX_ROUNDS if last else 1) for k in bands}
            if not last:
                self._move(found, residuals)
        return found

    def _solve(self, found, k, n_iter):
        """Joint fluxes of one band in place; returns the residual image."""
        plane, kernels = self.planes[k], self.bands[k].kernels
        x, y = plane.position(found.x, found.y)
        links = self._links(found, k, x, y)
        self._draw(found, k)
        for _ in range(n_iter):
            seen = shape_coefficients(plane.residual(), kernels, x, y)[:, POINT_FLUX]
            found.flux[:, k] += links.solve(np.nan_to_num(seen))
            self._draw(found, k)
        return plane.residual()

    def _links(self, found, k, x, y):
        """The responses of sources to one another in one band."""
        radius = LINK_ARCSEC / self.scale
        pairs = cKDTree(np.stack([found.x, found.y], axis=1)).query_pairs(radius, output_type="ndarray")
        i, j = pairs[:, 0], pairs[:, 1]
        response = response_at(self.bands[k].kernels, x[i] - x[j], y[i] - y[j])
        back = response_at(self.bands[k].kernels, x[j] - x[i], y[j] - y[i])
        strong = np.maximum(np.abs(response), np.abs(back)) > MIN_RESPONSE
        return Links(len(x), i[strong], j[strong], response[strong], back[strong])

    def _draw(self, found, k):
        """Draw the model of one band from the fluxes."""
        plane = self.planes[k]
        plane.model[:] = 0.0
        plane.band.drawer.add(plane, *plane.position(found.x, found.y), found.flux[:, k])

    def _move(self, found, residuals):
        """Shift positions by what the residuals of the bands say, at most half a pixel."""
        step = np.zeros((2, len(found.x)))
        total = np.zeros(len(found.x))
        for k, residual in residuals.items():
            plane, kernels = self.planes[k], self.bands[k].kernels
            x, y = plane.position(found.x, found.y)
            result = shape_coefficients(residual, kernels, x, y)
            flux = found.flux[:, k]
            variance = sampled(plane.sigma, x, y, order=0) ** 2
            # a position is known to flux over noise: bands weigh with the square, per area of the reference pixels,
            # and a mirrored band counts like any other
            measured = np.isfinite(result[:, 0]) & (flux > 0)
            weight = np.where(measured, np.maximum(flux, 0.0) ** 2 / variance, 0.0)
            weight *= abs(np.linalg.det(plane.matrix))
            moved = -np.nan_to_num(result[:, [SHIFT_X, SHIFT_Y]]).T
            shift = moved / np.where(flux > 0, flux, np.inf)
            step += weight * (np.linalg.inv(plane.matrix) @ shift)
            total += weight
        step = np.where(total > 0, step / np.where(total > 0, total, 1.0), 0.0)
        length = np.hypot(*step)
        step *= np.minimum(1.0, MAX_MOVE_PX / np.maximum(length, 1e-9))
        found.x, found.y = found.x + step[0], found.y + step[1]

    # ---- what is kept --------------------------------------------------------------------------------------

    def significance(self, found, noise):
        """Combined significance of joint fluxes against some noise (n, k)."""
        k = self.combined
        spectrum = np.array([self.bands[i].relative_flux for i in k])
        weight = spectrum / noise[:, k] ** 2
        return (weight * found.flux[:, k]).sum(axis=1) / np.sqrt((weight * spectrum).sum(axis=1))

    def _noise_at(self, found, maps, kind):
        """Noise of all bands at the positions of the sources, (n, k)."""
        out = np.full(found.flux.shape, np.nan)
        for k, (plane, own) in enumerate(zip(self.planes, maps, strict=True)):
            if own is not None:
                x, y = plane.position(found.x, found.y)
                out[:, k] = sampled(getattr(own, kind), x, y, order=1)
        return out

    def _without_faint(self, found):
        """Sources still significant against the noise without them, none too near a brighter one."""
        if not len(found.x):
            return found
        noise = self._noise_at(found, self._maps(only=self.combined), "noise")
        snr = self.significance(found, noise)
        significant = np.flatnonzero(snr > self.options.threshold_sigma)
        found = found.keep(significant[np.argsort(-snr[significant], kind="stable")])
        radius = KEPT_SEPARATION * self.options.separation_arcsec / self.scale
        return found.keep(first_come(found.x, found.y, radius))

    def _measured(self, found):
        """Noise, errors, significance and shapes of the final sources."""
        maps = self._maps()
        found.maps, found.planes = maps, self.planes
        found.noise = self._noise_at(found, maps, "noise")
        found.error = np.array(found.noise)
        found.shape = np.full((*found.flux.shape, N_SHAPE), np.nan)
        found.snr, found.ring_noise = np.zeros(len(found.x)), np.zeros(found.flux.shape)
        if not len(found.x):
            return found
        found.snr = self.significance(found, found.noise)
        for k, plane in enumerate(self.planes):
            x, y = plane.position(found.x, found.y)
            found.error[:, k] = found.noise[:, k] * self._links(found, k, x, y).inflation()
            # on the residual, in which neighbours are subtracted, and so is the source: its flux comes on top
            coefficients = shape_coefficients(plane.residual(), self.bands[k].kernels, x, y)
            found.shape[:, k] = coefficients[:, :N_SHAPE]
            found.shape[:, k, FLUX] += found.flux[:, k]
            found.ring_noise[:, k] = self.options.psf_error * self._neighbours_light(found, k, x, y)
        return found

    def _neighbours_light(self, found, k, x, y):
        """What the flux map shows of the neighbours of each source: the largest value within a pixel or two."""
        kernels = self.bands[k].kernels
        envelope = ndimage.maximum_filter(np.abs(kernels.response), 2 * RING_REACH_PX + 1)
        half = len(envelope) // 2
        ratio = self.bands[k].mosaic.pixel_scale_arcsec / self.scale
        bright = np.flatnonzero(np.abs(found.flux[:, k]) > RING_SNR * found.noise[:, k])
        tree = cKDTree(np.stack([found.x, found.y], axis=1))
        total = np.zeros(len(x))
        for j, near in zip(bright, tree.query_ball_point(tree.data[bright], half * ratio), strict=True):
            near = np.setdiff1d(near, [j])
            values = ndimage.map_coordinates(
                envelope, [half + y[near] - y[j], half + x[near] - x[j]], order=1
            )
            total[near] += np.abs(found.flux[j, k]) * values
        return total


class Links:
    """Sparse system of sources that show in each other's flux.

    Parameters
    ----------
    n : int
    i, j : (m,) int ndarray
        Pairs.
    response, back : (m,) float ndarray
        Flux seen at i of a unit source at j, and at j of one at i.
    """

    def __init__(self, n, i, j, response, back):
        self.n = n
        graph = sparse.coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
        _, labels = connected_components(graph, directed=False)
        order = np.argsort(labels, kind="stable")
        bounds = np.flatnonzero(np.diff(labels[order], prepend=-1, append=labels.max(initial=-1) + 1))
        self.groups = [order[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
        place = np.zeros(n, dtype=int)
        for group in self.groups:
            place[group] = np.arange(len(group))
        self.matrices = {}
        for a, b, forward, backward in zip(i, j, response, back, strict=True):
            label = labels[a]
            matrix = self.matrices.get(label)
            if matrix is None:
                matrix = self.matrices[label] = np.eye(len(self.groups[label]))
            matrix[place[a], place[b]] = forward
            matrix[place[b], place[a]] = backward

    def solve(self, seen):
        """Fluxes whose responses add up to ``seen``."""
        out = np.array(seen)
        for label, matrix in self.matrices.items():
            group = self.groups[label]
            out[group] = np.linalg.solve(matrix, seen[group])
        return out

    def inflation(self):
        """Factor on the error of each flux because its neighbours are free."""
        out = np.ones(self.n)
        for label, matrix in self.matrices.items():
            symmetric = 0.5 * (matrix + matrix.T)
            out[self.groups[label]] = np.sqrt(np.clip(np.diag(np.linalg.pinv(symmetric)), 1.0, None))
        return out


def sampled(image, x, y, *, order=3):
    """Values of an image at fractional positions; splines of the whole image only where needed."""
    if order < 2:
        return ndimage.map_coordinates(image, [y, x], order=order, mode="nearest", output=float)
    low, ny, nx = SPLINE_BOX_PX // 2 - 1, *image.shape
    first_x = np.clip(np.floor(x).astype(int) - low, 0, max(nx - SPLINE_BOX_PX, 0))
    first_y = np.clip(np.floor(y).astype(int) - low, 0, max(ny - SPLINE_BOX_PX, 0))
    out = np.empty(len(x))
    for k, (xa, ya) in enumerate(zip(first_x, first_y, strict=True)):
        box = image[ya : ya + SPLINE_BOX_PX, xa : xa + SPLINE_BOX_PX]
        place = [[y[k] - ya], [x[k] - xa]]
        out[k] = ndimage.map_coordinates(box, place, order=3, mode="nearest", output=float)[0]
    return out


def _refined(image, rows, columns):
    """Vertices of the parabolas through peaks, x and y."""
    middle = image[rows, columns].astype(float)
    shifts = []
    for dy, dx in ((0, 1), (1, 0)):
        high, low = image[rows + dy, columns + dx], image[rows - dy, columns - dx]
        curve = 2.0 * middle - high - low
        shifts.append(np.clip(0.5 * (high - low) / np.where(curve > 0, curve, np.inf), -0.5, 0.5))
    return columns + shifts[0], rows + shifts[1]
