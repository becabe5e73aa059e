"""Write docs/rebuilds.md from the matrix of edits that the tests prove (`make docs`)."""

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tests" / "workflow"))

from rebuild_edits import EDITS  # noqa: E402

HEAD = """# What an edit runs again

Written by `make docs`; each line is proven by a dry run in `tests/workflow/test_rebuild_matrix.py`. Named are the
rules with a reason of their own; all that need their results follow, and nothing else, as the test checks. Where not
all jobs of a rule run, they are counted, in a field of two filters and two chunks and a field of fluxes in two chunks.

| edit | runs again | jobs |
|---|---|---|
"""


def page():
    """Text of docs/rebuilds.md."""
    lines = []
    for edit in EDITS.values():
        first = ", ".join(sorted(edit.first)) or "nothing"
        jobs = ", ".join(f"{n} {rule}" for rule, n in edit.n_jobs.items())
        lines.append(f"| {edit.says} | {first} | {jobs} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    (REPO / "docs" / "rebuilds.md").write_text(page(), encoding="utf-8")
