"""Beside each number of Faisst et al. (2022, ApJL 941, L11): ours, and how many sigma apart they are.

The paper's numbers are entries of resources/faisst2022/published_values.yaml, ours come from `reproduction_values`.
Units as in that file.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from astropy.table import Table

from clusterphot.base.errors import DataError
from clusterphot.base.files import own_file
from clusterphot.validation.values import QUANTITIES, NotAvailableError, compute, quantile_of_sample

AGREE_SIGMA = 2.0
"""Values within this many sigma are said to agree."""

KINDS = ("value", "range", "below", "above", "table")
KEYS = {"number", "section", "checked", "err", "spread_of", "rounding", "unit", "quantity", "of"}
KEYS |= {"unavailable", "reason", "of_observation", *KINDS}
STATISTICS = {"p16": 0.16, "median": 0.5, "p84": 0.84}
ROLES = ("published", "simulated", "other")
"""Of a field: the paper's own fluxes, a simulated field, or another one."""

PUT_IN = {
    "setting", "wavelength_um", "rest_wavelength_um", "pixel_scale_arcsec", "grid_end", "n_sources", "megaparsec",
    "milliarcsec",
}  # fmt: skip
"""Quantities that the configuration or the data's own headers fix: agreement is no result."""

PUT_IN_PUBLISHED = {"stack_flux_njy", "seen_fraction"}
"""Quantities that the paper's own fluxes fix beside those."""

OUTCOMES = ("agrees", "differs", "put in", "not applicable", "not available")
"""Of a comparison; ``put in`` where the two agree by construction."""

NOT_OF_SIMULATION = "a simulated field has its own"

OTHER_FIELD = "this is another field than the paper's"
UNEXPLAINED = "the reason is not known"
MEDIAN_ERROR = math.sqrt(math.pi / 2)
"""Error of the median of normal values over that of their mean."""


@dataclass(frozen=True)
class PaperValue:
    """A number of the paper.

    Attributes
    ----------
    low, value, high : float
        Ends of its 1-sigma interval or of its range, and the value itself; NaN where there is none: a range has no
        value, an upper limit no lower end.
    err_low, err_high : float
        1-sigma errors to compare with, without that of rounding.
    rounding : float
        Unit of the last digit given.
    kind : {'value', 'range', 'below', 'above'}
    """

    low: float
    value: float
    high: float
    err_low: float
    err_high: float
    rounding: float
    kind: str

    @property
    def rounding_error(self):
        """Standard deviation of a number rounded to the last digit."""
        return self.rounding / math.sqrt(12)


def read_entries(path):
    """Entries of the paper's numbers, checked.

    Parameters
    ----------
    path : str

    Returns
    -------
    entries : list of dict

    Raises
    ------
    DataError
        If an entry has unknown keys, no kind or more than one, or a quantity that is not registered.
    """
    with own_file(path):
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for entry in entries:
        where = f"{path}, {entry.get('number', 'an entry without number')}"
        unknown = set(entry) - KEYS
        if unknown:
            raise DataError(where, f"the keys {sorted(unknown)}", f"those of {sorted(KEYS)}")
        kinds = [kind for kind in KINDS if kind in entry]
        if len(kinds) != 1:
            raise DataError(where, f"{kinds or 'none'} of value and limits", f"one of {', '.join(KINDS)}")
        if "unavailable" not in entry and entry.get("quantity") not in QUANTITIES:
            expected = f"one of {', '.join(sorted(QUANTITIES))}"
            raise DataError(where, f"the quantity {entry.get('quantity')!r}", expected)
        if unknown := set(entry.get("reason", {})) - set(ROLES):
            raise DataError(where, f"reasons for {sorted(unknown)}", f"those of {', '.join(ROLES)}")
    return entries


def paper_value(entry, published):
    """The paper's number of an entry.

    Parameters
    ----------
    entry : dict
    published : dict of str to `astropy.table.Table`
        ``table1`` and ``table2`` of the paper.

    Returns
    -------
    paper : `PaperValue`
    """
    rounding = float(entry["rounding"])
    nan = float("nan")
    if "range" in entry:
        low, high = (float(end) for end in entry["range"])
        return PaperValue(low, nan, high, 0.0, 0.0, rounding, "range")
    if "below" in entry:
        return PaperValue(nan, nan, float(entry["below"]), 0.0, 0.0, rounding, "below")
    if "above" in entry:
        return PaperValue(float(entry["above"]), nan, nan, 0.0, 0.0, rounding, "above")
    if "table" in entry:
        return _table_value(entry["table"], rounding, published)
    value = float(entry["value"])
    err_low, err_high = (float(err) for err in entry.get("err", (0.0, 0.0)))
    shrink = MEDIAN_ERROR / math.sqrt(entry["spread_of"]) if "spread_of" in entry else 1.0
    ends = (value - err_low, value + err_high) if "err" in entry else (nan, nan)
    return PaperValue(ends[0], value, ends[1], shrink * err_low, shrink * err_high, rounding, "value")


def _table_value(where, rounding, published):
    """A number of the paper's tables: a quantile with its error, or a flux with its own."""
    table = published[where["file"]]
    values = np.asarray(table[where["column"]], dtype=float)
    if where["statistic"] in STATISTICS:
        found = quantile_of_sample(values, STATISTICS[where["statistic"]])
        value, low, high = found.value, found.err_low, found.err_high
    elif where["statistic"] == "value":
        value = float(values[0])
        low = high = float(table[where["column"].replace("flux_", "flux_err_")][0])
    else:
        raise ValueError(f"statistic {where['statistic']!r}, expected value, p16, median or p84")
    return PaperValue(value - low, value, value + high, low, high, rounding, "value")


def difference_sigma(measured, paper):
    """How many sigma our value lies from the paper's.

    Parameters
    ----------
    measured : `clusterphot.validation.values.Measured`
    paper : `PaperValue`

    Returns
    -------
    difference : float
        Positive where ours is larger; 0 within a range, or where a limit holds.

    Notes
    -----
    Errors are those on the sides that face each other, in quadrature with the paper's rounding, taken as uniform.
    """
    if paper.kind == "value":
        nearest = paper.value
    else:
        low = -math.inf if math.isnan(paper.low) else paper.low
        high = math.inf if math.isnan(paper.high) else paper.high
        nearest = min(max(measured.value, low), high)
    if measured.value == nearest:
        return 0.0
    above = measured.value > nearest
    errors = (paper.err_high, measured.err_low) if above else (paper.err_low, measured.err_high)
    sigma = math.hypot(*(0.0 if math.isnan(err) else err for err in errors), paper.rounding_error)
    return (measured.value - nearest) / sigma


def compare(entries, products, *, published, role):
    """Table of the paper's numbers with those of a field beside them.

    Parameters
    ----------
    entries : list of dict
        Of `read_entries`.
    products : `clusterphot.validation.values.Products`
    published : dict of str to `astropy.table.Table`
    role : {'published', 'simulated', 'other'}
        What the field is.

    Returns
    -------
    table : `astropy.table.Table`
        One row per entry, in their order.
    """
    rows = []
    for entry in entries:
        paper = paper_value(entry, published)
        row = {
            "section": entry["section"],
            "number": entry["number"],
            "unit_of_number": entry.get("unit", ""),
            "paper_kind": paper.kind,
            "paper_low": paper.low,
            "paper_value": paper.value,
            "paper_high": paper.high,
            "paper_rounding": paper.rounding,
            "paper_checked": bool(entry["checked"]),
        }
        rows.append(row | _ours(entry, paper, products, role))
    return Table(rows=rows)


def _ours(entry, paper, products, role):
    """The part of a row that is ours."""
    nan = float("nan")
    row = {"our_low": nan, "our_value": nan, "our_high": nan, "sigma_from_paper": nan}
    try:
        if "unavailable" in entry:
            raise NotAvailableError(entry["unavailable"])
        if role == "simulated" and entry.get("of_observation"):
            return row | {"outcome": "not applicable", "remark": _sentence(NOT_OF_SIMULATION)}
        measured = compute(entry["quantity"], products, entry.get("of"))
    except NotAvailableError as absent:
        return row | {"outcome": "not available", "remark": _sentence(str(absent))}
    difference = difference_sigma(measured, paper)
    agrees = abs(difference) <= AGREE_SIGMA
    row |= {
        "our_low": measured.value - measured.err_low,
        "our_value": measured.value,
        "our_high": measured.value + measured.err_high,
        "sigma_from_paper": difference,
    }
    reason = OTHER_FIELD if role == "other" else entry.get("reason", {}).get(role, UNEXPLAINED)
    given = entry["quantity"] in PUT_IN or (role == "published" and entry["quantity"] in PUT_IN_PUBLISHED)
    outcome = ("put in" if given else "agrees") if agrees else "differs"
    return row | {"outcome": outcome, "remark": "" if agrees else _sentence(reason)}


def _sentence(text):
    """Capital letter first, full stop last."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def tally(table):
    """How many numbers have which of the `OUTCOMES`."""
    outcomes = [str(outcome) for outcome in table["outcome"]]
    return {name: outcomes.count(name) for name in OUTCOMES}
