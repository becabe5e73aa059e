"""Dithered exposures of a simulated field, as the detectors read them, before they are drizzled.

Frames, all tangent to the sky at the field's centre, in arcsec: (u, v) along the mosaic's axes; (xi, eta) along the
detectors', turned against them by the position angle; and detector pixels (x, y), which dithers, roll, pointing
errors and distortion tie to (xi, eta). Surface brightness in nJy/arcsec2.
"""

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from scipy import fft, ndimage

from clusterphot.optics.bands import channel
from clusterphot.optics.detector import NATIVE_PIXEL_ARCSEC, coupled
from clusterphot.simulate import truth as scene
from clusterphot.simulate.depth import point_source_sigma
from clusterphot.simulate.rendering import (
    KERNEL_WIDTH,
    POINT_KINDS,
    add_stamps,
    extended_light,
    galaxy_rows,
    kernel_correction,
    point_spectrum,
    psf_spectrum,
)

MARGIN_ARCSEC = 1.0
"""Light is drawn this far beyond the field, so that what the PSF spreads inwards is there."""

AMPLIFIERS = 4
"""Each reads a quarter of a detector's columns, with a 1/f noise of its own (Rieke et al. 2023, PASP 135, 028001)."""

COSMIC_RAY_PX = 8
"""Longest track of a cosmic ray, px; the mean is half of it."""

BEND_POWERS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (0, 3))
"""Of x and y in the distortion."""

STEP_PX = 100.0
"""Over which the sky's direction along the pixels is taken."""

BEND_POINTS = 41
"""Places along a side among which the largest distortion is sought."""

SPLINE_ORDER = 3
"""Of the interpolation of light between fine samples, three to a detector pixel: 1e-4 of the peak of a star."""


@dataclass(frozen=True)
class Light:
    """What falls on the detectors, between pixels.

    Attributes
    ----------
    spline : (n, n) float32 ndarray
        Coefficients of cubic B-splines of the signal (nJy) of a detector pixel centred on each sample.
    sample_arcsec : float
        Distance of samples, whose middle one is the centre of the field.
    """

    spline: np.ndarray
    sample_arcsec: float

    def at(self, xi, eta):
        """Signal (nJy) of pixels centred at (xi, eta), arcsec."""
        middle = len(self.spline) // 2
        place = [np.asarray(eta) / self.sample_arcsec + middle, np.asarray(xi) / self.sample_arcsec + middle]
        return ndimage.map_coordinates(
            self.spline, place, order=SPLINE_ORDER, prefilter=False, output=np.float32
        )


@dataclass(frozen=True)
class Pointing:
    """One exposure's place on the sky.

    Attributes
    ----------
    shift_arcsec : (2,) float ndarray
        Of the detectors' middle along (xi, eta), as the exposure's WCS has it.
    error_arcsec : (2,) float ndarray
        True shift less that.
    roll_deg : float
        Beside the position angle; known.
    partial : bool
        Whether only one half of the field is exposed.
    """

    number: int
    shift_arcsec: np.ndarray
    error_arcsec: np.ndarray
    roll_deg: float
    partial: bool


@dataclass(frozen=True)
class Detectors:
    """Pixels of the detectors of one channel as one grid that covers the field, the gap included.

    Attributes
    ----------
    n_px : int
        Along a side.
    pixel_arcsec : float
    distortion_px : float
        Largest distance of a pixel from where it would be without distortion.
    gap_arcsec : float
        Width of the strip about the middle, along x, without pixels.
    bend : (2, 6) float ndarray
        Coefficients of the distortion in x and y.
    """

    n_px: int
    pixel_arcsec: float
    distortion_px: float
    gap_arcsec: float
    bend: np.ndarray

    def scene(self, pointing):
        """Places (xi, eta) in arcsec of all pixels, (n, n) each, as the exposure's WCS has them."""
        half = (self.n_px - 1) / 2
        s = np.arange(self.n_px) / half - 1.0
        t = s[:, None]
        terms = _bends(s, t)
        dx, dy = (sum(c * term for c, term in zip(row, terms, strict=True)) for row in self.bend)
        a, b = self.pixel_arcsec * (half * s + dx), self.pixel_arcsec * (half * t + dy)
        roll = np.radians(pointing.roll_deg)
        return (
            a * np.cos(roll) - b * np.sin(roll) + pointing.shift_arcsec[0],
            a * np.sin(roll) + b * np.cos(roll) + pointing.shift_arcsec[1],
        )

    def module(self, x):
        """Detector, 0 or 1, that holds a column, and whether it lies in the gap."""
        along = (np.asarray(x) - (self.n_px - 1) / 2) * self.pixel_arcsec
        return (along > 0).astype(int), np.abs(along) < self.gap_arcsec / 2


def _bends(s, t):
    """Terms of the distortion at pixels (s, t) from -1 to 1 over the detectors, each at most 1."""
    return [s**i * t**j for i, j in BEND_POWERS]


@dataclass(frozen=True)
class Exposure:
    """One exposure as it is given to the drizzling.

    Attributes
    ----------
    sci : (n, n) float32 ndarray, nJy/arcsec2
        0 where the weight is 0.
    weight : (n, n) float32 ndarray
        Inverse variance without the sources' photons; 0 for what must not be used.
    variance : (n, n) float32 ndarray, (nJy/arcsec2)^2
        With the sources' photons.
    x, y : (n, n) float ndarray
        Mosaic pixel of each detector pixel by the exposure's WCS.
    """

    sci: np.ndarray
    weight: np.ndarray
    variance: np.ndarray
    x: np.ndarray
    y: np.ndarray


def draw_pointings(config, filt):
    """Pointings of the exposures of a filter; their errors have zero mean, so that the field does not move."""
    options, rng = config.exposures, scene.stream(config.seed, "pointings", filt)
    n = options.n_exposures
    shift = rng.uniform(-options.dither_arcsec, options.dither_arcsec, size=(n, 2))
    error = 1e-3 * options.pointing_error_mas * rng.normal(size=(n, 2))
    roll = options.roll_deg * rng.normal(size=n)
    # A single exposure has no error against others, and the mean of all is the registration of the filter.
    error -= error.mean(axis=0)
    partial = np.arange(n) >= n - options.n_partial
    return [Pointing(i, shift[i], error[i], float(roll[i]), bool(partial[i])) for i in range(n)]


def make_detectors(config, filt):
    """`Detectors` that cover the field at all dithers; the distortion is drawn from the field's seed."""
    options, pixel = config.exposures, NATIVE_PIXEL_ARCSEC[channel(filt)]
    rng = scene.stream(config.seed, "distortion", channel(filt))
    n_px = (
        int(np.ceil((_reach(config) + 2 * options.dither_arcsec) / pixel))
        + 2 * round(options.distortion_px)
        + 4
    )
    bend = rng.normal(size=(2, 6))
    # The largest displacement is in a corner; six terms of at most 1 each.
    edge = np.linspace(-1.0, 1.0, BEND_POINTS)
    terms = np.stack(_bends(edge, edge[:, None]))
    bend *= options.distortion_px / np.hypot(*np.tensordot(bend, terms, axes=1)).max()
    return Detectors(n_px, pixel, options.distortion_px, options.gap_arcsec, bend)


def _reach(config):
    """Side (arcsec) of the square along the detectors' axes that holds the field."""
    angle = np.radians(config.exposures.position_angle_deg)
    return config.size_arcsec * (abs(np.cos(angle)) + abs(np.sin(angle)))


def to_scene(u, v, config):
    """Places (xi, eta) of (u, v), arcsec."""
    angle = np.radians(config.exposures.position_angle_deg)
    u, v = np.asarray(u), np.asarray(v)
    return u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)


def to_mosaic(xi, eta, config, filt):
    """Mosaic pixels (x, y) of (xi, eta), with the filter's offset."""
    angle = np.radians(config.exposures.position_angle_deg)
    scale, (dx, dy) = scene.pixel_scale_arcsec(filt), scene.wcs_offset_px(config, filt)
    middle = (scene.size_px(config, filt) - 1) / 2
    u, v = xi * np.cos(angle) - eta * np.sin(angle), xi * np.sin(angle) + eta * np.cos(angle)
    return u / scale + middle + dx, v / scale + middle + dy


def draw_light(truth, filt, psf, config):
    """All that a filter sees of the field, through the optics and the pixels.

    Parameters
    ----------
    truth : `astropy.table.Table`
        From `clusterphot.simulate.truth.draw_scene`.
    filt : str
    psf : `clusterphot.optics.field.FieldPsf`
        Galaxies are seen with its mean; a point source with that of its place.
    config : `clusterphot.simulate.truth.FieldConfig`

    Returns
    -------
    light : `Light`
    """
    sample = psf.sample_arcsec
    half = int(np.ceil((_reach(config) / 2 + MARGIN_ARCSEC) / sample))
    inner = 2 * half + 1
    size = fft.next_fast_len(inner + len(psf.mean) // 2 + KERNEL_WIDTH, real=True)
    u, v = np.asarray(truth["u"], dtype=float), np.asarray(truth["v"], dtype=float)
    xi, eta = to_scene(u, v, config)
    x, y = xi / sample + half, eta / sample + half
    is_point = np.isin(truth["kind"], POINT_KINDS)
    rows = galaxy_rows(
        truth[~is_point], filt, x[~is_point], y[~is_point], turned_deg=config.exposures.position_angle_deg
    )
    light = np.zeros((size, size), dtype=np.float32)
    light[:inner, :inner] = extended_light(rows, sample, inner)
    spectrum = fft.rfft2(light, overwrite_x=True)
    x, y, flux = x[is_point], y[is_point], np.asarray(truth[f"flux_{filt}"], dtype=float)[is_point]
    spectrum += point_spectrum(x, y, flux, size, kernel_correction(size))
    spectrum *= psf_spectrum(psf.mean, size)
    image = fft.irfft2(spectrum, (size, size), overwrite_x=True)[:inner, :inner]
    if len(psf.terms):
        # What the PSF of each place has more, or less, than the mean one.
        weights = psf_weights(psf, u[is_point], v[is_point], config)
        add_stamps(image, psf.terms, flux[:, None] * weights, x, y)
    # Per sample of unit sum, the PSF times samples per pixel is the share of light in a pixel there.
    image *= np.float32((psf.native_pixel_arcsec / sample) ** 2)
    return Light(ndimage.spline_filter(image, order=SPLINE_ORDER, output=np.float32, mode="mirror"), sample)


def exposure_headers(config, filt):
    """WCS of each part of each exposure, as its header has it: without the pointing error.

    Parameters
    ----------
    config : `clusterphot.simulate.truth.FieldConfig`
    filt : str

    Returns
    -------
    headers : list of dict
        Keywords and values: TAN-SIP of order 3, NAXIS1 and NAXIS2, EXTVER for the detector.
    """
    detectors = make_detectors(config, filt)
    n_px = detectors.n_px
    half, mosaic = (n_px - 1) / 2, scene.field_wcs(config, filt)
    sip = {f"{axis}_ORDER": 3 for axis in "AB"}
    for axis, row in zip("AB", detectors.bend, strict=True):
        sip |= {f"{axis}_{i}_{j}": c / half ** (i + j) for (i, j), c in zip(BEND_POWERS, row, strict=True)}
    gap = detectors.gap_arcsec / 2 / detectors.pixel_arcsec
    columns = [(0, n_px)]
    if gap:
        columns = [(0, int(np.ceil(half - gap))), (int(np.floor(half + gap)) + 1, n_px)]
    headers = []
    for pointing in draw_pointings(config, filt):
        # The middle on the sky, and how the sky runs along the pixels there; distortion begins with squares.
        shift, roll = pointing.shift_arcsec, np.radians(pointing.roll_deg)
        step = (
            STEP_PX
            * detectors.pixel_arcsec
            * np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        )
        places = np.vstack([shift, shift + step, shift - step])
        ra, dec = mosaic.all_pix2world(*to_mosaic(*places.T, config, filt), 0)
        plane = WCS(naxis=2)
        plane.wcs.ctype, plane.wcs.crval, plane.wcs.cdelt = (
            ["RA---TAN", "DEC--TAN"],
            [ra[0], dec[0]],
            [1.0, 1.0],
        )
        at = np.stack(plane.wcs_world2pix(ra, dec, 0), axis=1)
        matrix = (at[1:3] - at[3:5]).T / (2 * STEP_PX)
        first_row = int(n_px / 2) + 1 if pointing.partial else 0
        for module, (first, last) in enumerate(columns):
            headers.append(
                {
                    "EXPNUM": pointing.number, "EXTVER": module + 1, "NAXIS1": last - first, "NAXIS2": n_px - first_row,
                    "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CRVAL1": float(ra[0]), "CRVAL2": float(dec[0]),
                    "CRPIX1": half + 1 - first, "CRPIX2": half + 1 - first_row,
                    **{f"CD{i + 1}_{j + 1}": float(matrix[i, j]) for i in (0, 1) for j in (0, 1)},
                    **sip,
                }
            )  # fmt: skip
    return headers


def psf_weights(psf, u, v, config):
    """Weights of the terms of a `clusterphot.optics.field.FieldPsf` at (u, v) in arcsec, (..., k)."""
    half = config.size_arcsec / 2
    module = (to_scene(u, v, config)[0] > 0).astype(int) if config.exposures.gap_arcsec else 0
    return psf.weights(np.asarray(u) / half, np.asarray(v) / half, module)


def pixel_sigma(psf, config, filt):
    """Noise (nJy) of a pixel of one exposure of blank sky, such that all together have the depth asked for.

    An isolated point source fitted to N exposures has sigma^2 = sigma_pixel^2 / (N sum P^2), P the share of its
    light in each pixel.
    """
    share = psf.mean * (psf.native_pixel_arcsec / psf.sample_arcsec) ** 2
    squares = (share**2).sum() * (psf.sample_arcsec / psf.native_pixel_arcsec) ** 2
    n = config.exposures.n_exposures
    return float(config.noise_scale * point_source_sigma(filt) * np.sqrt(n * squares))


def expose(light, detectors, pointing, sigma, config, filt):
    """Read one exposure.

    Parameters
    ----------
    light : `Light`
    detectors : `Detectors`
    pointing : `Pointing`
    sigma : float, nJy
        From `pixel_sigma`.
    config : `clusterphot.simulate.truth.FieldConfig`
    filt : str

    Returns
    -------
    exposure : `Exposure`
    """
    options, n = config.exposures, detectors.n_px
    xi, eta = detectors.scene(pointing)
    x, y = to_mosaic(xi, eta, config, filt)
    side, reach = scene.size_px(config, filt), detectors.pixel_arcsec / scene.pixel_scale_arcsec(filt)
    seen = (np.minimum(x, y) > -1 - reach) & (np.maximum(x, y) < side + reach)
    module, in_gap = detectors.module(np.arange(n))
    seen &= ~in_gap
    if pointing.partial:
        seen &= (np.arange(n) > n / 2)[:, None]

    # Photons, in units of nJy, that the pixels share with their neighbours before they are read.
    signal = np.zeros((n, n), dtype=np.float32)
    signal[seen] = light.at(xi[seen] + pointing.error_arcsec[0], eta[seen] + pointing.error_arcsec[1])
    saturated = signal > options.saturation_njy_per_arcsec2 * detectors.pixel_arcsec**2
    signal *= np.float32(zero_points(config, filt))[module]
    gain = options.gain_e_per_njy / options.n_exposures
    photons = np.clip(signal, 0.0, None) / np.float32(gain)
    sky, read = (1 - options.read_noise_share) * sigma**2, options.read_noise_share * sigma**2
    if config.noise != "none":
        rng = scene.stream(config.seed, "exposure", filt, str(pointing.number))
        noise = rng.standard_normal((n, n), dtype=np.float32) * np.sqrt(np.float32(sky) + photons)
        noise = coupled(noise, 1, options.interpixel_coupling)
        noise += np.float32(np.sqrt(read)) * rng.standard_normal((n, n), dtype=np.float32)
        rows = rng.standard_normal((n, 2 * AMPLIFIERS), dtype=np.float32)
        noise += (
            np.float32(options.stripe_sigma * sigma)
            * np.repeat(rows, -(-n // (2 * AMPLIFIERS)), axis=1)[:, :n]
        )
        signal += noise

    bad = ~seen | ndimage.binary_dilation(saturated, np.ones((3, 3)))
    bad |= _bad_pixels(config, filt, n) | _cosmic_rays(config, filt, pointing, n)
    area = np.float32(detectors.pixel_arcsec**2)
    signal[bad] = 0.0
    weight = np.where(bad, np.float32(0), area**2 / np.float32(sigma**2))
    variance = (np.float32(sigma**2) + photons) / area**2
    return Exposure(signal / area, weight, variance, x, y)


def zero_points(config, filt):
    """Flux scales (2,) of the two detectors; their mean is 1."""
    if not config.exposures.gap_arcsec:
        return np.ones(2)
    step = config.exposures.zero_point_scatter * scene.stream(config.seed, "zero points", filt).normal()
    return np.array([1 + step, 1 - step])


def _bad_pixels(config, filt, n):
    """Pixels (n, n) that are bad in all exposures of a filter."""
    rng = scene.stream(config.seed, "bad pixels", filt)
    return rng.random((n, n), dtype=np.float32) < config.exposures.bad_pixel_share


def _cosmic_rays(config, filt, pointing, n):
    """Pixels (n, n) hit in one exposure, along straight tracks."""
    rng = scene.stream(config.seed, "cosmic rays", filt, str(pointing.number))
    hit = np.zeros((n, n), dtype=bool)
    count = round(2 * config.exposures.cosmic_ray_share * n * n / COSMIC_RAY_PX)
    x, y = rng.uniform(0, n, size=(2, count))
    angle, length = rng.uniform(0, 2 * np.pi, count), rng.uniform(0, COSMIC_RAY_PX, count)
    for step in range(COSMIC_RAY_PX):
        on = length >= step
        ix, iy = np.floor(x + step * np.cos(angle))[on], np.floor(y + step * np.sin(angle))[on]
        inside = (ix >= 0) & (ix < n) & (iy >= 0) & (iy < n)
        hit[iy[inside].astype(int), ix[inside].astype(int)] = True
    return hit
