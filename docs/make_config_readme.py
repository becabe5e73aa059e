"""Write config/README.md from the schema and the defaults (`make docs-code`)."""

import sys
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[1]

HEAD = """# Configuration

Written by `make docs-code` from `workflow/schemas/config.schema.yaml` and `config/config.yaml`; do not edit.

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


def allowed(schema):
    """Words for type and range of a key."""
    if "anyOf" in schema:
        return " or ".join(allowed(part) for part in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    types = schema.get("type", "")
    words = " or ".join(
        "nothing" if t == "null" else t for t in ([types] if isinstance(types, str) else types)
    )
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    limits = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    if schema.get("type") == "array" and "items" in schema:
        words += f" of {allowed(schema['items'])}"
    return " ".join([words, ", ".join(limits)]).strip()


def rows(schema, defaults, prefix, definitions):
    """Table rows of the keys of one section, nested ones with dotted names."""
    for key, part in schema.get("properties", {}).items():
        part = resolve(part, definitions)
        name = f"{prefix}{key}"
        default = defaults.get(key) if isinstance(defaults, dict) else None
        has_default = isinstance(defaults, dict) and key in defaults
        free = part.get("additionalProperties")
        if isinstance(free, dict) and "type" in free and "properties" not in free:  # names with plain values
            part = {**free, "description": part.get("description", "")}
            name += ".*NAME*"
            default, has_default = None, False
        elif isinstance(free, dict):
            yield from rows(resolve(free, definitions), {}, f"{name}.*NAME*.", definitions)
            continue
        if "properties" in part:
            yield from rows(part, default, f"{name}.", definitions)
            continue
        shown = (
            f"`{yaml.safe_dump(default, default_flow_style=True).split(chr(10))[0]}`" if has_default else ""
        )
        text = " ".join(part.get("description", "").split())
        yield f"| `{name}` | {text} | {allowed(part).replace('|', chr(92) + '|')} | {shown} |"


def resolve(part, definitions):
    """A part of the schema with its reference followed and one level of free names entered."""
    if "$ref" in part:
        part = definitions[part["$ref"].rsplit("/", 1)[-1]]
    return part


def document():
    """Text of config/README.md."""
    schema = yaml.safe_load((REPO / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
    definitions = schema["$defs"]
    lines = []
    for section, part in schema["properties"].items():
        lines += [f"## {section}", "", part.get("description", ""), ""]
        inner, free = part, ""
        if isinstance(part.get("additionalProperties"), dict):
            inner, free = resolve(part["additionalProperties"], definitions), "*NAME*."
        values = defaults.get(section, {})
        if free:
            values = {}
        lines += ["| key | meaning | allowed | default |", "|---|---|---|---|"]
        lines += [*rows(inner, values, f"{section}.{free}", definitions), ""]
    return HEAD + "\n".join(lines)


if __name__ == "__main__":
    text = document()
    if "--check" in sys.argv:
        sys.exit((REPO / "config/README.md").read_text(encoding="utf-8") != text)
    (REPO / "config/README.md").write_text(text, encoding="utf-8")
