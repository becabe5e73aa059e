"""The conda environments hold the versions of the lock file."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from clusterphot.measure.engines import install

REPO = Path(__file__).resolve().parents[3]
ENVIRONMENTS = sorted((REPO / "envs").glob("*.yaml"))
BUILD_TOOLS = {"astrometry", "swig", "c-compiler", "git", "setuptools", "wheel", "pip"}
"""Of conda alone: what builds The Tractor, and what it needs."""


def canonical(name):
    """Name of a package as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_versions():
    """Versions in requirements.lock."""
    text = (REPO / "requirements.lock").read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", text, flags=re.MULTILINE)
    return {canonical(name): version for name, version in found}


def environment_versions(path):
    """Versions in a conda environment, pip's among them; python and pip themselves left out."""
    entries = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]:
        entries += entry["pip"] if isinstance(entry, dict) else [entry]
    entries = [e for e in entries if e.split("=")[0] not in BUILD_TOOLS and " @ git+" not in e]
    pins = [re.fullmatch(r"([A-Za-z0-9_.-]+)={1,2}(\S+)", e) for e in entries]
    assert all(pins), f"unpinned among {entries}"
    return {canonical(pin[1]): pin[2] for pin in pins if pin[1] != "python"}


def test_there_are_environments():
    assert ENVIRONMENTS


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_versions_equal_the_lock(path):
    locked = locked_versions()
    assert {name: locked.get(name) for name in environment_versions(path)} == environment_versions(path)


def test_environment_holds_all_run_time_dependencies():
    """What pyproject.toml asks for is in the conda environment; Snakemake runs outside of it."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {canonical(re.match(r"[A-Za-z0-9_.-]+", entry)[0]) for entry in project["dependencies"]}
    outside = {"snakemake", "snakemake-executor-plugin-slurm", "pygments"}
    assert wanted - outside <= set(environment_versions(REPO / "envs" / "clusterphot.yaml"))


def test_lock_has_hashes():
    text = (REPO / "requirements.lock").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if re.match(r"[A-Za-z0-9_.-]+==", block):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_python_of_the_environment_is_the_oldest_supported():
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = yaml.safe_load((REPO / "envs" / "clusterphot.yaml").read_text(encoding="utf-8"))["dependencies"]
    python = next(entry for entry in entries if isinstance(entry, str) and entry.startswith("python="))
    assert project["requires-python"] == ">=" + python.removeprefix("python=")


def test_environment_of_the_tractor():
    """All that the other rules have, and The Tractor at the state that the engine is tested with."""
    path = REPO / "envs" / "tractor.yaml"
    assert environment_versions(path) == environment_versions(REPO / "envs" / "clusterphot.yaml")
    (pip,) = (e["pip"] for e in yaml.safe_load(path.read_text())["dependencies"] if isinstance(e, dict))
    assert f"tractor @ git+{install.REPOSITORY}@{install.COMMIT}" in pip
    assert install.COMMIT in (REPO / "docs" / "engines.md").read_text(encoding="utf-8")
