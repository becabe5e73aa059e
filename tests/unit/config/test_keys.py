"""Keys of the configuration: each written once, and what follows from them."""

import ast
import dataclasses
import typing
from pathlib import Path
from typing import Literal

import pytest
import yaml
from clusterphot.config import keys
from clusterphot.config.keys import REQUIRED, key, section
from clusterphot.config.sections import Configuration, configuration_schema
from clusterphot.ssp.readers import READERS
from jsonschema import Draft202012Validator

REPO = Path(__file__).resolve().parents[3]
PACKAGE = REPO / "workflow" / "scripts" / "clusterphot"


@section
class Inner:
    """Inner section."""

    size_px: int = key(3, "Side (px).", ge=1)


@section
class First:
    """First keys."""

    name: str = key(REQUIRED, "Name.")
    note: str = key(None, "Left out where there is none.")


@section
class Example(First):
    """An example."""

    share: float = key(0.5, "Share.", gt=0, le=1)
    kind: Literal["a", "b"] = key("a", "Kind.")
    limit: Literal["auto"] | float = key("auto", "Limit.", ge=0)
    folder: str | None = key(None, "Folder.")
    ends: tuple[float, float] = key((1.0, 2.0), "Ends.", ge=0)
    names: tuple[str, ...] = key((), "Names.", unique=True, pattern="^[a-z]+$")
    inner: Inner = key(Inner, "Inner.")
    flux: dict[str, float] = key({"F200W": 1.0}, "Flux.", gt=0)


def models(model):
    """A section and all sections in it."""
    yield model
    for entry in dataclasses.fields(model):
        for kind in (entry.type, *typing.get_args(entry.type)):
            if dataclasses.is_dataclass(kind):
                yield from models(kind)


# --------------------------------------------------------------------------------------------- how they work


def test_keys_follow_their_bases():
    assert keys.keys_of(Example)[:3] == ("name", "note", "share")
    assert Example.share == 0.5


def test_defaults_are_filled_in():
    """What the user gave stays, sections and mappings key by key; nothing is made up for what may be left out."""
    given = {"name": "x", "inner": {}, "flux": {"F090W": 2.0}, "folder": "here"}
    keys.complete(given, Example)
    assert given == {
        "name": "x",
        "share": 0.5,
        "kind": "a",
        "limit": "auto",
        "folder": "here",
        "ends": [1.0, 2.0],
        "names": [],
        "inner": {"size_px": 3},
        "flux": {"F200W": 1.0, "F090W": 2.0},
    }


def test_defaults_are_not_shared():
    first, second = {}, {}
    keys.complete(first, Example)
    keys.complete(second, Example)
    first["flux"]["F090W"] = 1.0
    first["ends"].append(3.0)
    assert second["flux"] == {"F200W": 1.0} and second["ends"] == [1.0, 2.0]


def test_a_limit_that_there_is_not():
    with pytest.raises(TypeError, match=r"limits \['gte'\], expected some of"):
        key(1.0, "Share.", gte=0)


def test_wrong_kinds_are_left_for_the_check():
    given = {"inner": 3, "flux": None}
    keys.complete(given, Example)
    assert given["inner"] == 3 and given["flux"] is None


@pytest.mark.parametrize(
    ("change", "is_right"),
    [
        ({}, True),
        ({"share": 0}, False),
        ({"share": 1}, True),
        ({"share": 1.1}, False),
        ({"share": "0.5"}, False),
        ({"share": True}, False),
        ({"kind": "c"}, False),
        ({"limit": 3}, True),
        ({"limit": -3}, False),
        ({"limit": "other"}, False),
        ({"folder": None}, True),
        ({"note": None}, False),
        ({"ends": [1.0]}, False),
        ({"ends": [1.0, 2.0, 3.0]}, False),
        ({"ends": [-1.0, 2.0]}, False),
        ({"names": ["a", "a"]}, False),
        ({"names": ["A"]}, False),
        ({"inner": {"size_px": 0}}, False),
        ({"inner": {"size_px": 1.5}}, False),
        ({"inner": {"size": 3}}, False),
        ({"flux": {"F090W": 0}}, False),
        ({"more": 1}, False),
    ],
    ids=str,
)
def test_schema(change, is_right):
    """JSON Schema says of each kind and limit what the key says."""
    given = {"name": "x"} | change
    keys.complete(given, Example)
    assert Draft202012Validator(keys.schema_of(Example)).is_valid(given) == is_right


def test_a_key_without_default_is_asked_for():
    (error,) = Draft202012Validator(keys.schema_of(Example)).iter_errors({})
    assert error.validator == "required" and error.validator_value == ["name"]


# ------------------------------------------------------------------------------------------ what they say


def test_the_schema_is_one():
    Draft202012Validator.check_schema(configuration_schema())


def test_defaults_are_legal():
    """Each default of each section, those of the entries of fields and grids among them, is within its own range."""
    for model in models(Configuration):
        schema, values = keys.schema_of(model), keys.defaults_of(model)
        for name, value in values.items():
            left_out = value is None and "null" not in str(schema["properties"][name])
            if value is not REQUIRED and not left_out:
                Draft202012Validator(schema["properties"][name]).validate(value)


def test_every_key_is_a_sentence():
    for model in models(Configuration):
        assert keys.sentence_of(model).endswith((".", "/"))
        for entry in dataclasses.fields(model):
            sentence = entry.metadata["sentence"]
            assert sentence.endswith((".", ")")) and len(sentence) > 3, entry.name


def test_a_unit_of_a_name_is_in_its_sentence():
    """A key says its unit at its end, and in words where people read."""
    units = {
        "arcsec": "arcsec",
        "px": "px",
        "njy": "nJy",
        "gyr": "Gyr",
        "pc": "pc",
        "kpc": "kpc",
        "mas2": "mas2",
    }
    for model in models(Configuration):
        for entry in dataclasses.fields(model):
            unit = units.get(entry.name.rsplit("_", 1)[-1])
            assert unit is None or unit in entry.metadata["sentence"], entry.name


def test_readers_of_grids_are_those_of_the_registry():
    grid = typing.get_args(typing.get_type_hints(Configuration)["ssp_grids"])[1]
    fields = {entry.name: entry for entry in dataclasses.fields(grid)}
    assert set(typing.get_args(fields["reader"].type)) == set(READERS)
    assert {name for reader in READERS.values() for name in reader.keys} <= set(fields)


# -------------------------------------------------------------------------------------------- written once


def configured():
    """Defaults of all keys by name."""
    found = {}
    for model in models(Configuration):
        for name, value in keys.defaults_of(model).items():
            found.setdefault(name, []).append(value)
    return found


NEUTRAL = (None, True, False, 0, 0.0, 1, 1.0, "auto", "none", [], [0.0], {}, REQUIRED)
"""Values that mean nothing in particular: no error, no bound, no dust, the first seed."""

OTHER_THINGS = {
    "psf/star_fits.py: max_shift_px": "of a star while the PSF is built, not of a source",
    "sizes/likelihood.py: max_shift_px": "of the middle of a size fit, from the position that photometry found",
    "simulate/truth.py: ebv": "of a simulated field, not of the forecast",
    "simulate/truth.py: redshift": "of a simulated field, not of the forecast",
    "ssp/embed.py: resolution": "of the file that is shipped, not of E-MILES spectra",
}
"""Arguments that share name and value with a key, but not the meaning."""


def doubled(source, known):
    """Names and values of defaults of arguments and dataclass fields that are a key of the configuration by name and
    by value."""
    for node in ast.walk(ast.parse(source)):
        pairs = []
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.posonlyargs + node.args.args
            pairs += zip(
                arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True
            )
            pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            pairs = [(argument.arg, value) for argument, value in pairs]
        elif isinstance(node, ast.ClassDef):
            pairs = [(line.target.id, line.value) for line in node.body if isinstance(line, ast.AnnAssign)]
        for name, value in pairs:
            try:
                value = ast.literal_eval(value) if value is not None else None
            except ValueError:
                continue  # it is made of something else, as of a key
            value = list(value) if isinstance(value, tuple) else value
            if value not in NEUTRAL and value in known.get(name, ()):
                yield name, value


def test_no_default_stands_twice():
    """What the package takes follows from the key, `Dust.r_v`, and does not repeat its value."""
    known = configured()
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent.name != "config"
        for name, _ in doubled(path.read_text(encoding="utf-8"), known)
    }
    assert found - set(OTHER_THINGS) == set()


def test_a_double_is_found():
    """The test above sees one where it is."""
    source = "def f(a, *, r_v=3.1, seed=1): pass\nclass A:\n    annulus_px: tuple = (5.0, 10.0)\n    sky: str = B.sky\n"
    assert set(map(str, doubled(source, configured()))) == {"('r_v', 3.1)", "('annulus_px', [5.0, 10.0])"}


def test_shipped_defaults_are_those_of_the_keys():
    shipped = yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))
    filled = {}
    keys.complete(filled, Configuration)
    assert shipped == filled
