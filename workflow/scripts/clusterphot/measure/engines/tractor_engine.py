"""The Tractor as engine: the photometry of Faisst et al. (2022, ApJL 941, L11), with its pitfalls taken care of.

The Tractor (Lang, Hogg & Mykytyn 2016, ASCL 1604.008) finds positions, fluxes and sky of one cutout after
the other. Fluxes nJy, positions cutout pixels (0-based).
"""

import contextlib
import io
import logging

import numpy as np

from clusterphot.measure.engines import install
from clusterphot.measure.engines.bounded import BoundedPosition, conditional_variances, optimise
from clusterphot.measure.engines.solution import Solution
from clusterphot.measure.linear import solve

MIN_START_SIGMA = 1e-3
"""Fluxes nearer to zero than this fraction of their error start there instead: at zero flux a position has no slope."""

logger = logging.getLogger(__name__)


class TractorEngine:
    """Fits with The Tractor, cutout by cutout.

    Parameters
    ----------
    setup : `clusterphot.measure.fit.FilterSetup`

    Raises
    ------
    ConfigError
        If The Tractor, or the part of Astrometry.net that it uses, is not there.
    """

    name = "tractor"

    def __init__(self, setup):
        install.check_importable()
        with _quiet():
            from clusterphot.measure.engines.tractor_model import TractorScene
        self._scene = TractorScene
        self._size = setup.size_px

    def solve_free(self, block, start, prior):
        """Positions, fluxes and sky, with the prior of the positions and their boxes, from the linear solution."""
        begin = np.where(
            prior.free[:, :, None],
            np.clip(start, prior.centre - prior.reach, prior.centre + prior.reach),
            start,
        )
        linear, inverse = solve(block.equations(block.images(begin))[0])
        c = start.shape[1]
        error = np.sqrt(np.maximum(np.diagonal(inverse, axis1=1, axis2=2)[:, :c], 0.0))
        first = np.concatenate([first_fluxes(linear[:, :c], error), linear[:, c:]], axis=1)
        return self._solve(block, begin, first, prior)

    def solve_tied(self, block, positions):
        """Fluxes and sky at given positions, from nothing."""
        n, c, _ = positions.shape
        return self._solve(block, positions, np.zeros((n, c + len(block.terms))), None)

    def _solve(self, block, start, first, prior):
        """Fit the cutouts of a block one by one, from first positions and first fluxes and sky."""
        n, c, _ = start.shape
        positions, values = start.copy(), first.copy()
        conditional = np.full(n, np.nan)
        with _quiet():
            for k in np.flatnonzero((block.weights > 0).any(axis=1)):
                scene = self._open(block, k, start[k], first[k, :c], first[k, c:])
                if prior is None:
                    scene.fix_positions()
                boxes = [] if prior is None else _confine(scene, prior, k)
                optimise(scene.tractor, boxes)
                positions[k], values[k] = scene.positions(), scene.values()
                scene.fix_positions()
                conditional[k] = np.sqrt(conditional_variances(scene.tractor)[len(block.terms)])
        return Solution(positions, values, conditional)

    def _open(self, block, k, positions, fluxes, sky):
        """Scene of one cutout."""
        m = self._size
        shape = (m, m)
        scene = self._scene(
            block.data[k].reshape(shape), block.weights[k].reshape(shape), block.renderer,
            block.terms.images.reshape(-1, m, m), positions=positions, fluxes=fluxes, sky=sky,
            core=None if block.cores is None else block.cores[k, 0],
        )  # fmt: skip
        return scene


def first_fluxes(fluxes, errors):
    """Fluxes to begin with: those of the linear solution, moved off zero.

    Parameters
    ----------
    fluxes, errors : (..., c) float ndarray
    """
    least = np.maximum(MIN_START_SIGMA * errors, 1e-12)
    return np.where(np.abs(fluxes) < least, np.where(fluxes < 0, -least, least), fluxes)


def _confine(scene, prior, k):
    """Bounds and priors of the free positions of cutout k; the others are held. The free ones as a list."""
    boxes = []
    for j, source in enumerate(scene.sources):
        if not prior.free[k, j]:
            source.freezeParam("pos")
            continue
        centre = prior.centre[k, j]
        boxes.append(BoundedPosition(source.pos, centre - prior.reach, centre + prior.reach))
        if prior.precision[k, j] > 0:
            sigma = float(1.0 / np.sqrt(prior.precision[k, j]))
            for axis, name in enumerate(BoundedPosition.NAMES):
                source.pos.addGaussianPrior(name, float(prior.expected[k, j, axis]), sigma)
    return boxes


@contextlib.contextmanager
def _quiet():
    """Keep what The Tractor prints out of the terminal; it goes to the log of the job."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        yield
    if said.getvalue():
        logger.info("The Tractor said: %s", said.getvalue().strip()[:2000])
