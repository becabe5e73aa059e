"""Page on which a person accepts or rejects candidates: cut-outs in all filters, facts, keys; one HTML file.

Cut-outs are grey on an inverse hyperbolic sine of the local noise; positions degrees (ICRS), fluxes nJy.
"""

import base64
import hashlib
import html
import json

import numpy as np
from scipy.spatial import cKDTree

from clusterphot.base.png import encode_png
from clusterphot.base.robust import mad_sigma

STAMP_ARCSEC = 1.2
MAX_NEIGHBOURS = 12
GREY_STEP = 8
"""Cut-outs have 256 / 8 shades of grey: the eye sees no more in noise, and the page is smaller by a third."""


def candidate_page(template, table, mosaics, reference, *, field):
    """The page as text.

    Parameters
    ----------
    template : str
        HTML with the place ``{{DATA}}``.
    table : `astropy.table.Table`
        Candidates, as in ``candidates.ecsv``.
    mosaics : list of `clusterphot.base.products.Mosaic`
        In the order in which filters are shown.
    reference : str
        Filter of the magnitudes.
    field : str

    Returns
    -------
    page : str

    Notes
    -----
    Decisions are kept in the browser under a digest of the candidates, so that those of another search are not
    mixed up with them.
    """
    order = np.lexsort((np.asarray(table["mag"]), ~np.asarray(table["selected"], dtype=bool)))
    names = [mosaic.filter_name for mosaic in mosaics]
    entries = [
        _entry(table, row, neighbours, mosaics, reference)
        for row, neighbours in _with_neighbours(table, order)
    ]
    digest = hashlib.sha256(
        repr([(entry["id"], entry["selected"]) for entry in entries]).encode()
    ).hexdigest()
    data = {"field": field, "digest": digest[:12], "filters": names, "candidates": entries}
    # "</script>" in an id would end the element
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return template.replace(
        "<title>Candidates</title>", f"<title>{html.escape(field)}: candidates</title>"
    ).replace("{{DATA}}", text)


def _with_neighbours(table, order):
    """Rows in order, each with the offsets (fractions of the stamp, from its upper left) of its neighbours."""
    ra, dec = np.asarray(table["ra"], dtype=float), np.asarray(table["dec"], dtype=float)
    if not len(table):
        return
    middle = np.cos(np.radians(dec.mean()))
    plane = np.stack([-(ra - ra[0]) * middle, dec], axis=1) * 3600.0 / STAMP_ARCSEC
    tree = cKDTree(plane)
    for row in order:
        near = [other for other in tree.query_ball_point(plane[row], 0.7) if other != row]
        offsets = plane[near] - plane[row]
        inside = offsets[np.abs(offsets).max(axis=1, initial=0) < 0.5][:MAX_NEIGHBOURS]
        yield row, [[round(0.5 + float(x), 3), round(0.5 - float(y), 3)] for x, y in inside]


def _entry(table, row, neighbours, mosaics, reference):
    """What the page holds of one candidate."""
    one = table[int(row)]
    p = float(one["p_cluster"])
    facts = [
        ["position (ICRS, deg)", f"{float(one['ra']):.6f} {float(one['dec']):+.6f}"],
        [f"{reference} magnitude", f"{float(one['mag']):.2f}"],
        ["combined significance", f"{float(one['snr']):.1f}"],
        ["point-likeness", f"{float(one['point_likeness']):.3g}"],
        ["variance beyond stars (mas²)", f"{float(one['size']):.0f} ± {float(one['size_err']):.0f}"],
        ["elongation", f"{float(one['elongation_sigma']):.1f} sigma"],
        ["light below (nJy/arcsec²)", f"{float(one['surface_brightness']):.0f}"],
        ["neighbours in the cut-out", str(len(neighbours))],
        ["probability of a cluster", f"{p:.2f}" if np.isfinite(p) else "not known"],
        ["automatic verdict", "selected" if one["selected"] else f"rejected: {one['reason']}"],
    ]
    flux = [
        f"{float(one[f'flux_{m.filter_name}']):.1f} ± {float(one[f'flux_err_{m.filter_name}']):.1f} nJy"
        for m in mosaics
    ]
    return {
        "id": str(one["id"]),
        "ra": float(one["ra"]),
        "dec": float(one["dec"]),
        "p": p if np.isfinite(p) else None,
        "selected": bool(one["selected"]),
        "reason": str(one["reason"]),
        "neighbours": neighbours,
        "facts": facts,
        "flux": flux,
        "png": strip(mosaics, float(one["ra"]), float(one["dec"])),
    }


def strip(mosaics, ra, dec):
    """Cut-outs of all filters side by side, north up where the mosaics are: base64 of a grey PNG."""
    side = max(int(round(STAMP_ARCSEC / mosaic.pixel_scale_arcsec)) | 1 for mosaic in mosaics)
    image = np.hstack([_stamp(mosaic, ra, dec, side) for mosaic in mosaics])
    return base64.b64encode(encode_png(image)).decode()


def _stamp(mosaic, ra, dec, side):
    """One cut-out as bytes of grey, enlarged by whole pixels' nearest neighbours; row 0 is the top."""
    x, y = (float(value) for value in mosaic.wcs.celestial.all_world2pix(ra, dec, 0))
    step = STAMP_ARCSEC / mosaic.pixel_scale_arcsec / side
    offset = (np.arange(side) - side // 2) * step
    columns, rows = np.rint(x + offset).astype(int), np.rint(y + offset).astype(int)
    y0, x0 = int(rows.min()), int(columns.min())
    sci, ivar = mosaic.region(y0, int(rows.max()) + 1, x0, int(columns.max()) + 1)
    good = (ivar > 0) & np.isfinite(sci)
    if not good.any():
        return np.zeros((side, side), dtype=np.uint8)
    middle = np.median(sci[good])
    scale = max(mad_sigma(sci[good], centre=middle), 1e-12)
    grey = np.arcsinh(np.where(good, sci - middle, 0.0) / (2 * scale))
    low, high = -1.5, max(float(grey.max()), 2.5)
    grey = np.clip(255 * (grey - low) / (high - low), 0, 255).astype(np.uint8) // GREY_STEP * GREY_STEP
    return grey[np.ix_(rows - y0, columns - x0)][::-1]
