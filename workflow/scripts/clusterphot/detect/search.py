"""From boxes to the proposed source list: search, join, select, count contaminants.

Fluxes nJy, positions pixels of the reference mosaic and ICRS degrees.
"""

import csv
import logging

import numpy as np
from astropy.table import Table, vstack

from clusterphot.base.files import whole_file
from clusterphot.detect import purity
from clusterphot.detect.catalog import detect_box
from clusterphot.detect.field import apply_selection, frozen_list, product_table, without_duplicates
from clusterphot.detect.selection import MOMENTS, REASONS, fit_point_locus
from clusterphot.detect.tiles import CELL_PX, LOST, coarse

logger = logging.getLogger(__name__)


def search_boxes(field, boxes, options, selection):
    """Raw candidates of some boxes and their coarse maps.

    Parameters
    ----------
    field : `clusterphot.detect.field.FieldBands`
    boxes : list of (y0, y1, x0, x1)
    options : `clusterphot.detect.finder.FinderOptions`
    selection : `clusterphot.detect.selection.SelectionOptions`

    Returns
    -------
    table : `astropy.table.Table`
        Column ``negative`` marks what was found in the negative image.
    maps : list of (box, array)
    """
    parts, maps = [], []
    for box in boxes:
        result = detect_box(
            field.bands, field.reference, box, options, selection, stars=field.bright_stars, negative=True
        )
        for table, negative in ((result.table, False), (result.negative, True)):
            table["negative"] = np.full(len(table), negative)
            parts.append(table)
        maps.append((box, coarse(box, result.noise, result.light, result.lost)))
    return _stacked(parts, field), maps


def join_tables(tables, field):
    """Raw candidates of all tiles, each once."""
    table = _stacked(tables, field)
    scale = field.bands[field.reference].mosaic.pixel_scale_arcsec
    negative = np.asarray(table["negative"], dtype=bool)
    return _stacked([without_duplicates(table[rows], scale) for rows in (~negative, negative)], field)


def _stacked(tables, field):
    """Rows of all tables; the columns also where there is none."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return _empty(field)
    table = vstack(filled, metadata_conflicts="silent")
    table.meta.clear()
    return table


def _empty(field):
    """Table without rows."""
    names = ["x", "y", "snr", "ra", "dec", "missing", "surface_brightness"]
    for band in field.names:
        names += [f"flux_{band}", f"flux_err_{band}", f"noise_{band}"]
        names += [f"{moment}{kind}_{band}" for moment in MOMENTS for kind in ("", "_err")]
    table = Table({name: np.zeros(0) for name in names})
    table["found_in"] = np.zeros(0, dtype=int)
    for name in ("near_hole", "near_star", "stands_out", "negative"):
        table[name] = np.zeros(0, dtype=bool)
    return table


def select_field(raw, stars, field, maps, selection, control_region):
    """Candidates of a field with reasons and probabilities.

    Parameters
    ----------
    raw : `astropy.table.Table`
        From `join_tables`.
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars`.
    field : `clusterphot.detect.field.FieldBands`
    maps : `clusterphot.detect.tiles.CoarseMaps`
    selection : `clusterphot.detect.selection.SelectionOptions`
    control_region : 'auto' or (ra, dec, radius)

    Returns
    -------
    table : `astropy.table.Table`
        As in ``candidates.ecsv``.
    meta : dict
        Locus of the stars, areas, counts of reasons and of contaminants.
    """
    mosaic = field.bands[field.reference].mosaic
    scale = mosaic.pixel_scale_arcsec
    negative = raw[np.asarray(raw["negative"], dtype=bool)]
    table = raw[~np.asarray(raw["negative"], dtype=bool)]
    locus = fit_point_locus(table, stars, field.names, mosaic.shape, scale)
    for part in (table, negative):
        apply_selection(part, locus, field, selection)

    def to_cell(ra, dec):
        x, y = (float(value) for value in mosaic.wcs.celestial.all_world2pix(ra, dec, 0))
        return (y + 0.5) / CELL_PX - 0.5, (x + 0.5) / CELL_PX - 0.5, CELL_PX * scale

    control = purity.control_cells(maps, control_region, to_cell)
    cell = (CELL_PX * scale) ** 2
    false = np.asarray(negative["mag"])[np.asarray(negative["selected"], dtype=bool)]
    result = purity.estimate_purity(
        table, np.asarray(table["mag"]), false, maps, cell, control, clean=not isinstance(control_region, str)
    )
    product = product_table(table, field, result.probability)
    counts = {name or "selected": int(np.sum(product["reason"] == name)) for name in REASONS}
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    logger.info("%d candidates: %s", len(product), said)
    areas = {"searched": result.area, "control_region": result.control_area}
    areas |= {name: float(np.nansum(maps.lost[name])) * cell for name in LOST}
    meta = {
        "point_locus": locus.to_meta(),
        "area_arcsec2": {name: round(value, 3) for name, value in areas.items()},
        "reasons": {name: sentence for name, sentence in REASONS.items() if name},
        "counts": counts,
        "purity": {
            "mag_edges": purity.MAG_EDGES.tolist(),
            "selected_in_control_region": result.control.tolist(),
            "selected_in_negative_image": result.negative.tolist(),
            **result.meta,
        },
        "filters": field.names,
        "reference_filter": field.names[field.reference],
    }
    return product, meta


def write_frozen(path, table):
    """Write the selected candidates as a source list that ``sources`` of the configuration can name."""
    rows = frozen_list(table)
    with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(rows.colnames)
        for row in rows:
            p = f"{row['p_cluster']:.3f}" if np.isfinite(row["p_cluster"]) else ""
            writer.writerow([row["id"], f"{row['ra']:.7f}", f"{row['dec']:.7f}", p])
