"""Writer of `.ised_ASCII` and `.4color` files in the formats of GALAXEV, from any grid.

For programs that read GALAXEV only, and to prove that `clusterphot.ssp.readers.galaxev` reads what it should.
Formats of Bruzual & Charlot (2003, MNRAS 344, 1000) and of its version of 2016; yr, Angstrom, Lsun/Angstrom/Msun.
"""

import gzip
import os
from pathlib import Path

import numpy as np
from clusterphot.ssp.four_color import PADOVA_METALLICITY
from clusterphot.ssp.grid import V_FILTER, band_flux, filter_curve, v_luminosity

SUN_MAG_B = 5.44
"""Absolute B magnitude of the Sun, Vega (Willmer 2018, ApJS 236, 47, table 3)."""

SUN_MAG_BOL = 4.75
B_FILTER = "bessell_B"

COLUMNS = {
    "2003": "log-age-yr Mbol Bmag Vmag M*/Lb M*/Lv M* Mgas Mgalaxy SFR/yr",
    "2016": "log-age-yr Mbol Bmag Vmag Kmag M*_liv M_remnants M_ret_gas M_galaxy SFR/yr M*_liv+M_rem "
    "M*_tot/Lb M*_tot/Lv M*_tot/Lk M*_liv/Lb M*_liv/Lv M*_liv/Lk",
}
"""Columns of the `.4color` files of the two layouts."""

_AREA_10PC_CM2 = 4 * np.pi * (10 * 3.0856775814913673e18) ** 2
_AB_ZERO_CGS = 3631e-23
_MODEL_LINES = ("MODEL PARAMETERS: written from another grid", "S.F.R.: SSP = Zero Length Burst at t = 0")


def write_galaxev(directory, grid, *, name="bc2003_hr_xmiless_{token}_chab_ssp", layout="2003", packed=False):
    """Write a grid as a folder of GALAXEV files.

    Parameters
    ----------
    directory : str
    grid : SspGrid
        Its metallicities are those of the Padova 1994 tracks, in units of its ``z_sun``.
    name : str, optional
        Name of the files; ``{token}`` stands for m22 ... m82.
    layout : {'2003', '2016'}, optional
        Columns of the `.4color` files.
    packed : bool, optional
        Write `.ised_ASCII.gz`.

    Returns
    -------
    stems : list of str
        Paths without suffixes, by metallicity.

    Raises
    ------
    ValueError
        For another layout, or a metallicity without a name.
    """
    if layout not in COLUMNS:
        raise ValueError(f"layout {layout!r}, expected one of {', '.join(COLUMNS)}")
    os.makedirs(directory, exist_ok=True)
    stems = []
    for k, metallicity in enumerate(grid.metallicity_zsun):
        fraction = metallicity * grid.z_sun
        token = next((t for t, z in PADOVA_METALLICITY.items() if abs(z - fraction) < 1e-3 * z), None)
        if token is None:
            raise ValueError(f"metallicity_zsun {metallicity:g}: GALAXEV has no name for Z = {fraction:g}")
        stem = os.path.join(directory, name.format(token=token))
        text = _spectra_text(grid, k, fraction)
        if packed:
            with gzip.open(f"{stem}.ised_ASCII.gz", "wt", encoding="ascii", compresslevel=1) as file:
                file.write(text)
        else:
            Path(f"{stem}.ised_ASCII").write_text(text, encoding="ascii")
        Path(f"{stem}.4color").write_text(_four_color_text(grid, k, fraction, layout), encoding="ascii")
        stems.append(stem)
    return stems


def _record(values, style="%.6E", per_line=8):
    """A count and the values, wrapped after some."""
    words = [str(len(values)), *(style % value for value in values)]
    return "\n".join(" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)) + "\n"


def _tracks(grid, fraction):
    """The line of a header that names the tracks and the metallicity."""
    return f"{grid.tracks or 'unknown'}. X=0.70, Y=0.28, Z={fraction:.6f}".rstrip("0")


def _spectra_text(grid, k, fraction):
    """An `.ised_ASCII` file; it starts with the youngest spectrum at age 0, as GALAXEV's do."""
    spectra = np.concatenate([grid.spectra[:1, k], grid.spectra[:, k]])
    parts = [_record(np.concatenate([[0.0], grid.age_gyr * 1e9]))]
    parts.append("0.100 100.0 2\n 0.10 1.00 0.4057 1.3076 1.00 0.00\n 1.30 1.00 100.00 0.5943 0.1827 0.00\n")
    parts.append("1.0000 1.4903 0.6710 0 0. 0. 0. 0. 0. F\n")
    parts += [f"{_tracks(grid, fraction)}\n"] * 3
    parts.append(_record(grid.wave_rest, "%.7E"))
    for spectrum in spectra:
        parts.append(_record(spectrum, "%.6E"))
        parts.append(_record(np.linspace(0, 1, 52), "%.4E"))
    parts += [_record(np.ones(len(spectra)), "%.4E")] * 12
    return "".join(parts)


def _four_color_text(grid, k, fraction, layout):
    """A `.4color` file."""
    lines = [f"#          I      {line}" for line in (*_MODEL_LINES, f"TRACKS: {_tracks(grid, fraction)}")]
    lines += [f"#          I      I.M.F.: {grid.imf}", "#", f"#{COLUMNS[layout].replace(' ', '   ')}"]
    values = _columns(grid, k)
    for i in range(len(grid.age_gyr)):
        row = [values[name][i] for name in COLUMNS[layout].split()]
        lines.append(" ".join([f"{row[0]:10.6f}"] + [f"{value:13.6E}" for value in row[1:]]))
    return "\n".join(lines) + "\n"


def _columns(grid, k):
    """All columns of both layouts, by name; what cannot be known (the K band of a short spectrum) is 0."""
    f_lambda = grid.spectra[:, k] * (grid.lsun_erg_s / _AREA_10PC_CM2)
    curves = [filter_curve(B_FILTER), filter_curve(V_FILTER)]
    flux = band_flux(grid.wave_rest, f_lambda, curves)
    mag_b, mag_v = (
        -2.5 * np.log10(flux[:, i] / _AB_ZERO_CGS) + curve.ab_to_vega for i, curve in enumerate(curves)
    )
    lum_v, lum_b = v_luminosity(grid)[:, k], 10 ** (-0.4 * (mag_b - SUN_MAG_B))
    bolometric = SUN_MAG_BOL - 2.5 * np.log10(np.trapezoid(grid.spectra[:, k], grid.wave_rest, axis=-1))
    total = grid.mass_remaining[:, k]
    living = total if grid.mass_living is None else grid.mass_living[:, k]
    one, zero = np.ones(len(total)), np.zeros(len(total))
    values = {"log-age-yr": np.log10(grid.age_gyr) + 9, "Mbol": bolometric, "Bmag": mag_b, "Vmag": mag_v}
    values |= {"M*/Lb": total / lum_b, "M*/Lv": total / lum_v, "M*": total, "Mgas": 1 - total, "Mgalaxy": one}
    values |= {"Kmag": zero, "M*_liv": living, "M_remnants": total - living, "M_ret_gas": 1 - total}
    values |= {"M_galaxy": one, "SFR/yr": zero, "M*_liv+M_rem": total, "M*_tot/Lb": total / lum_b}
    values |= {"M*_tot/Lv": total / lum_v, "M*_tot/Lk": zero, "M*_liv/Lb": living / lum_b}
    return values | {"M*_liv/Lv": living / lum_v, "M*_liv/Lk": zero}
