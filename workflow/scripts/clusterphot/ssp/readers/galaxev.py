"""Reader of GALAXEV models as downloaded: `.ised_ASCII`, `.ised_ASCII.gz` or `.ised`, with their `.4color` files.

Models of Bruzual & Charlot (2003, MNRAS 344, 1000), versions 2003, 2013 and 2016.
Files in yr, Angstrom (taken as vacuum), Lsun/Angstrom per Msun formed with Lsun = 3.826e33 erg/s.
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clusterphot.base.errors import DataError
from clusterphot.ssp.four_color import PADOVA_METALLICITY, read_four_color
from clusterphot.ssp.grid import LSUN_GALAXEV_ERG_S, SspGrid
from clusterphot.ssp.readers.names import galaxev_files

TERMS = "Models of Bruzual & Charlot 2003, MNRAS 344, 1000, which any use must cite."

AGE_TOLERANCE_DEX = 2e-3
"""How far the ages of the spectra may reach beyond those of the `.4color` file, which are printed rounded."""

_MIN_WAVELENGTHS = 10
_HEADER_TOKENS = 5000  # words between ages and wavelengths; a header has about a hundred
_HEAD_CHARS = 1_000_000  # ages and wavelengths lie within these: 13216 numbers of 12 characters are 160 kB
_MISSING_E = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([+-]\d+)")
_IMF_OF_NAME = {"chab": "Chabrier", "kroup": "Kroupa", "salp": "Salpeter"}
_IMF_OF_HEADER = {"lognormal": "Chabrier", "chabrier": "Chabrier", "kroupa": "Kroupa", "salpeter": "Salpeter"}
_LIBRARIES = {"stelib": "STELIB and BaSeL 3.1", "basel": "BaSeL 3.1", "miles": "MILES and BaSeL 3.1"}


@dataclass(frozen=True)
class IsedModel:
    """Content of one file of spectra.

    Attributes
    ----------
    age_yr : (na,) float ndarray, increasing, without age 0
    wave : (nw,) float ndarray, Angstrom
    spectra : (na, nw) float ndarray or None
        Lsun/Angstrom per Msun formed; None where only the axes were read.
    header : str
        The words between the ages and the wavelengths.
    """

    age_yr: np.ndarray
    wave: np.ndarray
    spectra: np.ndarray | None
    header: str


def read(directory, *, family=None):
    """Grid of the GALAXEV models in a folder.

    Parameters
    ----------
    directory : str
        Holds a file of spectra and a `.4color` file for each metallicity.
    family : str, optional
        See `clusterphot.ssp.readers.names.galaxev_files`.

    Returns
    -------
    grid : SspGrid
        At the ages of the files, an age 0 left out. Metallicities in units of 0.02 (Padova 2000 tracks: 0.019).
        ``mass_remaining`` includes remnants; ``mass_living`` is there for the files of 2013 and later.

    Raises
    ------
    DataError
        For a torn or unreadable file, a missing `.4color` file, or files that do not belong together.
    """
    files = galaxev_files(directory, family)
    models = [read_ised(file.spectra) for file in files]
    fractions = [_metal_fraction(file, model) for file, model in zip(files, models, strict=True)]
    order = np.argsort(fractions)
    files, models = [files[i] for i in order], [models[i] for i in order]
    for file, model in zip(files, models, strict=True):
        _check_same_axes(model, file.spectra, models[0], files[0].spectra)
    age_gyr, description = models[0].age_yr / 1e9, _describe(files[0], models[0])
    masses = [_masses(file, model) for file, model in zip(files, models, strict=True)]
    living = [part[1] for part in masses]
    return SspGrid(
        age_gyr=age_gyr,
        metallicity_zsun=_in_solar(sorted(fractions), description["z_sun"]),
        wave_rest=models[0].wave,
        spectra=np.stack([model.spectra for model in models], axis=1),
        mass_remaining=np.stack([part[0] for part in masses], axis=1),
        mass_living=None if any(part is None for part in living) else np.stack(living, axis=1),
        mass_has_remnants=True,
        source=f"GALAXEV, {len(files)} files {Path(files[0].spectra).name} ... {Path(files[-1].spectra).name}",
        terms=TERMS,
        lsun_erg_s=LSUN_GALAXEV_ERG_S,
        **description,
    )


def axes(directory, *, family=None):
    """Axes of the models in a folder, from the beginnings of their files; checks that all files are there.

    Returns
    -------
    axes : dict
        Lists of float ``age_gyr``, ``metallicity_zsun`` and ``wave_rest`` (first and last), and ``z_sun``.

    Raises
    ------
    DataError
    """
    files = galaxev_files(directory, family)
    models = [read_ised(file.spectra, axes_only=True) for file in files]
    fractions = [_metal_fraction(file, model) for file, model in zip(files, models, strict=True)]
    for file, model in zip(files, models, strict=True):
        _check_same_axes(model, file.spectra, models[0], files[0].spectra)
        _masses(file, model)
    z_sun = _describe(files[0], models[0])["z_sun"]
    return {
        "age_gyr": (models[0].age_yr / 1e9).tolist(),
        "metallicity_zsun": _in_solar(sorted(fractions), z_sun).tolist(),
        "wave_rest": models[0].wave[[0, -1]].tolist(),
        "z_sun": z_sun,
    }


def _in_solar(fractions, z_sun):
    """Metal fractions in solar units, free of the rounding of binary fractions."""
    return np.array([float(f"{fraction / z_sun:.6g}") for fraction in fractions])


# ---------------------------------------------------------------------------------------- files of spectra


def read_ised(path, *, axes_only=False):
    """Ages, wavelengths and spectra of one GALAXEV file.

    Parameters
    ----------
    path : str
        ``.ised_ASCII``, ``.ised_ASCII.gz`` or binary ``.ised``.
    axes_only : bool, optional
        Leave out the spectra, which is quicker.

    Returns
    -------
    model : `IsedModel`

    Raises
    ------
    DataError

    Notes
    -----
    A file holds a count and that many ages; header words; a count and that many wavelengths; for each age a count
    and that many fluxes, then a count and that many indices of lines, which are skipped; other arrays, ignored.
    In ASCII the numbers are separated by white space and may wrap anywhere. In the binary form these are records
    of Fortran, whose lengths stand before and after them: a file whose lengths do not fit is refused.
    """
    data = _read_bytes(path, _HEAD_CHARS if axes_only else -1)
    if b"\0" in data[:4096]:
        if axes_only and len(data) >= _HEAD_CHARS:
            data = _read_bytes(path, -1)
        parts = _parse_binary(data, path)
    else:
        parts = _parse_ascii(data.decode("latin-1"), path, axes_only=axes_only)
    ages, header, wave, spectra = parts
    ages = np.array([float(f"{age:.6g}") for age in ages])  # 4-byte numbers: 1.434e9, not 1433999999
    keep = np.flatnonzero(ages > 0)
    if keep.size == 0 or np.any(np.diff(ages[keep]) <= 0):
        raise DataError(path, "ages that do not increase", "ages in yr, from young to old")
    wave, first = np.unique(wave, return_index=True)
    if spectra is not None:
        spectra = spectra[keep][:, first]
    return IsedModel(ages[keep], wave, spectra, header)


def _read_bytes(path, size):
    """The first bytes of a file, unpacked; all of them for size -1."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise DataError(path, f"a broken gzip file ({exc})", "a whole file", "download it again.") from exc
    except OSError as exc:
        raise DataError(path, exc.strerror or str(exc), "a readable file of GALAXEV spectra") from exc


def _parse_ascii(text, path, *, axes_only):
    """Ages, header, wavelengths and spectra (None with axes_only) from free-format text."""
    words = text.split()
    n_ages = _count(words, 0, path, "the number of ages")
    start = 1 + n_ages
    ages = _numbers(words, 1, n_ages, path, "the ages")
    first = _find_wavelengths(words, start, path)
    n_waves = int(words[first])
    wave = _numbers(words, first + 1, n_waves, path, "the wavelengths")
    header = " ".join(words[start:first])
    if axes_only:
        return ages, header, wave, None
    spectra, position = np.empty((n_ages, n_waves)), first + 1 + n_waves
    for i in range(n_ages):
        what = f"spectrum {i + 1} of {n_ages}"
        n = _count(words, position, path, f"the length of {what}")
        if n != n_waves:
            raise DataError(path, f"{n} fluxes in {what}", f"as many as wavelengths, {n_waves}")
        spectra[i] = _numbers(words, position + 1, n, path, what)
        position += 1 + n
        position += 1 + _count(words, position, path, f"the length of the short record after {what}")
    return ages, header, wave, spectra


def _find_wavelengths(words, start, path):
    """Index of the count of wavelengths: n, then n increasing numbers, then n again."""
    for i in range(start, min(start + _HEADER_TOKENS, len(words))):
        if not (words[i].isdigit() and int(words[i]) >= _MIN_WAVELENGTHS):
            continue
        n = int(words[i])
        if i + 1 + n >= len(words) or not words[i + 1 + n].isdigit() or int(words[i + 1 + n]) != n:
            continue
        values = _as_floats(words[i + 1 : i + 1 + n])
        if values is not None and values[0] > 0 and np.all(np.diff(values) >= 0):
            return i
    raise DataError(
        path,
        "no list of wavelengths after the ages",
        "a whole GALAXEV .ised_ASCII file",
        "unpack or download it again.",
    )


def _count(words, position, path, what):
    """A whole number at a position."""
    if position >= len(words):
        raise _torn(path, what)
    if not words[position].isdigit():
        raise DataError(path, f"{words[position][:20]!r} as {what}", "a whole number")
    return int(words[position])


def _numbers(words, position, n, path, what):
    """``n`` finite numbers from a position on."""
    part = words[position : position + n]
    if len(part) < n:
        raise _torn(path, what)
    values = _as_floats(part)
    if values is None or not np.all(np.isfinite(values)):
        bad = next(word for word in part if (one := _as_floats([word])) is None or not np.isfinite(one[0]))
        raise DataError(path, f"{bad[:20]!r} in {what}", "numbers")
    return values


def _torn(path, what):
    """The error of a file that ends too early."""
    return DataError(
        path, f"the end of the file in {what}", "a whole file", "unpack or download the file again."
    )


def _as_floats(words):
    """Words as floats; Fortran's 1.0D-10 and 1.0-100 are understood; None if one is no number."""
    try:
        return np.array(words, dtype=float)
    except ValueError:
        pass
    mended = [_MISSING_E.sub(r"\1e\2", word.replace("D", "e").replace("d", "e"), count=1) for word in words]
    try:
        return np.array(mended, dtype=float)
    except ValueError:
        return None


# -------------------------------------------------------------------------------------------- binary files


def _parse_binary(data, path):
    """Ages, header, wavelengths and spectra from the Fortran records of an `.ised` file."""
    for order in "<>":
        records = _fortran_records(data, order)
        parsed = _parse_records(records, order) if records else None
        if parsed is not None:
            return parsed
    raise DataError(
        path,
        "a binary file that is not of the known layout, or not whole",
        "Fortran records of 4-byte numbers: ages, wavelengths, one spectrum for each age",
        "use the .ised_ASCII files of the same models.",
    )


def _fortran_records(data, order):
    """Records of a sequential Fortran file, or nothing if their lengths do not fit."""
    records, position = [], 0
    while position + 4 <= len(data):
        length = int(np.frombuffer(data, f"{order}i4", 1, position)[0])
        end = position + 4 + length
        if length < 0 or end + 4 > len(data) or np.frombuffer(data, f"{order}i4", 1, end)[0] != length:
            return []
        records.append(data[position + 4 : end])
        position = end + 4
    return records if position == len(data) else []


def _parse_records(records, order):
    """As `_parse_binary`, or None if the records are not those of GALAXEV."""
    first = _counted(records[0], order)
    second = _counted(records[1], order) if len(records) > 1 else None
    if first is None or second is None or second[1]:
        return None
    (ages, rest), (wave, _) = first, second
    if len(records) < 2 + len(ages) or len(wave) < _MIN_WAVELENGTHS or np.any(np.diff(wave) < 0):
        return None
    spectra = np.empty((len(ages), len(wave)))
    for i, record in enumerate(records[2 : 2 + len(ages)]):
        flux = _counted(record, order)
        if flux is None or len(flux[0]) != len(wave):
            return None
        extra = _counted(flux[1], order)
        if extra is None or extra[1] or not np.all(np.isfinite(flux[0])):
            return None
        spectra[i] = flux[0]
    header = re.sub(rb"[^ -~]+", b" ", rest).decode("ascii")
    return ages, header, wave, spectra


def _counted(record, order):
    """A 4-byte count and that many 4-byte floats at the beginning of a record, and what follows them."""
    if len(record) < 4:
        return None
    n = int(np.frombuffer(record, f"{order}i4", 1)[0])
    if n < 0 or 4 * (n + 1) > len(record):
        return None
    values = np.frombuffer(record, f"{order}f4", n, 4).astype(float)
    return values, record[4 * (n + 1) :]


# ------------------------------------------------------------------------------- metallicities, masses, words


def _metal_fraction(file, model):
    """Metal fraction of one file, from its header, checked against its name."""
    in_header = re.findall(r"\bZ\s*=\s*(\d*\.\d+)", model.header)
    in_name = _fraction_of_token(file.token)
    if in_header:
        fraction = float(in_header[0])
        if in_name is not None and abs(fraction - in_name) > 0.01 * in_name:
            raise DataError(
                file.spectra,
                f"Z = {fraction:g} in the file",
                f"Z = {in_name:g} as its name says ({file.token})",
                "the file may have been renamed.",
            )
        return fraction
    if in_name is None:
        raise DataError(file.spectra, f"no Z= in the header, and {file.token} in the name", "a metallicity")
    return in_name


def _fraction_of_token(token):
    """Metal fraction that a name states; None for the Padova 2000 names m122 ... m172."""
    if token.startswith("z"):
        return float(f"0.{token[1:]}")
    return PADOVA_METALLICITY.get(token)


def _check_same_axes(model, path, other, other_path):
    """Two metallicities have the same ages and wavelengths."""
    for name, what in (("age_yr", "ages"), ("wave", "wavelengths")):
        mine, theirs = getattr(model, name), getattr(other, name)
        if mine.shape != theirs.shape or not np.allclose(mine, theirs, rtol=1e-4):
            raise DataError(
                path, f"{len(mine)} {what}", f"the {len(theirs)} {what} of {other_path}", "they do not mix."
            )


def _masses(file, model):
    """Surviving mass with remnants and, where the file knows it, in living stars, at the ages of a model."""
    path = file.four_color
    if not Path(path).is_file():
        raise DataError(
            path, "no such file", f"the .4color file of {Path(file.spectra).name}", "it holds the masses."
        )
    _check_four_color_metallicity(path, _metal_fraction(file, model))
    nodes, _, remaining = read_four_color(path)
    log_age = np.log10(model.age_yr)
    if log_age[0] < nodes[0] - AGE_TOLERANCE_DEX or log_age[-1] > nodes[-1] + AGE_TOLERANCE_DEX:
        raise DataError(
            path,
            f"ages 10^{nodes[0]:.3f} to 10^{nodes[-1]:.3f} yr",
            f"the ages of the spectra, 10^{log_age[0]:.3f} to 10^{log_age[-1]:.3f} yr",
        )
    living = _living_mass(path)
    return (
        np.interp(log_age, nodes, remaining),
        None if living is None else np.interp(log_age, nodes, living),
    )


def _check_four_color_metallicity(path, fraction):
    """The header of a `.4color` file names the metallicity of the spectra, or none."""
    text = Path(path).read_text(encoding="latin-1")
    found = re.search(r"^#.*\bZ\s*=\s*(\d*\.\d+)", text, flags=re.MULTILINE)
    if found and abs(float(found[1]) - fraction) > 0.01 * fraction:
        raise DataError(path, f"Z = {float(found[1]):g}", f"Z = {fraction:g}, that of the spectra")


def _living_mass(path):
    """Column of the living stars of a `.4color` file; None where there is none (2003)."""
    names, rows = [], []
    for line in Path(path).read_text(encoding="latin-1").splitlines():
        if re.match(r"#\s*log-age", line, flags=re.IGNORECASE):
            names = line.lstrip("# ").lower().split()
        elif line.strip() and not line.startswith("#"):
            rows.append(line.split())
    if "m*_liv" not in names:
        return None
    return np.array([float(row[names.index("m*_liv")]) for row in rows])


def _describe(file, model):
    """IMF, tracks, spectral library and solar metallicity, from names and headers."""
    name = Path(file.spectra).name.lower()
    text = model.header
    if Path(file.four_color).is_file():
        head = Path(file.four_color).read_text(encoding="latin-1").splitlines()[:60]
        text += " " + " ".join(line for line in head if line.startswith("#"))
    imf = next((imf for key, imf in _IMF_OF_NAME.items() if f"_{key}" in name), None)
    imf = imf or next((imf for key, imf in _IMF_OF_HEADER.items() if key in text.lower()), "unknown")
    year = re.search(r"Padova\s*\(?\s*(\d{4})", text)
    library = next((library for key, library in _LIBRARIES.items() if key in name), None)
    if library is None:
        library = _LIBRARIES["stelib" if "_hr_" in name else "basel"]
    return {
        "imf": imf,
        "tracks": f"Padova {year[1]}" if year else "unknown",
        "library": f"GALAXEV with {library}",
        "z_sun": 0.019 if year and year[1] == "2000" else 0.02,
    }
