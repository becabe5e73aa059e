"""What an engine of the point-source fits gives back. Fluxes nJy, positions cutout pixels (0-based)."""

from dataclasses import dataclass

import numpy as np


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
