"""Examples in docstrings of the package run and say what they claim."""

import doctest
import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
    for path in (SCRIPTS / "clusterphot").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_module(name):
    """What fails is printed by doctest: the example, what it should give and what it gave."""
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def test_rooms_for_notebooks_have_examples():
    """The functions that people call by hand show how."""
    named = (
        "base.images",
        "psf.build",
        "psf.noise",
        "psf.offsets",
        "psf.shape",
        "psf.stars",
        "stack.combine",
    )
    assert {f"clusterphot.{name}" for name in named} <= set(WITH_EXAMPLES)
