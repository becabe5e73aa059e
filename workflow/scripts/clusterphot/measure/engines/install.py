"""Whether The Tractor is there, of the right kind, with what it needs; and how to get it.

Looks at files only: nothing is imported, so that the check before the first job costs nothing. Imports no
package but the standard library.
"""

import importlib
import importlib.machinery
import importlib.metadata
import os
import sys
import sysconfig

from clusterphot.base.errors import ConfigError

REPOSITORY = "https://github.com/dstndstn/tractor"
COMMIT = "3fd2e80eafb9cc092e203ba50a95557eb8543878"
"""The state of The Tractor that the engine is tested with; the same in envs/tractor.yaml."""

ASTROMETRY_REPOSITORY = "https://github.com/dstndstn/astrometry.net"

OF_THE_TRACTOR = ("constrained_optimizer.py", "pointsource.py", "psf.py")
OF_ASTROMETRY_NET = ("util/miscutils.py", "util/ttime.py")
COMPILED = "_mix"
"""The Tractor's extension module that is not optional."""


def install_steps(remove=""):
    """Commands that install The Tractor and the part of Astrometry.net that it needs for this interpreter.

    Parameters
    ----------
    remove : str, optional
        Package to uninstall first.

    Returns
    -------
    steps : str
        One command per line, and the way of conda.
    """
    python = sys.executable
    packages = os.path.join(sysconfig.get_path("platlib"), "astrometry")
    steps = [
        "sudo apt-get install git make swig gcc libc6-dev python3-dev     # on Debian and Ubuntu",
        f"{python} -m pip install setuptools wheel",
        f'{python} -m pip install --no-build-isolation "tractor @ git+{REPOSITORY}@{COMMIT}"',
        f"git clone {ASTROMETRY_REPOSITORY}",
        f"make -k -C astrometry.net pyinstall PYTHON={python} PY_BASE_INSTALL_DIR={packages}",
    ]
    if remove:
        steps.insert(0, f"{python} -m pip uninstall --yes {remove}")
    return (
        "\n  ".join(
            [
                "make tractor, in the folder of the workflow; or by hand, with pip (the last command may end in "
                "errors of C parts that are not used here):",
                *steps,
            ]
        )
        + "\nWith conda: add --sdm conda to the command, which makes the environment envs/tractor.yaml."
    )


def find_problem(path=None):
    """What is wrong with The Tractor's installation.

    Parameters
    ----------
    path : list of str, optional
        Folders to look in; by default those of the running interpreter, which Snakemake runs the jobs with.

    Returns
    -------
    problem : (str, str, str) or None
        What was found; why, and the package to uninstall first, or empty. None where all is there.
    """
    folder = _folder("tractor", path)
    if folder is None:
        return f"no package tractor for {sys.executable}", "", ""
    if not _holds(folder, OF_THE_TRACTOR):
        return (
            f"another program of the name tractor{_version('tractor', path)} in {folder}",
            "PyPI's tractor is a library for concurrent programs",
            "tractor",
        )
    if not any(_holds(folder, [COMPILED + end]) for end in importlib.machinery.EXTENSION_SUFFIXES):
        found = f"The Tractor without its compiled part {COMPILED} in {folder}"
        return found, "it was copied, or built without swig", "tractor"
    folder = _folder("astrometry", path)
    if folder is None:
        return "The Tractor, but not the package astrometry of Astrometry.net", "", ""
    if not _holds(folder, OF_ASTROMETRY_NET):
        return (
            f"a package astrometry{_version('astrometry', path)} without astrometry.util in {folder}",
            "PyPI's astrometry is another program, and pip leaves this part out of Astrometry.net",
            "astrometry",
        )
    return None


def _folder(name, path):
    """Folder of a package, found without importing it; None where there is none."""
    spec = importlib.machinery.PathFinder.find_spec(name, path)
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return None
    return spec.submodule_search_locations[0]


def _holds(folder, files):
    """Whether a folder has all these files."""
    return all(os.path.isfile(os.path.join(folder, name)) for name in files)


def _version(name, path):
    """Version of an installed distribution in brackets, or nothing."""
    found = importlib.metadata.distributions(name=name, **({} if path is None else {"path": path}))
    version = next((entry.version for entry in found), None)
    return f" (version {version})" if version else ""


def check_tractor(where, got, path=None):
    """Stop where The Tractor is asked for and cannot run.

    Parameters
    ----------
    where, got : str
        Key of the configuration and its value, for the message.
    path : list of str, optional
        As in `find_problem`.

    Raises
    ------
    ConfigError
    """
    problem = find_problem(path)
    if problem is not None:
        found, reason, remove = problem
        hint = f"{reason}.\n" if reason else ""
        raise ConfigError(
            where, f"{got}, but there is {found}", f"The Tractor ({REPOSITORY})", hint + install_steps(remove)
        )


def check_importable():
    """Stop a job whose interpreter cannot import The Tractor.

    Raises
    ------
    ConfigError
        As `check_tractor`; also where its files are there and the import fails all the same.
    """
    where = "photometry.engine"
    check_tractor(where, "tractor")
    try:
        importlib.import_module("tractor.engine")
        importlib.import_module("astrometry.util.miscutils")
    except (ImportError, OSError) as error:
        raise ConfigError(
            where, f"tractor, whose import fails ({error})", "The Tractor", install_steps()
        ) from error
