"""Projected light profiles of star clusters and their images behind a PSF, exactly by Fourier transforms.

Gaussian, King (1962, AJ 67, 471) and Plummer (1911, MNRAS 71, 460) profiles by half-light radius in projection.
Radii arcsec, frequencies 1/arcsec, images per unit flux.
"""

import functools

import numpy as np
from scipy import special

from clusterphot.base.images import crop
from clusterphot.config.sizes import LimitKeys

MODELS = ("gaussian", "king", "plummer")

HALF_LIGHT_OVER_SIGMA = np.sqrt(2.0 * np.log(2.0))
"""Radius that holds half of a round Gaussian, over its sigma per axis."""

FWHM_OVER_SIGMA = 2.0 * HALF_LIGHT_OVER_SIGMA

KING_NODES = 2000
"""Nodes of the quadrature over a King profile, dense enough for the fastest oscillation of `KING_FREQUENCIES`."""

KING_FREQUENCIES = np.concatenate([np.linspace(0.0, 2.0, 81)[:-1], np.geomspace(2.0, 400.0, 320)])
"""2 pi k r_h at which the transform of a King profile is tabulated."""

MIN_FWHM_FACTOR = 0.6
"""A PSF is not made narrower than this share of its width: noise in it would grow without bound."""


# ---- profiles --------------------------------------------------------------------------------------------


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


# ---- broadening ------------------------------------------------------------------------------------------


def broadening_variance(fwhm_arcsec, fraction):
    """Variance (arcsec^2 per axis) of the Gaussian that changes a PSF's width by a fraction.

    Parameters
    ----------
    fwhm_arcsec : float
    fraction : float ndarray
        Change of the FWHM, widths added in quadrature; negative for a narrower PSF, whose "Gaussian" has a
        negative variance. Below `MIN_FWHM_FACTOR` - 1 it is held there.
    """
    factor = np.maximum(1.0 + np.asarray(fraction, dtype=float), MIN_FWHM_FACTOR)
    return (fwhm_arcsec / FWHM_OVER_SIGMA) ** 2 * (factor**2 - 1.0)


def gaussian_transfer(frequency, variance_arcsec2):
    """Fourier transform of the Gaussian of a variance per axis, or of what undoes one.

    Parameters
    ----------
    frequency : float ndarray, 1/arcsec
    variance_arcsec2 : float ndarray
        Broadcast against ``frequency``; negative values sharpen.

    Notes
    -----
    Negative variances: the first four terms of 1 / G = sum of (1 - G)^j with G that of |variance| (Van Cittert's
    deconvolution). It changes second moments by exactly this variance and is at most 4, while 1 / G would amplify
    noise and wiggles of the PSF at high frequencies without bound. A Gaussian PSF that should get narrower
    by 5, 10, 15 and 20 % does so by 5, 9, 11 and 13 %.
    """
    gauss = np.exp(-2.0 * (np.pi * np.asarray(frequency)) ** 2 * np.abs(variance_arcsec2))
    rest = 1.0 - gauss
    return np.where(np.asarray(variance_arcsec2) >= 0, gauss, 1.0 + rest * (1.0 + rest * (1.0 + rest)))


# ---- images ----------------------------------------------------------------------------------------------


class PsfSpectrum:
    """Spectrum of a PSF on the frequencies of a padded square, from which images of any source are made.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
        Pixel integration is part of it, being on the pixels of the mosaic.
    reach_px : int
        Images are exact out to this distance from the middle; light beyond twice as far is left out.

    Attributes
    ----------
    frequency : (n, n // 2 + 1) float ndarray, 1/arcsec
    otf : complex ndarray of the same shape
        1 at frequency 0 times the light of the stamp that is kept.
    light : float
        Share of a point source's total light in the stamp that is kept.

    Notes
    -----
    A PSF sampled finer than its Nyquist frequency times the transform of a profile is the exact image of an
    extended source on the same pixels, with no oversampling. NIRCam's mosaics of 20 and 40 mas are
    sampled so, except for a few per cent of the transfer function of F090W and bluer.
    """

    def __init__(self, psf, reach_px):
        half = min(psf.data.shape[0] // 2, 2 * int(reach_px))
        stamp = crop(psf.data, half) * psf.ee_stamp
        self.size = 2 * (2 * int(reach_px) + 1)
        self.pixel_scale_arcsec = psf.pixel_scale_arcsec
        self.light = float(stamp.sum())
        grid = np.zeros((self.size, self.size))
        grid[: 2 * half + 1, : 2 * half + 1] = stamp
        self.otf = np.fft.rfft2(np.roll(grid, (-half, -half), axis=(0, 1)))
        self._fy, self._fx = np.fft.fftfreq(self.size), np.fft.rfftfreq(self.size)
        self.frequency = np.hypot(self._fy[:, None], self._fx) / psf.pixel_scale_arcsec
        twice = np.full(len(self._fx), 2.0)
        twice[0] = twice[-1] = 1.0
        self._weight = np.broadcast_to(twice, self.otf.shape) / self.size**2

    def gaussian(self, variance_arcsec2):
        """Transfer of a Gaussian of this variance per axis (negative sharpens), (..., n, n // 2 + 1)."""
        return gaussian_transfer(self.frequency, np.asarray(variance_arcsec2, dtype=float)[..., None, None])

    def waves(self, maps):
        """Spectra by which the inner product of pixel maps with an image is a sum over frequencies.

        Parameters
        ----------
        maps : (k, m, m) float ndarray, odd m
            Weights of the pixels about the middle one.

        Returns
        -------
        waves : (k, n * (n // 2 + 1)) complex ndarray
            ``(waves * spectrum).sum().real`` is the product with the image of that spectrum.
        """
        k, m, _ = maps.shape
        grid = np.zeros((k, self.size, self.size))
        grid[:, :m, :m] = maps
        spectra = np.fft.rfft2(np.roll(grid, (-(m // 2), -(m // 2)), axis=(1, 2)))
        return (spectra.conj() * self._weight).reshape(k, -1)

    def images(self, spectra, size_px, dx=0.0, dy=0.0):
        """Images of spectra about the middle pixel, moved by fractions of a pixel.

        Parameters
        ----------
        spectra : (n, n // 2 + 1) or (k, n, n // 2 + 1) ndarray
        size_px : int
            Odd side of the images.
        dx, dy : float or (k,) float ndarray

        Returns
        -------
        images : (k, m, m) float ndarray
        """
        dx, dy = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (dx, dy))
        turn_y = np.exp(-2j * np.pi * self._fy * dy[:, None])[:, :, None]
        turn_x = np.exp(-2j * np.pi * self._fx * dx[:, None])[:, None, :]
        grid = np.fft.irfft2(spectra * turn_y * turn_x, (self.size, self.size))
        half = size_px // 2
        return np.roll(grid, (half, half), axis=(1, 2))[:, :size_px, :size_px]

    def gradient(self, spectrum):
        """Spectra of the derivatives of an image by the source's x and y, per pixel of shift."""
        return (-2j * np.pi * self._fx) * spectrum, (-2j * np.pi * self._fy)[:, None] * spectrum
