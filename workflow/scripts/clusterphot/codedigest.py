"""Digest of the package modules that a driver uses.

Snakemake reruns a rule when its driver changed, but not when a module of the package did; with this
digest among its params it does. Imports are followed in the source text, nothing is imported.
"""

import functools
import hashlib
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

PACKAGE = "clusterphot"
IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+{PACKAGE}((?:\.\w+)*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)"
    rf"|import[ \t]+([^\n]*\b{PACKAGE}\b[^\n]*))",
    re.MULTILINE,
)
"""An import from the package: ``from clusterphot<1> import <2>`` or ``import <3>``."""

WITHOUT_EFFECT = (
    "errors",
    "jobs",
    "versions",
    "codedigest",
    "configuration",
    "fieldset",
    "chunks",
    "engines.install",
    "slurm",
    "runs",
)
"""Modules that cannot change a result: messages, logs and the reading of the configuration."""


def driver_digest(scripts, driver):
    """Digest of the modules that ``driver`` imports, directly or through one another.

    Parameters
    ----------
    scripts : path
        Folder with the drivers and the package.
    driver : str
        Name of the driver without ``.py``; also that of its rule.

    Returns
    -------
    digest : str
        12 hexadecimal digits.
    """
    scripts = Path(scripts)
    modules, todo = {}, set(_read(scripts / f"{driver}.py").imports)
    while todo:
        name = todo.pop()
        if name in modules or name in WITHOUT_EFFECT or (path := _source(scripts, name)) is None:
            continue
        modules[name] = _read(path)
        todo |= modules[name].imports
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(name.encode())
        digest.update(modules[name].content)
    return digest.hexdigest()[:12]


class _Module(NamedTuple):
    """Content of a file, and what it imports from the package: dotted names, some of them not modules."""

    content: bytes
    imports: frozenset


def _source(scripts, name):
    """File of a module of the package, given by its dotted name without the package; None for other names."""
    path = f"{scripts}/{PACKAGE}/{name.replace('.', '/')}"
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if os.path.isfile(file)), None)


def _read(path):
    """A module; each is read and searched once per process, unless it was edited since."""
    status = os.stat(path)
    return _read_cached(str(path), status.st_mtime_ns, status.st_size)


@functools.cache
def _read_cached(path, _mtime_ns, _size):
    """As `_read`."""
    content = Path(path).read_bytes()
    return _Module(content, frozenset(imported(content.decode("utf-8"))))


def imported(text):
    """Names that a source text imports from the package, anywhere in it.

    A search for lines that begin so is fifty times faster than the parser, and each SLURM job begins with it. A line of
    a docstring may be taken for an import; then a rule depends on a module more.

    Parameters
    ----------
    text : str
        Source text of Python, formatted: no two statements on a line.

    Returns
    -------
    names : set of str
        Dotted, without the package: modules, and names inside of modules.
    """
    found = set()
    for match in IMPORT.finditer(text):
        module, names, plain = match.groups()
        if plain:
            found |= set(re.findall(rf"\b{PACKAGE}\.([\w.]+)", plain))
        else:
            first = [module[1:]] if module else []
            listed = re.sub(r"#.*", "", names).strip("() ,\n").split(",")
            found |= {".".join([*first, entry.split()[0]]) for entry in listed} | set(first)
    return found


def folder_digest(folder):
    """Digest of the names and contents of the files in a folder, 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def name_params(rules):
    """Add a digest of the plain params of each rule, by their names, to its param ``code``.

    Snakemake compares the values of params as a set, without names: where an old and a new value are those of other
    params too, an edit would go unnoticed.

    Parameters
    ----------
    rules : iterable of Snakemake's rules
        Changed in place; params that are functions are compared by Snakemake alone.
    """
    for rule in rules:
        params = rule.params
        plain = {name: value for name, value in params.items() if name != "code" and not callable(value)}
        if plain and params.get("code") is not None:
            text = json.dumps(plain, sort_keys=True, default=str)
            place = list(params).index(params.code)
            params[place] = f"{params.code} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
            params._set_name("code", place)
