"""Versions of the software that made a table, for its metadata."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from clusterphot import __version__

PACKAGES = (
    "numpy",
    "scipy",
    "astropy",
    "astro-sedpy",
    "extinction",
    "sep",
    "photutils",
    "poppy",
    "snakemake",
)


def software_versions():
    """Dictionary of package name to version of what is installed."""
    found = {"clusterphot": __version__, "python": platform.python_version()}
    used = ("tractor",) if "tractor.engine" in sys.modules else ()  # not PyPI's program of that name
    for name in (*PACKAGES, *used):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
