"""Digest of the package modules that a driver uses.

Snakemake reruns a rule when its driver changed, but not when a module of the package did; with this
digest among its params it does. Imports are followed in the source text, nothing is imported.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

PACKAGE = "clusterphot"
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
    modules, todo = set(), _imports(scripts / f"{driver}.py")
    while todo:
        name = todo.pop()
        if name in modules or name in WITHOUT_EFFECT:
            continue
        modules.add(name)
        todo |= _imports(_source(scripts, name))
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(name.encode())
        digest.update(_source(scripts, name).read_bytes())
    return digest.hexdigest()[:12]


def _source(scripts, name):
    """File of a module of the package, given by its dotted name without the package."""
    path = scripts / PACKAGE / Path(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.lru_cache
def _imports_cached(path):
    """Modules of the package that a file imports, anywhere in it."""
    folder = path.parent
    root = next(parent for parent in (folder, *folder.parents) if (parent / PACKAGE).is_dir())
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            first, *rest = node.module.split(".")
            if first == PACKAGE:
                found |= {".".join([*rest, alias.name]) for alias in node.names} | {".".join(rest)}
        elif isinstance(node, ast.Import):
            found |= {
                a.name.removeprefix(PACKAGE + ".") for a in node.names if a.name.startswith(PACKAGE + ".")
            }
    return frozenset(name for name in found if name and _source(root, name).is_file())


def _imports(path):
    """As `_imports_cached`, as a set of its own."""
    return set(_imports_cached(path))


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
