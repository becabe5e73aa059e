"""Engines of the point-source fits: what finds positions, fluxes and sky of a block of cutouts.

Scenes, masks, errors, flags and tables are common to all engines, see `clusterphot.measure.blocks`.
Fluxes nJy, positions cutout pixels (0-based).
"""

from dataclasses import dataclass

import numpy as np

ENGINES = ("psf", "tractor")


@dataclass(frozen=True)
class Solution:
    """What an engine found for n cutouts with c components and k sky terms.

    Attributes
    ----------
    positions : (n, c, 2) float ndarray
    values : (n, c + k) float ndarray or None
        Fluxes, then coefficients of the sky terms; None where the exact linear solution at ``positions`` is
        to be used.
    conditional_err : (n,) float ndarray or None
        The engine's own error of the target's flux with all else fixed; None for 1 / sqrt(sum w P^2).
    """

    positions: np.ndarray
    values: np.ndarray | None = None
    conditional_err: np.ndarray | None = None


def open_engine(name, setup):
    """Engine of this name.

    Parameters
    ----------
    name : {'psf', 'tractor'}
    setup : `clusterphot.measure.fit.FilterSetup`

    Returns
    -------
    engine : object
        ``solve_free(block, start, prior)`` and ``solve_tied(block, positions)``, each giving a `Solution`.

    Raises
    ------
    ConfigError
        If the engine's program is not installed.
    """
    if name == "psf":
        from clusterphot.measure.engines.psf_engine import PsfEngine

        return PsfEngine()
    if name == "tractor":
        from clusterphot.measure.engines.tractor_engine import TractorEngine

        return TractorEngine(setup)
    raise ValueError(f"engine is {name!r}, expected one of {', '.join(ENGINES)}")
