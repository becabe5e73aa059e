"""The page of proof of a field: whether its errors are right, on one screen.

Pulls of blank places, of artificial clusters and of the truth where there is one; bias against light; what was flagged,
what errors were multiplied by, and the budget of the PSF's error. Fluxes nJy, light nJy/arcsec2, charts in SVG's units.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.figures.style import filter_color
from clusterphot.proof import agreement
from clusterphot.proof.outcome import depth_of
from clusterphot.proof.recovery import MEDIAN_ERROR, excess, median, robust_scatter
from clusterphot.proof.scaling import factors
from clusterphot.proof.summary import SCATTER_ERROR, clean, whole_row
from clusterphot.report.verdict import DASH, MINUS, PROVEN_SIGMA, PROVEN_TO

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"

PULL_EDGES = np.arange(-4.0, 4.25, 0.5)
"""Of the histograms of pulls; what lies beyond counts with the last bins."""

TILE = {"width": 200, "height": 96, "most": 0.56}
"""Size of a histogram of pulls, and the share per unit of pull at its top."""

CHART = {"width": 620, "height": 230, "left": 46, "right": 8, "top": 10, "bottom": 38}
"""Size of the chart of bias against light, and its margins."""

CHART_SHARE = 0.9
"""Of the ends of the bars that the chart has room for: a single bin known badly is not to set the scale."""

MIN_IN_BIN = 10
"""Bins of light with fewer sources are left out of the chart."""

BUDGET = {
    "PSF core": ("psf core",),
    "wings": ("psf wings", "psf beyond the stamp"),
    "reference": ("psf reference",),
    "over the field": ("psf variation",),
    "other": ("psf other",),
    "zero point": ("zero point",),
}
"""Columns of the budget of systematic errors, by kinds of `clusterphot.psf.systematics.KINDS`."""


@dataclass(frozen=True)
class ProofTables:
    """What the page rests on.

    Attributes
    ----------
    summary, sources, scaling : `astropy.table.Table`
        From the rule summarise_proof.
    photometry, systematics : `astropy.table.Table`
    recovery, matched : `astropy.table.Table` or None
        Summary and sources of the comparison with the truth, of fields that have one.
    """

    summary: object
    sources: object
    scaling: object
    photometry: object
    systematics: object
    recovery: object = None
    matched: object = None


def describe_proof(tables, filters):
    """Values of the template of the page.

    Parameters
    ----------
    tables : `ProofTables`
    filters : sequence of str

    Returns
    -------
    values : dict
        ``tiles``, ``chart``, ``heads`` and ``lines`` of the table, ``truth`` (None, or what is said of it).
    """
    compared = None
    if tables.recovery is not None:
        compared = agreement.compare_with_truth(tables.summary, tables.recovery, filters)
    whole = (
        {} if compared is None else {str(row["filter"]): row for row in compared if np.isnan(row["mag_low"])}
    )
    heads, lines = _table(tables, filters)
    return {
        "tiles": [_tile(tables, filt, whole.get(filt)) for filt in filters],
        "chart": _chart(tables, filters),
        "heads": heads,
        "lines": lines,
        "truth": None if compared is None else _against_truth(compared),
        "applied": _is_rescaled(tables.photometry, filters),
        "tile_size": TILE,
        "chart_size": CHART,
    }


def _color(filt):
    """Colour of a filter in all figures."""
    return filter_color(float(load_filter(filt).wave_pivot))


# ---- pulls ---------------------------------------------------------------------------------------------------


def _tile(tables, filt, compared):
    """Histograms of one filter; scatters and biases of what is in them, and p values of their agreement."""
    series = {}
    for kind, words in (("blank", "blank"), ("injected", "put in")):
        if (row := whole_row(tables.summary, kind, filt)) is not None:
            chosen = (np.asarray(tables.sources["kind"]) == kind) & clean(tables.sources, filt)
            series[words] = _finite(tables.sources, f"pull_{filt}", chosen), row
    if tables.matched is not None and (true := agreement.true_row(tables.recovery, "flux", filt)) is not None:
        pull = _finite(tables.matched, f"pull_{filt}", np.asarray(tables.matched[f"flags_{filt}"]) == 0)
        series["truth"] = pull, true
    lines = [_line(words, *of) for words, of in series.items()]
    if compared is not None:
        chances = [(f"{compared[f'p_{of}']:.2f}", "") for of in ("scatter", "bias")]
        lines.append({"words": "p", "n": 0, "cells": chances})
    return {
        "filter": filt,
        "color": _color(filt),
        "normal": _path((x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)) for x in np.linspace(-4, 4, 65)),
        "lines": lines,
        "bars": _steps(series["put in"][0]) if "put in" in series else "",
        "outline": _steps(series["blank"][0]) if "blank" in series else "",
        "dots": _dots(series["truth"][0]) if "truth" in series else [],
    }


def _line(words, pull, row):
    """Scatter and bias of some pulls with their errors, and whether they are 1 and 0."""
    scatter, bias, bias_err = (float(row[name]) for name in ("pull_scatter", "bias", "bias_err"))
    error = SCATTER_ERROR * scatter / np.sqrt(max(len(pull), 1))
    right = abs(scatter - 1.0) <= max(PROVEN_TO, PROVEN_SIGMA * error)
    cells = (
        [(f"{scatter:.2f}{PLUS_MINUS}{error:.2f}", "" if right else "look")]
        if len(pull) > 1
        else [(DASH, "")]
    )
    if np.isfinite(bias):
        # the truth's bias is compared with the quoted systematic error, in its p value
        off = words == "put in" and abs(bias) > PROVEN_SIGMA * bias_err
        cells.append(
            (f"{100 * bias:+.1f}{PLUS_MINUS}{100 * bias_err:.1f}".replace("-", MINUS), "look" if off else "")
        )
    return {"words": words, "n": len(pull), "cells": cells}


def _finite(table, name, chosen):
    """Finite values of a column among some rows."""
    values = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)[chosen]
    return values[np.isfinite(values)]


def _shares(pull):
    """Share per unit of pull in each bin."""
    counts, _ = np.histogram(np.clip(pull, PULL_EDGES[0], PULL_EDGES[-1]), PULL_EDGES)
    return counts / max(len(pull), 1) / np.diff(PULL_EDGES)


def _place(x, share):
    """Place in a tile."""
    across = (x - PULL_EDGES[0]) / (PULL_EDGES[-1] - PULL_EDGES[0]) * TILE["width"]
    return across, TILE["height"] * (1.0 - min(share / TILE["most"], 1.0))


def _path(points):
    """Path of SVG through points (pull, share)."""
    return "M" + "L".join("{:.1f},{:.1f}".format(*_place(*point)) for point in points)


def _steps(pull):
    """Outline of a histogram."""
    shares = _shares(pull)
    corners = [(PULL_EDGES[0], 0.0)]
    for low, high, share in zip(PULL_EDGES[:-1], PULL_EDGES[1:], shares, strict=True):
        corners += [(low, share), (high, share)]
    return _path([*corners, (PULL_EDGES[-1], 0.0)])


def _dots(pull):
    """Places of the dots of a histogram."""
    middle = 0.5 * (PULL_EDGES[1:] + PULL_EDGES[:-1])
    return [_place(x, share) for x, share in zip(middle, _shares(pull), strict=True) if share > 0]


# ---- bias against light --------------------------------------------------------------------------------------


def _chart(tables, filters):
    """Bias of what was put in, and of the truth, in the bins of light of the summary."""
    summary = tables.summary
    binned = summary[
        (np.asarray(summary["kind"]) == "injected") & ~np.isnan(np.asarray(summary["light_low"], float))
    ]
    ends = sorted({(float(row["light_low"]), float(row["light_high"])) for row in binned})
    points = []
    for k, filt in enumerate(filters):
        own = binned[(np.asarray(binned["filter"]) == filt) & (np.asarray(binned["n"]) >= MIN_IN_BIN)]
        at = {(float(row["light_low"]), float(row["light_high"])): row for row in own}
        for number, bin_ends in enumerate(ends):
            place = number + 0.12 + 0.76 * (k + 0.35) / len(filters)
            if bin_ends in at:
                row = at[bin_ends]
                points.append((place, float(row["bias"]), float(row["bias_err"]), filt, "put in"))
            if (
                tables.matched is not None
                and (truth := _true_bias(tables.matched, filt, bin_ends)) is not None
            ):
                points.append((place + 0.3 * 0.76 / len(filters), *truth, filt, "truth"))
    reach = [100.0 * (abs(bias) + error) for _, bias, error, *_ in points if np.isfinite(error)]
    most = np.quantile(reach, CHART_SHARE) if reach else 1.0
    step = next((size for size in (1, 2, 5, 10, 20, 50) if 3 * size >= most), 100)

    def across(place):
        return CHART["left"] + place / max(len(ends), 1) * (CHART["width"] - CHART["left"] - CHART["right"])

    def down(percent):
        middle = 0.5 * (CHART["height"] - CHART["bottom"] + CHART["top"])
        # what lies beyond stands at the edge
        return middle - np.clip(percent / (3.2 * step), -1.0, 1.0) * (middle - CHART["top"])

    return {
        "ticks": [
            (down(step * k), f"{step * k:+d}".replace("-", MINUS).replace("+0", "0")) for k in range(-3, 4)
        ],
        "bins": [
            (across(number + 0.5), across(number), _spell_light(*pair)) for number, pair in enumerate(ends)
        ],
        "points": [
            {
                "x": across(place),
                "y": down(100 * bias),
                "low": down(100 * (bias - error)),
                "high": down(100 * (bias + error)),
                "color": _color(filt),
                "truth": kind == "truth",
                "words": f"{filt}, {kind}: {100 * bias:+.1f} {PLUS_MINUS} {100 * error:.1f} %".replace(
                    "-", MINUS
                ),
            }
            for place, bias, error, filt, kind in points
        ],
        "zero": down(0.0),
    }


def _true_bias(matched, filt, ends):
    """Bias of the list's own fluxes where the true light is within these ends, and its error; None of a few."""
    light = np.asarray(matched[f"halo_{filt}"], dtype=float)
    chosen = (light >= ends[0]) & (light < ends[1]) & (np.asarray(matched[f"flags_{filt}"]) == 0)
    fraction = excess(np.asarray(matched[f"flux_{filt}"]), np.asarray(matched[f"true_flux_{filt}"]))[chosen]
    fraction = fraction[np.isfinite(fraction)]
    if len(fraction) < MIN_IN_BIN:
        return None
    return median(fraction), MEDIAN_ERROR * robust_scatter(fraction) / np.sqrt(len(fraction))


def _spell_light(low, high):
    """Words for a bin of light."""
    if not np.isfinite(high):
        return f"> {low:g}"
    return f"< {high:g}" if not np.isfinite(low) else f"{low:g}{DASH}{high:g}"


# ---- flags, factors, PSF -------------------------------------------------------------------------------------


def _table(tables, filters):
    """Heads and lines of the table: flagged shares, factors on errors, the budget of the PSF's error."""
    known = set(np.asarray(tables.systematics["kind"]).astype(str))
    parts = {words: kinds for words, kinds in BUDGET.items() if known & set(kinds)}
    heads = [("flagged: put in, list", "%"), ("errors times", "")]
    heads += [(words, "%") for words in (*parts, "together")]
    injected = tables.sources[np.asarray(tables.sources["kind"]) == "injected"]
    lines = []
    for filt in filters:
        put_in, listed = ~clean(injected, filt), ~clean(tables.photometry, filt)
        budget = [_effect(tables.systematics, filt, kinds) for kinds in (*parts.values(), list(known))]
        shares = [f"{100 * np.mean(some):.1f}" if len(some) else DASH for some in (put_in, listed)]
        cells = [", ".join(shares), _factor(tables, filt)]
        cells += [f"{100 * value:.2f}" for value in budget]
        lines.append({"filter": filt, "color": _color(filt), "cells": cells, "flags": _reasons(tables, filt)})
    return heads, lines


def _effect(systematics, filt, kinds):
    """Fractional error of the fluxes of a filter by modes of these kinds: middle of the field and change over it."""
    rows = systematics[np.isin(np.asarray(systematics["kind"]).astype(str), kinds)]
    return float(np.sqrt(sum(np.sum(np.square(rows[f"{name}_{filt}"])) for name in ("effect", "gradient"))))


def _is_rescaled(photometry, filters):
    """Whether the errors of the list were multiplied by what artificial clusters say."""
    return any(f"error_factor_{filt}" in photometry.colnames for filt in filters)


def _factor(tables, filt):
    """Range of the factors on the errors of the list, applied or not; a dash where the scatter is not known well."""
    photometry, name = tables.photometry, f"error_factor_{filt}"
    if name in photometry.colnames:
        values = np.ma.filled(np.ma.asarray(photometry[name], dtype=float), np.nan)
    else:
        row = tables.scaling[list(tables.scaling["filter"]).index(filt)]
        sky, error = (
            np.ma.filled(np.ma.asarray(photometry[f"{of}_{filt}"], dtype=float), np.nan)
            for of in ("sky", "flux_err_conditional")
        )
        values = factors(row, sky / row["pixel_scale_arcsec"] ** 2, depth_of(error)).value
    values = values[np.isfinite(values) & (values != 1.0)]
    if len(values) == 0:
        return DASH
    ends = dict.fromkeys(f"{value:.2f}" for value in np.quantile(values, [0.16, 0.84]))
    return DASH.join(ends)


def _reasons(tables, filt):
    """Flags of artificial clusters with their shares, in words."""
    shares = tables.summary.meta.get("flagged_shares", {}).get(filt, {})
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())


# ---- truth ---------------------------------------------------------------------------------------------------


def _against_truth(compared):
    """Whether artificial clusters and the truth agree, in words."""
    least, number = agreement.smallest_chance(compared)
    if number == 0:
        return {"answer": "too few sources to compare with the truth", "detail": "", "tone": "look"}
    agree = least > agreement.CHANCE / number
    answer = (
        "artificial clusters and the truth agree" if agree else "artificial clusters and the truth differ"
    )
    detail = (
        f"Smallest of {number} p values: {least:.2g}; below {agreement.CHANCE / number:.2g} they would differ. "
        "Compared are biases and scatters, whole and by magnitude; the truth's bias has the error of PSF and zero "
        "point beside its own."
    )
    return {"answer": answer, "detail": detail, "tone": "good" if agree else "look"}
