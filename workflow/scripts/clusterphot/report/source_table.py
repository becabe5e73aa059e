"""The table of all sources that the report sorts, filters and exports: columns with units, and their values.

Values are those of the result tables, to a few significant digits. Fluxes nJy, magnitudes AB.
"""

from dataclasses import asdict, dataclass, field

import numpy as np

from clusterphot.base.columns import describe_column
from clusterphot.base.units import mag_ab
from clusterphot.report.numbers import short

DIGITS = 6
POSITION_DECIMALS = 8
LABELS = {
    "id": "id", "ra": "RA", "dec": "Dec", "flags": "flags", "age_gyr": "age", "metallicity_zsun": "Z",
    "log_mass": "log M", "log_mass_err": "± log M", "log_mass_sed": "log M (SED)", "chi2": "χ²", "dof": "dof",
    "age_gyr_p16": "age 16 %", "age_gyr_p50": "age", "age_gyr_p84": "age 84 %", "metallicity_zsun_p16": "Z 16 %",
    "metallicity_zsun_p50": "Z", "metallicity_zsun_p84": "Z 84 %", "log_mass_p16": "log M 16 %",
    "log_mass_p50": "log M", "log_mass_p84": "log M 84 %", "p_age_edge": "P(edge)", "p_cluster": "P(cluster)",
}  # fmt: skip
FIT_COLUMNS = (
    "age_gyr", "metallicity_zsun", "chi2", "dof", "n_bands", "log_mass", "log_mass_err", "log_mass_sed",
    "log_mass_sed_err", "log_mass_formed", "ml_v", "lum_v_lsun",
)  # fmt: skip
POSTERIOR_COLUMNS = tuple(
    f"{quantity}_{quantile}"
    for quantity in ("age_gyr", "metallicity_zsun", "log_mass", "ml_v")
    for quantile in ("p025", "p16", "p50", "p84", "p975")
) + ("p_age_edge", "log_evidence")
USE = "whether to use the source: yes, look (at it first), or no; see why"
SHOWN = ("id", "ra", "dec", "flags", "p_cluster", "chi2")


@dataclass
class Column:
    """One column of the table.

    Attributes
    ----------
    name, label, unit, description : str
    origin : str
        Anchor of the file it comes from on the page of origins.
    values : list
        JSON values, one per source.
    shown : bool
        Whether the table shows it before the reader chooses.
    group : str
    """

    name: str
    label: str
    unit: str
    description: str
    origin: str
    values: list
    shown: bool = False
    group: str = ""
    text: bool = field(default=False)


def make_columns(tables, *, filters, reference, grids, advice, origins):
    """Columns of the table of sources.

    Parameters
    ----------
    tables : dict
        ``dereddened``: `astropy.table.Table`; ``photometry``: the same as observed, or None; ``clusters``: dict of
        grid to table, the fiducial grid first; ``recovery`` and other tables by id: `astropy.table.Table`.
    filters : sequence of str
    reference : str
        Filter whose magnitude and signal to noise are shown first.
    grids : sequence of str
        The fiducial one first.
    advice : list of `clusterphot.report.advice.Advice`
    origins : dict of str to str
        Anchor of each table, by the same keys; ``clusters`` by grid.

    Returns
    -------
    columns : list of Column
    """
    dereddened, photometry = tables["dereddened"], tables["photometry"]
    columns = _identity(dereddened, photometry, tables["clusters"][grids[0]], origins)
    origin = origins["clusters"][grids[0]]
    place = [column.name for column in columns].index("flags")
    columns[place:place] = [
        Column("use", "use", "", USE, origin, [one.use for one in advice], True, "source", True),
        Column(
            "why",
            "why",
            "",
            "reason for look and no",
            origin,
            [one.why for one in advice],
            False,
            "source",
            True,
        ),
    ]
    measured = dereddened if photometry is None else photometry
    kind = "dereddened" if photometry is None else "photometry"
    columns += _fluxes(measured, filters, reference, origins[kind], "as observed" if photometry else "")
    if photometry is not None:
        columns += _dereddened(dereddened, filters, origins["dereddened"])
    for grid in grids:
        columns += _populations(tables["clusters"][grid], grid, grid == grids[0], origins["clusters"][grid])
    listed = [str(name) for name in dereddened["id"]]
    for key, table in tables.items():
        if key not in ("dereddened", "photometry", "clusters"):
            columns += _joined(table, listed, key, origins[key], {column.name for column in columns})
    return columns


def spell_unit(unit):
    """Unit as people write it; empty for none."""
    text = "" if unit is None else str(unit)
    for long, sign in (("solMass", "M☉"), ("solLum", "L☉"), ("dex(M☉)", "log M☉")):
        text = text.replace(long, sign)
    return text


def table_script(columns):
    """The table as a JSON value: columns without values, and rows."""
    heads = []
    for column in columns:
        head = asdict(column)
        del head["values"]
        heads.append(head)
    rows = [list(row) for row in zip(*(column.values for column in columns), strict=True)]
    return {"columns": heads, "rows": rows}


def _identity(dereddened, photometry, clusters, origins):
    """Id, position, flags, probability and what the user's list carries."""
    kind = "dereddened" if photometry is None else "photometry"
    table = dereddened if photometry is None else photometry
    flags = np.asarray(dereddened["flags"], dtype=int) | np.asarray(clusters["flags"], dtype=int)
    columns = [_column(table, "id", origins[kind], shown=True, group="source")]
    for name in ("ra", "dec"):
        if name in table.colnames:
            column = _column(table, name, origins[kind], shown=True, group="source")
            column.values = [_rounded(value, POSITION_DECIMALS) for value in _floats(table[name])]
            columns.append(column)
    unit, description = describe_column("flags")
    columns.append(Column("flags", "flags", unit, description, origins[kind], flags.tolist(), True, "source"))
    carried = [name for name in table.meta.get("carried", []) if name in table.colnames]
    if "p_cluster" in table.colnames and "p_cluster" not in carried:
        carried = ["p_cluster", *carried]
    for name in carried:
        column = _column(table, name, origins[kind], shown=name in SHOWN, group="source list")
        column.name = f"{name}_listed" if name in {"use", "why", *FIT_COLUMNS, *POSTERIOR_COLUMNS} else name
        column.label = LABELS.get(name, name) if name == "p_cluster" else f"{name} (listed)"
        columns.append(column)
    return columns


def _fluxes(table, filters, reference, origin, words):
    """Fluxes, errors, magnitudes and flags of each filter, as measured."""
    columns = []
    for filt in filters:
        for name in (f"flux_{filt}", f"flux_err_{filt}", f"flux_err_sys_{filt}"):
            if name in table.colnames:
                columns.append(_column(table, name, origin, group=f"fluxes {words}".strip()))
        flux, err = _floats(table[f"flux_{filt}"]), _floats(table[f"flux_err_{filt}"])
        with np.errstate(divide="ignore", invalid="ignore"):
            mag, snr = mag_ab(flux), flux / err
        first = filt == reference
        columns.append(
            _derived(
                f"mag_{filt}", filt, "mag", f"AB magnitude in {filt} {words}".strip(), origin, mag, first
            )
        )
        columns.append(
            _derived(f"snr_{filt}", "S/N", "", f"flux over its random error in {filt}", origin, snr, first)
        )
        for name in (
            f"flags_{filt}",
            f"chi2_{filt}",
            f"dof_{filt}",
            f"dx_{filt}",
            f"dy_{filt}",
            f"sky_{filt}",
        ):
            if name in table.colnames:
                columns.append(_column(table, name, origin, group="fits of cutouts"))
    return columns


def _dereddened(table, filters, origin):
    """Fluxes corrected for dust, named flux0_F beside those as observed."""
    columns = []
    for filt in filters:
        for old, new in ((f"flux_{filt}", f"flux0_{filt}"), (f"flux_err_{filt}", f"flux0_err_{filt}")):
            column = _column(table, old, origin, group="fluxes corrected for dust")
            column.name = column.label = new
            columns.append(column)
    return columns


def _populations(table, grid, fiducial, origin):
    """Best fit and posterior of one library; columns of others end in ``@grid``."""
    columns = []
    best = ("age_gyr", "metallicity_zsun", "log_mass")
    with_posterior = "age_gyr_p50" in table.colnames
    main = [f"{name}_p50" for name in best] if with_posterior else best
    for name in (*POSTERIOR_COLUMNS, *FIT_COLUMNS):
        if name not in table.colnames:
            continue
        kind = "posterior" if name in POSTERIOR_COLUMNS else "best fit"
        column = _column(table, name, origin, group=f"{kind}, {grid}")
        column.shown = fiducial and (name in main or name == "chi2")
        if name in best and with_posterior:
            column.label += " (best)"
        if not fiducial:
            column.name, column.label = f"{name}@{grid}", f"{column.label} {grid}"
        columns.append(column)
    return columns


def _joined(table, listed, key, origin, taken):
    """Columns of another table, by id; sources it does not hold have no value."""
    row_of = {str(name): row for row, name in enumerate(table["id"])}
    columns = []
    for name in table.colnames:
        known = name in taken and name != "flags"
        if known or name in ("id", "ra", "dec", "x", "y", "is_stack") or table[name].ndim > 1:
            continue
        column = _column(table, name, origin, group=key, shown=name in SHOWN and name != "flags")
        if name == "flags":
            column.name = column.label = f"flags_{key}"
        column.values = [column.values[row_of[other]] if other in row_of else None for other in listed]
        columns.append(column)
    return columns


def _column(table, name, origin, *, shown=False, group=""):
    """Column of a table as it is, with its unit and description."""
    data = table[name]
    text = data.dtype.kind in "US"
    if text:
        values = [str(value) for value in data]
    elif data.dtype.kind in "iub":
        values = [None if value is np.ma.masked else int(value) for value in data]
    else:
        values = [short(float(value), DIGITS) for value in _floats(data)]
    return Column(
        name=name,
        label=LABELS.get(name, name),
        unit=spell_unit(data.unit),
        description=data.description or "",
        origin=origin,
        values=values,
        shown=shown,
        group=group,
        text=text,
    )


def _derived(name, label, unit, description, origin, values, shown):
    """Column computed here from fluxes."""
    return Column(
        name,
        label,
        unit,
        description,
        origin,
        [short(float(value), DIGITS) for value in values],
        shown,
        "fluxes",
    )


def _floats(column):
    """Values as floats, NaN where masked."""
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)


def _rounded(value, decimals):
    """Value to this many decimals, None for NaN."""
    return round(float(value), decimals) if np.isfinite(value) else None
