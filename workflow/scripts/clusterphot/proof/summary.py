"""Biases and pulls of artificial clusters and blank places, against magnitude, light, depth and neighbours.

A pull is the difference from the truth over the 1-sigma error; medians and 1.4826 times the median absolute deviation
throughout, as in `clusterphot.proof.recovery`, so that the two can be compared.
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.flags import Flag
from clusterphot.base.units import MAG_PER_FRACTION, flux_from_mag_ab, mag_ab
from clusterphot.proof.donors import HARMLESS
from clusterphot.proof.recovery import BINS, MEDIAN_ERROR, excess, median, robust_scatter

SCATTER_ERROR = 1.167
"""Error of the scaled median absolute deviation of n normal deviates over their sigma, times sqrt(n): its efficiency is
0.367 (Rousseeuw & Croux 1993, J. Am. Stat. Assoc. 88, 1273), so 1 / sqrt(2 x 0.367)."""

NEIGHBOUR_EDGES = (0.0, 0.2, 0.4, 0.8, np.inf)
"""Edges of the bins of the distance (arcsec) from the nearest listed source."""

DEPTH_SHARES, LIGHT_SHARES = (1 / 3, 2 / 3), (0.2, 0.4, 0.6, 0.8)
"""Quantiles at which these are parted: of the field's own depths in each filter, of the light under artificial clusters
in all filters together."""

QUANTITIES = ("mag", "light", "depth", "neighbour")
"""What rows are binned by, one at a time."""

COLUMNS = (
    "kind", "filter", *(f"{name}_{end}" for name in QUANTITIES[:3] for end in ("low", "high")), "n", "bias",
    "bias_err", "pull_median", "pull_scatter", "pull_scatter_err", "neighbour_low", "neighbour_high", "n_flagged",
)  # fmt: skip

DEFINITIONS = {
    "injected": "artificial clusters: pulls are measured less true flux over flux_err, which has no part by dither "
    "phase here; bias is the median of measured / true - 1, of colours (rows F-G) the median difference in mag",
    "blank": "fits at places where nothing is seen, held there in all filters: pulls are flux over flux_err",
    "light": "fitted sky under the source, nJy/arcsec2",
    "depth": "5-sigma depth of a point source, AB mag, by the local weights alone",
    "not binned": "both ends are NaN",
    "true populations": "fit of the true de-reddened fluxes with the errors of the measured ones",
}
"""Meaning of rows and columns, for the metadata."""

COLOUR_DEPTHS = 4.0
"""Flux over the 5-sigma depth from which a source has a colour: a signal to noise of about 10 in noise as correlated as
drizzled mosaics have it."""

BEYOND_SIGMA = 3.0
"""Biases are told where they are this many times their error."""


def summarise(outcome, filters):
    """Summary of the outcomes of all chunks.

    Parameters
    ----------
    outcome : `astropy.table.Table`
        From `clusterphot.proof.outcome`.
    filters : sequence of str
        In the order of wavelength; colours are those of neighbours in this order.

    Returns
    -------
    summary : `astropy.table.Table`
        A row for each kind and filter with all of it, then one for each bin; a row is binned by the quantity whose ends
        are not NaN. Colours are rows of their own, named F-G.

    Notes
    -----
    Sources with a flag are counted and left out. The bias is the median of measured over true flux, less 1, of colours
    the median difference in mag; blank places have none.
    """
    rows, light_edges = [], _light_edges(outcome, filters)
    for kind in ("injected", "blank"):
        some = outcome[np.asarray(outcome["kind"]) == kind]
        if len(some) == 0:
            continue
        for filt in filters:
            rows += _filter_rows(kind, some, filt, light_edges)
        if kind == "injected":
            rows += [_colour(some, *pair) for pair in zip(filters[:-1], filters[1:], strict=True)]
    return Table({name: [row[name] for row in rows] for name in COLUMNS})


def whole_row(summary, kind, filt):
    """Row of all of one kind in a filter, or None."""
    rows = summary[(np.asarray(summary["kind"]) == kind) & (np.asarray(summary["filter"]) == filt)]
    return next((row for row in rows if all(np.isnan(row[f"{name}_low"]) for name in QUANTITIES)), None)


def clean(outcome, filt):
    """Rows (n,) bool without a flag that matters in a filter."""
    return (np.asarray(outcome[f"flags_{filt}"]) & ~HARMLESS) == 0


def _filter_rows(kind, outcome, filt, light_edges):
    """Rows of one kind and filter."""
    pull, true = (np.asarray(outcome[f"{name}_{filt}"]) for name in ("pull", "true_flux"))
    fraction = excess(np.asarray(outcome[f"flux_{filt}"]), true)
    good = clean(outcome, filt)
    measured = good & np.isfinite(pull)
    values = {
        "mag": mag_ab(true),
        "light": np.asarray(outcome[f"light_{filt}"]),
        "depth": np.asarray(outcome[f"depth_{filt}"]),
        "neighbour": np.asarray(outcome["neighbour_arcsec"]),
    }

    def row(inside, **ends):
        chosen = measured & inside
        return _row(kind, filt, pull[chosen], fraction[chosen], n_flagged=int((inside & ~good).sum()), **ends)

    rows = [row(np.ones(len(pull), dtype=bool))]
    for name, edges in _edges(values["depth"][measured], light_edges).items():
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            inside = (values[name] >= low) & (values[name] < high)
            if (inside & measured).any():
                rows.append(row(inside, **{f"{name}_low": low, f"{name}_high": high}))
    return rows


def _light_edges(outcome, filters):
    """Edges of the bins of light, to two digits and the same in all filters: of artificial clusters where there are."""
    kind = np.asarray(outcome["kind"])
    some = outcome[kind == "injected"] if np.any(kind == "injected") else outcome
    light = np.concatenate(
        [np.asarray(some[f"light_{filt}"], dtype=float)[clean(some, filt)] for filt in filters]
    )
    light = light[np.isfinite(light)]
    inner = np.quantile(light, LIGHT_SHARES) if len(light) else []
    return (-np.inf, *sorted({float(f"{value:.1e}") for value in inner}), np.inf)


def _edges(depths, light_edges):
    """Edges of the bins of each quantity."""
    edges = {"mag": BINS["mag"], "light": light_edges, "neighbour": NEIGHBOUR_EDGES}
    parts = np.unique(np.round(np.quantile(depths, DEPTH_SHARES), 3)) if len(depths) else []
    return edges | {"depth": (-np.inf, *parts, np.inf)}


def _row(kind, filt, pull, fraction, **more):
    """One row from the pulls and relative differences of the sources in it."""
    scatter, fraction = robust_scatter(pull), fraction[np.isfinite(fraction)]
    root = np.sqrt(max(len(pull), 1))
    row = dict.fromkeys(COLUMNS, np.nan) | {
        "kind": kind,
        "filter": filt,
        "n": len(pull),
        "bias": median(fraction),
        "bias_err": MEDIAN_ERROR * robust_scatter(fraction) / np.sqrt(max(len(fraction), 1)),
        "pull_median": median(pull),
        "pull_scatter": scatter,
        "pull_scatter_err": SCATTER_ERROR * scatter / root,
    }
    return row | more


def _colour(outcome, blue, red):
    """Row of a colour, of sources `COLOUR_DEPTHS` times as bright as the depth in both filters.

    They are chosen by what was put in, at a depth that knows no flux: an error with photons of the measured flux would
    prefer fluxes that came out low.
    """
    good, difference, variance = np.ones(len(outcome), dtype=bool), 0.0, 0.0
    for filt, sign in ((blue, 1.0), (red, -1.0)):
        flux, true, err, depth = (
            np.asarray(outcome[f"{name}_{filt}"]) for name in ("flux", "true_flux", "flux_err", "depth")
        )
        good &= clean(outcome, filt) & (true > COLOUR_DEPTHS * flux_from_mag_ab(depth)) & (flux > 0)
        safe = np.where(good, flux, 1.0)
        difference = difference + sign * (mag_ab(safe) - mag_ab(np.where(good, true, 1.0)))
        variance = variance + (MAG_PER_FRACTION * err / safe) ** 2
    pull = difference[good] / np.sqrt(variance[good])
    return _row("injected", f"{blue}-{red}", pull, difference[good], n_flagged=0)


def flagged_shares(outcome, filters):
    """Share of artificial clusters with each flag in each filter, of flags that any has; for metadata."""
    some = outcome[np.asarray(outcome["kind"]) == "injected"]
    shares = {}
    for filt in filters if len(some) else ():
        flags = np.asarray(some[f"flags_{filt}"])
        of_flag = {flag.name: round(float(np.mean((flags & int(flag)) > 0)), 4) for flag in Flag if flag}
        shares[filt] = {name: share for name, share in of_flag.items() if share > 0}
    return shares


def describe(summary):
    """What a person is told of each filter, then one line of all, with biases beyond their errors; a list of lines."""
    lines, beyond, scatters = [], [], {}
    whole = (
        summary[np.all([np.isnan(summary[f"{name}_low"]) for name in QUANTITIES], axis=0)]
        if len(summary)
        else []
    )
    for row in whole:
        line = (
            f"{row['filter']}: {row['n']} {row['kind']}, pulls {row['pull_median']:+.2f}, "
            f"scatter {row['pull_scatter']:.2f} +- {row['pull_scatter_err']:.2f}"
        )
        if np.isfinite(row["bias"]):
            unit, factor = (" mag", 1.0) if "-" in row["filter"] else (" %", 100.0)
            line += f", bias {factor * row['bias']:+.2f} +- {factor * row['bias_err']:.2f}{unit}"
            if abs(row["bias"]) > BEYOND_SIGMA * row["bias_err"]:
                line += f", beyond {BEYOND_SIGMA:.0f} times its error"
                beyond.append(str(row["filter"]))
        if "-" not in row["filter"]:
            scatters.setdefault(str(row["kind"]), []).append(float(row["pull_scatter"]))
        lines.append(line)
    told = [f"{min(of):.2f} to {max(of):.2f} ({kind})" for kind, of in scatters.items()]
    biases = f"bias beyond its error in {', '.join(beyond)}" if beyond else "no bias beyond its error"
    return [
        *lines,
        "; ".join([f"pulls scatter by {', '.join(told)}", biases]) if told else "nothing was put in",
    ]
