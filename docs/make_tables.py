"""Write docs/tables.md, the columns of each table, from the results of `make run` (`make docs`)."""

import re
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from clusterphot.base.tables import carried_columns, read_table  # noqa: E402

RESULTS = REPO / "results"
FIELDS = ("demo", "smacs0723_published")
FILTERS = "F090W|F150W|F200W|F277W|F356W|F444W|bessell_[BVI]"
CHUNK = re.compile(r"(c\d+|src-.*)\.ecsv")
HEAD = """# Tables and their columns

Written by `make docs` from the results of `make run`; do not edit. Paths are below `results/`; `F` stands for the name
of a filter, `NN` for 025, 16, 50, 84 and 975, `N` for 1 to 5. What a column means, and its unit:
[columns.md](columns.md). Tables of the targets `candidates`, `completeness` and `luminosity` are described in
[detection.md](detection.md) and [luminosity.md](luminosity.md).

"""


def shape_of(name):
    """Name of a column with F for a filter, one name for the quantiles of a quantity and for the five sigma levels."""
    name = re.sub(rf"(?<=_)({FILTERS})(?=_|$)", "F", name)
    name = re.sub(r"_p(025|16|50|84|975)$", "_pNN", name)
    return re.sub(r"_[1-5]sigma", "_Nsigma", name)


def path_of(path):
    """Path of a table with its wildcards."""
    name = str(path.relative_to(RESULTS))
    name = re.sub(rf"^({'|'.join(FIELDS)})/", "{field}/", name)
    return re.sub(rf"/({FILTERS})/", "/{filter}/", name).replace("/bc03/", "/{grid}/")


def page():
    """Text of docs/tables.md."""
    found = {}
    for path in sorted(RESULTS.rglob("*.ecsv")):
        if not CHUNK.fullmatch(path.name) and path.relative_to(RESULTS).parts[0] in (*FIELDS, path.name):
            table = read_table(path)
            carried = carried_columns(table)
            shapes = dict.fromkeys(shape_of(column) for column in table.colnames if column not in carried)
            found.setdefault(path_of(path), {}).update(shapes)
    lines = [
        f"| `{name}` | {', '.join(f'`{column}`' for column in columns)} |"
        for name, columns in sorted(found.items())
    ]
    return HEAD + "\n".join(["| table | columns |", "|---|---|", *lines]) + "\n"


if __name__ == "__main__":
    (REPO / "docs" / "tables.md").write_text(page(), encoding="utf-8")
