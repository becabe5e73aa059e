"""Make ssp_reference.npz: band fluxes of the full-resolution BC03 grid, the truth for the shipped one.

Usage: PYTHONPATH=workflow/scripts python tests/data/make_ssp_reference.py bc03_miles_stellar_grids.fits
The integration is not that of the package: trapezoids on a mesh eight times finer than spectrum and curve.
Fluxes in nJy per Msun formed at 1 Mpc of luminosity distance, (age, metallicity, redshift, filter), float32.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
from clusterphot.ssp.embed import read_full_grid
from clusterphot.ssp.grid import filter_curve

REDSHIFTS = (0.0, 0.39, 1.0, 2.0)
AGES_GYR = (0.001, 0.0031623, 0.01, 0.036, 0.10152, 0.28612, 0.7187, 1.0152, 2.0, 5.0, 11.0, 14.0)
WIDE = ("F070W", "F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
MEDIUM = tuple(f"F{n}M" for n in (140, 162, 182, 210, 250, 300, 335, 360, 410, 430, 460, 480))
HST = ("acs_wfc_f606w", "acs_wfc_f814w", "wfc3_ir_f105w", "wfc3_ir_f160w")
FILTERS = (*WIDE, *MEDIUM, *HST, "bessell_B", "bessell_V", "bessell_I")
MPC_CM = 3.0856775814913673e24
C_ANGSTROM_S = 2.99792458e18


def fine_mesh(nodes, factor=8):
    """Each interval of ``nodes`` cut into ``factor`` equal parts."""
    steps = np.arange(factor) / factor
    return np.append((nodes[:-1, None] + np.diff(nodes)[:, None] * steps).ravel(), nodes[-1])


def reference_fluxes(grid, redshift, filters):
    """Fluxes (age, metallicity, filter) of all spectra of ``grid`` at 1 Mpc."""
    wave_obs = grid.wave_rest * (1 + redshift)
    f_lambda = grid.spectra * grid.lsun_erg_s / (4 * np.pi * MPC_CM**2 * (1 + redshift))
    fluxes = np.empty((*f_lambda.shape[:2], len(filters)))
    for column, name in enumerate(filters):
        curve = filter_curve(name)
        inside = (wave_obs > curve.wave[0]) & (wave_obs < curve.wave[-1])
        mesh = fine_mesh(np.union1d(wave_obs[inside], curve.wave))
        response = np.interp(mesh, curve.wave, curve.transmission)
        counts_ab = np.trapezoid(response / mesh, mesh) * C_ANGSTROM_S
        for i, k in np.ndindex(f_lambda.shape[:2]):
            counts = np.trapezoid(np.interp(mesh, wave_obs, f_lambda[i, k]) * response * mesh, mesh)
            fluxes[i, k, column] = counts / counts_ab * 1e32
    return fluxes


def main(path):
    full = read_full_grid(path)
    rows = [int(np.argmin(np.abs(full.age_gyr - age))) for age in AGES_GYR]
    assert np.allclose(full.age_gyr[rows], AGES_GYR, rtol=1e-9)
    grid = dataclasses.replace(
        full,
        age_gyr=full.age_gyr[rows],
        spectra=full.spectra[rows],
        mass_remaining=full.mass_remaining[rows],
        mass_living=full.mass_living[rows],
    )
    flux = np.stack([reference_fluxes(grid, z, FILTERS) for z in REDSHIFTS], axis=2)
    np.savez_compressed(
        Path(__file__).with_name("ssp_reference.npz"),
        age_gyr=grid.age_gyr,
        metallicity_zsun=grid.metallicity_zsun,
        redshift=np.array(REDSHIFTS),
        filters=np.array(FILTERS),
        flux_njy_1mpc=flux.astype(np.float32),
        source=np.array(full.source),
    )


if __name__ == "__main__":
    main(sys.argv[1])
