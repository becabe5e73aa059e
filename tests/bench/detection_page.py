"""Tables of docs/detection.md from what was measured on each field."""

import itertools

import numpy as np
from astropy.stats import binom_conf_interval
from detection_measures import BESIDE_ARCSEC, BESIDE_MAG, CONTAMINANTS, GRADIENTS, KINDS, LIMIT_BINS
from detection_peers import LOWER_SIGMA
from detection_tuning import edge_statement
from marked_page import markdown_table
from simulated_field import FILTERS

ONE_SIGMA = 0.6827
LIMITS = {"28.5": "< 28.5", "29": "< 29", "99": "all"}
"""Magnitudes to which purity is counted: names in measured.json and in tables."""


def share(found, number):
    """A share as text."""
    return f"{found / number:.3f}" if number else "-"


def interval(found, number):
    """A share with its 68 % interval (Wilson) and of how many, as text."""
    if not number:
        return "-"
    low, high = binom_conf_interval(found, number, confidence_level=ONE_SIGMA, interval="wilson")
    return f"{found / number:.3f} ({low:.3f}-{high:.3f}) of {number}"


def against(kinds):
    """Number of what counts against purity."""
    return sum(kinds[name] for name in CONTAMINANTS)


def purity(kinds, text=share):
    """Clusters over clusters, galaxies, wings and noise: stars are left out."""
    return text(kinds["cluster"], kinds["cluster"] + against(kinds))


def median_percent(ratios):
    """Median bias in per cent and its error."""
    values = np.asarray(ratios, dtype=float)
    if len(values) < 8:
        return np.nan, np.nan
    middle = np.median(values)
    scatter = 1.4826 * np.median(np.abs(values - middle))
    return 100 * (middle - 1), 125.3 * scatter / np.sqrt(len(values))


def bias(ratios):
    """Bias as text."""
    value, error = median_percent(ratios)
    return f"{value:+.1f} +- {error:.1f}" if np.isfinite(value) else "-"


def line(entry):
    """One field in one line."""
    closure, (slow, put) = (
        entry["closure"],
        (_gentle(entry["fluxes"][key]) for key in ("clusters", "artificial")),
    )
    found = [share(entry[f"found_{key}"], entry[f"n_{key}"]) for key in ("bright", "faint_light", "all")]
    pure = [purity(entry[f"kinds_{key}"]) for key in ("28.5", "29", "99")]
    return (
        f"{name(entry)}: completeness {' '.join(found)}, purity {' '.join(pure)}, flux {bias(slow)} "
        f"(scale {100 * (entry['psf_scale'] - 1):+.1f}), artificial {bias(put)} %, "
        f"found {closure['found']}, predicted {closure['predicted']:.1f} ({closure['sigma']:+.1f} sigma), "
        f"chi2 {closure['chi2']:.1f} / {closure['n_bins']}, p {closure['p_value']:.3f}, "
        f"50 % {entry['mag_50']:.2f} +- {entry['mag_50_err']:.3f} {entry['method']}, {entry['injection_cpu_s']:.0f} s"
    )


def _gentle(bins):
    """Ratios of the bins below the steepest gradient."""
    return [ratio for part in bins[:-1] for ratio in part]


def tables(entries, tuned):
    """All that is generated, as Markdown.

    Parameters
    ----------
    entries : list of dict
        What was measured on each field.
    tuned : dict
        Of `detection_tuning.best_settings`.
    """
    parts = [_fields(entries), _found(entries), _pure(entries), _fluxes(entries), _closure(entries)]
    parts += [_beside(entries), _counted(entries)]
    compared = [entry for entry in entries if "peers" in entry]
    if compared:
        cpu = f"They were found in {sum(entry['cpu_s'] for entry in tuned.values()):.0f} s of CPU time."
        parts += [_peers(compared, tuned), f"{edge_statement(tuned)} {cpu}", _peer_noise(compared)]
    return "\n\n".join(parts)


def _span(values, digits):
    """Smallest to largest, as text."""
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low}-{high}"


def _fields(entries):
    """What lies in the fields, in sentences."""
    usual = [e for e in entries if "galaxies_per_arcsec2" not in e["settings"]]
    lines = []
    if usual:
        density = _span([e["galaxies_per_arcsec2"] for e in usual], 3)
        lines.append(f"Background galaxies that are there: {density} per arcsec2")
    for e in entries:
        if e not in usual:
            lines.append(f"{name(e)}: {e['galaxies_per_arcsec2']:.3f} per arcsec2")
    number, selectable = (_span([e[key] for e in entries], 0) for key in ("n_stars", "n_stars_in_range"))
    lines.append(f"stars: {number}, of them {selectable} in the range of magnitudes that is selected")
    varying = [e for e in entries if e["field_fwhm_percent"]]
    if varying:
        stars, whole = (_span([e[f"{part}_fwhm_percent"] for e in varying], 1) for part in ("star", "field"))
        named = ", ".join(name(e) for e in entries if e not in varying)
        lines.append(
            f"the FWHM of the true PSF differs by {stars} % among the stars of a field, by {whole} % in the field"
            + f", and not in {named}" * bool(named)
        )
    lines.append(
        f"a pixel scatters by {_span([e['pixel_over_white'] for e in entries], 2)} of the sigma of white noise of "
        "the same depth, the unit of the gradient"
    )
    return "; ".join(lines) + ". Intervals in brackets are of 68 % (Wilson)."


def _found(entries):
    """Galaxies, stars, and completeness."""
    rows = [
        [
            name(e), f"{e['galaxies_per_arcsec2']:.3f}", f"{e['n_stars_in_range']} ({e['n_stars']})",
            *(interval(e[f"found_{key}"], e[f"n_{key}"]) for key in ("bright", "faint_light", "all")),
        ]
        for e in entries
    ]  # fmt: skip
    head = ["field (seed)", "galaxies per arcsec2", "stars in range (all)", "completeness F200W < 28.5"]
    return markdown_table(head + ["light < 4000", "all"], rows)


def _pure(entries):
    """Purity, and what the rest is."""
    rows = []
    for e in entries:
        kinds = [e[f"kinds_{limit}"] for limit in LIMITS]
        counts = ("/".join(str(kind[what]) for kind in kinds) for what in KINDS if what != "cluster")
        rows.append([name(e), *(purity(kind, interval) for kind in kinds), *counts])
    head = ["field (seed)", *(f"purity {label}" for label in LIMITS.values())]
    plural = {"star": "stars", "galaxy": "galaxies", "wing": "wings", "noise": "noise"}
    return markdown_table(head + [plural[what] for what in KINDS if what != "cluster"], rows)


def _fluxes(entries):
    """Flux biases by gradient."""
    rows = []
    for e in entries:
        groups = e["fluxes"]["clusters"], e["fluxes"]["artificial"]
        below = [_gentle(group) for group in groups]
        scaled = [r / e["psf_scale"] for r in below[0]]
        scale = f"{100 * (e['psf_scale'] - 1):+.1f} ({100 * e['psf_scale_scatter']:.1f})"
        rows.append([name(e), bias(below[0]), scale, bias(scaled), bias(below[1]), bias(groups[1][2])])
    total = ["**together**"]
    pooled = {
        key: [[r for e in entries for r in e["fluxes"][key][b]] for b in range(len(GRADIENTS) - 1)]
        for key in ("clusters", "artificial")
    }
    scaled = [r / e["psf_scale"] for e in entries for r in _gentle(e["fluxes"]["clusters"])]
    gentle = [bias(_gentle(pooled[key])) for key in ("clusters", "artificial")]
    total += [gentle[0], "", bias(scaled), gentle[1], bias(pooled["artificial"][2])]
    head = [
        "field (seed)",
        "clusters, gradient < 20 (%)",
        "scale of the PSF (its scatter, %)",
        "clusters less scale (%)",
    ]
    first = markdown_table(head + ["artificial, < 20 (%)", "artificial, > 20 (%)"], [*rows, total])
    steps = [f"{low:g}-{high:g}" for low, high in zip(GRADIENTS[:-1], GRADIENTS[1:], strict=True)]
    binned = [
        [label, *(bias(group[b]) for group in pooled.values()), *(len(group[b]) for group in pooled.values())]
        for b, label in enumerate(steps)
    ]
    second = markdown_table(
        ["gradient", "clusters (%)", "artificial (%)", "number of clusters", "of artificial"], binned
    )
    return first + "\n\n" + second


def _closure(entries):
    """Prediction against finding, and limits."""
    rows = []
    for e in entries:
        c = e["closure"]
        rows.append(
            [
                name(e), f"{c['found']} of {c['n']}", f"{c['predicted']:.1f} +- {c['error']:.1f}",
                f"{c['sigma']:+.1f}", f"{c['chi2']:.1f} / {c['n_bins']}", f"{c['p_value']:.3f}",
                f"{e['mag_50']:.2f} +- {e['mag_50_err']:.3f}", e["method"], e["n_injections"],
                f"{e['injection_cpu_s']:.0f}",
            ]
        )  # fmt: skip
    total = {key: sum(e["closure"][key] for e in entries) for key in ("found", "n", "predicted")}
    error = np.sqrt(sum(e["closure"]["error"] ** 2 for e in entries))
    away = (total["found"] - total["predicted"]) / error
    rows.append(
        [
            "**together**", f"{total['found']} of {total['n']}", f"{total['predicted']:.1f} +- {error:.1f}",
            f"{away:+.1f}", *([""] * 6),
        ]
    )  # fmt: skip
    head = ["field (seed)", "found", "predicted", "sigma", "chi2 / bins", "p", "50 % limit (mag)", "from"]
    return markdown_table(head + ["artificial", "their CPU (s)"], rows)


def _beside(entries):
    """Completeness by distance to the nearest galaxy, of all fields but the faint ones."""
    entries = [e for e in entries if "fainter_mag" not in e["settings"]]
    if not entries:
        return ""
    steps = [f'{low:g}-{high:g}"' for low, high in itertools.pairwise(BESIDE_ARCSEC)]
    rows = [
        [
            label,
            *(interval(*np.sum([e["beside"][key][b] for e in entries], axis=0)) for b in range(len(steps))),
        ]
        for key, label in (("clusters", "clusters"), ("artificial", "artificial clusters"))
    ]
    return markdown_table([f"completeness < {BESIDE_MAG:g}, by distance to a galaxy", *steps], rows)


def _counted(entries):
    """Artificial clusters counted for those missed, over those put in, of all fields."""
    ends = [f"{low:+g} to {high:+g}" for low, high in itertools.pairwise(LIMIT_BINS)]
    numbers = np.array([e["counted"] for e in entries], dtype=float)
    counted, error, put = (
        numbers[..., 0].sum(0),
        np.sqrt((numbers[..., 1] ** 2).sum(0)),
        numbers[..., 2].sum(0),
    )
    cells = [f"{c / n:.2f} +- {e / n:.2f}" for c, e, n in zip(counted, error, put, strict=True)]
    head = ["magnitude less 50 % limit", *(end.replace("-inf to", "brighter than") for end in ends)]
    return markdown_table(
        head, [["artificial clusters counted for 1 / completeness, over those put in", *cells]]
    )


BANDS = {
    "same": "F150W too",
    "lower": f"F150W above {LOWER_SIGMA:g} sigma too",
    "sum": "in the sum with F150W",
}


def _said(setting):
    """A setting as text."""
    text = (
        f'cell {setting["cell_arcsec"]:.2g}", {setting["threshold"]:.3g} sigma ({setting["noise"]} noise), '
    )
    text += BANDS[setting["bands"]]
    low, high = setting["low"], setting["high"]
    if low or high:
        ends = (f"> {low:g}" if low else ""), (f"< {high:g}" if high else "")
        text += f", concentration {' and '.join(end for end in ends if end)}"
    return text


def _peers(entries, tuned):
    """Side by side."""
    rows = []
    for label in ("this one", *tuned):
        scores = [e if label == "this one" else e["peers"][label] for e in entries]
        found = {k: sum(s[f"found_{k}"] for s in scores) for k in ("bright", "all")}
        number = {k: sum(s[f"n_{k}"] for s in scores) for k in ("bright", "all")}
        kinds = [{k: sum(s[f"kinds_{m}"][k] for s in scores) for k in KINDS} for m in LIMITS]
        said = "as configured" if label == "this one" else _said(tuned[label]["setting"])
        shares = (interval(found[k], number[k]) for k in ("bright", "all"))
        rows.append([label, said, *shares, *(purity(kind, interval) for kind in kinds)])
    head = ["finder", "settings", "completeness < 28.5", "all", "purity < 28.5", "< 29", "all"]
    by_field = []
    for e in entries:
        for label in ("this one", *tuned):
            score = e if label == "this one" else e["peers"][label]
            shares = interval(score["found_bright"], score["n_bright"]), purity(score["kinds_28.5"], interval)
            by_field.append([name(e), label, *shares])
    second = markdown_table(["field (seed)", "finder", "completeness < 28.5", "purity < 28.5"], by_field)
    return markdown_table(head, rows) + "\n\n" + second


def _peer_noise(entries):
    """What a sigma of each finder is, and what was tried."""
    parts = []
    for label in entries[0]["peers"]:
        sigma, pixel = (
            _span([e["peers"][label][key] for e in entries], 2)
            for key in ("sigma_over_weight", "pixel_over_weight")
        )
        parts.append(f"{label}: {sigma} (a pixel less the background: {pixel})")
    return (
        "A sigma of theirs is that of the image that is thresholded, in its own kernel scaled to keep the sigma of "
        "independent pixels; in units of the error of a pixel in the weight map it is "
        + "; ".join(parts)
        + "."
    )


def name(entry):
    """Kind and seed."""
    more = f", {len(entry['filters'])} filters" if len(entry["filters"]) != len(FILTERS) else ""
    return f"{entry['kind']} ({entry['seed']}{more})"
