"""The stellar locus: where stars lie in half-light radius against magnitude.

After Faisst et al. 2022 (ApJL 941, L11), found without a hand. Radii in pixels, magnitudes AB; all widths
are in ln R_e, so that they are fractions of the radius.
"""

import numpy as np

from clusterphot.base.robust import PRINTED_MAD_TO_SIGMA, mad_sigma

BRIGHTER_MAG = 3.0
"""Detections up to this much brighter than the stars of the core help to find the locus, which is the same there."""

MIN_RADIUS_PX, RADIUS_REACH = 0.5, 1.5
"""Half-light radii that are looked at: none is smaller than half a pixel but hot ones, and up to this multiple of the
largest that a star may have."""

MIN_STARS, MIN_SLOPE_STARS = 3, 8
"""Detections that agree without which there is no locus, and without which it has no slope."""

DENSITY_STEP, DENSITY_SIGMA, DENSITY_MARGIN = 0.01, 0.05, 0.2
"""Density of the detections: steps, sigma of the kernel (about the locus' own width) and what is drawn beyond them."""

PEAK_SHARE, MIN_PEAK = 0.4, 2.0
"""A peak counts from this share of the highest, and from this density, two stars at one place. Galaxies may be more
numerous than stars, but are never as small."""

FIRST_SIGMA, SIGMA_RANGE = 0.06, (0.01, 0.08)
"""Width of the locus at first, and its least and largest: noise of R_e at 25-27 mag, and variation of the PSF."""

CLIP_SIGMA, MIN_CLIP = 2.5, 0.1
"""Detections within so many sigma, at least this, make the line."""

MAX_SLOPE = 0.06
"""Largest slope per magnitude: stars have one radius, but for what noise and the aperture of faint ones do."""

N_ITERATIONS = 10
"""Turns of line and clipping."""

WINDOW_SIGMA, MIN_WINDOW = 3.0, 0.12
"""A star lies within so many sigma of the line, at least this."""


def fit_locus(mag, radius_px, usable, options):
    """Locate the stellar locus: a straight line of ln R_e against magnitude and its width.

    Parameters
    ----------
    mag, radius_px : (n,) float ndarray, mag AB and pixels
    usable : (n,) bool ndarray
        Detections that are not saturated.
    options : `clusterphot.psf.stars.StarOptions`

    Returns
    -------
    locus : dict or None
        ``ln_radius`` at ``mag_pivot``, ``slope`` per mag, ``sigma`` and ``window`` (half-width, see
        `WINDOW_SIGMA`), all in ln R_e; None if fewer than `MIN_STARS` detections agree.

    Notes
    -----
    The locus is the narrow ridge at small radius: of the peaks of the density of ln R_e with at least
    `PEAK_SHARE` of the highest one, that with the smallest radius.

    Examples
    --------
    Thirty stars of 2.0 px among a hundred galaxies:

    >>> from clusterphot.psf.stars import StarOptions
    >>> rng = np.random.default_rng(1)
    >>> radius = np.concatenate([2.0 * np.exp(0.03 * rng.normal(size=30)), rng.uniform(2.3, 8.0, 100)])
    >>> locus = fit_locus(rng.uniform(23.0, 27.0, 130), radius, np.ones(130, bool), StarOptions())
    >>> round(float(np.exp(locus["ln_radius"])), 1)
    2.0
    """
    mag, radius_px = np.asarray(mag, dtype=float), np.asarray(radius_px, dtype=float)
    near = usable & (mag > options.mag_min - BRIGHTER_MAG) & (mag < options.mag_max)
    near &= (radius_px > MIN_RADIUS_PX) & (radius_px < RADIUS_REACH * options.half_light_radius_max_px)
    if near.sum() < MIN_STARS:
        return None
    ln_radius, mag = np.log(radius_px[near]), mag[near]
    centre = _smallest_ridge(ln_radius, options.half_light_radius_max_px)
    if centre is None:
        return None
    pivot = 0.5 * (options.mag_min + options.mag_max)
    slope, sigma = 0.0, FIRST_SIGMA
    for _ in range(N_ITERATIONS):
        distance = ln_radius - centre - slope * (mag - pivot)
        near = np.abs(distance) < max(CLIP_SIGMA * sigma, MIN_CLIP)
        if near.sum() < MIN_STARS:
            return None
        if near.sum() >= MIN_SLOPE_STARS:
            slope = np.clip(slope + np.polyfit(mag[near], distance[near], 1)[0], -MAX_SLOPE, MAX_SLOPE)
        centre += np.median(ln_radius[near] - centre - slope * (mag[near] - pivot))
        left = ln_radius[near] - centre - slope * (mag[near] - pivot)
        sigma = np.clip(mad_sigma(left, centre=0.0, factor=PRINTED_MAD_TO_SIGMA), *SIGMA_RANGE)
    values = (centre, slope, sigma, max(WINDOW_SIGMA * sigma, MIN_WINDOW))
    names = ("ln_radius", "slope", "sigma", "window")
    return {"mag_pivot": float(pivot)} | {n: float(v) for n, v in zip(names, values, strict=True)}


def _smallest_ridge(ln_radius, max_radius_px):
    """Smallest ln R_e at which detections crowd, below that of ``max_radius_px``; None if they do nowhere."""
    last = np.log(RADIUS_REACH * max_radius_px) + DENSITY_MARGIN
    grid = np.arange(ln_radius.min() - DENSITY_MARGIN, last, DENSITY_STEP)
    density = np.exp(-0.5 * ((grid[:, None] - ln_radius[None, :]) / DENSITY_SIGMA) ** 2).sum(axis=1)
    allowed = grid < np.log(max_radius_px)
    rise = np.diff(density)
    peaks = np.flatnonzero((rise[:-1] > 0) & (rise[1:] <= 0) & allowed[1:-1]) + 1
    if len(peaks) == 0:
        return None
    high = peaks[density[peaks] >= max(PEAK_SHARE * density[peaks].max(), MIN_PEAK)]
    return grid[high[0]] if len(high) else grid[peaks[np.argmax(density[peaks])]]


def locus_distance(locus, mag, radius_px):
    """Distance of ln R_e from the locus, (n,)."""
    return (
        np.log(np.maximum(radius_px, 1e-3)) - locus["ln_radius"] - locus["slope"] * (mag - locus["mag_pivot"])
    )
