"""Tables given by users: csv, tsv, ecsv or FITS, every cell as it was written, units as the table declares them.

Text is read with the standard library's csv, not with pandas, which fills up short rows without a word. Fluxes
come out in nJy, positions in degrees (ICRS).
"""

import csv
import functools
import gzip
import io
import os
import re
import unicodedata
import warnings
import zlib
from dataclasses import dataclass, field

import numpy as np

from clusterphot.base.columns import ERROR_KINDS, is_product
from clusterphot.base.errors import DataError
from clusterphot.base.files import near_hint
from clusterphot.base.filters import check_filter_name, load_filter
from clusterphot.base.fits_headers import read_headers
from clusterphot.base.units import MAG_PER_FRACTION, flux_from_mag_ab

TABLE_ENDINGS = ("csv", "tsv", "ecsv", "fits", "fit")
MISSING = ("", "nan", "null", "none", "--")
DELIMITERS = {"csv": ",;\t", "tsv": "\t,;"}
"""The delimiter by the file's ending, then those that spreadsheets write under the same ending."""
MAGNITUDES = ("ab", "vega")
"""Systems of magnitudes."""
MAX_MAGNITUDE = 50.0
"""Beyond it a magnitude is a sentinel, such as 99 or -99: the band is missing."""
NJY_PER = {"nJy": 1.0, "uJy": 1e3, "mJy": 1e6, "Jy": 1e9}
NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE | re.ASCII
)
SEXAGESIMAL = re.compile(r"[+-]?\d+\s*[:hd°\s]\s*\d+\s*[:m'′\s]\s*\d+(\.\d*)?\s*[s\"″]?", re.ASCII)
LINE_BREAKS = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Line breaks that a table of text does not carry; in carried cells they become a plain one."""
NO_CHARACTERS = "\ufffe\uffff"
"""Code points that are no characters, and not allowed in XML, so that a VOTable could not hold them."""


@dataclass(frozen=True)
class UserTable:
    """A table as a user gave it.

    Attributes
    ----------
    path : str
    names : tuple of str
    rows : tuple of tuple of str
        Values as written; an empty string is a missing value.
    units : dict of str to str
        Units that the file declares, by column.
    """

    path: str
    names: tuple
    rows: tuple
    units: dict = field(default_factory=dict)

    def find(self, wanted):
        """Name of a column in this table, capitals or not; ra and dec may be those of its only SkyCoord column."""
        if wanted in self.names:
            return wanted
        same = [name for name in self.names if name.lower() == wanted]
        if not same and wanted in ("ra", "dec"):
            same = [name for name in self.names if name.endswith(f".{wanted}")]
        return same[0] if len(same) == 1 else None

    def texts(self, wanted, expected):
        """Cells of a column as text.

        Raises
        ------
        DataError
            If there is no such column; it lists those that there are.
        """
        name = self.find(wanted)
        if name is None:
            raise DataError(
                f"{self.path}, header", f"no column {wanted!r}", expected, self.hint_of_names(wanted)
            )
        column = self.names.index(name)
        return [row[column] for row in self.rows]

    def hint_of_names(self, wanted):
        """What may be wrong with a header that lacks a column."""
        pattern = re.escape(wanted).replace(r"\.\.\.", ".*")
        same = [name for name in self.names if re.fullmatch(pattern, name, re.IGNORECASE)]
        if same:
            return f"rename one of {', '.join(map(repr, same))} to {wanted!r}."
        if any(NUMBER.fullmatch(name) for name in self.names):
            return f"the line of names is missing: the first line read is {', '.join(self.names)}."
        if len(self.names) == 1 and len(self.names[0].split()) > 1:
            return "the columns seem to be separated by spaces; separate them by commas (csv) or tabs (tsv)."
        return f"the columns are: {', '.join(self.names)}."

    def ids(self):
        """Ids, present, unique, and without characters that no table of text can hold.

        Raises
        ------
        DataError
        """
        ids, seen = self.texts("id", "one id per source"), {}
        for number, name in enumerate(ids, start=1):
            where = f"{self.path}, data row {number}, column id"
            if not name:
                raise DataError(where, "an empty value", "an id")
            _check_characters(name, where, "an id on one line")
            if name in seen:
                raise DataError(
                    f"{self.path}, data rows {seen[name]} and {number}, column id",
                    f"{name!r} twice",
                    "each id once",
                    "ids name the rows of all results; rename or delete one of the two.",
                )
            seen[name] = number
        return ids

    def floats(self, wanted, *, unit="", low=-np.inf, high=np.inf, missing=False, expected="a number"):
        """Values of a numeric column, (n,) float ndarray in ``unit``.

        Parameters
        ----------
        unit : str
            Unit of the result; a declared one is converted, an undeclared one is this.
        low, high : float
            Legal range, ends included.
        missing : bool
            Whether an empty value or NaN is allowed; it becomes NaN.

        Raises
        ------
        DataError
            Naming file, row and column.
        """
        texts = self.texts(wanted, expected)
        factor = self._factor(wanted, unit, expected)
        values = np.full(len(texts), np.nan)
        for number, text in enumerate(texts):
            if missing and text.lower() in MISSING:
                continue
            where = f"{self.path}, data row {number + 1}, column {wanted}"
            if not NUMBER.fullmatch(text):
                raise DataError(where, repr(text), expected, _hint_of_number(text, missing))
            value = float(text) * factor
            if not np.isfinite(value) or not low <= value <= high:
                hint = "missing values are written as nan or left empty." if missing and value < low else ""
                raise DataError(where, text, expected, hint)
            values[number] = value
        return values

    def _factor(self, wanted, unit, expected):
        """Value of the declared unit of a column in another one; 1 where none is declared."""
        declared = self.units.get(self.find(wanted), "")
        if not declared or not unit:
            return 1.0
        from astropy import units

        try:
            found = units.Unit(declared)
            if not isinstance(found, units.UnitBase):  # magnitudes and other logarithms
                raise units.UnitConversionError(f"{declared} is a logarithm")
            return float(found.to(unit))
        except (ValueError, units.UnitsError) as exc:
            raise DataError(
                f"{self.path}, column {wanted}",
                f"the unit {declared}",
                f"{expected}: the unit {unit}, one that can be converted to it, or none",
                "convert the values, and name their unit or none.",
            ) from exc

    def angles(self, wanted, *, missing=False):
        """Right ascensions or declinations in degrees, (n,) float ndarray.

        Sexagesimal ones (07:23:18.5, 7h23m18.5s, -73 27 17) are hours of right ascension and degrees of declination.
        """
        low, high, hours = (0, 360, True) if wanted == "ra" else (-90, 90, False)
        expected = f"degrees from {low} to {high}"
        texts = self.texts(wanted, expected)
        given = [row for row, text in enumerate(texts) if SEXAGESIMAL.fullmatch(text)]
        if not given:
            return self.floats(wanted, unit="deg", low=low, high=high, missing=missing, expected=expected)
        from astropy.coordinates import Angle

        try:
            values = Angle([texts[row] for row in given], unit="hourangle" if hours else "deg").deg
        except ValueError as exc:
            where = f"{self.path}, column {wanted}"
            raise DataError(where, f"angles that cannot be read ({exc})", f"{expected}, or hh:mm:ss") from exc
        column, read = self.names.index(self.find(wanted)), dict(zip(given, values, strict=True))
        rows = [list(row) for row in self.rows]
        for row, value in read.items():
            rows[row][column] = repr(float(value))
        decimal = UserTable(self.path, self.names, tuple(map(tuple, rows)))
        return decimal.floats(wanted, low=low, high=high, missing=missing, expected=expected)

    def carried(self, taken, own=()):
        """Further columns by the name under which they are carried through, as text.

        Parameters
        ----------
        taken : collection of str
            Names of the columns of this table that are read otherwise.
        own : collection of str
            Columns of the product's names that mean the same here, and keep them.

        Returns
        -------
        columns : dict of str to list of str
            A column named like one of the product gets ``_listed`` at its end, as often as needed to be unique.
        """
        names = [name for name in self.names if name not in taken]
        kept = {name: name for name in names if not is_product(name) or name == "p_cluster" or name in own}
        for name in names:
            if name not in kept:
                own = f"{name}_listed"
                if own in kept:  # a column of the user's that is called so already moves on
                    kept[own] = _free_name(own, {*kept.values(), own})
                kept[name] = own
        column_of = {name: column for column, name in enumerate(self.names)}
        return {
            kept[name]: [LINE_BREAKS.sub("\n", row[column_of[name]]) for row in self.rows] for name in names
        }


def _check_characters(name, where, expected):
    """Refuse an id or a name of a column with characters that tables cannot hold."""
    odd = [char for char in name if unicodedata.category(char) in ("Cc", "Zl", "Zp") or char in NO_CHARACTERS]
    if odd:
        raise DataError(
            where,
            f"{ascii(name)} with the character U+{ord(odd[0]):04X}",
            expected,
            "tabs, line breaks and control characters do not survive in tables of text; remove it.",
        )


def _free_name(name, used):
    """The name with ``_listed`` at its end as often as it takes to be new."""
    while name in used:
        name += "_listed"
    return name


def _hint_of_number(text, missing):
    """What may be wrong with a text that is no number."""
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return "write the decimal point as a point."
    return "missing values are written as nan or left empty." if missing else ""


# ---- reading ---------------------------------------------------------------------------------------------


def read_user_table(path, where):
    """A table given by the user; csv, tsv, ecsv or FITS by its ending.

    Parameters
    ----------
    path : str
    where : str
        Config key that names the file, for messages.

    Returns
    -------
    table : `UserTable`

    Raises
    ------
    DataError
        Missing file, unknown ending, duplicate or missing header, ragged row, control characters in a name.
    """
    if not os.path.isfile(path):
        raise DataError(
            f"{where} = {path}", "no such file", "a csv, tsv, ecsv or fits table", near_hint(path)
        )
    ending = path.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if ending not in TABLE_ENDINGS:
        raise DataError(f"{where} = {path}", f"the ending .{ending}", ".csv, .tsv, .ecsv or .fits")
    try:
        table = _read_cells(path, ending, os.stat(path).st_mtime_ns)
    except (UnicodeDecodeError, OSError, EOFError, zlib.error, ValueError) as exc:
        raise DataError(f"{where} = {path}", f"a file that cannot be read ({exc})", "a table") from exc
    if not table.rows:
        raise DataError(path, "no rows", "at least one source")
    names = table.names
    if "" in names:
        raise DataError(
            f"{path}, header", f"no name for column {names.index('') + 1}", "a name for each column"
        )
    for number, name in enumerate(names, start=1):
        _check_characters(name, f"{path}, header, column {number}", "a name on one line")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{path}, header", f"the column {doubled[0]!r} twice", "each column once")
    return table


@functools.lru_cache
def _read_cells(path, ending, _mtime_ns):
    """A table, read once for all rules; anew where the file has changed since."""
    if ending in DELIMITERS:
        return UserTable(path, *_read_delimited(path, DELIMITERS[ending]))
    return _read_astropy(path, "ascii.ecsv" if ending == "ecsv" else "fits")


def _read_delimited(path, delimiters):
    """Names and rows of a csv or tsv file; blank lines and comments are skipped.

    Comments stand above the header; below it a line that begins with ``#`` is a comment only if it is a single cell,
    since ids may begin so too.
    """
    opener = gzip.open if path.lower().endswith(".gz") else open
    with opener(path, "rt", newline="", encoding="utf-8-sig") as stream:
        text = stream.read()
    if "\0" in text:
        raise ValueError(f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: a zero byte")
    comments, body = _split_comments(text)
    header = body[: body.find("\n") + 1 or None]
    delimiter = next((sign for sign in delimiters if sign in header), delimiters[0])
    lines = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    try:
        content = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except csv.Error as exc:
        raise ValueError(f"line {len(comments) + lines.line_num}: {exc}") from exc
    if not content:
        return (), ()
    names = tuple(name.strip() for name in content[0][1])
    above = _commented_names(comments, names, delimiter)
    if above is None:
        content = content[1:]
    else:
        names = above
    rows = []
    for number, row in content:
        if len(row) == 1 < len(names) and row[0].startswith("#"):
            continue
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {len(comments) + number}",
                f"{len(row)} values",
                f"{len(names)}, as in the header",
                _hint_of_row(row),
            )
        rows.append(tuple(cell.strip() for cell in row))
    return names, tuple(rows)


def _split_comments(text):
    """Lines of comment and blank lines above the header, and the rest of the text."""
    above = re.match(r"(?:[ \t]*(?:#[^\n]*)?(?:\n|\Z))*", text).group() if text else ""
    return above.splitlines(), text[len(above) :]


def _commented_names(comments, first, delimiter):
    """Names of the columns where their line begins with ``#`` (numpy.savetxt, TOPCAT), or None.

    Only if the first line that is no comment holds a number, as no header does, and as many cells.
    """
    last = comments[-1].strip() if comments else ""
    names = tuple(name.strip().strip('"') for name in last.lstrip("# ").split(delimiter))
    is_header = len(names) == len(first) and not any(NUMBER.fullmatch(name) for name in names)
    is_data = any(NUMBER.fullmatch(cell) for cell in first)
    return names if last and is_header and is_data else None


def _hint_of_row(row):
    """What may be wrong with a row of another number of cells."""
    if row[0].startswith("#"):
        return "a comment stands above the header; below it, ids may begin with #."
    return "a cell that holds the delimiter, such as a decimal comma, stands in quotes."


def _read_astropy(path, fmt):
    """An ECSV or FITS table, its cells as text.

    A SkyCoord column becomes ``<name>.ra`` and ``<name>.dec`` (deg, ICRS). Units that cannot be read stay as they are,
    and are refused where the column is needed.
    """
    from astropy.coordinates import SkyCoord
    from astropy.table import Table
    from astropy.units import UnitsWarning

    try:
        if fmt == "fits":
            for _ in read_headers(path):  # within bounds, without which astropy is busy for minutes
                pass
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnitsWarning)
            table = Table.read(path, format=fmt)
    except DataError as exc:
        raise ValueError(f"{exc.got}, not {exc.expected}") from exc
    except Exception as exc:  # whatever a parser trips over in a damaged file
        raise ValueError(" ".join(str(exc).split())[:200]) from exc
    columns, units = {}, {}
    for name in table.colnames:
        column = table[name]
        if isinstance(column, SkyCoord):
            for axis in ("ra", "dec"):
                columns[f"{name}.{axis}"] = [repr(float(v)) for v in getattr(column.icrs, axis).deg]
            continue
        mask = np.asarray(getattr(column, "mask", np.zeros(len(table), bool)))
        whole = mask.reshape(len(table), -1).all(axis=1)
        columns[name] = ["" if m else _text(value) for value, m in zip(column, whole, strict=True)]
        if getattr(column, "unit", None) is not None and str(column.unit):
            units[name] = str(column.unit)
    return UserTable(path, tuple(columns), tuple(zip(*columns.values(), strict=True)), units)


def _text(value):
    """Text of one table value, exact for floats."""
    if isinstance(value, bytes):
        return value.decode("utf-8").strip()
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value).strip()


# ---- what the tables hold --------------------------------------------------------------------------------


def read_positions(path, where):
    """Ids and ICRS positions of a source list.

    Parameters
    ----------
    path : str
        Table with columns id, ra, dec (deg, ICRS, or sexagesimal); more columns are carried through.
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
    table = read_user_table(path, where)
    return table.ids(), table.angles("ra"), table.angles("dec")


def read_photometry(path, where, unit="nJy"):
    """Ids and fluxes of a table of photometry given by the user.

    Parameters
    ----------
    path : str
        Columns id, optional ra and dec, and per filter flux_F and flux_err_F; or mag_F and mag_err_F where ``unit`` is
        one of magnitudes; or mag_ab_F and mag_ab_err_F, mag_vega_F and mag_vega_err_F, which need no unit. Without a
        column id (a stack of one row) the id is ``stack``.
    unit : str, optional
        Of the values: of a flux density, which one that the file declares goes before, or ab, vega for magnitudes.

    Returns
    -------
    ids : list of str
    filters : list of str
        In the order of the columns.
    flux, flux_err : (n, n_filters) float ndarray, nJy
        NaN where missing.
    carried : dict of str to sequence
        All other columns: ra and dec as numbers (deg), the rest as text.

    Raises
    ------
    DataError
        Missing or doubled ids, a flux without its error or the reverse, a negative error, text,
        a position outside its range, a unit that is none of a flux density.
    """
    table = read_user_table(path, where)
    ids = table.ids() if table.find("id") or len(table.rows) > 1 else ["stack"]
    start, system = _kind_of_photometry(table, unit)
    filters = [
        name.removeprefix(start)
        for name in table.names
        if name.startswith(start) and not name.startswith(f"{start}err")
    ]
    if not filters:
        kind, ending = ("flux", " in nJy") if system is None else ("magnitude", "")
        words = f"{start}F090W, {start}err_F090W, ...{ending}"
        raise DataError(f"{path}, header", f"no {kind} column", words, table.hint_of_names(f"{start}..."))
    _check_partners(table, start, filters)
    positions = {axis: table.angles(axis, missing=True) for axis in ("ra", "dec") if table.find(axis)}
    flux, err = [], []
    for filt in filters:
        values = (_fluxes if system is None else _magnitudes)(table, start, filt, system or unit)
        flux.append(values[0])
        err.append(values[1])
    taken = {
        *map(table.find, ("id", *positions)),
        *(f"{start}{kind}{f}" for f in filters for kind in ("", "err_")),
    }
    kinds = [f"flux_err_{kind}{filt}" for kind in ERROR_KINDS for filt in filters]
    return ids, filters, np.array(flux).T, np.array(err).T, positions | table.carried(taken, kinds)


def _kind_of_photometry(table, unit):
    """Beginning of the columns of photometry, and the system of magnitudes, None of fluxes.

    Fluxes go before magnitudes that stand beside them, unless the unit says otherwise.
    """

    def has(start):
        return any(name.startswith(start) for name in table.names)

    named = {f"mag_{system}_": system for system in MAGNITUDES}
    if unit in MAGNITUDES:
        return (f"mag_{unit}_" if has(f"mag_{unit}_err_") else "mag_"), unit
    if not has("flux_"):
        for start, system in named.items():
            if has(f"{start}err_"):
                return start, system
        if has("mag_err_"):
            raise DataError(
                f"{table.path}, header",
                "magnitudes (mag_err_...) and no fluxes",
                "flux_F and flux_err_F, or the system of the magnitudes",
                "photometry_unit: ab or vega of the field says it; columns mag_ab_F or mag_vega_F need no key.",
            )
    return "flux_", None


def _check_partners(table, start, filters):
    """Every filter has a value and an error."""
    for name in table.names:
        of_filter = name.removeprefix(f"{start}err_")
        if (
            name.startswith(f"{start}err_")
            and of_filter not in filters
            and not of_filter.startswith(ERROR_KINDS)
        ):
            raise DataError(
                f"{table.path}, header", f"{name} without {start}{of_filter}", "both columns of each filter"
            )
    kind = "a flux density" if start == "flux_" else "a magnitude"
    for filt in filters:
        if f"{start}err_{filt}" not in table.names:
            raise DataError(
                f"{table.path}, header",
                f"{start}{filt} without its error",
                f"a column {start}err_{filt} (1 sigma, {'nJy' if start == 'flux_' else 'mag'})",
                f"every column {start}... is {kind} in a filter; rename it if {filt} is none.",
            )


def _fluxes(table, start, filt, unit):
    """Fluxes and errors of a filter, nJy."""
    expected = f"an error in {unit}, not negative"
    flux = table.floats(f"{start}{filt}", unit="nJy", missing=True, expected=f"a flux in {unit}")
    err = table.floats(f"{start}err_{filt}", unit="nJy", low=0, missing=True, expected=expected)
    # a column that declares its unit is in nJy by now
    factors = [
        1.0 if table.units.get(name) else NJY_PER[unit] for name in (f"{start}{filt}", f"{start}err_{filt}")
    ]
    return flux * factors[0], err * factors[1]


def _magnitudes(table, start, filt, system):
    """Fluxes and errors of a filter, nJy, from magnitudes and errors; sentinels such as 99 are infinite."""
    magnitude = table.floats(f"{start}{filt}", missing=True, expected="a magnitude")
    err = table.floats(f"{start}err_{filt}", missing=True, expected="an error in mag, not negative")
    odd = (np.abs(magnitude) > MAX_MAGNITUDE) | (np.abs(err) > MAX_MAGNITUDE)
    negative = np.flatnonzero(~odd & (err < 0))
    if negative.size:
        where = f"{table.path}, data row {negative[0] + 1}, column {start}err_{filt}"
        raise DataError(where, f"{err[negative[0]]:g}", "an error in mag, not negative")
    flux = flux_from_mag_ab(np.where(odd, 0.0, magnitude + ab_less_vega(filt, system)))
    err = flux * np.where(odd, 0.0, err) / MAG_PER_FRACTION
    return np.where(odd, np.inf, flux), np.where(odd, np.inf, err)


def ab_less_vega(filt, system):
    """What is added to a magnitude of this system to make it AB."""
    if system == "ab":
        return 0.0
    check_filter_name(filt, "filters")
    return -float(load_filter(filt).ab_to_vega)


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

    Raises
    ------
    DataError
        If a row is gone.
    """
    from astropy.table import Table

    listed, ra, dec = read_positions(path, path)
    given = read_user_table(path, path)
    wanted = rows_of(path, listed, ids)
    carried = given.carried({given.find(name) for name in ("id", "ra", "dec")})
    table = Table({"id": list(ids), "ra": ra[wanted], "dec": dec[wanted]})
    for name, values in carried.items():
        table[name] = parse_carried(values)[wanted]
    return table, list(carried)


def rows_of(path, listed, ids):
    """Rows of a user's table, read again by a job, that hold the ids which the run began with.

    Raises
    ------
    DataError
        If a row went while the run went on.
    """
    row_of = {name: row for row, name in enumerate(listed)}
    check_kept(path, "row of", ids, row_of)
    return [row_of[name] for name in ids]


def check_kept(path, what, planned, found):
    """Refuse a user's table that has lost what the run was planned with."""
    gone = [name for name in planned if name not in found]
    if gone:
        raise DataError(
            path,
            f"no {what} {gone[0]!r} any more",
            "the table as it was when the run began",
            "give the same command again: it takes the table as it is now.",
        )


def parse_carried(values):
    """Carried column as numbers where every value is one, as text otherwise; empty is NaN or ''.

    Whole numbers stay whole (19-digit identifiers fit), and what a number would change stays text: leading zeros,
    more than 15 digits beside other kinds of number, and names such as ``1E2``, which no program writes for 100.
    """
    if all(re.fullmatch(r"[+-]?(0|[1-9]\d{0,17}|[1-8]\d{18})", value) for value in values):
        return np.array([int(value) for value in values], dtype=np.int64)
    if any(re.fullmatch(r"[+-]?(0\d+|\d{16,}|\d+[eE]\d+)", value) for value in values):
        return np.array(values, dtype=str)
    if all(not value or NUMBER.fullmatch(value) for value in values):
        return np.array([float(value) if value else np.nan for value in values])
    return np.array(values, dtype=str)
