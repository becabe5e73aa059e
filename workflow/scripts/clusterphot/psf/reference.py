"""Reference encircled energies: what the wings of a PSF are drawn to, and how far they are trusted.

The table is that of the JWST documentation for NIRCam (see the file's own header); radii in arcsec.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clusterphot.base.errors import DataError
from clusterphot.base.files import own_file

RADII_ARCSEC = (0.1, 0.2, 0.4, 1.0)
EE_COLUMNS = ("ee_0p1", "ee_0p2", "ee_0p4", "ee_1p0")

ANCHOR_ARCSEC = 0.2
"""Radius at which measured and reference light are compared: of the table's radii the first beyond the join of
core and wings, within which the light is known best."""

BLUE_LIMIT, RED_LIMIT = 0.75, 1.2
"""Wavelengths over the table's first and last at which its ends still serve: F070W (0.78) and F480M (1.09)."""

WAVEFRONT_SCATTER, SCATTER_MICRON = 0.25, 0.9
"""Scatter of the light outside the core from epoch to epoch, a fraction, at this wavelength; falls as its square."""

TABLE_SCATTER = 0.10
"""The same at any wavelength, from drizzling, jitter and the table itself, which is that of detector images."""


@dataclass(frozen=True)
class Reference:
    """Reference encircled energy of one filter.

    Attributes
    ----------
    table : dict
        From `read_encircled_energy`.
    filter_name : str
    """

    table: dict
    filter_name: str

    def ee(self, radius_arcsec):
        """Encircled energy within a radius, see `reference_ee`."""
        return reference_ee(self.table, self.filter_name, radius_arcsec)

    def scatter(self):
        """Fractional 1-sigma error of the light outside the core, see `reference_scatter`."""
        return reference_scatter(self.table, self.filter_name)


def read_encircled_energy(path):
    """Read the reference table: ``{filter: (wavelength_um, EE at RADII_ARCSEC)}``."""
    with own_file(path):
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")]
        names, *rows = (line.split(",") for line in lines if line and not line.startswith("#"))
        table = {}
        for cells in rows:
            row = dict(zip(names, cells, strict=True))
            energy = np.array([float(row[name]) for name in EE_COLUMNS])
            table[row["filter"]] = (float(row["wavelength_um"]), energy)
        if not table:
            raise ValueError("it has no rows")
        return table


def reference_ee(table, filter_name, radius_arcsec):
    """Reference encircled energy at any radius.

    Parameters
    ----------
    table : dict
        From `read_encircled_energy`.
    filter_name : str
        In the table, or of the form ``F115W``: then interpolated between its neighbours in wavelength.
    radius_arcsec : float or array

    Returns
    -------
    ee : float ndarray
        Interpolated as ln(1 - EE) against ln r; beyond 1" as 1 - EE proportional to 1/r (diffraction).

    Raises
    ------
    DataError
        If the wavelength of the filter is unknown or outside the table by more than a fifth
        (a quarter at its blue end, for F070W).

    Examples
    --------
    >>> table = {"F200W": (1.988, np.array([0.701, 0.832, 0.894, 0.954]))}
    >>> [round(float(reference_ee(table, "F200W", radius)), 3) for radius in (0.2, 1.0, 4.0)]
    [0.832, 0.954, 0.988]
    """
    if filter_name in table:
        values = table[filter_name][1]
    else:
        match = re.fullmatch(r"F(\d{3})[A-Z]\d?", filter_name)
        waves = np.array([entry[0] for entry in table.values()])
        wave = float(match.group(1)) / 100.0 if match else np.nan
        if not BLUE_LIMIT * waves.min() <= wave <= RED_LIMIT * waves.max():
            raise DataError(
                f"encircled-energy table, filter {filter_name}",
                "no entry",
                f"one of {', '.join(table)} or a NIRCam filter between them",
                "add a line to resources/psf/encircled_energy.csv or set psf.beyond_stamp: none",
            )
        columns = np.stack([entry[1] for entry in table.values()])
        values = np.array([np.interp(wave, waves, columns[:, k]) for k in range(columns.shape[1])])
    radius = np.maximum(np.asarray(radius_arcsec, dtype=float), 1e-3)  # a logarithm is taken
    inner = np.exp(np.interp(np.log(radius), np.log(RADII_ARCSEC), np.log(1.0 - values)))
    outer = (1.0 - values[-1]) * RADII_ARCSEC[-1] / radius
    return 1.0 - np.where(radius > RADII_ARCSEC[-1], outer, inner)


def reference_scatter(table, filter_name):
    """Fractional 1-sigma error of the reference light outside the core, ``1 - EE``.

    Wavefront errors scatter a share (2 pi rms / wavelength)^2 of the light, so that their scatter from epoch
    to epoch (60-95 nm; Rigby et al. 2023, PASP 135, 048001) matters most at short wavelengths: 35 % at 0.9
    micron, 11 % at 4.4; a tenth is allowed for drizzling, jitter and the table itself.
    """
    wave = table[filter_name][0] if filter_name in table else float(filter_name[1:4]) / 100.0
    return TABLE_SCATTER + WAVEFRONT_SCATTER * (SCATTER_MICRON / wave) ** 2
