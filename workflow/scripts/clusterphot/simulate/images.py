"""Images of a simulated field from its truth table: sources, noise, saturation, bad pixels; filter by filter.

All point sources are placed at exact sub-pixel positions by one non-uniform Fourier transform (Kaiser-Bessel
gridding; Fessler & Sutton 2003, IEEE TSP 51, 560) and blurred with the PSF of `optics`; nJy/pixel throughout.
"""

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from scipy import fft, ndimage, sparse

from clusterphot.base.products import Psf
from clusterphot.optics.bands import channel, pivot_angstrom
from clusterphot.optics.detector import NATIVE_PIXEL_ARCSEC, blurred, drizzle_boxes
from clusterphot.optics.psf import OversampledPsf, oversampled_psf
from clusterphot.simulate import light as templates
from clusterphot.simulate import truth as scene

POINT_SOURCE_SIGMA_NJY = {
    "F070W": 1.3, "F090W": 1.1, "F115W": 1.05, "F150W": 0.95,
    "F200W": 0.90, "F277W": 0.90, "F356W": 0.90, "F444W": 1.15,
}  # fmt: skip
"""1-sigma errors of isolated point sources, optimally weighted: 5 sigma at 29.5-29.8 mag, as SMACS J0723."""

GAIN_E_PER_NJY = 300.0
"""Electrons per nJy: about 2 hours with NIRCam's zero point of 28 mag for 1 electron/s."""

SATURATION_NJY_PER_ARCSEC2 = 1e6
"""Pixels above are saturated, which happens for stars brighter than 20.0 (F444W) to 22.4 mag (F090W)."""

KERNEL_WIDTH = 10
KERNEL_BETA = 1.87 * KERNEL_WIDTH
"""Kaiser-Bessel kernel in samples: aliases below 1e-5 where the optics let light through."""

MARGIN_ARCSEC = 1.0
"""Light is drawn this far beyond the mosaic, so that what the PSF spreads inwards is there."""

COARSE_ARCSEC, SOFTENING_ARCSEC = 0.08, 0.5
"""Large galaxies are drawn on coarse samples, softened within half an arcsec; their cores on fine ones."""

COARSE_EDGE = 4
"""Coarse samples beyond either edge, for splines that do not end there."""

CORE_REACH = 5
"""Radius, in softenings, beyond which a softened profile equals the true one to 1e-3 of it."""

SMALL_REACH, SMALL_MARGIN_ARCSEC, SMALL_MAX_ARCSEC = 9, 0.05, 6.0
"""Radius to which small galaxies are drawn: effective radii, plus this much, at most the last."""

CUSP_SAMPLES, CUSP_POINTS = 6, 9
"""Samples about the middle of a galaxy whose light is a mean over this many points squared: a cusp varies within."""

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


def simulate_filter(truth, filt, *, telescope=None):
    """Simulate one filter of the field whose truth `scene.draw_scene` has drawn.

    Parameters
    ----------
    truth : `astropy.table.Table`
        Its metadata hold the `scene.FieldConfig`.
    filt : str
        One of the filters of the field.
    telescope : pair of ndarray, optional
        Amplitude and wavefront error of the field's pupil, the same in all filters; computed where not given.

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
    noise, wht, gain = _noise(config, filt, model, sigma, noise_kernel(config, filt))
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
    points = truth[np.isin(truth["kind"], ("cluster", "star"))]
    x = step * (np.asarray(points[f"x_{filt}"]) + margin)
    y = step * (np.asarray(points[f"y_{filt}"]) + margin)
    flux = np.asarray(points[f"flux_{filt}"])

    # All light on fine samples with a margin: galaxies as drawn, point sources as their spectrum.
    light = np.zeros((size, size), dtype=np.float32)
    galaxies = truth[~np.isin(truth["kind"], ("cluster", "star"))]
    light[:inner, :inner] = extended_light(galaxies, filt, psf.sample_arcsec, inner, step, margin)
    spectrum = fft.rfft2(light)
    correction = _kernel_correction(size)
    if config.psf_blur_px == 0:
        spectrum += _point_spectrum(x, y, flux, size, correction)
    else:
        spectrum *= _blur_response(size, config, step, 0.5)
        for fraction, weight in _blur_weights(points, config):
            part = _point_spectrum(x, y, flux * weight, size, correction)
            spectrum += part * _blur_response(size, config, step, fraction)
    # Seen through the optics, and read at the mosaic's pixels.
    spectrum *= _psf_spectrum(psf, size)
    image = fft.irfft2(spectrum, (size, size), overwrite_x=True)
    first, last = step * margin, step * (margin + n)
    return np.ascontiguousarray(image[first:last:step, first:last:step]) * np.float32(step**2)


def _psf_spectrum(psf, size):
    """Transfer function of the PSF on a grid of ``size`` samples, its centre on sample 0."""
    middle = len(psf.data) // 2
    grid = np.zeros((size, size), dtype=np.float32)
    grid[: len(psf.data), : len(psf.data)] = psf.data
    return fft.rfft2(np.roll(grid, (-middle, -middle), axis=(0, 1)))


def _point_spectrum(x, y, flux, size, correction):
    """Fourier transform of point sources at fractional samples (x, y)."""
    grid = np.zeros((size, size), dtype=np.float32)
    half = KERNEL_WIDTH // 2
    for xi, yi, fi in zip(x, y, flux, strict=True):
        ix, iy = int(np.floor(xi)) - half + 1, int(np.floor(yi)) - half + 1
        if min(ix, iy) < 0 or max(ix, iy) + KERNEL_WIDTH > size:
            continue
        kx = _kaiser_bessel(ix + np.arange(KERNEL_WIDTH) - xi)
        ky = _kaiser_bessel(iy + np.arange(KERNEL_WIDTH) - yi)
        grid[iy : iy + KERNEL_WIDTH, ix : ix + KERNEL_WIDTH] += fi * np.outer(ky, kx)
    spectrum = fft.rfft2(grid)
    spectrum *= correction[:, None]
    spectrum *= correction[: size // 2 + 1]
    return spectrum


def _kaiser_bessel(offset):
    """Gridding kernel at ``offset`` samples, in units of its maximum."""
    inside = np.clip(1.0 - (2.0 * offset / KERNEL_WIDTH) ** 2, 0.0, None)
    return np.i0(KERNEL_BETA * np.sqrt(inside)) / np.i0(KERNEL_BETA)


def _kernel_correction(size):
    """Inverse of the Fourier transform of the gridding kernel at the grid's frequencies."""
    root = np.sqrt(KERNEL_BETA**2 - (np.pi * KERNEL_WIDTH * fft.fftfreq(size)) ** 2)
    return (root * np.i0(KERNEL_BETA) / (KERNEL_WIDTH * np.sinh(root))).astype(np.float32)


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


def extended_light(galaxies, filt, sample_arcsec, inner, step, margin):
    """Unblurred light of all galaxies on fine samples, (inner, inner) float32, nJy per sample."""
    image = np.zeros((inner, inner), dtype=np.float32)
    large = np.isin(galaxies["kind"], ("bcg", "icl", "member"))
    factor = round(COARSE_ARCSEC / sample_arcsec)
    n_coarse = inner // factor + 2 * COARSE_EDGE + 1
    axis = (np.arange(n_coarse) - COARSE_EDGE) * factor
    coarse = np.zeros((n_coarse, n_coarse))
    for row, is_large in zip(_plain(galaxies, filt), large, strict=True):
        row["x"], row["y"] = step * (row["x"] + margin), step * (row["y"] + margin)
        amount = row["flux"] * sample_arcsec**2
        if is_large:
            dx, dy = (axis - row["x"]) * sample_arcsec, (axis - row["y"]) * sample_arcsec
            coarse += amount * templates.sersic(_softened(templates.galaxy_radius(dx, dy[:, None], row)), row)
        _add_core(image, row, amount, sample_arcsec, softened=is_large)
    weights = _spline_matrix(inner, n_coarse, factor)
    image += (weights @ (weights @ ndimage.spline_filter(coarse, order=3, mode="mirror")).T).T.astype(
        np.float32
    )
    return image


def _plain(galaxies, filt):
    """Rows as dictionaries of floats with the columns of one filter."""
    columns = {
        name: np.asarray(galaxies[name], dtype=float)
        for name in ("r_e_arcsec", "sersic_n", "axis_ratio", "pa_deg")
    }
    for name in ("flux", "x", "y"):
        columns[name] = np.asarray(galaxies[f"{name}_{filt}"], dtype=float)
    return [{name: values[i] for name, values in columns.items()} for i in range(len(galaxies))]


def _softened(radius):
    """Radius that stays above the softening, equal to the radius well beyond it."""
    return (radius**4 + SOFTENING_ARCSEC**4) ** 0.25


def _add_core(image, row, amount, sample_arcsec, *, softened):
    """Add to ``image`` a small galaxy, or of a large one what its softened profile lacks."""
    small = min(SMALL_REACH * row["r_e_arcsec"] + SMALL_MARGIN_ARCSEC, SMALL_MAX_ARCSEC)
    reach = CORE_REACH * SOFTENING_ARCSEC if softened else small
    half = int(np.ceil(reach / sample_arcsec))
    ix, iy = round(row["x"]), round(row["y"])
    x0, x1 = max(ix - half, 0), min(ix + half + 1, image.shape[1])
    y0, y1 = max(iy - half, 0), min(iy + half + 1, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return

    def profile(x, y):
        radius = templates.galaxy_radius((x - row["x"]) * sample_arcsec, (y - row["y"]) * sample_arcsec, row)
        values = templates.sersic(radius, row)
        return values - templates.sersic(_softened(radius), row) if softened else values

    x, y = np.arange(x0, x1), np.arange(y0, y1)[:, None]
    stamp = profile(x, y)
    # The cusp: means over many points in each of the central samples.
    n = CUSP_POINTS
    sub = (np.arange(n) - n // 2) / n
    cx, cy = np.clip([ix - x0, iy - y0], CUSP_SAMPLES, None)
    inner = np.s_[
        cy - CUSP_SAMPLES : cy + CUSP_SAMPLES + 1,
        cx - CUSP_SAMPLES : cx + CUSP_SAMPLES + 1,
    ]
    xs, ys = x[inner[1]], y[inner[0]]
    fine = profile((xs[:, None] + sub).ravel(), (ys + sub).reshape(-1, 1))
    stamp[inner] = fine.reshape(len(ys), n, len(xs), n).mean(axis=(1, 3))
    image[y0:y1, x0:x1] += (amount * stamp).astype(np.float32)


def _spline_matrix(n_fine, n_coarse, factor):
    """Sparse matrix of cubic B-spline weights from coarse coefficients to fine samples."""
    place = np.arange(n_fine) / factor + COARSE_EDGE
    first = np.floor(place).astype(int)
    t = place - first
    weights = (
        np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    )
    columns = first[:, None] + np.arange(-1, 3)
    rows = np.repeat(np.arange(n_fine), 4)
    return sparse.csr_array((weights.ravel(), (rows, columns.ravel())), shape=(n_fine, n_coarse))


# ---- noise -------------------------------------------------------------------------------------------------


def white_sigma(psf, config):
    """Sigma per pixel (nJy) of white noise with the depth of `POINT_SOURCE_SIGMA_NJY`.

    Drizzled noise has the same power at low spatial frequencies.
    """
    names = sorted(POINT_SOURCE_SIGMA_NJY, key=pivot_angstrom)
    wave = [pivot_angstrom(name) for name in names]
    depth = np.interp(pivot_angstrom(psf.filter_name), wave, [POINT_SOURCE_SIGMA_NJY[name] for name in names])
    return float(config.noise_scale * depth * np.sqrt((psf.on_pixels() ** 2).sum()))


def noise_kernel(config, filt):
    """One-dimensional kernel (odd length, sum 1) that correlates the noise; its outer product is the kernel.

    Notes
    -----
    The value of a drizzled pixel is a mean of detector pixels over the drop and the mosaic pixel, and the
    detector pixels are correlated themselves (capacitance, residual 1/f noise), which is given the width
    of one detector pixel. Its autocorrelation, averaged over random dithers, is that of the convolution of
    these three boxes sampled at whole mosaic pixels. Errors that take pixels as independent are then 2.3
    times too small; drop and mosaic pixel alone make it 1.6 (Casertano et al. 2000, AJ 120, 2747).
    """
    if config.noise != "drizzle":
        return np.ones(1)
    part, scale = channel(filt), scene.pixel_scale_arcsec(filt)
    native = NATIVE_PIXEL_ARCSEC[part]
    per_px = KERNEL_STEPS
    profile = np.ones(1)
    for side in drizzle_boxes(native, scale):
        profile = np.convolve(profile, np.ones(round(side / scale * per_px)))
    correlation = np.convolve(profile, profile[::-1])
    middle = len(correlation) // 2
    lags = middle // per_px
    correlation = correlation[middle - lags * per_px : middle + lags * per_px + 1 : per_px]
    n = KERNEL_FFT
    # The kernel whose autocorrelation this is: the root of the power, with zero phase.
    padded = np.zeros(n)
    padded[: 2 * lags + 1] = correlation
    power = fft.fft(np.roll(padded, -lags)).real
    kernel = fft.fftshift(fft.ifft(np.sqrt(np.clip(power, 0.0, None))).real)
    kernel = kernel[n // 2 - KERNEL_HALF : n // 2 + KERNEL_HALF + 1]
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
    loss = float((kernel**2).sum()) ** 2
    wht = 1.0 / (variance * np.float32(loss))
    if config.source_poisson:
        variance = variance + np.clip(model, 0, None) / np.float32(GAIN_E_PER_NJY)
    noise = rng.standard_normal((n + 2 * pad, n + 2 * pad), dtype=np.float32)
    noise *= np.sqrt(np.pad(variance, pad, mode="edge"))
    if pad:
        for axis in (0, 1):
            noise = ndimage.convolve1d(noise, kernel, axis=axis)
        noise = noise[pad:-pad, pad:-pad]
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
