"""Reader of E-MILES libraries: a folder of FITS spectra, one for each age and metallicity.

Models of Vazdekis et al. (2016, MNRAS 463, 3409) with Padova 2000 or BaSTI isochrones; 1680 to 50000 Angstrom.
Files in air Angstrom (put in vacuum here), Lsun/Angstrom per Msun formed, Lsun = 3.826e33 erg/s, ages in Gyr.
"""

import re
from pathlib import Path

import numpy as np
from astropy.io import fits

from clusterphot.base.errors import DataError
from clusterphot.config.ssp_grids import EmilesKeys
from clusterphot.ssp.embed import coarse_nodes, rebin_spectra
from clusterphot.ssp.grid import LSUN_GALAXEV_ERG_S, SspGrid
from clusterphot.ssp.readers.names import emiles_files
from clusterphot.ssp.readers.surviving_mass import surviving_fractions

ISOCHRONES = {"P": ("Padova 2000", 0.019), "T": ("BaSTI", 0.0175)}
"""Tracks, and the metal fraction of [M/H] = 0, by the letter in the file names.

BaSTI: Z/X = 0.0245 is [M/H] = 0 and Z = 0.0198 is +0.06 (Pietrinferni et al. 2004, ApJ 612, 168, table 1).
"""

IMFS = {"ch": "Chabrier", "ku": "Kroupa universal", "kb": "Kroupa revised", "un": "unimodal", "bi": "bimodal"}
_COMPUTED = {"ch": "chabrier", "ku": "kroupa", "un1.35": "salpeter", "un1.30": "salpeter"}

TERMS = (
    "Models of Vazdekis et al. 2016, MNRAS 463, 3409, which any use must cite; "
    "http://miles.iac.es says how to acknowledge them."
)
_DOWNLOAD = "download the FITS files of the E-MILES SSPs from http://miles.iac.es."


def read(directory, *, family=None, mass_table=None, resolution=EmilesKeys.resolution):
    """Grid of an E-MILES library.

    Parameters
    ----------
    directory : str
    family : str, optional
        See `clusterphot.ssp.readers.names.emiles_files`.
    mass_table : str, optional
        Table of masses from the same site (``out_mass_CH_BASTI.txt``). Without it the masses are computed, see
        `clusterphot.ssp.readers.surviving_mass`.
    resolution : float or None, optional
        lambda/spacing to which the 53689 points are averaged with the flux conserved; None keeps all.

    Returns
    -------
    grid : SspGrid
        Metallicities 10**[M/H] to four digits, in units of the isochrones' solar value.

    Raises
    ------
    DataError, ConfigError
    """
    files = emiles_files(directory, family)
    ages, metallicities = _nodes(files)
    wave, _ = _read(files[0].path)
    index = np.arange(len(wave)) if resolution is None else _coarse(wave, resolution)
    spectra = np.empty((len(ages), len(metallicities), len(index)))
    for number, file in enumerate(files):  # sorted by age, then metallicity
        mine, flux = _read(file.path)
        if mine.shape != wave.shape or not np.allclose(mine, wave, rtol=1e-7):
            raise DataError(
                file.path, f"other wavelengths ({len(mine)} points)", f"those of {Path(files[0].path).name}"
            )
        flux = flux if resolution is None else rebin_spectra(wave, flux, index)
        spectra[divmod(number, len(metallicities))] = flux
    tracks, z_sun = ISOCHRONES[files[0].isochrones]
    zsun = _in_solar(metallicities)
    remaining, living, origin = _masses(files[0], ages, metallicities, mass_table)
    return SspGrid(
        age_gyr=ages,
        metallicity_zsun=zsun,
        wave_rest=_vacuum(wave[index]),
        spectra=spectra,
        mass_remaining=remaining,
        mass_living=living,
        mass_has_remnants=True,
        z_sun=z_sun,
        imf=f"{IMFS.get(files[0].imf[:2], files[0].imf[:2])} {files[0].imf[2:]}",
        tracks=tracks,
        library="E-MILES",
        source=f"E-MILES, {len(files)} files such as {Path(files[0].path).name}; {origin}",
        terms=TERMS,
        lsun_erg_s=LSUN_GALAXEV_ERG_S,
    )


def axes(directory, *, family=None, mass_table=None, resolution=EmilesKeys.resolution):
    """Axes of a library, as `clusterphot.ssp.readers.galaxev.axes`; checks the table of masses too."""
    files = emiles_files(directory, family)
    ages, metallicities = _nodes(files)
    _masses(files[0], ages, metallicities, mass_table)
    wave, _ = _read(files[0].path)
    if resolution is not None:
        wave = wave[_coarse(wave, resolution)]
    return {
        "age_gyr": ages.tolist(),
        "metallicity_zsun": _in_solar(metallicities).tolist(),
        "wave_rest": _vacuum(wave[[0, -1]]).tolist(),
        "z_sun": ISOCHRONES[files[0].isochrones][1],
    }


def _nodes(files):
    """Ages and [M/H] of the grid, increasing."""
    return (
        np.array(sorted({file.age_gyr for file in files})),
        np.array(sorted({file.metallicity_dex for file in files})),
    )


def _in_solar(metallicities_dex):
    """10**[M/H] to four digits: the names give [M/H] to 0.01 dex."""
    return np.array([float(f"{10**value:.4g}") for value in metallicities_dex])


def _coarse(wave, resolution):
    """Nodes to keep, from the first point to the last or one spacing before it."""
    last = wave[-1] / (1 + 1 / resolution)
    return coarse_nodes(wave, resolution=resolution, wave_min=wave[0], wave_max=last)


def _vacuum(wave_air):
    """Vacuum wavelengths of air wavelengths, Angstrom (Ciddor 1996, Applied Optics 35, 1566, by its inverse)."""
    vacuum = np.array(wave_air, float)
    for _ in range(3):
        s2 = (1e4 / vacuum) ** 2
        vacuum = wave_air * (1 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2))
    return vacuum


def _wavelengths(header, path):
    """Air wavelengths of a spectrum, Angstrom, from its header."""
    step, first = header.get("CDELT1", header.get("CD1_1")), header.get("CRVAL1")
    if step is None or first is None:
        raise DataError(path, "no CRVAL1 and CDELT1 in its header", "wavelengths in Angstrom", _DOWNLOAD)
    wave = first + step * (np.arange(header["NAXIS1"]) + 1 - header.get("CRPIX1", 1.0))
    if not (step > 0 and wave[0] > 500):
        raise DataError(
            path,
            f"wavelengths from {wave[0]:g} in steps of {step:g}",
            "a linear scale in Angstrom",
            "spectra in steps of log wavelength are not understood: " + _DOWNLOAD,
        )
    return wave


def _read(path):
    """Air wavelengths and flux of a spectrum."""
    try:
        with fits.open(path) as hdus:
            header, data = hdus[0].header, hdus[0].data
            flux = None if data is None else np.squeeze(np.asarray(data, float))
    except Exception as exc:  # whatever astropy trips over in a damaged file
        raise DataError(path, f"a file that cannot be read ({exc})", "a FITS spectrum", _DOWNLOAD) from exc
    if flux is None or flux.ndim != 1:
        raise DataError(path, "no one-dimensional spectrum", "a FITS spectrum", _DOWNLOAD)
    if not np.all(np.isfinite(flux)):
        raise DataError(path, "fluxes with NaN", "a whole spectrum", _DOWNLOAD)
    return _wavelengths(header, path), flux


# -------------------------------------------------------------------------------------------------- masses


def _masses(file, ages, metallicities, mass_table):
    """Surviving fractions (na, nz) with and without remnants, and where they are from."""
    if mass_table is not None:
        remaining, living = read_mass_table(mass_table, file.imf, ages, metallicities)
        return remaining, living, f"masses of {Path(mass_table).name}"
    imf = _COMPUTED.get(file.imf, _COMPUTED.get(file.imf[:2]))
    if imf is None:
        raise DataError(
            file.path,
            f"the IMF {IMFS.get(file.imf[:2], file.imf[:2])} {file.imf[2:]}, whose masses cannot be computed",
            "a table of masses with the key mass_table",
            "it is beside the spectra on http://miles.iac.es, such as out_mass_BI_BASTI.txt.",
        )
    metals = 10.0**metallicities * ISOCHRONES[file.isochrones][1]
    return (*surviving_fractions(ages, metals, imf=imf), "masses computed")


def read_mass_table(path, imf, ages, metallicities):
    """Surviving fractions from a table of the E-MILES site.

    Parameters
    ----------
    path : str
        Columns IMF, slope, [M/H], age (Gyr), total mass, mass with remnants, mass of the living stars, ...
    imf : str
        Type and slope as in the file names: ``ch1.30``.
    ages, metallicities : (na,), (nz,) float ndarray
        Gyr, [M/H].

    Returns
    -------
    remaining, living : (na, nz) float ndarray

    Raises
    ------
    DataError
        If it cannot be read, or lacks a row.
    """
    rows = {}
    try:
        text = Path(path).read_text(encoding="latin-1")
    except OSError as exc:
        raise DataError(str(path), exc.strerror or str(exc), "a table of masses of E-MILES") from exc
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#") or not re.fullmatch(r"[A-Za-z]{2}", words[0]):
            continue
        try:
            slope, metallicity, age, total, remaining, living = (float(word) for word in words[1:7])
        except ValueError as exc:
            raise DataError(f"{path}, line {number}", line.strip()[:60], "IMF, then six numbers") from exc
        if f"{words[0].lower()}{slope:.2f}" == imf.lower():
            rows[round(age, 2), round(metallicity, 2)] = (remaining / total, living / total)
    result = np.empty((2, len(ages), len(metallicities)))
    for i, age in enumerate(ages):
        for k, metallicity in enumerate(metallicities):
            found = rows.get((round(float(age), 2), round(float(metallicity), 2)))
            if found is None:
                raise DataError(
                    str(path),
                    f"no row of {imf} at {age:g} Gyr and [M/H] = {metallicity:+.2f}",
                    "a row for each spectrum",
                    "take the table of the same IMF and isochrones.",
                )
            result[:, i, k] = found
    return result[0], result[1]
