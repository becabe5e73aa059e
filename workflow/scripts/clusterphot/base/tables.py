"""Tables of sources that the workflow makes; those of users are read by `clusterphot.base.user_tables`.

Every column written carries a unit and a description, those of `clusterphot.base.columns`; a source is one row,
found by ``id``, never dropped. Fluxes are nJy, positions degrees (ICRS) or 0-based pixels.
"""

import re
import warnings
import zlib
from pathlib import Path

import numpy as np

from clusterphot.base.columns import ERROR_KINDS, describe_column
from clusterphot.base.files import own_file, whole_file
from clusterphot.base.flags import describe_flags

ERRORS_RESCALED = "errors_rescaled"
"""Key of the metadata of tables whose flux_err_F are multiplied by what artificial clusters say of them."""

MAX_FITS_NAME = 60
"""Characters of a column's name that are kept; a card of FITS has room for 68."""

SEAL, UNSEALED = "file_crc32", "crc32-00000000-crc32"
"""Key of the checksum in the metadata of a table, and what stands there while it is computed: a word that damage does
not take away unseen."""


def write_table(path, table, *, meta, carried=(), dereddened=False):
    """Write an ECSV table whose columns carry unit and description.

    Parameters
    ----------
    path : str
    table : `astropy.table.Table`
    meta : dict
        Provenance: rule, wildcards, parameters, versions, checksums.
    carried : sequence of str
        Extra columns of the user's source list, carried through as they are.
    dereddened : bool
        Whether columns flux_F are corrected for Milky Way dust, for their descriptions.

    Raises
    ------
    ValueError
        If a column is neither in the dictionary nor carried.
    """
    rescaled = set()
    if (table.meta | meta).get(ERRORS_RESCALED):
        rescaled = {f"flux_err_{filt}" for filt in flux_filters(table)}
    for name in table.colnames:
        column = table[name]
        if name in carried:
            column.description = column.description or "carried through from the source list"
            continue
        try:
            unit, description = describe_column(name)
        except KeyError:
            raise ValueError(f"column {name!r} has no unit and description in columns.COLUMNS") from None
        if dereddened and name.startswith("flux_"):
            description += ", corrected for Milky Way dust"
        if name in rescaled:
            description += ", times error_factor of the filter (photometry.rescale_errors)"
        column.unit, column.description = unit or None, description
    table.meta.update(meta)
    if any(name.startswith("flags") for name in table.colnames):
        table.meta["flag_bits"] = describe_flags()
    if carried:
        table.meta["carried"] = list(carried)
    write_ecsv(path, table)


def write_ecsv(path, table):
    """Write a table as ECSV, whole or not at all, with a checksum of all of the file among its metadata."""
    table.meta[SEAL] = UNSEALED
    with whole_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)
        if len(table) and any(str(value).startswith("#") for value in table.columns[0]):
            _quote_first_values(temporary)
        content = Path(temporary).read_bytes()
        Path(temporary).write_bytes(content.replace(UNSEALED.encode(), _seal_of(content), 1))
    del table.meta[SEAL]


def _seal_of(content):
    """Checksum of a table's bytes, those of the checksum itself left out."""
    return UNSEALED.replace("0" * 8, f"{zlib.crc32(content):08x}").encode()


def _quote_first_values(path):
    """Quote values such as ``#3`` that open a row of an ECSV table, lest they be read as comments."""
    with open(path, encoding="utf-8", newline="\n") as stream:  # no line ends but ours
        lines = list(stream)
    header = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    rows = [re.sub(r"^(#\S*)", r'"\1"', line) for line in lines[header:]]
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.writelines([*lines[:header], *rows])


def read_ecsv(path):
    """Read what `write_ecsv` wrote.

    Raises
    ------
    DataError
        If the file is not as it was written: cut, changed, or not a table at all.
    """
    from astropy.table import Table

    with own_file(path):
        content = Path(path).read_bytes()
        if b"\n" not in content:  # astropy would take a single line for the name of a file, or an address
            raise ValueError("it is empty or ends in its first line")
        table = Table.read(content.decode("utf-8"), format="ascii.ecsv")
        seal = str(table.meta.pop(SEAL, ""))
        if seal and _seal_of(content.replace(seal.encode(), UNSEALED.encode(), 1)) != seal.encode():
            raise ValueError("it is not as it was written: its checksum is another one")
        if not seal and b"crc32" in content:
            raise ValueError("its checksum is missing")
        return table


def read_table(path):
    """Read an ECSV table of the workflow; ids are strings, and an empty text is empty, not masked."""
    table = read_ecsv(path)
    for name in table.colnames:
        if table[name].dtype.kind == "U" and hasattr(table[name], "mask"):
            table[name] = table[name].filled("")
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
        ``rows_from`` in the metadata tells which rule made the rows, with which parameters.

    Raises
    ------
    ValueError
        If the chunks do not hold exactly these ids.
    """
    from astropy.table import vstack

    tables = [read_table(path) for path in paths]
    rows_from = _common_provenance([table.meta for table in tables])
    for table in tables[1:]:
        table.meta.clear()
    merged = tables[0] if len(tables) == 1 else vstack(tables, metadata_conflicts="silent")
    row_of = {name: row for row, name in enumerate(merged["id"])}
    if len(row_of) != len(merged) or set(row_of) != set(ids):
        raise ValueError(f"the chunks hold {len(merged)} sources, the source list {len(ids)}")
    merged.meta["rows_from"] = rows_from
    return merged[[row_of[name] for name in ids]]


def _common_provenance(metas):
    """Rule that made the chunks, and those of its parameters that all of them share."""
    parameters = [meta.get("parameters", {}) for meta in metas]
    shared = {
        key: value for key, value in parameters[0].items() if all(p.get(key) == value for p in parameters)
    }
    return {"rule": metas[0].get("rule", ""), "parameters": shared}


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
    from clusterphot.base.versions import software_versions

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
    """Filters of a table, in the order of its columns ``<prefix>_err_F``; carried columns are none of them."""
    start = f"{prefix}_err_"
    carried = carried_columns(table)
    names = [name for name in table.colnames if name.startswith(start) and name not in carried]
    filters = [name.removeprefix(start) for name in names]
    return [name for name in filters if not name.startswith(ERROR_KINDS)]


def flux_arrays(table, filters, *, prefix="flux"):
    """Fluxes and errors of a table as arrays of shape (n, n_filters), nJy; NaN where missing."""
    flux = [np.ma.filled(np.ma.asarray(table[f"{prefix}_{filt}"], dtype=float), np.nan) for filt in filters]
    err = [
        np.ma.filled(np.ma.asarray(table[f"{prefix}_err_{filt}"], dtype=float), np.nan) for filt in filters
    ]
    return np.array(flux).T, np.array(err).T


def systematic_errors(table, filters, *, prefix="flux"):
    """Systematic errors of a table as an array (n, n_filters) in nJy, 0 where there is no such column."""
    zero = np.zeros(len(table))
    columns = [f"{prefix}_err_sys_{filt}" for filt in filters]
    found = [np.ma.asarray(table[name], dtype=float) if name in table.colnames else zero for name in columns]
    return np.array([np.ma.filled(values, np.nan) for values in found]).T


def error_correlation(table, filters):
    """Correlation of the random errors between filters from a stack's metadata, or None."""
    if "flux_err_correlation" not in table.meta:
        return None
    order = [list(table.meta["filters"]).index(filt) for filt in filters]
    return np.asarray(table.meta["flux_err_correlation"], dtype=float)[np.ix_(order, order)]


def carried_columns(table):
    """Names of the columns carried through from the user's list."""
    return [name for name in table.meta.get("carried", []) if name in table.colnames]


def at_field_redshift(table):
    """Rows of a table of sources at the redshift of their field, (n,) bool: all, where none has another."""
    if "at_field_redshift" not in table.colnames:
        return np.ones(len(table), dtype=bool)
    return np.asarray(table["at_field_redshift"], dtype=bool)


def redshift_columns(columns, n):
    """Columns on the redshift of ``n`` sources that share it, from their values; none where these are None."""
    return {name: np.full(n, value) for name, value in (columns or {}).items()}


def write_fits_table(path, table):
    """Write a table as FITS beside its ECSV; the metadata stay in the ECSV.

    Names that a user chose and that FITS cannot hold are changed (`fits_names`); a comment in the header says which.
    """
    plain = table.copy()
    renamed = {name: new for name, new in fits_names(plain.colnames).items() if name != new}
    plain.meta = {
        "COMMENT": [
            "units and values as in the .ecsv of the same name, which holds the metadata",
            *(f"{new} is the column {ascii(name)}" for name, new in renamed.items()),
        ]
    }
    for name in plain.colnames:
        if plain[name].dtype.kind == "U":
            plain[name] = np.char.encode(np.asarray(plain[name]), "utf-8")
    for name, new in renamed.items():
        plain.rename_column(name, new)
    with whole_file(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "It is strongly recommended that column names")  # a user's are kept
        plain.write(temporary, format="fits", overwrite=True)


def fits_names(names):
    """Names of columns as FITS holds them: ASCII without quotes, short, different without regard to capitals.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    found : dict of str to str
        By the name; most stay as they are.

    Examples
    --------
    >>> fits_names(["id", "Größe", "Gr__e", "ID"])
    {'id': 'id', 'Größe': 'Gr__e_2', 'Gr__e': 'Gr__e', 'ID': 'ID_2'}
    """
    short = {name: re.sub(r"[^ -&(-~]", "_", name)[:MAX_FITS_NAME].strip() or "_" for name in names}
    # names that can stay go first; a number parts those that are left from them
    order = sorted(names, key=lambda name: short[name] != name)
    found, used = {}, set()
    for name in order:
        new, number = short[name], 2
        while new.lower() in used:
            ending = f"_{number}"
            new, number = f"{short[name][: MAX_FITS_NAME - len(ending)]}{ending}", number + 1
        used.add(new.lower())
        found[name] = new
    return {name: found[name] for name in names}
