"""Errors that all sources of a field share, as modes: how each moves the fluxes of all filters together.

A mode of 1 sigma changes the fluxes of filter F by the fraction effect_F in the middle of the field, and over the field
by gradient_F (rms) more or less. Modes are independent of each other; the squares of their effects add up to that of
the error of a filter's flux scale and of its zero point.
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.columns import SYSTEMATICS_COLUMNS
from clusterphot.base.detectors import find_detector
from clusterphot.base.numerics import TINY

KINDS = {
    "core": "psf core",
    "wings": "psf wings",
    "reference": "psf reference",
    "beyond": "psf beyond the stamp",
    "variation": "psf variation",
    "other": "psf other",
    "zero_point": "zero point",
}
"""Kind of the modes by the first word of their names."""

OF_FILTERS = {"core": ("ERRCORE",), "wings": ("ERRWING",)}
"""Modes of each filter by itself, with the cards of psf.fits whose squares add up to theirs: other stars for each."""

OF_ALL = {"reference": ("ERRPRIOR", "ERRREF"), "beyond": ("ERRTAIL",)}
"""Modes common to all filters: the encircled energies of one telescope, one law of how wings go on."""

N_VARIATION = 4
"""Modes of the change over the field that are kept for each channel; what further ones have is put into the last."""


def join_systematics(psfs, effects, zero_points):
    """Modes of the errors that all sources share.

    Parameters
    ----------
    psfs : dict of str to `clusterphot.base.products.Psf`
        By filter, with the cards of its parts of the error in ``meta``.
    effects : dict of str to (m, q) float ndarray
        By filter: what independent errors of the change of the PSF (1 sigma, the same in all filters of a channel) do
        to fluxes at m places, the middle one in the middle of them. Filters of a PSF that the user gave are left out.
    zero_points : dict of str to float
        Fractional 1-sigma errors of the filters for which the user named one.

    Returns
    -------
    table : `astropy.table.Table`
        One row a mode: name, kind, and per filter effect_F and gradient_F, fractions of the flux.
    """
    modes = []
    for name, cards in OF_FILTERS.items():
        modes += [(f"{name}_{filt}", {filt: _squares(psf, cards)}, {}) for filt, psf in psfs.items()]
    for name, cards in OF_ALL.items():
        modes.append((name, {filt: _squares(psf, cards) for filt, psf in psfs.items()}, {}))
    channels = {}
    for filt in effects:
        channels.setdefault(find_detector({}, filt) or filt, []).append(filt)
    for channel, filters in channels.items():
        modes += _variation(channel.split()[-1], {filt: effects[filt] for filt in filters})
    known = [card for cards in (*OF_FILTERS.values(), *OF_ALL.values()) for card in cards] + ["ERRVARY"]
    for filt, psf in psfs.items():
        rest = psf.sys_error**2 - _squares(psf, known) ** 2
        modes.append((f"other_{filt}", {filt: float(np.sqrt(max(rest, 0.0)))}, {}))
    modes = [mode for mode in modes if any(abs(value) > TINY for value in mode[1].values())]
    # also one that is said to be without error: where there is no row, a posterior takes an error of its own
    modes += [
        (f"zero_point_{filt}", {filt: float(zero_points[filt])}, {}) for filt in psfs if filt in zero_points
    ]
    columns = {
        "name": [name for name, *_ in modes],
        "kind": [KINDS[next(k for k in KINDS if name.startswith(k))] for name, *_ in modes],
    }
    for filt in psfs:
        columns[f"effect_{filt}"] = np.array([effect.get(filt, 0.0) for _, effect, _ in modes])
        columns[f"gradient_{filt}"] = np.array([gradient.get(filt, 0.0) for *_, gradient in modes])
    table = Table(columns)
    for name in table.colnames:
        word = name.split("_")[0]
        unit, description = SYSTEMATICS_COLUMNS[word if word == name else f"{word}_F"]
        table[name].unit, table[name].description = unit or None, description
    return table


def _squares(psf, cards):
    """Root of the sum of squares of cards."""
    return float(np.sqrt(sum(float(psf.meta.get(card, 0.0)) ** 2 for card in cards)))


def _variation(channel, effects):
    """Principal modes of the change over the field in the filters of a channel, the largest first."""
    stacked = np.concatenate(list(effects.values()))
    _, _, axes = np.linalg.svd(stacked, full_matrices=False)
    axes = axes[: min(N_VARIATION, np.linalg.matrix_rank(stacked))]
    # Light is lost in the middle, whatever sign the library has chosen.
    modes = []
    for k, axis in enumerate(axes, start=1):
        along = {filt: places @ axis for filt, places in effects.items()}
        sign = -np.sign(sum(values[len(values) // 2] for values in along.values())) or 1.0
        effect = {filt: float(sign * values[len(values) // 2]) for filt, values in along.items()}
        gradient = {filt: float(np.std(values)) for filt, values in along.items()}
        modes.append((f"variation_{channel}_{k}", effect, gradient))
    if modes:
        _fill_last(modes, effects)
    return modes


def _fill_last(modes, effects):
    """Give the last mode what further ones do in the middle, so that the errors of the filters are whole."""
    effect = modes[-1][1]
    for filt, places in effects.items():
        middle = places[len(places) // 2]
        left = middle @ middle - sum(mode[1][filt] ** 2 for mode in modes)
        effect[filt] = float(np.copysign(np.sqrt(effect[filt] ** 2 + max(left, 0.0)), effect[filt] or -1.0))
