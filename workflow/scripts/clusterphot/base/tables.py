"""Tables of sources: reading what users give, writing what the workflow makes.

Every column written carries a unit and a description, which live here, once; a source is one row,
found by ``id``, never dropped. Fluxes are nJy, positions degrees (ICRS) or 0-based pixels.
"""

import csv
import functools
import gzip
import os
import re
from pathlib import Path

import numpy as np

from clusterphot.base.columns import ERROR_KINDS, describe_column, is_product
from clusterphot.base.errors import DataError
from clusterphot.base.files import whole_file
from clusterphot.base.flags import describe_flags

TABLE_ENDINGS = ("csv", "tsv", "ecsv", "fits", "fit")


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
        column.unit, column.description = unit or None, description
    table.meta.update(meta)
    if any(name.startswith("flags") for name in table.colnames):
        table.meta["flag_bits"] = describe_flags()
    if carried:
        table.meta["carried"] = list(carried)
    with whole_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)
        if any(str(value).startswith("#") for value in table.columns[0]):
            _quote_first_values(temporary)


def _quote_first_values(path):
    """Quote values such as ``#3`` that open a row of an ECSV table, lest they be read as comments."""
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    rows = [re.sub(r"^(#\S*)", r'"\1"', line) for line in lines[header:]]
    Path(path).write_text("".join([*lines[:header], *rows]), encoding="utf-8")


def read_table(path):
    """Read an ECSV table of the workflow; ids are strings, and an empty text is empty, not masked."""
    from astropy.table import Table

    table = Table.read(path, format="ascii.ecsv")
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
        raise DataError(
            f"{where} = {path}", "no such file", "a csv, tsv, ecsv or fits table", near_hint(path)
        )
    ending = path.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if ending not in TABLE_ENDINGS:
        raise DataError(f"{where} = {path}", f"the ending .{ending}", ".csv, .tsv, .ecsv or .fits")
    try:
        names, rows = _read_cells(path, ending, os.stat(path).st_mtime_ns)
    except (UnicodeDecodeError, OSError, ValueError) as exc:
        raise DataError(f"{where} = {path}", f"a file that cannot be read ({exc})", "a table") from exc
    if not rows:
        raise DataError(path, "no rows", "at least one source")
    if "" in names:
        raise DataError(
            f"{path}, header", f"no name for column {names.index('') + 1}", "a name for each column"
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path}, header", f"the column {doubled[0]!r} twice", "each column once")
    return names, rows


@functools.lru_cache
def _read_cells(path, ending, _mtime_ns):
    """Names and rows of a table, read once for all rules; anew where the file has changed since."""
    if ending in ("csv", "tsv"):
        return _read_delimited(path, {"csv": ",", "tsv": "\t"}[ending])
    return _read_astropy(path, "ascii.ecsv" if ending == "ecsv" else "fits")


def near_hint(path):
    """Hint for a missing file: paths are relative to the working directory."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return (
            f"the folder {folder} does not exist; paths are relative to the working directory {os.getcwd()}."
        )
    return f"paths are relative to the working directory {os.getcwd()}."


def _read_delimited(path, delimiter):
    """Names and rows of a csv or tsv file; blank lines and comments are skipped."""
    opener = gzip.open if path.lower().endswith(".gz") else open
    with opener(path, "rt", newline="", encoding="utf-8-sig") as stream:
        without_comments = _skip_comments(stream)
        lines = csv.reader(without_comments, delimiter=delimiter, strict=True)
        try:
            content = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
        except csv.Error as exc:
            raise ValueError(f"line {lines.line_num}: {exc}") from exc
    if not content:
        return (), ()
    names = tuple(name.strip() for name in content[0][1])
    for number, row in content[1:]:
        if len(row) != len(names):
            raise DataError(f"{path}, line {number}", f"{len(row)} values", f"{len(names)}, as in the header")
    return names, tuple(tuple(cell.strip() for cell in row) for _, row in content[1:])


def _skip_comments(stream):
    """Lines of a file, comments made empty so that line numbers stay; an id such as #3 is no comment."""
    in_header = True
    for line in stream:
        comment = line.startswith("#") if in_header else line.startswith("# ")
        in_header = in_header and (comment or not line.strip())
        yield "\n" if comment else line


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
        Missing or doubled ids, a flux without its error or the reverse, a negative error, text,
        a position outside its range.
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
        of_filter = name.removeprefix("flux_err_")
        if (
            name.startswith("flux_err_")
            and of_filter not in filters
            and not of_filter.startswith(ERROR_KINDS)
        ):
            partner = f"flux_{of_filter}"
            raise DataError(f"{path}, header", f"{name} without {partner}", "both columns of each filter")
    for name, low, high in (("ra", 0, 360), ("dec", -90, 90)):
        if name in names:
            expected = f"degrees from {low} to {high}"
            float_column(names, rows, name, path, low=low, high=high, missing=True, expected=expected)
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


def read_user_rows(path, ids):
    """Rows of a source list: id, ra, dec and the columns carried through.

    Parameters
    ----------
    path : str
    ids : sequence of str
        Rows wanted, in this order.

    Returns
    -------
    table : `astropy.table.Table`
    carried : list of str
        Names of the columns other than id, ra and dec; one named like a column of the product gets
        ``_listed`` at its end.
    """
    from astropy.table import Table

    listed, ra, dec = read_positions(path, path)
    names, rows = read_user_table(path, path)
    row_of = {name: row for row, name in enumerate(listed)}
    wanted = [row_of[name] for name in ids]
    table = Table({"id": list(ids), "ra": ra[wanted], "dec": dec[wanted]})
    carried = []
    for column, name in enumerate(names):
        if name not in table.colnames:
            kept = f"{name}_listed" if is_product(name) and name != "p_cluster" else name
            table[kept] = parse_carried([row[column] for row in rows])[wanted]
            carried.append(kept)
    return table, carried


def parse_carried(values):
    """Carried column as numbers where every value is one, as text otherwise; empty is NaN or ''.

    Whole numbers stay whole (19-digit identifiers fit), and numbers that a float would change
    (leading zeros, more than 15 digits beside other kinds of number) stay text.
    """
    if all(re.fullmatch(r"[+-]?(0|[1-9]\d{0,17}|[1-8]\d{18})", value) for value in values):
        return np.array([int(value) for value in values], dtype=np.int64)
    if any(re.fullmatch(r"[+-]?(0\d+|\d{16,})", value) for value in values):
        return np.array(values, dtype=str)
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


def write_fits_table(path, table):
    """Write a table as FITS beside its ECSV; the metadata stay in the ECSV."""
    plain = table.copy()
    plain.meta = {"COMMENT": "units and values as in the .ecsv of the same name, which holds the metadata"}
    for name in plain.colnames:
        if plain[name].dtype.kind == "U":
            plain[name] = np.char.encode(np.asarray(plain[name]), "utf-8")
    with whole_file(path) as temporary:
        plain.write(temporary, format="fits", overwrite=True)
