"""What can be read off a PSF: centre, width, ellipticity, curve of growth.

Images are odd stamps [y, x] about their middle pixel; lengths in pixels unless named.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.images import crop, fourier_shift, radius_grid

GAUSSIAN_FWHM = 2.3548
"""FWHM of a Gaussian over its sigma, 2 sqrt(2 ln 2)."""

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


@dataclass(frozen=True)
class CoreShape:
    """Size and ellipticity of the core of a point source, from `core_shape`.

    Attributes
    ----------
    sigma_px : float
        Width of the round Gaussian of the same area.
    e1, e2 : float
        (a - b) / (a + b) of the axes a >= b, times the cosine and sine of twice the angle of a from x towards y.
    sigma_err, e_err : float
        1-sigma errors from the inverse variances: of the width as a fraction, and of either ellipticity.
    """

    sigma_px: float
    e1: float
    e2: float
    sigma_err: float = 0.0
    e_err: float = 0.0


def core_shape(data, weight_sigma_px, *, dx=0.0, dy=0.0, ivar=None):
    """Size and ellipticity of a core: second moments under a round Gaussian, which is then taken out again.

    Parameters
    ----------
    data : (n, n) float ndarray, odd n
        A point source without sky and without holes.
    weight_sigma_px : float
        Width of the Gaussian.
    dx, dy : float, optional
        Position of the source from the middle pixel.
    ivar : (n, n) float ndarray, optional
        Inverse variances in the scale of ``data``, for the errors; 0 for pixels that were filled.

    Returns
    -------
    shape : CoreShape
        NaN where the light under the Gaussian is no peak.

    Notes
    -----
    Weighted moments Q of a Gaussian of covariance S under one of covariance W are inverse sums, Q^-1 = S^-1 + W^-1
    (for the moments of weak lensing see Bernstein & Jarvis 2002, AJ 123, 583). S is exact for a Gaussian; for other
    cores it is a measure that two images share only if they have the same weight. Errors hold for nearly round cores.

    Examples
    --------
    A Gaussian of 2 px by 1.6 px, its long axis along x: (2 - 1.6) / (2 + 1.6) = 0.111.

    >>> y, x = np.mgrid[-12:13, -12:13]
    >>> shape = core_shape(np.exp(-0.5 * (x**2 / 4.0 + y**2 / 2.56)), 1.5)
    >>> round(shape.sigma_px, 3), round(shape.e1, 3), round(shape.e2, 3)
    (1.789, 0.111, 0.0)
    """
    half = data.shape[0] // 2
    axis = np.arange(-half, half + 1)
    x, y = axis[None, :] - dx, axis[:, None] - dy
    weight = np.exp(-0.5 * (x**2 + y**2) / weight_sigma_px**2)
    light = float(np.sum(weight * data))
    nothing = CoreShape(np.nan, np.nan, np.nan, np.nan, np.nan)
    if not light > 0:
        return nothing
    xx, xy, yy = (float(np.sum(weight * data * term)) / light for term in (x * x, x * y, y * y))
    # The inverse of Q less that of the weight is the inverse of S.
    area = xx * yy - xy**2
    if not (area > 0 and xx > 0):
        return nothing
    ixx, ixy, iyy = yy / area - weight_sigma_px**-2, -xy / area, xx / area - weight_sigma_px**-2
    inverse_area = ixx * iyy - ixy**2
    if not (inverse_area > 0 and ixx > 0):
        return nothing
    sxx, sxy, syy = iyy / inverse_area, -ixy / inverse_area, ixx / inverse_area
    root = np.sqrt(sxx * syy - sxy**2)
    whole = sxx + syy + 2.0 * root
    values = float(np.sqrt(root)), float((sxx - syy) / whole), float(2.0 * sxy / whole)
    if ivar is None:
        return CoreShape(*values)
    # First order in the noise of the pixels: d ln sigma = (S / Q)^2 tr(dQ) / 4 S, and likewise the ellipticity.
    q = np.sqrt(area)
    scatter = np.divide(1.0, ivar, out=np.zeros_like(data), where=ivar > 0) * weight**2
    gain = root / (4.0 * q**2 * light)
    sigma_err = gain * np.sqrt(np.sum(scatter * (x**2 + y**2 - 2.0 * q) ** 2))
    e_err = gain * np.sqrt(np.sum(scatter * (x**2 - y**2) ** 2))
    return CoreShape(*values, float(sigma_err), float(e_err))
