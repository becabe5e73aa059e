"""What `pip install .` installs: the package with the files that it reads, importable from anywhere."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import clusterphot
import pytest
from hatchling.builders.wheel import WheelBuilder

REPO = Path(__file__).resolve().parents[3]
SCRIPTS = REPO / "workflow" / "scripts"


def wheel_files():
    """Paths inside the wheel, and the files that they are."""
    builder = WheelBuilder(str(REPO))
    return {
        Path(file.distribution_path).as_posix(): Path(file.path) for file in builder.recurse_included_files()
    }


def tracked(folder):
    """Files of a folder that git knows, relative to it."""
    listed = ["git", "-C", str(REPO / folder), "ls-files"]
    return set(subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split())


def test_wheel_holds_the_package_and_its_resources():
    """Each file of both, templates of the pages among them, and nothing else."""
    expected = {f"clusterphot/{name}" for name in tracked("workflow/scripts/clusterphot")}
    expected |= {f"clusterphot/resources/{name}" for name in tracked("resources")}
    found = {name for name in wheel_files() if "__pycache__" not in name}
    assert expected <= found
    untracked = {name for name in found - expected if name.startswith("clusterphot/resources/")}
    assert not untracked, "what a run has downloaded is not shipped"


def test_version_is_that_of_the_package():
    assert WheelBuilder(str(REPO)).metadata.version == clusterphot.__version__


@pytest.mark.slow
def test_installed_into_a_fresh_environment(tmp_path):
    """`make test-slow`: wheel built and installed without network; its dependencies are those of our .venv."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, REPO], check=True
    )
    venv.create(tmp_path / "fresh", with_pip=False)
    fresh = tmp_path / "fresh" / "bin" / "python"
    (wheel,) = tmp_path.glob("clusterphot-*.whl")
    subprocess.run([*pip, "--python", fresh, "install", "--no-deps", wheel], check=True)
    (site,) = (tmp_path / "fresh" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    code = (
        "import clusterphot; from clusterphot.base.files import SHIPPED, way_out;"
        "fluxes = {'F090W': (10.0, 0.4), 'F150W': (13.2, 0.4), 'F200W': (12.7, 0.4)};"
        "fit = clusterphot.fit_sed(fluxes, redshift=0.39);"
        "print(clusterphot.__file__, fit.best['n_bands'], way_out(SHIPPED / 'ssp' / 'README.md'))"
    )
    done = subprocess.run([fresh, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    where, n_bands, hint = done.stdout.strip().split(" ", 2)
    assert Path(where).is_relative_to(site)
    assert (n_bands, hint.split(":")[1]) == ("3", " pip install --force-reinstall --no-deps it.")
