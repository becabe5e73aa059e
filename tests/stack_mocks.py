"""Fields of clusters of known fluxes in filters of different depth, with true PSFs, for stacks.

Cutouts in three filters with sampled Gaussian PSFs and white noise; fluxes log-normal, colours with a scatter.
Positions are the true ones, with errors, or fitted in the reference filter. Fluxes nJy, positions in pixels.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from clusterphot.base import products
from clusterphot.measure.fit import FitOptions, fit_sources
from gaussian_cutouts import make_wcs

SIZE = 25
SCALE_ARCSEC = 0.04
SIGMA_PX = {"F090W": 1.0, "F200W": 1.2, "F444W": 1.9}
"""Width of each filter's PSF, pixels."""

REFERENCE = "F200W"
MEDIAN_FLUX = 20.0
SCATTER_LN = 0.8
"""Of the fluxes, as those of Table 1 of Faisst et al. (2022): their mean is 1.38 times the median."""

COLORS_LN = {"F090W": -0.6, "F200W": 0.0, "F444W": -0.3}
COLOR_SCATTER_LN = {"F090W": 0.2, "F200W": 0.0, "F444W": 0.1}
"""Colour against the reference filter, and its scatter between clusters."""

NO_CORRELATION = np.pad([[1.0]], 2)


@dataclass(frozen=True)
class MockField:
    """Cutouts and photometry of a field, by filter, and what is true of it.

    Attributes
    ----------
    cutouts, psfs, noises : dict of str
    table : `astropy.table.Table`
    flux : dict of str to (n,) float ndarray, nJy
    """

    cutouts: dict
    psfs: dict
    noises: dict
    table: Table
    flux: dict


def unit_gaussian(x, y, sigma, size=SIZE):
    """Sampled unit Gaussians (n, size, size) at (n,) positions."""
    pixel = np.arange(size)
    by = np.exp(-0.5 * ((pixel - np.atleast_1d(y)[:, None]) / sigma) ** 2)
    bx = np.exp(-0.5 * ((pixel - np.atleast_1d(x)[:, None]) / sigma) ** 2)
    return by[:, :, None] * bx[:, None, :] / (2 * np.pi * sigma**2)


def make_field(snr, *, n=170, seed=1, position_snr=None, fitted=False, neighbours=0.0):
    """A field of clusters.

    Parameters
    ----------
    snr : dict of str to float
        Signal to noise of a cluster of `MEDIAN_FLUX` in each filter.
    n, seed : int, optional
    position_snr : float, optional
        Of the position of a cluster of `MEDIAN_FLUX`, which has an error of the reference PSF's sigma over this; errors
        fall with the flux of the cluster. Exact by default.
    fitted : bool, optional
        Whether positions are fitted to the images of the reference filter, whose noise they follow then.
    neighbours : float, optional
        Share of clusters with a neighbour of 0.5 to 2 times `MEDIAN_FLUX`, 5 to 10 pixels away, that nobody knows of.

    Returns
    -------
    field : MockField
    """
    rng = np.random.default_rng([seed, n])
    reference_flux = MEDIAN_FLUX * np.exp(SCATTER_LN * rng.normal(size=n))
    true = SIZE // 2 + rng.uniform(-0.5, 0.5, (2, n))
    found = true
    if position_snr is not None:
        error = SIGMA_PX[REFERENCE] / position_snr * MEDIAN_FLUX / reference_flux
        found = true + np.clip(error * rng.normal(size=(2, n)), -1.5, 1.5)
    x0, y0 = 100 * np.arange(n), np.zeros(n, dtype=int)
    ids = [f"c{k:03d}" for k in range(n)]
    table, flux = Table({"id": ids}), {}
    cutouts, psfs, noises = {}, {}, {}
    has_neighbour = rng.uniform(size=n) < neighbours
    near = rng.uniform(0.5, 2.0, n) * MEDIAN_FLUX * has_neighbour
    angle, distance = rng.uniform(0, 2 * np.pi, n), rng.uniform(5.0, 10.0, n)
    for filt, sigma in SIGMA_PX.items():
        flux[filt] = reference_flux * np.exp(COLORS_LN[filt] + COLOR_SCATTER_LN[filt] * rng.normal(size=n))
        scale = np.exp(COLORS_LN[filt])
        flux_err = scale * MEDIAN_FLUX / snr[filt]
        noise = flux_err / (2 * np.sqrt(np.pi) * sigma)  # of a pixel: sum of P^2 is 1 / (4 pi sigma^2)
        data = flux[filt][:, None, None] * unit_gaussian(*true, sigma)
        beside = true + distance * np.array([np.cos(angle), np.sin(angle)])
        data += (scale * near)[:, None, None] * unit_gaussian(*beside, sigma)
        data += noise * rng.normal(size=data.shape)
        where = (found[0] + x0, found[1] + y0)
        cutouts[filt] = products.Cutouts(
            ids, data, np.full(data.shape, noise**-2), x0, y0, *where, [[] for _ in ids], SCALE_ARCSEC, filt
        )
        psfs[filt] = products.Psf(unit_gaussian(20, 20, sigma, 41)[0], SCALE_ARCSEC, filt)
        noises[filt] = products.Noise(NO_CORRELATION, 1.0, filt)
        table[f"x_{filt}"], table[f"y_{filt}"] = where
        table[f"flux_{filt}"] = flux[filt] + flux_err * rng.normal(size=n)
        table[f"flux_err_{filt}"] = flux_err
        table[f"flags_{filt}"] = 0
    if fitted:
        wcs = make_wcs()
        rows = fit_sources(
            cutouts[REFERENCE], psfs[REFERENCE], noises[REFERENCE], wcs, FitOptions(sky="constant")
        )
        rows = rows[np.asarray(rows["is_target"])]
        for filt, axis in itertools.product(SIGMA_PX, "xy"):
            table[f"{axis}_{filt}"] = np.asarray(rows[f"{axis}_{REFERENCE}"])
    return MockField(cutouts, psfs, noises, table, flux)
