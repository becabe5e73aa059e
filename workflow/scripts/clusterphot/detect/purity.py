"""How many of the selected sources are none: contaminants lie anywhere, clusters where the light of galaxies is.

Magnitudes AB in the reference filter, light nJy/arcsec2, densities 1/arcsec2.
"""

import itertools
import logging
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from scipy import ndimage

from clusterphot.base.robust import mad_sigma
from clusterphot.detect.light_mixture import Places, bin_sources, fit_light_mixture
from clusterphot.foreground.star_counts import model_counts

logger = logging.getLogger(__name__)

MAG_EDGES = np.array([20.0, 26.5, 27.5, 28.25, 28.75, 29.25, 29.75, 30.25, 33.0])
"""Magnitudes between which sources are counted in the metadata."""

DARKEST = 0.25
"""Share of the searched area in the control region `auto`: the cells of the faintest light."""

MIN_SOURCES = 20
MIN_CONTRAST = 2.0
"""Fewer sources, or a smaller ratio of bright to faint light (95 to 5 % of the area), tell nothing."""


@dataclass(frozen=True)
class Purity:
    """Contaminants of a field.

    Attributes
    ----------
    probability : (n,) float ndarray
        Of each selected candidate to be no contaminant; NaN where it was not selected or nothing can be said.
    control : (m,) int ndarray
        Sources selected in the control region, by magnitude.
    negative : (m,) int ndarray
        Sources selected in the negative image of the whole field.
    control_area, area : float, arcsec2
        Of the control region, and searched in all.
    meta : dict
        Clusters among the selected sources with errors, and how they follow the light; or why that is not known.
    """

    probability: np.ndarray
    control: np.ndarray
    negative: np.ndarray
    control_area: float
    area: float
    meta: dict


def estimate_purity(table, mag, negative_mag, maps, cell_arcsec2, control, *, clean=False):
    """Contamination of the selected sources.

    Parameters
    ----------
    table : `astropy.table.Table`
        Candidates with x, y and selected.
    mag, negative_mag : float ndarray
        Magnitudes of all candidates, and of the selected sources of the negative image.
    maps : `clusterphot.detect.tiles.CoarseMaps`
    cell_arcsec2 : float
        Area of a cell.
    control : (ny, nx) bool ndarray
        Cells of the control region.
    clean : bool
        Whether the control region is known to hold no clusters, so that its counts are those of contaminants.

    Returns
    -------
    purity : `Purity`

    Notes
    -----
    See `clusterphot.detect.light_mixture.fit_light_mixture`. Clusters are told from contaminants by the light alone,
    and by a clean control region. The zero of the light is that of the mosaic's sky.
    """
    selected = np.asarray(table["selected"], dtype=bool) & np.isfinite(mag)
    x, y, mag = np.asarray(table["x"])[selected], np.asarray(table["y"])[selected], mag[selected]
    searched = np.nan_to_num(maps.searched).astype(float) * cell_arcsec2
    clean_cells = control & (searched > 0) if clean else np.zeros_like(control)
    probability, meta = np.full(len(table), np.nan), {"p_cluster_sum": None, "p_cluster_sum_err": None}
    reason = _not_known(maps, len(mag), clean_cells)
    if reason:
        logger.warning("p_cluster is not known: %s", reason)
        meta["not_known"] = reason
    else:
        good = _usable(maps)
        # a source in a cell that is lost for the most part has the light of the nearest one
        nearest = ndimage.distance_transform_edt(~good, return_distances=False, return_indices=True)
        row, column = (axis[maps.cells(x, y)] for axis in nearest)
        floor = _light_floor(maps.light, good)
        planes = np.maximum(maps.light, floor).astype(float), maps.noise.astype(float), clean_cells
        counts, bins = bin_sources(
            mag,
            Places(*(plane[row, column] for plane in planes)),
            Places(*(plane[good] for plane in planes)),
            searched[good],
        )
        fit = fit_light_mixture(counts)
        probability[selected] = fit.share[bins]
        meta = _describe(fit, mag, bins)
        logger.info("%(p_cluster_sum).1f +- %(p_cluster_sum_err).1f clusters among the selected", meta)
    return Purity(
        probability,
        np.histogram(mag[control[maps.cells(x, y)]], MAG_EDGES)[0],
        np.histogram(negative_mag, MAG_EDGES)[0],
        float(searched[control].sum()),
        float(searched.sum()),
        meta,
    )


def _describe(fit, mag, bins):
    """Metadata of a fit: numbers of clusters, in all and between `MAG_EDGES`, and how they follow the light."""

    def number(rows):
        sources = np.zeros(fit.share.shape)
        np.add.at(sources, tuple(axis[rows] for axis in bins), 1.0)
        return [round(value, 2) for value in fit.number(sources)]

    total, error = number(np.ones(len(mag), dtype=bool))
    parts = [number((mag >= low) & (mag < high)) for low, high in itertools.pairwise(MAG_EDGES)]
    return {
        "p_cluster_sum": total,
        "p_cluster_sum_err": error,
        "p_cluster_sums": [part[0] for part in parts],
        "p_cluster_sums_err": [part[1] for part in parts],
        "light_exponent": round(fit.exponent, 3),
        "light_exponent_err": round(fit.exponent_err, 3),
        "light_bend": round(fit.bend, 3),
        "light_bend_err": round(fit.bend_err, 3),
    }


def _not_known(maps, n_sources, clean_cells):
    """Why nothing can be said; empty if something can."""
    good = _usable(maps)
    if n_sources < MIN_SOURCES:
        return f"{n_sources} selected sources, expected {MIN_SOURCES}"
    if not (good & ~clean_cells).any():
        return "the control region is all that was searched"
    if (good & clean_cells).any():
        return ""
    light = np.maximum(maps.light[good], _light_floor(maps.light, good))
    low, high = np.quantile(light, [0.05, 0.95])
    if high < MIN_CONTRAST * low:
        return (
            f"the light rises from {low:.4g} to {high:.4g} nJy/arcsec2 (5 and 95 % of the area), expected a factor of "
            f"{MIN_CONTRAST:g}; a detection.control_region off the cluster would tell"
        )
    return ""


def _usable(maps):
    """Cells that were searched and whose light and noise are known."""
    return (maps.searched > 0) & np.isfinite(maps.light) & np.isfinite(maps.noise)


def _light_floor(light, good):
    """Scatter of the light between neighbouring cells of the fainter half; fainter light cannot be told."""
    faint = good & (light <= np.median(light[good]))
    steps = np.diff(light, axis=1)[faint[:, 1:] & faint[:, :-1]]
    scatter = mad_sigma(steps, centre=0.0) / np.sqrt(2.0) if len(steps) else 0.0
    return max(float(scatter), 1e-3 * float(np.max(light[good])), 1e-30)


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
    Without dust, and good to a factor of two, see `clusterphot.foreground.star_counts.model_counts`. Such stars
    are contaminants to the probabilities already.
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
        good = _usable(maps)
        limit = np.quantile(maps.light[good], DARKEST) if good.any() else -np.inf
        return good & (maps.light <= limit)
    row, column, arcsec = wcs_to_cell(*region[:2])
    rows, columns = np.ogrid[: maps.noise.shape[0], : maps.noise.shape[1]]
    return np.hypot(rows - row, columns - column) * arcsec <= region[2]
