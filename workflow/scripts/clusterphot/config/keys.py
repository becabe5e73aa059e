"""How a key of the configuration is written, and what follows from it: defaults, a schema, groups of options.

A section is a class decorated with `section`, its keys are made by `key`, and the first line of its docstring says what
it is about. Keys that go together are a class of their own (`SearchKeys`), which is a base of its section
(`DetectionSection`) and of the options that the package takes (`FinderOptions`). Python puts the keys of the last base
first.

The schema is JSON Schema, draft 2020-12. pydantic would write it too, but takes 0.1 s to import, in every job.
"""

import copy
import functools
import types
import typing
from dataclasses import MISSING, dataclass, field, fields, is_dataclass

section = functools.partial(dataclass, frozen=True, init=False, repr=False, eq=False)
"""Decorator of a section or a group of keys. They are read, not made, and each method would take time to build."""

REQUIRED = MISSING
"""Default of a key that the user has to give."""

_NUMBERS = {float: "number", int: "integer"}
_KINDS = {**_NUMBERS, bool: "boolean", str: "string", types.NoneType: "null"}
_OF_NUMBERS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
}
_OF_LISTS = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
_LIMITS = {*_OF_NUMBERS, *_OF_LISTS, "pattern", "names", "min_names"}


def key(default, sentence, **limits):
    """A key of a section.

    Parameters
    ----------
    default
        Lists as tuples, sections as their class. `REQUIRED`: the user gives it. None where the kind does not allow
        None: it may be left out.
    sentence : str
        What it is, with its unit: the comment in config.yaml, the meaning in README.md, the hint of a message.
    **limits
        ``gt``, ``ge``, ``lt``, ``le``, ``multiple_of`` of the number, or of each number in a list; ``min_items``,
        ``max_items``, ``unique`` of a list; ``pattern`` of a text, or of each text in a list; ``min_names`` and
        ``names`` (a pattern) of the names in a mapping.

    Returns
    -------
    field : `dataclasses.Field`

    Raises
    ------
    TypeError
        For a limit that there is not.
    """
    if unknown := limits.keys() - _LIMITS:
        raise TypeError(f"limits {sorted(unknown)}, expected some of {sorted(_LIMITS)}")
    metadata = {"sentence": sentence, **limits}
    if isinstance(default, dict):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def keys_of(group):
    """Names of the keys of a section or a group of keys."""
    return tuple(entry.name for entry in fields(group))


def defaults_of(group):
    """Defaults of the keys of a section or a group of keys, as YAML has them, without those that may be left out."""
    known = {entry.name: default_of(entry) for entry in fields(group)}
    kinds = {entry.name: entry.type for entry in fields(group)}
    return {name: value for name, value in known.items() if value is not None or _takes_none(kinds[name])}


def values_of(group, params):
    """Values of the keys of a group among the params of a rule, as a dictionary."""
    return {name: getattr(params, name) for name in keys_of(group)}


def sentence_of(model):
    """What a section is about."""
    return model.__doc__.split("\n")[0]


def default_of(entry):
    """Default of a key as YAML has it, `REQUIRED` where it has none, None where it may be left out."""
    default = entry.default if entry.default_factory is MISSING else entry.default_factory()
    if is_dataclass(default):
        return defaults_of(default)
    return list(default) if isinstance(default, tuple) else default


def complete(given, model):
    """Fill in the defaults of a section, key by key, as Snakemake merges files.

    Parameters
    ----------
    given : dict
        The user's; changed in place. What is of the wrong kind is left for the check.
    model : section
    """
    for entry in fields(model):
        default, value = default_of(entry), given.get(entry.name)
        if entry.name not in given:
            if default is not REQUIRED and (default is not None or _takes_none(entry.type)):
                given[entry.name] = default
        elif is_dataclass(entry.type) and isinstance(value, dict):
            complete(value, entry.type)
        elif isinstance(default, dict) and isinstance(value, dict):
            given[entry.name] = default | value


def _takes_none(kind):
    """Whether null is a value of this kind."""
    return types.NoneType in typing.get_args(kind)


def schema_of(model):
    """JSON Schema of a section; keys that it does not know are errors.

    Parameters
    ----------
    model : section

    Returns
    -------
    schema : dict
    """
    return {
        "description": sentence_of(model),
        "type": "object",
        "additionalProperties": False,
        "required": [entry.name for entry in fields(model) if default_of(entry) is REQUIRED],
        "properties": {
            entry.name: _schema(entry.type, entry.metadata) | {"description": entry.metadata["sentence"]}
            for entry in fields(model)
        },
    }


def _schema(kind, limits):
    """JSON Schema of the kind of a key and its limits."""
    if is_dataclass(kind):
        return schema_of(kind)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(parts)} if len(parts) > 1 else {"const": parts[0]}
    if origin in (typing.Union, types.UnionType):
        if all(part in _KINDS for part in parts):
            several = [_schema(part, limits) for part in parts]
            return {name: value for one in several for name, value in one.items()} | {
                "type": [one["type"] for one in several]
            }
        return {"anyOf": [_schema(part, limits) for part in parts]}
    if origin is tuple:
        return {"type": "array", "items": _schema(parts[0], limits)} | _size(parts, limits)
    if origin is dict:
        names = {"propertyNames": {"pattern": limits["names"]}} if "names" in limits else {}
        least = {"minProperties": limits["min_names"]} if "min_names" in limits else {}
        return {"type": "object", "additionalProperties": _schema(parts[1], limits)} | names | least
    known = _OF_NUMBERS if kind in _NUMBERS else {"pattern": "pattern"} if kind is str else {}
    return {"type": _KINDS[kind]} | {known[name]: limits[name] for name in known if name in limits}


def _size(parts, limits):
    """Limits of the length of a list: ``tuple[float, float]`` has two, ``tuple[float, ...]`` any number."""
    if parts[-1] is not Ellipsis:
        return {"minItems": len(parts), "maxItems": len(parts)}
    return {_OF_LISTS[name]: limits[name] for name in _OF_LISTS if name in limits}
