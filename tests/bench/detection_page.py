"""Tables of docs/detection.md from what was measured on each field."""

import numpy as np
from detection_field import FILTERS
from detection_measures import GRADIENTS
from detection_peers import CONCENTRATIONS
from marked_page import markdown_table


def share(found, number):
    """A share as text."""
    return f"{found / number:.3f}" if number else "-"


def purity(kinds):
    """Clusters over clusters, galaxies and noise: stars are left out."""
    return share(kinds["cluster"], kinds["cluster"] + kinds["galaxy"] + kinds["noise"])


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
        f"chi2 {closure['chi2']:.1f} / {closure['dof']}, "
        f"50 % {entry['mag_50']:.2f} +- {entry['mag_50_err']:.3f} {entry['method']}, {entry['injection_cpu_s']:.0f} s"
    )


def _gentle(bins):
    """Ratios of the bins below the steepest gradient."""
    return [ratio for part in bins[:-1] for ratio in part]


def tables(entries, settings):
    """All tables, as Markdown."""
    parts = [_found(entries), _fluxes(entries), _closure(entries)]
    compared = [entry for entry in entries if "peers" in entry]
    if compared:
        parts.append(_peers(compared, settings))
    return "\n\n".join(parts)


def _found(entries):
    """Completeness and purity."""
    rows = []
    for e in entries:
        stars = "/".join(str(e[f"kinds_{m}"]["star"]) for m in ("28.5", "29", "99"))
        rows.append(
            [
                name(e), f"{share(e['found_bright'], e['n_bright'])} ({e['n_bright']})",
                f"{share(e['found_faint_light'], e['n_faint_light'])} ({e['n_faint_light']})",
                share(e["found_all"], e["n_all"]),
                *(purity(e[f"kinds_{m}"]) for m in ("28.5", "29", "99")), stars,
            ]
        )  # fmt: skip
    head = ["field (seed)", "completeness F200W < 28.5 (of)", "light < 4000 (of)", "all"]
    return markdown_table(head + ["purity < 28.5", "< 29", "all", "stars < 28.5/29/all"], rows)


def _fluxes(entries):
    """Flux biases by gradient."""
    rows = []
    for e in entries:
        groups = e["fluxes"]["clusters"], e["fluxes"]["artificial"]
        below = [_gentle(group) for group in groups]
        scaled = [r / e["psf_scale"] for r in below[0]]
        scale = f"{100 * (e['psf_scale'] - 1):+.1f}"
        rows.append([name(e), bias(below[0]), scale, bias(scaled), bias(below[1]), bias(groups[1][2])])
    total = ["**together**"]
    pooled = {
        key: [[r for e in entries for r in e["fluxes"][key][b]] for b in range(len(GRADIENTS) - 1)]
        for key in ("clusters", "artificial")
    }
    scaled = [r / e["psf_scale"] for e in entries for r in _gentle(e["fluxes"]["clusters"])]
    gentle = [bias(_gentle(pooled[key])) for key in ("clusters", "artificial")]
    total += [gentle[0], "", bias(scaled), gentle[1], bias(pooled["artificial"][2])]
    head = ["field (seed)", "clusters, gradient < 20 (%)", "scale of the PSF (%)", "clusters less scale (%)"]
    first = markdown_table(head + ["artificial, < 20 (%)", "artificial, > 20 (%)"], [*rows, total])
    steps = [f"{low:g}-{high:g}" for low, high in zip(GRADIENTS[:-1], GRADIENTS[1:], strict=True)]
    binned = [
        [label, *(bias(group[b]) for group in pooled.values()), *(len(group[b]) for group in pooled.values())]
        for b, label in enumerate(steps)
    ]
    second = markdown_table(["gradient", "clusters (%)", "artificial (%)", "number", "number"], binned)
    return first + "\n\n" + second


def _closure(entries):
    """Prediction against finding, and limits."""
    rows = []
    for e in entries:
        c = e["closure"]
        p = "-" if c["p_value"] is None else f"{c['p_value']:.2f}"
        rows.append(
            [
                name(e), f"{c['found']} of {c['n']}", f"{c['predicted']:.1f} +- {c['error']:.1f}",
                f"{c['sigma']:+.1f}", f"{c['chi2']:.1f} / {c['dof']}", p,
                f"{e['mag_50']:.2f} +- {e['mag_50_err']:.3f}", e["method"], e["n_injections"],
                f"{e['injection_cpu_s']:.0f}",
            ]
        )  # fmt: skip
    head = ["field (seed)", "found", "predicted", "sigma", "chi2 / bins", "p", "50 % limit (mag)", "from"]
    return markdown_table(head + ["artificial", "their CPU (s)"], rows)


def _range(concentration):
    """Range of concentration as text."""
    low, high = concentration
    return f", concentration {low:g}-{high:g}" if np.isfinite(high) else ""


def _peers(entries, settings):
    """Side by side."""
    names = ["this one", *settings]
    rows = []
    for label in names:
        scores = [e if label == "this one" else e["peers"][label] for e in entries]
        found = {k: sum(s[f"found_{k}"] for s in scores) for k in ("bright", "all")}
        number = {k: sum(s[f"n_{k}"] for s in scores) for k in ("bright", "all")}
        kinds = [
            {k: sum(s[f"kinds_{m}"][k] for s in scores) for k in ("cluster", "galaxy", "noise")}
            for m in ("28.5", "29", "99")
        ]
        said = "as configured"
        if label != "this one":
            cell, threshold, cut = settings[label]
            said = f'cell {cell:g}", {threshold:g} sigma' + _range(CONCENTRATIONS[cut])
        rows.append(
            [
                label,
                said,
                *(share(found[k], number[k]) for k in ("bright", "all")),
                *(purity(k) for k in kinds),
            ]
        )
    head = ["finder", "settings", "completeness < 28.5", "all", "purity < 28.5", "< 29", "all"]
    return markdown_table(head, rows)


def name(entry):
    """Kind and seed."""
    more = f", {len(entry['filters'])} filters" if len(entry["filters"]) != len(FILTERS) else ""
    return f"{entry['kind']} ({entry['seed']}{more})"
