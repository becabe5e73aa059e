"""Pages of the report: HTML from templates, data as scripts, since pages opened from disk may not fetch files.

A page of a field and its data lie in one folder, which works wherever it is copied.
"""

import shutil
from pathlib import Path

from PIL import Image

from clusterphot.base.files import own_file
from clusterphot.base.flags import SENTENCES
from clusterphot.base.templates import template_environment
from clusterphot.report.numbers import dump, write_text
from clusterphot.report.provenance import anchor_of

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("report.css", "base.js", "charts.js", "card.js", "table.js", "sky.js")
CARDS_PER_PAGE = 200
WIDE_FRACTION = 0.75
"""Figures wider than this fraction of the widest, in pixels, take the whole width of a page."""
MANY_FIGURES = 4
"""From this many in a section, figures that are all wide stand side by side."""


def make_environment():
    """Environment of the templates of the report."""
    environment = template_environment(TEMPLATES)
    environment.filters["anchor"] = lambda path: anchor_of(f"results/field/{path}")
    return environment


def write_page(environment, template, path, **values):
    """Write one page from a template."""
    write_text(path, environment.get_template(template).render(**values))


def write_lone_page(template, path, **values):
    """Write a page beside the folders of the fields, which carries its style itself; `write_page` names the rest."""
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    write_page(make_environment(), template, path, up="index.html", css=css, **values)


def write_script(path, name, value):
    """Write data as a script that hands them to the page under a name."""
    write_text(path, f"CLUSTERPHOT.give({dump(name)},{dump(value)});\n")


def write_card_pages(folder, cards):
    """Write cards in pages of `CARDS_PER_PAGE`; the script of page 7 is ``cards-007.js``.

    Returns
    -------
    n_pages : int
    """
    starts = range(0, len(cards), CARDS_PER_PAGE)
    for number, first in enumerate(starts):
        name = f"cards-{number:03d}"
        write_script(Path(folder) / f"{name}.js", name, cards[first : first + CARDS_PER_PAGE])
    return len(starts)


def copy_assets(folder):
    """Copy style and scripts beside the pages."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        shutil.copyfile(TEMPLATES / name, folder / name)


def flag_words():
    """Bit, name and sentence of each flag, for the pages."""
    return [[int(flag), flag.name, sentence] for flag, sentence in SENTENCES.items()]


def copy_figures(entries, folder):
    """Copy the figures of a page with their PDFs.

    Parameters
    ----------
    entries : dict of str to list of `clusterphot.report.figure_entries.FigureEntry`
    folder : Path

    Returns
    -------
    shown : dict of str to list of dict
        Entry, ``png`` and ``pdf`` relative to the page (``pdf`` is None where there is none), ``size`` in pixels, and
        whether it is ``wide``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {entry.path: _size(entry.path) for group in entries.values() for entry in group}
    limit = WIDE_FRACTION * max([width for width, _ in sizes.values()], default=0)
    shown = {}
    for category, group in entries.items():
        shown[category] = []
        many = len(group) >= MANY_FIGURES and all(sizes[entry.path][0] > limit for entry in group)
        for entry in group:
            pdf = Path(entry.path).with_suffix(".pdf")
            for path in (Path(entry.path), pdf):
                if path.is_file():
                    shutil.copyfile(path, folder / path.name)
            shown[category].append(
                {
                    "entry": entry,
                    "png": f"{folder.name}/{entry.name}.png",
                    "pdf": f"{folder.name}/{pdf.name}" if pdf.is_file() else None,
                    "size": sizes[entry.path],
                    "wide": sizes[entry.path][0] > limit and not many,
                }
            )
    return shown


def copy_overview(figures, folder):
    """Copy the PDF of the overview figure, whose place the clickable sky takes."""
    for path in figures:
        pdf = Path(path).with_suffix(".pdf")
        if pdf.name == "overview.pdf" and pdf.is_file():
            shutil.copyfile(pdf, Path(folder) / pdf.name)


def _size(path):
    """Width and height of an image in pixels; its header alone is read."""
    with own_file(path), Image.open(path) as image:
        return image.size
