"""Mass-to-light ratios from GALAXEV `.4color` files (Bruzual & Charlot 2003, MNRAS 344, 1000).

Masses in Msun, luminosities in Lsun of the V band, ages in Gyr, metallicities in solar units (Zsun = 0.02).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clusterphot.base.errors import DataError

SOLAR_METALLICITY_BC03 = 0.02
PADOVA_METALLICITY = {
    "m22": 1e-4,
    "m32": 4e-4,
    "m42": 0.004,
    "m52": 0.008,
    "m62": 0.02,
    "m72": 0.05,
    "m82": 0.1,
}
"""Metal fraction of the GALAXEV file names (Bruzual & Charlot 2003, MNRAS 344, 1000, table 1)."""


@dataclass(frozen=True)
class MassToLight:
    """Surviving mass over V luminosity, and the surviving fraction, on a grid.

    Attributes
    ----------
    ml_v, mass_remaining : (n_age, n_metallicity) float ndarray
        Msun/Lsun, and surviving over formed mass.
    source : str
    """

    ml_v: np.ndarray
    mass_remaining: np.ndarray
    source: str


def read_four_color(path):
    """Ages, M/L_V and surviving mass of a GALAXEV `.4color` file of 2003 or 2016.

    Parameters
    ----------
    path : str

    Returns
    -------
    log_age_yr, ml_v, mass_remaining : (n,) float ndarray
        Masses include remnants where the file separates them (2016: ``M*_liv+M_rem``).

    Raises
    ------
    DataError
        If the header names no column of age, M/L_V and stellar mass, or a row is torn.

    Notes
    -----
    Columns are found by the names of the last header line that opens with ``#log-age-yr``.
    """
    names, rows = None, []
    for number, line in enumerate(Path(path).read_text(encoding="latin-1").splitlines(), start=1):
        if re.match(r"#\s*log-age", line, flags=re.IGNORECASE):
            names = line.lstrip("# ").split()
        elif line.strip() and not line.startswith("#"):
            rows.append((number, line.split()))
    if names is None:
        raise DataError(path, "no header line with log-age-yr", "a GALAXEV .4color file")
    age = _find_column(names, ("log-age-yr", "log-age"), path)
    ml_v = _find_column(names, ("M*_tot/Lv", "M*/Lv"), path)
    mass = _find_column(names, ("M*_tot", "M*_liv+M_rem", "M*"), path)
    try:
        values = np.array([[float(row[i]) for i in (age, ml_v, mass)] for _, row in rows])
    except (IndexError, ValueError) as exc:
        raise DataError(path, f"a torn row ({exc})", f"{len(names)} numbers a row") from exc
    if len(values) < 2:
        raise DataError(path, f"{len(values)} rows", "a table of ages")
    return values[:, 0], values[:, 1], values[:, 2]


def _find_column(names, wanted, path):
    """Index of the first of the wanted names that is there."""
    lower = [name.lower() for name in names]
    for name in wanted:
        if name.lower() in lower:
            return lower.index(name.lower())
    raise DataError(f"{path}, header", f"the columns {', '.join(names)}", " or ".join(wanted))


def four_color_metallicity(path):
    """Metallicity in solar units (Zsun = 0.02) from the name of a GALAXEV file."""
    match = re.search(r"_(m[2-8]2)_", Path(path).name)
    if not match:
        raise DataError(
            path, "a file name without metallicity", "a name such as bc2003_lr_m62_chab_ssp.4color"
        )
    return PADOVA_METALLICITY[match[1]] / SOLAR_METALLICITY_BC03


def mass_to_light_from_files(paths, age_gyr, metallicity_zsun):
    """M/L_V on a grid from GALAXEV `.4color` files, linear in log age between their rows.

    Parameters
    ----------
    paths : sequence of str
        One file for each metallicity of the grid; more do no harm.
    age_gyr, metallicity_zsun : 1-D float ndarray

    Returns
    -------
    ml : `MassToLight`

    Raises
    ------
    DataError
        If a metallicity has no file or an age lies outside.
    """
    by_metallicity = {round(four_color_metallicity(path), 6): path for path in paths}
    ml_v = np.empty((len(age_gyr), len(metallicity_zsun)))
    remaining = np.empty_like(ml_v)
    log_age = np.log10(age_gyr) + 9
    for j, metallicity in enumerate(metallicity_zsun):
        path = by_metallicity.get(round(float(metallicity), 6))
        if path is None:
            raise DataError(
                "sed.four_color_dir",
                f"no .4color file of {metallicity} Zsun",
                f"files for all of sed.metallicity_zsun; there are {sorted(by_metallicity)}",
            )
        nodes, ml, mass = read_four_color(path)
        if log_age.min() < nodes[0] - 1e-4 or log_age.max() > nodes[-1] + 1e-4:
            raise DataError(
                path, f"ages 10^{nodes[0]} to 10^{nodes[-1]} yr", f"{min(age_gyr)} to {max(age_gyr)} Gyr"
            )
        ml_v[:, j] = np.interp(log_age, nodes, ml)
        remaining[:, j] = np.interp(log_age, nodes, mass)
    return MassToLight(ml_v, remaining, f"{len(paths)} GALAXEV .4color files")
