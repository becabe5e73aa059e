"""Write docs/columns.md, the dictionary of columns and flags, from the code (`make docs-code`)."""

import re
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from clusterphot.base import columns, flags  # noqa: E402
from clusterphot.psf import model  # noqa: E402

HEAD = """# Columns of all tables

Written by `make docs-code` from the code (`base/columns.py`, `base/flags.py`); do not edit. The same units and
descriptions are in the header of every table of results, which is ECSV: `astropy.table.Table.read` keeps them, and text
tools can read it too. Tables inside images have the units. `photometry` is there as FITS as well, others
with `tables.formats`. Which columns a table has: [tables.md](tables.md).

`F` stands for the name of a filter, such as F200W. Columns of your own source list are carried through; where the name
of one is a name below, it gets `_listed`. A value that could not be measured is NaN. Errors are 1 sigma.

"""

GROUPS = {
    "Sources and stacks": (columns.COLUMNS, {}),
    "Filter by filter, and families of columns": ({}, columns.PATTERNS),
    "Summaries": (columns.SUMMARY_COLUMNS, {}),
    "Fields beside one another": (columns.FIELD_COLUMNS, columns.FIELD_PATTERNS),
    "Candidates and completeness": (columns.DETECTION_COLUMNS, columns.DETECTION_PATTERNS),
    "Luminosity function, colours, distribution": (columns.LUMINOSITY_COLUMNS, {}),
    "Populations (`population/`)": (columns.POPULATION_COLUMNS, {}),
    "Stars of the PSF (`stars.ecsv`)": (columns.STAR_COLUMNS, {}),
    "Stars of the PSF of a filter (`{filter}/psf.fits`, table STARS)": (columns.PSF_STAR_COLUMNS, {}),
    "Stars beside the PSF (`{filter}/psf_check.fits`, table STARS)": (columns.PSF_CHECK_COLUMNS, {}),
    "The PSF over the field (`{filter}/psf_check.fits`, table MODEL)": (columns.PSF_PLACE_COLUMNS, {}),
    "Stars less PSF (`{filter}/psf_check.fits`, table GROUPS)": (columns.PSF_STACK_COLUMNS, {}),
    "Light of stars beside the PSF (`{filter}/psf_check.fits`, table GROWTH)": (
        columns.PSF_GROWTH_COLUMNS,
        {},
    ),
    "Parts of the error (`{filter}/psf_check.fits`, table BUDGET)": (columns.PSF_BUDGET_COLUMNS, {}),
    "Error by dither phase (`{filter}/psf.fits`, table PHASE)": (columns.PHASE_COLUMNS, {}),
    "Errors that all sources share (`systematics.ecsv`)": (columns.SYSTEMATICS_COLUMNS, {}),
    "Offsets (`{filter}/offset.ecsv`)": (columns.OFFSET_COLUMNS, {}),
    "Stack (`{filter}/stack.fits`, table FIT)": (columns.STACK_COLUMNS, {}),
    "Stack (`{filter}/stack.fits`, table SOURCES)": (columns.STACK_SOURCE_COLUMNS, {}),
    "Stack (`{filter}/stack.fits`, table METHODS)": (columns.STACK_METHOD_COLUMNS, {}),
    "Stack (`{filter}/stack.fits`, table BOOTSTRAP)": (columns.STACK_BOOTSTRAP_COLUMNS, {}),
    "Truth of a simulated field (`simulation/truth.ecsv`)": (
        columns.TRUTH_COLUMNS | {f"{name}_F": words for name, words in columns.TRUTH_FILTER_COLUMNS.items()},
        {},
    ),
}


def readable(pattern):
    """A pattern of names as people write it, and what its parts stand for.

    ``flux_(?P<filter>...)`` is ``flux_F``; a choice of words is ``<name>``, of a few short ones the words themselves.
    """
    text, parts = pattern.replace(columns.FILTER, "F"), {}
    for name, words in re.findall(r"\(\?P<(\w+)>([^()]*)\)", text):
        choices = words.replace("[1-5]", "1|2|3|4|5").replace("[xy]", "x|y").split("|")
        if "" in choices:
            choices = ["(nothing)" if choice == "" else choice for choice in choices]
        parts[name] = choices
        text = text.replace(f"(?P<{name}>{words})", f"<{name}>")
    return text, parts


def rows(names, patterns):
    """Rows of a group, by name."""
    for name, (unit, description) in names.items():
        yield name, unit, description
    for pattern, (unit, description) in patterns.items():
        name, parts = readable(pattern)
        said = description.format(filter="F", name="the quantity", **{key: f"<{key}>" for key in parts})
        unit = "of the quantity" if unit == "{unit}" else unit
        where = "; ".join(f"{key}: {', '.join(choices)}" for key, choices in parts.items())
        yield name, unit, f"{said}{f' ({where})' if where else ''}"


def table(entries, heads):
    """A Markdown table; what Markdown would take for markup is escaped."""
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for first, *rest in entries:
        cells = [str(cell).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;") for cell in rest]
        lines.append(f"| `{first}` | {' | '.join(cells)} |")
    return [*lines, ""]


def page():
    """Text of docs/columns.md."""
    lines = []
    for title, (names, patterns) in GROUPS.items():
        lines += [f"## {title}", "", *table(rows(names, patterns), ("column", "unit", "meaning"))]
    lines += [
        "## Flags",
        "",
        "Bits of the columns `flags`, `flags_F` and `flags_sed`, added up; 0 means nothing to say.",
        "",
        *table(
            ((int(flag), flag.name, says) for flag, says in flags.SENTENCES.items()),
            ("bit", "name", "meaning"),
        ),
        "Bits of `FLAGS` in the header of a `psf.fits`:",
        "",
        *table(
            ((int(flag), flag.name, says) for flag, says in model.PSF_FLAG_SENTENCES.items()),
            ("bit", "name", "meaning"),
        ),
    ]
    return HEAD + "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (REPO / "docs" / "columns.md").write_text(page(), encoding="utf-8")
