"""Projected light profiles of star clusters behind a PSF, exactly by their Fourier transforms.

Gaussian, King (1962, AJ 67, 471) and Plummer (1911, MNRAS 71, 460) profiles by half-light radius in projection.
Radii arcsec, frequencies 1/arcsec.
"""

import functools

import numpy as np
from scipy import special

from clusterphot.config.sizes import LimitKeys

MODELS = ("gaussian", "king", "plummer")

HALF_LIGHT_OVER_SIGMA = np.sqrt(2.0 * np.log(2.0))
"""Radius that holds half of a round Gaussian, over its sigma per axis."""

KING_NODES = 2000
"""Nodes of the quadrature over a King profile, dense enough for the fastest oscillation of `KING_FREQUENCIES`."""

KING_FREQUENCIES = np.concatenate([np.linspace(0.0, 2.0, 81)[:-1], np.geomspace(2.0, 400.0, 320)])
"""2 pi k r_h at which the transform of a King profile is tabulated."""


def transfer(model, frequency, half_light_arcsec, *, king_concentration=LimitKeys.king_concentration):
    """Fourier (Hankel) transform of a unit-flux round profile.

    Parameters
    ----------
    model : {'gaussian', 'king', 'plummer'}
    frequency : float ndarray, 1/arcsec
        Spatial frequency k, not angular.
    half_light_arcsec : float ndarray
        Radius r_h that holds half of the light in projection, broadcast against ``frequency``; 0 is a point.
    king_concentration : float
        log10 of tidal over core radius, for ``king``.

    Returns
    -------
    transfer : float ndarray, 1 at frequency 0

    Raises
    ------
    ValueError
        For another model.

    Notes
    -----
    With z = 2 pi k r_h. Gaussian: exp(-z^2 / (4 ln 2)). Plummer, (1 + R^2/r_h^2)^-2: z K_1(z), since half of
    its light falls within its scale length (Gradshteyn & Ryzhik 6.565.4). King: by quadrature, see
    `king_transfer`.

    Examples
    --------
    A source of 0.05" at 2 per arcsec: the heavier its wing, the less is left.

    >>> [round(float(transfer(model, 2.0, 0.05)), 3) for model in ("gaussian", "plummer")]
    [0.867, 0.768]
    """
    z = 2.0 * np.pi * np.asarray(frequency) * np.asarray(half_light_arcsec)
    if model == "gaussian":
        return np.exp(-(z**2) / (4.0 * np.log(2.0)))
    if model == "plummer":
        positive = np.maximum(z, 1e-12)
        return positive * special.k1(positive)
    if model == "king":
        return king_transfer(float(king_concentration))(np.minimum(z, KING_FREQUENCIES[-1]))
    raise ValueError(f"model is {model!r}, expected one of {', '.join(MODELS)}")


@functools.lru_cache
def king_transfer(concentration):
    """Spline of the transform of the King (1962, eq. 14) profile against 2 pi k r_h."""
    from scipy.interpolate import CubicSpline

    x, light = _king_light(concentration)
    half = king_half_light(concentration)
    table = np.array([np.sum(light * special.j0(z / half * x)) for z in KING_FREQUENCIES])
    return CubicSpline(KING_FREQUENCIES, table / light.sum())


def king_half_light(concentration):
    """Half-light radius of a King (1962) profile in units of its core radius."""
    xt = 10.0**concentration

    def enclosed(x):
        """Light within x core radii (King 1962, eq. 18, without its factor pi r_c^2 k)."""
        q = 1.0 + xt**2
        u = np.asarray(x) ** 2
        return np.log1p(u) - 4.0 * (np.sqrt(1.0 + u) - 1.0) / np.sqrt(q) + u / q

    low, high = 0.0, xt
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if enclosed(middle) < 0.5 * enclosed(xt) else (low, middle)
    return 0.5 * (low + high)


def _king_light(concentration):
    """Nodes (core radii) and light at each of a Gauss-Legendre quadrature, dense in the core."""
    xt = 10.0**concentration
    node, weight = np.polynomial.legendre.leggauss(KING_NODES)
    top = np.arcsinh(xt)
    s = 0.5 * top * (node + 1.0)
    x = np.sinh(s)
    surface = (1.0 / np.sqrt(1.0 + x**2) - 1.0 / np.sqrt(1.0 + xt**2)) ** 2
    return x, surface * x * np.cosh(s) * weight


def broadened(terms, pixel_scale_arcsec, half_light_arcsec, *, model="plummer"):
    """Images of extended sources from those of points.

    Parameters
    ----------
    terms : (k, n, n) float ndarray, odd n
        On pixels that sample the PSF, falling to about zero at their borders.
    pixel_scale_arcsec : float
    half_light_arcsec : float
    model : str
        As in `transfer`.

    Returns
    -------
    images : (k, n, n) float ndarray
        Light that falls beyond the stamp is left out.

    Examples
    --------
    A Gaussian of 3 px (sigma) behind a Gaussian source of 4 px is one of 5 px, with 9/25 of the peak:

    >>> y, x = np.mgrid[-40:41, -40:41]
    >>> psf = np.exp(-0.5 * (x**2 + y**2) / 3.0**2) / (2 * np.pi * 3.0**2)
    >>> image = broadened(psf[None], 0.02, 4.0 * 0.02 * HALF_LIGHT_OVER_SIGMA, model="gaussian")[0]
    >>> round(float(image[40, 40] / psf[40, 40]), 4)
    0.36
    """
    n = terms.shape[-1]
    length = (
        2 * n
    )  # room for the light that leaves the stamp, so that it does not come in from the other side
    frequency = np.hypot(np.fft.fftfreq(length)[:, None], np.fft.rfftfreq(length)) / pixel_scale_arcsec
    spectra = np.fft.rfft2(terms, (length, length)) * transfer(model, frequency, half_light_arcsec)
    return np.fft.irfft2(spectra, (length, length))[:, :n, :n]
