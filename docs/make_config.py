"""Write config/config.yaml and config/README.md from the keys in `clusterphot.config` (`make docs-code`)."""

import textwrap
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path

import yaml
from clusterphot.config.keys import REQUIRED, default_of, schema_of
from clusterphot.config.sections import Configuration
from clusterphot.config.ssp_grids import EXAMPLES

REPO = Path(__file__).resolve().parents[1]
COMMENT_COLUMN, WIDTH = 40, 120
LONG_DEFAULT = 60
"""A default of more characters is not shown in the table."""

YAML_HEAD = """\
# Every default of the workflow. A user's own file (`--configfile my.yaml`) overrides it key by key, except `fields`:
# fields given there replace the shipped ones of config/shipped_fields.yaml. All keys, with their ranges, are explained
# in config/README.md. Written by `make docs-code` from workflow/scripts/clusterphot/config, where a default is changed
# for everybody.
"""

README_HEAD = """\
# Configuration

Written by `make docs-code` from `workflow/scripts/clusterphot/config`; do not edit.

`config/config.yaml` holds every default. A file of your own, `snakemake --configfile my.yaml`, overrides it
key by key; only `fields` is taken whole: fields named there replace the shipped ones of
`config/shipped_fields.yaml`. Paths are relative to the working directory (`--directory`).

A field of your own takes a few lines:

```yaml
fields:
  my_cluster:
    redshift: 0.39
    ebv: 0.18
    sources: sources.csv              # id, ra, dec (deg, ICRS)
    reference_filter: F200W
    mosaics:
      F150W: {sci: f150w_sci.fits.gz, wht: f150w_wht.fits.gz}
      F200W: {sci: f200w_sci.fits.gz, wht: f200w_wht.fits.gz}
  published:                          # a field given by its photometry alone
    redshift: 0.39
    ebv: 0.18
    photometry: my_photometry.csv     # id, ra, dec, flux_F090W, flux_err_F090W, ... in nJy
```

"""


# ------------------------------------------------------------------------------------------------- config.yaml


def defaults():
    """Text of config/config.yaml."""
    lines = [YAML_HEAD]
    for entry in fields(Configuration):
        if default_of(entry) is not REQUIRED:
            lines += [*section_lines(entry), ""]
    return "\n".join(lines).rstrip() + "\n"


def section_lines(entry, depth=0):
    """Lines of a key: a section with all that is in it, or a value with its comment."""
    start, default = f"{'  ' * depth}{entry.name}:", default_of(entry)
    if is_dataclass(entry.type) and not (depth and is_inline(entry.type)):
        lines = commented(start, entry.metadata["sentence"])
        for inner in fields(entry.type):
            lines += section_lines(inner, depth + 1)
        return lines
    if entry.name == "ssp_grids":
        lines = commented(start, entry.metadata["sentence"])
        lines += [f"  {line}" for line in yaml.safe_dump(default).splitlines()]
        return lines + EXAMPLES.splitlines()
    return commented(f"{start} {value_text(default)}", entry.metadata["sentence"], offered(entry))


def is_inline(model):
    """Whether a section stands in one line: a few numbers."""
    shown = [entry for entry in fields(model) if default_of(entry) is not None]
    return len(shown) < 4 and all(entry.type in (int, float) for entry in shown)


def offered(entry):
    """Words to choose from that the sentence of a key does not name."""
    words = typing.get_args(entry.type) if typing.get_origin(entry.type) is typing.Literal else ()
    unnamed = any(word not in entry.metadata["sentence"].lower() for word in words)
    return f" ({', '.join(words)})" if unnamed and len(words) > 1 else ""


def value_text(value):
    """A value in one line of YAML, which a reader of YAML 1.1 takes for the same."""
    if isinstance(value, float) and value >= 1e5:
        return f"{value:.1e}"
    return yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).split("\n")[0]


def commented(text, sentence, more=""):
    """A line with a comment beside it, or above where the line is long."""
    sentence = sentence.rstrip(".") + more
    if len(text) + 2 > COMMENT_COLUMN:
        indent = " " * (len(text) - len(text.lstrip()))
        return [*wrapped(sentence, f"{indent}# "), *wrapped(text.strip(), indent, f"{indent}  ")]
    first, *others = wrapped(sentence, f"{'':<{COMMENT_COLUMN}}# ")
    return [text + first[len(text) :], *others]


def wrapped(text, first, others=None):
    """Lines of a text, each with what it begins with; a key stays with its value."""
    lines = textwrap.wrap(
        text.replace(": ", ":\0"),
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if others is None else others,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


# --------------------------------------------------------------------------------------------------- README.md


def readme():
    """Text of config/README.md."""
    lines = []
    for entry in fields(Configuration):
        part = schema_of(Configuration)["properties"][entry.name]
        values, name = default_of(entry), f"{entry.name}."
        if isinstance(part["additionalProperties"], dict):
            part, values, name = part["additionalProperties"], model_defaults(entry.type), f"{name}*NAME*."
        lines += [f"## {entry.name}", "", entry.metadata["sentence"], ""]
        lines += ["| key | meaning | allowed | default |", "|---|---|---|---|"]
        lines += [*rows(part, values, name), ""]
    return README_HEAD + "\n".join(lines)


def model_defaults(kind):
    """Defaults of the entries of a mapping of names to sections; none of those that may be left out."""
    model = typing.get_args(kind)[1]
    values = {entry.name: default_of(entry) for entry in fields(model)}
    values |= {
        entry.name: model_defaults(dict[str, entry.type])
        for entry in fields(model)
        if is_dataclass(entry.type)
    }
    return {name: value for name, value in values.items() if value not in (None, REQUIRED)}


def allowed(schema):
    """Words for kind and range of a key."""
    if "anyOf" in schema:
        return " or ".join(allowed(part) for part in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    names = {"null": "nothing", "string": "text", "array": "list"}
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    words = " or ".join(names.get(kind, kind) for kind in types)
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    limits = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    if schema["type"] == "array":
        least, most = schema.get("minItems"), schema.get("maxItems")
        words += f" of {least}: " if least is not None and least == most else " of "
        words += allowed(schema["items"])
    return " ".join([words, ", ".join(limits)]).strip()


def rows(schema, values, prefix):
    """Table rows of the keys of one section, nested ones with dotted names."""
    for key, part in schema["properties"].items():
        name, value = f"{prefix}{key}", values.get(key)
        free = part.get("additionalProperties")
        if isinstance(free, dict) and "properties" in free:
            yield from rows(free, {}, f"{name}.*NAME*.")
        elif "properties" in part:
            yield from rows(part, value or {}, f"{name}.")
        else:
            kind = part
            if isinstance(free, dict):  # names with plain values
                name, kind = f"{name}.*NAME*", free
            shown = value_text(value) if key in values else ""
            if len(shown) > LONG_DEFAULT:
                shown = "see config.yaml"
            elif shown:
                shown = f"`{shown}`"
            yield f"| `{name}` | {part['description']} | {allowed(kind)} | {shown} |"


if __name__ == "__main__":
    (REPO / "config" / "config.yaml").write_text(defaults(), encoding="utf-8")
    (REPO / "config" / "README.md").write_text(readme(), encoding="utf-8")
