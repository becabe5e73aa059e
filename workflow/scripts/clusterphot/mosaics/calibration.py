"""Calibration of mosaics: what their headers say of it, and users' tables of factors to bring them to another.

A table of factors has the columns ``filter`` and ``factor``, and where they matter ``module`` and ``context``; an empty
cell stands for all. Factors multiply fluxes.
"""

from dataclasses import dataclass

from clusterphot.base.errors import DataError
from clusterphot.base.user_tables import read_user_table

CARDS = {
    "CRDS_CTX": "CRDS context of the calibration",
    "CRDS_VER": "CRDS version",
    "CAL_VER": "version of the calibration pipeline",
    "GRIZLIV": "version of grizli",
    "MODULE": "module of the detectors",
    "DETECTOR": "detector",
    "PHOTFNU": "photometric keyword of the input",
    "PHOTFLAM": "photometric keyword of the input",
    "PHOTPLAM": "photometric keyword of the input",
    "PHOTMJSR": "photometric keyword of the input",
    "PIXAR_SR": "photometric keyword of the input",
}
"""Cards that say how an image was calibrated, and what they are; kept in mosaic.fits."""

CONTEXT, MODULE = "CRDS_CTX", "MODULE"
FACTORS = (0.1, 10.0)


@dataclass(frozen=True)
class FactorRow:
    """One row of a table of factors; an empty text stands for all modules or contexts."""

    filter: str
    module: str
    context: str
    factor: float


def calibration_cards(header):
    """Cards of `CARDS` that a header has, as a dictionary of value and comment for another header."""
    found = {}
    for card, words in CARDS.items():
        try:
            value = header.get(card)
        except Exception:  # whatever astropy raises of a damaged card that nobody needs
            continue
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value == value:
            found[card] = (value[:60] if isinstance(value, str) else value, words)
    return found


def read_factors(path, where):
    """A user's table of factors.

    Parameters
    ----------
    path : str
    where : str
        Key that names the file, for messages.

    Returns
    -------
    rows : list of `FactorRow`

    Raises
    ------
    DataError
        For missing columns, a factor that is none, and a row that stands twice. Rows without a factor are left out.
    """
    table = read_user_table(path, where)
    expected = "the columns filter and factor, and where they matter module and context"
    filters = table.texts("filter", expected)
    low, high = FACTORS
    expected_factor = f"a factor from {low:g} to {high:g}"
    factors = table.floats("factor", low=low, high=high, missing=True, expected=expected_factor)
    more = {
        name: table.texts(name, expected) if table.find(name) else [""] * len(filters)
        for name in ("module", "context")
    }
    rows, seen = [], {}
    for number, (filt, module, context, factor) in enumerate(
        zip(filters, more["module"], more["context"], factors, strict=True), start=1
    ):
        if not filt:
            raise DataError(f"{path}, data row {number}, column filter", "an empty value", "a filter")
        key = (filt, module.upper(), context)
        if key in seen:
            where = f"{path}, data rows {seen[key]} and {number}"
            raise DataError(where, "the same filter, module and context", "one row")
        seen[key] = number
        if factor == factor:
            rows.append(FactorRow(filt, module, context, float(factor)))
    return rows


def factor_of(rows, filt, *, module="", context="", where=""):
    """Factor of a filter's fluxes.

    Parameters
    ----------
    rows : list of `FactorRow`
    filt : str
    module, context : str
        Of the mosaic; empty where not known.
    where : str
        The table, for messages.

    Returns
    -------
    factor : float
        Of the row that says most of module and context; 1 where no row names the filter.

    Raises
    ------
    DataError
        If rows name the filter, but for other modules or contexts than this.
    """
    of_filter = [row for row in rows if row.filter == filt]
    if not of_filter:
        return 1.0
    fitting = [
        row
        for row in of_filter
        if (not row.module or row.module.upper() == str(module).upper())
        and (not row.context or row.context == str(context))
    ]
    if not fitting:
        there = "; ".join(
            f"module {row.module or 'any'}, context {row.context or 'any'}" for row in of_filter
        )
        raise DataError(
            f"{where}, filter {filt}",
            f"no row for module {module or 'unknown'} and context {context or 'unknown'}",
            f"one of those that there are: {there}",
            "an empty cell stands for all; calibration.context and calibration.module of the field say what its "
            "headers or tables do not.",
        )
    return max(fitting, key=lambda row: (bool(row.context), bool(row.module))).factor


def field_factor(entry, filt, header=None):
    """Factor of a filter by the key ``calibration`` of a field.

    Parameters
    ----------
    entry : dict or None
        ``factors`` (a path), and where headers do not say them ``context`` and ``module``.
    filt : str
    header : mapping, optional
        Of the mosaic.

    Returns
    -------
    factor : float
        1 without a table.
    """
    if not entry or not entry.get("factors"):
        return 1.0
    cards = {name: value for name, (value, _) in calibration_cards(header or {}).items()}
    return factor_of(
        read_factors(entry["factors"], "calibration.factors"),
        filt,
        module=entry.get("module") or cards.get(MODULE, ""),
        context=entry.get("context") or cards.get(CONTEXT, ""),
        where=entry["factors"],
    )
