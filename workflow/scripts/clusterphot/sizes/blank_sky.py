"""Stamps of blank sky cut from a mosaic: noise as it is, for simulations.

Blank is what `clusterphot.psf.noise` takes for blank: no pixel of the image smoothed by 1.5 px stands out by 4
sigma. Pixels in units of their own sigma.
"""

import numpy as np

from clusterphot.psf.noise import blank_tile, faintest_first

MIN_BLANK_FRACTION = 0.97
"""Share of the pixels of a stamp that must be blank; the others are set to 0, too few to change its noise."""

CENTRAL_SHARE = 0.4
"""Share of the side of a stamp, about its middle, in which all pixels must be: there simulated sources lie."""

STEPS = 4
"""A stamp that is not blank is tried again a quarter of its side farther on."""


def blank_stamps(mosaic, noise, size_px, *, n_stamps=600, tile_px=256):
    """Stamps without sources, from the faintest tiles of sky first.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    noise : `clusterphot.base.products.Noise`
        Of the same filter.
    size_px : int
        Side of a stamp.
    n_stamps : int
        Largest number.
    tile_px : int

    Returns
    -------
    stamps : (n, size, size) float ndarray
        Less the median of each, in units of the sigma of a pixel; stamps do not overlap. Pixels that are not
        blank, at most 3 % and none near the middle, are 0.
    sigma : float
        Median sigma of a pixel in these tiles, nJy; NaN where none is blank.
    """
    tile_px = int(np.clip(min(mosaic.shape) // 4, size_px, tile_px))
    stamps, sigmas = [], []
    for y0, x0 in faintest_first(mosaic, tile_px)[0]:
        sci, ivar = mosaic.region(y0, y0 + tile_px, x0, x0 + tile_px)
        blank = blank_tile(sci, ivar)
        if blank is None:
            continue
        pixels = sci * np.sqrt(ivar * noise.ivar_scale)
        sigmas.append(1.0 / np.sqrt(np.median(ivar[blank[1]]) * noise.ivar_scale))
        stamps += _cut(pixels, blank[1], size_px)
        if len(stamps) >= n_stamps:
            break
    sigma = float(np.median(sigmas)) if sigmas else float("nan")
    return np.array(stamps[:n_stamps]).reshape(-1, size_px, size_px), sigma


def _cut(pixels, valid, size):
    """Stamps of one tile, side by side."""
    found = []
    start = int(size * (1.0 - CENTRAL_SHARE) / 2)
    middle = slice(start, size - start)
    for y in range(0, pixels.shape[0] - size + 1, size):
        x = 0
        while x <= pixels.shape[1] - size:
            good = valid[y : y + size, x : x + size]
            if good.mean() >= MIN_BLANK_FRACTION and good[middle, middle].all():
                stamp = pixels[y : y + size, x : x + size]
                found.append(np.where(good, stamp - np.median(stamp[good]), 0.0))
                x += size
            else:
                x += max(size // STEPS, 1)
    return found


def synthetic_stamps(noise, size_px, n_stamps, rng):
    """Gaussian noise with the measured correlation, for images that show too little blank sky, (n, size, size)."""
    lag = noise.correlation.shape[0] // 2
    length = size_px + 2 * lag
    grid = np.zeros((length, length))
    grid[: 2 * lag + 1, : 2 * lag + 1] = noise.correlation
    power = np.maximum(np.fft.fft2(np.roll(grid, (-lag, -lag), axis=(0, 1))).real, 0.0)
    white = np.fft.fft2(rng.normal(size=(n_stamps, length, length)))
    return np.fft.ifft2(white * np.sqrt(power)).real[:, :size_px, :size_px]


def draw_noise(stamps, n_trials, n_summed, rng):
    """Noise of means of stamps, in units of the sigma of such a mean.

    Parameters
    ----------
    stamps : (n, m, m) float ndarray
        From `blank_stamps`.
    n_trials : int
    n_summed : int
        Stamps in each mean, as there are sources in a stack; 1 for a single image.
    rng : `numpy.random.Generator`

    Returns
    -------
    noise : (n_trials, m, m) float ndarray

    Notes
    -----
    Each stamp enters with a random sign, mirrored and turned by half a turn at random, none of which changes
    the autocorrelation of noise that is the same in all directions of the grid.
    """
    out = np.empty((n_trials, *stamps.shape[1:]))
    n_summed = min(n_summed, len(stamps))
    for trial in out:
        rows = rng.choice(len(stamps), n_summed, replace=False)
        signs = rng.choice([-1.0, 1.0], n_summed)
        trial[...] = np.tensordot(signs, stamps[rows], axes=1) / np.sqrt(n_summed)
        if rng.random() < 0.5:
            trial[...] = trial[::-1, ::-1].copy()
    return out
