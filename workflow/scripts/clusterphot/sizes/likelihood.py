"""Likelihood of the half-light radius of a source behind a PSF of uncertain width.

Amplitude, position and sky are free; pixels are compressed to the few modes that carry the size, whose
covariance follows exactly from the measured noise correlation. Radii pc, images nJy/pixel.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from clusterphot.config.photometry import FitKeys
from clusterphot.config.sizes import LimitKeys
from clusterphot.measure.flux_errors import NoiseOperator
from clusterphot.measure.linear import SkyTerms
from clusterphot.optics.extended import transfer
from clusterphot.psf.shape import fwhm_px
from clusterphot.sizes.models import PsfSpectrum, broadening_variance, gaussian_transfer
from clusterphot.stack.combine import mirrored_spectra, shift_spectra

MARGIN_PX = 4
"""Images are larger than the window by this much on each side, for what a Fourier shift does at their edges."""

MODE_TOLERANCE = 3e-4
"""What the modes leave of any template, in units of the norm of the PSF: 0.1 sigma at S/N 300."""

N_FRACTIONS = 81
FRACTION_SIGMAS = (-3.5, 4.5)
"""Nodes of the PSF's width: how many, and between which multiples of its prior's sigma."""

FINE = 10
"""Radii between two nodes of the grid at which limits are sought."""

CENTRE_STEPS = 3
"""Gauss-Newton steps of a position, which starts within a pixel of it."""

MAX_STEP_PX = 0.5
"""Largest of each: the image is far from linear in a shift beyond the PSF's half width."""

MIN_WINDOW_PX = 9
"""Least side of the window: sky, position, flux and size need pixels beyond the core."""

MODE_RADII, MODE_RADII_POWER, MODE_FRACTIONS = 16, 1.5, 7
"""Radii (denser at small ones, by this power) and PSF widths whose images the modes are made of: `MODE_TOLERANCE`
holds for those between."""


@dataclass(frozen=True)
class SizeOptions(LimitKeys):
    """Choices of the size measurement: keys of the configuration, and the grid of radii.

    Attributes
    ----------
    radius_step_pc : float
        Half-light radii are tried from 0 to ``radius_max_pc`` in these steps.
    sky : {'constant', 'plane', 'quadratic'}
    """

    radius_step_pc: float = 2.5
    sky: str = FitKeys.sky

    def window_px(self, pixel_scale_arcsec, cutout_px):
        """Odd side of the window in pixels, within a cutout less its margin; at least `MIN_WINDOW_PX`."""
        wanted = 2 * int(0.5 * self.window_arcsec / pixel_scale_arcsec + 0.5) + 1
        return max(min(wanted, cutout_px - 2 * MARGIN_PX), MIN_WINDOW_PX)


class SizeGrid:
    """Compressed images of sources of all radii and PSF widths.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
    noise : `clusterphot.base.products.Noise`
    window_px : int
        Odd side of the window.
    pc_per_arcsec : float
    options : SizeOptions
    scatter_fraction : float
        1-sigma prior of the fractional change of the PSF's FWHM; 0 for a known PSF.
    extra_variance_arcsec2 : float
        Variance per axis of a Gaussian that blurs every source, e.g. of errors of the alignment.

    Attributes
    ----------
    radius_pc : (n_r,) float ndarray
    fraction : (n_s,) float ndarray
        Changes of the PSF's FWHM; ``zero`` is the index of 0.
    maps : (k, m, m) float ndarray
        Orthonormal modes; an image is reduced to its products with them.
    templates : (n_r * n_s, k) float ndarray
        Modes of a source of unit flux.
    nuisance : (k, q) float ndarray
        Modes of the sky terms and of the derivatives by x and y.
    covariance : (k, k) float ndarray
        Of the modes of noise of unit variance per pixel.
    """

    def __init__(
        self,
        psf,
        noise,
        window_px,
        pc_per_arcsec,
        options,
        *,
        scatter_fraction=0.0,
        extra_variance_arcsec2=0.0,
    ):
        self.options = options
        self.window_px = window_px
        self.spectrum = PsfSpectrum(psf, window_px // 2 + MARGIN_PX)
        self.pc_per_arcsec = pc_per_arcsec
        self.scatter_fraction = scatter_fraction
        self.fwhm_arcsec = psf_fwhm_arcsec(psf)
        n_radii = int(np.ceil(options.radius_max_pc / options.radius_step_pc)) + 1
        self.radius_pc = np.linspace(0.0, options.radius_max_pc, n_radii)
        self.fraction, self.zero = _fractions(scatter_fraction)
        self._blurred = self.spectrum.otf * self.spectrum.gaussian(extra_variance_arcsec2)
        self.maps, sky, shifts = self._modes()
        waves = self.spectrum.waves(self.maps)
        self.templates = self._compress(waves)
        flat = self.maps.reshape(len(self.maps), -1)
        self.nuisance = np.concatenate([flat @ sky.T, flat @ shifts.T], axis=1)
        point = np.concatenate([self.template(0)[:, None], self.nuisance], axis=1)
        self._solver = np.linalg.pinv(point)
        transformed = NoiseOperator(noise.correlation, window_px).transform(self.maps)
        self.covariance = transformed @ transformed.T

    @property
    def degrees_of_freedom(self):
        """Modes less sky, position, flux, radius and, where it is free, the PSF's width."""
        return len(self.maps) - self.nuisance.shape[1] - 2 - (self.scatter_fraction > 0)

    def spectra(self, radius_pc, fraction=0.0):
        """Spectrum (n, n // 2 + 1) of a source of unit flux behind the PSF changed by a fraction."""
        options = self.options
        shape = transfer(
            options.model,
            self.spectrum.frequency,
            radius_pc / self.pc_per_arcsec,
            king_concentration=options.king_concentration,
        )
        return self._blurred * shape * self.spectrum.gaussian(broadening_variance(self.fwhm_arcsec, fraction))

    def template(self, radius_index):
        """Modes of a source of one radius of the grid behind the PSF as it is, (k,)."""
        return self.templates.reshape(len(self.radius_pc), len(self.fraction), -1)[radius_index, self.zero]

    def _modes(self):
        """Orthonormal modes, and the flat images of sky terms and derivatives."""
        size = self.window_px
        point = self.spectra(0.0)
        shifts = np.concatenate([self.spectrum.images(s, size) for s in self.spectrum.gradient(point)])
        shifts = shifts.reshape(2, -1)
        sky = SkyTerms(self.options.sky, size).images
        radii = self.options.radius_max_pc * np.linspace(0.0, 1.0, MODE_RADII) ** MODE_RADII_POWER
        last = len(self.fraction) - 1
        steps = np.unique(np.linspace(0, last, MODE_FRACTIONS).astype(int)) if self.scatter_fraction else [0]
        images = np.concatenate(
            [
                self.spectrum.images(self.spectra(radius, self.fraction[step]), size)
                for step in steps
                for radius in radii
            ]
        ).reshape(len(steps) * len(radii), -1)
        # Sky, shifts and the point source are modes for themselves; then what the other images hold beyond them.
        first = np.concatenate([sky, shifts, self.spectrum.images(point, size).reshape(1, -1)])
        basis = np.linalg.qr(first.T)[0].T
        rest = images - (images @ basis.T) @ basis
        values, vectors = np.linalg.svd(rest, full_matrices=False)[1:]
        kept = values > MODE_TOLERANCE * np.linalg.norm(first[-1])
        modes = np.concatenate([basis, vectors[kept]])
        return modes.reshape(len(modes), size, size), sky, shifts

    def _compress(self, waves):
        """Modes of all templates, (n_r * n_s, k)."""
        options, spectrum = self.options, self.spectrum
        frequency, which = np.unique(np.round(spectrum.frequency.ravel(), 9), return_inverse=True)
        shapes = transfer(
            options.model,
            frequency,
            self.radius_pc[:, None] / self.pc_per_arcsec,
            king_concentration=options.king_concentration,
        )
        # Everything but the PSF is round: sum the products over equal frequencies first.
        rings = np.zeros((len(waves), len(frequency)))
        for row, wave in zip(rings, (waves * self._blurred.ravel()).real, strict=True):
            np.add.at(row, which, wave)
        variance = broadening_variance(self.fwhm_arcsec, self.fraction)
        blur = gaussian_transfer(frequency, variance[:, None])
        out = np.stack([(shapes * b) @ rings.T for b in blur], axis=1)
        return out.reshape(-1, len(waves))

    # ---- data to modes -----------------------------------------------------------------------------------

    def project(self, images):
        """Modes (n, k) of images (n, m, m) of the window."""
        flat = images.reshape(len(images), -1, 1)
        return (self.maps.reshape(len(self.maps), -1) @ flat)[:, :, 0]

    def centre(self, images, x, y, *, max_shift_px=2.0):
        """Modes of sources, each moved to the middle of the window by its own fitted position.

        Parameters
        ----------
        images : (n, w, w) float ndarray
            At least `MARGIN_PX` pixels larger than the window on each side.
        x, y : (n,) float ndarray
            First guess, pixels from the middle.
        max_shift_px : float
            Largest distance from it in each axis.

        Returns
        -------
        modes : (n, k) float ndarray
        x, y : (n,) float ndarray
        """
        start = np.stack([x, y])
        place = start.astype(float)
        spectra = mirrored_spectra(images)
        for _ in range(CENTRE_STEPS):
            modes = self._modes_at(spectra, *place)
            solution = (self._solver @ modes[:, :, None])[:, :, 0]
            flux = np.where(solution[:, 0] > 0, solution[:, 0], np.inf)
            shift = np.clip(solution[:, -2:].T / flux, -MAX_STEP_PX, MAX_STEP_PX)
            place = np.clip(place + shift, start - max_shift_px, start + max_shift_px)
        return self._modes_at(spectra, *place), *place

    def at(self, images, x, y):
        """Modes of images whose sources lie (x, y) pixels, (n,) each, from the middle."""
        return self._modes_at(mirrored_spectra(images), x, y)

    def _modes_at(self, spectra, x, y):
        """Modes of images given by their mirrored spectra."""
        edge = (spectra.shape[-1] - 1 - self.window_px) // 2
        moved = shift_spectra(spectra, x, y)[:, edge : edge + self.window_px, edge : edge + self.window_px]
        return self.project(np.ascontiguousarray(moved))

    # ---- likelihood --------------------------------------------------------------------------------------

    def likelihood(self, modes, variance, covariance=None, *, one_by_one=True):
        """Likelihood of each radius and PSF width at the best amplitude, sky and position.

        Parameters
        ----------
        modes : (n, k) float ndarray
        variance : (n,) float ndarray
            Factor on the covariance of each source: the variance of its pixels.
        covariance : (k, k) float ndarray, optional
            Of the modes; that of the measured noise correlation by default.
        one_by_one : bool
            Whether products must not depend on the sources computed together, to the last bit; slower.

        Returns
        -------
        likelihood : SizeLikelihood

        Notes
        -----
        Gaussian. Amplitude, sky and shift are linear and solved exactly at each radius and width; an amplitude
        below zero counts as zero.
        """
        # Weight of the modes with sky and position projected out.
        inverse = np.linalg.inv(self.covariance if covariance is None else covariance)
        weighted = inverse @ self.nuisance
        kernel = inverse - weighted @ np.linalg.solve(self.nuisance.T @ weighted, weighted.T)
        kernel = 0.5 * (kernel + kernel.T)
        # Each template's best flux is product / norm, and lowers chi-square by product^2 / norm.
        projected = self.templates @ kernel
        norm = (projected * self.templates).sum(axis=1)
        product = (projected @ modes[:, :, None])[:, :, 0] if one_by_one else modes @ projected.T
        product = np.maximum(product, 0.0)
        square = ((kernel @ modes[:, :, None])[:, :, 0] * modes).sum(axis=1)
        shape = (len(modes), len(self.radius_pc), len(self.fraction))
        scale = np.asarray(variance, dtype=float)[:, None]
        chi2 = ((square[:, None] - product**2 / norm) / scale).reshape(shape)
        return SizeLikelihood(self, chi2, (product / norm).reshape(shape))


def psf_fwhm_arcsec(psf):
    """FWHM of a PSF: that of its file, or measured where the file of a user does not say."""
    if np.isfinite(psf.fwhm_arcsec):
        return psf.fwhm_arcsec
    return fwhm_px(psf.data) * psf.pixel_scale_arcsec


def _fractions(scatter):
    """Nodes of the change of the PSF's width, and the index of 0 among them."""
    if scatter <= 0:
        return np.zeros(1), 0
    nodes = scatter * np.linspace(*FRACTION_SIGMAS, N_FRACTIONS)
    zero = int(np.argmin(np.abs(nodes)))
    return nodes - nodes[zero], zero


@dataclass(frozen=True)
class SizeLikelihood:
    """Chi-square of n sources on the grid of radii and PSF widths.

    Attributes
    ----------
    grid : SizeGrid
    chi2, flux : (n, n_r, n_s) float ndarray
        Chi-square at the best flux, and that flux (nJy).
    """

    grid: SizeGrid
    chi2: np.ndarray
    flux: np.ndarray

    def _penalty(self):
        """Chi-square of the prior of the PSF's width, (n_s,)."""
        scatter = self.grid.scatter_fraction
        return np.square(self.grid.fraction / scatter) if scatter > 0 else np.zeros(1)

    def profile(self, *, psf_known=False):
        """Chi-square against radius at the best PSF width, its prior included; or for a PSF that is known.

        Returns
        -------
        radius_pc : (n_fine,) float ndarray
            `FINE` times finer than the grid, joined by cubic splines.
        chi2 : (n, n_fine) float ndarray
            Less the lowest.
        """
        from scipy.interpolate import CubicSpline

        if psf_known or self.chi2.shape[2] == 1:
            chi2 = self.chi2[:, :, self.grid.zero]
        else:
            chi2, *_ = lowest_node(self.chi2 + self._penalty())
        radius = self.grid.radius_pc
        fine = np.linspace(radius[0], radius[-1], FINE * (len(radius) - 1) + 1)
        values = CubicSpline(radius, chi2, axis=1)(fine)
        return fine, values - values.min(axis=1, keepdims=True)

    def upper_limit(self, *, psf_known=False):
        """Upper limit (pc) of the radius at the confidence of the options, (n,); inf if beyond the grid.

        Notes
        -----
        The largest radius whose chi-square is above the lowest by z^2, with z the one-sided quantile (1.645 for
        95 %); nuisances at their best (Rolke et al. 2005, NIM A 551, 493). It covers the truth with this
        confidence at every true radius that noise cannot hide, more often below, where the best radius is
        held at 0.
        """
        fine, rise = self.profile(psf_known=psf_known)
        level = ndtri(self.grid.options.confidence) ** 2
        last = rise.shape[1] - 1 - np.argmax(rise[:, ::-1] <= level, axis=1)
        following = np.minimum(last + 1, rise.shape[1] - 1)
        rows = np.arange(len(rise))
        low, high = rise[rows, last], rise[rows, following]
        share = (level - low) / np.where(high > low, high - low, 1.0)
        limit = fine[last] + share * (fine[following] - fine[last])
        return np.where(last == rise.shape[1] - 1, np.inf, limit)

    def rise(self, *, psf_known=False):
        """Chi-square of the best radius up to ``compact_pc`` above that of the best of all, and this radius (pc).

        Returns
        -------
        rise, radius_pc : (n,) float ndarray
        """
        fine, rise = self.profile(psf_known=psf_known)
        compact = fine <= self.grid.options.compact_pc + 1e-9
        return rise[:, compact].min(axis=1), fine[np.argmin(rise, axis=1)]

    def best(self):
        """Chi-square and flux (nJy) at the best radius and PSF width, (n,) each."""
        total = (self.chi2 + self._penalty()).reshape(len(self.chi2), -1)
        where = np.argmin(total, axis=1)
        rows = np.arange(len(total))
        return tuple(part.reshape(len(total), -1)[rows, where] for part in (self.chi2, self.flux))

    def is_resolved(self, *, psf_known=False):
        """Whether compact sources are worse by ``resolved_sigma`` squared, (n,) bool."""
        return self.rise(psf_known=psf_known)[0] > self.grid.options.resolved_sigma**2


def lowest_node(values):
    """Minimum along the last axis, by a parabola through the lowest of equidistant nodes and its neighbours.

    Parameters
    ----------
    values : (..., n) float ndarray, n >= 3

    Returns
    -------
    lowest, place, curvature : (...) float ndarray
        Value, where it is (in nodes from the first), and second derivative per node squared.
    """
    index = np.clip(np.argmin(values, axis=-1), 1, values.shape[-1] - 2)[..., None]
    left, middle, right = (np.take_along_axis(values, index + step, axis=-1)[..., 0] for step in (-1, 0, 1))
    curvature = np.maximum(left + right - 2.0 * middle, 1e-12)
    place = np.clip(0.5 * (left - right) / curvature, -1.0, 1.0)
    lowest = middle + place * (0.5 * (right - left) + 0.5 * place * curvature)
    return lowest, index[..., 0] + place, curvature
