"""Point-source fits of single stars, by Gauss-Newton with Fourier-shifted PSFs.

Shared by the building of PSFs and the measurement of offsets between filters; stars are bright, so that the fit
is iterated to convergence. Fluxes nJy, positions in pixels, pixel centre = integer.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.images import crop, fourier_shift, polynomial_terms

SKY_ORDER = 2
"""Polynomial of the sky under a star in the window of its fit: halos of galaxies are curved."""

MAX_ITERATIONS = 12
"""Gauss-Newton steps at most."""

MAX_STEP_PX = 0.7
"""Largest shift per step: the PSF is far from linear in it beyond its half width."""

POSITION_TOLERANCE_PX = 1e-4
"""Shift at which the position stands, well below the error of any star."""

MAX_CONDITION = 1e10
"""Variance of a parameter, scaled to the diagonal of the normal equations, beyond which they count as singular."""


@dataclass(frozen=True)
class StarFit:
    """Result of `fit_star`.

    Attributes
    ----------
    dx, dy : float, px
        Position from the stamp's middle pixel.
    flux : float
        In the scale of the PSF; nJy for a PSF of unit sum.
    flux_err, dx_err, dy_err : float
        1 sigma from ivar alone.
    sky : (k,) float ndarray, nJy/pixel
        Coefficients of `clusterphot.base.images.polynomial_terms`.
    chi2_dof : float
        Reduced chi-square over the pixels of the fit.
    n_pixels : int
    ok : bool
    """

    dx: float
    dy: float
    flux: float
    flux_err: float
    dx_err: float
    dy_err: float
    sky: np.ndarray
    chi2_dof: float
    n_pixels: int
    ok: bool


def fit_star(data, ivar, psf, *, start=(0.0, 0.0), sky_order=SKY_ORDER, max_shift_px=2.0):
    """Fit flux, position and a polynomial sky to one star.

    Parameters
    ----------
    data, ivar : (m, m) float ndarrays, odd m, nJy/pixel
        Stamp around the star; ivar 0 leaves a pixel out.
    psf : (n, n) float ndarray, odd n >= m
        Centred PSF; its scale defines that of the flux.
    start : (dx, dy), optional
        First guess of the position from the middle pixel.
    sky_order : int, optional
        Of the polynomial of the sky, -1 for none.
    max_shift_px : float, optional
        Distance from ``start`` at which the position has run away.

    Returns
    -------
    fit : StarFit
        ``ok`` is False if the normal equations are singular, the flux is not positive or the position ran
        away.

    Examples
    --------
    A star of 100 nJy at (0.3, -0.2) on a sky of 1 nJy/pixel:

    >>> from clusterphot.base.images import radius_grid
    >>> psf = np.exp(-0.5 * (radius_grid(20) / 2.0) ** 2)
    >>> psf /= psf.sum()
    >>> data = 100.0 * fourier_shift(psf, 0.3, -0.2) + 1.0
    >>> fit = fit_star(data, np.ones(data.shape), psf, sky_order=0)
    >>> [round(float(value), 3) for value in (fit.flux, fit.dx, fit.dy, fit.sky[0])]
    [100.0, 0.3, -0.2, 1.0]
    """
    half = data.shape[0] // 2
    root = np.sqrt(ivar).ravel()
    sky = polynomial_terms(half, sky_order).reshape(-1, data.size)
    n_pixels = int(np.count_nonzero(root))
    dx, dy = float(start[0]), float(start[1])
    failed = StarFit(dx, dy, np.nan, np.nan, np.nan, np.nan, np.zeros(len(sky)), np.nan, n_pixels, False)
    if n_pixels <= len(sky) + 3:
        return failed
    target = root * np.where(root > 0, data.ravel(), 0.0)
    for _ in range(MAX_ITERATIONS):
        model, along_x, along_y = fourier_shift(psf, dx, dy, gradients=True)
        # Flux and sky at this position: linear, solved exactly.
        model = crop(model, half).ravel()
        columns = np.vstack([model[None], sky])
        linear = _solve(columns * root, target)
        if linear is None or not linear[0][0] > 0:
            return failed
        # All parameters together, the position by its derivatives times the flux just found.
        slopes = np.stack([crop(along_x, half).ravel(), crop(along_y, half).ravel()]) * -linear[0][0]
        full = _solve(np.vstack([columns, slopes]) * root, target)
        if full is None:
            return failed
        coefficients, covariance = full
        shift = np.clip(coefficients[-2:], -MAX_STEP_PX, MAX_STEP_PX)
        dx, dy = dx + shift[0], dy + shift[1]
        if np.hypot(dx - start[0], dy - start[1]) > max_shift_px:
            return failed
        if np.hypot(*shift) < POSITION_TOLERANCE_PX:
            break
    residual = target - (coefficients[: len(columns)] @ columns) * root
    return _as_fit((dx, dy), coefficients, covariance, len(sky), residual, n_pixels)


def _as_fit(position, coefficients, covariance, n_sky, residual, n_pixels):
    """`StarFit` of the solution: coefficients are flux, sky terms and the last shift."""
    error = np.sqrt(np.diag(covariance))
    dx_err, dy_err = error[-2:]
    return StarFit(
        dx=position[0],
        dy=position[1],
        flux=float(coefficients[0]),
        flux_err=float(error[0]),
        dx_err=float(dx_err),
        dy_err=float(dy_err),
        sky=coefficients[1 : n_sky + 1].copy(),
        chi2_dof=float(residual @ residual / (n_pixels - len(error))),
        n_pixels=n_pixels,
        ok=bool(coefficients[0] > 0),
    )


def _solve(columns, target):
    """Least squares by normal equations: coefficients and covariance, None if singular."""
    matrix = columns @ columns.T
    norm = np.sqrt(np.diag(matrix))
    if not np.all(norm > 0):
        return None
    try:
        inverse = np.linalg.inv(matrix / np.outer(norm, norm))
    except np.linalg.LinAlgError:
        return None
    if (
        not np.all(np.isfinite(inverse))
        or np.any(np.diag(inverse) <= 0)
        or np.diag(inverse).max() > MAX_CONDITION
    ):
        return None
    inverse /= np.outer(norm, norm)
    return inverse @ (columns @ target), inverse
