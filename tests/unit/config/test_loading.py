"""Configuration files without bounds are refused at once; what people write is not."""

import time

import pytest
from clusterphot.base.errors import ConfigError
from clusterphot.config.loading import load_yaml

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
SECTIONS = "a0: &a0 {k: 1}\n" + "".join(
    f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(10))}}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fields: &f {x: *f}\n", r"x\.yaml, line 1: got \*f within itself, expected a part that ends"),
        ("a:\n  b: &b [1, *b]\n", r"x\.yaml, line 2: got \*b within itself"),
        ("a: " + "[" * 3000 + "]" * 3000, r"x\.yaml, line 1: got more than 40 levels"),
        ("".join(" " * i + "a:\n" for i in range(3000)) + " " * 3001 + "1\n", "got more than 40 levels"),
        (
            "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60)),
            "got more than 40 levels",
        ),
        (BOMB, r"x\.yaml, line 7: got more than 1000000 values"),
        (SECTIONS, r"x\.yaml, line 7: got more than 1000000 values"),
        ("a: *b\n", r"x\.yaml, line 1: got found undefined alias"),
        ("a: 2020-13-45\n", r"x\.yaml: got month must be in 1..12"),
        ("a: 1\n\tb: 2\n", r"x\.yaml, line 2: .*\nHint: there is a tab in this line"),
        ("a: {b: 1,\n\tc: 2}\n", r"x\.yaml, line 2: .*\nHint: there is a tab in this line"),
    ],
    ids=[
        "itself", "list", "brackets", "sections", "names", "lists", "mappings", "missing", "date", "tab", "tab in flow",
    ],
)  # fmt: skip
def test_files_without_bounds(tmp_path, text, message):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    began = time.perf_counter()
    with pytest.raises(ConfigError, match=message):
        load_yaml(path)
    assert time.perf_counter() - began < 5.0  # a hundredth of a second on an idle machine


def test_parts_that_are_repeated(tmp_path):
    """As people do for fields that have something in common."""
    path = tmp_path / "x.yaml"
    path.write_text("common: &c {ebv: 0.1, n: [1, 2]}\na: *c\nb: {<<: *c, ebv: 0.2}\n")
    assert load_yaml(path)["b"] == {"ebv": 0.2, "n": [1, 2]}
