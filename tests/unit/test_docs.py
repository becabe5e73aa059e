"""Documentation: generated pages are in step with the code, links lead somewhere, no page is forgotten."""

import dataclasses
import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest
from clusterphot.config.sections import Configuration

REPO = Path(__file__).resolve().parents[2]
NOT_OURS = {".venv", ".git", ".snakemake", "results", "logs", "benchmarks"}
FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.M | re.S)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"(?<!\\)\[(?:[^\[\]]|\\.|!?\[[^\]]*\]\([^)]*\))*\]\(([^()\s]*(?:\([^()]*\)[^()\s]*)*)\)")
IMAGE_TAG = re.compile(r'<(?:img|a)\s[^>]*?(?:src|href)="([^"]+)"')
ADDRESS = re.compile(r"https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:\d+)?(/[^\s<>\"]*)?")
GENERATED = {
    "config/config.yaml": ("make_config", "defaults"),
    "config/README.md": ("make_config", "readme"),
    "docs/stages.md": ("make_stages", "page"),
    "docs/columns.md": ("make_columns", "page"),
    "docs/tables.md": ("make_tables", "page"),
    "docs/rebuilds.md": ("make_rebuilds", "page"),
    "workflow/report/figure.rst": ("make_captions", "template"),
}
"""Pages, and the script and function of docs/ that write them."""


def load(name):
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, REPO / "docs" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages():
    """All Markdown files of the repository, relative to it."""
    found = (path.relative_to(REPO) for path in REPO.rglob("*.md"))
    return sorted(
        path for path in found if not NOT_OURS & set(path.parts) and not path.parts[0].startswith(".")
    )


def prose(text):
    """Markdown without blocks and pieces of code."""
    return CODE.sub("", FENCE.sub("", text))


def links(text):
    """Targets of links and images."""
    words = prose(text)
    found = LINK.findall(words)
    # an image inside a link is a link of its own
    found += re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", words)
    return [*dict.fromkeys([*found, *IMAGE_TAG.findall(words)])]


def anchors(text):
    """Anchors of the headings of a page, as GitHub makes them."""
    made, seen = set(), {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = seen.get(slug, 0)
        seen[slug] = number + 1
        made.add(f"{slug}-{number}" if number else slug)
    return made


def wrong_links(path):
    """Links of a page that lead nowhere, with the reason."""
    text = (REPO / path).read_text(encoding="utf-8")
    for target in links(text):
        if re.match(r"[a-z]+:", target):
            if not ADDRESS.fullmatch(target):
                yield f"{path}: {target} is no address"
            continue
        name, _, anchor = target.partition("#")
        place = (REPO / path.parent / name).resolve() if name else REPO / path
        if not place.is_relative_to(REPO):
            yield f"{path}: {target} leads out of the repository"
        elif not place.exists():
            yield f"{path}: {target} does not exist"
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
            yield f"{path}: {target} has no such heading"


@pytest.mark.parametrize("path", GENERATED)
def test_generated_pages_are_in_step(path, monkeypatch):
    """Nobody edited them by hand, or the code without `make docs`."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    script, function = GENERATED[path]
    written = (REPO / path).read_text(encoding="utf-8")
    assert getattr(load(script), function)() == written, f"{path} is out of step: run `make docs-code`"


def test_every_rule_has_a_purpose_and_a_place():
    """Each rule of the workflow is on the page of stages, with its outputs."""
    module = load("make_stages")
    names = [path.stem for path in (REPO / "workflow" / "rules").glob("*.smk") if path.stem != "common"]
    assert sorted(module.stages()) == sorted(names)
    page = module.page()
    for name in names:
        text = (REPO / "workflow" / "rules" / f"{name}.smk").read_text(encoding="utf-8")
        docstring, rules = module.parse(text)
        assert len(rules) == len(re.findall(r"^(?:use )?rule ", text, re.M))
        assert len(docstring.split("\n\n")) > 2, f"{name}.smk says nothing beyond its inputs and rules"
        for rule in rules:
            if "output" in rule.sections:
                assert f"### {rule.name}\n\n{module.purpose(rule)}\n\n- " in page
                assert rule.arguments("output"), rule.name


def test_no_rule_takes_a_whole_section():
    """A new key of a section runs again what uses it, not all that takes the section; a cosmology is one thing."""
    module = load("make_stages")
    _, groups = module.common()
    sections = {entry.name for entry in dataclasses.fields(Configuration)}
    for name in module.stages():
        text = (REPO / "workflow" / "rules" / f"{name}.smk").read_text(encoding="utf-8")
        for rule in module.parse(text)[1]:
            taken = {key for _, node in rule.arguments("params") for key in module.config_keys(node, groups)}
            assert taken & sections <= {"cosmology"}, rule.name
    assert [name for name in groups if name.endswith("Section")] == []


def test_every_table_is_listed():
    """docs/tables.md has each table of the main job; chunks and what is on demand apart."""
    module = load("make_stages")
    listed = (REPO / "docs" / "tables.md").read_text(encoding="utf-8")
    on_demand = re.compile(
        r"/(detection|completeness|luminosity|engines|forecast)/|candidates|comparison\.ecsv|\{chunk\}"
    )
    for name in module.stages():
        text = (REPO / "workflow" / "rules" / f"{name}.smk").read_text(encoding="utf-8")
        for rule in module.parse(text)[1]:
            for path in re.findall(r'"results/([^"]+\.ecsv)"', rule.sections.get("output", "")):
                if not on_demand.search(f"/{path}"):
                    assert f"| `{path}` |" in listed, f"{rule.name}: {path}; run `make docs-code`"


@pytest.mark.parametrize("path", pages(), ids=str)
def test_links_lead_somewhere(path):
    assert list(wrong_links(path)) == []


def test_no_page_is_forgotten():
    """Every page is reached from the README by links."""
    reached, todo = set(), [Path("README.md")]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in links((REPO / page).read_text(encoding="utf-8")):
            place = (REPO / page.parent / target.partition("#")[0]).resolve()
            if place.suffix == ".md" and place.is_file() and place.is_relative_to(REPO):
                todo.append(place.relative_to(REPO))
    assert [str(page) for page in pages() if page not in reached] == []


def test_no_figure_is_forgotten():
    """Every figure of docs/ is shown on a page."""
    shown = {
        (REPO / page.parent / target).resolve()
        for page in pages()
        for target in links((REPO / page).read_text(encoding="utf-8"))
    }
    figures = sorted(path for path in (REPO / "docs" / "figures").rglob("*") if path.is_file())
    assert [path.name for path in figures if path not in shown] == []


def test_every_page_is_in_the_navigation_of_the_site():
    """mkdocs.yml names each page of docs/ once."""
    named = re.findall(r": (docs/\w[\w-]*\.md)$", (REPO / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert sorted(named) == sorted(f"docs/{path.name}" for path in (REPO / "docs").glob("*.md"))


def test_links_to_files_that_are_not_on_the_site_are_words():
    """Pages and figures stay links, code and folders do not, addresses do."""
    module = load("make_site")
    text = "[a](method.md#x) [b](../Makefile) [c](https://a.org) ![d](figures/errors.png) [e](#y)"
    known = {Path("docs/method.md"), Path("docs/figures/errors.png")}
    found = module.without_other_links(text, Path("docs/x.md"), known)
    assert found == "[a](method.md#x) b [c](https://a.org) ![d](figures/errors.png) [e](#y)"


MISTAKES = {
    "missing file": ("[x](nowhere.md)", "does not exist"),
    "missing heading": ("[x](#nothing)\n\n# Something", "no such heading"),
    "out of the repository": ("[x](../../elsewhere.md)", "leads out"),
    "missing image": ("![x](figures/none.png)", "does not exist"),
    "image in a link": ("[![x](figures/none.png)](https://example.org)", "does not exist"),
    "address without a host": ("[x](http:/example.org)", "no address"),
}


@pytest.mark.parametrize(("text", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_link_is_found(text, says, tmp_path, monkeypatch):
    """The check can fail."""
    monkeypatch.setattr(sys.modules[__name__], "REPO", tmp_path.resolve())
    (tmp_path / "page.md").write_text(text)
    found = list(wrong_links(Path("page.md")))
    assert len(found) == 1 and says in found[0], found


def test_right_links_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "REPO", tmp_path.resolve())
    (tmp_path / "other.md").write_text("## A *thing*: `x`\n\n## Twice\n\n## Twice\n")
    text = "[a](other.md#a-thing-x) [b](other.md#twice-1) [c](https://doi.org/10.1/(x)) `[d](no.md)`\n"
    text += "\n```\n[e](no.md)\n```\n"
    (tmp_path / "page.md").write_text(text)
    assert list(wrong_links(Path("page.md"))) == []


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("flux 61.9 nJy, 23 stars\n", "flux 61.5 nJy, 23 stars\n", True),
        ("flux 61.9 nJy\n", "flux 55.0 nJy\n", False),
        ("pull -0.1\n", "pull -0.05\n", True),
        ("2.66e+07\n", "2.70e+07\n", True),
        ("2.66e+07\n", "2.66e+08\n", False),
        ("build_psf  6\n", "build_psf  6\ncut_sources  6\n", False),
        ("same\n", "other\n", False),
    ],
)
def test_outputs_of_the_tutorial_are_compared(expected, found, same):
    """Words exactly, numbers to some per cent."""
    assert load("make_tutorial").agree(expected, found) is same


def test_the_tutorial_shows_what_its_commands_print():
    """Every block of commands that prints something is followed by what it prints, and there are enough of them."""
    module = load("make_tutorial")
    blocks = list(module.BLOCK.finditer(module.PAGE.read_text(encoding="utf-8")))
    shown = [block for block in blocks if block["output"] is not None]
    assert len(shown) >= 12 and all(block["output"].strip() for block in shown)


def test_every_room_is_on_the_map():
    """docs/developing.md names the rooms layer by layer, as `make lint` keeps them."""
    with open(REPO / "pyproject.toml", "rb") as stream:
        (contract,) = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    text = (REPO / "docs" / "developing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", text, re.M)
    named = [set(re.findall(r"`(\w+)`", row)) for _, row in sorted(rows, key=lambda row: -int(row[0]))]
    assert named == [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
