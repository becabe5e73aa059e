"""Programs that are no part of the workflow, built and checked by `make tractor` and `make fsps`.

Each builder says what it will do, names all that is missing before it begins, and does only what is not there yet.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.files import REPO
from clusterphot.config.ssp_grids import FspsKeys
from clusterphot.measure.engines import install
from clusterphot.ssp.readers import fsps_reader

DEBIAN = {
    "gfortran": "gfortran",
    "git": "git",
    "make": "make",
    "gcc": "gcc libc6-dev",
    "Python.h": "python3-dev",
}
"""What a build needs, and the package of Debian and Ubuntu that it is in."""

CONDA = {"gfortran": "fortran-compiler", "gcc": "c-compiler", "Python.h": "python"}
"""The same of conda-forge, where its name is another one."""

N_LAST_LINES = 12
"""Lines of a command that failed which are shown."""


@dataclass(frozen=True)
class Place:
    """Where something is fetched from.

    Attributes
    ----------
    address : str
        A git address, or a folder.
    is_folder : bool
    """

    address: str
    is_folder: bool

    @classmethod
    def of(cls, given, start, default):
        """From what the user typed in the folder ``start``, by default ``default``."""
        folder = Path(start, os.path.expanduser(given)) if given else None
        if folder is not None and folder.is_dir():
            return cls(str(folder.resolve()), True)
        if given and not re.match(r"[a-z+]+://|[\w.-]+@[\w.-]+:", given):
            raise ConfigError(given, "no such folder", "a folder, or a git address such as https://...")
        return cls(given or default, False)


def report_missing(command, wanted, *, include=None):
    """Stop before anything is done where a program that a build needs is missing.

    Parameters
    ----------
    command : str
        As the user typed it.
    wanted : sequence of str
        Keys of `DEBIAN`.
    include : str, optional
        Folder with Python.h; by default that of the running interpreter.

    Raises
    ------
    ConfigError
        With all of them, and how to get them.
    """
    header = Path(include or sysconfig.get_path("include"), "Python.h")
    there = {name: header.is_file() if name == "Python.h" else shutil.which(name) for name in wanted}
    if missing := [name for name in wanted if not there[name]]:
        debian = " ".join(DEBIAN[name] for name in missing)
        conda = " ".join(CONDA.get(name, name) for name in missing)
        raise ConfigError(
            command, f"no {', no '.join(missing)}", ", ".join(wanted),
            f"on Debian and Ubuntu: sudo apt-get install {debian}\n  with conda: conda install -c conda-forge {conda}",
        )  # fmt: skip


class Builder:
    """Runs commands, tells what they are for, and keeps what they print.

    Parameters
    ----------
    log : path
        File for their output.
    say : callable, optional
    """

    def __init__(self, log, say=print):
        self._log, self.say = Path(log), say

    def run(self, why, argv, *, hint="", may_fail=False, **environment):
        """Run a command after saying why.

        Raises
        ------
        DataError
            If it fails, with its last lines.
        """
        self.say(f"  {why}")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in argv]
        done = subprocess.run(
            words, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", check=False,
        )  # fmt: skip
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(words)}\n{done.stdout}\n")
        if done.returncode and not may_fail:
            last = "\n  ".join(done.stdout.strip().splitlines()[-N_LAST_LINES:])
            raise DataError(
                why, f"status {done.returncode} of {' '.join(words[:4])} ..., which ended with\n  {last}\n",
                "status 0", f"{hint + ' ' if hint else ''}All it said is in {self._log}.",
            )  # fmt: skip

    def clone(self, what, place, folder, *, tag=None):
        """Clone a git repository, whole or not at all."""
        partial = Path(f"{folder}.part")
        shutil.rmtree(partial, ignore_errors=True)
        branch = ["--branch", tag] if tag else []
        address = Path(place.address).as_uri() if place.is_folder else place.address
        self.run(
            f"{what} from {place.address}",
            ["git", "clone", "--quiet", *branch, "--depth", "1", address, partial],
            hint="Without a way to that address, name another one, or a folder.",
        )
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(partial, folder)


# ------------------------------------------------------------------------------------------------- The Tractor


def build_tractor(start, *, tractor="", astrometry="", folder=REPO / ".tractor", say=print):
    """Build The Tractor, and what it needs of Astrometry.net, for the running interpreter.

    Parameters
    ----------
    start : path
        Folder that folders are relative to.
    tractor, astrometry : str, optional
        Other git addresses or folders than those of `clusterphot.measure.engines.install`.
    folder : path, optional
        For the clone of Astrometry.net and the log.
    say : callable, optional

    Raises
    ------
    ConfigError, DataError
    """
    where = Place.of(tractor, start, f"{install.REPOSITORY}@{install.COMMIT}")
    extra = Place.of(astrometry, start, install.ASTROMETRY_REPOSITORY)
    problem = install.find_problem()
    if problem is None:
        say("The Tractor and what it needs of Astrometry.net are there already.")
    else:
        found, reason, remove = problem
        say(f"make tractor: there is {found}{f' ({reason})' if reason else ''}.")
        say(f"Into {sys.prefix}, two minutes:")
        report_missing("make tractor", ("git", "make", "gcc", "Python.h"))
        builder = Builder(Path(folder, "build.log"), say)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        if remove:
            builder.run(f"away with the other {remove}", [*pip, "uninstall", "--yes", remove])
        if not found.startswith("The Tractor, but not") and remove != "astrometry":
            tools = ["setuptools", "wheel"] + ([] if shutil.which("swig") else ["swig"])
            builder.run(f"{', '.join(tools)}: what its build needs", [*pip, "install", *tools])
            source = where.address if where.is_folder else f"tractor @ git+{where.address}"
            builder.run(
                f"The Tractor from {where.address}",
                [*pip, "install", "--no-build-isolation", source],
                hint="Another address or a folder: make tractor TRACTOR=...",
                PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            )
        _install_astrometry(builder, extra, Path(folder, "astrometry.net"))
    install.check_importable()
    say("It can be imported. Ask for it with\n\n  photometry: {engine: tractor}\n\nSee docs/engines.md.")


def _install_astrometry(builder, place, clone):
    """Install the Python files of Astrometry.net; its C parts, whose libraries are mostly missing, may fail."""
    if not (clone / "util").is_dir():
        builder.clone("Astrometry.net (ASTROMETRY=... for another address)", place, clone)
    target = Path(sysconfig.get_path("platlib"), "astrometry")
    builder.run(
        "two Python files of it", ["make", "-k", "-C", clone, "pyinstall", f"PYTHON={sys.executable}",
        f"PY_BASE_INSTALL_DIR={target}"], may_fail=True,
    )  # fmt: skip


# -------------------------------------------------------------------------------------------------------- FSPS


def build_fsps(
    start,
    *,
    data="",
    isochrones=FspsKeys.isochrones,
    spectra=FspsKeys.spectra,
    folder=REPO / ".fsps",
    say=print,
):
    """Build python-fsps in an environment of its own, get its data, and let it compute.

    Parameters
    ----------
    start : path
        Folder that ``data`` is relative to.
    data : str, optional
        Folder with the data of FSPS, or a git address; by default the folder of the environment variable SPS_HOME, else
        FSPS's own repository.
    isochrones, spectra : str, optional
        What it is built with, as in the configuration.
    folder : path, optional
        Where all of it goes.
    say : callable, optional

    Raises
    ------
    ConfigError, DataError
    """
    folder = Path(folder)
    python, home = folder / "venv" / "bin" / "python", folder / "data"
    place = Place.of(data or os.environ.get("SPS_HOME", ""), start, fsps_reader.DATA_REPOSITORY)
    setup = fsps_reader.FspsSetup(
        isochrones=isochrones, spectra=spectra, sps_home=str(home), python=str(python), where="make fsps"
    )
    fsps_reader.check_names(setup)
    builder = Builder(folder / "build.log", say)
    is_built = python.is_file() and fsps_reader.is_built(setup)
    has_data = fsps_reader.has_data(home) and (not data or _is_from(home, place))
    version, tag = fsps_reader.VERSION, fsps_reader.DATA_TAG
    say(f"make fsps: python-fsps {version} with {isochrones} and {spectra}, data of {tag}.")
    if not is_built or not has_data:
        wanted = [] if is_built else ["gfortran", "gcc", "Python.h"]
        wanted += [] if has_data or place.is_folder else ["git"]
        report_missing("make fsps", wanted)
    if place.is_folder and not has_data:
        fsps_reader.check_home(place.address, f"FSPS_HOME={place.address}")
    if is_built:
        say("  python-fsps is built already")
    else:
        _build_python_fsps(builder, python, isochrones, spectra)
    if has_data:
        say(f"  its data are there already: {home.resolve()}")
    elif place.is_folder:
        say(f"  its data are those of {place.address}")
        _link(home, place.address)
    else:
        _unlink(home)
        what = "its data, several hundred MB (FSPS_HOME=folder for those that you have),"
        builder.clone(what, place, home, tag=fsps_reader.DATA_TAG)
    say("  a check: it reads all its data")
    axes = fsps_reader.check_fsps(setup)
    ages, metallicities = axes["age_gyr"], axes["metallicity_zsun"]
    say(
        f"It has {len(ages)} ages, {ages[0]:.2g} to {ages[-1]:.3g} Gyr, and {len(metallicities)} metallicities."
    )
    keys = {"reader": "fsps"}
    keys |= {"isochrones": isochrones} if isochrones != FspsKeys.isochrones else {}
    keys |= {"spectra": spectra} if spectra != FspsKeys.spectra else {}
    written = ", ".join(f"{key}: {value}" for key, value in keys.items())
    say(f"Ask for it with\n\n  ssp_grids: {{fsps: {{{written}}}}}\n  sed: {{grids: [bc03, fsps]}}\n")
    say("See docs/libraries.md.")


def _build_python_fsps(builder, python, isochrones, spectra):
    """An environment with python-fsps of these libraries."""
    import numpy as np

    builder.run(
        f"an environment in {python.parents[1]}", [sys.executable, "-m", "venv", "--clear", python.parents[1]]
    )
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    builder.run("numpy", [*pip, f"numpy=={np.__version__}"])
    builder.run(
        "python-fsps, compiled: some minutes without a word",
        [*pip, "--no-cache-dir", "--no-binary", "fsps", f"fsps=={fsps_reader.VERSION}"],
        FFLAGS=fsps_reader.build_flags(isochrones, spectra),
    )


def _is_from(home, place):
    """Whether the data that are there are those that were asked for by name."""
    return not place.is_folder or home.resolve() == Path(place.address)


def _link(home, target):
    """Make ``home`` a link to a folder; one that was cloned is left aside."""
    _unlink(home)
    if home.is_dir():
        os.rename(home, home.with_name("data.before"))
    home.parent.mkdir(parents=True, exist_ok=True)
    home.symlink_to(target)


def _unlink(home):
    """Remove a link, not what it leads to."""
    if home.is_symlink():
        with contextlib.suppress(FileNotFoundError):
            home.unlink()
