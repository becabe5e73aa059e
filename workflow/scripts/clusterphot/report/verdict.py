"""The verdict on a field, the first thing on its page: what to use, how old, how sure, what limits, what is assumed.

`PARTS` has one function for each statement; one that a field has no evidence for says nothing. Ages Gyr, radii pc.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from scipy.special import chdtrc

from clusterphot.proof.summary import whole_row

SMALL_CHANCE = 0.01
"""Chance of a chi-square below which a best fit is said not to fit."""

OFF_SIGMA = 2.0
"""Offset of a band from what the others predict, over its error and that of the zero point, from which it is named."""

PSF_MATTERS = 1.05
"""Ratio of limits of sizes, PSF uncertain over PSF known, from which the PSF is said to limit them."""

ERRORS_HOLD = (0.85, 1.3)
"""Factors on the flux errors, asked for by the fits, that are taken for one."""

PROVEN_TO, PROVEN_SIGMA = 0.1, 3.0
"""Scatter of pulls may differ from 1 by this, or by this many times its error, and a bias from 0 by as many."""

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Statement:
    """One line of the verdict.

    Attributes
    ----------
    topic, answer, detail : str
        Question in two words, answer in a few, and what it rests on.
    origin : str
        Path of the table that it rests on.
    tone : {'good', 'look', 'plain'}
        Whether the reader should worry.
    links : tuple of (words, address)
        Within the folder of the field.
    """

    topic: str
    answer: str
    detail: str
    origin: str
    tone: str = "plain"
    links: tuple = ()


@dataclass(frozen=True)
class Evidence:
    """Tables that the statements rest on; those that a field does not have are none.

    Attributes
    ----------
    tables : dict of str to `astropy.table.Table`
        By ``clusters``, ``stack``, ``sizes``, ``predictive`` and whatever an added statement needs.
    paths : dict of str to str
        Of the same.
    advice : list of `clusterphot.report.advice.Advice`
    assumed : dict of str to str
        Words that the tables do not hold: ``redshift``, ``ebv``, ``grid``.
    """

    tables: dict
    paths: dict
    advice: list
    assumed: dict = field(default_factory=dict)


def give_verdict(evidence):
    """Statements on a field, in the order of `PARTS`."""
    return [statement for part in PARTS if (statement := part(evidence)) is not None]


def which_sources(evidence):
    """How many sources to use, to look at and to drop, with the reasons."""
    uses = Counter(one.use for one in evidence.advice)
    n = len(evidence.advice)
    drop = Counter(one.kind for one in evidence.advice if one.use == "no")
    look = Counter(one.kind for one in evidence.advice if one.use == "look")
    details = [f"Drop: {_counted(drop)}." if drop else "", f"Look at: {_counted(look)}." if look else ""]
    links = [(f"the {uses[use]} to {words}", f"clusters.html#s=use%3D{use}")
             for use, words in (("no", "drop"), ("look", "look at")) if uses[use]]  # fmt: skip
    answer = f"use {uses['yes']} of {n}"
    if uses["no"] or uses["look"]:
        parts = [f"{words} {uses[use]}" for use, words in (("no", "drop"), ("look", "look at")) if uses[use]]
        answer += f"; {', '.join(parts)}"
    tone = "look" if uses["yes"] < 0.8 * n else "good"
    detail = " ".join(words for words in details if words) or "None has a flag that matters."
    return Statement("Sources", answer, detail, evidence.paths["clusters"], tone, tuple(links))


def _counted(kinds):
    """Reasons with their numbers, the most frequent first."""
    return ", ".join(f"{number} {words}" for words, number in kinds.most_common())


def age_of_stack(evidence):
    """Age of the stack by its posterior, beside the best fit and whether that fits at all."""
    table = evidence.tables.get("stack")
    if table is None:
        return None
    row = table[0]
    chi2, dof = float(row["chi2"]), int(row["dof"])
    if not np.isfinite(chi2):
        return None
    best = f"best fit {float(row['age_gyr']):g} Gyr and {float(row['metallicity_zsun']):g} solar"
    if dof < 1:
        return Statement("Stack", "not constrained: too few filters", best, evidence.paths["stack"], "look")
    chance = float(chdtrc(dof, chi2))
    fits = chance >= SMALL_CHANCE
    detail = f"The {best} has chi-square {chi2:.1f} for {dof} (p {spell_chance(chance)})"
    detail += (
        "." if fits else ": it does not fit with the errors as quoted, so intervals around it mean nothing."
    )
    answer = f"{float(row['age_gyr']):g} Gyr"
    if "age_gyr_p50" in row.colnames and np.isfinite(row["age_gyr_p50"]):
        low, middle, high = (float(row[f"age_gyr_{name}"]) for name in ("p16", "p50", "p84"))
        answer = f"{middle:.2g} Gyr ({low:.2g}{DASH}{high:.2g}, 68 %)"
        ends = [float(row[f"metallicity_zsun_{name}"]) for name in ("p16", "p50", "p84")]
        detail = (
            f"Posterior, with zero points and too small errors allowed for; metallicity {ends[1]:.2g} "
            f"({ends[0]:.2g}{DASH}{ends[2]:.2g}) solar. {detail}"
        )
    links = (("what moves it", "index.html#posteriors"),)
    return Statement(
        "Stack's age", answer, detail, evidence.paths["stack"], "good" if fits else "look", links
    )


def age_of_clusters(evidence):
    """Median age and mass of the sources to use, with the width that a single one has."""
    clusters = evidence.tables["clusters"]
    if "age_gyr_p50" not in clusters.colnames:
        return None
    use = np.array([one.use == "yes" for one in evidence.advice])
    low, age, high, mass = (
        np.ma.filled(np.ma.asarray(clusters[name], dtype=float), np.nan)[use]
        for name in ("age_gyr_p16", "age_gyr_p50", "age_gyr_p84", "log_mass_p50")
    )
    known = np.isfinite(age)
    if not known.any():
        return None
    ages, masses = (np.quantile(values[known], [0.16, 0.5, 0.84]) for values in (age, mass))
    answer = f"median {ages[1]:.2g} Gyr, log mass {masses[1]:.2f}"
    detail = (
        f"Of the {known.sum()} to use; their medians scatter over {ages[0]:.2g}{DASH}{ages[2]:.2g} Gyr (16{DASH}84 %), "
        f"one cluster is known to {np.median(low[known]):.2g}{DASH}{np.median(high[known]):.2g} Gyr: much of the "
        "scatter is error, and medians of wide posteriors tend to the middle of the prior."
    )
    return Statement("Single clusters", answer, detail, evidence.paths["clusters"])


def what_stands(evidence):
    """Which conclusions about the stack hold whatever is changed, and which changes move the others."""
    table = evidence.tables.get("robustness")
    if table is None or not len(table):
        return None
    conclusion, stands = np.asarray(table["conclusion"]).astype(str), np.asarray(table["stands"], dtype=bool)
    changed = np.asarray(table["varied"]).astype(str) != "baseline"
    firm, moved = [], []
    for name in dict.fromkeys(conclusion.tolist()):
        rows, good = table[(conclusion == name) & changed], stands[(conclusion == name) & changed]
        before = str(table["verdict_before"][conclusion == name][0])
        if before == "open":
            continue
        words = {"yes": _spell(name), "no": f"not {_spell(name)}"}.get(before, f"{_spell(name)} {before}")
        if good.all():
            firm.append(words)
        else:
            culprit = rows[int(np.argmin(good))]
            cause = f"{culprit['varied']} {culprit['varied_in']}".replace("_", " ").strip()
            moved.append(f"{words}, by {np.sum(~good)} of {len(good)} ({cause})")
    answer = "; ".join(firm) if firm else "nothing under every change"
    detail = "PSF, zero points, errors, filters, contaminants and models are changed one at a time."
    if moved:
        detail += f" Overturned are: {'; '.join(moved)}."
    links = (("each change", "index.html#posteriors"),)
    return Statement("What stands", answer, detail, evidence.paths["robustness"], "plain", links)


def _spell(name):
    """Name of a conclusion or quantity in words."""
    return {"age_gyr": "age (Gyr)", "metallicity_zsun": "metallicity (solar)", "log_mass": "log mass"}.get(
        name, name
    )


def age_of_population(evidence):
    """Median age of all clusters fitted together, with shared errors shared, and how wide their ages are."""
    table = evidence.tables.get("population")
    if table is None:
        return None
    said = table.meta["population"]
    best = table[np.asarray(table["model"]) == said["best_model"]]
    values = {str(row["parameter"]): [float(row[q]) for q in ("p16", "p50", "p84", "p975")] for row in best}
    low, age, high, _ = values["median_age_gyr"]
    _, spread, _, widest = values["age_spread_dex"]
    detail = (
        f"All {said['n_sources']} clusters at once, their shared errors shared; best of the histories: "
        f"{said['best_model'].replace('_', ' ')}. Ages scatter by {spread:.2g} dex (below {widest:.2g} at 97.5 %)."
    )
    if said["warnings"]:
        detail += f" {'; '.join(said['warnings'])}."
    answer = f"median {age:.2g} Gyr ({low:.2g}{DASH}{high:.2g}, 68 %)"
    tone = "look" if said["warnings"] else "good"
    return Statement("Population", answer, detail, evidence.paths["population"], tone)


def what_limits_sizes(evidence):
    """Limit of the stack's radius and of the clusters', and whether noise or the PSF sets it."""
    table = evidence.tables.get("sizes")
    if table is None:
        return None
    is_stack = np.asarray(table["is_stack"], dtype=bool)
    limit, known = (
        np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
        for name in ("radius_limit_pc", "radius_limit_psf_known_pc")
    )
    single = limit[~is_stack & np.isfinite(limit)]
    parts = []
    if len(single):
        share = f"{len(single)} of {np.sum(~is_stack)}"
        parts.append(f"single clusters below {np.median(single):.0f} pc in the median ({share})")
    n_resolved = int(np.sum(np.asarray(table["resolved"], dtype=bool) & ~is_stack))
    if n_resolved:
        parts.append(f"{n_resolved} resolved")
    answer, cause, path = "no limit", "", evidence.paths["sizes"]
    if is_stack.any() and np.isfinite(limit[is_stack][0]):
        ratio = limit[is_stack][0] / known[is_stack][0]
        answer = f"stack below {limit[is_stack][0]:.0f} pc (95 %)"
        cause = "The noise limits it, not the PSF." if not ratio > PSF_MATTERS else (
            f"Were the PSF known exactly it would be {known[is_stack][0]:.0f} pc: the width of the PSF limits it."
        )  # fmt: skip
    elif len(single):
        answer = parts.pop(0)
    detail = "; ".join(parts)
    detail = f"{detail[:1].upper()}{detail[1:]}. {cause}" if detail else cause
    return Statement("Sizes", answer, detail.strip(), path, links=(("sizes", "index.html#sizes"),))


def which_band_is_off(evidence):
    """Bands that the others do not predict, and whether the quoted errors are those that the fits ask for."""
    table = evidence.tables.get("predictive")
    if table is None or not len(table):
        return None
    offset, err, zero_point = (
        np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
        for name in ("offset", "offset_err", "zero_point_error")
    )
    sigma = offset / np.hypot(err, zero_point)
    order = [k for k in np.argsort(-np.abs(np.nan_to_num(sigma))) if abs(sigma[k]) >= OFF_SIGMA]
    words = [
        f"{table['filter'][k]} {100 * offset[k]:+.0f} \N{PLUS-MINUS SIGN} {100 * np.hypot(err[k], zero_point[k]):.0f} %"
        for k in order
    ]
    answer = ", ".join(words).replace("-", MINUS) if words else "none"
    detail = "Measured less what the other bands and the models predict, with the zero-point error." if words else (
        f"Each agrees within {OFF_SIGMA:g} sigma with what the other bands and the models predict."
    )  # fmt: skip
    factor = table.meta.get("error_factor_p16_p50_p84")
    bad = False
    if factor is not None and len(factor) == 3 and np.isfinite(factor[1]):
        bad = not ERRORS_HOLD[0] <= factor[1] <= ERRORS_HOLD[1]
        detail += f" The fits ask for flux errors {factor[1]:.1f} times those given" + (
            ": the errors are too small, or the models too poor." if factor[1] > ERRORS_HOLD[1] else "."
        )  # fmt: skip
    return Statement(
        "Band that is off", answer, detail, evidence.paths["predictive"], "look" if words or bad else "good"
    )


def whether_errors_hold(evidence):
    """Scatter of the pulls of artificial clusters and blank places, and where it is not 1 or fluxes are biased."""
    table = evidence.tables.get("proof")
    if table is None:
        return None
    filters = [name for name in dict.fromkeys(table["filter"]) if "-" not in name]
    words, off = [], []
    for kind, name in (("injected", "clusters put in"), ("blank", "blank places")):
        rows = [row for filt in filters if (row := whole_row(table, kind, filt)) is not None and row["n"] > 1]
        if rows:
            scatter = [row["pull_scatter"] for row in rows]
            ends = dict.fromkeys((f"{min(scatter):.2f}", f"{max(scatter):.2f}"))
            words.append(f"{name} {DASH.join(ends)}")
        for row in rows:
            allowed = max(PROVEN_TO, PROVEN_SIGMA * row["pull_scatter_err"])
            if abs(row["pull_scatter"] - 1.0) > allowed:
                off.append(f"{row['filter']}, {name}: {row['pull_scatter']:.2f}")
            if abs(row["bias"]) > PROVEN_SIGMA * row["bias_err"]:
                off.append(f"{row['filter']}: fluxes {100 * row['bias']:+.1f} %".replace("-", MINUS))
    if not words:
        return None
    detail = (
        f"Unlike that: {'; '.join(off)}."
        if off
        else "Errors are right where this is 1; no flux put in is biased."
    )
    links = (("the page of proof", "proof.html"),)
    answer = f"scatter of pulls: {', '.join(words)}"
    return Statement("Errors", answer, detail, evidence.paths["proof"], "look" if off else "good", links)


def what_is_assumed(evidence):
    """Redshift, dust, library and priors that all of the above rests on."""
    clusters, assumed = evidence.tables["clusters"], evidence.assumed
    parameters = clusters.meta.get("rows_from", clusters.meta).get("parameters", {})
    prior = parameters.get("posterior")
    words = [f"one age and metallicity for each cluster, {assumed['grid']} models"]
    if prior is not None:
        ages = prior["age_gyr"]
        words.append(f"ages {ages['min']:g}{DASH}{ages['max']:g} Gyr, {prior['age_prior']}")
        dust = max(prior["av_mag"])
        words.append(f"dust of their own to A_V {dust:g}" if dust else "no dust of their own")
    words.append(f"z = {assumed['redshift']}, Milky Way E(B{MINUS}V) {assumed['ebv']}")
    answer, *rest = words
    detail = "; ".join(rest)
    return Statement("Assumed", answer, f"{detail[:1].upper()}{detail[1:]}.", evidence.paths["clusters"])


def spell_chance(chance):
    """Probability in words: ``0.025``, ``below 1e-10``."""
    if chance >= 0.001:
        return f"{chance:.2g}"
    return f"below 1e{int(np.floor(np.log10(max(chance, 1e-99)))) + 1}".replace("-", MINUS)


PARTS = (
    which_sources,
    age_of_stack,
    what_stands,
    age_of_population,
    age_of_clusters,
    what_limits_sizes,
    which_band_is_off,
    whether_errors_hold,
    what_is_assumed,
)
"""Functions of an `Evidence` that return a `Statement`, or none; in the order in which the page shows them. What one of
them needs is read in `clusterphot.report.field_report.EVIDENCE`."""
