"""The PSF of a filter at a grid of places on its mosaic, ``psf_grid.fits``: what fits take the PSF of a source from.

Samples are four to a pixel of the mosaic, for `photutils.psf.GriddedPSFModel`; every fourth one, the middle one
included, is what `clusterphot.base.psf_field` reads. Positions pixels of the mosaic (0-based).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import fourier_gaussian

from clusterphot.base.images import crop, fourier_shift, radius_grid
from clusterphot.base.psf_field import write_psf_grid
from clusterphot.psf.scale_errors import flux_scale
from clusterphot.psf.shape import GAUSSIAN_FWHM, fwhm_px
from clusterphot.psf.variation import padded

OVERSAMPLING = 4
"""Samples per pixel of the mosaic along each axis."""

GRID_PLACES = 7
"""Places along each axis, between which PSFs are interpolated: polynomials of third degree to 8 % of their change."""

ERROR_PLACES = 3
"""The same for one PSF everywhere, whose error is what differs."""

MIN_EVIDENCE = 0.5
"""Probability of a change from which it is used."""

WIDTH_STEP, WIDTH_RADIUS_ARCSEC = 0.02, 0.3
"""Fraction by which the PSF is broadened, and px by which it is moved, to see how widths are measured; radius of the
window (`sizes.window_arcsec`)."""

WIDTH_FLOOR = 0.003
"""Least error of the width: pixelation and interpolation."""

SLOPE_STEP = 1e-2
"""Weight of a mode over which its effect on fluxes is taken: they are linear in it."""


@dataclass(frozen=True)
class PsfGrid:
    """PSFs at a grid of places.

    Attributes
    ----------
    samples : (m, n, n) float ndarray, odd n
        Share of a source's total light in a pixel of the mosaic centred on each sample, the source on the middle one:
        their sum over `OVERSAMPLING` squared is the share inside the stamp.
    positions : (m, 2) float ndarray
        x and y of the places.
    errors : (m,) float ndarray or None
        Fractional errors of fluxes there by what is not known of the change.
    """

    samples: np.ndarray
    positions: np.ndarray
    errors: np.ndarray | None = None

    def write(self, path, psf):
        """Write it for the filter of a `clusterphot.base.products.Psf`, that of its middle."""
        write_psf_grid(
            path,
            self.samples,
            self.positions,
            oversampling=OVERSAMPLING,
            pixel_scale_arcsec=psf.pixel_scale_arcsec,
            filter_name=psf.filter_name,
            errors=self.errors,
        )


def constant_grid(psf, shape):
    """The same PSF at the four corners of a mosaic.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    shape : (ny, nx)
        Of the mosaic.

    Returns
    -------
    grid : `PsfGrid`
    """
    one = oversampled(psf.data * psf.ee_stamp)
    top, right = (max(side - 1, 1) for side in shape)
    return PsfGrid(
        np.broadcast_to(one, (4, *one.shape)), np.array([(0, 0), (right, 0), (0, top), (right, top)])
    )


def varying_psf(psf, variation, wcs, box):
    """PSFs over a mosaic from their mean and its change, and the PSF of the middle.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
        The mean.
    variation : `clusterphot.psf.variation.Variation`
    wcs : `astropy.wcs.WCS`
        Of the mosaic.
    box : (x0, x1, y0, y1)
        First and last pixels that were exposed, from `exposed_box`.

    Returns
    -------
    psf : `clusterphot.base.products.Psf`
        In the middle, its error that of the mean and of the change together (ERRVARY in its header is the latter).
    grid : PsfGrid
        One PSF everywhere, with errors that hold a change, where it is not probable (`MIN_EVIDENCE`).
    effects : (m, q) float ndarray
        Fractional errors of fluxes at the places of the grid, of each of q independent errors of the change: the same
        ones in all filters that were fitted together.
    """
    is_varying = variation.evidence > MIN_EVIDENCE
    n_places = GRID_PLACES if is_varying else ERROR_PLACES
    axes = (np.rint(np.linspace(box[k], max(box[k + 1], box[k] + 1), n_places)) for k in (0, 2))
    x, y = (axis.ravel() for axis in np.meshgrid(*axes))
    ra, dec = wcs.celestial.all_pix2world(x, y, 0)
    # On a stamp that holds the images of the modes, whatever the size of the PSF's own.
    own, half = len(psf.data) // 2, len(variation.images[0]) // 2
    mean = padded(psf.data * psf.ee_stamp, max(own, half))
    wide = np.array([padded(image, len(mean) // 2) for image in variation.images])
    slopes = flux_slopes(mean, wide, psf.pixel_scale_arcsec)
    rows, scale = variation.effects(slopes, ra, dec), variation.scale(slopes)
    coefficients, unknown = variation.coefficients, variation.covariance
    if not is_varying:
        unknown = unknown + np.outer(coefficients.ravel(), coefficients.ravel())
        coefficients, scale = np.zeros_like(coefficients), 1.0
    # The symmetric root: it has no signs and no order that could differ between filters.
    values, vectors = np.linalg.eigh(unknown)
    effects = rows @ (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    errors, middle = np.sqrt(np.square(effects).sum(axis=1)), len(x) // 2
    weights = (variation.frame.polynomials(ra, dec) - variation.offset) @ coefficients
    fine = oversampled(crop(mean, own) / scale)
    changes = np.array([oversampled(crop(image, own) / scale) for image in wide])
    samples = np.empty((len(x), *fine.shape), dtype=np.float32)
    for sample, weight in zip(samples, weights, strict=True):
        sample[...] = fine + np.tensordot(weight, changes, axes=1)
    stamp = crop(mean + np.tensordot(weights[middle], wide, axes=1), own) / scale
    psf = replace(
        psf,
        data=stamp / stamp.sum(),
        ee_stamp=min(float(stamp.sum()), 1.0),
        sys_error=float(np.hypot(psf.sys_error, errors[middle])),
        fwhm_arcsec=fwhm_px(stamp) * psf.pixel_scale_arcsec,
        fwhm_error=_width_error(psf, mean, wide, variation.effects, unknown, (ra[middle], dec[middle])),
        meta=psf.meta | _cards(variation, errors[middle]),
    )
    return psf, PsfGrid(samples, np.stack([x, y], axis=1), errors), effects


def exposed_box(ivar):
    """First and last columns and rows with pixels that were exposed, (x0, x1, y0, y1); of an image without any, all."""
    exposed = np.asarray(ivar) > 0
    spans = []
    for axis in (0, 1):
        inside = np.flatnonzero(exposed.any(axis=axis))
        spans += [int(inside[0]), int(inside[-1])] if len(inside) else [0, exposed.shape[1 - axis] - 1]
    return tuple(spans)


def _width_error(psf, mean, images, effects, covariance, place):
    """Fractional error of the width at a place (ra, dec), by the change and by the core's stars."""
    width = _Width.of(mean, psf.fwhm_arcsec / psf.pixel_scale_arcsec, psf.pixel_scale_arcsec)
    slopes = np.array([width.change(image) for image in images])
    row = effects(slopes, *np.atleast_2d(place).T, of_flux=False)[0]
    of_core = psf.meta.get("ERRCORE", 0.0) / width.flux_slope
    return float(np.sqrt(row @ covariance @ row + of_core**2 + WIDTH_FLOOR**2))


@dataclass(frozen=True)
class _Width:
    """How an image added to a PSF changes its width, as a fit of flux, place, sky and width near the core would say.

    Attributes
    ----------
    estimator : (n n,) float ndarray
        Fractional change of the width by an image on the whole stamp.
    flux_slope : float
        Fractional loss of a fitted flux by a source that much broader.
    """

    estimator: np.ndarray
    flux_slope: float

    @classmethod
    def of(cls, mean, fwhm_px, pixel_scale_arcsec):
        """From a PSF (n, n), its FWHM and its pixels."""
        sigma = fwhm_px / GAUSSIAN_FWHM * np.sqrt((1.0 + WIDTH_STEP) ** 2 - 1.0)
        # In Fourier space: sampled, a Gaussian as narrow as this would be a single pixel.
        broader = np.fft.ifft2(fourier_gaussian(np.fft.fft2(mean), sigma)).real
        columns = [broader - mean, mean, np.ones_like(mean)]
        columns += [fourier_shift(mean, *step) - mean for step in WIDTH_STEP * np.eye(2)]
        near = radius_grid(len(mean) // 2) * pixel_scale_arcsec < WIDTH_RADIUS_ARCSEC
        design = np.array(columns).reshape(len(columns), -1) * near.ravel()
        norm = np.sqrt(np.square(design).sum(axis=1))
        inverse = np.linalg.inv(design @ design.T / np.outer(norm, norm)) / np.outer(norm, norm)
        loss = 1.0 - flux_scale(broader, mean, pixel_scale_arcsec)
        return cls(WIDTH_STEP * (inverse @ design)[0], loss / WIDTH_STEP)

    def change(self, image):
        """Fractional change of the width by an image (n, n) added to the PSF."""
        return float(self.estimator @ image.ravel())


def flux_slopes(mean, images, pixel_scale_arcsec):
    """Fractional change (k,) of fluxes fitted with the mean by each image, of its size, added to the true PSF."""
    changed = mean + SLOPE_STEP * images
    return np.array([flux_scale(image, mean, pixel_scale_arcsec) - 1.0 for image in changed]) / SLOPE_STEP


def _cards(variation, error):
    """Header of the PSF: error by the change, how probable it is, scatter of single stars about it, their number."""
    cards = {"ERRVARY": error, "VARYPROB": variation.evidence, "VARYSCAT": variation.scatter}
    cards = {key: round(float(value), 6) for key, value in cards.items() if np.isfinite(value)}
    return cards | {"VARYSTAR": variation.n_stars}


def oversampled(stamp):
    """A stamp (n, n) on `OVERSAMPLING` times as many samples, from its middle pixel to its outermost ones.

    Fourier shifts, exact for a PSF sampled at its Nyquist frequency or finer; the pixels themselves stay as they are.
    """
    n = len(stamp)
    fine = np.zeros((OVERSAMPLING * n, OVERSAMPLING * n))
    for j in range(OVERSAMPLING):
        for i in range(OVERSAMPLING):
            between = stamp if i == j == 0 else fourier_shift(stamp, -i / OVERSAMPLING, -j / OVERSAMPLING)
            fine[j::OVERSAMPLING, i::OVERSAMPLING] = between
    kept = OVERSAMPLING * (n - 1) + 1
    return fine[:kept, :kept]
