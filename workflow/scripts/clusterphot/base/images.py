"""Geometry of small images: stamps around a pixel, shifts by a fraction of it, radii, polynomials of the sky.

Arrays are [y, x]; a stamp is square with odd sides, its centre the middle pixel; lengths in pixels.
"""

import numpy as np


def crop(image, half_px):
    """Central (2h+1, 2h+1) pixels of an odd-sized stamp, as a view.

    Parameters
    ----------
    image : (n, n) ndarray, odd n
    half_px : int
        At most ``n // 2``.

    Raises
    ------
    ValueError
        If the stamp is smaller than that.

    Examples
    --------
    >>> crop(np.arange(25).reshape(5, 5), 1)
    array([[ 6,  7,  8],
           [11, 12, 13],
           [16, 17, 18]])
    """
    middle = image.shape[0] // 2
    if half_px > middle:
        raise ValueError(f"half_px: {half_px}, expected at most {middle} for shape {image.shape}")
    return image[middle - half_px : middle + half_px + 1, middle - half_px : middle + half_px + 1]


def radius_grid(half_px):
    """Distance of every pixel of a (2h+1, 2h+1) stamp from its middle pixel, in pixels."""
    axis = np.arange(-half_px, half_px + 1)
    return np.hypot(axis[:, None], axis[None, :])


def elliptical_radius(dx, dy, *, axis_ratio, pa_deg):
    """Semi-major axis of the ellipse about the origin through each point.

    Parameters
    ----------
    dx, dy : float ndarray
        Offsets from the centre, broadcast against each other.
    axis_ratio : float
        Minor over major axis, (0, 1].
    pa_deg : float
        Angle of the major axis from x towards y, deg.

    Returns
    -------
    radius : float ndarray, in the unit of the offsets

    Examples
    --------
    >>> float(elliptical_radius(0.0, 1.0, axis_ratio=0.5, pa_deg=0.0))
    2.0
    """
    angle = np.radians(pa_deg)
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = dy * np.cos(angle) - dx * np.sin(angle)
    return np.sqrt(along**2 + (across / axis_ratio) ** 2)


def polynomial_terms(half_px, order):
    """Polynomials of a sky on a stamp: 1, x, y, x^2, xy, y^2, ... up to a total order.

    Parameters
    ----------
    half_px : int
        Coordinates run from -1 to 1 between the stamp's edges.
    order : int
        -1 gives none.

    Returns
    -------
    terms : (k, 2h+1, 2h+1) float ndarray
    """
    axis = np.arange(-half_px, half_px + 1) / float(max(half_px, 1))
    y, x = np.meshgrid(axis, axis, indexing="ij")
    terms = [x**i * y ** (total - i) for total in range(order + 1) for i in range(total, -1, -1)]
    return np.stack(terms) if terms else np.zeros((0, *x.shape))


def fourier_shift(image, dx, dy, *, gradients=False):
    """Shift an odd-sized image by a fraction of a pixel with the Fourier shift theorem.

    Parameters
    ----------
    image : (n, n) float ndarray, odd n
        Must fall smoothly to about zero at its border, and hold no invalid pixels; never a mask, which rings.
    dx, dy : float
        Shift towards larger x and y, pixels.
    gradients : bool, optional
        Also return the derivatives of the shifted image with respect to x and y.

    Returns
    -------
    shifted : (n, n) float ndarray, or tuple of three with the gradients.

    Raises
    ------
    ValueError
        If a side is even: the highest frequency of an even side has no phase that keeps the image real.

    Notes
    -----
    Exact for an image sampled at its Nyquist frequency or finer.

    Examples
    --------
    A Gaussian moved by (0.3, -0.2) px has its centroid there:

    >>> gauss = np.exp(-0.5 * (radius_grid(12) / 2.0) ** 2)
    >>> moved = fourier_shift(gauss, 0.3, -0.2)
    >>> y, x = np.indices(moved.shape) - 12
    >>> [round(float((moved * axis).sum() / moved.sum()), 6) for axis in (x, y)]
    [0.3, -0.2]
    """
    ny, nx = image.shape
    if ny % 2 == 0 or nx % 2 == 0:
        raise ValueError(f"image: shape {image.shape}, expected odd sides")
    ky = np.fft.fftfreq(ny)[:, None]
    kx = np.fft.rfftfreq(nx)[None, :]
    spectrum = np.fft.rfft2(image) * np.exp(-2j * np.pi * (kx * dx + ky * dy))
    shifted = np.fft.irfft2(spectrum, s=image.shape)
    if not gradients:
        return shifted
    along_x = np.fft.irfft2(spectrum * (2j * np.pi * kx), s=image.shape)
    along_y = np.fft.irfft2(spectrum * (2j * np.pi * ky), s=image.shape)
    return shifted, along_x, along_y
