"""photutils' `PSFPhotometry` (Bradley et al., ASCL 1609.011) as an engine: positions and fluxes by its fits.

The PSF is what photutils makes of ``psf_grid.fits``: cubic splines between samples, linear between places of the grid.
Fluxes nJy, positions cutout pixels (0-based).
"""

import itertools
import warnings

import numpy as np
from astropy.modeling.fitting import TRFLSQFitter
from astropy.nddata import NDData
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from photutils.psf import GriddedPSFModel, ImagePSF, PSFPhotometry

from clusterphot.base.psf_field import PsfField
from clusterphot.measure.engines.solution import Solution
from clusterphot.psf.grid import OVERSAMPLING, oversampled

MAX_TURNS = 8
"""Turns of sky and positions at most; two to four are the rule."""

SETTLED_PX = 1e-3
"""A turn that moves no position by more is the last; the step at which our own engine's search ends."""

INSIDE_PX = 1e-6
"""A fit begins this far inside its box at least: on a bound scipy's would not begin."""

MAX_STEPS = 200
"""Steps of a fit, in evaluations of its residuals; tens are the rule."""

_numbers = itertools.count()


class PhotutilsEngine:
    """Fits of cutouts one by one, all their free sources as one group.

    Parameters
    ----------
    setup : `clusterphot.measure.fit.FilterSetup`

    Notes
    -----
    `PSFPhotometry` has no sky but a constant that was measured before, and no sources that are held among others that
    are not. So sky and held sources are solved for with the positions as they are, by linear least squares with
    photutils' images of the PSF, and subtracted; what is left is fitted; and so on by turns until the positions stand:
    then both are at the optimum of all parameters together. Boxes and priors are those of the other engines.
    """

    name = "photutils"

    def __init__(self, setup):
        self._size = setup.size_px
        self._sky = setup.terms.images
        self._corner = np.zeros(2)
        self._pixels = tuple(grid.ravel().astype(float) for grid in np.mgrid[: self._size, : self._size])
        self._psf = _model_of(setup.psf, self._corner)
        self._fitter = _Fitter()
        held = _named_anew(self._psf)
        held.x_0.fixed = held.y_0.fixed = True
        self._free, self._tied = (self._photometry(model) for model in (_named_anew(self._psf), held))

    def _photometry(self, model):
        """`PSFPhotometry` on whole cutouts, wherever in them or near them the sources are."""
        return PSFPhotometry(model, 4 * self._size + 1, fitter=self._fitter, fitter_maxiters=MAX_STEPS)

    def solve_free(self, block, start, prior):
        """Positions inside their boxes, fluxes and sky."""
        inside = prior.reach - INSIDE_PX
        clipped = np.clip(start, prior.centre - inside, prior.centre + inside)
        return self._solve(block, np.where(prior.free[:, :, None], clipped, start), prior)

    def solve_tied(self, block, positions):
        """Fluxes and sky at given positions."""
        return self._solve(block, positions, None)

    def _solve(self, block, start, prior):
        """Fit the cutouts of a block one by one."""
        n, c, _ = start.shape
        positions, values = start.copy(), np.zeros((n, c + len(self._sky)))
        for k in np.flatnonzero((block.weights > 0).any(axis=1)):
            self._corner[:] = block.corners[k]
            free = np.zeros(c, dtype=bool) if prior is None else prior.free[k]
            if free.any():
                self._fitter.confine(prior, k)
                positions[k], values[k] = self._by_turns(block.data[k], block.weights[k], positions[k], free)
            else:
                self._fitter.release()
                values[k] = self._fluxes(block.data[k], block.weights[k], positions[k])
        return Solution(positions, values)

    def _fluxes(self, data, weights, positions):
        """Fluxes (c,) and sky (k,) at positions (c, 2)."""
        values, _, sky = self._linear(data, weights, positions)
        c = len(positions)
        found = self._fit(self._tied, data - sky, weights, positions, values[:c])
        if np.isfinite(found["flux_fit"]).all():
            values[:c] = found["flux_fit"]
        return values

    def _by_turns(self, data, weights, positions, free):
        """Positions, fluxes and sky, those of ``free`` (c,) from `PSFPhotometry`."""
        for _ in range(MAX_TURNS):
            values, images, sky = self._linear(data, weights, positions)
            held = values[: len(free)][~free] @ images[~free]
            found = self._fit(
                self._free, data - sky - held, weights, positions[free], values[: len(free)][free]
            )
            places = np.stack([found["x_fit"], found["y_fit"]], axis=1)
            if not np.isfinite(places).all():
                return positions, values
            moved = np.abs(places - positions[free]).max()
            positions = positions.copy()
            positions[free] = places
            if moved < SETTLED_PX:
                break
        values[: len(free)][free] = found["flux_fit"]
        return positions, values

    def _linear(self, data, weights, positions):
        """Least squares at positions (c, 2): values (c + k,), images of unit sources (c, p), the sky (p,)."""
        y, x = self._pixels
        images = np.array([self._psf.evaluate(x, y, 1.0, *place) for place in positions])
        root = np.sqrt(weights)
        columns = np.concatenate([images, self._sky]) * root
        norm = np.sqrt(np.square(columns).sum(axis=1)) + np.finfo(float).tiny
        values = np.linalg.lstsq((columns / norm[:, None]).T, data * root)[0] / norm
        return values, images, values[len(positions) :] @ self._sky

    def _fit(self, photometry, data, weights, positions, fluxes):
        """Table of `PSFPhotometry` for sources of one group, in their order."""
        shape, usable = (self._size, self._size), weights > 0
        error = 1.0 / np.sqrt(np.where(usable, weights, 1.0))
        init = Table({"x": positions[:, 0], "y": positions[:, 1], "flux": fluxes})
        init["group_id"] = 1
        with warnings.catch_warnings():
            # of fits that end at MAX_STEPS: they count as they are, as those of the other engines
            warnings.filterwarnings("ignore", "One or more fit", AstropyUserWarning)
            return photometry(
                np.where(usable, data, 0.0).reshape(shape),
                mask=~usable.reshape(shape),
                error=error.reshape(shape),
                init_params=init,
            )


class _Fitter(TRFLSQFitter):
    """photutils' default fitter, with the box of each position and Gaussian priors of listed positions."""

    def __init__(self):
        super().__init__()
        self.release()

    def release(self):
        """No boxes and no priors."""
        self._low = self._high = self._expected = self._precision = None

    def confine(self, prior, k):
        """Those of the free positions of cutout k of a `clusterphot.measure.positions.PositionPrior`."""
        free = prior.free[k]
        self._low, self._high = (prior.centre[k, free] + side * prior.reach for side in (-1.0, 1.0))
        self._expected = prior.expected[k, free]
        self._precision = np.repeat(prior.precision[k, free, None], 2, axis=1)

    def __call__(self, model, x, y, z=None, weights=None, maxiter=MAX_STEPS, **kwargs):
        if self._low is not None:
            for axis, name in enumerate(("x_0", "y_0")):
                for j, k in enumerate(_places_of(model, name)):
                    bounds = self._low[j, axis], self._high[j, axis]
                    getattr(model, model.param_names[k]).bounds = bounds
        return super().__call__(model, x, y, z, weights=weights, maxiter=maxiter, **kwargs)

    def objective_function(self, fps, *args, **kwargs):
        """Residuals over their errors, those of the positions from the listed ones among them.

        Of n sources in a group photutils lists every pixel n times: the priors count as often.
        """
        residuals = super().objective_function(fps, *args, **kwargs)
        if self._low is None or not self._precision.any():
            return residuals
        positions = np.stack([np.asarray(fps)[_places_of(args[0], name)] for name in ("x_0", "y_0")], axis=1)
        away = (positions - self._expected) * np.sqrt(self._precision * len(positions))
        return np.concatenate([residuals, away.ravel()])


def _places_of(model, name):
    """Indices among the parameters of those of a single source, ``x_0``, or of a group: ``x_0_0``, ``x_0_1``..."""
    return [k for k, one in enumerate(model.param_names) if one == name or one.startswith(f"{name}_")]


class _PlacedGrid(GriddedPSFModel):
    """PSFs over a mosaic, for positions on a cutout whose first pixel is at ``corner`` (x, y) of the mosaic."""

    corner = np.zeros(2)

    def evaluate(self, x, y, flux, x_0, y_0):
        """Light at x and y of a source at x_0 and y_0, pixels of the cutout."""
        left, bottom = self.corner
        return super().evaluate(x + left, y + bottom, flux, x_0 + left, y_0 + bottom)


def _model_of(psf, corner):
    """photutils' model of a PSF; ``corner`` (2,), changed in place, says where in the mosaic a cutout is."""
    if not isinstance(psf, PsfField):
        data = _read_grid(psf).data[0] if psf.grid_path else oversampled(psf.data * psf.ee_stamp)
        return _named_anew(ImagePSF(data, oversampling=OVERSAMPLING))
    grid = _read_grid(psf) if psf.grid_path else _grid_of(psf)
    model = _PlacedGrid(NDData(grid.data, meta=dict(grid.meta)))
    model.corner = corner
    return model


def _read_grid(psf):
    """``psf_grid.fits`` as photutils reads it."""
    return GriddedPSFModel.read(psf.grid_path)


def _grid_of(psf):
    """The same from a PSF in memory."""
    light = np.tensordot(psf.coefficients, psf.images, axes=1)
    places = [(x, y) for y in psf.y for x in psf.x]
    samples = np.array([oversampled(stamp) for stamp in light.reshape(-1, *light.shape[2:])])
    return NDData(samples, meta={"grid_xypos": places, "oversampling": OVERSAMPLING})


def _named_anew(model):
    """A copy of a model whose class has a name of its own.

    Up to version 3.0 photutils keeps what it makes for groups by the name of the class of the PSF: of two PSFs of one
    class the first served for both, and so did its fixed parameters (github.com/astropy/photutils, pull request 2384).
    """
    copy = model.copy()
    kind = type(model)
    copy.__class__ = type(f"{kind.__name__}_{next(_numbers)}", (kind,), {})
    return copy
