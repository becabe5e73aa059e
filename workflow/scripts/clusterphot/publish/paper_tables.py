"""Tables 1 and 2 in the layout of Faisst et al. (2022, ApJL 941, L11): for papers and for machines.

Fluxes are nJy, corrected for Milky Way dust; masses log10 Msun.
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.products import whole_file
from clusterphot.base.tables import carried_columns, flux_filters, write_table
from clusterphot.publish.machine_tables import mrt

LATEX_ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "_&%#${}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
)
"""Characters of ids that LaTeX would not print."""


def table1(photometry, clusters):
    """Positions, de-reddened fluxes and surviving masses of the clusters.

    Parameters
    ----------
    photometry, clusters : `astropy.table.Table`
        Same ids in the same order.

    Returns
    -------
    table : `astropy.table.Table`

    Raises
    ------
    ValueError
        If the ids differ.
    """
    if list(photometry["id"]) != list(clusters["id"]):
        raise ValueError("photometry and clusters hold different ids")
    names = ["id", *(name for name in ("ra", "dec") if name in photometry.colnames)]
    for filt in flux_filters(photometry):
        names += [f"flux_{filt}", f"flux_err_{filt}"]
    table = Table({name: photometry[name] for name in names})
    for name in ("log_mass", "log_mass_err"):
        table[name] = clusters[name]
    table["flags"] = clusters["flags"]
    if "flags" in photometry.colnames and "flags" not in carried_columns(photometry):
        table["flags"] = np.asarray(photometry["flags"]) | np.asarray(clusters["flags"])
    return table


def table2(stack):
    """De-reddened fluxes of the stack, one row."""
    table = Table()
    for filt in flux_filters(stack, "flux0"):
        table[f"flux_{filt}"] = stack[f"flux0_{filt}"]
        table[f"flux_err_{filt}"] = stack[f"flux0_err_{filt}"]
    return table


def write_formats(paths, table, meta, *, title):
    """Write a table as ECSV, CSV, LaTeX and machine-readable table (MRT), each whole or not at all.

    Parameters
    ----------
    paths : object with attributes ecsv, csv, tex, mrt
    table : `astropy.table.Table`
    meta : dict
    title : str
        Of the MRT.
    """
    write_table(paths.ecsv, table, meta=meta, dereddened=True)
    with whole_file(paths.csv) as temporary:
        table.write(temporary, format="ascii.csv", overwrite=True)
    with whole_file(paths.tex) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        stream.write(latex(table))
    with whole_file(paths.mrt) as temporary, open(temporary, "w", encoding="ascii") as stream:
        stream.write(mrt(table, title=title))


def latex(table):
    """Text of a LaTeX table with one column per measurement: value and error in one cell."""
    partners = {name: _error_of(name) for name in table.colnames if _error_of(name) in table.colnames}
    shown = [name for name in table.colnames if name not in partners.values()]
    lines = [
        r"\begin{tabular}{" + "l" + "r" * (len(shown) - 1) + "}",
        r"\hline",
        " & ".join(_heading(name) for name in shown) + r" \\",
        " & ".join(_unit(name) for name in shown) + r" \\",
        r"\hline",
    ]
    for row in table:
        lines.append(" & ".join(_cell(row, name, partners.get(name)) for name in shown) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _error_of(name):
    """Name of the column with the error of another."""
    return name.replace("flux_", "flux_err_", 1) if name.startswith("flux_") else f"{name}_err"


def _heading(name):
    """Heading of a column in LaTeX."""
    words = {"id": "ID", "ra": "R.A.", "dec": "Decl.", "log_mass": r"$\log M$", "flags": "Flags"}
    return words.get(name, name.removeprefix("flux_").replace("_", r"\_"))


def _unit(name):
    """Unit of a column in LaTeX."""
    if name.startswith("flux_"):
        return "(nJy)"
    return {"ra": "(deg)", "dec": "(deg)", "log_mass": r"($M_\odot$)"}.get(name, "")


def _cell(row, name, error):
    """One cell: text, a number, or a number with its error; an ellipsis for what was not measured."""
    value = row[name]
    if isinstance(value, str):
        return value.translate(LATEX_ESCAPES)
    if name in ("ra", "dec"):
        return f"{value:.6f}"
    if np.issubdtype(type(value), np.integer):
        return str(value)
    if not np.isfinite(value):
        return r"\ldots"
    digits = 2 if name == "log_mass" else 1
    if error is None or not np.isfinite(row[error]):
        return f"${value:.{digits}f}$"
    digits = max(digits, min(3, 1 - int(np.floor(np.log10(row[error]))))) if row[error] > 0 else digits
    return rf"${value:.{digits}f} \pm {row[error]:.{digits}f}$"
