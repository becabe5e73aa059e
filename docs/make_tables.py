"""Write docs/tables.md: the tables from the rule files (`make docs-code`), their columns from results (`make docs`)."""

import re
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "docs")]

import make_stages  # noqa: E402
from clusterphot.base.tables import carried_columns, read_table  # noqa: E402

PAGE = REPO / "docs" / "tables.md"
OUTPUT = re.compile(r'"results/([^"]+\.ecsv)"')
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.M)
ON_DEMAND = re.compile(
    r"/(detection|completeness|luminosity|engines|forecast)/|candidates|^/{field}/comparison\.ecsv|{chunk}"
)
"""Tables that the main job does not make, or makes chunk by chunk."""
NOT_YET = "not yet made: `make run`, then `make docs`"
"""Stands for the columns of a table of a new rule until there are results."""
FIELDS = ("demo", "smacs0723_published")
FILTERS = "F090W|F150W|F200W|F277W|F356W|F444W|bessell_[BVI]"
CHUNK = re.compile(r"(c\d+|src-.*)\.ecsv")
HEAD = """# Tables and their columns

Written by `make docs-code` from the rule files, the columns by `make docs` from the results of `make run`; do not edit.
Paths are below `results/`; `F` stands for the name of a filter, `NN` for 025, 16, 50, 84 and 975, `N` for 1 to 5. What
a column means, and its unit: [columns.md](columns.md). Fluxes of the stack are in `stack_fluxes.ecsv` as observed, in
`stack_photometry.ecsv` corrected for Milky Way dust. Tables of the targets `candidates`, `completeness` and
`luminosity` are described in [detection.md](detection.md) and [luminosity.md](luminosity.md).

"""


def shape_of(name):
    """Name of a column with F for a filter, one name for the quantiles of a quantity and for the five sigma levels."""
    name = re.sub(rf"(?<=_)({FILTERS})(?=_|$)", "F", name)
    name = re.sub(r"_p(025|16|50|84|975)$", "_pNN", name)
    return re.sub(r"_[1-5]sigma", "_Nsigma", name)


def path_of(path, results):
    """Path of a table with its wildcards."""
    name = str(path.relative_to(results))
    name = re.sub(rf"^({'|'.join(FIELDS)})/", "{field}/", name)
    return re.sub(rf"/({FILTERS})/", "/{filter}/", name).replace("/bc03/", "/{grid}/")


def tables_of_rules():
    """Paths of the tables that rules write, by their wildcards."""
    rules = (
        rule
        for path in sorted(make_stages.RULES.glob("*.smk"))
        for rule in make_stages.parse(path.read_text(encoding="utf-8"))[1]
    )
    return {path for rule in rules for path in OUTPUT.findall(rule.sections.get("output", ""))}


def columns_of_results(results):
    """Columns of the tables below a folder, by path with wildcards; those of chunks and of other fields left out."""
    found = {}
    for path in sorted(results.rglob("*.ecsv")):
        if not CHUNK.fullmatch(path.name) and path.relative_to(results).parts[0] in (*FIELDS, path.name):
            table = read_table(path)
            carried = carried_columns(table)
            shapes = dict.fromkeys(shape_of(column) for column in table.colnames if column not in carried)
            found.setdefault(path_of(path, results), {}).update(shapes)
    return {name: ", ".join(f"`{column}`" for column in columns) for name, columns in found.items()}


def page(results=None):
    """Text of docs/tables.md.

    Parameters
    ----------
    results : `pathlib.Path`, optional
        Folder of results that tell the columns; without it they stay as the page has them.
    """
    written = tables_of_rules()
    main = {path: NOT_YET for path in written if not ON_DEMAND.search(f"/{path}")}
    listed = {path: words for path, words in ROW.findall(PAGE.read_text(encoding="utf-8")) if path in written}
    found = columns_of_results(results) if results else {}
    lines = [f"| `{name}` | {words} |" for name, words in sorted((main | listed | found).items())]
    return HEAD + "\n".join(["| table | columns |", "|---|---|", *lines]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(*map(Path, sys.argv[1:])), encoding="utf-8")
