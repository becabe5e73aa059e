"""The reproduction page, as Markdown and as HTML that stands alone: the paper's numbers, ours, and why they differ.

Everything on it comes from the tables of `reproduction.compare`.
"""

import math
import re
from pathlib import Path

from markupsafe import Markup, escape

from clusterphot.base.templates import template_environment
from clusterphot.validation.compare import AGREE_SIGMA, tally

PAPER = "Faisst, Chary, Brammer & Toft (2022, ApJL 941, L11)"
PAPER_URL = "https://doi.org/10.3847/2041-8213/aca1bf"
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
TITLE = "Reproduction of Faisst et al. (2022)"
CAN_BE_LARGE = 100.0
"""Differences beyond this many sigma are written as such: the errors say no more there."""


def in_digits(value, digits):
    """A number with this many decimals (fewer than none for tens), without minus zero."""
    text = f"{round(value, digits):.{max(digits, 0)}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def decimals(value, *errors):
    """Decimals that give the smallest error two digits; without errors, at most three digits of the value."""
    known = [abs(err) for err in errors if math.isfinite(err) and err > 0]
    if known:
        return max(1 - math.floor(math.log10(min(known))), 0)
    if not math.isfinite(value) or value == 0:
        return 0
    most = max(2 - math.floor(math.log10(abs(value))), 0)
    return min(places for places in range(most + 1) if round(value, places) == round(value, most))


def number_text(low, value, high, unit=""):
    """A value with its errors in words: ``1.5 (-0.5, +0.6) Gyr``; powers of ten where it is large."""
    if math.isinf(value):
        return "unbounded"
    power = math.floor(math.log10(abs(value))) if value and abs(value) >= 1e5 else 0
    low, value, high = (number / 10.0**power for number in (low, value, high))
    places = decimals(value, value - low, high - value)
    text = in_digits(value, places)
    if math.isfinite(low) and math.isfinite(high) and (value > low or high > value):
        below, above = in_digits(value - low, places), in_digits(high - value, places)
        text += f" \N{PLUS-MINUS SIGN} {above}" if below == above else f" ({MINUS}{below}, +{above})"
    elif math.isfinite(low) and value > low:
        text += f" ({MINUS}{in_digits(value - low, places)}, unbounded above)"
    if power:
        text = f"({text})" if "\N{PLUS-MINUS SIGN}" in text else text
        text += f" \N{MULTIPLICATION SIGN} 10^{power}"
    return f"{text} {unit}".strip()


def paper_text(row):
    """The paper's number in words."""
    low, value, high = (float(row[f"paper_{name}"]) for name in ("low", "value", "high"))
    unit = str(row["unit_of_number"])
    if row["paper_kind"] == "range":
        return f"{low:g}{DASH}{high:g} {unit}".strip()
    if row["paper_kind"] == "below":
        return f"< {high:g} {unit}".strip()
    if row["paper_kind"] == "above":
        return f"> {low:g} {unit}".strip()
    power = math.floor(math.log10(abs(value))) if abs(value) >= 1e5 else 0
    places = max(-math.floor(math.log10(float(row["paper_rounding"])) + 1e-9) + power, 0)
    value, low, high = (number / 10.0**power for number in (value, low, high))
    text = in_digits(value, places)
    if math.isfinite(low):
        below, above = in_digits(value - low, places), in_digits(high - value, places)
        text += f" \N{PLUS-MINUS SIGN} {above}" if below == above else f" ({MINUS}{below}, +{above})"
    text += f" \N{MULTIPLICATION SIGN} 10^{power}" if power else ""
    return f"{text} {unit}".strip()


def our_text(row):
    """Our number in words, or a dash."""
    if row["outcome"] in ("not available", "not applicable"):
        return DASH
    low, value, high = (float(row[f"our_{name}"]) for name in ("low", "value", "high"))
    return number_text(low, value, high, str(row["unit_of_number"]))


def sigma_text(row):
    """The difference in words: in sigma, ``in range``, or ``holds`` for a limit."""
    difference = float(row["sigma_from_paper"])
    if row["outcome"] == "put in":
        return "="
    if math.isnan(difference):
        return ""
    if difference == 0 and row["paper_kind"] == "range":
        return "in range"
    if difference == 0 and row["paper_kind"] != "value":
        return "holds"
    if abs(difference) > CAN_BE_LARGE:
        return f"beyond {'+' if difference > 0 else MINUS}{CAN_BE_LARGE:.0f}"
    sign = "" if round(difference, 1) == 0 else "+" if difference > 0 else MINUS
    return f"{sign}{abs(difference):.1f}"


def remarks(rows, names):
    """Remarks of the fields on a number, each with the name of its field unless all say the same."""
    said = {name: str(row["remark"]) for name, row in zip(names, rows, strict=True) if str(row["remark"])}
    if len(said) == len(names) and len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " ".join(f"{name}: {_lower(text)}" for name, text in said.items())


def _lower(text):
    """Small letter first, unless a symbol or a word of capitals opens the sentence."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def page_rows(tables, names):
    """Cells of the page by section.

    Parameters
    ----------
    tables : list of `astropy.table.Table`
        One per field, of the same numbers.
    names : list of str
        Of the fields.

    Returns
    -------
    sections : dict of str to list of dict
        ``number``, ``paper``, ``fields`` (per field value, sigma, outcome) and ``remark``.

    Raises
    ------
    ValueError
        If the tables hold different numbers.
    """
    numbers = [list(table["number"]) for table in tables]
    if any(other != numbers[0] for other in numbers):
        raise ValueError("the fields were compared with different numbers of the paper")
    sections = {}
    for index in range(len(numbers[0])):
        rows = [table[index] for table in tables]
        first = rows[0]
        paper = paper_text(first) + ("" if first["paper_checked"] else " *")
        cells = [(our_text(row), sigma_text(row), str(row["outcome"])) for row in rows]
        entry = {"number": str(first["number"]), "paper": paper, "fields": cells}
        entry["remark"] = remarks(rows, names)
        sections.setdefault(str(first["section"]), []).append(entry)
    return sections


def heading(section):
    """Heading of a section of the paper."""
    if not section[:1].isdigit():
        return section[:1].upper() + section[1:]
    return f"Section {section}"


def introduction(tables, names):
    """Sentences above the table."""
    lines = [
        f"Each number of abstract and sections 2 and 3 of {PAPER} that could be traced to a source, beside ours. "
        "The page is written by the rule write_reproduction; ours are computed from the tables of each field. "
        "Differences are in sigma: errors of both sides and the rounding of the paper's number, in quadrature; where "
        f"neither gives an error, rounding alone. Up to {AGREE_SIGMA:g} sigma the two are said to agree. Where "
        "configuration or published fluxes fix a number it is marked =: that they agree is no result. Numbers "
        "marked * are as quoted from the text and were not compared with it again; the others were compared with the "
        "abstract or the tables."
    ]
    for table, name in zip(tables, names, strict=True):
        counts = tally(table)
        results = counts["agrees"] + counts["differs"]
        lines.append(
            f"{name}: of {results} results {counts['agrees']} agree and {counts['differs']} differ; {counts['put in']} "
            f"numbers were put in, {counts['not applicable']} are of the observation alone, "
            f"{counts['not available']} are not available."
        )
    return lines


def markdown(tables, names):
    """The page as Markdown.

    Parameters
    ----------
    tables, names
        As of `page_rows`.

    Returns
    -------
    text : str
    """
    first, *counts = introduction(tables, names)
    lines = [f"# {TITLE}", "", _escape(first).replace(_escape(PAPER), f"[{PAPER}]({PAPER_URL})"), ""]
    lines += [f"- {_escape(line)}" for line in counts]
    for section, rows in page_rows(tables, names).items():
        head = ["number", "paper", *(cell for name in names for cell in (_escape(name), "sigma"))]
        lines += [
            "",
            f"## {heading(section)}",
            "",
            _line([*head, "remark"]),
            _line(["---"] * (len(head) + 1)),
        ]
        for row in rows:
            ours = [_escape(cell) for value, sigma, _ in row["fields"] for cell in (value, sigma)]
            lines.append(
                _line([_escape(row["number"]), _escape(row["paper"]), *ours, _escape(row["remark"])])
            )
    return "\n".join([*lines, ""])


def _line(cells):
    """A row of a table in Markdown."""
    return "| " + " | ".join(cells) + " |"


def _escape(text):
    """Text without characters that Markdown would take as its own."""
    for character in "\\*_|<>":
        text = text.replace(character, f"\\{character}")
    return text


def html_page(tables, names):
    """The page as HTML that stands alone."""
    first, *counts = introduction(tables, names)
    environment = template_environment(Path(__file__).parent / "templates")
    environment.filters["powers"] = _superscript
    return environment.get_template("reproduction.html").render(
        title=TITLE,
        paper=PAPER,
        paper_url=PAPER_URL,
        introduction=first.split(PAPER),
        counts=counts,
        names=names,
        sections={heading(section): rows for section, rows in page_rows(tables, names).items()},
        kinds={"differs": " differs", "not available": " absent", "not applicable": " absent"},
    )


def _superscript(text):
    """HTML of a text, with powers of ten set as such."""
    return Markup(re.sub(r"10\^(\S+)", r"10<sup>\1</sup>", str(escape(text))))
