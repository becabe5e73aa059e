"""Reader of FSPS models through python-fsps, run in a child process by `clusterphot.ssp.readers.fsps_child`.

Models of Conroy, Gunn & White (2009, ApJ 699, 486) and Conroy & Gunn (2010, ApJ 712, 833).
Spectra in Lsun/Angstrom per Msun formed with Lsun = 3.839e33 erg/s, vacuum Angstrom, ages in Gyr.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clusterphot.base.errors import ConfigError, DataError, UserError
from clusterphot.base.files import REPO
from clusterphot.config.ssp_grids import FspsKeys
from clusterphot.ssp.grid import C_ANGSTROM_S, SspGrid
from clusterphot.ssp.readers import fsps_child

LSUN_FSPS_ERG_S = 3.839e33
"""Lsun of FSPS (sps_vars.f90)."""

VERSION = "0.4.8"
DATA_TAG = "v3.3"
"""python-fsps, and the tag of the data that go with it; version 4 of FSPS has no BaSeL."""

DATA_REPOSITORY = "https://github.com/cconroy20/fsps.git"

OWN = REPO / ".fsps"
"""What `make fsps` built: an environment ``venv`` and ``data``, taken where the configuration names no others."""

ISOCHRONES = {"mist": "mist", "padova": "pdva", "parsec": "prsc", "basti": "bsti", "geneva": "gnva"}
SPECTRA = {"basel": "basel", "miles": "miles", "c3k": "c3k_a"}
"""What the compiled code calls its libraries, by the words of the configuration."""

IMFS = {"salpeter": 0, "chabrier": 1, "kroupa": 2}
_TRACKS = {"mist": "MIST", "padova": "Padova 2007", "parsec": "PARSEC", "basti": "BaSTI", "geneva": "Geneva"}
_LIBRARIES = {"basel": "BaSeL 3.1", "miles": "MILES", "c3k": "C3K"}

TERMS = (
    "Computed with FSPS and python-fsps; cite Conroy, Gunn & White 2009, ApJ 699, 486, Conroy & Gunn 2010, "
    "ApJ 712, 833, and the papers of the isochrones and the spectral library."
)
_FILE_OF_DATA = os.path.join("data", "emlines_info.dat")  # by which python-fsps itself knows SPS_HOME
_FOLDERS_OF_DATA = ("ISOCHRONES", "SPECTRA", "data", "dust", "nebular")
_PROBE_SECONDS, _RUN_SECONDS = 300, 7200


def build_flags(isochrones=FspsKeys.isochrones, spectra=FspsKeys.spectra):
    """FFLAGS by which FSPS is compiled with these libraries."""
    flags = [f"-DMIST={int(isochrones == 'mist')}"]
    flags += [f"-D{isochrones.upper()}=1"] if isochrones != "mist" else []
    flags += [f"-DMILES={int(spectra == 'miles')}"]
    flags += [f"-D{spectra.upper()}=1"] if spectra != "miles" else []
    return " ".join(flags)


def build_command(isochrones=FspsKeys.isochrones, spectra=FspsKeys.spectra):
    """Shell command that builds python-fsps with these libraries.

    ``--no-cache-dir`` matters: pip keeps the wheel that it built, whatever the libraries were.
    """
    flags = build_flags(isochrones, spectra)
    return f'FFLAGS="{flags}" pip install --no-cache-dir --no-binary fsps fsps=={VERSION}'


def data_command(folder="fsps"):
    """Shell command that fetches the data of FSPS and says where they are."""
    return (
        f"git clone -b {DATA_TAG} --depth 1 {DATA_REPOSITORY} {folder} && "
        f'export SPS_HOME="$(realpath {folder})"'
    )


@dataclass(frozen=True)
class FspsSetup(FspsKeys):
    """Which FSPS models, and where the code and its data are: keys of the configuration.

    Isochrones and spectra must be those of the build; dust shells around AGB stars are of Villaume et al. (2015).

    Attributes
    ----------
    where : str
        Key of the configuration, for messages.
    """

    where: str = "ssp_grids"


def read_fsps(setup, metallicity_zsun, *, ages_gyr=()):
    """Grid of FSPS models at the native ages and the metallicities asked for.

    Parameters
    ----------
    setup : `FspsSetup`
    metallicity_zsun : sequence of floats, or 'native'
        In units of the isochrones' solar value (MIST: 0.0142); FSPS interpolates between its own, which are ``native``.
    ages_gyr : sequence of floats, optional
        Ages that are to be inside the grid.

    Returns
    -------
    grid : SspGrid
        ``mass_remaining`` includes remnants.

    Raises
    ------
    ConfigError, DataError
        As `check_fsps`.

    Notes
    -----
    Spectra are taken per Hz and converted here: python-fsps's own conversion has 3e18 for the speed of light. Ages
    below 1 Myr are left out. FSPS's masses exceed 1 by up to 1 % near 1 Myr, a matter of its bins; they are cut there.
    """
    if isinstance(metallicity_zsun, str) and metallicity_zsun == "native":
        metallicity_zsun = _run(setup, "data")[0]["metallicity_zsun"]
    metallicities = sorted(float(z) for z in metallicity_zsun)
    report, arrays = _run(setup, "spectra", metallicities)
    _check_inside(report, metallicities, ages_gyr, setup.where)
    wave = arrays["wave"]
    return SspGrid(
        age_gyr=10 ** (np.array(report["log_age_yr"]) - 9),
        metallicity_zsun=np.array(metallicities),
        wave_rest=wave,
        spectra=np.moveaxis(arrays["spectra"], 0, 1) * (C_ANGSTROM_S / wave**2),
        mass_remaining=np.minimum(arrays["mass"].T, 1.0),
        mass_has_remnants=True,
        z_sun=report["z_sun"],
        imf=setup.imf.capitalize(),
        tracks=_TRACKS[setup.isochrones],
        library=f"FSPS with {_LIBRARIES[setup.spectra]}" + ("" if setup.agb_dust else ", no AGB dust"),
        source=f"python-fsps {report['version']} ({', '.join(report['libraries'])})" + _remark(setup),
        terms=TERMS,
        lsun_erg_s=LSUN_FSPS_ERG_S,
    )


def check_fsps(setup, *, metallicity_zsun=(), ages_gyr=(), data=True):
    """Check before the first job that FSPS is there, of the right build, with all its data.

    Parameters
    ----------
    setup : `FspsSetup`
    metallicity_zsun, ages_gyr : sequences of floats, optional
        Have to be inside the models.
    data : bool, optional
        Let FSPS read all its data, which takes some 5 s, and check the ages and metallicities against them. Without it
        the check takes 0.2 s and the axes are not known.

    Returns
    -------
    axes : dict
        ``z_sun`` and, with data, lists of float ``age_gyr``, ``metallicity_zsun`` (FSPS's own, between which it
        interpolates) and ``wave_rest`` (first and last).

    Raises
    ------
    ConfigError
        Unknown names; no or a wrong SPS_HOME; python-fsps missing or built with other libraries; ages or metallicities
        outside the models.
    DataError
        Data files missing or torn, with what FSPS says.
    """
    report, _ = _run(setup, "build")
    if not data:
        return {"z_sun": report["z_sun"]}
    report, _ = _run(setup, "data")
    _check_inside(report, metallicity_zsun, ages_gyr, setup.where)
    ages = (10 ** (np.array(report["log_age_yr"]) - 9)).tolist()
    return {"age_gyr": ages, **{key: report[key] for key in ("metallicity_zsun", "wave_rest", "z_sun")}}


# ------------------------------------------------------------------------------------------------- settings


def check_names(setup):
    """Refuse isochrones, spectra and an IMF that FSPS does not have.

    Raises
    ------
    ConfigError
    """
    for key, known in (("isochrones", ISOCHRONES), ("spectra", SPECTRA), ("imf", IMFS)):
        if getattr(setup, key) not in known:
            raise ConfigError(f"{setup.where}.{key}", getattr(setup, key), f"one of {', '.join(known)}")


def _settings(setup):
    """Names of the compiled libraries, folder of the data, and interpreter."""
    check_names(setup)
    home = _find_home(setup.sps_home, setup.where)
    own = OWN / "venv" / "bin" / "python"
    usual = str(own) if own.is_file() else sys.executable
    found = shutil.which(setup.python) if setup.python else usual
    if found is None:
        raise ConfigError(
            f"{setup.where}.python",
            setup.python,
            "the Python interpreter that has python-fsps",
            "leave it out if that is the one that runs Snakemake.",
        )
    return [ISOCHRONES[setup.isochrones], SPECTRA[setup.spectra]], home, found


def _find_home(sps_home, where):
    """Folder of the FSPS data."""
    key = f"{where}.sps_home" if sps_home else "environment variable SPS_HOME"
    home = sps_home or os.environ.get("SPS_HOME") or (str(OWN / "data") if has_data(OWN / "data") else "")
    if not home:
        hint = f"make fsps, or {data_command()}\nor name it with {where}.sps_home."
        raise ConfigError(key, "nothing", "the folder of the FSPS data", hint)
    return check_home(home, key)


def check_home(home, key):
    """Folder of the FSPS data, absolute.

    Parameters
    ----------
    home : str
    key : str
        Where the user named it, for messages.

    Raises
    ------
    ConfigError
        If it is no folder or lacks some of the data.
    """
    home, hint = os.path.abspath(home), data_command()
    if not os.path.isdir(home):
        raise ConfigError(key, f"{home}, which is no folder", "the folder of the FSPS data", hint)
    missing = [name for name in _FOLDERS_OF_DATA if not os.path.isdir(os.path.join(home, name))]
    if missing or not os.path.isfile(os.path.join(home, _FILE_OF_DATA)):
        lacks = ", ".join(missing) or _FILE_OF_DATA
        raise ConfigError(key, f"{home}, which lacks {lacks}", f"the data of FSPS {DATA_TAG}", hint)
    return home


def has_data(home):
    """Whether a folder holds the data of FSPS, as far as `check_home` sees."""
    try:
        check_home(str(home), "")
    except ConfigError:
        return False
    return True


def is_built(setup):
    """Whether the interpreter of a setup has python-fsps of its version and libraries; no data are needed.

    python-fsps asks for a folder of data as soon as it is imported: it gets one with the empty files that it looks for.
    """
    with tempfile.TemporaryDirectory() as home:
        for name in (_FILE_OF_DATA, os.path.join("data", "FILTER_LIST")):
            Path(home, name).parent.mkdir(exist_ok=True)
            Path(home, name).touch()
        request = {"task": "build", "libraries": [ISOCHRONES[setup.isochrones], SPECTRA[setup.spectra]]}
        try:
            report, _ = _call(request, home, setup.python, setup.where)
        except UserError:
            return False
    return report.get("version") == VERSION and report["libraries"][:2] == request["libraries"]


def _remark(setup):
    """What the folder of the data says of itself: stand-in data must be known as such."""
    mark = os.path.join(_find_home(setup.sps_home, setup.where), "NOT_FOR_SCIENCE")
    return "; STAND-IN DATA, NOT FOR SCIENCE" if os.path.isfile(mark) else ""


# ---------------------------------------------------------------------------------------------------- child


def _run(setup, task, metallicities=()):
    """Do one of the tasks of `clusterphot.ssp.readers.fsps_child`; its report, checked, and its arrays."""
    libraries, home, python = _settings(setup)
    options = {"imf_type": IMFS[setup.imf], "add_agb_dust_model": bool(setup.agb_dust)}
    options |= {"add_neb_emission": False, "add_dust_emission": False}
    request = {
        "task": task,
        "libraries": libraries,
        "options": options,
        "metallicity_zsun": list(metallicities),
    }
    report, arrays = _call(request, home, python, setup.where)
    if "import_error" in report:
        error = report["import_error"]
        missing = "No module named 'fsps'" in error
        raise ConfigError(
            f"{setup.where}, {python}",
            "no python-fsps in it" if missing else f"a python-fsps that cannot be imported ({error})",
            f"python-fsps {VERSION}, built with the libraries of the configuration",
            f"make fsps, or with a Fortran compiler: {build_command(setup.isochrones, setup.spectra)}",
        )
    _check_build(report, setup)
    return report, arrays


def _call(request, home, python, where):
    """Run a child process on a request; its report and arrays."""
    seconds = _RUN_SECONDS if request["task"] == "spectra" else _PROBE_SECONDS
    environment = {**os.environ, "SPS_HOME": home, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("request.json", "result.npz")]
        with open(paths[0], "w", encoding="utf-8") as file:
            json.dump(request, file)
        try:
            done = subprocess.run(
                [python, fsps_child.__file__, *paths],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DataError(where, f"no answer of FSPS in {seconds} s", "an answer") from exc
        if not os.path.isfile(paths[1]):
            raise _died(done, home)
        return _read_result(paths[1])


def _read_result(path):
    """Report and arrays that the child wrote; the report alone is plain JSON."""
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return json.loads(file.read().decode("utf-8")), {}
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files if name != "report"}
        return json.loads(str(content["report"])), arrays


def _died(done, home):
    """The error of a child that ended without a result: mostly a data file that is not there."""
    lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    said = [line for line in lines if "ERROR" in line.upper()] or lines[-2:]
    words = " ".join(said)[:300] or "not a word"
    return DataError(
        f"SPS_HOME = {home}",
        f"the end of FSPS with status {done.returncode} and: {words}",
        f"all data of FSPS {DATA_TAG}",
        f"the data may be incomplete or of another version: {data_command()}",
    )


def _check_build(report, setup):
    """The compiled libraries are those of the configuration."""
    if report["libraries"][:2] == [ISOCHRONES[setup.isochrones], SPECTRA[setup.spectra]]:
        return
    names = {code: name for known in (ISOCHRONES, SPECTRA) for name, code in known.items()}
    built = " + ".join(names.get(code, code) for code in report["libraries"][:2])
    raise ConfigError(
        setup.where,
        f"python-fsps {report['version']} built with {built}",
        f"a build with {setup.isochrones} + {setup.spectra}",
        f"build it again, without pip's cache: {build_command(setup.isochrones, setup.spectra)}",
    )


def _check_inside(report, metallicities, ages_gyr, where):
    """Ages and metallicities are inside the models, beyond which FSPS would extrapolate."""
    first, last = report["metallicity_zsun"][0], report["metallicity_zsun"][-1]
    outside = [z for z in metallicities if not first <= z <= last]
    if outside:
        raise ConfigError(
            f"{where}, metallicity_zsun",
            ", ".join(f"{z:g}" for z in outside),
            f"{first:g} to {last:g}, the metallicities of these isochrones",
            f"they are in units of Z = {report['z_sun']:g}, the solar value of the isochrones.",
        )
    first, last = (10 ** (report["log_age_yr"][i] - 9) for i in (0, -1))
    outside = [age for age in ages_gyr if not first * (1 - 1e-9) <= age <= last * (1 + 1e-9)]
    if outside:
        got = ", ".join(f"{age:g} Gyr" for age in outside[:5])
        raise ConfigError(
            f"{where}, age_gyr", got, f"{first:g} to {last:g} Gyr, the ages of these isochrones"
        )
