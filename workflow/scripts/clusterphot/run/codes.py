"""Digest of the package modules that a driver uses.

Snakemake reruns a rule when its driver changed, but not when a module of the package did; with this
digest among its params it does. Imports are followed in the source text, nothing is imported.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "clusterphot"
IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+({PACKAGE}(?:\.\w+)*)[ \t]+import[ \t]+(\([^)]*\)|(?:\\\n|[^\n;])*)"
    rf"|import[ \t]+((?:\\\n|[^\n;])*\b{PACKAGE}\b(?:\\\n|[^\n;])*))",
    re.M,
)
"""An import of the package: its module and what is listed, or the modules listed."""
WITHOUT_EFFECT = (
    "base.errors",
    "base.jobs",
    "base.versions",
    "run.codes",
    "run.configuration",
    "run.fields",
    "run.chunks",
    "measure.engines.install",
    "run.slurm",
    "run.locks",
)
"""Modules that cannot change a result: messages, logs and the reading of the configuration."""

OF_THE_CONFIGURATION = "config"
"""Room of the keys of the configuration. Their values reach a rule as params: another sentence, range or default
changes no result by itself."""


class Sources:
    """Drivers and package as they stand at one moment, such as the start of a run: each file is looked at once.

    Parameters
    ----------
    scripts : path
        Folder with the drivers and the package.
    """

    def __init__(self, scripts):
        self._scripts = Path(scripts)
        self._modules = _modules(self._scripts / PACKAGE)
        self._files = {}

    def digest(self, driver, modules=()):
        """Digest of the modules that a driver imports, directly or through one another.

        Parameters
        ----------
        driver : str
            Name of the driver without ``.py``.
        modules : sequence of str, optional
            More modules that it imports, by names that it puts together; without the package.

        Returns
        -------
        digest : str
            12 hexadecimal digits.
        """
        found, todo = {}, set(self._file(self._scripts / f"{driver}.py").imports) | set(modules)
        while todo:
            name = todo.pop()
            if name in found or name in WITHOUT_EFFECT or name.split(".")[0] == OF_THE_CONFIGURATION:
                continue
            found[name] = self._file(self._modules[name])
            todo |= found[name].imports
        digest = hashlib.sha256()
        for name in sorted(found):
            digest.update(name.encode())
            digest.update(found[name].digest)
        return digest.hexdigest()[:12]

    def _file(self, path):
        if path not in self._files:
            content = Path(path).read_bytes()
            imports = imported_names(content.decode("utf-8")) & self._modules.keys()
            self._files[path] = _File(hashlib.sha256(content).digest(), frozenset(imports))
        return self._files[path]


@dataclass(frozen=True)
class _File:
    """Digest of a file, and the modules of the package that it imports, anywhere in it."""

    digest: bytes
    imports: frozenset


def _modules(package):
    """Files of the modules of the package below its own, by dotted name without the package."""
    found = {}
    for folder, _, names in os.walk(package):
        room = os.path.relpath(folder, package).replace(os.sep, ".").lstrip(".")
        for name in names:
            stem, suffix = os.path.splitext(name)
            dotted = ".".join(part for part in (room, stem) if part and part != "__init__")
            if suffix == ".py" and dotted:
                found[dotted] = os.path.join(folder, name)
    return found


def imported_names(text):
    """What a source text imports of the package, as dotted names without the package.

    The text is searched for lines that begin with an import, since to parse all sources takes half a second in
    each start of Snakemake, each job of a cluster included. Such a line within a docstring counts too, which does no
    harm.

    Parameters
    ----------
    text : str

    Returns
    -------
    names : set of str
        Of ``from a import b`` both ``a`` and ``a.b``, since ``b`` may be a module or a name in one.
    """
    names = set()
    for found in IMPORT.finditer(text):
        module, listed, modules = found.groups()
        if modules is not None:
            names |= {
                name.removeprefix(f"{PACKAGE}.")
                for name in _listed(modules)
                if name.startswith(f"{PACKAGE}.")
            }
        else:
            base = module.removeprefix(PACKAGE).lstrip(".")
            names |= {base} | {f"{base}.{name}".lstrip(".") for name in _listed(listed)}
    return names


def _listed(text):
    """Names of a list of imports, without brackets, comments and ``as``."""
    text = re.sub(r"#.*", "", text).replace("\\\n", " ").strip(" ()\t\n")
    return [part.split()[0] for part in text.split(",") if part.split()]


def folder_digest(folder):
    """Digest of the names and contents of the files in a folder, 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def params_digest(params):
    """Digest of the plain params of a rule by their names.

    Snakemake compares the values of params as a set, without names: where an old and a new value are those of other
    params too, an edit would go unnoticed.

    Parameters
    ----------
    params : Snakemake's params of a rule
        Functions among them are compared by Snakemake alone.

    Returns
    -------
    digest : list of str
        12 hexadecimal digits; empty where no params are plain.
    """
    plain = {name: value for name, value in params.items() if not callable(value)}
    text = json.dumps(plain, sort_keys=True, default=str)
    return [hashlib.sha256(text.encode()).hexdigest()[:12]] if plain else []
