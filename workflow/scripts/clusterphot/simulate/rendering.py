"""Light on fine samples: point sources at exact positions, galaxies with their cusps, both before the optics.

All point sources are placed at exact sub-sample positions by one non-uniform Fourier transform (Kaiser-Bessel
gridding; Fessler & Sutton 2003, IEEE TSP 51, 560). Lengths in samples unless named; nJy.
"""

import numpy as np
from scipy import fft, ndimage, sparse

from clusterphot.simulate import light as templates

POINT_KINDS = ("cluster", "star")
LARGE_KINDS = ("bcg", "icl", "member")
"""Kinds of objects of a truth table without extent, and galaxies that are drawn on coarse samples; others are small."""

KERNEL_WIDTH = 10
KERNEL_BETA = 1.87 * KERNEL_WIDTH
"""Kaiser-Bessel kernel in samples: aliases below 1e-5 where the optics let light through."""

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


def psf_spectrum(psf, size):
    """Transfer function of a PSF (n, n) on a grid of ``size`` samples, its centre on sample 0."""
    middle = len(psf) // 2
    grid = np.zeros((size, size), dtype=np.float32)
    grid[: len(psf), : len(psf)] = psf
    return fft.rfft2(np.roll(grid, (-middle, -middle), axis=(0, 1)))


def point_spectrum(x, y, flux, size, correction):
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


def kernel_correction(size):
    """Inverse of the Fourier transform of the gridding kernel at the grid's frequencies."""
    root = np.sqrt(KERNEL_BETA**2 - (np.pi * KERNEL_WIDTH * fft.fftfreq(size)) ** 2)
    return (root * np.i0(KERNEL_BETA) / (KERNEL_WIDTH * np.sinh(root))).astype(np.float32)


def add_stamps(image, terms, weights, x, y):
    """Add to an image, in place, sums of a few small images at fractional samples.

    Parameters
    ----------
    image : (ny, nx) float32 ndarray
    terms : (k, n, n) float ndarray, odd n
        Band-limited and dark at the edges, their middle pixel at (x, y).
    weights : (m, k) float ndarray
    x, y : (m,) float ndarray
    """
    spectra = fft.rfft2(terms)
    n = terms.shape[-1]
    half, frequency = n // 2, fft.fftfreq(n)
    for row, xi, yi in zip(weights, x, y, strict=True):
        ix, iy = round(float(xi)), round(float(yi))
        x0, y0 = ix - half, iy - half
        xa, ya, xb, yb = max(x0, 0), max(y0, 0), min(x0 + n, image.shape[1]), min(y0 + n, image.shape[0])
        if xa >= xb or ya >= yb:
            continue
        phase = np.exp(-2j * np.pi * frequency * (yi - iy))[:, None]
        phase = phase * np.exp(-2j * np.pi * frequency[: n // 2 + 1] * (xi - ix))
        stamp = fft.irfft2(np.tensordot(row, spectra, axes=1) * phase, (n, n))
        image[ya:yb, xa:xb] += stamp[ya - y0 : yb - y0, xa - x0 : xb - x0].astype(np.float32)


def galaxy_rows(galaxies, filt, x, y, *, turned_deg=0.0):
    """Galaxies of a truth table as they are drawn in one filter.

    Parameters
    ----------
    galaxies : `astropy.table.Table`
    filt : str
    x, y : (n,) float ndarray
        Positions in samples.
    turned_deg : float, optional
        Angle from the axes of the truth to those of the samples, counter-clockwise.

    Returns
    -------
    rows : list of dict
    """
    columns = {
        name: np.asarray(galaxies[name], dtype=float) for name in ("r_e_arcsec", "sersic_n", "axis_ratio")
    }
    columns["pa_deg"] = np.asarray(galaxies["pa_deg"], dtype=float) - turned_deg
    columns["flux"] = np.asarray(galaxies[f"flux_{filt}"], dtype=float)
    columns["x"], columns["y"] = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    columns["large"] = np.isin(galaxies["kind"], LARGE_KINDS)
    return [{name: values[i] for name, values in columns.items()} for i in range(len(galaxies))]


def extended_light(galaxies, sample_arcsec, inner):
    """Unblurred light of galaxies on fine samples, before the optics.

    Parameters
    ----------
    galaxies : list of dict
        From `galaxy_rows`, with positions in samples.
    sample_arcsec : float
        Distance of samples.
    inner : int
        Samples along a side.

    Returns
    -------
    image : (inner, inner) float32 ndarray, nJy per sample
    """
    image = np.zeros((inner, inner), dtype=np.float32)
    factor = round(COARSE_ARCSEC / sample_arcsec)
    n_coarse = inner // factor + 2 * COARSE_EDGE + 1
    axis = (np.arange(n_coarse) - COARSE_EDGE) * factor
    coarse = np.zeros((n_coarse, n_coarse))
    for row in galaxies:
        amount = row["flux"] * sample_arcsec**2
        if row["large"]:
            dx, dy = (axis - row["x"]) * sample_arcsec, (axis - row["y"]) * sample_arcsec
            coarse += amount * templates.sersic(_softened(templates.galaxy_radius(dx, dy[:, None], row)), row)
        _add_core(image, row, amount, sample_arcsec, softened=row["large"])
    weights = _spline_matrix(inner, n_coarse, factor)
    image += (weights @ (weights @ ndimage.spline_filter(coarse, order=3, mode="mirror")).T).T.astype(
        np.float32
    )
    return image


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
