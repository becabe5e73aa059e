"""What can be read off a PSF: centre, width, curve of growth.

Images are odd stamps [y, x] about their middle pixel; lengths in pixels unless named.
"""

import numpy as np

from clusterphot.base.images import crop, fourier_shift, radius_grid

CORE_ARCSEC, MIN_CORE_PX = 0.06, 1.5
"""Radius of the core of a star, between half the FWHM of F200W (0.036") and of F444W (0.079"); never less than the
three pixels that a centroid needs."""

CENTROID_STEPS, MAX_CENTROID_STEP_PX, CENTROID_TOLERANCE_PX = 40, 0.5, 1e-6
"""Iterations of the windowed centroid at most, largest step of each, and the step at which it stands."""

RECENTRE_STEPS, RECENTRE_TOLERANCE_PX, RECENTRE_WINDOW = 5, 1e-4, 6
"""Shifts of a stamp at most, centroid at which it is centred, and half side of what is looked at, in sigma."""

FWHM_HALF_PX, FWHM_ZOOM = 16, 8
"""The FWHM is measured on the central 33 pixels, interpolated to an eighth of one."""

FWHM_TAPER = 0.25
"""Power of the Hann window on these pixels, about 1 in the core and 0 at the edge, where the series would not close."""


def core_radius_px(pixel_scale_arcsec, core_arcsec=CORE_ARCSEC):
    """Radius (px) of the core of a star, at least `MIN_CORE_PX`."""
    return max(MIN_CORE_PX, core_arcsec / pixel_scale_arcsec)


def fwhm_px(data):
    """Full width at half maximum of a centred PSF: diameter of the circle of the area above half the peak.

    Parameters
    ----------
    data : (n, n) float ndarray, odd n

    Returns
    -------
    fwhm : float, px

    Notes
    -----
    The image is interpolated eightfold with its Fourier series, which is exact for a well sampled PSF. The area
    gives one width to a core that is not round.

    Examples
    --------
    A Gaussian of 1.5 px sigma, 3.53 px wide:

    >>> round(fwhm_px(np.exp(-0.5 * (radius_grid(25) / 1.5) ** 2)), 2)
    3.51
    """
    half = min(data.shape[0] // 2, FWHM_HALF_PX)
    core = data[tuple(slice(n // 2 - half, n // 2 + half + 1) for n in data.shape)]
    n = core.shape[0]
    window = np.hanning(n + 2)[1:-1] ** FWHM_TAPER
    spectrum = np.fft.fftshift(np.fft.fft2(core * np.outer(window, window)))
    # More frequencies, all of them zero: the same series read at more points.
    padded = np.zeros((n * FWHM_ZOOM, n * FWHM_ZOOM), dtype=complex)
    first = (n * FWHM_ZOOM) // 2 - n // 2
    padded[first : first + n, first : first + n] = spectrum
    zoomed = np.fft.ifft2(np.fft.ifftshift(padded)).real
    above = zoomed > 0.5 * zoomed.max()
    return float(2.0 * np.sqrt(above.sum() / np.pi) / FWHM_ZOOM)


def windowed_centroid(data, sigma_px):
    """Gaussian-weighted centroid from the middle pixel, iterated as SExtractor's XWIN.

    Parameters
    ----------
    data : (n, n) float ndarray, odd n
    sigma_px : float
        Of the weight.

    Returns
    -------
    dx, dy : float, px
        0 where the weighted light is not positive, or the centroid leaves the stamp.

    Examples
    --------
    >>> star = fourier_shift(np.exp(-0.5 * (radius_grid(12) / 2.0) ** 2), 0.3, -0.2)
    >>> [round(value, 3) for value in windowed_centroid(star, 2.0)]
    [0.3, -0.2]
    """
    half = data.shape[0] // 2
    axis = np.arange(-half, half + 1)
    dx = dy = 0.0
    for _ in range(CENTROID_STEPS):
        weight = np.exp(-0.5 * ((axis[:, None] - dy) ** 2 + (axis[None, :] - dx) ** 2) / sigma_px**2) * data
        total = weight.sum()
        if not total > 0:
            return 0.0, 0.0
        # Twice the offset: under a weight as wide as the source half of it is seen (Bertin 2005, XWIN).
        step_x = 2.0 * np.sum(weight * (axis[None, :] - dx)) / total
        step_y = 2.0 * np.sum(weight * (axis[:, None] - dy)) / total
        dx = dx + np.clip(step_x, -MAX_CENTROID_STEP_PX, MAX_CENTROID_STEP_PX)
        dy = dy + np.clip(step_y, -MAX_CENTROID_STEP_PX, MAX_CENTROID_STEP_PX)
        if np.hypot(step_x, step_y) < CENTROID_TOLERANCE_PX:
            break
        if np.hypot(dx, dy) > half:
            return 0.0, 0.0
    return float(dx), float(dy)


def recentre(stamp, sigma_px):
    """Fourier-shift an odd stamp until its windowed centroid is its middle pixel."""
    for _ in range(RECENTRE_STEPS):
        dx, dy = windowed_centroid(
            crop(stamp, min(stamp.shape[0] // 2, int(RECENTRE_WINDOW * sigma_px))), sigma_px
        )
        if np.hypot(dx, dy) < RECENTRE_TOLERANCE_PX:
            break
        stamp = fourier_shift(stamp, -dx, -dy)
    return stamp


def encircled_energy(data, ee_stamp, radius_px):
    """Fraction of the total light within circles around the middle pixel of a PSF.

    Parameters
    ----------
    data : (n, n) float ndarray, odd n
        In any scale.
    ee_stamp : float
        Share of the total light on the stamp.
    radius_px : float or (k,) float ndarray

    Returns
    -------
    ee : (k,) float ndarray
        NaN beyond the stamp's inscribed circle.

    Notes
    -----
    Pixels on the rim count with the fraction ``clip(r + 1/2 - d, 0, 1)``. Against pixels cut exactly
    (`photutils.profiles.CurveOfGrowth`) that is off by 1 % of the light at one pixel, by 0.05 % on average.

    Examples
    --------
    Light of a Gaussian within its sigma, 1 - exp(-1/2), of a stamp that holds 95 %:

    >>> psf = np.exp(-0.5 * (radius_grid(40) / 8.0) ** 2)
    >>> encircled_energy(psf, 0.95, [8.0]).round(2)
    array([0.37])
    """
    half = data.shape[0] // 2
    distance = radius_grid(half)
    normed = data / data.sum() * ee_stamp
    curve = np.array(
        [np.sum(normed * np.clip(r + 0.5 - distance, 0.0, 1.0)) for r in np.atleast_1d(radius_px)]
    )
    return np.where(np.atleast_1d(radius_px) <= half + 0.5, curve, np.nan)
