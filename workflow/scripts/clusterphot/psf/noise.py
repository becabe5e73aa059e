"""Noise of blank sky: true pixel variance against the stated one, and correlation between pixels.

Drizzled pixels are correlated (Fruchter & Hook 2002, PASP 114, 144, sect. 7), so that the scatter of single
pixels says too little about a flux. Measured on pixels in units of their stated error; lags in pixels.
"""

import logging
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.fft import irfft2, next_fast_len, rfft2

from clusterphot.base.errors import DataError
from clusterphot.base.products import Noise
from clusterphot.base.robust import mad_sigma

MESH_PX = 20
"""Side of the cells of the background: several PSFs, so that its own noise hardly lowers that of the pixels."""

MIN_CELL_SHARE = 0.2
"""Share of blank pixels from which a cell has a background of its own, else that of the tile."""

MAX_CANDIDATES = 400
"""Tiles that are looked at, however large the mosaic: a matter of time."""

MIN_VALID_FRACTION = 0.3
"""Share of valid, source-free pixels from which a tile serves."""

MIN_TILES = 4
"""Tiles used at least where there are so many, else the fainter half of them: cluster light brightens the others."""

SMOOTHING_PX = 1.5
"""Sigma of the smoothing before detection: about the PSF's, so that faint sources stand out."""

DETECT_SIGMA = 4.0
"""Smoothed pixels beyond are sources: of noise one in 16,000 is lost too."""

CLIP_SIGMA = 4.0
"""Single pixels beyond are left out, as cosmic rays and bad pixels that no weight tells."""

GROW_PX = 3
"""Pixels by which sources are grown: their wings fall below the threshold farther out."""

DEEP_QUANTILE = 0.9
"""Of the tiles' weights, taken for those of the deepest part: in a few tiles exposures may overlap by chance."""

PART_DIFFERENCE, PART_SIGMA, MIN_PART_TILES = 0.05, 5.0, 4
"""Parts of a mosaic have a noise of their own where errors differ by more than this (relative) and by this many times
what scatter between tiles leaves uncertain, in this many tiles at least. Chosen: errors are to be right to 5 %; the
best of many cuts through tiles that are all alike is at 3 sigma."""

N_ITERATIONS = 3
"""Turns of background and sources: the first background holds the sources themselves."""

ROUNDING = 1e-9
"""Scatter, over the level of the pixels, below which a tile is constant up to rounding: no noise was seen there."""

logger = logging.getLogger(__name__)


def measure_noise(mosaic, *, max_lag_px=8, tile_px=256, max_tiles=64):
    """Noise model of one mosaic from tiles of blank sky spread over it.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
        Read tile by tile.
    max_lag_px : int
        Largest lag of the autocorrelation in each axis, 1 to a quarter of the tile.
    tile_px : int
        Side of a tile; smaller where the mosaic is.
    max_tiles : int
        Number of tiles used, those of faintest sky among the candidates.

    Returns
    -------
    noise : `clusterphot.base.products.Noise`

    Raises
    ------
    DataError
        If no tile has enough valid, source-free pixels.

    Notes
    -----
    In each tile: background by medians in cells of `MESH_PX` px, sources masked where the image smoothed by
    `SMOOTHING_PX` px exceeds `DETECT_SIGMA`, grown by `GROW_PX` px; what remains beyond `CLIP_SIGMA` is
    left out. Sigma is the median over tiles of the scaled median absolute deviation. The autocorrelation at
    each lag is the median over tiles of the mean product of valid pairs over the mean square; its level at
    the largest lags (the background's own noise and unresolved sources, to which a fit with free sky is
    blind) is subtracted.

    Examples
    --------
    Noise smoothed by a drizzle-like kernel, in a mosaic whose weights claim twice the true error:

    >>> from clusterphot.base.products import Mosaic
    >>> white = np.random.default_rng(1).normal(size=(400, 400))
    >>> sci = ndimage.convolve(white, np.ones((2, 2)) / 2, mode="wrap")
    >>> noise = measure_noise(Mosaic(sci, np.full(sci.shape, 0.25), None, 0.02, "F200W", "example"))
    >>> round(noise.ivar_scale, 1)
    4.0
    >>> round(float(noise.correlation[8, 9]), 1)
    0.5
    """
    # Tiles no larger than a quarter of the mosaic, and large enough for pairs of pixels at the largest lag.
    tile_px = int(np.clip(min(mosaic.shape) // 4, 4 * max_lag_px, tile_px))
    corners, depths = faintest_first(mosaic, tile_px)
    n_wanted = min(max_tiles, max(len(corners) // 2, min(len(corners), MIN_TILES)))
    sigmas, correlations, levels, n_pixels = [], [], [], 0
    for y0, x0 in corners:
        sci, ivar = mosaic.region(y0, y0 + tile_px, x0, x0 + tile_px)
        tile = blank_tile(sci, ivar)
        if tile is None:
            continue
        pixels, valid = tile
        sigmas.append(mad_sigma(pixels[valid], centre=0.0))
        correlations.append(_autocorrelation(pixels, valid, max_lag_px))
        levels.append(float(np.median(ivar[valid])))
        n_pixels += int(valid.sum())
        if len(sigmas) == n_wanted:
            break
    if not sigmas:
        raise DataError(
            f"{mosaic.label} (noise of blank sky)",
            "no tile with enough blank sky",
            f"tiles of {tile_px} px with at least {MIN_VALID_FRACTION:.0%} valid pixels free of sources",
            "is the image constant, or its weight map zero, nearly everywhere? Or so crowded that no sky is left?",
        )
    everything = np.arange(len(sigmas))
    sigma, correlation = _together(sigmas, correlations, everything)
    logger.info(
        "%s: sigma is %.3f of the stated one, neighbouring pixels correlate by %.2f (%d tiles)",
        mosaic.filter_name, sigma, correlation[max_lag_px, max_lag_px + 1], len(sigmas),
    )  # fmt: skip
    whole = Noise(
        correlation,
        1.0 / sigma**2,
        mosaic.filter_name,
        {"NTILES": len(sigmas), "NPIXELS": n_pixels},
        float(np.quantile(depths, DEEP_QUANTILE)),
    )
    levels = np.array(levels)
    groups = parts_by_depth(levels, [_ln_error(*one) for one in zip(sigmas, correlations, strict=True)])
    if len(groups) < 2:
        return whole
    logger.info("%s: the noise differs between %d parts by depth", mosaic.filter_name, len(groups))
    found = [_together(sigmas, correlations, tiles) for tiles in groups]
    return replace(
        whole,
        parts=tuple(replace(whole, correlation=own, ivar_scale=1.0 / scale**2) for scale, own in found),
        edges=tuple(
            float(np.sqrt(levels[shallow].max() * levels[deep].min()))
            for shallow, deep in zip(groups[:-1], groups[1:], strict=True)
        ),
    )


def _together(sigmas, correlations, tiles):
    """Sigma in units of the stated one and correlation of some tiles."""
    chosen = np.array(correlations)[tiles]
    return float(np.median(np.array(sigmas)[tiles])), _without_plateau(np.median(chosen, axis=0))


def _ln_error(sigma, correlation):
    """ln of a point source's error in the noise of a tile over that by the stated weights alone, PSFs taken alike."""
    lag = len(correlation) // 2
    y, x = np.mgrid[-lag : lag + 1, -lag : lag + 1]
    # the autocorrelation of a Gaussian PSF of the width of the smoothing
    overlap = np.exp(-0.25 * (x**2 + y**2) / SMOOTHING_PX**2)
    variance = (_without_plateau(correlation) * overlap).sum() / overlap[lag, lag]
    return float(np.log(sigma) + 0.5 * np.log(max(variance, ROUNDING)))


def parts_by_depth(levels, ln_errors):
    """Tiles of parts of a mosaic whose noise differs, from shallow to deep.

    Parameters
    ----------
    levels : (n,) float array_like
        Stated inverse variance of each tile.
    ln_errors : (n,) float array_like
        ln of the error of a point source there over that by the stated weights.

    Returns
    -------
    parts : list of int ndarray
        A single one where the noise is the same.

    Notes
    -----
    A regression tree in one variable: tiles in the order of their depth are parted where the difference of the means
    on both sides is most significant, if it is beyond `PART_SIGMA` of its error and `PART_DIFFERENCE`; then each side
    again.
    """
    order = np.argsort(levels, kind="stable")
    return [order[start:end] for start, end in _parted(np.asarray(ln_errors)[order], 0, len(order))]


def _parted(values, start, end):
    """Ends of the parts of values[start:end]."""
    best, where = PART_SIGMA, None
    for cut in range(start + MIN_PART_TILES, end - MIN_PART_TILES + 1):
        left, right = values[start:cut], values[cut:end]
        rest = np.concatenate([left - left.mean(), right - right.mean()])
        scatter = np.sqrt(np.square(rest).sum() / (len(rest) - 2))
        error = max(scatter * np.sqrt(1.0 / len(left) + 1.0 / len(right)), ROUNDING)
        difference = abs(left.mean() - right.mean())
        if difference > max(PART_DIFFERENCE, best * error):
            best, where = difference / error, cut
    if where is None:
        return [(start, end)]
    return [*_parted(values, start, where), *_parted(values, where, end)]


def _candidates(shape, tile_px):
    """Corners of the tiles that are looked at: a regular grid, thinned regularly when it is long."""
    ny, nx = (max(length // tile_px, 1) for length in shape)
    step = int(np.ceil(np.sqrt(ny * nx / MAX_CANDIDATES)))
    return [
        (j * tile_px, i * tile_px) for j in range(step // 2, ny, step) for i in range(step // 2, nx, step)
    ]


def faintest_first(mosaic, tile_px):
    """Corners of the tiles with enough valid pixels, ordered by the median of these, and their median weights."""
    tiles = []
    for y0, x0 in _candidates(mosaic.shape, tile_px):
        sci, ivar = mosaic.region(y0, y0 + tile_px, x0, x0 + tile_px)
        good = (ivar > 0) & np.isfinite(sci)
        if good.mean() >= MIN_VALID_FRACTION:
            tiles.append((float(np.median(sci[good])), y0, x0, float(np.median(ivar[good]))))
    return [(y0, x0) for _, y0, x0, _ in sorted(tiles)], [depth for *_, depth in tiles]


def blank_tile(sci, ivar):
    """Pixels less background in units of the stated error, and the mask of blank ones.

    None where too few pixels are blank, or where they do not scatter: a constant tile is no sky.
    """
    good = (ivar > 0) & np.isfinite(sci)
    pixels = np.where(good, sci, 0.0) * np.sqrt(np.where(good, ivar, 0.0))
    valid = good
    if good.mean() < MIN_VALID_FRACTION:
        return None
    least = ROUNDING * np.median(np.abs(pixels[good]))
    for _ in range(N_ITERATIONS):
        # Background of what is blank so far; sources stand out of the rest, smoothed; what remains is blank.
        residual = pixels - _background(pixels, valid)
        smooth = _smooth(residual, good)
        centre = np.median(smooth[valid])
        sigma = mad_sigma(smooth[valid], centre=centre)
        if not sigma > least:
            return None
        sources = good & (np.abs(smooth - centre) > DETECT_SIGMA * sigma)
        valid = good & ~ndimage.binary_dilation(sources, iterations=GROW_PX)
        if valid.mean() < MIN_VALID_FRACTION:
            return None
    residual = np.where(valid, pixels - _background(pixels, valid), 0.0)
    sigma = mad_sigma(residual[valid], centre=0.0)
    if not sigma > least:
        return None
    valid = valid & (np.abs(residual) < CLIP_SIGMA * sigma)
    return np.where(valid, residual, 0.0), valid


def _smooth(image, good):
    """Gaussian smoothing over the good pixels."""
    weight = ndimage.gaussian_filter(good.astype(float), SMOOTHING_PX)
    return ndimage.gaussian_filter(np.where(good, image, 0.0), SMOOTHING_PX) / np.maximum(weight, 1e-3)


def _background(pixels, valid):
    """Smooth background: medians of valid pixels in cells, joined by cubic splines."""
    n_cells = [max(length // MESH_PX, 1) for length in pixels.shape]
    edges = [
        np.linspace(0, length, n + 1).astype(int) for length, n in zip(pixels.shape, n_cells, strict=True)
    ]
    overall = np.median(pixels[valid])
    cells = np.full(n_cells, overall)
    for j in range(n_cells[0]):
        for i in range(n_cells[1]):
            cell = np.s_[edges[0][j] : edges[0][j + 1], edges[1][i] : edges[1][i + 1]]
            inside = valid[cell]
            if inside.mean() > MIN_CELL_SHARE:
                cells[j, i] = np.median(pixels[cell][inside])
    # Every pixel's place between the centres of the cells, flat beyond the outermost ones.
    where = [
        np.interp(np.arange(length), 0.5 * (edge[:-1] + edge[1:]) - 0.5, np.arange(n))
        for length, edge, n in zip(pixels.shape, edges, n_cells, strict=True)
    ]
    return ndimage.map_coordinates(cells, np.meshgrid(*where, indexing="ij"), order=3, mode="nearest")


def _autocorrelation(pixels, valid, max_lag):
    """Mean product of valid pixel pairs at each lag over the mean square, (2 max_lag + 1) squared."""
    # Wiener-Khinchin, padded so that no pair wraps around; the same of the mask counts the pairs.
    shape = [next_fast_len(length + max_lag, real=True) for length in pixels.shape]
    values = rfft2(np.where(valid, pixels, 0.0), shape)
    mask = rfft2(valid.astype(float), shape)
    lags = np.arange(-max_lag, max_lag + 1)
    products = irfft2(values * values.conj(), shape)[np.ix_(lags, lags)]
    pairs = irfft2(mask * mask.conj(), shape)[np.ix_(lags, lags)]
    covariance = products / np.maximum(pairs, 1.0)
    return covariance / covariance[max_lag, max_lag]


def _without_plateau(correlation):
    """Autocorrelation less its mean level on the outermost lags, symmetric, 1 at the centre."""
    lag = len(correlation) // 2
    correlation = 0.5 * (correlation + correlation[::-1, ::-1])
    outer = np.ones(correlation.shape, dtype=bool)
    outer[1:-1, 1:-1] = False
    plateau = float(np.median(correlation[outer]))
    correlation = (correlation - plateau) / (1.0 - plateau)
    correlation[lag, lag] = 1.0
    return correlation
