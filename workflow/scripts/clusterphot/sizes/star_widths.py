"""How much the width of the PSF varies over a field: the same fit, on the stars that the PSF was made of.

What is measured is the change of the FWHM of each star against the PSF of its place, as a fraction.
"""

import numpy as np

from clusterphot.base.robust import mad_sigma
from clusterphot.sizes.likelihood import MARGIN_PX, lowest_node

RANGE_FRACTION = 0.1
"""Widths are sought between -3.5 and 4.5 times this change."""

MIN_STARS = 5
"""Stars from which their scatter is stated: that of fewer is known to a third at best."""


def star_widths(mosaic, positions, context, cutout_px):
    """Change of the FWHM of stars against the PSF.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    positions : (n, 2) float ndarray
        x, y in pixels.
    context : `clusterphot.sizes.limits.SizeContext`
    cutout_px : int
        Side of the cutouts of the field, for the window.

    Returns
    -------
    fraction, error : (m,) float ndarray
        Of the stars without bad pixels; the error is that of pixel noise alone.
    """
    window = context.options.window_px(mosaic.pixel_scale_arcsec, cutout_px)
    one = context.grid(cutout_px, RANGE_FRACTION)
    size = window + 2 * MARGIN_PX
    fractions, errors = [], []
    for x, y in positions:
        x0, y0 = (int(np.rint(value)) - size // 2 for value in (x, y))
        sci, ivar = mosaic.region(y0, y0 + size, x0, x0 + size)
        if not np.all((ivar > 0) & np.isfinite(sci)):
            continue
        variance = 1.0 / (np.median(ivar) * context.noise.ivar_scale)
        local = context.at(x, y)
        grid = one if local is context else local.grid(cutout_px, RANGE_FRACTION)
        place = (np.array([value - start - size // 2]) for value, start in ((x, x0), (y, y0)))
        modes, *_ = grid.centre(sci[None], *place)
        chi2 = grid.likelihood(modes, np.array([variance])).chi2[:, 0]
        _, node, curvature = lowest_node(chi2)
        step = grid.fraction[1] - grid.fraction[0]
        fractions.append(float(np.interp(node[0], np.arange(len(grid.fraction)), grid.fraction)))
        errors.append(step * float(np.sqrt(2.0 / curvature[0])))
    return np.array(fractions), np.array(errors)


def describe_widths(fraction, error):
    """Median and scatter of the widths of stars beyond their noise, for the metadata of a table.

    Parameters
    ----------
    fraction, error : (n,) float ndarray
        From `star_widths`.

    Returns
    -------
    facts : dict
        ``n_stars``, ``star_fwhm_median`` and ``star_fwhm_scatter``, fractions; NaN for fewer than `MIN_STARS`.
    """
    facts = {"n_stars": len(fraction), "star_fwhm_median": float("nan"), "star_fwhm_scatter": float("nan")}
    if len(fraction) >= MIN_STARS:
        middle = float(np.median(fraction))
        total = float(mad_sigma(fraction, centre=middle))
        noise = float(np.median(error))
        facts |= {
            "star_fwhm_median": middle,
            "star_fwhm_scatter": float(np.sqrt(max(total**2 - noise**2, 0.0))),
        }
    return facts
