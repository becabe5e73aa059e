"""Tables of sources: reading what users give, writing what the workflow makes.

Every column written carries a unit and a description, which live here, once; a source is one row,
found by ``id``, never dropped. Fluxes are nJy, positions degrees (ICRS) or 0-based pixels.
"""

import csv
import functools
import hashlib
import os
import re
from pathlib import Path

import numpy as np

from clusterphot.errors import DataError
from clusterphot.flags import describe_flags
from clusterphot.io import whole_file

FILTER = "(?P<filter>[A-Za-z0-9_]+)"

COLUMNS = {
    "id": ("", "identifier, as given in the source list"),
    "ra": ("deg", "right ascension, ICRS"),
    "dec": ("deg", "declination, ICRS"),
    "flags": ("", "quality bits, 0 is clean; the dictionary of bits is in the metadata"),
    "n_bands": ("", "bands used in the SED fit"),
    "age_gyr": ("Gyr", "age of the best-fitting model"),
    "metallicity_zsun": ("", "metallicity of the best-fitting model in solar units of the grid"),
    "chi2": ("", "chi-square of the best fit"),
    "dof": ("", "degrees of freedom: bands used less age, metallicity and normalisation"),
    "mass_formed": ("solMass", "stellar mass formed"),
    "mass_remaining": (
        "solMass",
        "stellar mass surviving today, remnants included where the grid knows them",
    ),
    "ml_v": ("solMass / solLum", "surviving mass over V luminosity of the best-fitting model"),
    "lum_v_lsun": ("solLum", "V luminosity in the convention named in the metadata"),
    "log_mass": ("dex(solMass)", "log10 of the surviving mass"),
    "log_mass_err": (
        "dex",
        "half the 1-sigma range of log_mass: flux error of the V filter and the range of M/L_V",
    ),
    "log_mass_formed": ("dex(solMass)", "log10 of the mass formed"),
    "log_mass_sed": (
        "dex(solMass)",
        "log10 of the surviving mass from the normalisation of the SED fit to all bands",
    ),
    "log_mass_sed_err": (
        "dex",
        "half the 1-sigma range of log_mass_sed over normalisation, age and metallicity",
    ),
    "redshift": ("", "redshift of the field"),
    "filter": ("", "filter"),
    "wave_pivot": ("Angstrom", "pivot wavelength of the filter"),
    "extinction_mag": ("mag", "Milky Way extinction A integrated through the filter"),
    "is_stack": ("", "True for the stack of all sources"),
    "is_target": ("", "True for the source asked for, False for a neighbour fitted with it"),
    "target_id": ("", "identifier of the source whose cutout was fitted"),
    "p_cluster": ("", "probability of being a star cluster of the field"),
}

PATTERNS = {
    f"flux_{FILTER}": ("nJy", "flux density in {filter}"),
    f"flux_err_{FILTER}": ("nJy", "1-sigma random error of flux_{filter}"),
    f"flux_err_conditional_{FILTER}": (
        "nJy",
        "1-sigma error of flux_{filter} with all else fixed, white noise",
    ),
    f"flux_err_marginal_{FILTER}": (
        "nJy",
        "1-sigma error of flux_{filter} with sky, position and neighbours free, white noise",
    ),
    f"flux_err_sys_{FILTER}": ("nJy", "1-sigma error common to all sources in {filter}: PSF and zero point"),
    f"flux0_{FILTER}": ("nJy", "flux density in {filter} corrected for Milky Way dust"),
    f"flux0_err_{FILTER}": ("nJy", "1-sigma error of flux0_{filter}"),
    f"A_{FILTER}": ("mag", "Milky Way extinction applied in {filter}"),
    f"x_{FILTER}": ("pix", "fitted x in the mosaic of {filter}, 0-based"),
    f"y_{FILTER}": ("pix", "fitted y in the mosaic of {filter}, 0-based"),
    f"dx_{FILTER}": ("pix", "fitted less expected x in {filter}"),
    f"dy_{FILTER}": ("pix", "fitted less expected y in {filter}"),
    f"chi2_{FILTER}": ("", "chi-square of the pixels in {filter}"),
    f"dof_{FILTER}": ("", "degrees of freedom of chi2_{filter}"),
    f"flags_{FILTER}": ("", "quality bits of the fit in {filter}"),
    f"sky_{FILTER}": ("nJy / pix", "sky under the source in {filter}"),
    r"(?P<quantity>age_gyr|metallicity_zsun)_(?P<end>lo|hi)_(?P<level>[1-5])sigma": (
        "{unit}",
        "{end} end of the {level}-sigma interval of {quantity}, age and metallicity jointly",
    ),
    r"(?P<quantity>age_gyr|metallicity_zsun)_(?P<end>lo|hi)_(?P<level>[1-5])sigma_marginal": (
        "{unit}",
        "{end} end of the {level}-sigma interval of {quantity} alone",
    ),
}


def describe_column(name):
    """Unit and description of a column of the product.

    Parameters
    ----------
    name : str

    Returns
    -------
    unit, description : str

    Raises
    ------
    KeyError
        If the column is not in the dictionary; every column of the product must be.
    """
    if name in COLUMNS:
        return COLUMNS[name]
    for pattern, (unit, description) in PATTERNS.items():
        match = re.fullmatch(pattern, name)
        if match:
            words = {key: _spell(value) for key, value in match.groupdict().items()}
            words["unit"] = COLUMNS[match["quantity"]][0] if "quantity" in words else unit
            return unit.format(**words), description.format(**words)
    raise KeyError(name)


def _spell(word):
    """Words for the abbreviations of column names."""
    return {"lo": "lower", "hi": "upper"}.get(word, word)


def write_table(path, table, *, meta, carried=()):
    """Write an ECSV table whose columns carry unit and description.

    Parameters
    ----------
    path : str
    table : `astropy.table.Table`
    meta : dict
        Provenance: rule, wildcards, parameters, versions, checksums.
    carried : sequence of str
        Extra columns of the user's source list, carried through as they are.

    Raises
    ------
    ValueError
        If a column is neither in the dictionary nor carried.
    """
    for name in table.colnames:
        column = table[name]
        if name in carried:
            column.description = column.description or "carried through from the source list"
            continue
        try:
            unit, description = describe_column(name)
        except KeyError:
            raise ValueError(f"column {name!r} has no unit and description in tables.COLUMNS") from None
        column.unit, column.description = unit or None, description
    table.meta.update(meta)
    if any(name.startswith("flags") for name in table.colnames):
        table.meta["flag_bits"] = describe_flags()
    if carried:
        table.meta["carried"] = list(carried)
    with whole_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def read_table(path):
    """Read an ECSV table of the workflow; ids are strings."""
    from astropy.table import Table

    table = Table.read(path, format="ascii.ecsv")
    return table


def merge_tables(paths, ids):
    """Rows of the chunk tables in the order of the source list.

    Parameters
    ----------
    paths : sequence of str
        One ECSV table per chunk.
    ids : sequence of str
        Ids of the source list, in its order.

    Returns
    -------
    table : `astropy.table.Table`, one row per id

    Raises
    ------
    ValueError
        If the chunks do not hold exactly these ids.
    """
    from astropy.table import vstack

    tables = [read_table(path) for path in paths]
    for table in tables[1:]:
        table.meta.clear()
    merged = tables[0] if len(tables) == 1 else vstack(tables, metadata_conflicts="silent")
    row_of = {name: row for row, name in enumerate(merged["id"])}
    if len(row_of) != len(merged) or set(row_of) != set(ids):
        raise ValueError(f"the chunks hold {len(merged)} sources, the source list {len(ids)}")
    return merged[[row_of[name] for name in ids]]


def sha256(path):
    """SHA-256 of a file as a hexadecimal string."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@functools.lru_cache
def read_user_table(path, where):
    """Rows of a table given by the user, as text; csv, tsv, ecsv or FITS by its ending.

    Parameters
    ----------
    path : str
    where : str
        Config key that names the file, for messages.

    Returns
    -------
    names : tuple of str
    rows : tuple of tuple of str
        Values as written; an empty string is a missing value.

    Raises
    ------
    DataError
        Missing file, unknown ending, duplicate or missing header, ragged row.
    """
    if not os.path.isfile(path):
        raise DataError(f"{where} = {path}", "no such file", "a csv, tsv, ecsv or fits table", _near(path))
    ending = path.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    try:
        if ending in ("csv", "tsv"):
            names, rows = _read_delimited(path, {"csv": ",", "tsv": "\t"}[ending])
        elif ending in ("ecsv", "fits", "fit"):
            names, rows = _read_astropy(path, "ascii.ecsv" if ending == "ecsv" else "fits")
        else:
            raise DataError(f"{where} = {path}", f"the ending .{ending}", ".csv, .tsv, .ecsv or .fits")
    except (UnicodeDecodeError, OSError, ValueError) as exc:
        raise DataError(f"{where} = {path}", f"a file that cannot be read ({exc})", "a table") from exc
    if not rows:
        raise DataError(path, "no rows", "at least one source")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path}, header", f"the column {doubled[0]!r} twice", "each column once")
    return names, rows


def _near(path):
    """Hint for a missing file: paths are relative to the working directory."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return (
            f"the folder {folder} does not exist; paths are relative to the working directory {os.getcwd()}."
        )
    return f"paths are relative to the working directory {os.getcwd()}."


def _read_delimited(path, delimiter):
    """Names and rows of a csv or tsv file; blank lines and lines that open with # are skipped."""
    with open(path, newline="", encoding="utf-8-sig") as stream:
        lines = csv.reader(stream, delimiter=delimiter, strict=True)
        try:
            content = [
                (lines.line_num, row)
                for row in lines
                if any(cell.strip() for cell in row) and not row[0].startswith("#")
            ]
        except csv.Error as exc:
            raise ValueError(f"line {lines.line_num}: {exc}") from exc
    if not content:
        return (), ()
    names = tuple(name.strip() for name in content[0][1])
    for number, row in content[1:]:
        if len(row) != len(names):
            raise DataError(f"{path}, line {number}", f"{len(row)} values", f"{len(names)}, as in the header")
    return names, tuple(tuple(cell.strip() for cell in row) for _, row in content[1:])


def _read_astropy(path, fmt):
    """Names and rows, as text, of an ECSV or FITS table."""
    from astropy.table import Table

    table = Table.read(path, format=fmt)
    columns = []
    for name in table.colnames:
        column = table[name]
        mask = getattr(column, "mask", np.zeros(len(table), bool))
        columns.append(["" if m else _text(value) for value, m in zip(column, mask, strict=True)])
    return tuple(table.colnames), tuple(zip(*columns, strict=True))


def _text(value):
    """Text of one table value, exact for floats."""
    if isinstance(value, bytes):
        return value.decode("utf-8").strip()
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value).strip()


def check_ids(names, rows, path):
    """Ids of a user's table, checked to be present, non-empty and unique.

    Returns
    -------
    ids : list of str

    Raises
    ------
    DataError
    """
    column = column_index(names, "id", path, "one id per source")
    ids = [row[column] for row in rows]
    seen = {}
    for number, name in enumerate(ids, start=1):
        if not name:
            raise DataError(f"{path}, data row {number}, column id", "an empty value", "an id")
        if name in seen:
            raise DataError(
                f"{path}, data rows {seen[name]} and {number}, column id",
                f"{name!r} twice",
                "each id once",
                "ids name the rows of all results; rename or delete one of the two.",
            )
        seen[name] = number
    return ids


def column_index(names, wanted, path, expected):
    """Position of a column, or a `DataError` that lists the columns there are."""
    if wanted in names:
        return names.index(wanted)
    same = [name for name in names if name.lower() == wanted.lower()]
    hint = f"rename {same[0]!r} to {wanted!r}." if same else f"the columns are: {', '.join(names)}."
    raise DataError(f"{path}, header", f"no column {wanted!r}", expected, hint)


def float_column(names, rows, wanted, path, *, low=-np.inf, high=np.inf, missing=False, expected="a number"):
    """Values of a numeric column of a user's table.

    Parameters
    ----------
    low, high : float
        Legal range, ends included.
    missing : bool
        Whether an empty value or NaN is allowed; it becomes NaN.

    Raises
    ------
    DataError
        Naming file, row and column.
    """
    column = column_index(names, wanted, path, expected)
    values = np.full(len(rows), np.nan)
    for number, row in enumerate(rows):
        text = row[column]
        where = f"{path}, data row {number + 1}, column {wanted}"
        if missing and text.lower() in ("", "nan", "null", "none", "--"):
            continue
        try:
            value = float(text)
        except ValueError:
            hint = "missing values are written as nan or left empty." if missing else ""
            raise DataError(where, repr(text), expected, hint) from None
        if not np.isfinite(value) or not low <= value <= high:
            raise DataError(where, text, expected)
        values[number] = value
    return values


def read_positions(path, where):
    """Ids and ICRS positions of a source list.

    Parameters
    ----------
    path : str
        Table with columns id, ra, dec (deg, ICRS); more columns are carried through.
    where : str
        Config key that names the file.

    Returns
    -------
    ids : list of str
    ra, dec : (n,) float ndarray, deg

    Raises
    ------
    DataError
    """
    names, rows = read_user_table(path, where)
    ids = check_ids(names, rows, path)
    ra = float_column(names, rows, "ra", path, low=0, high=360, expected="degrees from 0 to 360")
    dec = float_column(names, rows, "dec", path, low=-90, high=90, expected="degrees from -90 to 90")
    return ids, ra, dec


def read_photometry(path, where):
    """Ids and fluxes of a table of photometry given by the user.

    Parameters
    ----------
    path : str
        Columns id, optional ra and dec, and per filter flux_F and flux_err_F in nJy. Without a
        column id (a stack of one row) the id is ``stack``.

    Returns
    -------
    ids : list of str
    filters : list of str
        In the order of the columns.
    flux, flux_err : (n, n_filters) float ndarray, nJy
        NaN where missing.
    carried : dict of str to list of str
        All other columns.

    Raises
    ------
    DataError
        Missing or doubled ids, a flux without its error or the reverse, a negative error, text.
    """
    names, rows = read_user_table(path, where)
    ids = check_ids(names, rows, path) if "id" in names or len(rows) > 1 else ["stack"]
    filters = [
        name.removeprefix("flux_")
        for name in names
        if name.startswith("flux_") and not name.startswith("flux_err")
    ]
    if not filters:
        raise DataError(f"{path}, header", "no flux column", "flux_F090W, flux_err_F090W, ... in nJy")
    for name in names:
        if name.startswith("flux_err_") and name.removeprefix("flux_err_") not in filters:
            partner = "flux_" + name.removeprefix("flux_err_")
            raise DataError(f"{path}, header", f"{name} without {partner}", "both columns of each filter")
    flux, err = [], []
    for filt in filters:
        if f"flux_err_{filt}" not in names:
            raise DataError(
                f"{path}, header",
                f"flux_{filt} without its error",
                f"a column flux_err_{filt} (1 sigma, nJy)",
            )
        flux.append(float_column(names, rows, f"flux_{filt}", path, missing=True, expected="a flux in nJy"))
        err.append(
            float_column(
                names,
                rows,
                f"flux_err_{filt}",
                path,
                low=0,
                missing=True,
                expected="an error in nJy, not negative",
            )
        )
    taken = {"id", *(f"flux_{f}" for f in filters), *(f"flux_err_{f}" for f in filters)}
    carried = {name: [row[i] for row in rows] for i, name in enumerate(names) if name not in taken}
    return ids, filters, np.array(flux).T, np.array(err).T, carried


def parse_carried(values):
    """Carried column as numbers where every value is one, as text otherwise; empty is NaN or ''."""
    try:
        return np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return np.array(values, dtype=str)


def provenance(rule, wildcards, params, **more):
    """Metadata of a table: what made it, with which parameters and versions.

    Parameters
    ----------
    rule : str
    wildcards, params : mapping
        Lists of sources are left out: they are the table itself.
    more : dict
        For example ``checksums={path: sha256}`` where user files enter.
    """
    from clusterphot.versions import software_versions

    small = {key: value for key, value in dict(params).items() if key not in ("sources", "ids")}
    return {
        "rule": rule,
        "wildcards": dict(wildcards),
        "parameters": {key: _plain(value) for key, value in small.items()},
        "versions": software_versions(),
        **more,
    }


def _plain(value):
    """Value as a type that YAML holds."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def flux_columns(filters, flux, err, *, prefix="flux"):
    """Columns ``flux_F``, ``flux_err_F`` of each filter, from arrays of shape (n, n_filters)."""
    columns = {}
    for band, filt in enumerate(filters):
        columns[f"{prefix}_{filt}"] = flux[:, band]
        columns[f"{prefix}_err_{filt}"] = err[:, band]
    return columns


def flux_filters(table, prefix="flux"):
    """Filters of a table, in the order of its columns ``<prefix>_err_F``."""
    start = f"{prefix}_err_"
    kinds = ("conditional_", "marginal_", "sys_")
    names = [name.removeprefix(start) for name in table.colnames if name.startswith(start)]
    return [name for name in names if not name.startswith(kinds)]


def flux_arrays(table, filters, *, prefix="flux"):
    """Fluxes and errors of a table as arrays of shape (n, n_filters), nJy; NaN where missing."""
    flux = [np.ma.filled(np.ma.asarray(table[f"{prefix}_{filt}"], dtype=float), np.nan) for filt in filters]
    err = [
        np.ma.filled(np.ma.asarray(table[f"{prefix}_err_{filt}"], dtype=float), np.nan) for filt in filters
    ]
    return np.array(flux).T, np.array(err).T


def carried_columns(table):
    """Names of the columns carried through from the user's list."""
    return [name for name in table.meta.get("carried", []) if name in table.colnames]


def write_fits_table(path, table):
    """Write a table as FITS beside its ECSV; the metadata stay in the ECSV."""
    plain = table.copy()
    plain.meta = {"COMMENT": "units and values as in the .ecsv of the same name, which holds the metadata"}
    for name in plain.colnames:
        if plain[name].dtype.kind == "U":
            plain[name] = np.char.encode(np.asarray(plain[name]), "utf-8")
    with whole_file(path) as temporary:
        plain.write(temporary, format="fits", overwrite=True)
