"""Sources of known size behind a Gaussian PSF in correlated noise, for the tests of sizes and profiles."""

import dataclasses

import numpy as np
from astropy.table import Table
from clusterphot.base.products import Cutouts, Noise, Psf
from clusterphot.sizes import blank_sky, limits
from clusterphot.sizes.likelihood import SizeOptions

SCALE = 0.02
SIGMA_PX = 1.5
WINDOW = 25
PC_PER_ARCSEC = 5290.2
OPTIONS = SizeOptions(window_arcsec=0.5, radius_max_pc=400.0, radius_step_pc=4.0)


def gaussian(size, sigma, dx=0.0, dy=0.0):
    """Unit Gaussian sampled on pixels; its sum is 1 to 1e-9 for sigma of 1.5 px."""
    axis = np.arange(size) - size // 2
    return np.outer(np.exp(-0.5 * ((axis - dy) / sigma) ** 2), np.exp(-0.5 * ((axis - dx) / sigma) ** 2)) / (
        2 * np.pi * sigma**2
    )


def correlated():
    """Noise whose neighbours correlate as if averaged by a 3 x 3 kernel (1, 2, 1)."""
    line = np.convolve([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])
    correlation = np.outer(line, line)
    return Noise(correlation / correlation.max(), 1.0, "F150W")


PSF = Psf(gaussian(101, SIGMA_PX), SCALE, "F150W", ee_stamp=0.98, fwhm_arcsec=2.3548 * SIGMA_PX * SCALE)
NOISE = correlated()


def context(scatter=0.0, **changes):
    return limits.SizeContext(PSF, NOISE, PC_PER_ARCSEC, dataclasses.replace(OPTIONS, **changes), scatter)


def field(n, radius_pc, *, flux=20.0, seed=1, position_error_px=0.0, flux_scatter=0.0):
    """Cutouts of n clusters of one size in correlated noise of 0.05 nJy, their photometry and fits."""
    rng = np.random.default_rng(seed)
    grid = context().grid(41, 0.0)
    dx, dy = rng.uniform(-0.5, 0.5, (2, n))
    fluxes = flux * np.exp(flux_scatter * rng.normal(size=n))
    light = grid.spectrum.images(np.repeat(grid.spectra(radius_pc)[None], n, axis=0), 41, dx, dy)
    noise = blank_sky.synthetic_stamps(NOISE, 41, n, rng)
    images = fluxes[:, None, None] * light + 0.3 + 0.05 * noise
    corner = rng.integers(0, 3000, (2, n))
    x, y = 20 + dx + corner[0], 20 + dy + corner[1]
    ids = [f"s{k:03d}" for k in range(n)]
    ivar = np.full(images.shape, 400.0)
    cutouts = Cutouts(ids, images, ivar, *corner, x, y, [[] for _ in ids], SCALE, "F150W")
    error = position_error_px * rng.normal(size=(2, n))
    columns = {
        "x": x + error[0],
        "y": y + error[1],
        "flux": fluxes,
        "flux_err": 0.6,
        "sky": 0.3,
        "chi2": 1600.0,
    }
    table = Table({"id": ids, "target_id": ids, "is_target": [True] * n})
    for name, values in columns.items():
        table[f"{name}_F150W"] = values
    table["dof_F150W"], table["flags_F150W"] = 1600, 0
    reference = Table({"id": ids, "target_id": ids, "is_target": [True] * n})
    reference["x_err_F200W"] = reference["y_err_F200W"] = np.full(n, max(position_error_px, 1e-6))
    reference.meta = {"filter": "F200W", "pixel_scale_arcsec": SCALE}
    return cutouts, table, reference
