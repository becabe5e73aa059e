"""A job starts fast: a module that takes long to import is imported by the functions that need it, not by the file.

Most jobs are over within a second, and each of these costs 0.1 to 0.8 s of it (`python -X importtime`).
"""

import ast
import functools
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow" / "scripts"
SLOW = {
    "astropy.coordinates",
    "astropy.cosmology",
    "astropy.modeling",
    "astropy.stats",
    "astropy.visualization",
    "astropy.wcs",
    "h5py",
    "matplotlib.pyplot",
    "pandas",
    "photutils",
    "poppy",
    "scipy.integrate",
    "scipy.interpolate",
    "scipy.optimize",
    "scipy.signal",
    "scipy.stats",
    "sedpy",
}
"""Left to the functions that need them."""

FROM_THE_START = {
    "check_config": {"astropy.wcs"},
    "estimate_totals": {
        "astropy.coordinates",
        "astropy.wcs",
        "scipy.interpolate",
        "scipy.optimize",
        "scipy.stats",
    },
    "count_stars": {"astropy.coordinates"},
    "detect_sources": {"astropy.coordinates", "scipy.optimize", "scipy.signal"},
    "fit_color_mixture": {"scipy.interpolate", "scipy.optimize", "scipy.stats"},
    "fit_luminosity_function": {"scipy.interpolate", "scipy.optimize", "scipy.stats"},
    "fit_population": {"scipy.optimize", "scipy.stats"},
    "fit_spatial": {
        "astropy.coordinates",
        "astropy.wcs",
        "scipy.interpolate",
        "scipy.optimize",
        "scipy.stats",
    },
    "inject_clusters": {"scipy.optimize", "scipy.signal"},
    "map_clusters": {"astropy.wcs", "scipy.interpolate", "scipy.optimize", "scipy.stats"},
    "measure_completeness": {"scipy.optimize"},
    "measure_light": {"astropy.wcs", "scipy.interpolate", "scipy.optimize", "scipy.stats"},
    "measure_mass_completeness": {"scipy.optimize"},
    "merge_candidates": {"astropy.coordinates", "scipy.optimize", "scipy.signal"},
    "new_field": {"astropy.wcs"},
    "prepare_mosaic": {"astropy.wcs"},
    "simulate_field": {"astropy.wcs"},
    "simulate_exposures": {"astropy.wcs"},
}
"""Those that a driver needs in each of its jobs, or in jobs that take minutes anyway."""


@functools.cache
def imported(path):
    """Modules that a file names in imports outside of functions, those for type checkers aside."""
    names, todo = set(), list(ast.parse(path.read_text(encoding="utf-8")).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.If | ast.Try | ast.With) and "TYPE_CHECKING" not in ast.unparse(node):
            todo += node.body
    return names


def source(name):
    """File of a module of the package, or None."""
    path = SCRIPTS.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def imported_in_all(driver):
    """The same of a driver and of all files of the package that come with it."""
    found, todo = set(), [SCRIPTS / f"{driver}.py"]
    while todo:
        new = imported(todo.pop()) - found
        found |= new
        todo += [source(name) for name in new if name.startswith("clusterphot") and source(name)]
    return found


@pytest.mark.parametrize("driver", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_slow_modules_wait_for_the_function_that_needs_them(driver):
    assert imported_in_all(driver) & SLOW <= FROM_THE_START.get(driver, set())


def test_what_is_imported_is_seen(tmp_path):
    file = tmp_path / "driver.py"
    file.write_text(
        "import a.b, c as d\nfrom e.f import g\nif TYPE_CHECKING:\n    import h\ntry:\n    import i\n"
        "except ImportError:\n    i = None\n\ndef main():\n    import j\n"
    )
    assert imported(file) == {"a.b", "c", "e.f", "e.f.g", "i"}
    assert {"astropy.coordinates", "clusterphot.foreground.star_counts"} <= imported_in_all("count_stars")
