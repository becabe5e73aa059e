"""A fine grid of ages and metallicities from a projected one.

Bilinear in log age and log metallicity, as usual for such grids (Conroy 2013, ARA&A 51, 393, section 2.2).
Ages Gyr, metallicities in solar units of the grid, fluxes nJy per Msun formed.
"""

import dataclasses

import numpy as np

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
    steps of the library around 1 Gyr decide. See docs/calibration.md.
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
