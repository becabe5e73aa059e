"""Cards: what a page about one source shows, made chunk by chunk and kept as JSON.

Fluxes nJy, ages Gyr, metallicities in solar units, masses log10 Msun, positions cutout pixels (0-based).
"""

import base64
import json

import numpy as np

from clusterphot.base.files import own_file
from clusterphot.report.numbers import dump, short, short_list, write_text
from clusterphot.report.populations import best_fit_fluxes, map_axes, posterior_pictures
from clusterphot.report.stamps import LOWEST_SNR, draw_sheet

VERSION = 1
"""Of the layout of the JSON; files of another version are not read."""

MAP_LEVELS = 255

AXES = ("age_edges", "metallicity_edges")
"""Of the maps; ages end at that of the Universe, and so depend on the redshift."""


def make_sheets(ids, filters):
    """Sheets of cutouts, models and residuals of sources.

    Parameters
    ----------
    ids : sequence of str
    filters : list of `clusterphot.report.stamps.FilterStamps`
        Empty for a field without images.

    Returns
    -------
    sheets : list of dict or None
        One per source, ready for JSON.
    """
    if not filters:
        return [None] * len(ids)
    sheets = []
    for name in ids:
        sheet = draw_sheet(name, filters)
        sheets.append(
            {
                "png": base64.b64encode(sheet["png"]).decode("ascii"),
                "sizes": sheet["sizes"],
                "scale": [LOWEST_SNR, short(sheet["top"], 4)],
                "sigma": short_list(sheet["sigma_njy"], 3),
                "window": short_list(sheet["window_px"], 3),
                "marks": [
                    [[other, short(round(x, 2)), short(round(y, 2))] for other, x, y in marks]
                    for marks in sheet["marks"]
                ],
                "missing": sheet["missing"],
            }
        )
    return sheets


def make_populations(flux, err, clusters, models, model, *, min_relative_error, flux_floor_fraction):
    """Best-fit fluxes, posterior band and age-metallicity map of sources.

    Parameters
    ----------
    flux, err : (n, n_bands) float ndarray, nJy
        Corrected for Milky Way dust, random errors.
    clusters : `astropy.table.Table`
    models : `clusterphot.sed.best_fit.Models`
    model : `clusterphot.sed.posterior_model.PosteriorModel`
    min_relative_error, flux_floor_fraction : float

    Returns
    -------
    populations : list of dict
        ``best``: fluxes; ``band``: five quantiles of the fluxes, or None; ``map``: base64 of the bytes of the
        map (0 to 255, ages as rows), or None.
    """
    best = best_fit_fluxes(clusters, models)
    band, maps = posterior_pictures(
        flux, err, model, min_relative_error=min_relative_error, flux_floor_fraction=flux_floor_fraction
    )
    populations = []
    for row, cells in enumerate(maps):
        picture = None
        if cells is not None:
            levels = np.rint(cells * MAP_LEVELS).astype(np.uint8)
            picture = base64.b64encode(levels.tobytes()).decode("ascii")
        populations.append(
            {
                "best": short_list(best[row], 4),
                "band": short_list(band[row], 4) if cells is not None else None,
                "map": picture,
            }
        )
    return populations


def write_cards(path, ids, filters, sheets, populations, model, *, redshift):
    """Write the cards of a chunk.

    Parameters
    ----------
    path : str
    ids : sequence of str
    filters : sequence of str
    sheets, populations : list of dict
    model : `clusterphot.sed.posterior_model.PosteriorModel`
        For the axes of the maps.
    redshift : float
        At which the sources of the chunk are fitted.
    """
    age_edges, metallicity_edges = map_axes(model)
    cards = {
        str(name): {"stamps": sheet, **population}
        for name, sheet, population in zip(ids, sheets, populations, strict=True)
    }
    content = {
        "version": VERSION,
        "filters": list(filters),
        "redshift": redshift,
        "age_edges": short_list(age_edges, 6),
        "metallicity_edges": short_list(metallicity_edges, 6),
        "cards": cards,
    }
    write_text(path, dump(content) + "\n")


def read_cards(path):
    """Read what `write_cards` wrote.

    Raises
    ------
    ValueError
        If the file has another layout.
    """
    with own_file(path), open(path, encoding="utf-8") as stream:
        content = json.load(stream)
    if content.get("version") != VERSION:
        raise ValueError(f"{path}: cards of version {content.get('version')}, expected {VERSION}")
    return content


def merge_cards(paths, ids, redshift=None):
    """Cards of all chunks in the order of the source list.

    Parameters
    ----------
    paths : list of str
    ids : list of str
    redshift : float, optional
        Of the field. Cards of sources at another one have the axes of their maps themselves, as ``axes``.

    Returns
    -------
    cards : list of dict
    shared : dict
        ``filters``, ``age_edges`` and ``metallicity_edges``.

    Raises
    ------
    ValueError
        If the chunks do not hold exactly these ids, or differ in what they share.
    """
    contents = [read_cards(path) for path in paths]
    shared = [{key: value for key, value in content.items() if key != "cards"} for content in contents]
    shared.sort(key=lambda one: one.get("redshift") != redshift)  # those of the field come first
    cards = {}
    for content in contents:
        own = {name: content[name] for name in AXES}
        at_another = content.get("redshift") != shared[0].get("redshift")
        same = ("version", "filters") if at_another else ("version", "filters", *AXES)
        if any(content[name] != shared[0][name] for name in same):
            raise ValueError("the cards of the chunks were made with different filters or axes")
        cards |= {
            name: card | ({"axes": own} if at_another else {}) for name, card in content["cards"].items()
        }
    if set(cards) != set(ids) or sum(len(content["cards"]) for content in contents) != len(ids):
        raise ValueError(f"the chunks hold {len(cards)} cards, the source list {len(ids)} sources")
    return [cards[name] for name in ids], shared[0]
