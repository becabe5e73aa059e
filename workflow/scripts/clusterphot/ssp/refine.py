"""A fine grid of ages and metallicities from a projected one, and the error of the interpolation.

Bilinear in log age and log metallicity, as usual for such grids (Conroy 2013, ARA&A 51, 393, section 2.2).
Ages Gyr, metallicities in solar units of the grid, fluxes nJy per Msun formed.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from clusterphot.config.sed import GridSteps

_RANGE_RTOL = 1e-9  # an end of a range this close (relative) to the grid's end is the grid's end

AXES = ("age_gyr", "metallicity_zsun")


def log_nodes(low, high, step_dex):
    """Values from ``low`` to ``high``, both included, in equal steps of log10 not above ``step_dex``.

    Parameters
    ----------
    low, high : float, 0 < low <= high
    step_dex : float, > 0

    Returns
    -------
    nodes : 1-D float ndarray
        One node where low equals high.
    """
    if not (0 < low <= high and step_dex > 0):
        raise ValueError(
            f"low {low}, high {high}, step_dex {step_dex}: expected 0 < low <= high, step_dex > 0"
        )
    if low == high:
        return np.array([float(low)])
    n_steps = max(1, int(np.ceil(np.log10(high / low) / step_dex - 1e-9)))
    nodes = low * (high / low) ** (np.arange(n_steps + 1) / n_steps)
    nodes[-1] = high
    return nodes


def refine_grid(
    grid,
    *,
    age_range_gyr=None,
    metallicity_range_zsun=None,
    step_log_age_dex=GridSteps.step_log_age_dex,
    step_log_metallicity_dex=GridSteps.step_log_metallicity_dex,
):
    """A projected grid on fine, logarithmically equal steps of age and metallicity.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
        The denser its ages the better: all ages of the library, not those of a coarse fit.
    age_range_gyr, metallicity_range_zsun : (low, high) of float, optional
        Ends of the fine grid, within the grid; by default those of the grid.
    step_log_age_dex, step_log_metallicity_dex : float, optional
        Largest step.

    Returns
    -------
    fine : `clusterphot.ssp.grid.ProjectedGrid`

    Raises
    ------
    ValueError
        If a range reaches outside the grid.

    Notes
    -----
    Log flux and log L_V are bilinear in (log age, log metallicity), surviving fractions bilinear as they
    are; at a node of the grid the values are those of the grid to rounding. Between the metallicities of
    a library, 0.3 to 1 dex apart, splines overshoot and are no better: leaving out nodes of the BC03 grid
    (0.4-11 Gyr, six NIRCam filters, z = 0.39) gives rms errors in flux of 6.9 % (linear), 8.0 % (PCHIP),
    7.2 % (Akima) and 18.7 % (cubic spline) in metallicity, and 5.1, 5.0, 5.0 and 5.4 % in age, where the
    steps of the library around 1 Gyr decide. See `interpolation_error`.
    """
    axes = []
    for axis, asked, step in (
        (0, age_range_gyr, step_log_age_dex),
        (1, metallicity_range_zsun, step_log_metallicity_dex),
    ):
        native = getattr(grid, AXES[axis])
        low, high = _range_inside(native, asked, AXES[axis])
        axes.append(log_nodes(low, high, step))
    return interpolate_grid(grid, *axes)


def _range_inside(native, asked, name):
    """Ends of a range, snapped to those of the grid; ValueError if it reaches outside."""
    first, last = float(native[0]), float(native[-1])
    low, high = (first, last) if asked is None else (float(asked[0]), float(asked[1]))
    if not (first * (1 - _RANGE_RTOL) <= low <= high <= last * (1 + _RANGE_RTOL)):
        raise ValueError(f"{name} from {low:g} to {high:g} is not inside the grid, {first:g} to {last:g}")
    return max(low, first), min(high, last)


def interpolate_grid(grid, age_gyr, metallicity_zsun):
    """The grid at these ages and metallicities, none of them outside; see `refine_grid`.

    Parameters
    ----------
    grid : `clusterphot.ssp.grid.ProjectedGrid`
    age_gyr, metallicity_zsun : 1-D float array_like, increasing

    Returns
    -------
    interpolated : `clusterphot.ssp.grid.ProjectedGrid`
    """
    places = [
        _places(getattr(grid, name), values)
        for name, values in zip(AXES, (age_gyr, metallicity_zsun), strict=True)
    ]
    living = None if grid.mass_living is None else _bilinear(grid.mass_living, places)
    return dataclasses.replace(
        grid,
        age_gyr=np.asarray(age_gyr, float),
        metallicity_zsun=np.asarray(metallicity_zsun, float),
        flux_njy=np.exp(_bilinear(np.log(grid.flux_njy), places)),
        lum_v_lsun=np.exp(_bilinear(np.log(grid.lum_v_lsun), places)),
        mass_remaining=_bilinear(grid.mass_remaining, places),
        mass_living=living,
    )


def _places(native, values):
    """Cell of each value on an axis, and the fraction of the way through it in the logarithm."""
    if len(native) == 1:
        return np.zeros(len(values), dtype=int), np.zeros(len(values))
    cell = np.clip(np.searchsorted(native, values, side="right") - 1, 0, len(native) - 2)
    fraction = np.log(values / native[cell]) / np.log(native[cell + 1] / native[cell])
    return cell, np.clip(fraction, 0.0, 1.0)


def _bilinear(values, places):
    """Bilinear interpolation of (na, nz, ...) values at the outer product of two lists of places."""
    for axis, (cell, fraction) in enumerate(places):
        if values.shape[axis] == 1:
            values = np.take(values, cell, axis=axis)
            continue
        shape = [1] * values.ndim
        shape[axis] = len(cell)
        t = fraction.reshape(shape)
        values = (1 - t) * np.take(values, cell, axis=axis) + t * np.take(values, cell + 1, axis=axis)
    return values


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
    A node is predicted from its two neighbours, over a gap twice as wide as any that `refine_grid` bridges:
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
