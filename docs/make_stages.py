"""Write docs/stages.md from the rule files, their drivers and the keys of the configuration (`make docs-code`)."""

import ast
import importlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from clusterphot.config.fields import FieldSection, MosaicSection
from clusterphot.config.keys import keys_of
from clusterphot.config.sections import Configuration

REPO = Path(__file__).resolve().parents[1]
RULES = REPO / "workflow" / "rules"
SCRIPTS = REPO / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from clusterphot.figures.registry import FIGURES  # noqa: E402

SECTIONS = ("input", "output", "params", "message", "script", "shell")
EACH = {
    "get_filters": "each filter",
    "get_other_filters": "each filter but the reference filter",
    "get_reference_filter": "reference filter",
    "get_size_filter": "filter of the sizes",
    "get_chunks": "each chunk",
    "get_tiles": "each tile",
    "get_proof_chunks": "each chunk of artificial clusters",
    "get_injection_runs": "each run of artificial clusters",
    "get_report_grids": "each grid",
}
"""Input functions of common.smk that take a path, and what they stand for."""
OF_FIELD = {
    "source_list": "the field's list of sources",
    "truth": "the user's table of true fluxes",
    "photometry": "the user's table of photometry",
    "stack_photometry": "the user's table with the photometry of the stack",
    "table": "the user's table that names the sources",
    "photometry_product": "the merged fluxes of the field, as observed unless they were given de-reddened",
}
"""Files that an attribute of a field names."""
GRIDS = ("get_field_grid", "get_chunk_grid", "get_all_grids")
"""Input functions of grids of fluxes."""
AGES = {"projected": "ages of the best fits", "native": "all ages of the library"}
"""Kinds of grids of fluxes."""

HEAD = """# Stages: all rules

Written by `make docs-code` from the rule files, their drivers and the keys of the configuration; do not edit.

A stage is a file of [workflow/rules](../workflow/rules), in running order; `common.smk` holds what they share. For each
rule: what it does, what it reads and writes below the working directory, and the keys of the
[configuration](../config/README.md) that it depends on: change one, and this rule and what follows from it run again
([what an edit runs again](rebuilds.md)). The driver of a rule is `workflow/scripts/<rule>.py`; it calls the package
beside it. What is in the tables: [columns.md](columns.md). To run up to one file:
`make run ARGS=results/demo/F150W/psf.fits`.

"""


@dataclass
class Rule:
    """A rule as its file has it: name, and the text of each section."""

    name: str
    sections: dict = field(default_factory=dict)

    def arguments(self, section):
        """Named and unnamed items of a section as (name or None, syntax tree)."""
        text = self.sections.get(section, "")
        call = ast.parse(f"f(\n{text})", mode="eval").body
        return [(None, node) for node in call.args] + [(item.arg, item.value) for item in call.keywords]


def stages():
    """Names of the rule files that the Snakefile includes, in running order."""
    text = (REPO / "Snakefile").read_text(encoding="utf-8")
    return [
        name for name in re.findall(r'^include: "workflow/rules/(\w+)\.smk"', text, re.M) if name != "common"
    ]


def parse(text):
    """Docstring and rules of a rule file."""
    docstring = text.split('"""')[1].strip()
    rules = []
    for block in re.split(r"^(?=(?:use )?rule \w+)", text, flags=re.M)[1:]:
        base, name = re.match(r"(?:use rule (\w+) as|rule) (\w+)", block).groups()
        rule = Rule(name)
        section = None
        for line in block.splitlines()[1:]:
            if line and not line.startswith(" "):
                break
            start = re.match(r"    (\w+):\s*(.*)$", line)
            if start:
                section = start[1]
                rule.sections[section] = start[2] + "\n"
            elif section:
                rule.sections[section] += line + "\n"
        if base:
            inherited = next((other for other in rules if other.name == base), None) or _rule_of_others(base)
            inherited = inherited.sections
            params = inherited.get("params", "") + rule.sections.get("params", "")
            rule.sections = inherited | rule.sections | {"params": params}
        rules.append(rule)
    return docstring, rules


def _rule_of_others(name):
    """A rule by its name, from the rule file that has it."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.smk")))
    text = next(text for text in texts if re.search(rf"^rule {name}:", text, re.M))
    return next(rule for rule in parse(text)[1] if rule.name == name)


def common():
    """Sentences of the functions of common.smk, and the groups of keys that it imports."""
    tree = ast.parse(_without_snakemake((RULES / "common.smk").read_text(encoding="utf-8")))
    sentences, groups = {}, {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            sentences[node.name] = (ast.get_docstring(node) or "").split("\n")[0]
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("clusterphot.config."):
            module = importlib.import_module(node.module)
            groups |= {name.name: getattr(module, name.name) for name in node.names}
    return sentences, groups


def _without_snakemake(text):
    """A rule file less what is not Python: blocks of Snakemake's own words."""
    return re.sub(r"^(onstart|wildcard_constraints):\n(?: +.*\n|\n)+", "\n", text, flags=re.M)


def paths(node, sentences):
    """Words for an input or output: its paths, and for an input function what it gives."""
    if isinstance(node, ast.Constant):
        return [f"`{node.value}`"]
    if isinstance(node, ast.JoinedStr):
        return [f"`{_joined(node)}`"]
    if isinstance(node, ast.List | ast.Tuple):
        return [word for item in node.elts for word in paths(item, sentences)]
    if isinstance(node, ast.Name):
        return [_sentence(sentences[node.id])] if sentences.get(node.id) else []
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        first = node.args[0] if node.args else None
        if name == "get_resource":
            return [f"`resources/{first.value}`"]
        if name == "get_field_value":
            return [OF_FIELD[first.value]]
        if name == "get_where":
            return [f"{word} (of a field that has one)" for word in paths(node.args[1], sentences)]
        if name in EACH:
            return [f"{word} ({EACH[name]})" for word in paths(first, sentences)]
        if name in ("ensure", "ancient", "unpack", "report", "figure", "temp", "directory"):
            return paths(first, sentences)
        if sentences.get(name):
            words = _sentence(sentences[name])
            kind = f" ({AGES[first.value]})" if name in GRIDS else ""
            return [words.split(": ", 1)[-1].replace("``pattern`` for ", "") + kind]
    return []


def _joined(node):
    """Text of an f-string: the keys of the configuration in it by name."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += part.value
        else:
            found = list(config_keys(part.value, {}))
            text += f"<{found[0]}>" if found else "<...>"
    return text


def _sentence(text):
    """A sentence as part of a list: without its full stop, and with a small letter at the start."""
    text = text.rstrip(".")
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def config_keys(node, groups):
    """Dotted keys of the configuration in a syntax tree."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_keys":
        section, group = node.args
        yield from (f"{section.value}.{key}" for key in keys_of(groups[group.id]))
        return
    for part in ast.walk(node):
        keys = _subscripts(part)
        if keys and not any(_subscripts(outer, part) for outer in ast.walk(node)):
            yield ".".join(keys)


def _subscripts(node, inner=None):
    """Keys of ``config["a"]["b"]``; with ``inner``, whether this node holds that one as its beginning."""
    keys = []
    seen = node
    while isinstance(seen, ast.Subscript):
        if isinstance(seen.slice, ast.Constant) and isinstance(seen.slice.value, str):
            keys.insert(0, seen.slice.value)
        seen = seen.value
        if inner is not None and seen is inner:
            return True
    return keys if inner is None and isinstance(seen, ast.Name) and seen.id == "config" else []


def field_keys(node):
    """Keys of a field's entry that a param takes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        known = {
            "get_field_value": FieldSection,
            "get_comparison_value": FieldSection,
            "get_mosaic_value": MosaicSection,
        }
        model = known.get(node.func.id)
        if model and node.args[0].value in keys_of(model):
            yield node.args[0].value + ("" if model is FieldSection else " of each filter")


def rule_keys(rule, groups):
    """Keys of the configuration that a rule depends on, by section, with links."""
    found, own = {}, {}
    for name, node in rule.arguments("params"):
        for key in config_keys(node, groups):
            section, _, rest = key.partition(".")
            found.setdefault(section, {})[rest or "all keys"] = None
        own |= dict.fromkeys(field_keys(node))
        if name == "zero_point_errors":
            own["zero_point_error of each filter"] = None
    words = {section: list(keys) for section, keys in found.items() if section in keys_of(Configuration)}
    words |= {"fields": list(own)} if own else {}
    return "; ".join(
        f"[{section}](../config/README.md#{section}): "
        + ", ".join(re.sub(r"^[\w.]+", r"`\g<0>`", key) if key != "all keys" else key for key in keys)
        for section, keys in words.items()
    )


def purpose(rule):
    """First sentence of the driver of a rule, or the texts of its figure, or its message where it has neither."""
    drawn = next((figure for figure in FIGURES if figure.rule == rule.name), None)
    if drawn:
        return f"**{drawn.title}.** {drawn.caption}"
    driver = SCRIPTS / f"{rule.name}.py"
    if driver.exists():
        text = ast.get_docstring(ast.parse(driver.read_text(encoding="utf-8"))).split("\n")[0]
        return text.replace(f" (rule {rule.name})", "")
    text = " ".join(ast.literal_eval(rule.sections["message"].strip()).split())
    text = re.sub(r"^(\{[^}]*\} ?)+: ", "", text).replace("{wildcards.grid} ", "")
    return text[0].upper() + text[1:] + "."


def pair_figures(words):
    """Paths with a PNG and its PDF in one."""
    return [
        f"{word} and `.pdf`" if f"{word[:-5]}.pdf`" in words and word.endswith(".png`") else word
        for word in words
        if not (word.endswith(".pdf`") and f"{word[:-5]}.png`" in words)
    ]


def describe(rule, sentences, groups):
    """Lines of one rule."""
    lines = [f"### {rule.name}", "", purpose(rule), ""]
    for section, says in (("input", "reads"), ("output", "writes")):
        words = [word for _, node in rule.arguments(section) for word in paths(node, sentences)]
        if words:
            lines.append(f"- {says}: {', '.join(pair_figures(dict.fromkeys(words)))}")
    keys = rule_keys(rule, groups)
    if keys:
        lines.append(f"- depends on: {keys}")
    return [*lines, ""]


def _code(paragraph):
    """A paragraph of a docstring as Markdown: paths with wildcards as code."""
    words = (
        word if "`" in word or "{" not in word else re.sub(r"[\w{}/.*]+", r"`\g<0>`", word, count=1)
        for word in paragraph.split()
    )
    return " ".join(words)


def page():
    """Text of docs/stages.md."""
    sentences, groups = common()
    names = stages()
    lines = [" · ".join(f"[{name}](#{name})" for name in names), ""]
    for name in names:
        docstring, rules = parse((RULES / f"{name}.smk").read_text(encoding="utf-8"))
        paragraphs = [part for part in docstring.split("\n\n") if not part.startswith("Inputs:")]
        lines += [f"## {name}", ""]
        lines += [line for part in paragraphs for line in (_code(part), "")]
        targets = [rule.name for rule in rules if not set(rule.sections) & {"script", "shell"}]
        if targets:
            lines += [f"Targets for people: {', '.join(f'`{target}`' for target in targets)}.", ""]
        lines += [f"Rule file: [{name}.smk](../workflow/rules/{name}.smk).", ""]
        for rule in rules:
            if rule.name not in targets and "output" in rule.sections:
                lines += describe(rule, sentences, groups)
    return HEAD + "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (REPO / "docs" / "stages.md").write_text(page(), encoding="utf-8")
