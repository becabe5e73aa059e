"""Images of a simulated field from its truth table: sources, noise, saturation, bad pixels; filter by filter.

A mosaic is drawn as such: light of `rendering` seen with one PSF of `optics`, and noise with a correlation that is
put in. `exposures` makes mosaics as they come to be. nJy/pixel throughout.
"""

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from scipy import fft, ndimage

from clusterphot.base.products import Psf
from clusterphot.optics.bands import channel
from clusterphot.optics.detector import NATIVE_PIXEL_ARCSEC, blurred, drizzle_boxes
from clusterphot.optics.psf import OversampledPsf, oversampled_psf
from clusterphot.simulate import truth as scene
from clusterphot.simulate.depth import GAIN_E_PER_NJY, SATURATION_NJY_PER_ARCSEC2, point_source_sigma
from clusterphot.simulate.rendering import (
    KERNEL_WIDTH,
    POINT_KINDS,
    extended_light,
    galaxy_rows,
    kernel_correction,
    point_spectrum,
    psf_spectrum,
)

MARGIN_ARCSEC = 1.0
"""Light is drawn this far beyond the mosaic, so that what the PSF spreads inwards is there."""

BLUR_LEVELS = 5
"""Gaussian blurs between which that of a place is interpolated, linearly in variance."""

KERNEL_STEPS, KERNEL_FFT, KERNEL_HALF = 200, 64, 10
"""Kernel of drizzled noise: steps per mosaic pixel for the boxes' widths, lags of its transform, and half length."""

EXPOSURE_RISE = 0.1
"""Exposure in the middle of the field over that at its edges, less 1, as the dithers of a mosaic make it."""


@dataclass(frozen=True)
class SimulatedImage:
    """One filter of a simulated field.

    Attributes
    ----------
    sci, wht : (n, n) float32 ndarray, nJy/pixel and 1/(nJy/pixel)^2
        ``wht`` is the naive inverse variance of single pixels without that of photons, 0 for bad pixels.
    model : (n, n) float32 ndarray, nJy/pixel
        The same without noise.
    psf : `clusterphot.base.products.Psf`
        True PSF (at the centre of the field), 4" wide, with the share of the light inside.
    gain_e_per_njy : float or None
        Such that a pixel's photon variance is ``sci / gain`` in the sense of ``wht``.
    """

    sci: np.ndarray
    wht: np.ndarray
    model: np.ndarray
    wcs: WCS
    pixel_scale_arcsec: float
    filter_name: str
    psf: Psf
    gain_e_per_njy: float | None


def simulate_filter(truth, filt, *, telescope=None, correlation=None):
    """Simulate one filter of the field whose truth `scene.draw_scene` has drawn.

    Parameters
    ----------
    truth : `astropy.table.Table`
        Its metadata hold the `scene.FieldConfig`.
    filt : str
        One of the filters of the field.
    telescope : pair of ndarray, optional
        Amplitude and wavefront error of the field's pupil, the same in all filters; computed where not given.
    correlation : (m, m) float ndarray, optional
        Measured autocorrelation of the noise, see `noise_kernel`.

    Returns
    -------
    image : `SimulatedImage`
    """
    config = scene.config_of(truth)
    if f"flux_{filt}" not in truth.colnames:
        raise ValueError(f"filter {filt} is not among those of the truth table: {config.filters}")
    psf = oversampled_psf(filt, config.optics(), telescope=telescope)
    model = render(truth, filt, psf, config)
    sigma = white_sigma(psf, config)
    scale = psf.pixel_scale_arcsec
    noise, wht, gain = _noise(config, filt, model, sigma, noise_kernel(config, filt, correlation))
    sci = model + noise
    _saturate(sci, wht, model, scale)
    _spoil(sci, wht, config, filt)
    blur = config.psf_blur_px * psf.oversampling * np.sqrt(0.5)
    if blur:
        data = blurred(psf.data, [], blur)
        psf = OversampledPsf(data / data.sum(), psf.sample_arcsec, scale, filt)
    return SimulatedImage(
        sci=sci,
        wht=wht,
        model=model,
        wcs=scene.field_wcs(config, filt),
        pixel_scale_arcsec=scale,
        filter_name=filt,
        psf=psf.to_psf(2 * round(2.0 / scale) + 1),
        gain_e_per_njy=gain,
    )


# ---- light -------------------------------------------------------------------------------------------------


def render(truth, filt, psf, config):
    """Noise-free image of all objects of ``truth`` in one filter, (n, n) float32, nJy/pixel."""
    n = scene.size_px(config, filt)
    step = psf.oversampling
    margin = round(MARGIN_ARCSEC / psf.pixel_scale_arcsec)
    inner = step * (n + 2 * margin)
    size = fft.next_fast_len(inner + len(psf.data) // 2 + KERNEL_WIDTH, real=True)
    is_point = np.isin(truth["kind"], POINT_KINDS)
    points, galaxies = truth[is_point], truth[~is_point]
    x, y = (step * (np.asarray(truth[f"{axis}_{filt}"]) + margin) for axis in "xy")
    flux = np.asarray(points[f"flux_{filt}"])

    # All light on fine samples with a margin: galaxies as drawn, point sources as their spectrum.
    light = np.zeros((size, size), dtype=np.float32)
    rows = galaxy_rows(galaxies, filt, x[~is_point], y[~is_point])
    light[:inner, :inner] = extended_light(rows, psf.sample_arcsec, inner)
    spectrum = fft.rfft2(light)
    correction, x, y = kernel_correction(size), x[is_point], y[is_point]
    if config.psf_blur_px == 0:
        spectrum += point_spectrum(x, y, flux, size, correction)
    else:
        spectrum *= _blur_response(size, config, step, 0.5)
        for fraction, weight in _blur_weights(points, config):
            part = point_spectrum(x, y, flux * weight, size, correction)
            spectrum += part * _blur_response(size, config, step, fraction)
    # Seen through the optics, and read at the mosaic's pixels.
    spectrum *= psf_spectrum(psf.data, size)
    image = fft.irfft2(spectrum, (size, size), overwrite_x=True)
    first, last = step * margin, step * (margin + n)
    return np.ascontiguousarray(image[first:last:step, first:last:step]) * np.float32(step**2)


def blur_fraction(u, v, config):
    """Share of the largest PSF variance at (u, v) in arcsec, 0 at one end of the field to 1 at the other."""
    angle = scene.stream(config.seed, "blur").uniform(0, 2 * np.pi)
    along = (np.asarray(u) * np.cos(angle) + np.asarray(v) * np.sin(angle)) / (config.size_arcsec / 2)
    return np.clip(0.5 + along / (2 * np.sqrt(2)), 0.0, 1.0)


def _blur_weights(points, config):
    """Pairs of (fraction of variance, weight per source) that interpolate the blur linearly in variance."""
    place = blur_fraction(points["u"], points["v"], config) * (BLUR_LEVELS - 1)
    for level in range(BLUR_LEVELS):
        yield level / (BLUR_LEVELS - 1), np.clip(1.0 - np.abs(place - level), 0.0, None)


def _blur_response(size, config, step, fraction):
    """Transfer function of a Gaussian with a share of the variance of the largest extra blur."""
    one = np.exp(-2.0 * fraction * (np.pi * config.psf_blur_px * step * fft.fftfreq(size)) ** 2).astype(
        np.float32
    )
    return one[:, None] * one[: size // 2 + 1]


# ---- noise -------------------------------------------------------------------------------------------------


def white_sigma(psf, config):
    """Sigma per pixel (nJy) of white noise with the depth of `clusterphot.simulate.depth`.

    Drizzled noise has the same power at low spatial frequencies.
    """
    depth = config.noise_scale * point_source_sigma(psf.filter_name)
    return float(depth * np.sqrt((psf.on_pixels() ** 2).sum()))


def noise_kernel(config, filt, correlation=None):
    """Kernel that white noise is convolved with, (2k+1, 2k+1) float ndarray of sum 1, symmetric.

    Parameters
    ----------
    config : `clusterphot.simulate.truth.FieldConfig`
    filt : str
    correlation : (m, m) float ndarray, odd m, optional
        Measured autocorrelation of the noise at whole mosaic pixels, largest in the middle; by default that of
        drizzling alone.

    Raises
    ------
    ValueError
        If ``correlation`` has even sides or more than `KERNEL_FFT` of them, or is not largest in the middle.

    Notes
    -----
    The value of a drizzled pixel is a mean of detector pixels over the drop and the mosaic pixel. Its
    autocorrelation, averaged over random dithers, is that of the convolution of these two boxes, sampled at whole
    mosaic pixels. Errors that take pixels as independent are then 1.6 times too small (Casertano et al. 2000, AJ
    120, 2747); on real mosaics 1.5 to 2.7 were found.
    """
    if config.noise != "drizzle":
        return np.ones((1, 1))
    if correlation is None:
        part, scale = channel(filt), scene.pixel_scale_arcsec(filt)
        _, *boxes = drizzle_boxes(NATIVE_PIXEL_ARCSEC[part], scale)
        profile = np.ones(1)
        for side in boxes:
            profile = np.convolve(profile, np.ones(round(side / scale * KERNEL_STEPS)))
        along = np.convolve(profile, profile[::-1])
        lags = len(along) // 2 // KERNEL_STEPS
        middle = len(along) // 2
        along = along[middle - lags * KERNEL_STEPS : middle + lags * KERNEL_STEPS + 1 : KERNEL_STEPS]
        correlation = np.outer(along, along)
    n, half = KERNEL_FFT, len(correlation) // 2
    square = correlation.shape[0] == correlation.shape[1] and len(correlation) % 2 == 1
    if not square or len(correlation) > n or correlation.argmax() != correlation.size // 2:
        raise ValueError(
            f"correlation of shape {correlation.shape}, expected odd sides up to {n}, largest in the middle"
        )
    # The kernel whose autocorrelation this is: the root of the power, with zero phase.
    padded = np.zeros((n, n))
    padded[: 2 * half + 1, : 2 * half + 1] = correlation
    power = fft.fft2(np.roll(padded, (-half, -half), axis=(0, 1))).real
    kernel = fft.fftshift(fft.ifft2(np.sqrt(np.clip(power, 0.0, None))).real)
    inside = slice(n // 2 - KERNEL_HALF, n // 2 + KERNEL_HALF + 1)
    kernel = kernel[inside, inside]
    return kernel / kernel.sum()


def _noise(config, filt, model, sigma, kernel):
    """Noise image, naive inverse variance and gain in the sense of the latter."""
    n = len(model)
    if config.noise == "none":
        return np.zeros_like(model), np.full_like(model, 1.0 / sigma**2), None
    rng = scene.stream(config.seed, "noise", filt)
    pad = len(kernel) // 2
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / n - 0.5
    exposure = 1.0 + EXPOSURE_RISE * np.cos(np.pi * x) * np.cos(np.pi * y)
    variance = np.float32(sigma**2) / exposure
    # Correlated pixels scatter less than white ones of the same depth: the weights say what their scatter is.
    loss = float((kernel**2).sum())
    wht = 1.0 / (variance * np.float32(loss))
    if config.source_poisson:
        variance = variance + np.clip(model, 0, None) / np.float32(GAIN_E_PER_NJY)
    noise = rng.standard_normal((n + 2 * pad, n + 2 * pad), dtype=np.float32)
    noise *= np.sqrt(np.pad(variance, pad, mode="edge"))
    if pad:
        from scipy import signal

        noise = signal.fftconvolve(noise, kernel.astype(np.float32), mode="valid")
    return noise, wht, GAIN_E_PER_NJY / loss if config.source_poisson else None


def _saturate(sci, wht, model, scale):
    """Set saturated pixels, and their neighbours, to 0 with weight 0."""
    saturated = ndimage.binary_dilation(model > SATURATION_NJY_PER_ARCSEC2 * scale**2, np.ones((3, 3)))
    sci[saturated] = 0.0
    wht[saturated] = 0.0


def _spoil(sci, wht, config, filt):
    """Bad pixels at random: half of them NaN, half 0, all with weight 0."""
    rng = scene.stream(config.seed, "bad pixels", filt)
    count = round(config.bad_pixel_fraction * sci.size)
    bad = rng.integers(sci.size, size=count)
    sci.flat[bad[::2]] = np.nan
    sci.flat[bad[1::2]] = 0.0
    wht.flat[bad] = 0.0
