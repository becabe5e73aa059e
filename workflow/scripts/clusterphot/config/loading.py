"""Configuration files as they are: YAML of some size and depth, each key once, in UTF-8.

YAML can name a part and repeat it, so that a few lines grow to gigabytes or never end; such files are refused while
they are read as a stream, before anything is made of them. No units.
"""

import os
from pathlib import Path

import yaml

from clusterphot.base.errors import ConfigError

MAX_DEPTH = 40
"""Levels of sections and lists; the deepest of ours has seven."""
MAX_NODES = 1_000_000
"""Values of a file with everything that is repeated written out; a field has some fifty."""
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""By libyaml, five times faster, where it is there."""


def load_yaml(path):
    """Content of a YAML file.

    Raises
    ------
    ConfigError
        Missing file, syntax error, key given twice, not a mapping (of comments alone, for example, which Snakemake
        refuses), or one without bounds.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(short_path(path), exc.strerror or str(exc), "a readable YAML file") from exc
    except UnicodeDecodeError as exc:
        got = f"byte {exc.object[exc.start]:#04x} that is not UTF-8"
        raise ConfigError(short_path(path), got, "a text file in UTF-8", "save it as UTF-8.") from exc
    try:
        _check_bounds(text, short_path(path))
        content = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(exc, "problem", None) or str(exc)
        lines = text.split("\n")
        hint = ""
        if mark and mark.line < len(lines) and "\t" in lines[mark.line]:
            hint = "there is a tab in this line; YAML is indented by spaces."
        raise ConfigError(f"{short_path(path)}{line}", problem, "YAML, each key once", hint) from exc
    except ValueError as exc:  # a date that is none, for example
        raise ConfigError(short_path(path), str(exc), "YAML, each key once") from exc
    if content is None:
        hint = "`{}` is a configuration that changes nothing."
        raise ConfigError(short_path(path), "nothing but comments", "a mapping of keys to values", hint)
    if not isinstance(content, dict):
        raise ConfigError(short_path(path), type(content).__name__, "a mapping of keys to values")
    return content


def short_path(path):
    """A file relative to the working directory where it lies in there; Snakemake makes paths absolute."""
    path = str(path)
    return os.path.relpath(path) if path.startswith(os.path.join(os.getcwd(), "")) else path


def _check_bounds(text, name):
    """Refuse YAML that is deeper or larger than a configuration, with its repeated parts written out.

    Raises
    ------
    ConfigError
    """
    # libyaml takes tabs where the reader of Snakemake, which comes first in a run, does not
    reader = yaml.SafeLoader if "\t" in text else FAST
    open_parts, known = (
        [],
        {},
    )  # [anchor, size, depth] of the parts that have begun; (size, depth) of those named
    for event in yaml.parse(text, Loader=reader):
        where = f"{name}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.CollectionStartEvent):
            open_parts.append([event.anchor, 1, 1])
            part = None
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, *part = open_parts.pop()
            known[anchor] = part
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, *_ in open_parts):
                raise ConfigError(
                    where, f"*{event.anchor} within itself", "a part that ends", "write it out."
                )
            part = known.get(event.anchor, (1, 0))
        elif isinstance(event, yaml.ScalarEvent):
            part = known[event.anchor] = (1, 0)
        else:
            part = None
        if part and open_parts:
            open_parts[-1][1] += part[0]
            open_parts[-1][2] = max(open_parts[-1][2], part[1] + 1)
        if len(open_parts) > MAX_DEPTH or (open_parts and open_parts[-1][2] > MAX_DEPTH):
            raise ConfigError(where, f"more than {MAX_DEPTH} levels", "the few of a configuration")
        if open_parts and open_parts[-1][1] > MAX_NODES:
            raise ConfigError(
                where, f"more than {MAX_NODES} values", "a configuration; write out what is repeated"
            )


class _UniqueKeyLoader(FAST):
    """YAML loader that refuses a key given twice in one mapping."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # <<, which takes in a part named elsewhere
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} twice in one section", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)
