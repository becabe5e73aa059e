"""Fields of one run beside one another: one row a field, and what differs between two of them beyond their errors.

All fields are measured with one method, so that what models have wrong is the same for them and drops out of a
difference at one redshift; the errors of zero points, PSF and Milky Way dust are each field's own, and are in the
posteriors of its stack and of its population. Ages Gyr, masses log10 Msun, magnitudes Vega at rest.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.base.filters import nearest_filter
from clusterphot.base.robust import MEDIAN_ERROR, mad_sigma
from clusterphot.base.tables import at_field_redshift, flux_arrays, read_table
from clusterphot.base.units import MAG_PER_FRACTION, mag_ab

QUANTILES = ("p16", "p50", "p84")
DEPTH_SIGMA = 3.0
DEPTH_MICRON = 2.0
"""Depths are given in the filter nearest to this wavelength."""

DIFFERS_SIGMA, AGREES_SIGMA = 3.0, 2.0
"""Two values differ from the former on, and agree up to the latter; between them nothing is said."""

MIN_SOURCES = 5
"""For a median with an error."""

POPULATION = {
    "population_age_gyr": "median_age_gyr",
    "population_metallicity_zsun": "median_metallicity_zsun",
    "population_log_mass": "median_log_mass",
}
"""Columns of a row, and the parameters of results/{field}/population/{grid}.ecsv that they are."""

LUMINOSITY = (
    "turnover_p16",
    "turnover_p50",
    "turnover_p84",
    "n_total",
    "n_total_p16",
    "n_total_p84",
    "identifiable",
)

COMPARED = {
    "stack_age_gyr": ("age of the stack", "log", "Gyr"),
    "stack_metallicity_zsun": ("metallicity of the stack", "log", "Zsun"),
    "stack_lookback_gyr": ("lookback time of formation of the stack", "linear", "Gyr"),
    "sample_age_gyr": ("median age of the clusters", "log", "Gyr"),
    "sample_metallicity_zsun": ("median metallicity of the clusters", "log", "Zsun"),
    "sample_b_minus_i": ("median rest-frame B-I of the clusters", "linear", "mag"),
    "population_age_gyr": ("median age of the population", "log", "Gyr"),
    "population_metallicity_zsun": ("median metallicity of the population", "log", "Zsun"),
    "population_log_mass": ("median log mass of the population", "linear", "dex"),
}
"""Quantities that fields are compared in: words, whether differences are in dex, unit. Masses and luminosities of the
clusters found depend on the depth of a field, and are shown but not compared."""


@dataclass(frozen=True)
class FieldTables:
    """Tables of one field, as `clusterphot.base.tables.read_table` gives them; None where it has none.

    Attributes
    ----------
    name : str
    redshift : float
    filters : list of str
    photometry, clusters, formation, rest_frame : `astropy.table.Table`
    stack, stack_rest_frame, population, luminosity : `astropy.table.Table` or None
    """

    name: str
    redshift: float
    filters: list
    photometry: Table
    clusters: Table
    formation: Table
    rest_frame: Table
    stack: Table | None = None
    stack_rest_frame: Table | None = None
    population: Table | None = None
    luminosity: Table | None = None

    @property
    def used(self):
        """Clusters that count: at the field's redshift and without a flag in photometry, (n,) bool."""
        return at_field_redshift(self.clusters) & (np.asarray(self.photometry["flags"], dtype=int) == 0)


TABLES = (
    "photometry",
    "clusters",
    "formation",
    "rest_frame",
    "stack",
    "stack_rest_frame",
    "population",
    "luminosity",
)
"""Tables of a field by their names in `FieldTables`."""


def read_fields(about):
    """Tables of the fields of a run.

    Parameters
    ----------
    about : list of dict
        ``name``, ``redshift``, ``filters``, and paths by the names of `TABLES`.

    Returns
    -------
    fields : list of `FieldTables`
    """
    return [
        FieldTables(
            one["name"],
            one["redshift"],
            list(one["filters"]),
            **{name: read_table(one[name]) for name in TABLES if one.get(name)},
        )
        for one in about
    ]


def rest_frame_b_minus_i(table):
    """Rest-frame B - I (Vega) of each row and an error of it; NaN where a band is missing.

    Notes
    -----
    The error is that of `clusterphot.figures.color_magnitude.rest_frame_colors`: the widths of both magnitudes without
    their common normalisation, a lower limit.
    """
    columns = [f"abs_mag_vega_bessell_{band}_{q}" for band in "BI" for q in QUANTILES]
    if any(name not in table.colnames for name in columns):
        return np.full(len(table), np.nan), np.full(len(table), np.nan)
    b_low, b, b_high, i_low, i, i_high = (_floats(table[name]) for name in columns)
    widths = (b_high - b_low) / 2, (i_high - i_low) / 2
    return b - i, np.sqrt(np.abs(widths[0] ** 2 - widths[1] ** 2))


def field_row(field):
    """One row of fields.ecsv.

    Parameters
    ----------
    field : `FieldTables`

    Returns
    -------
    row : dict
        NaN for what the field does not have.
    """
    used = field.used
    depth_filter = nearest_filter(field.filters, DEPTH_MICRON)
    _, err = flux_arrays(field.photometry[used], [depth_filter])
    err = err[np.isfinite(err) & (err > 0)]
    row = {
        "field": field.name,
        "redshift": field.redshift,
        "n_sources": len(field.clusters),
        "n_used": int(used.sum()),
        "n_filters": len(field.filters),
        "depth_filter": depth_filter,
        "depth_mag": float(mag_ab(DEPTH_SIGMA * np.median(err))) if err.size else np.nan,
    }
    row |= _stack_values(field)
    row |= _sample_values(field, used)
    row |= _population_values(field.population)
    found = field.luminosity[0] if field.luminosity is not None else None
    for name in LUMINOSITY:
        value = np.nan if found is None or np.ma.is_masked(found[name]) else float(found[name])
        row[f"luminosity_{name}"] = value
    return row


def _stack_values(field):
    """Quantiles of the posterior of the stack: age, metallicity, lookback time and redshift of formation."""
    row = {}
    stack = field.stack[0] if field.stack is not None else None
    formed = field.formation[np.asarray(field.formation["is_stack"], dtype=bool)]
    formed = formed[0] if len(formed) else None
    for q in QUANTILES:
        for name in ("age_gyr", "metallicity_zsun"):
            row[f"stack_{name}_{q}"] = np.nan if stack is None else float(stack[f"{name}_{q}"])
        for name in ("lookback_gyr", "z_form"):
            row[f"stack_{name}_{q}"] = np.nan if formed is None else float(formed[f"{name}_{q}"])
    return row


def _sample_values(field, used):
    """Quantiles over the clusters of the medians of their posteriors, and the errors of the medians."""
    row, stack = {}, field.stack[0] if field.stack is not None else None
    for name in ("age_gyr", "metallicity_zsun"):
        values = np.log10(_floats(field.clusters[f"{name}_p50"])[used])
        low, middle, high, noise = _spread(values)
        row |= dict(
            zip((f"sample_{name}_{q}" for q in QUANTILES), 10 ** np.array([low, middle, high]), strict=True)
        )
        shared = np.nan
        if stack is not None:
            shared = 0.5 * (np.log10(float(stack[f"{name}_p84"])) - np.log10(float(stack[f"{name}_p16"])))
        row |= {f"sample_{name}_noise_dex": noise, f"sample_{name}_shared_dex": shared}
    colour, _ = rest_frame_b_minus_i(field.rest_frame)
    low, middle, high, noise = _spread(colour[used])
    row |= dict(zip((f"sample_b_minus_i_{q}" for q in QUANTILES), (low, middle, high), strict=True))
    row |= {"sample_b_minus_i_noise": noise, "sample_b_minus_i_shared": _shared_color_error(field)}
    for name, values in (
        ("log_mass", field.clusters["log_mass_p50"]),
        ("abs_mag_v", _column(field.rest_frame, "abs_mag_vega_bessell_V_p50")),
    ):
        low, middle, high, _ = _spread(_floats(values)[used])
        row |= dict(zip((f"sample_{name}_{q}" for q in QUANTILES), (low, middle, high), strict=True))
    return row


def _shared_color_error(field):
    """Error (mag) of rest-frame B - I by zero points, PSF and dust of the filters behind B and I, which all share.

    From the metadata of the rest-frame magnitudes; without them that of the stack, else NaN.
    """
    about = field.rest_frame.meta
    fractions = about.get("posterior_model", {}).get("shared_error", [])
    sources = about.get("k_correction_from", {})
    bands = [sources.get(f"bessell_{band}") for band in "BI"]
    if len(fractions) == len(field.filters) and all(band in field.filters for band in bands):
        return float(MAG_PER_FRACTION * np.hypot(*(fractions[field.filters.index(band)] for band in bands)))
    if field.stack_rest_frame is not None:
        return float(rest_frame_b_minus_i(field.stack_rest_frame)[1][0])
    return np.nan


def _population_values(table):
    """Quantiles of the parameters of the best population, and its name."""
    row = {f"{name}_{q}": np.nan for name in POPULATION for q in QUANTILES} | {"population_model": ""}
    if table is None:
        return row
    best = table.meta.get("population", {}).get("best_model") or str(
        table["model"][int(np.argmax(table["score"]))]
    )
    for name, parameter in POPULATION.items():
        rows = table[(table["model"] == best) & (table["parameter"] == parameter)]
        if len(rows):
            row |= {f"{name}_{q}": float(rows[q][0]) for q in QUANTILES}
    return row | {"population_model": best}


def _spread(values):
    """16, 50 and 84 % of values, and the 1-sigma error of their median; NaN where there are too few."""
    values = values[np.isfinite(values)]
    if not values.size:
        return (np.nan,) * 4
    noise = MEDIAN_ERROR * mad_sigma(values) / np.sqrt(values.size) if values.size >= MIN_SOURCES else np.nan
    return (*(float(value) for value in np.quantile(values, [0.16, 0.5, 0.84])), float(noise))


def differences(rows):
    """What differs between the fields, two by two.

    Parameters
    ----------
    rows : list of dict
        Of `field_row`.

    Returns
    -------
    table : `astropy.table.Table`
        field, other_field, quantity, both values, difference (in dex for ages and metallicities) and its 1-sigma error,
        sigma, outcome (differ, agree, unclear) and remark.

    Notes
    -----
    Errors are those on the sides that face each other, the fields independent. A median of the clusters has the error
    of its scatter and, from the posterior of the stack, what its field's zero points and dust do to all clusters alike.
    """
    found = []
    for (one, other), (quantity, (_, kind, _)) in itertools.product(
        itertools.combinations(rows, 2), COMPARED.items()
    ):
        values = [_with_errors(row, quantity, kind) for row in (one, other)]
        if not all(np.isfinite(value) for value, *_ in values):
            continue
        (a, a_low, a_high, a_said), (b, b_low, b_high, b_said) = values
        difference = a - b
        error = np.hypot(a_low, b_high) if difference >= 0 else np.hypot(a_high, b_low)
        sigma = abs(difference) / error if error > 0 else np.nan
        outcome = "differ" if sigma >= DIFFERS_SIGMA else "agree" if sigma <= AGREES_SIGMA else "unclear"
        found.append(
            {
                "field": one["field"],
                "other_field": other["field"],
                "quantity": quantity,
                "value": float(10**a if kind == "log" else a),
                "other_value": float(10**b if kind == "log" else b),
                "difference": difference,
                "difference_err": error,
                "difference_unit": "dex" if kind == "log" else COMPARED[quantity][2],
                "sigma": sigma,
                "outcome": outcome if np.isfinite(sigma) else "no error",
                "remark": "; ".join(dict.fromkeys(said for said in (a_said, b_said) if said)),
            }
        )
    names = ("value", "other_value", "difference", "difference_err", "sigma")
    texts = ("field", "other_field", "quantity", "difference_unit", "outcome", "remark")
    if found:
        return Table(rows=found)
    return Table({name: np.array([], dtype=float if name in names else "U1") for name in (*texts, *names)})


def _with_errors(row, quantity, kind):
    """Value of a quantity, its errors to lower and higher values, and what is to be said of them."""
    scale = np.log10 if kind == "log" else float
    low, middle, high = (_scaled(row[f"{quantity}_{q}"], scale) for q in QUANTILES)
    if not quantity.startswith("sample_"):
        return middle, middle - low, high - middle, ""
    ending = "_dex" if kind == "log" else ""
    noise, shared = (row[f"{quantity}_{part}{ending}"] for part in ("noise", "shared"))
    if not np.isfinite(noise):
        return np.nan, np.nan, np.nan, ""
    remark = (
        ""
        if np.isfinite(shared)
        else f"{row['field']} has no stack: zero points and dust are not in its error"
    )
    error = float(np.hypot(noise, np.nan_to_num(shared)))
    return middle, error, error, remark


def _scaled(value, scale):
    """Value on a scale; NaN where not known, or not positive on a logarithmic one."""
    value = float(value)
    return float(scale(value)) if np.isfinite(value) and (scale is float or value > 0) else np.nan


def sentences(table):
    """What differs, in words, one sentence for each pair of fields.

    Parameters
    ----------
    table : `astropy.table.Table`
        Of `differences`.

    Returns
    -------
    said : list of str
    """
    said = []
    for one, other in dict.fromkeys(zip(table["field"], table["other_field"], strict=True)):
        rows = table[(table["field"] == one) & (table["other_field"] == other)]
        parts = []
        differing = rows[rows["outcome"] == "differ"]
        if len(differing):
            parts.append("differ in " + ", ".join(_tell(row) for row in differing))
        for outcome, words in (
            ("unclear", "neither clear nor excluded"),
            ("agree", "agree within their errors"),
        ):
            names = [COMPARED[str(name)][0] for name in rows["quantity"][rows["outcome"] == outcome]]
            if names:
                parts.append(f"{words}: {', '.join(names)}")
        said.append(f"{one} and {other}: {'; '.join(parts) or 'nothing that both have with an error'}.")
    return said


def _tell(row):
    """One quantity that differs."""
    words, _, unit = COMPARED[str(row["quantity"])]
    sign = f"{row['difference']:+.2f} ± {row['difference_err']:.2f} {row['difference_unit']}"
    return (
        f"{words} ({row['value']:.3g} and {row['other_value']:.3g} {unit}: {sign}, {row['sigma']:.1f} sigma)"
    )


def _column(table, name):
    """A column, or NaN where the table has none of that name."""
    return table[name] if name in table.colnames else np.full(len(table), np.nan)


def _floats(column):
    """Values of a column, NaN where masked."""
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
