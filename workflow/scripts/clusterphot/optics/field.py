"""PSF of one filter that changes over the field, as a pixel of the detector sees a point source.

Low-order aberrations, zero near the middle of the field, grow towards its corners; the images that they make at a few
places are joined by polynomials and reduced to the fewest terms that describe them (Karhunen-Loeve; Jee et al. 2007,
PASP 119, 1403). Frame of the detector; lengths in arcsec or mas, wavefronts in nm, as named.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

from clusterphot.base.images import crop
from clusterphot.optics.bands import channel, photon_wavelengths, pivot_angstrom
from clusterphot.optics.detector import (
    CHARGE_DIFFUSION_MAS,
    MOSAIC_PIXEL_ARCSEC,
    NATIVE_PIXEL_ARCSEC,
    PIXFRAC,
    blurred,
    coupled,
)
from clusterphot.optics.psf import (
    CENTRING_STEPS,
    FIELD_OF_VIEW_ARCSEC,
    core_centroid,
    fwhm_arcsec,
    intensity,
    moved,
    pupil_field,
    pupil_step,
)
from clusterphot.optics.pupil import OpticsConfig, binned, low_order_modes, pupil

SAMPLES_PER_PIXEL = 3
"""Samples per detector pixel, 10.3 and 21 mas: frequencies up to 1/20.7 and 1/42 mas, where the optics end at 1/25
and 1/75 (F090W, F250M). F070W ends at 1/19.4, but with twice the samples its pixels are the same to 1e-4
of the brightest."""

TERMS_FIELD_ARCSEC = {"short": 1.6, "long": 2.8}
"""Full width of the terms: of the light, low-order aberrations move less than 2e-4 across their edge."""

TERMS_TAPER = 0.7
"""Fraction of their half width from which the terms fall to zero, as half a cosine."""

TERMS_WAVELENGTHS = 3
"""Wavelengths of equal photons for the terms: differences of images need fewer than the images themselves."""

TERMS_PUPIL_BINNING = 3
"""Pupil for the terms: 52 mm a sample, whose images repeat every 2.8" at 0.7 um."""

LARGEST_DEVIATION = ((0.70, 0.20), (4.40, 0.03))
"""Largest deviation of the FWHM from its mean over fields of NIRCam, at wavelengths in um (Zhuang & Shen 2024,
ApJ 962, 93, F070W and F444W; rms 0.05 and 0.006). A power law lies between."""

CURVATURE = 0.12
"""Of the growth of the aberrations along the field, proportional to s + curvature s^2. The FWHM goes as their square,
and its largest deviation is then 4.4 times the rms: 4 in F070W and 5 in F444W were measured."""

DIRECTION_SPREAD_DEG, MIX_SPREAD_DEG, ACROSS = 20.0, 25.0, (0.3, 0.5)
"""Ranges of drawn patterns: direction about a diagonal, defocus in the astigmatism (which widens the core while it
takes little light from it: defocus takes 3 to 6 times as much), second over first aberration."""

POWERS = np.array([(1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (1, 1), (2, 1), (0, 2)])
"""Of the first and second aberration in the image at a place; the second is weaker."""

PLACES = 15
"""Coordinates, along either axis, of the places over which means and largest values of a field are taken."""

TERMS_VARIANCE = 3e-4
"""Share of the variance of the images over the field that may be left out of the terms. Five or six are left, and the
FWHM (encircled energy within 0.1") of corners is within 0.4 % (0.6 %) of that with all."""

RANGE_NM, RANGE_NM_PER_UM, WIDEN, WIDENINGS = 75.0, 60.0, 1.3, 6
"""Largest aberration for which images are made: a constant plus wavelength, which widens the FWHM by a tenth more than
measured; less for less. The range grows by a factor where a pupil needs more, at most so many times."""

BISECTIONS = 30
"""Of the share of the range that makes the FWHM deviate as asked."""

CORE_HALF_SAMPLES = 32
"""Half side of the stamp on which FWHM and centroid are measured."""


@dataclass(frozen=True)
class Pattern:
    """How two aberrations change over the field.

    Attributes
    ----------
    direction_deg : tuple of float, one per module
        In which the first one grows, from x towards y, about along a diagonal; the second grows across.
    across : float
        Largest second over largest first aberration.
    astigmatism_deg, mix_deg : float
        Axis of astigmatism; the first is cos(mix) astigmatism + sin(mix) defocus, the second astigmatism 45 deg off.
    """

    direction_deg: tuple
    across: float
    astigmatism_deg: float
    mix_deg: float

    def aberrations(self, u, v, module=0):
        """Both aberrations over the largest first one, (..., 2) float ndarray; u and v from -1 to 1."""
        u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
        angle = np.radians(np.array(self.direction_deg)[module])
        cos, sin = np.cos(angle), np.sin(angle)
        longest = np.abs(cos) + np.abs(sin)  # of either coordinate, in a corner
        along, across = (u * cos + v * sin) / longest, (v * cos - u * sin) / longest
        first = (along + CURVATURE * along**2) / (1.0 + CURVATURE)
        return np.stack([first, self.across * across], axis=-1)

    def modes(self, amplitude):
        """Wavefronts of both, (2, n, n) float ndarray of rms 1 over the aperture."""
        defocus, straight, diagonal = low_order_modes(amplitude)
        mix, axis = np.radians(self.mix_deg), 2.0 * np.radians(self.astigmatism_deg)
        first = np.cos(axis) * straight + np.sin(axis) * diagonal
        second = np.cos(axis) * diagonal - np.sin(axis) * straight
        return np.stack([np.cos(mix) * first + np.sin(mix) * defocus, second])


@dataclass(frozen=True)
class FieldPsf:
    """PSF of one filter over the field, integrated over detector pixels, on finer samples.

    Attributes
    ----------
    mean : (N, N) float ndarray, odd N
        Mean over the field, sum 1.
    terms : (k, n, n) float ndarray, odd n <= N
        What is added in the middle, times `weights`; each sums to 0, and has a sum of squares of 1.
    sample_arcsec, native_pixel_arcsec : float
        Distance of samples, and detector pixel.
    filter_name : str
    pattern : Pattern
    aberration_nm : float
        Largest rms wavefront of the first aberration.
    projection : (8, k) float ndarray
        From powers of the aberrations, less their mean ``offset`` (8,), to weights.

    Notes
    -----
    Everywhere the core's windowed centroid *on the mosaic* (after drop and pixel) is on the middle sample: a source's
    position is what a fit with the PSF of its place finds.
    """

    mean: np.ndarray
    terms: np.ndarray
    sample_arcsec: float
    native_pixel_arcsec: float
    filter_name: str
    pattern: Pattern
    aberration_nm: float
    projection: np.ndarray
    offset: np.ndarray

    def weights(self, u, v, module=0):
        """Weights of the terms at places.

        Parameters
        ----------
        u, v : float or (...) float ndarray
            From -1 to 1 over the field.
        module : int or (...) int ndarray, optional

        Returns
        -------
        weights : (..., k) float ndarray
        """
        powers = _powers(self.pattern.aberrations(u, v, module))
        return (powers - self.offset) @ self.projection

    def at(self, u, v, module=0):
        """PSF at one place, (N, N) float ndarray of sum 1."""
        return added(self.mean, np.tensordot(self.weights(u, v, module), self.terms, axes=1))


def field_psf(
    filter_name,
    config=None,
    *,
    fwhm_variation,
    interpixel_coupling,
    seed=0,
    n_modules=1,
    charge_diffusion_mas=None,
    native_pixel_arcsec=None,
    pixel_scale_arcsec=None,
    pixfrac=PIXFRAC,
    fov_arcsec=None,
    telescope=None,
):
    """PSF of one filter over the field.

    Parameters
    ----------
    filter_name : str
        NIRCam filter known to sedpy, such as ``F200W``.
    config : `clusterphot.optics.pupil.OpticsConfig`, optional
        Its ``jitter_mas`` is that of the pointing; diffusion of charge is added to it.
    fwhm_variation : float
        Largest deviation of the FWHM from its mean at 0.7 um, on the mosaic, averaged over pixel phases: 0.2 as
        measured (`LARGEST_DEVIATION`), less at longer wavelengths; 0 is one PSF everywhere.
    interpixel_coupling : float
        Share of a pixel's signal that each of its four neighbours shows (`clusterphot.optics.detector.coupled`).
    seed : int, optional
        Draws the pattern, one for all filters of a channel.
    n_modules : int, optional
        1, or 2 that cover the field's halves u < 0 and u > 0, each with a direction of its own in which the
        aberrations grow.
    charge_diffusion_mas : float, optional
        Sigma per axis; by default that of the channel.
    native_pixel_arcsec, pixel_scale_arcsec : float, optional
        Pixel of the detector, and of the mosaic on which the FWHM is meant; by default those of the channel.
    pixfrac : float, optional
    fov_arcsec : float, optional
        Full width of the mean; by default `clusterphot.optics.psf.FIELD_OF_VIEW_ARCSEC`.
    telescope : pair of ndarray, optional
        Amplitude and wavefront error, where `clusterphot.optics.pupil.pupil` of ``config`` has been computed before.

    Returns
    -------
    psf : FieldPsf

    Raises
    ------
    ValueError
        If aberrations cannot widen the core as asked.
    """
    config = config or OpticsConfig()
    part = channel(filter_name)
    native = native_pixel_arcsec or NATIVE_PIXEL_ARCSEC[part]
    sample = native / SAMPLES_PER_PIXEL
    detector = _Detector.of(
        filter_name,
        config,
        sample,
        coupling=interpixel_coupling,
        charge_diffusion_mas=charge_diffusion_mas,
        pixel_scale_arcsec=pixel_scale_arcsec,
        pixfrac=pixfrac,
    )
    telescope = telescope or pupil(config)
    mean = _wide(filter_name, config, telescope, sample, fov_arcsec or FIELD_OF_VIEW_ARCSEC[part], detector)
    pattern = draw_pattern(seed, part, n_modules)
    largest = largest_deviation(filter_name, fwhm_variation)
    if largest == 0.0:
        none = np.zeros((len(POWERS), 0)), np.zeros(len(POWERS))
        return FieldPsf(mean, np.zeros((0, 1, 1)), sample, native, filter_name, pattern, 0.0, *none)
    grid = np.linspace(-1.0, 1.0, PLACES)
    u, v = (axis.ravel() for axis in np.meshgrid(grid, grid))
    module = (u > 0).astype(int) if n_modules == 2 else 0
    places = pattern.aberrations(u, v, module)
    size = 2 * round(TERMS_FIELD_ARCSEC[part] / sample / 2) + 1
    light = _CoreLight.of(filter_name, telescope, pattern, sample, size)
    widest = (RANGE_NM + RANGE_NM_PER_UM * pivot_angstrom(filter_name) * 1e-4) * np.sqrt(fwhm_variation / 0.2)
    images, aberration = _images_of_powers(light, detector, places, largest, widest)
    images *= mean.max()  # still without aberrations
    powers = _powers(places)
    offset = powers.mean(axis=0)
    terms, projection = _reduced(images, powers - offset)
    mean = added(mean, np.tensordot(offset, images, axes=1))
    return FieldPsf(mean, terms, sample, native, filter_name, pattern, aberration, projection, offset)


def largest_deviation(filter_name, fwhm_variation):
    """Largest deviation of a filter's FWHM where it is ``fwhm_variation`` at 0.7 um."""
    (blue, at_blue), (red, at_red) = LARGEST_DEVIATION
    slope = np.log(at_red / at_blue) / np.log(red / blue)
    return fwhm_variation * (pivot_angstrom(filter_name) * 1e-4 / blue) ** slope


def draw_pattern(seed, part, n_modules=1):
    """Pattern of a channel (``short`` or ``long``), the same in all of its filters."""
    rng = np.random.default_rng([seed, ("short", "long").index(part)])
    quadrants = [(0, 1, 2, 3)] if n_modules == 1 else [(1, 2), (0, 3)]  # the latter in their own halves
    middle = 45.0 + 90.0 * np.array([rng.choice(own) for own in quadrants])
    return Pattern(
        direction_deg=tuple(middle + DIRECTION_SPREAD_DEG * rng.uniform(-1.0, 1.0, n_modules)),
        across=rng.uniform(*ACROSS),
        astigmatism_deg=rng.uniform(0.0, 180.0),
        mix_deg=MIX_SPREAD_DEG * rng.uniform(-1.0, 1.0),
    )


def added(wide, small):
    """Sum of an odd square image and a smaller one in its middle."""
    total = wide.copy()
    crop(total, len(small) // 2)[...] += small
    return total


@dataclass(frozen=True)
class _Detector:
    """What a detector and drizzle do to samples: sigma of a Gaussian, coupling of pixels, sides of drop and pixel."""

    sigma: float
    coupling: float
    drizzle: tuple

    @classmethod
    def of(
        cls,
        filter_name,
        config,
        sample_arcsec,
        *,
        coupling,
        charge_diffusion_mas=None,
        pixel_scale_arcsec=None,
        pixfrac=PIXFRAC,
    ):
        """As of `field_psf`, in samples."""
        part = channel(filter_name)
        diffusion = CHARGE_DIFFUSION_MAS[part] if charge_diffusion_mas is None else charge_diffusion_mas
        return cls(
            sigma=np.hypot(config.jitter_mas, diffusion) * 1e-3 / sample_arcsec,
            coupling=coupling,
            drizzle=(
                pixfrac * SAMPLES_PER_PIXEL,
                (pixel_scale_arcsec or MOSAIC_PIXEL_ARCSEC[part]) / sample_arcsec,
            ),
        )

    def seen(self, light):
        """Light of the optics as pixels see it."""
        return coupled(blurred(light, [SAMPLES_PER_PIXEL], self.sigma), SAMPLES_PER_PIXEL, self.coupling)

    def centred(self, image):
        """Image as pixels see it, its core on the mosaic centred, and its FWHM there in samples."""
        core = blurred(crop(image, min(len(image) // 2, CORE_HALF_SAMPLES)), self.drizzle, 0.0)
        dx, dy, fwhm = 0.0, 0.0, fwhm_arcsec(core, 1.0)
        for _ in range(CENTRING_STEPS):
            offset = core_centroid(moved(core, -dx, -dy), fwhm)
            dx, dy = dx + offset[0], dy + offset[1]
        return moved(image, -dx, -dy), fwhm


def _wide(filter_name, config, telescope, sample, fov_arcsec, detector):
    """PSF without further aberrations over the whole field of view, sum 1."""
    n = 2 * round(fov_arcsec / sample / 2) + 1
    light = np.zeros((n, n))
    for wave in photon_wavelengths(filter_name, config.n_wavelengths):
        image = intensity(pupil_field(*telescope, wave * 1e-10), wave * 1e-10, sample, n)
        light += image / image.sum()
    image, _ = detector.centred(detector.seen(light))
    return image / image.sum()


def _powers(aberrations):
    """Powers `POWERS` of pairs: (..., 2) to (..., 8)."""
    return np.prod(aberrations[..., None, :] ** POWERS, axis=-1)


@dataclass(frozen=True)
class _CoreLight:
    """Light near the core with further aberrations: fields in a coarse pupil at a few wavelengths, and modes."""

    waves_m: np.ndarray
    fields: tuple
    modes: np.ndarray
    sample_arcsec: float
    n: int

    @classmethod
    def of(cls, filter_name, telescope, pattern, sample_arcsec, n):
        """Fields whose images on ``n`` x ``n`` samples have equal light, and modes of rms 1."""
        waves = photon_wavelengths(filter_name, TERMS_WAVELENGTHS) * 1e-10
        fields = [binned(pupil_field(*telescope, wave), TERMS_PUPIL_BINNING) for wave in waves]
        fields = tuple(
            field * pupil_step(len(field), wave, sample_arcsec)
            for field, wave in zip(fields, waves, strict=True)
        )
        return cls(waves, fields, pattern.modes(binned(telescope[0], TERMS_PUPIL_BINNING)), sample_arcsec, n)

    def at(self, aberrations_nm):
        """Image, (n, n) float ndarray, with both aberrations."""
        further = np.tensordot(aberrations_nm, self.modes, axes=1) * 1e-9
        return sum(
            intensity(field * pupil_field(1.0, further, wave), wave, self.sample_arcsec, self.n)
            for field, wave in zip(self.fields, self.waves_m, strict=True)
        )


def _images_of_powers(light, detector, places, largest, widest_nm):
    """Images that powers of the aberrations add, where the FWHM deviates over the places as asked.

    Polynomials through the images at a few places, chosen by pivoted QR so that they do not oscillate in between
    (approximate Fekete points; Sommariva & Vianello 2009, Comput. Math. Appl. 57, 1324). The range of aberrations is
    widened until the FWHM deviates enough.

    Returns
    -------
    images : (8, n, n) float ndarray
        For aberrations relative to the largest; in units of the peak of the image without aberrations.
    aberration_nm : float
        The largest one.
    """
    powers = _powers(places)
    chosen = qr(powers.T, mode="r", pivoting=True)[1][: len(POWERS)]
    inverse = np.linalg.inv(powers[chosen])
    for _ in range(WIDENINGS):
        nodes = widest_nm * np.concatenate([np.zeros((1, 2)), places[chosen]])
        images, fwhms = zip(*(detector.centred(detector.seen(light.at(node))) for node in nodes), strict=True)
        widths = fwhms[0], inverse @ (np.array(fwhms[1:]) - fwhms[0])
        share = _share_of_range(places, widths, largest)
        if share is not None:
            scale = share ** POWERS.sum(axis=1)[:, None]
            return np.tensordot(scale * inverse, _changes(np.array(images)), axes=1), share * widest_nm
        widest_nm *= WIDEN
    raise ValueError(f"no aberration up to {widest_nm:.0f} nm widens the core by {largest:.0%} of its mean")


def _changes(images):
    """Differences to the first image, over its peak: they fall to 0 at the edge, and each sums to 0."""
    taper = _taper(images.shape[-1])
    changes = (images[1:] - images[0]) * taper / images[0].max()
    return changes - changes.sum(axis=(1, 2), keepdims=True) * taper / taper.sum()


def _share_of_range(places, widths, largest):
    """Fraction of the range of aberrations at which the FWHM deviates as asked; None where all of it is not enough.

    Widths are the FWHM without aberrations, and coefficients (8,) of their powers.
    """

    def deviation(share):
        width = widths[0] + _powers(share * places) @ widths[1]
        return np.max(np.abs(width / width.mean() - 1.0))

    if deviation(1.0) < largest:
        return None
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if deviation(middle) < largest else (low, middle)
    return high


def _reduced(images, weights):
    """Fewest orthonormal images, and the matrix to their weights, that describe ``weights @ images``.

    Parameters
    ----------
    images : (m, n, n) float ndarray
    weights : (p, m) float ndarray
        Of means 0.

    Returns
    -------
    terms : (k, n, n) float ndarray
    projection : (m, k) float ndarray
    """
    flat = images.reshape(len(images), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))  # images = root @ orthonormal ones
    _, spread, axes = np.linalg.svd(weights @ root, full_matrices=False)
    left = 1.0 - np.cumsum(spread**2) / np.sum(spread**2)
    axes = axes[: np.count_nonzero(left > TERMS_VARIANCE) + 1]
    projection = root @ axes.T
    terms = np.tensordot(axes @ np.linalg.pinv(root), images, axes=1)
    return terms, projection


def _taper(n):
    """1 in the middle of ``n`` x ``n`` samples, falling as half a cosine to 0 at their inscribed circle."""
    axis = (np.arange(n) - n // 2) / (n // 2)
    radius = np.hypot(axis, axis[:, None])
    return 0.5 * (1.0 + np.cos(np.pi * np.clip((radius - TERMS_TAPER) / (1.0 - TERMS_TAPER), 0.0, 1.0)))
