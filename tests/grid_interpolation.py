"""Error of the interpolation between the nodes of a library, where it can be known: at nodes left out.

Ages Gyr, metallicities in solar units, errors as fractions.
"""

import dataclasses

import numpy as np
from astropy.table import Table
from clusterphot.ssp.refine import AXES, interpolate_grid


def interpolation_error(grid):
    """Error of the interpolation where it can be known: at each native node, left out in turn.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`

    Returns
    -------
    errors : `astropy.table.Table`
        One row per inner node of each axis, with columns ``axis`` (age_gyr or metallicity_zsun), ``value``,
        ``step_low_dex`` and ``step_high_dex`` (distance to its neighbours), and fractional errors over
        the nodes of the other axis: ``flux_rms`` and ``flux_max`` (all filters), ``colour_rms`` and
        ``colour_max`` (flux over the geometric mean of the filters: what ages and metallicities
        come from), ``ml_v_rms`` (surviving mass over V luminosity).

    Notes
    -----
    A node is predicted from its two neighbours, over a gap twice as wide as any that `refine_grid` bridges in a fit:
    four times the largest error inside a gap for a smooth function, about the error itself for a step.
    """
    rows = []
    for axis, name in enumerate(AXES):
        native = getattr(grid, name)
        for k in range(1, len(native) - 1):
            predicted = _without_node(grid, axis, k)
            ratio = np.log(predicted.flux_njy / np.take(grid.flux_njy, [k], axis=axis))
            colour = ratio - ratio.mean(axis=-1, keepdims=True)
            ml_v = np.log(predicted.ml_v / np.take(grid.ml_v, [k], axis=axis))
            rows.append(
                {
                    "axis": name,
                    "value": float(native[k]),
                    "step_low_dex": float(np.log10(native[k] / native[k - 1])),
                    "step_high_dex": float(np.log10(native[k + 1] / native[k])),
                    "flux_rms": _rms(ratio),
                    "flux_max": float(np.max(np.abs(ratio))),
                    "colour_rms": _rms(colour),
                    "colour_max": float(np.max(np.abs(colour))),
                    "ml_v_rms": _rms(ml_v),
                }
            )
    names = ["axis", "value", "step_low_dex", "step_high_dex"]
    names += ["flux_rms", "flux_max", "colour_rms", "colour_max", "ml_v_rms"]
    dtypes = ["U16"] + ["f8"] * (len(names) - 1)
    return Table(rows=[[row[name] for name in names] for row in rows] or None, names=names, dtype=dtypes)


def _rms(values):
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def _without_node(grid, axis, node):
    """The grid at one of its nodes of an axis, interpolated from the two beside it."""
    keep = [node - 1, node + 1]
    name = AXES[axis]
    arrays = {name: getattr(grid, name)[keep]}
    for array in ("flux_njy", "lum_v_lsun", "mass_remaining", "mass_living"):
        value = getattr(grid, array)
        arrays[array] = None if value is None else np.take(value, keep, axis=axis)
    values = [grid.age_gyr, grid.metallicity_zsun]
    values[axis] = values[axis][[node]]
    return interpolate_grid(dataclasses.replace(grid, **arrays), *values)
