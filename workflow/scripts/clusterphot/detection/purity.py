"""How many of the selected sources are none: what a control region and the negative image hold of them.

The probability of a source is one less the ratio of the density of contaminants to that of selected sources of
its magnitude and surroundings. Densities 1/arcsec2, magnitudes AB in the reference filter.
"""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from clusterphot.detection.tiles import CELL_PX
from clusterphot.star_counts import model_counts

MAG_EDGES = np.array([20.0, 26.5, 27.5, 28.25, 28.75, 29.25, 29.75, 30.25, 33.0])
"""Magnitudes between which densities are compared."""

N_CLASSES = 4
"""Parts of the field of equal area, by the light of galaxies."""


@dataclass(frozen=True)
class Purity:
    """Contaminants of a field.

    Attributes
    ----------
    probability : (n,) float ndarray
        Of each candidate that is selected to be no contaminant, else NaN.
    control : (m,) int ndarray
        Sources selected in the control region, by magnitude.
    negative : (m,) int ndarray
        Sources selected in the negative image of the whole field.
    control_area, area : float, arcsec2
        Of the control region, and searched in all.
    """

    probability: np.ndarray
    control: np.ndarray
    negative: np.ndarray
    control_area: float
    area: float


def estimate_purity(table, mag, negative_mag, maps, cell_arcsec2, control):
    """Contamination of the selected sources.

    Parameters
    ----------
    table : `astropy.table.Table`
        Candidates with x, y and selected.
    mag, negative_mag : float ndarray
        Magnitudes of all candidates, and of the selected sources of the negative image.
    maps : `clusterphot.detection.tiles.CoarseMaps`
    cell_arcsec2 : float
        Area of a cell.
    control : (ny, nx) bool ndarray
        Cells of the control region.

    Returns
    -------
    purity : `Purity`

    Notes
    -----
    Clusters in the control region count as contaminants there, so that probabilities are lower limits where it
    holds some. Half a source is added to the counts of the control region, as for the median of a Poisson mean.
    """
    selected = np.asarray(table["selected"], dtype=bool)
    x, y = np.asarray(table["x"]), np.asarray(table["y"])
    inside = _cell_values(control, maps, x, y)
    counts = np.histogram(mag[selected & inside], MAG_EDGES)[0]
    negative = np.histogram(negative_mag, MAG_EDGES)[0]
    area = float(np.nansum(maps.searched)) * cell_arcsec2
    control_area = float(np.nansum(np.where(control, maps.searched, 0.0))) * cell_arcsec2
    probability = np.full(len(table), np.nan)
    if selected.any() and control_area > 0:
        density = (counts + 0.5) / control_area
        classes = _light_classes(maps)
        of_source = _cell_values(classes, maps, x, y)
        of_source[of_source < 0] = N_CLASSES - 1  # beside a galaxy's core, in a cell lost for the most part
        for number in range(N_CLASSES):
            rows = np.flatnonzero(selected & (of_source == number))
            room = float(np.nansum(np.where(classes == number, maps.searched, 0.0))) * cell_arcsec2
            found = np.histogram(mag[rows], MAG_EDGES)[0] / max(room, 1e-9)
            share = np.clip(1.0 - density / np.maximum(found, 1e-12), 0.0, 1.0)
            probability[rows] = share[np.clip(np.digitize(mag[rows], MAG_EDGES) - 1, 0, len(share) - 1)]
    return Purity(probability, counts, negative, control_area, area)


def expected_stars(ra, dec, area_arcsec2, sequence, filt, *, mag_min=-np.inf, mag_max=np.inf):
    """Stars of the Milky Way expected in an area by `MAG_EDGES`, which no shape tells from clusters.

    Parameters
    ----------
    ra, dec : float, deg
    area_arcsec2 : float
    sequence : `astropy.table.Table`
        resources/literature/dwarf_sequence.ecsv.
    filt : str
        Filter of the magnitudes.
    mag_min, mag_max : float
        Range of the selection: parts of bins beyond it hold none.

    Returns
    -------
    number : (m,) float ndarray

    Notes
    -----
    Without dust, and good to a factor of two, see `clusterphot.star_counts.model_counts`. What the control
    region holds of them is in the probabilities already.
    """
    direction = SkyCoord(ra, dec, unit="deg").galactic
    model = model_counts(float(direction.l.deg), float(direction.b.deg), sequence, filt)
    step = model.mag[1] - model.mag[0]
    running = np.concatenate([[0.0], np.cumsum(model.total.sum(axis=0)) * step * area_arcsec2 / 3600.0])
    ends = np.concatenate([[model.mag[0] - step / 2], model.mag + step / 2])
    return np.diff(np.interp(np.clip(MAG_EDGES, mag_min, mag_max), ends, running))


def control_cells(maps, region, wcs_to_cell):
    """Cells of the control region.

    Parameters
    ----------
    maps : `CoarseMaps`
    region : 'auto' or (ra, dec, radius)
        Degrees, ICRS, and arcsec; auto takes the quarter of the area with the faintest light.
    wcs_to_cell : function
        From (ra, dec) to (row, column, arcsec per cell) of the maps.

    Returns
    -------
    control : (ny, nx) bool ndarray
    """
    if isinstance(region, str):
        return _light_classes(maps) == 0
    row, column, arcsec = wcs_to_cell(*region[:2])
    rows, columns = np.ogrid[: maps.noise.shape[0], : maps.noise.shape[1]]
    return np.hypot(rows - row, columns - column) * arcsec <= region[2]


def _light_classes(maps):
    """Class of each cell, 0 for the faintest light; -1 where nothing was searched."""
    good = (maps.searched > 0.5) & np.isfinite(maps.light)
    classes = np.full(maps.light.shape, -1)
    if good.any():
        limits = np.quantile(maps.light[good], np.arange(1, N_CLASSES) / N_CLASSES)
        classes[good] = np.digitize(maps.light[good], limits)
    return classes


def _cell_values(image, maps, x, y):
    """Values of an image on the cells of the maps at pixels of the reference filter."""
    row = np.clip((y + 0.5) // CELL_PX, 0, maps.noise.shape[0] - 1).astype(int)
    column = np.clip((x + 0.5) // CELL_PX, 0, maps.noise.shape[1] - 1).astype(int)
    return image[row, column]
