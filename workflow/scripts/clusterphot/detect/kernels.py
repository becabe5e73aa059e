"""Linear filters of one band: flux blind to smooth light, and the shape of a source on top of it.

A point source on quadratic light is solved for by least squares in a disc (unit weights); every coefficient of
that fit is a linear filter. Lengths in pixels of the band, fluxes nJy, shapes in px2.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, signal

from clusterphot.base.images import crop, polynomial_terms, radius_grid

QUADRATIC = 2
"""Order of the light under sources that filters can be blind to: halos of galaxies are curved."""

N_PHASES = 8
"""Sub-pixel phases per axis at which the shape filters are tabulated."""

RADIUS_FWHM = 2.9
RADIUS_MIN_ARCSEC = 0.22
"""Radius of the disc: far enough for the sky, near enough for a quadratic to follow the halo of a galaxy. Chosen."""

SUB_PIXEL = 0.25
"""Pixels whose middle is this much beyond the radius belong to the disc: its four outermost would else stand alone."""

PADDING_PX = 16
"""Zeros around a PSF that is shifted by Fourier transforms, against what would wrap around."""

STAMPS_AT_ONCE = 128
"""Stamps taken from an image together, for memory; without influence on results."""

TAPER_ARCSEC = 0.75
"""From here to the border of its stamp a PSF fades, so that what is subtracted has no edge."""

RANK_TOLERANCE = 2e-4
"""Of the largest singular value; PSFs made of stars are known to a per cent of their peak."""

N_SHAPE = 6
"""Terms of the fit of a shape: image, two first and three second derivatives of the PSF."""

FLUX, SHIFT_X, SHIFT_Y, SIZE, ELONGATION_PLUS, ELONGATION_CROSS, POINT_FLUX = range(N_SHAPE + 1)
"""Rows of a shape filter: flux, -flux times the shift, flux times half the extra variance per axis, likewise
half the difference of variances along x and y, and the covariance; last the flux of a plain point source."""


@dataclass(frozen=True)
class Kernels:
    """Filters of one band.

    Attributes
    ----------
    psf : (n, n) float ndarray
        Light per unit total flux, tapered; odd n.
    flux : (2r + 1, 2r + 1) float ndarray
        Correlated with an image it gives the flux of a point source at each pixel.
    response : (m, m) float ndarray
        That map for a unit point source at the middle pixel: 1 in the middle.
    shape : (N_PHASES, N_PHASES, 7, (2r + 1)**2) float ndarray
        Filters of flux, shift, size and elongation for phases [y, x] of k / N_PHASES px.
    flux_variance : float
        Variance of the flux map for unit variance of pixels and the measured correlation.
    shape_variance : (6, 6) float ndarray
        Likewise of the shape filters' results.
    size_response : float
        Fractional change of the flux map per unit of extra size (px2).
    """

    psf: np.ndarray
    flux: np.ndarray
    response: np.ndarray
    shape: np.ndarray
    flux_variance: float
    shape_variance: np.ndarray
    size_response: float

    @property
    def radius(self):
        """Radius r of the disc in whole pixels."""
        return len(self.flux) // 2


def make_kernels(psf, noise, *, sky_order=QUADRATIC):
    """Filters of a band from its PSF and the correlation of its noise.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    noise : `clusterphot.base.products.Noise`
    sky_order : int
        Light that is polynomial up to this order is not seen by the flux filter.

    Returns
    -------
    kernels : `Kernels`

    Notes
    -----
    A filter orthogonal to polynomials of second order is blind to any light that is quadratic inside its
    disc; being linear it subtracts nothing of the source itself, as medians do.
    """
    scale = psf.pixel_scale_arcsec
    radius = int(np.ceil(max(RADIUS_FWHM * psf.fwhm_arcsec, RADIUS_MIN_ARCSEC) / scale - 1e-9))
    light = low_rank(tapered(psf.data * psf.ee_stamp, scale))
    disc = radius_grid(radius) <= radius + SUB_PIXEL
    sky = polynomial_terms(radius, QUADRATIC)[:, disc]
    blind = sky[: len(polynomial_terms(1, sky_order))]
    # the row of the least-squares inverse that belongs to the PSF gives its flux, whatever the polynomials are
    flux = np.zeros(disc.shape)
    flux[disc] = _rows(np.vstack([crop(light, radius)[disc][None], blind]), 1)[0]
    response = signal.fftconvolve(light, flux[::-1, ::-1], mode="full")
    response /= response[len(response) // 2, len(response) // 2]
    # likewise with the derivatives of the PSF as further terms, at every sub-pixel phase
    shape = np.zeros((N_PHASES, N_PHASES, N_SHAPE + 1, disc.size))
    for j in range(N_PHASES):
        for i in range(N_PHASES):
            terms = [crop(term, radius)[disc] for term in derivatives(light, i / N_PHASES, j / N_PHASES)]
            shape[j, i][:N_SHAPE, disc.ravel()] = _rows(np.vstack([terms, sky]), N_SHAPE)
            shape[j, i][POINT_FLUX, disc.ravel()] = _rows(np.vstack([terms[:1], blind]), 1)[0]
    # change of the flux filter's response where a source is wider; variances in the measured correlation
    laplacian = crop(derivatives(light, 0.0, 0.0)[SIZE], radius)
    filters = np.concatenate([flux[None], shape[0, 0][:N_SHAPE].reshape(N_SHAPE, *disc.shape)])
    covariance = _covariance(filters, noise.correlation)
    return Kernels(
        psf=light,
        flux=flux,
        response=response,
        shape=shape,
        flux_variance=float(covariance[0, 0]),
        shape_variance=covariance[1:, 1:],
        size_response=float((flux * laplacian).sum()),
    )


def tapered(light, pixel_scale_arcsec):
    """PSF stamp that fades to zero at its border (cosine from `TAPER_ARCSEC`)."""
    half = len(light) // 2
    radius = radius_grid(half)
    inner = min(TAPER_ARCSEC / pixel_scale_arcsec, 0.75 * half)
    fade = np.clip((radius - inner) / (half - inner), 0.0, 1.0)
    return light * 0.5 * (1.0 + np.cos(np.pi * fade))


def low_rank(light):
    """The leading terms of a stamp as products of a column and a row: quick to draw, exact to `RANK_TOLERANCE`."""
    columns, values, rows = np.linalg.svd(light)
    rank = int(np.sum(values > RANK_TOLERANCE * values[0]))
    return (columns[:, :rank] * values[:rank]) @ rows[:rank]


def derivatives(light, dx, dy):
    """PSF shifted by (dx, dy) and its derivatives: by x, by y, Laplacian, xx - yy and 2 xy.

    To first order in the extra variances v a blurred PSF is p + (v_xx p_xx + v_yy p_yy + 2 v_xy p_xy) / 2.
    """
    n = len(light)
    size = fft.next_fast_len(n + PADDING_PX, real=True)
    ky = 2j * np.pi * np.fft.fftfreq(size)[:, None]
    kx = 2j * np.pi * np.fft.rfftfreq(size)[None, :]
    spectrum = np.fft.rfft2(light, (size, size)) * np.exp(-kx * dx - ky * dy)
    factors = (1.0, kx, ky, kx**2 + ky**2, kx**2 - ky**2, 2 * kx * ky)
    return [np.fft.irfft2(spectrum * factor, (size, size))[:n, :n] for factor in factors]


def _rows(columns, count):
    """First ``count`` rows of the least-squares inverse of a set of terms (k, p)."""
    norm = np.sqrt((columns**2).sum(axis=1))
    scaled = columns / norm[:, None]
    return (np.linalg.solve(scaled @ scaled.T, scaled) / norm[:, None])[:count]


def _covariance(filters, correlation):
    """Covariance of the results of filters (k, m, m) on noise of unit variance."""
    moved = np.stack([signal.fftconvolve(one, correlation, mode="same") for one in filters])
    return np.einsum("iyx,jyx->ij", filters, moved)


def flux_map(image, kernels):
    """Flux of a point source at each pixel of an image, (ny, nx) float32 nJy; borders are not valid."""
    return signal.oaconvolve(image, kernels.flux[::-1, ::-1].astype(np.float32), mode="same")


def response_at(kernels, dx, dy):
    """Flux that the map shows at offsets (dx, dy) from a unit source, cubic interpolation; 0 far away."""
    half = len(kernels.response) // 2
    return ndimage.map_coordinates(kernels.response, [half + dy, half + dx], order=3, mode="constant")


def shape_coefficients(image, kernels, x, y):
    """Results of the shape filters around positions of an image.

    Parameters
    ----------
    image : (ny, nx) float ndarray, nJy/pixel
    kernels : `Kernels`
    x, y : (n,) float ndarray
        Positions at least the disc's radius from the border, else NaN.

    Returns
    -------
    coefficients : (n, 7) float ndarray
    """
    r = kernels.radius
    x, y = np.nan_to_num(x, nan=-1e6), np.nan_to_num(y, nan=-1e6)
    place_x, place_y = (np.rint(value * N_PHASES).astype(int) for value in (x, y))
    ix, iy = place_x // N_PHASES, place_y // N_PHASES
    inside = (ix >= r) & (iy >= r) & (ix < image.shape[1] - r) & (iy < image.shape[0] - r)
    out = np.full((len(ix), N_SHAPE + 1), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(image, (2 * r + 1, 2 * r + 1))
    rows = np.flatnonzero(inside)
    for first in range(0, len(rows), STAMPS_AT_ONCE):
        k = rows[first : first + STAMPS_AT_ONCE]
        stamps = windows[iy[k] - r, ix[k] - r].reshape(len(k), -1).astype(float)
        chosen = kernels.shape[place_y[k] % N_PHASES, place_x[k] % N_PHASES]
        out[k] = np.einsum("nkp,np->nk", chosen, stamps)
    return out
