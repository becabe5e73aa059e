"""The digest of the code of a rule: changes when a module it uses changes, and only then."""

import re
import shutil
from pathlib import Path

import pytest
from clusterphot.run.codes import Sources, params_digest

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow" / "scripts"


def driver_digest(scripts, driver):
    """Digest of the code of a driver as it is now."""
    return Sources(scripts).digest(driver)


@pytest.fixture
def scripts(tmp_path):
    """A small package: drive -> a -> b, c inside a function, sub.d; e and errors beside it."""
    package = tmp_path / "clusterphot"
    (package / "sub").mkdir(parents=True)
    sources = {
        "__init__.py": "",
        "a.py": "from clusterphot.b import x\nfrom clusterphot.base.errors import E\n",
        "b.py": "x = 1\ndef f():\n    from clusterphot import c\n",
        "c.py": "import clusterphot.a\nimport clusterphot.sub.d\n",
        "e.py": "y = 2\n",
        "errors.py": "E = 1\n",
        "sub/__init__.py": "",
        "sub/d.py": "z = 3\n",
    }
    for name, text in sources.items():
        (package / name).write_text(text)
    (tmp_path / "drive.py").write_text("import numpy\nfrom clusterphot.a import f\n")
    return tmp_path


@pytest.mark.parametrize("module", ["a.py", "b.py", "c.py", "sub/d.py"])
def test_edited_module_changes_the_digest(scripts, module):
    """Direct, indirect, in a function, by `import`, in a circle, in a sub-package."""
    before = driver_digest(scripts, "drive")
    with open(scripts / "clusterphot" / module, "a") as stream:
        stream.write("# edited\n")
    assert driver_digest(scripts, "drive") != before


@pytest.mark.parametrize("module", ["e.py", "errors.py"])
def test_unrelated_module_does_not(scripts, module):
    """A module that is not imported, and one that only words messages."""
    before = driver_digest(scripts, "drive")
    with open(scripts / "clusterphot" / module, "a") as stream:
        stream.write("# edited\n")
    assert driver_digest(scripts, "drive") == before


def test_the_place_does_not_matter(scripts, tmp_path):
    """A clone elsewhere has the same digest, so that results can be moved with it."""
    shutil.copytree(scripts, tmp_path / "elsewhere")
    assert driver_digest(tmp_path / "elsewhere", "drive") == driver_digest(scripts, "drive")


def test_digest_is_short_hexadecimal():
    assert re.fullmatch("[0-9a-f]{12}", driver_digest(SCRIPTS, "fit_sed"))


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("sed/chi2.py", {"fit_sed", "fit_stack_sed"}),
        ("sed/masses.py", {"fit_sed", "fit_stack_sed"}),
        ("ssp/four_color.py", {"build_ssp_grid", "fit_sed", "fit_stack_sed"}),
        ("foreground/dust.py", {"compute_extinction", "deredden_photometry", "deredden_stack"}),
        ("publish/paper_tables.py", {"write_table1", "write_table2"}),
        ("run/configuration.py", set()),
        ("base/errors.py", set()),
    ],
)
def test_real_modules_and_their_rules(tmp_path, module, changed):
    """An edit of a module of the package, in a copy, reruns the rules that use it."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    drivers = [
        "build_ssp_grid",
        "compute_extinction",
        "deredden_photometry",
        "deredden_stack",
        "fit_sed",
        "fit_stack_sed",
        "import_photometry",
        "merge_sed",
        "project_ssp_grid",
        "write_table1",
        "write_table2",
    ]
    before = {driver: driver_digest(tmp_path / "scripts", driver) for driver in drivers}
    assert before == {driver: driver_digest(SCRIPTS, driver) for driver in drivers}
    with open(tmp_path / "scripts" / "clusterphot" / module, "a") as stream:
        stream.write("# edited\n")
    after = {driver: driver_digest(tmp_path / "scripts", driver) for driver in drivers}
    assert {driver for driver in drivers if after[driver] != before[driver]} == changed


def test_every_driver_has_a_digest():
    for path in SCRIPTS.glob("*.py"):
        assert len(driver_digest(SCRIPTS, path.stem)) == 12, path.stem


def test_params_that_swap_values_are_a_change():
    """As sets {1, 2, '0'} are equal whichever of two params is 1; with their names they are not."""
    from snakemake.iocontainers import Params

    def digest(**named):
        return params_digest(Params(fromdict={**named, "computed": len}))

    assert digest(first=1, second=2, third=1) == digest(first=1, second=2, third=1)
    assert digest(first=1, second=2, third=1) != digest(first=2, second=2, third=1)
    assert digest() == []
