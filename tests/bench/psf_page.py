"""Tables of docs/psf.md from what was measured on each field."""

import numpy as np
from marked_page import markdown_table
from psf_measures import EE_RADII_ARCSEC, rms

OURS = "ours"
WORDS = {
    "varying": 'FWHM varies by up to {variation:.0%} (at 0.7 micron), {size:g}"',
    "constant": 'one PSF everywhere, {size:g}"',
    "wide": 'FWHM varies by up to {variation:.0%}, {size:g}"',
    "few_stars": 'FWHM varies by up to {variation:.0%}, {size:g}", 20 stars of 25-27 mag and no brighter one',
}
BEYOND_SIGMA = 3.5
"""Biases of more quoted errors are counted."""


def of_kinds(entries):
    """Entries by kind, in order."""
    kinds = {}
    for entry in entries:
        kinds.setdefault(entry["kind"], []).append(entry)
    return kinds


def line(entry):
    """One field in one line: rms of the bias over the field by filter, ours and the best of the others."""
    parts = []
    for filt, values in entry["filters"].items():
        size = {
            name: 100 * rms(method["bias"]) for name, method in values["methods"].items() if "bias" in method
        }
        others = [value for name, value in size.items() if name != OURS]
        parts.append(f"{filt} {size[OURS]:.1f}" + (f" ({min(others):.1f})" if others else ""))
    return f"{entry['kind']} {entry['seed']}: flux bias rms, % (best of the others): {', '.join(parts)}"


def numbers(entries):
    """Pooled numbers by kind, filter and method.

    Parameters
    ----------
    entries : list of dict
        What was measured on each field.

    Returns
    -------
    pooled : dict
        Fractions of the flux, and CPU seconds a filter and field.
    """
    out = {}
    for kind, fields in of_kinds(entries).items():
        filters = list(fields[0]["filters"])
        out[kind] = {filt: _of_filter([field["filters"][filt] for field in fields]) for filt in filters}
    return out


def _of_filter(fields):
    """Pooled numbers of a filter, by method."""
    names = list(fields[0]["methods"])
    out = {"n_fields": len(fields), "n_stars": [field["n_stars"] for field in fields], "methods": {}}
    for name in names:
        made = [field["methods"][name] for field in fields if "bias" in field["methods"][name]]
        if not made:
            out["methods"][name] = {"n_failed": len(fields)}
            continue
        bias, shape = (np.array([values[key] for values in made]) for key in ("bias", "bias_of_shape"))
        inner = np.array([values["inner"] for values in made])
        ratio = np.array([values["ee_ratio"] for values in made]) - 1.0
        left = [field["left_out"][name] for field in fields if name in field.get("left_out", {})]
        out["methods"][name] = {
            "n_failed": len(fields) - len(made),
            "n_places_failed": int(np.isnan(bias).sum()),
            "bias_mean": float(np.nanmean(bias)),
            "bias_rms": rms(bias),
            "bias_rms_inner": rms(bias[inner]),
            "shape_mean": float(np.nanmean(shape)),
            "shape_rms": rms(shape),
            "shape_rms_inner": rms(shape[inner]),
            "ee_mean": ratio.mean(axis=0).tolist(),
            "ee_rms": [rms(values) for values in ratio.T],
            "cpu_s": float(np.median([values["cpu_s"] for values in made])),
            "left_out": float(np.mean(left)) if left else None,
        }
    # the scale that all sources of a field share, in units of its quoted error
    scale = np.array([np.nanmean(field["methods"][OURS]["bias"]) for field in fields])
    pulls = scale / np.array([field["sys_error"] for field in fields])
    out["quoted"] = {
        "sys_error": float(np.median([field["sys_error"] for field in fields])),
        "scale_rms": rms(scale),
        "pull_rms": rms(pulls),
        "pull_largest": float(np.abs(pulls).max()),
        "n_beyond": int(np.sum(np.abs(pulls) > BEYOND_SIGMA)),
    }
    return out


def tables(entries, pooled, peers, left):
    """All that is generated, as Markdown.

    Parameters
    ----------
    entries : list of dict
    pooled : dict
        Of `numbers`.
    peers : list
        What ours was compared with, see `psf_peers`.
    left : dict
        Why other programs were left out.
    """
    parts = [_programs(peers, left)]
    for kind, fields in of_kinds(entries).items():
        parts.append(f"### {_title(kind, fields)}")
        parts += _of_kind(pooled[kind])
    return "\n\n".join(parts)


def _programs(peers, left):
    """Versions and settings."""
    lines = [f"- {peer.name} ({peer.version()}): {peer.settings()}." for peer in peers]
    lines += [f"- {name} was left out: {reason}." for name, reason in left.items()]
    return "\n".join(lines)


def _title(kind, fields):
    """What kind of fields, how many, with which seeds."""
    settings = fields[0]["key"]["settings"]
    words = WORDS[kind].format(
        variation=settings["exposures"]["fwhm_variation"], size=settings["size_arcsec"]
    )
    seeds = [field["seed"] for field in fields]
    said = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} fields, seeds {seeds[0]}-{seeds[-1]}"
    return f"{words}: {said}"


def _of_kind(by_filter):
    """Tables of one kind of fields."""
    filters = list(by_filter)
    stars = ", ".join(f"{filt} {_span(by_filter[filt]['n_stars'])}" for filt in filters)
    parts = [
        f"Stars that the others were given: {stars}.",
        "Flux bias of point sources (%): mean; rms over places and fields; rms in the inner half.",
        _by_method(by_filter, lambda v: _three(v, "bias")),
        "The same with the light of the truth within 1 arcsec, or within the stamp of Piff:",
        _by_method(by_filter, lambda v: _three(v, "shape")),
        "Encircled energy in the middle over the true one, less 1 (%), rms over fields: "
        + ", ".join(f'{radius}"' for radius in EE_RADII_ARCSEC)
        + ".",
        _by_method(by_filter, lambda v: ", ".join(f"{100 * value:.1f}" for value in v["ee_rms"])),
    ]
    if any(v.get("left_out") is not None for filt in filters for v in by_filter[filt]["methods"].values()):
        parts += [
            "What is left of stars that were left out beyond what the true PSF leaves (% of their light, rms):",
            _by_method(by_filter, lambda v: "-" if v["left_out"] is None else f"{100 * v['left_out']:.1f}"),
        ]
    quoted = [by_filter[filt]["quoted"] for filt in filters]
    parts += [
        "Ours: the scale of fluxes that the sources of a field share, against its quoted error `flux_err_sys`.",
        markdown_table(
            ["", *filters],
            [
                ["rms of the mean bias of a field (%)", *(f"{100 * q['scale_rms']:.1f}" for q in quoted)],
                ["quoted error, median (%)", *(f"{100 * q['sys_error']:.1f}" for q in quoted)],
                ["rms of bias over quoted error", *(f"{q['pull_rms']:.2f}" for q in quoted)],
                ["largest", *(f"{q['pull_largest']:.1f}" for q in quoted)],
                [f"fields beyond {BEYOND_SIGMA:g}", *(str(q["n_beyond"]) for q in quoted)],
            ],
        ),
        "CPU time (s), median:",
        _by_method(by_filter, lambda v: f"{v['cpu_s']:.1f}"),
    ]
    return parts


def _span(values):
    """Smallest to largest, as text."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}-{high}"


def _three(values, kind):
    """Mean and both root mean squares, as text."""
    mean, whole, inner = (100 * values[f"{kind}_{name}"] for name in ("mean", "rms", "rms_inner"))
    failed = values["n_failed"]
    return f"{mean:+.1f}; {whole:.1f}; {inner:.1f}" + (f" ({failed} failed)" if failed else "")


def _by_method(by_filter, text):
    """A table of methods by filters."""
    filters = list(by_filter)
    names = list(by_filter[filters[0]]["methods"])
    rows = []
    for name in names:
        values = [by_filter[filt]["methods"][name] for filt in filters]
        rows.append([name, *(text(value) if "bias_rms" in value else "failed" for value in values)])
    return markdown_table(["", *filters], rows)
