"""Shared modes as the likelihood of a population knows them: the few shifts of the bands that many modes span."""

import numpy as np

NEGLIGIBLE = 1e-6
"""Directions this much shorter than the longest are rounding."""


def directions_of(modes):
    """Orthogonal shifts of the fluxes that span the modes, each of unit variance.

    Parameters
    ----------
    modes : `clusterphot.sed.shared_modes.SharedModes`

    Returns
    -------
    directions : (n_directions, n_bands) float ndarray, fractions of the flux
        At most as many as there are bands; their covariance is that of the modes.
    """
    _, length, axes = np.linalg.svd(modes.effects, full_matrices=False)
    kept = length > NEGLIGIBLE * length.max(initial=0.0)
    return length[kept, None] * axes[kept]


def amplitude_weights(modes):
    """Mean amplitude of each mode per unit of each direction, (n_modes, n_directions).

    The amplitudes given the shifts of the bands: what the shifts leave open keeps its prior.
    """
    return modes.effects @ np.linalg.pinv(directions_of(modes))
