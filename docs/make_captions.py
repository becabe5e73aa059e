"""Write workflow/report/figure.rst, the captions of Snakemake's own report (`make docs-code`)."""

import sys
import textwrap
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))

from clusterphot.figures.registry import FIGURES  # noqa: E402

HEAD = "{# Written by `make docs-code` from clusterphot/figures/registry.py; do not edit. #}\n"


def template():
    """Text of workflow/report/figure.rst, a template that Snakemake fills in for the job of each figure."""
    lines = []
    for number, figure in enumerate(FIGURES):
        lines.append(f'{{% {"elif" if number else "if"} snakemake.rule == "{figure.rule}" %}}')
        said = f"**{figure.title}.** {figure.caption}"
        if figure.each:
            said = said.replace(f"{{{figure.each}}}", f"{{{{ snakemake.wildcards.{figure.each} }}}}")
        lines += textwrap.wrap(said, 110, break_on_hyphens=False, break_long_words=False)
    lines.append("{% endif %}")
    return HEAD + "\n".join(lines) + "\n\nField: {{ snakemake.wildcards.field }}.\n"


if __name__ == "__main__":
    (REPO / "workflow" / "report" / "figure.rst").write_text(template(), encoding="utf-8")
