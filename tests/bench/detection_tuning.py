"""The best settings of the other finders on a field with its truth.

Sought is the largest harmonic mean of completeness and purity below 28.5 mag: first on a coarse grid of cells and
thresholds with local noise, then from the best of it by single steps, in cell, threshold or noise, until none of the
neighbours is better. At each of them all choices of bands and all ranges of concentration are tried.
"""

import dataclasses
import itertools
import time

import numpy as np
from detection_measures import BRIGHT_MAG, CONTAMINANTS, MAG_RANGE, kinds_of, magnitude, match, pairs_of
from detection_peers import FINDERS, FLOOR_SIGMA, PeerField, Setting, concentrated
from simulated_field import REFERENCE

CELL_ARCSEC, CELL_STEP = 0.16, 2**0.5
THRESHOLD, THRESHOLD_STEP = 3.0, 1.25
COARSE_CELLS = (0, 2, 4, 6)
COARSE_THRESHOLDS = (0, 2, 4, 6, 8, 10)
"""Steps of the coarse grid: cells 0.16 to 1.28", thresholds 3 to 28 sigma."""

CELLS_ARCSEC = (0.08, 2.56)
"""No cell is smaller, of four pixels, or larger."""

NOISES = ("local", "field")
MAX_ROUNDS = 20
LOWS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
HIGHS = (0.8, 0.9, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, None)
"""Ends of the range of concentration, below 1 where small cells take light of the source; 0 and None let all pass, and
are no edges of a grid."""


class Judged:
    """A catalogue whose quality is asked for with many ranges of concentration.

    Parameters
    ----------
    table : `astropy.table.Table`
        From `detection_peers.PeerField.catalogue`.
    truth : `astropy.table.Table`
    scale : float, arcsec
    """

    def __init__(self, table, truth, scale):
        table = table[(table["mag"] > MAG_RANGE[0]) & (table["mag"] < MAG_RANGE[1])]
        clusters = truth[truth["kind"] == "cluster"]
        self.pairs = pairs_of(table, clusters, scale)
        self.bright = magnitude(clusters[f"flux_{REFERENCE}"]) < BRIGHT_MAG
        self.ratio = np.asarray(table["ratio"])
        self.counted = np.asarray(table["mag"]) < BRIGHT_MAG
        self.against = np.isin(kinds_of(table, truth, scale), CONTAMINANTS)

    def quality(self, setting):
        """Harmonic mean of completeness and purity for bright clusters."""
        kept = concentrated(self.ratio, setting)
        row = match([pair for pair in self.pairs if kept[pair[2]]], len(self.bright))
        hit = row[row >= 0]
        against = self.against & kept
        against[hit] = False
        right, wrong = self.counted[hit].sum(), (against & self.counted).sum()
        completeness = (row[self.bright] >= 0).sum() / max(self.bright.sum(), 1)
        purity = right / max(right + wrong, 1)
        return 2 * completeness * purity / max(completeness + purity, 1e-9)


def best_here(field, finder, cell, threshold, noise):
    """Quality and setting of the best choice of bands and concentration with a cell, threshold and noise."""
    best = (-1.0, None)
    for bands in ("same", "lower", "sum"):
        setting = Setting(cell, threshold, noise, bands)
        judged = Judged(field.catalogue(finder, setting), field.truth, field.scale)
        for low, high in itertools.product(LOWS, HIGHS):
            tried = dataclasses.replace(setting, low=low, high=high)
            best = max(best, (judged.quality(tried), tried), key=lambda pair: pair[0])
    return best


def climb(quality, start, neighbours):
    """Steps from a place to its best neighbour until none is better.

    Parameters
    ----------
    quality : callable
        Of a place; called once for each.
    start : list of hashable
        Places tried first.
    neighbours : callable
        List of the places beside one.

    Returns
    -------
    best : hashable
    tried : dict
        Qualities by place.
    """
    tried = {place: quality(place) for place in start}
    for _ in range(MAX_ROUNDS):
        best = max(tried, key=tried.get)
        new = [place for place in neighbours(best) if place not in tried]
        if not new:
            break
        tried |= {place: quality(place) for place in new}
    return max(tried, key=tried.get), tried


def values_of(place):
    """Cell, threshold and noise of a place, whose first two numbers count steps."""
    cell = round(CELL_ARCSEC * CELL_STEP ** place[0], 3)
    return cell, round(THRESHOLD * THRESHOLD_STEP ** place[1], 2), NOISES[place[2]]


def allowed(place):
    """Whether finders may be tried there."""
    cell, threshold, _ = values_of(place)
    return CELLS_ARCSEC[0] <= cell <= CELLS_ARCSEC[1] and threshold >= FLOOR_SIGMA


def beside(place):
    """Places one step away that are allowed."""
    i, j, noise = place
    steps = [(i, j, 1 - noise), (i, j - 1, noise), (i, j + 1, noise), (i - 1, j, noise), (i + 1, j, noise)]
    return [step for step in steps if allowed(step)]


def tune(field, finder):
    """Best setting of one finder on a field.

    Returns
    -------
    entry : dict
        setting, quality, the range of cells and thresholds tried, and the settings on an edge of what was tried.
    """
    settings = {}

    def quality(place):
        score, settings[place] = best_here(field, finder, *values_of(place))
        return score

    best, tried = climb(quality, list(itertools.product(COARSE_CELLS, COARSE_THRESHOLDS, (0,))), beside)
    setting = settings[best]
    edges = [
        name
        for axis, name in enumerate(("cell_arcsec", "threshold"))
        for step in (-1, 1)
        if tuple(best[k] + step * (k == axis) for k in range(3)) not in tried
    ]
    edges += ["low"] * (setting.low == LOWS[-1]) + ["high"] * (setting.high == HIGHS[0])
    cells, thresholds, _ = zip(*(values_of(place) for place in tried), strict=True)
    return {
        "setting": dataclasses.asdict(setting),
        "quality": float(tried[best]),
        "cells_arcsec": [min(cells), max(cells)],
        "thresholds": [min(thresholds), max(thresholds)],
        "n_places": len(tried),
        "on_edge": edges,
    }


def best_settings(folder):
    """`tune` of every finder, and the CPU seconds it took.

    Parameters
    ----------
    folder : `pathlib.Path`
        Where the target candidates has been made.
    """
    field, out = PeerField(folder), {}
    for name, finder in FINDERS.items():
        start = time.process_time()
        out[name] = tune(field, finder)
        out[name]["cpu_s"] = time.process_time() - start
        field.cache.clear()
    return out


def edge_statement(tuned):
    """One sentence: whether a best setting lies on an edge of what was tried."""
    edges = {name: entry["on_edge"] for name, entry in tuned.items() if entry["on_edge"]}
    if not edges:
        return "No best setting lies on an edge of what was tried."
    return (
        "On an edge of what was tried: " + "; ".join(f"{n}: {', '.join(e)}" for n, e in edges.items()) + "."
    )
