"""Spectra of all models of a grid, small enough for a page: what the best fit looks like between the filters.

Wavelengths micron (observed), fluxes relative to the model's flux in one filter.
"""

import numpy as np
from astropy import units as u

from clusterphot.figures.stack_sed import LIGHT_ANGSTROM_S, MICRON, NJY_PER_CGS, read_spectra

N_WAVES = 150
STEPS_PER_DEX = 200
"""Spectra are kept as whole numbers: log10 of the relative flux times this."""


def spectra_library(projected, grid_path, *, wave_range_micron, band):
    """Spectra of all models of a projected grid.

    Parameters
    ----------
    projected : `clusterphot.ssp.grid.ProjectedGrid`
    grid_path : str
        The grid of spectra behind it.
    wave_range_micron : (float, float)
        Observed.
    band : int
        Filter that fluxes are relative to.

    Returns
    -------
    library : dict
        ``wave``: micron; ``age_gyr``, ``metallicity_zsun``: nodes; ``band``; ``steps_per_dex``; ``flux``: nested
        lists [age][metallicity][wave] of whole numbers, None where the grid has no light.
    """
    shape = len(projected.age_gyr), len(projected.metallicity_zsun)
    nodes = [(projected.age_gyr[i], projected.metallicity_zsun[j]) for i, j in np.ndindex(shape)]
    wave_rest, spectra = read_spectra(grid_path, nodes)
    stretch = 1 + projected.redshift
    distance_cm = (projected.luminosity_distance_mpc * u.Mpc).to_value(u.cm)
    to_njy = (
        (wave_rest * stretch) ** 2 / LIGHT_ANGSTROM_S * NJY_PER_CGS / (4 * np.pi * distance_cm**2 * stretch)
    )
    edges = np.geomspace(*wave_range_micron, N_WAVES + 1)
    flux = [[] for _ in range(shape[0])]
    for (i, j), spectrum in zip(np.ndindex(shape), spectra, strict=True):
        mean = bin_means(wave_rest * stretch / MICRON, spectrum * to_njy, edges)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.rint(STEPS_PER_DEX * np.log10(mean / projected.flux_njy[i, j, band]))
        flux[i].append([int(step) if np.isfinite(step) else None for step in steps])
    return {
        "wave": [round(float(value), 4) for value in np.sqrt(edges[1:] * edges[:-1])],
        "age_gyr": [round(float(value), 6) for value in projected.age_gyr],
        "metallicity_zsun": [float(value) for value in projected.metallicity_zsun],
        "band": band,
        "steps_per_dex": STEPS_PER_DEX,
        "flux": flux,
    }


def bin_means(wave, flux, edges):
    """Mean of a sampled curve, linear between its samples, over bins; NaN outside the samples."""
    total = np.concatenate([[0.0], np.cumsum(0.5 * (flux[1:] + flux[:-1]) * np.diff(wave))])
    part = np.clip(np.searchsorted(wave, edges) - 1, 0, len(wave) - 2)
    step = edges - wave[part]
    slope = (flux[part + 1] - flux[part]) / (wave[part + 1] - wave[part])
    at_edges = total[part] + step * (flux[part] + 0.5 * slope * step)
    inside = (edges >= wave[0]) & (edges <= wave[-1])
    return np.diff(np.where(inside, at_edges, np.nan)) / np.diff(edges)
