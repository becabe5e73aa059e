"""Point-source fits of single stars, by Gauss-Newton with Fourier-shifted PSFs.

Shared by the PSF stage and the measurement of offsets between filters; stars are bright, so that the fit is
iterated to convergence. Fluxes nJy, positions in pixels, pixel centre = integer.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.images import crop, fourier_shift, polynomial_terms


@dataclass(frozen=True)
class StarFit:
    """Result of `fit_star`: position in the stamp's pixels from its middle pixel, flux in nJy, sky
    coefficients.

    ``flux_err``, ``dx_err``, ``dy_err`` are 1 sigma from ivar alone; ``chi2_dof`` is over the pixels of the
    fit.
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


def fit_star(data, ivar, psf, *, start=(0.0, 0.0), sky_order=2, max_shift_px=2.0, n_iter=12, fixed=False):
    """Fit flux, position and a polynomial sky to one star.

    Parameters
    ----------
    data, ivar : (m, m) float ndarrays, odd m, nJy/pixel
        Stamp around the star; ivar 0 leaves a pixel out.
    psf : (n, n) float ndarray, odd n >= m
        Centred PSF; its scale defines that of the flux.
    start : (dx, dy), optional
        First guess of the position from the middle pixel.
    fixed : bool, optional
        Keep the position at ``start``.

    Returns
    -------
    fit : StarFit
        ``ok`` is False if the normal equations are singular, the flux is not positive or the position ran
        away.
    """
    half = data.shape[0] // 2
    root = np.sqrt(ivar).ravel()
    sky = polynomial_terms(half, sky_order).reshape(-1, data.size)
    n_pixels = int(np.count_nonzero(root))
    dx, dy = float(start[0]), float(start[1])
    n_free = len(sky) + 1 + (0 if fixed else 2)
    failed = StarFit(dx, dy, np.nan, np.nan, np.nan, np.nan, np.zeros(len(sky)), np.nan, n_pixels, False)
    if n_pixels <= n_free:
        return failed
    target = root * np.where(root > 0, data.ravel(), 0.0)
    shift = np.zeros(2)
    for _ in range(1 if fixed else n_iter):
        model, along_x, along_y = fourier_shift(psf, dx, dy, gradients=True)
        model = crop(model, half).ravel()
        columns = np.vstack([model[None], sky])
        linear = _solve(columns * root, target)
        if linear is None or not linear[0][0] > 0:
            return failed
        coefficients, covariance = linear
        if fixed:
            break
        slopes = np.stack([crop(along_x, half).ravel(), crop(along_y, half).ravel()]) * -coefficients[0]
        full = _solve(np.vstack([columns, slopes]) * root, target)
        if full is None:
            return failed
        coefficients, covariance = full
        shift = np.clip(coefficients[-2:], -0.7, 0.7)
        dx, dy = dx + shift[0], dy + shift[1]
        if np.hypot(dx - start[0], dy - start[1]) > max_shift_px:
            return failed
        if np.hypot(*shift) < 1e-4:
            break
    residual = target - (coefficients[: len(columns)] @ columns) * root
    return _as_fit((dx, dy), coefficients, covariance, len(sky), residual, n_pixels)


def _as_fit(position, coefficients, covariance, n_sky, residual, n_pixels):
    """`StarFit` of the solution: coefficients are flux, sky terms and, unless it was fixed, the last shift."""
    error = np.sqrt(np.diag(covariance))
    dx_err, dy_err = error[-2:] if len(error) > n_sky + 1 else (0.0, 0.0)
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
    if not np.all(np.isfinite(inverse)) or np.any(np.diag(inverse) <= 0) or np.diag(inverse).max() > 1e10:
        return None
    inverse /= np.outer(norm, norm)
    return inverse @ (columns @ target), inverse
