"""`make tractor` and `make fsps`: what they do, what they leave alone, what they say is missing; nothing is built here.

`make test-fsps` builds python-fsps by the same function.
"""

import os
import subprocess
import sys

import pytest
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.measure.engines import install
from clusterphot.run import software
from clusterphot.ssp.readers import fsps_reader

FOLDERS = ("ISOCHRONES", "SPECTRA", "data", "dust", "nebular")
AXES = {"age_gyr": [0.001, 20.0], "metallicity_zsun": [0.1, 1.0]}


@pytest.fixture
def said():
    """Lines that a builder says."""
    return []


@pytest.fixture
def commands(monkeypatch):
    """Commands that a builder would run; none is."""
    run = []
    monkeypatch.setattr(
        software.Builder,
        "run",
        lambda self, why, argv, **more: run.append((why, [str(a) for a in argv], more)),
    )
    monkeypatch.setattr(software, "report_missing", lambda *args, **kwargs: None)
    return run


def data_folder(folder):
    """A folder that looks like the data of FSPS."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    (folder / "data" / "emlines_info.dat").touch()
    return folder


@pytest.fixture
def fsps(monkeypatch, tmp_path, said):
    """Function that calls `build_fsps`, whose check passes; ``built`` says whether python-fsps is there."""
    monkeypatch.delenv("SPS_HOME", raising=False)
    monkeypatch.setattr(fsps_reader, "check_fsps", lambda setup: AXES)

    def build(*, built=False, **kwargs):
        if built:
            (tmp_path / "fsps" / "venv" / "bin").mkdir(parents=True, exist_ok=True)
            (tmp_path / "fsps" / "venv" / "bin" / "python").touch()
        monkeypatch.setattr(fsps_reader, "is_built", lambda setup: built)
        software.build_fsps(tmp_path, folder=tmp_path / "fsps", say=said.append, **kwargs)

    return build


# ---- what is missing -----------------------------------------------------------------------------------------


def test_all_that_is_missing_in_one_message(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        software.report_missing("make fsps", ("gfortran", "gcc", "Python.h", "git"), include=str(tmp_path))
    message = str(caught.value)
    assert "make fsps: got no gfortran, no gcc, no Python.h, no git" in message
    assert "apt-get install gfortran gcc libc6-dev python3-dev git" in message
    assert "conda install -c conda-forge fortran-compiler c-compiler python git" in message


def test_nothing_is_missing(monkeypatch, tmp_path):
    (tmp_path / "git").touch(mode=0o755)
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    software.report_missing("make tractor", ("git", "Python.h"), include=str(tmp_path))


def test_places(tmp_path):
    """A folder is relative to where the user stands; an address stays as it is; anything else is a mistake."""
    (tmp_path / "mine").mkdir()
    assert software.Place.of("mine", tmp_path, "x") == software.Place(str(tmp_path / "mine"), True)
    for address in ("https://host/a.git", "ssh://host/a", "git@host:a/b.git"):
        assert software.Place.of(address, tmp_path, "x") == software.Place(address, False)
    assert software.Place.of("", tmp_path, "https://usual") == software.Place("https://usual", False)
    with pytest.raises(ConfigError, match="min: got no such folder, expected a folder, or a git address"):
        software.Place.of("min", tmp_path, "x")


def test_a_command_that_fails_shows_its_last_lines(tmp_path, said):
    builder = software.Builder(tmp_path / "log" / "build.log", said.append)
    code = "import sys; print('first'); print('no such host'); sys.exit(3)"
    with pytest.raises(DataError, match=r"status 3 of (.|\n)*no such host(.|\n)*Hint: Try that. All it said"):
        builder.run("the thing", [sys.executable, "-c", code], hint="Try that.")
    builder.run("it may", [sys.executable, "-c", code], may_fail=True)
    assert (tmp_path / "log" / "build.log").read_text().count("no such host") >= 2
    assert said == ["  the thing", "  it may"]


def test_clone_of_a_folder_at_a_tag(tmp_path, said):
    """What is there after a clone that was cut is replaced, and nothing half-made is left."""
    source = data_folder(tmp_path / "source")
    git = [
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@localhost",
        "-c",
        "commit.gpgsign=false",
        "-C",
        source,
    ]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["tag", "v3.3"]):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "data.part").mkdir()
    builder = software.Builder(tmp_path / "build.log", said.append)
    builder.clone("data", software.Place(str(source), True), tmp_path / "data", tag="v3.3")
    assert (tmp_path / "data" / "data" / "emlines_info.dat").is_file()
    assert not (tmp_path / "data.part").exists()


# ---- FSPS ----------------------------------------------------------------------------------------------------


def test_fsps_is_built_and_its_data_are_fetched(monkeypatch, fsps, commands, said):
    cloned = []
    monkeypatch.setattr(
        software.Builder, "clone", lambda self, what, place, home, tag: cloned.append((place, tag))
    )
    fsps()
    assert [argv[-1] for _, argv, _ in commands][-1] == f"fsps=={fsps_reader.VERSION}"
    assert "--no-cache-dir" in commands[-1][1]
    assert commands[-1][2]["FFLAGS"] == "-DMIST=1 -DMILES=0 -DBASEL=1"
    assert cloned == [(software.Place(fsps_reader.DATA_REPOSITORY, False), "v3.3")]
    assert "  ssp_grids: {fsps: {reader: fsps}}" in "\n".join(said)


def test_fsps_with_data_that_are_here(tmp_path, fsps, commands, said):
    """A folder is linked, not copied; a second call does nothing; another folder takes its place."""
    folders = [data_folder(tmp_path / name) for name in ("one", "two")]
    fsps(data="one")
    assert (tmp_path / "fsps" / "data").resolve() == folders[0]
    n = len(commands)
    fsps(built=True)
    assert len(commands) == n
    assert "  python-fsps is built already" in said
    fsps(built=True, data="two")
    assert (tmp_path / "fsps" / "data").resolve() == folders[1]
    assert len(commands) == n and all((folder / "data").is_dir() for folder in folders)


def test_fsps_with_other_libraries(tmp_path, fsps, commands, said):
    data_folder(tmp_path / "one")
    fsps(data="one", isochrones="padova", spectra="miles")
    assert commands[-1][2]["FFLAGS"] == "-DMIST=0 -DPADOVA=1 -DMILES=1"
    assert "{reader: fsps, isochrones: padova, spectra: miles}" in "\n".join(said)
    with pytest.raises(ConfigError, match="make fsps.isochrones: got mists, expected one of mist, padova"):
        fsps(data="one", isochrones="mists")


def test_fsps_with_a_folder_without_data(tmp_path, fsps, commands):
    """Said before anything is built."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="FSPS_HOME=.*empty, which lacks ISOCHRONES"):
        fsps(data="empty")
    assert commands == []


def test_what_make_fsps_built_is_found(monkeypatch, tmp_path):
    """Where the configuration names no interpreter and no data, and SPS_HOME is not set."""
    monkeypatch.setattr(fsps_reader, "OWN", tmp_path)
    monkeypatch.delenv("SPS_HOME", raising=False)
    data_folder(tmp_path / "data")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch(mode=0o755)
    _, home, python = fsps_reader._settings(fsps_reader.FspsSetup())
    assert (home, python) == (str(tmp_path / "data"), str(tmp_path / "venv" / "bin" / "python"))
    _, home, python = fsps_reader._settings(fsps_reader.FspsSetup(python=sys.executable))
    assert python == sys.executable


# ---- The Tractor ---------------------------------------------------------------------------------------------


@pytest.fixture
def tractor(monkeypatch, tmp_path, commands, said):
    """Function that calls `build_tractor` for a problem of `install.find_problem`; the commands that it would run."""
    monkeypatch.setattr(install, "check_importable", lambda: None)

    def build(problem, **kwargs):
        monkeypatch.setattr(install, "find_problem", lambda path=None: problem)
        monkeypatch.setattr(software.shutil, "which", lambda name: None)
        (tmp_path / "t" / "astrometry.net" / "util").mkdir(parents=True, exist_ok=True)
        software.build_tractor(tmp_path, folder=tmp_path / "t", say=said.append, **kwargs)
        return [" ".join(argv) for _, argv, _ in commands]

    return build


def test_tractor_is_built_at_the_commit_that_is_tested(tractor):
    """With swig from PyPI where the system has none; the file of Astrometry.net may fail in its C parts."""
    run = tractor(("no package tractor for python", "", ""))
    assert run[0].endswith("install setuptools wheel swig")
    assert run[1].endswith(f"--no-build-isolation tractor @ git+{install.REPOSITORY}@{install.COMMIT}")
    assert "make -k -C" in run[2] and "PY_BASE_INSTALL_DIR=" in run[2]


def test_tractor_from_a_folder(tractor, tmp_path):
    (tmp_path / "clone").mkdir()
    run = tractor(("no package tractor for python", "", ""), tractor="clone")
    assert run[1].endswith(f"--no-build-isolation {tmp_path / 'clone'}")


def test_another_program_of_the_name_goes_first(tractor):
    run = tractor(("another program of the name tractor", "PyPI's tractor is another", "tractor"))
    assert run[0].endswith("uninstall --yes tractor")
    assert len(run) == 4


def test_only_what_is_not_there_is_installed(tractor, said):
    (run,) = tractor(("The Tractor, but not the package astrometry of Astrometry.net", "", ""))
    assert "pyinstall" in run
    assert tractor(None) == [run]
    assert "there already" in said[-2] and "engine: tractor" in said[-1]


# ---- make ----------------------------------------------------------------------------------------------------


def test_make_in_a_folder_with_a_space_and_without_python(tmp_path, repo):
    """One message each, before anything is made."""
    (tmp_path / "a b").mkdir()
    makefile = (repo / "Makefile").read_text(encoding="utf-8")
    for folder, words, says in (
        (tmp_path / "a b", ["fsps"], "has a space in its path"),
        (tmp_path, ["tractor", "PYTHON="], "clusterphot needs Python >= 3.11"),
    ):
        (folder / "Makefile").write_text(makefile, encoding="utf-8")
        (folder / "requirements.lock").touch()
        environment = {
            name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")
        }
        done = subprocess.run(
            ["make", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert says in done.stdout + done.stderr
