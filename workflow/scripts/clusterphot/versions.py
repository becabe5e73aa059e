"""Versions of the software that made a table, for its metadata."""

import platform
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
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
